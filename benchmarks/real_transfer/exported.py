"""What a model that was exported to CTranslate2 scores, beside the run that it was exported from.

    anyglot model export OUT/long/free_both-1 --to ctranslate2 --quantization int8 --out exported
    python benchmarks/real_transfer/exported.py --model exported --tests OUT/long/tests.yaml \
        --scores OUT/long/scores/free_both-1 --domain everyday --out exported.json

Greedy, at most 200 tokens, as the run was scored. SCORES is the folder in which `anyglot evaluate translation` left the
run's own translations.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import ctranslate2
import sacrebleu
from prepare import SUPERVISED

from anyglot import load_tokenizer
from anyglot.evaluation.translation.table import read_sentences, read_tests
from anyglot.reporting.provenance import provenance
from anyglot.text.bleu_tokenizer import tokenizer_for

SPECIAL = [["<s>"], ["<pad>"], ["<mask>"]]


def main() -> None:
    """Translate every test set of a domain and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the exported folder")
    parser.add_argument("--tests", type=Path, required=True, help="the table of test sets")
    parser.add_argument("--scores", type=Path, required=True, help="the run's own evaluation")
    parser.add_argument("--domain", default="everyday", help="test sets whose names begin so")
    parser.add_argument("--threads", type=int, default=1, help="of the engine")
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    arguments = parser.parse_args()
    tokenizer = load_tokenizer(str(arguments.model))
    engine = ctranslate2.Translator(str(arguments.model), compute_type="int8", intra_threads=arguments.threads)
    rows: list[dict[str, Any]] = []
    seconds, sentences = 0.0, 0
    for test in read_tests(arguments.tests):
        if not test.name.startswith(arguments.domain):
            continue
        held = read_sentences(test)
        begun = time.perf_counter()
        tokens = [tokenizer.source_pieces(ids) for ids in tokenizer.encode_source(list(held.sources))]
        found = engine.translate_batch(
            tokens,
            beam_size=1,
            max_decoding_length=200,
            suppress_sequences=SPECIAL,
            max_batch_size=1024,
            batch_type="tokens",
        )
        ids = [[tokenizer.id_of(piece) for piece in one.hypotheses[0]] for one in found]
        written = [text.strip() for text in tokenizer.decode([[i for i in row if i is not None] for row in ids])]
        seconds, sentences = seconds + time.perf_counter() - begun, sentences + len(written)
        own = next((arguments.scores / "hypotheses").rglob(f"{test.file_name}.txt"))
        lines = own.read_text(encoding="utf-8").splitlines()
        rows.append(
            {
                "test": test.name,
                "supervised": test.pairs.source in SUPERVISED,
                "sentences": len(written),
                "equal": sum(one == other for one, other in zip(written, lines, strict=True)),
                "bleu": _bleu(written, held.references, test.pairs.target),
                "run_bleu": _bleu(lines, held.references, test.pairs.target),
            }
        )
        print(rows[-1], flush=True)
    means = {
        f"{kind} {name}": statistics.mean(row[name] for row in rows if row["supervised"] == (kind == "supervised"))
        for kind in ("supervised", "zero-shot")
        for name in ("bleu", "run_bleu")
    }
    size = sum(path.stat().st_size for path in arguments.model.iterdir()) / 1e6
    facts = {"megabytes": round(size, 1), "sentences a second": round(sentences / seconds, 1), **means}
    facts["equal"] = sum(row["equal"] for row in rows) / sentences
    document = {"facts": facts, "provenance": provenance(command=_command(), seconds=seconds).facts(), "tests": rows}
    arguments.out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


def _command() -> str:
    """What was asked for, without the folders of this machine."""
    return shlex.join(["benchmarks/real_transfer/exported.py", *(Path(word).name for word in sys.argv[1:])])


def _bleu(lines: list[str], references: Any, target: str) -> float:
    return float(sacrebleu.corpus_bleu(lines, [list(references)], tokenize=tokenizer_for(target)).score)


if __name__ == "__main__":
    main()

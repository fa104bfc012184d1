"""What a coarser precision changes: translate a file in fp32 and in others, and compare.

    python benchmarks/decoding/quality.py runs/demo/sixt test.de -s de -t en --reference test.en

Prints, for each precision, the share of lines that come out differently, the mean gap of the scores (the other minus
fp32, natural log a token), chrF between the two, and with a reference the BLEU and chrF of each.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from anyglot.evaluation.translation.metrics import score
from anyglot.inference.generation.settings import SearchSettings
from anyglot.inference.translation.translator import Translator


def main() -> None:
    """Read the arguments, translate, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model folder or hub name")
    parser.add_argument("file", type=Path, help="lines to translate")
    parser.add_argument("--source", "-s", required=True)
    parser.add_argument("--target", "-t", required=True)
    parser.add_argument("--reference", type=Path, help="reference translations, line by line")
    parser.add_argument("--precisions", default="fp32,bf16,int8", help="the first is what the others are held against")
    parser.add_argument("--beam", type=int, default=5)
    arguments = parser.parse_args()
    lines = arguments.file.read_text(encoding="utf-8").splitlines()
    references = arguments.reference.read_text(encoding="utf-8").splitlines() if arguments.reference else None
    settings = SearchSettings(beam=arguments.beam)
    first = None
    print("| precision | lines changed | score gap | chrF to the first | BLEU | chrF |\n|---|---|---|---|---|---|")
    for precision in arguments.precisions.split(","):
        translator = Translator.from_pretrained(arguments.model, device="cpu", precision=precision)
        ranked = translator.translate_n_best(lines, source=arguments.source, target=arguments.target, settings=settings)
        best = [candidates[0] for candidates in ranked]
        first = first or best
        texts, before = [one.text for one in best], [one.text for one in first]
        changed = sum(one != other for one, other in zip(texts, before, strict=True)) / len(lines)
        gap = sum(one.score - other.score for one, other in zip(best, first, strict=True)) / len(lines)
        row = [f"{changed:.2%}", f"{gap:+.5f}", f"{score('chrF', texts, before, target=arguments.target).value:.2f}"]
        for metric in ("BLEU", "chrF"):
            found = (
                "-" if references is None else f"{score(metric, texts, references, target=arguments.target).value:.2f}"
            )
            row.append(found)
        print("| " + " | ".join([precision, *row]) + " |", flush=True)


if __name__ == "__main__":
    main()

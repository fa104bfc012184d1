"""Fine-tuning on sentence pairs against transformers' Trainer, from the same weights, in bf16.

    python benchmarks/finetuning/run.py --data xnli/dev-en.tsv --out runs/finetuning             # XLM-R base's shape
    python benchmarks/finetuning/run.py --data xnli/dev-en.tsv --out runs/curves --curves        # a small one, losses

DATA has a premise, a hypothesis and a label a line. Every measurement is a fresh process, engines take turns, and the
median of the rounds counts for each. With --curves a small encoder is trained for as many updates as make some epochs,
with several seeds, and the losses stand beside each other. Writes results.json and results.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from anyglot.models.pretrained.run_checkpoints import file_hash
from anyglot.reporting.provenance import provenance
from anyglot.text.tokenizer import Tokenizer
from anyglot.text.tokenizer_training import train_tokenizer

HERE = Path(__file__).parent
ENGINES = ("anyglot", "trainer-best", "trainer-script")


def make_model(folder: Path, data: Path, *, small: bool, pieces: int) -> None:
    """XLM-R with random weights, and a tokenizer learned on the data."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    if (folder / "config.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    texts = [text for line in data.read_text("utf-8").splitlines() for text in line.split("\t")[:2]]
    tokenizer: Tokenizer = train_tokenizer(texts, pieces, folder, seed=1)
    tokenizer.save(folder)
    torch.manual_seed(1)
    sizes = (4, 192, 6, 768) if small else (12, 768, 12, 3072)
    layers, width, heads, inner = sizes
    config = XLMRobertaConfig(
        vocab_size=tokenizer.vocabulary_size,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    XLMRobertaModel(config).save_pretrained(folder)


def measure(engine: str, options: argparse.Namespace, model: Path, seed: int) -> dict[str, Any]:
    """One engine in a process of its own."""
    words = [sys.executable, str(HERE / "engines.py"), engine, "--model", str(model), "--data", str(options.data)]
    words += ["--updates", str(options.updates), "--seed", str(seed), "--learning-rate", str(options.learning_rate)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"{engine} seed {seed}: {found['tokens_per_second']:.0f} tokens/s, losses {found['losses']}", flush=True)
    return found


def table(found: dict[str, list[dict[str, Any]]]) -> str:
    """Medians over the rounds, and ours against each rival."""

    def median(engine: str, key: str) -> float:
        return statistics.median(run[key] for run in found[engine])

    lines = ["| engine | real tokens/s | ours against it | by processor time | GiB | losses, by quarters |"]
    lines.append("|---|---:|---:|---:|---:|---|")
    for engine, runs in found.items():
        speed, busy = median(engine, "tokens_per_second"), median(engine, "tokens_per_processor_second")
        ratio = median("anyglot", "tokens_per_second") / speed
        by_processor = median("anyglot", "tokens_per_processor_second") / busy
        quarters = [statistics.mean(run["losses"][part] for run in runs) for part in range(4)]
        spread = [statistics.pstdev([run["losses"][part] for run in runs]) for part in range(4)]
        losses = ", ".join(f"{mean:.3f} ± {off:.3f}" for mean, off in zip(quarters, spread, strict=True))
        peak = median(engine, "peak")
        lines.append(f"| {engine} | {speed:.0f} | {ratio:.2f} | {by_processor:.2f} | {peak:.1f} | {losses} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure all engines in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    parser.add_argument("--curves", action="store_true", help="A small encoder; rounds are seeds.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = options.out / "model"
    make_model(model, options.data, small=options.curves, pieces=5000)
    found: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ENGINES}
    for number in range(options.rounds):
        for engine in ENGINES:
            found[engine].append(measure(engine, options, model, number + 1 if options.curves else 1))
            facts = provenance(data_hash=file_hash(options.data)).facts()
            document = {"facts": facts, "updates": options.updates, "runs": found}
            (options.out / "results.json").write_text(json.dumps(document, indent=1) + "\n")
    (options.out / "results.md").write_text(table(found))
    print(table(found))


if __name__ == "__main__":
    main()

"""What an update of VECO's pretraining costs against plain masked language modelling, and against its own arithmetic.

    python benchmarks/veco/step.py --out runs/veco-step            # VECO-small's shape, about ten minutes on two cores
    python benchmarks/veco/step.py --quick --out runs/quick        # a tiny model, numbers mean nothing

Plain MLM is the encoder role alone, on the same stack and the same batches: both segments read once. Text has 15 % of
its tokens masked and pairs 25 %. In every fresh process all that is measured takes turns, so that a busy machine slows
each alike; a part counts by its fastest turn, a ratio by the median of the processes, beside the one by processor time.
Writes results.json and results.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arithmetic import Stack
from torch import Tensor

from anyglot.data.batch import SegmentBatch
from anyglot.data.collate import collate_segments
from anyglot.data.noise import Masking
from anyglot.models.encoder import Encoder
from anyglot.nn.attention import Memory
from anyglot.nn.masks import causal_mask
from anyglot.reporting.provenance import provenance
from anyglot.training.methods.veco import Veco, VecoOptions
from anyglot.training.methods.veco.pretraining import inner_passes, summed_terms

ALLOWED = 1.15  # of what arithmetic says
SPECIAL = (0, 1, 2, 3)
# Name: mean length, spread of lengths, pairs.
CASES = {
    "text, segments of 128": (128, 0.0, False),
    "text, segments of 512": (512, 0.0, False),
    "pairs of 32": (32, 0.0, True),
    "pairs of real lengths": (28, 0.5, True),
}


class Vocabulary:
    """All that building a model asks of a tokenizer."""

    def __init__(self, vocabulary_size: int) -> None:
        self.vocabulary_size = vocabulary_size


def make_batch(case: str, tokens: int, vocabulary: int, quick: bool) -> SegmentBatch:
    """Random words; `tokens` in each segment of the batch."""
    mean, spread, pairs = CASES[case]
    mean = max(mean // (8 if quick else 1), 4)
    generator, mask = np.random.default_rng(1), vocabulary - 1
    rows = max(tokens // mean, 1)
    # A loader sorts by length, so the rows of a batch are of about one length and the sides differ.
    side = mean * (1 + spread * (generator.random((2, rows)) - 0.5))
    texts = [[[generator.integers(4, mask, max(int(length) - 2, 1))] for length in lengths] for lengths in side]
    masking = Masking(0.25 if pairs else 0.15, mask, (*SPECIAL, mask), vocabulary)
    return collate_segments(*texts, begin=0, pad=1, end=2, masking=masking, seed=(1, 0, 0), join=pairs)


def operations(stack: Stack, batch: SegmentBatch) -> dict[str, float]:
    """What each part of `parts` has to multiply."""
    rows, first, second = len(batch), batch.first.shape[1], batch.second.shape[1]
    encode = stack.encoder(rows, first) + stack.encoder(rows, second)
    cross = stack.decoder(rows, second, first) + stack.decoder(rows, first, second)
    head = stack.head(batch.target_tokens)
    joined = 0.0 if batch.joined is None else stack.encoder(rows, batch.joined.shape[1]) + head
    return {
        "encoder": encode,
        "causal": stack.causal(rows, first) + stack.causal(rows, second),
        "decoder": cross,
        "MLM": encode + head,
        "VECO": encode + cross + 2 * head + joined,
    }


def parts(method: Veco, model: Encoder, batch: SegmentBatch) -> dict[str, Callable[[], Tensor]]:
    """What is measured: something to take the gradient of."""
    with torch.no_grad():
        first = Memory(model(batch.first, batch.first_mask).last, batch.first_mask)
        second = Memory(model(batch.second, batch.second_mask).last, batch.second_mask)

    def causal(tokens: Tensor) -> Tensor:
        return model.stack(model.embeddings(tokens), mask=causal_mask(tokens.shape[1])).last  # type: ignore[no-any-return]

    def both(one: Tensor, other: Tensor) -> Tensor:
        return one.float().square().mean() + other.float().square().mean()

    return {
        "encoder": lambda: both(model(batch.first, batch.first_mask).last, model(batch.second, batch.second_mask).last),
        "causal": lambda: both(causal(batch.first), causal(batch.second)),
        "decoder": lambda: both(model.cross(batch.second, first).last, model.cross(batch.first, second).last),
        "MLM": lambda: summed_terms(model, batch, inner_passes(model, batch)).total,
        "VECO": lambda: method.losses(model, batch).total,
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One process: each part's seconds, forward and backward, turn by turn; and updates with the optimizer's step."""
    sizes = {"layers": options.layers, "width": options.width, "heads": max(options.width // 64, 1)}
    sizes["feedforward_width"] = 4 * options.width
    rates = {"dropout": options.dropout, "attention_dropout": options.dropout}
    method = Veco(VecoOptions.model_validate(sizes | rates))
    model = method.build(Vocabulary(options.vocabulary), seed=1).train()
    stack = Stack(sizes["layers"], sizes["width"], sizes["feedforward_width"], options.vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6) if options.updates else None
    found: dict[str, Any] = {}
    for case in options.cases:
        batch = make_batch(case, options.tokens, options.vocabulary, options.quick)
        seconds: dict[str, list[float]] = {}
        busy: dict[str, list[float]] = {}
        for turn in range(options.turns + 1):
            for name, part in parts(method, model, batch).items():
                taken, processor = _seconds(part, options.precision)
                if turn:  # the first pays for set-up
                    seconds.setdefault(name, []).append(taken)
                    busy.setdefault(name, []).append(processor)
                if optimizer is not None and name in ("MLM", "VECO"):
                    start = time.perf_counter()
                    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                    if turn:
                        seconds.setdefault(f"update of {name}", []).append(taken + time.perf_counter() - start)
                model.zero_grad()
        real = int(batch.first_mask.sum() + batch.second_mask.sum())
        found[case] = {"seconds": seconds, "processor": busy, "operations": operations(stack, batch), "tokens": real}
    return found


def _seconds(part: Callable[[], Tensor], precision: str) -> tuple[float, float]:
    """Forward and backward: by the clock, and of all threads together."""
    start, busy = time.perf_counter(), time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        loss = part()
    loss.backward()
    return time.perf_counter() - start, time.process_time() - busy


def compare(rounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Measured and counted ratios of every case."""
    rows = []
    for case, first in rounds[0].items():
        counted = first["operations"]
        for name, base in (("causal", "encoder"), ("decoder", "encoder"), ("VECO", "MLM")):
            ratios, busy = (
                [min(one[case][clock][name]) / min(one[case][clock][base]) for one in rounds]
                for clock in ("seconds", "processor")
            )
            arithmetic, measured = counted[name] / counted[base], statistics.median(ratios)
            rows.append(
                {
                    "case": case,
                    "part": name,
                    "arithmetic": arithmetic,
                    "measured": measured,
                    "lowest": min(ratios),
                    "highest": max(ratios),
                    "processor": statistics.median(busy),
                    "over": measured / arithmetic,
                }
            )
    return rows


def speeds(rounds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tokens of both segments, each counted once, per second of a whole update."""
    rows = []
    for case, first in rounds[0].items():
        best = {
            name: min(min(one[case]["seconds"].get(f"update of {name}", [float("nan")])) for one in rounds)
            for name in ("MLM", "VECO")
        }
        rows.append({"case": case, **{name: first["tokens"] / taken for name, taken in best.items()}})
    return rows


def table(result: dict[str, Any]) -> str:
    """results.md"""
    settings = result["settings"]
    lines = [
        "# An update of VECO's pretraining against plain masked language modelling",
        "",
        f"{result['machine']}; {settings['threads']} threads, {settings['layers']} layers x {settings['width']}, "
        f"{settings['vocabulary']:,} words, {settings['tokens']:,} tokens a segment, {settings['precision']}, dropout "
        f"{settings['dropout']}, {settings['rounds']} fresh processes of {settings['turns']} turns. Commit "
        f"{result['commit']}. Command: `{result['command']}`.",
        "",
        "Forward and backward, against the same stack's encoder role (a) or against MLM on the same batch (b):",
        "",
        "| | part | arithmetic says | measured | lowest to highest | by processor time | over arithmetic |",
        "|---|---|---|---|---|---|---|",
    ]
    names = {"causal": "causal self-attention, no memory (a)", "decoder": "decoder role (a)", "VECO": "all of VECO (b)"}
    for row in result["rows"]:
        lines.append(
            f"| {row['case']} | {names[row['part']]} | {row['arithmetic']:.2f} | {row['measured']:.2f} | "
            f"{row['lowest']:.2f} to {row['highest']:.2f} | {row['processor']:.2f} | {row['over'] - 1:+.0%} |"
        )
    worst = max(row["over"] for row in result["rows"] if row["part"] == "VECO")
    held = "holds" if worst <= ALLOWED else "does not hold"
    lines += ["", f"At most {ALLOWED - 1:.0%} over arithmetic for all of VECO: {held} (worst {worst - 1:+.0%})."]
    if settings["updates"]:
        lines += ["", "Tokens of both segments a second, clipping and AdamW included:", ""]
        lines += ["| | MLM | VECO |", "|---|---|---|"]
        lines += [f"| {row['case']} | {row['MLM']:,.0f} | {row['VECO']:,.0f} |" for row in result["speeds"]]
    return "\n".join([*lines, ""])


def main() -> None:
    """Start the processes one after the other, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes")
    parser.add_argument(
        "--turns", type=int, default=3, help="of every part in a process, after a first that is left out"
    )
    parser.add_argument("--tokens", type=int, default=2048, help="of each segment of a batch")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--vocabulary", type=int, default=250_002)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--updates", action=argparse.BooleanOptionalAction, default=True, help="time the optimizer too")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.layers, options.width, options.vocabulary, options.tokens = 2, 64, 1000, 256
        options.rounds = min(options.rounds, 2)
    if options.one:
        torch.set_num_threads(options.threads)
        print(json.dumps(measure(options)))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads)}
    rounds = []
    for number in range(options.rounds):
        command = [sys.executable, *sys.argv, "--one"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        rounds.append(json.loads(done.stdout.strip().splitlines()[-1]))
        print(f"process {number + 1} of {options.rounds} done", file=sys.stderr, flush=True)
    facts = provenance()
    kept = ("threads", "layers", "width", "vocabulary", "tokens", "precision", "dropout", "rounds", "turns", "updates")
    result = {
        "command": facts.command,
        "machine": f"{facts.machine.processor}, {facts.machine.cores} cores; {facts.machine.versions}",
        "commit": facts.commit,
        "settings": {name: getattr(options, name) for name in kept},
        "rows": compare(rounds),
        "speeds": speeds(rounds),
        "rounds": rounds,
    }
    (options.out / "results.json").write_text(json.dumps(result, indent=1))
    (options.out / "results.md").write_text(table(result))
    print(table(result))


if __name__ == "__main__":
    main()

"""How fast is writing all words at once? One pass of SGA, and rounds of denoising, beside greedy search.

    python benchmarks/parallel/run.py --out runs/parallel              # base shape, int8, two minutes on 2 cores
    python benchmarks/parallel/run.py --out runs/parallel --precisions fp32,bf16,int8   # twelve
    python benchmarks/parallel/run.py --out runs/parallel --rounds 3   # three fresh processes of each, taking turns
    python benchmarks/parallel/run.py --out runs/quick --shape tiny    # seconds: does it run?

All systems have the same encoder, the same vocabulary, random weights, and sources of 25 tokens. SGA writes on canvases
of 50 positions and runs every round it is allowed (random weights never come to rest). The encoder-decoders write 25
tokens and the end: one with 6 decoder layers and one with a single one, the shallow decoder a fast translator would
have. Each system and precision runs in a fresh process, systems taking turns; a time is the fastest of some repeats,
and of all rounds. Batch 32 is told beside batch 1, as that is where writing all words at once has less to gain.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from models import BEGIN, END, PAD, SHAPES, autoregressive, prompted, sources

TOKENS = 25
SYSTEMS = ("sga", "greedy 12/6", "greedy 12/1")
BASELINE = "greedy 12/6"


def worker(arguments: argparse.Namespace) -> None:
    """In a process of its own: time one system in one precision; one JSON line on standard output."""
    from anyglot.models.precision import prepare
    from anyglot.nn.vocabulary_subset import VocabularySubset

    torch.set_num_threads(arguments.threads)
    shape = SHAPES[arguments.shape]
    sga = arguments.worker == "sga"
    model = prompted(shape) if sga else autoregressive(shape, int(arguments.worker.rpartition("/")[2]))
    prepare(model, arguments.precision, torch.device("cpu"))
    found: list[dict[str, Any]] = []
    for rows in (shape.rows, shape.restricted):
        if rows != shape.rows:
            model.output.restrict(VocabularySubset(torch.arange(rows), shape.rows))
        for sentences in (1, 32):
            source = sources(shape, sentences, TOKENS)
            runs = (
                {f"{n} rounds": parallel(model, source, n) for n in (0, 1, 2)} if sga else {"": greedy(model, source)}
            )
            for name, once in runs.items():
                seconds = fastest(once, arguments.repeats if sentences == 1 else 2)
                found.append({"rows": rows, "sentences": sentences, "rounds": name, "seconds": seconds})
    print(json.dumps(found))


def parallel(model: Any, source: torch.Tensor, rounds: int) -> Callable[[], None]:
    """SGA: read, align, denoise so often."""
    from anyglot.inference.decoding.refine import Reading, refine
    from anyglot.inference.generation.canvas_models import PromptedCanvasModel

    def once() -> None:
        reading = Reading(frame=(BEGIN, END), never=(PAD,))
        found = refine(PromptedCanvasModel(model), source, source > -1, rounds=rounds, reading=reading)
        assert all(len(one.rounds) == rounds + 1 for one in found), "a sentence came to rest: the rounds are not timed"

    return once


def greedy(model: Any, source: torch.Tensor) -> Callable[[], None]:
    """Greedy search for as many tokens as the source has."""
    from anyglot.inference.decoding import LengthRule, SearchConstraints, greedy_search
    from anyglot.inference.generation.step_models import EncoderDecoderStepModel

    def once() -> None:
        stepping = EncoderDecoderStepModel(model)
        prompt = stepping.prompt(SearchConstraints((END,), END, never=(BEGIN, PAD)))
        length = LengthRule(maximum=TOKENS, minimum=TOKENS)
        found = greedy_search(stepping, source, source > -1, prompt, length=length)
        assert all(len(one.tokens) == TOKENS for one in found)

    return once


def fastest(once: Callable[[], None], repeats: int) -> float:
    """Seconds, after one run to warm up."""
    once()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        once()
        times.append(time.perf_counter() - begin)
    return min(times)


def measure(system: str, precision: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One fresh process."""
    command = [sys.executable, __file__, "--worker", system, "--precision", precision, "--shape", arguments.shape]
    command += ["--threads", str(arguments.threads), "--repeats", str(arguments.repeats)]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{system} in {precision} failed:\n{done.stderr}")
    found: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    return [{"system": f"{system} {one.pop('rounds')}".strip(), "precision": precision, **one} for one in found]


def table(found: list[dict[str, Any]], arguments: argparse.Namespace) -> str:
    """Milliseconds a sentence, and how many times as fast as the baseline of the same precision, as Markdown."""
    best: dict[tuple[Any, ...], float] = {}
    for one in found:
        key = (one["rows"], one["sentences"], one["precision"], one["system"])
        best[key] = min(best.get(key, float("inf")), one["seconds"])
    lines = [
        f"Base of comparison: {BASELINE}, the same precision, table and batch. {arguments.shape} shape, "
        f"{TOKENS}-token sources, {arguments.threads} threads, {platform.processor() or platform.machine()}, "
        f"torch {torch.__version__}; fastest of {arguments.repeats} repeats in each of {arguments.rounds} processes.",
        "",
        "| rows of the output | batch | precision | system | ms a sentence | times as fast |",
        "|---:|---:|---|---|---:|---:|",
    ]
    for (rows, sentences, precision, system), seconds in sorted(best.items(), key=lambda item: item[0][:3]):
        ratio = best[rows, sentences, precision, BASELINE] / seconds
        milliseconds = 1000 * seconds / sentences
        lines.append(f"| {rows:,} | {sentences} | {precision} | {system} | {milliseconds:.1f} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments; run everything, or one worker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/parallel"), help="where times and table go")
    parser.add_argument("--shape", choices=tuple(SHAPES), default="base")
    parser.add_argument("--rounds", type=int, default=1, help="processes of each system, systems taking turns")
    parser.add_argument("--repeats", type=int, default=5, help="runs in a process at batch 1; at batch 32 two")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--precisions", default="int8", help="of fp32, bf16, int8, by comma")
    parser.add_argument("--worker", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--precision", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments)
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    found: list[dict[str, Any]] = []
    for _ in range(arguments.rounds):
        for precision in arguments.precisions.split(","):
            for system in SYSTEMS:
                found += measure(system, precision, arguments)
                (arguments.out / "parallel.json").write_text(json.dumps(found, indent=1) + "\n")
                print(f"{system} {precision}: done", file=sys.stderr, flush=True)
    text = table(found, arguments)
    (arguments.out / "parallel.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()

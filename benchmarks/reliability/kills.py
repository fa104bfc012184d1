"""Kill a training run again and again, resume it every time, and compare what comes out with a run left in peace.

    python benchmarks/reliability/kills.py --kills 200

A real recipe: SixT+ in both stages with dropout, validation and a checkpoint every third update. Half of the SIGKILLs
come at a random moment, half from inside a random flush to the disk, so while a checkpoint is being written. A run that
gets to its end is compared and the next one begun. Prints one line; exits with 1 if a single bit differs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

# The server imports once; every run is forked from it and starts at once.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["accelerate", "torch._dynamo", "sentencepiece", "anyglot.recipe.run"])

WORDS = {
    "hund": "dog",
    "katze": "cat",
    "mann": "man",
    "sieht": "sees",
    "isst": "eats",
    "brot": "bread",
    "haus": "house",
}
ENCODER = """
name: encoder
method: {name: masked_language, layers: 2, width: 32, heads: 2, feedforward_width: 64, positions: 32}
tokenizer: {train: {vocabulary_size: 30}}
data:
  train: [{language: de, file: train.de}, {language: en, file: train.en}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages: {pretrain: {updates: 2, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""
SIXT = """
name: translator
method: {name: sixt, start: encoder, decoder: {layers: 1, heads: 2, feedforward_width: 32}}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 32
  batch_tokens: 256
  cache: cache
stages:
  decoder: {updates: 40, learning_rate: 1e-3, accumulation: 2}
  joint: {updates: 40, learning_rate: 1e-3, clip_norm: 1.0}
validation: {every: 10}
checkpoints: {every: 3, keep_last: 3}
runtime: {precision: fp32}
tracking: {log_every: 4}
"""
CLOCKS = ("seconds", "tokens_per_second")


def train(room: str, recipe: str, out: str, killed_at: int | None = None) -> None:
    """Train in this process; with `killed_at`, die inside that call of fsync."""
    import torch

    from anyglot.recipe.load import load_recipe
    from anyglot.recipe.run import run_recipe

    torch.set_num_threads(1)
    os.chdir(room)
    if killed_at is not None:
        calls, fsync = iter(range(1, 10**9)), os.fsync

        def deadly(descriptor: int) -> None:
            if next(calls) == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(descriptor)

        os.fsync = deadly
    run_recipe(load_recipe(recipe), Path(out), resume=True, quiet=True, say=lambda text: None)


def start(*arguments: Any) -> ForkServerProcess:
    """Begin `train` in a process of its own."""
    process = context.Process(target=train, args=arguments, daemon=True)
    process.start()
    return process


def finish(*arguments: Any) -> float:
    """Let `train` come to its end; seconds it took."""
    begun = time.monotonic()
    process = start(*arguments)
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"a run that nobody killed ended with {process.exitcode}")
    return time.monotonic() - begun


def prepare(room: Path) -> None:
    """Texts, recipes and the encoder."""
    draw = random.Random(1)
    for split, count in (("train", 300), ("valid", 12)):
        german = [draw.choices(list(WORDS), k=draw.randint(2, 6)) for _ in range(count)]
        (room / f"{split}.de").write_text("\n".join(" ".join(line) for line in german))
        (room / f"{split}.en").write_text("\n".join(" ".join(WORDS[word] for word in line) for line in german))
    (room / "encoder.yaml").write_text(ENCODER)
    (room / "sixt.yaml").write_text(SIXT)
    finish(str(room), "encoder.yaml", "encoder")


def content(run: Path) -> dict[str, Any]:
    """All that a finished run left, but for what measures time."""
    found: dict[str, Any] = {"model": (run / "model.safetensors").read_bytes()}
    lines = (json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines())
    found["metrics"] = [{key: value for key, value in line.items() if key not in CLOCKS} for line in lines]
    for checkpoint in sorted((run / "checkpoints").iterdir()):
        if not checkpoint.is_dir():
            continue
        for name in ("model.safetensors", "optimizer.safetensors", "random.json"):
            found[f"{checkpoint.name}/{name}"] = (checkpoint / name).read_bytes()
        progress = json.loads((checkpoint / "progress.json").read_text())
        found[f"{checkpoint.name}/progress"] = {key: progress[key] for key in progress if key not in CLOCKS}
    return found


def differing(run: Path, unbroken: dict[str, Any]) -> list[str]:
    """What is not bit for bit as in the unbroken run."""
    mine = content(run)
    return sorted(name for name in {*mine, *unbroken} if mine.get(name) != unbroken.get(name))


def kill_runs(room: Path, kills: int, seconds: float, draw: random.Random) -> tuple[int, list[Path]]:
    """Kill that many times; how many died inside a flush, and the runs, all of them finished in the end."""
    done, inside, runs = 0, 0, [room / "run0"]
    while done < kills:
        flush = draw.randint(1, 60) if done % 2 == 0 else None
        process = start(str(room), "sixt.yaml", runs[-1].name, flush)
        if flush is None:
            process.join(draw.uniform(0.0, 0.6 * seconds))
            if process.exitcode is None:
                os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        if process.exitcode == 0:
            runs.append(room / f"run{len(runs)}")
            continue
        if process.exitcode != -signal.SIGKILL:
            raise SystemExit(f"a run ended with {process.exitcode} after {done} kills; it should resume from anything")
        done += 1
        inside += flush is not None
    finish(str(room), "sixt.yaml", runs[-1].name)
    return inside, runs


def main() -> None:
    """Prepare, kill, compare, and say so in one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="anyglot-kills-") as folder:
        room = Path(folder)
        prepare(room)
        seconds = finish(str(room), "sixt.yaml", "unbroken")
        unbroken = content(room / "unbroken")
        inside, runs = kill_runs(room, options.kills, seconds, random.Random(options.seed))
        wrong = {run.name: names for run in runs if (names := differing(run, unbroken))}
    verdict = f"differ from the unbroken one in {wrong}" if wrong else "are bit for bit like the unbroken one"
    print(
        f"{options.kills} SIGKILLs, {inside} of them inside a flush to the disk: {len(runs)} runs came to their end "
        f"and {verdict} ({time.monotonic() - begun:.0f} s, seed {options.seed})"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

"""`torchrun ... -m anyglot.cli.main train` with two processes, as the documentation says, against one process.

Both stages of SixT+, a table that is tied and frozen, updates told one by one; processes stopped, killed and started
again in another number.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from anyglot.models.pretrained import run_checkpoints
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support.recipe_words import WORDS
from support.waiting import PATIENCE

ENCODER = """
name: encoder
method: {name: masked_language, layers: 2, width: 16, heads: 2, feedforward_width: 16, positions: 32}
tokenizer: {train: {vocabulary_size: 30}}
data:
  train: [{language: de, file: train.de}, {language: en, file: train.en}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages: {pretrain: {updates: 2, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""
# No update is so late that Adam, which divides small differences by small gradients, has blown up what rounding left.
SIXT = """
name: translator
method:
  {name: sixt, start: encoder, encoder_dropout: false,
   decoder: {layers: 1, heads: 2, feedforward_width: 16, dropout: 0.0}}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [train.de, train.en]}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages:
  decoder: {updates: 12, learning_rate: 1e-3, accumulation: 2, epsilon: 1e-4}
  joint: {updates: 12, learning_rate: 1e-3, accumulation: 2, clip_norm: 1.0, epsilon: 1e-4}
validation: {every: 6, sentences: 4, metric: chrf}
checkpoints: {every: 3, keep_last: 4}
runtime: {precision: fp32}
tracking: {log_every: 1}
"""
ONE, TWO = (
    ["stages.decoder.accumulation=2", "stages.joint.accumulation=2"],
    [
        "stages.decoder.accumulation=1",
        "stages.joint.accumulation=1",
    ],
)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts, an encoder without dropout, and `alone`: the run of one process that accumulates."""
    folder = tmp_path_factory.mktemp("many")
    draw = random.Random(2)
    lines = [[draw.choice(list(WORDS)) for _ in range(draw.randint(2, 6))] for _ in range(300)]
    (folder / "train.de").write_text("\n".join(" ".join(line) for line in lines))
    (folder / "train.en").write_text("\n".join(" ".join(WORDS[word] for word in line) for line in lines))
    (folder / "encoder.yaml").write_text(ENCODER)
    (folder / "sixt.yaml").write_text(SIXT)
    still = ["method.dropout=0", "method.attention_dropout=0"]
    run_recipe(load_recipe(str(folder / "encoder.yaml"), still), folder / "encoder", quiet=True)
    run_recipe(load_recipe(str(folder / "sixt.yaml"), ONE), folder / "alone", quiet=True)
    return folder


def start(room: Path, out: str, processes: int, overrides: Sequence[str]) -> subprocess.Popen[str]:
    """torchrun, or python alone for one process."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    front = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", f"--master-port={port}"]
    command = [sys.executable, *(front if processes > 1 else [])]
    command += ["-m", "anyglot.cli.main", "train", "sixt.yaml", *overrides, "--out", out, "--quiet", "--resume"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (room / f"{out}.printed").open("w") as printed:
        return subprocess.Popen(command, cwd=room, env=environment, stdout=printed, stderr=subprocess.PIPE, text=True)


def lines(folder: Path) -> list[dict[str, float]]:
    """Finished lines of the log."""
    path = folder / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def ticks(process: subprocess.Popen[str], folder: Path) -> Iterator[None]:
    """One every few milliseconds until the process ends; fails once its log has not grown for PATIENCE seconds."""
    grown, since = -1, time.monotonic()
    while process.poll() is None:
        size, now = len(lines(folder)), time.monotonic()
        if size != grown:
            grown, since = size, now
        elif now - since > PATIENCE:
            process.terminate()  # torchrun ends its ranks, with SIGKILL after half a minute
            raise AssertionError(f"{folder.name} stands still after {grown} lines of its log: {last_words(process)}")
        yield
        time.sleep(0.005)


def after_update(process: subprocess.Popen[str], folder: Path, update: int) -> None:
    """Wait until the log tells of an update."""
    for _ in ticks(process, folder):
        if any(line["update"] >= update for line in lines(folder)):
            return
    raise AssertionError(f"the run ended with {process.returncode} before update {update}: {last_words(process)}")


def finished(process: subprocess.Popen[str], folder: Path) -> tuple[int, str]:
    """Exit code and what was said."""
    for _ in ticks(process, folder):
        pass
    return process.returncode, last_words(process)


def last_words(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=PATIENCE)[1]


def workers(process: subprocess.Popen[str]) -> list[int]:
    """Process ids of torchrun's ranks, in order."""
    return sorted(map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()))


def assert_same(one: Path, other: Path) -> None:
    """Every loss to 1e-6, and the translations' scores."""
    mine, theirs = lines(one), lines(other)
    assert [(line["kind"], line["update"]) for line in mine] == [(line["kind"], line["update"]) for line in theirs]
    for left, right in zip(mine, theirs, strict=True):
        assert left.keys() == right.keys()
        assert left["loss"] == pytest.approx(right["loss"], rel=1e-6)
        assert left.get("tokens") == right.get("tokens")
        if left["kind"] == "validation":
            assert left["chrf"] == pytest.approx(right["chrf"], rel=1e-6)
            assert left["shuffled_source_loss"] == pytest.approx(right["shuffled_source_loss"], rel=1e-6)
            # Of differences that are themselves a thousandth of the losses.
            assert left["shuffled_source_error"] == pytest.approx(right["shuffled_source_error"], rel=1e-3)
            assert left["looks_at_source"] == right["looks_at_source"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds torchrun's ranks in /proc")
@pytest.mark.parametrize("shard", ["false", "true"], ids=["DDP", "FSDP2"])
def test_two_processes_stopped_continued_by_one_killed_and_finished_by_two(room: Path, shard: str) -> None:
    out, overrides = f"shard-{shard}", [*TWO, f"runtime.shard={shard}"]
    first = start(room, out, 2, overrides)
    after_update(first, room / out, 4)
    first.send_signal(signal.SIGTERM)
    code, said = finished(first, room / out)
    assert code != 0, said
    newest = run_checkpoints.checkpoint_folders(room / out / "checkpoints")[-1]
    assert len(run_checkpoints.read_document(newest / "random.json")) == 2
    alone = start(room, out, 1, overrides)
    after_update(alone, room / out, 9)
    alone.send_signal(signal.SIGTERM)
    code, said = finished(alone, room / out)
    assert code == 143, said
    assert "goes on with 1" in said
    killed = start(room, out, 2, overrides)
    after_update(killed, room / out, 15)
    os.kill(workers(killed)[1], signal.SIGKILL)
    code, said = finished(killed, room / out)
    assert code != 0, said
    assert not (room / out / "run.json").exists()
    for folder in run_checkpoints.checkpoint_folders(room / out / "checkpoints"):
        run_checkpoints.verify(folder)
    code, said = finished(start(room, out, 2, overrides), room / out)
    assert code == 0, said
    assert (room / out / "run.json").exists()
    assert (room / f"{out}.printed").read_text() == f"{out}\n"  # by one process
    assert_same(room / "alone", room / out)

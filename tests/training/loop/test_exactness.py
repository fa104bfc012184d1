"""A run that was killed, stopped or damaged ends bit for bit like one that was not."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.runtime.signals import Stopped
from anyglot.training.loop.train import train
from support import training_processes, training_traces
from support.toy_training import ToyStream, toy_plan
from support.waiting import ended, until

UPDATES = (14, 16)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    train(toy_plan(folder, UPDATES))
    return folder


def test_twenty_random_sigkills_lose_nothing(tmp_path: Path, unbroken: Path) -> None:
    """Ten die somewhere in the work, ten inside a random fsync of a checkpoint; each goes on from what is left.

    Where is drawn in calls into C, of which an unbroken run makes a known number: the slowest machine is hit as the
    fastest. How often training itself was hit is counted, and demanded.
    """
    assert training_processes.finish(tmp_path / "counted", killed_at_call=0) == 0
    calls = int((tmp_path / "counted" / "calls").read_text())
    draw = random.Random(20)
    number, kills, training = 0, 0, 0
    finished: list[Path] = []
    while kills < 20:
        folder = tmp_path / f"run{number}"
        where = {"killed_at": draw.randint(1, 40)} if kills % 2 == 0 else {"killed_at_call": draw.randint(1, calls)}
        code = training_processes.finish(folder, resume=True, **where)
        if code == 0:
            finished.append(folder)
            number += 1
            continue
        assert code == -signal.SIGKILL
        kills += 1
        training += _in_training(folder)
    assert training >= 10, f"{training} of 20 kills came after the first update and before the last one was kept"
    last = tmp_path / f"run{number}"
    assert training_processes.finish(last, resume=True) == 0
    for folder in [tmp_path / "counted", *finished, last]:
        training_traces.assert_equal(folder, unbroken)


def _in_training(run: Path) -> bool:
    """Whether a killed run had told of an update, and had not yet kept its last one."""
    log = run / "metrics.jsonl"
    begun = log.exists() and any(json.loads(line)["kind"] == "train" for line in log.read_text().splitlines()[:1])
    return begun and not (run / "checkpoints" / f"step-{sum(UPDATES)}").exists()


@pytest.mark.parametrize("stops", [(3,), (5, 6, 7), (14,), (13, 15, 16, 29)])
def test_several_resumes_in_one_epoch_and_across_stages(tmp_path: Path, unbroken: Path, stops: tuple[int, ...]) -> None:
    """An epoch is 6 updates long and stage one ends at 14; the run is stopped after the updates named."""
    for stop in stops:
        with pytest.raises(Stopped) as stopped:
            train(toy_plan(tmp_path, UPDATES, streams=stopping_streams(stop, signal.SIGTERM)), resume=True)
        assert stopped.value.code == 143
    train(toy_plan(tmp_path, UPDATES), resume=True)
    assert training_traces.metrics(tmp_path) == training_traces.metrics(unbroken)
    assert training_traces.state(tmp_path)["step-30"] == training_traces.state(unbroken)["step-30"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_exits_with_its_code(tmp_path: Path, number: int, code: int) -> None:
    process = training_processes.start(tmp_path, updates=(3000, 0))
    log = tmp_path / "metrics.jsonl"
    until(lambda: log.exists() and log.stat().st_size, "the first line of its log", process)
    os.kill(process.pid or 0, number)
    assert ended(process) == code
    newest = (tmp_path / "checkpoints" / "latest").read_text()
    assert (tmp_path / "checkpoints" / newest / "manifest.json").exists()


def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_used(
    tmp_path: Path, unbroken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(unbroken, run)
    path = run / "checkpoints" / "step-30" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    (run / "checkpoints" / "step-99.tmp").mkdir()
    train(toy_plan(run, UPDATES), resume=True)
    assert "step-30 is damaged and not used: model.safetensors" in caplog.text
    assert "step-99.tmp" in caplog.text
    training_traces.assert_equal(run, unbroken)


def test_a_finished_run_resumed_gives_the_same_model(tmp_path: Path, unbroken: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(unbroken, run)
    (run / "checkpoints" / "latest.tmp").write_text("step-30")  # a kill between its flush and its rename
    trained = train(toy_plan(run, UPDATES), resume=True)
    assert trained.model.edited
    assert trained.progress.update == 30
    training_traces.assert_equal(run, unbroken)


def test_what_a_kill_left_half_deleted_is_gone_after_resuming(tmp_path: Path, unbroken: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(unbroken, run)
    half = run / "checkpoints" / "step-1"
    shutil.copytree(run / "checkpoints" / "step-30", half)
    for name in ("manifest.json", "model.safetensors"):  # in the order of deletion
        (half / name).unlink()
    train(toy_plan(run, UPDATES), resume=True)
    assert not half.exists()
    training_traces.assert_equal(run, unbroken)


def test_another_recipe_or_other_data_is_refused_by_name(tmp_path: Path, unbroken: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(unbroken, run)
    with pytest.raises(UserError, match="data was d1, now d2"):
        train(toy_plan(run, UPDATES, identity={"recipe": "toy", "data": "d2"}), resume=True)


def test_a_folder_with_a_run_is_not_written_over(unbroken: Path) -> None:
    with pytest.raises(UserError, match="`resume=True`"):
        train(toy_plan(unbroken, UPDATES))


def stopping_streams(update: int, number: int):  # type: ignore[no-untyped-def]
    """Streams that send a signal while an update's data is drawn, so that the run stops after just that update."""

    class Stopping(ToyStream):
        def updates(self, state):  # type: ignore[no-untyped-def]
            first = {7: 0, 8: UPDATES[0]}[self.seed]
            for batches, place in super().updates(state):
                drawn = first + (place[0] * self.length + place[1]) // 2
                if drawn == update:
                    os.kill(os.getpid(), number)
                yield batches, place

    return lambda stage, *, rank, world, accumulation: Stopping(7 if stage == "first" else 8, rank, world, accumulation)

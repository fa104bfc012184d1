"""Two processes train like one: DDP and FSDP2 over gloo, the same updates, exact resuming."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from anyglot.errors import UserError
from anyglot.models.pretrained import run_checkpoints
from anyglot.runtime.signals import Stopped
from anyglot.training.loop import state
from anyglot.training.loop.distributed import shared_accumulation
from anyglot.training.loop.options import CheckpointOptions
from anyglot.training.loop.train import train
from support import training_processes, training_traces, training_worker
from support.toy_training import Toy, ToyOptions, toy_plan
from support.waiting import ended


def launch(folder: Path, task: Callable[..., None] = training_worker.run, **arguments: Any) -> list[int]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    ranks = [
        training_processes.context.Process(target=task, args=(str(folder), rank, 2, port), kwargs=arguments)
        for rank in range(2)
    ]
    for process in ranks:
        process.start()
    return [ended(process) for process in ranks]


def assert_close(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> None:
    """The same updates over the same tokens, with losses equal to 1e-6."""
    assert [line["update"] for line in one] == [line["update"] for line in two]
    for left, right in zip(one, two, strict=True):
        assert left["loss"] == pytest.approx(right["loss"], rel=1e-6)
        assert left.get("tokens") == right.get("tokens")
        assert left.get("gradient_norm", 0) == pytest.approx(right.get("gradient_norm", 0), rel=1e-4)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process that accumulates two micro-batches, where two ranks take one each."""
    folder = tmp_path_factory.mktemp("alone")
    train(toy_plan(folder, (7, 8), method=Toy(ToyOptions(dropout=0.0))))
    return folder


@pytest.mark.parametrize("shard", [False, True], ids=["DDP", "FSDP2"])
def test_two_ranks_train_like_one_and_resume_exactly(tmp_path: Path, alone: Path, shard: bool) -> None:
    assert launch(tmp_path / "whole", shard=shard) == [0, 0]
    one, two = training_traces.metrics(alone), training_traces.metrics(tmp_path / "whole")
    assert [line["update"] for line in one] == [line["update"] for line in two]
    assert_close(one, two)
    assert launch(tmp_path / "broken", shard=shard, stop_at=5) == [143, 143]
    assert launch(tmp_path / "broken", shard=shard) == [0, 0]
    assert training_traces.metrics(tmp_path / "broken") == two
    assert training_traces.state(tmp_path / "broken")["step-15"] == training_traces.state(tmp_path / "whole")["step-15"]


@pytest.mark.parametrize("shard", [False, True], ids=["DDP", "FSDP2"])
def test_two_ranks_end_with_what_is_chosen(tmp_path: Path, shard: bool) -> None:
    """What is chosen of stage one is stage two's beginning on every rank, in shards too."""
    chosen = CheckpointOptions(every=4, keep_last=3, keep_best=1, finish="average:2")
    one = train(toy_plan(tmp_path / "one", (7, 8), method=Toy(ToyOptions(dropout=0.0)), checkpoints=chosen))
    assert launch(tmp_path / "two", shard=shard, finish="average:2") == [0, 0]
    assert_close(
        *([line for line in training_traces.metrics(tmp_path / run) if "loss" in line] for run in ("one", "two"))
    )
    ended = run_checkpoints.read_document(tmp_path / "two" / "checkpoints" / "step-15" / "progress.json")
    for finishes in (ended["finishes"], one.progress.finishes):
        assert [each["chosen_updates"] for each in finishes] == [[4, 7], [12, 15]]
    weights = run_checkpoints.read_tensors(tmp_path / "two" / "checkpoints" / "step-15" / "model.safetensors")
    for name, tensor in state.model_tensors(one.model).items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shard", [False, True], ids=["DDP", "FSDP2"])
def test_a_run_of_two_goes_on_with_one_and_again_with_two(
    tmp_path: Path, alone: Path, shard: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert launch(tmp_path, shard=shard, stop_at=4) == [143, 143]
    monkeypatch.setattr(training_worker.Stopping, "stop_at", 10)
    with pytest.raises(Stopped):
        train(training_worker.plan(tmp_path, shard=shard), resume=True)
    assert "written by 2 processes and goes on with 1" in caplog.text
    assert launch(tmp_path, shard=shard) == [0, 0]
    assert_close(training_traces.metrics(alone), training_traces.metrics(tmp_path))


def test_what_one_rank_ran_alone_between_updates_does_not_keep_the_other_waiting(tmp_path: Path) -> None:
    assert launch(tmp_path, training_worker.translate_alone_and_train) == [0, 0]


def test_processes_that_cannot_share_an_update_are_refused() -> None:
    assert [shared_accumulation(2, 2, now) for now in (1, 2, 4)] == [4, 2, 1]
    with pytest.raises(UserError, match="takes 4 micro-batches, which 3 processes cannot share evenly; start 1, 2, 4"):
        shared_accumulation(2, 2, 3)


def test_the_death_of_a_process_is_told_by_the_other(tmp_path: Path) -> None:
    other, killed = launch(tmp_path, shard=False, killed_at=9)
    assert (other, killed) == (2, -signal.SIGKILL)
    assert "Another process of this run died" in (tmp_path / "said-0").read_text()
    for folder in run_checkpoints.checkpoint_folders(tmp_path / "checkpoints"):
        run_checkpoints.verify(folder)
    assert launch(tmp_path, shard=False) == [0, 0]

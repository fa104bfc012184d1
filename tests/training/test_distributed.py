"""Two processes train like one: DDP and FSDP2 over gloo, the same updates, exact resuming."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from anyglot.training.loop import train
from training import processes, traces, worker
from training.toy import Toy, ToyOptions, toy_plan


def launch(folder: Path, **arguments: Any) -> list[int | None]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    ranks = [
        processes.context.Process(target=worker.run, args=(str(folder), rank, 2, port), kwargs=arguments)
        for rank in range(2)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(100)
    return [process.exitcode for process in ranks]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process that accumulates two micro-batches, where two ranks take one each."""
    folder = tmp_path_factory.mktemp("alone")
    train(toy_plan(folder, (7, 8), method=Toy(ToyOptions(dropout=0.0))))
    return folder


@pytest.mark.parametrize("shard", [False, True], ids=["DDP", "FSDP2"])
def test_two_ranks_train_like_one_and_resume_exactly(tmp_path: Path, alone: Path, shard: bool) -> None:
    assert launch(tmp_path / "whole", shard=shard) == [0, 0]
    one, two = traces.metrics(alone), traces.metrics(tmp_path / "whole")
    assert [line["update"] for line in one] == [line["update"] for line in two]
    for left, right in zip(one, two, strict=True):
        assert left["loss"] == pytest.approx(right["loss"], rel=1e-5)
        assert left.get("tokens") == right.get("tokens")
        assert left.get("gradient_norm", 0) == pytest.approx(right.get("gradient_norm", 0), rel=1e-4)
    assert launch(tmp_path / "broken", shard=shard, stop_at=5) == [143, 143]
    assert launch(tmp_path / "broken", shard=shard) == [0, 0]
    assert traces.metrics(tmp_path / "broken") == two
    assert traces.state(tmp_path / "broken")["step-15"] == traces.state(tmp_path / "whole")["step-15"]

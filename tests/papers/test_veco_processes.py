"""VECO over two processes: batches of both kinds in turns, unequal shares, the losses and weights of one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from anyglot.data.batch import SegmentBatch
from anyglot.training.loop.options import CheckpointOptions, RuntimeOptions, StageOptions, TrackingOptions
from anyglot.training.loop.plan import Plan
from anyglot.training.loop.train import train
from anyglot.training.methods.veco import Veco, VecoOptions
from support import training_traces, training_worker
from support.tiny_veco import SIZES, Vocabulary, segments
from training.loop.test_distributed import assert_close, launch


@dataclass(frozen=True)
class Turns:
    """Two micro-batches an update, of text and of pairs in turns, the second of each twice as large as the first."""

    rank: int
    world: int
    accumulation: int

    def updates(self, state: tuple[int, ...]) -> Iterator[tuple[list[SegmentBatch], tuple[int, ...]]]:
        number = state[1] if state else 0
        while True:
            both = [segments(pairs=number % 2 == 1, seed=2 * number + half, rows=3 + 3 * half) for half in range(2)]
            number += 1
            yield both[self.rank :: self.world], (0, number)


def plan(folder: Path, accumulation: int, *, shard: bool) -> Plan:
    """The cross-attentions alone for three updates, then four of all."""
    options = VecoOptions.model_validate({**SIZES, "dropout": 0.0, "attention_dropout": 0.0, "deviation": 0.3})
    stages = {
        name: StageOptions(updates=count, learning_rate=1e-3, clip_norm=1.0, accumulation=accumulation)
        for name, count in (("cross_attention", 3), ("joint", 4))
    }
    return Plan(
        method=Veco(options),
        tokenizer=Vocabulary(),
        streams=lambda stage, *, rank, world, accumulation: Turns(rank, world, accumulation),
        folder=folder,
        stages=stages,
        checkpoints=CheckpointOptions(every=100),
        runtime=RuntimeOptions(precision="fp32", shard=shard),
        tracking=TrackingOptions(log_every=1),
        quiet=True,
    )


def run(folder: str, rank: int, world: int, port: int, *, shard: bool) -> None:
    """One of the processes."""
    training_worker.become(rank, world, port)
    train(plan(Path(folder), 1, shard=shard))
    training_worker.end(0)


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "checkpoints" / "step-7" / "model.safetensors")


@pytest.mark.parametrize("shard", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["DDP", "FSDP2"])
def test_two_processes_pretrain_like_one(tmp_path: Path, shard: bool) -> None:
    train(plan(tmp_path / "alone", 2, shard=False))
    assert launch(tmp_path / "both", run, shard=shard) == [0, 0]
    alone, both = training_traces.metrics(tmp_path / "alone"), training_traces.metrics(tmp_path / "both")
    assert_close(alone, both)
    for one, two in zip(alone, both, strict=True):
        logged = {name: value for name, value in one.items() if name.startswith(("text.", "pairs."))}
        # The cross-attentions alone have two terms; all parameters four, and five on pairs, which come second.
        assert len(logged) == (2 if one["stage"] == "cross_attention" else 4 + (one["stage_update"] % 2 == 0))
        assert {name: two[name] for name in logged} == pytest.approx(logged, rel=1e-5)
    theirs = weights(tmp_path / "both")
    for name, value in weights(tmp_path / "alone").items():
        if name.endswith(".key.bias"):
            continue  # adds the same to all of a query's scores: its gradient is rounding, which Adam makes a step of
        assert float((theirs[name] - value).abs().max()) < 1e-4, name

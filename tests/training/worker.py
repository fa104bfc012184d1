"""One rank of a run over several processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from anyglot.training.loop import train
from anyglot.training.options import RuntimeOptions, StageOptions
from training.toy import Toy, ToyOptions, ToyStream, toy_plan


class Stopping(ToyStream):
    """Sends this process SIGTERM while the data of an update of the run is drawn."""

    stop_at = 0

    def updates(self, state: tuple[int, int]) -> Iterator[Any]:
        first = {7: 0, 8: 7}[self.seed]
        for drawn, place in super().updates(state):
            if first + (place[0] * self.length + place[1]) // 2 == self.stop_at and self.rank == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            yield drawn, place


def stages(updates: tuple[int, int]) -> dict[str, StageOptions]:
    return {
        name: StageOptions(updates=count, learning_rate=0.01, warmup_updates=4, clip_norm=1.0, accumulation=1)
        for name, count in zip(("first", "second"), updates, strict=True)
    }


def run(folder: str, rank: int, world: int, port: int, *, shard: bool, stop_at: int = 0) -> None:
    """Train as rank `rank`, as torchrun would start it; rank 1 asks to stop at an update."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    torch.set_num_threads(1)
    Stopping.stop_at = stop_at
    plan = toy_plan(
        Path(folder),
        method=Toy(ToyOptions(dropout=0.0)),
        stages=stages((7, 8)),
        streams=lambda stage, *, rank, world: Stopping(7 if stage == "first" else 8, rank, world, 1),
        runtime=RuntimeOptions(precision="fp32", shard=shard),
    )
    try:
        train(plan, resume=True)
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

"""One rank of a run over several processes."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from anyglot.errors import UserError
from anyglot.models.build import build
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.training.loop.distributed import gathered, give_back_shards, start_accelerator, wrap
from anyglot.training.loop.options import CheckpointOptions, RuntimeOptions, StageOptions
from anyglot.training.loop.plan import Plan
from anyglot.training.loop.train import train
from support.toy_training import Toy, ToyOptions, ToyStream, toy_plan


class Stopping(ToyStream):
    """Sends this process a signal while the data of an update of the run is drawn."""

    stop_at = 0
    signal = signal.SIGTERM

    def updates(self, state: tuple[int, int]) -> Iterator[Any]:
        first = {7: 0, 8: 7}[self.seed]
        for drawn, place in super().updates(state):
            if first + (place[0] * self.length + place[1]) // 2 == self.stop_at and self.rank == self.world - 1:
                os.kill(os.getpid(), self.signal)
            yield drawn, place


def stages(updates: tuple[int, int]) -> dict[str, StageOptions]:
    return {
        name: StageOptions(updates=count, learning_rate=0.01, warmup_updates=4, clip_norm=1.0, accumulation=1)
        for name, count in zip(("first", "second"), updates, strict=True)
    }


def plan(folder: Path, *, shard: bool, finish: str = "last") -> Plan:
    """A run without dropout, whose updates take two micro-batches where two processes begin it."""
    return toy_plan(
        folder,
        method=Toy(ToyOptions(dropout=0.0)),
        stages=stages((7, 8)),
        streams=lambda stage, *, rank, world, accumulation: Stopping(
            7 if stage == "first" else 8, rank, world, accumulation
        ),
        runtime=RuntimeOptions(precision="fp32", shard=shard),
        checkpoints=CheckpointOptions(every=4, keep_last=3, keep_best=1, finish=finish),
    )


def run(
    folder: str,
    rank: int,
    world: int,
    port: int,
    *,
    shard: bool,
    stop_at: int = 0,
    killed_at: int = 0,
    finish: str = "last",
) -> None:
    """Train as rank `rank`, as torchrun would start it; the last rank asks to stop, or is killed, at an update."""
    become(rank, world, port)
    Stopping.stop_at = stop_at or killed_at
    Stopping.signal = signal.SIGKILL if killed_at else signal.SIGTERM
    code: Any = 0
    try:
        train(plan(Path(folder), shard=shard, finish=finish), resume=True)
    except UserError as error:  # as the command does; its stderr cannot be seen from the test
        (Path(folder) / f"said-{rank}").write_text(str(error))
        code = 2
    except SystemExit as stopped:
        code = stopped.code
    end(code)


class Cubes(nn.Module):
    """A loss whose gradient reaches every weight of an encoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tensor) -> Tensor:
        total: Tensor = self.encoder(tokens, torch.ones_like(tokens, dtype=torch.bool)).last.pow(3).sum()
        return total


def translate_alone_and_train(folder: str, rank: int, world: int, port: int) -> None:
    """A sharded encoder between two updates: the first rank runs it on its own, as validation does."""
    become(rank, world, port)
    accelerator = start_accelerator("fp32", (), Path(folder))
    stack = StackConfig(layers=2, width=8, heads=2, feedforward_width=8, norm_first=False)
    embeddings = EmbeddingsConfig(vocabulary_size=9, width=8, positions="sinusoidal", norm=True)
    encoder = build(EncoderConfig(embeddings=embeddings, stack=stack))
    objective = wrap(accelerator, Cubes(encoder), shard=True)
    tokens = torch.tensor([[3, 4, 5]])
    objective(tokens).backward()
    with torch.no_grad(), gathered(objective):
        if rank == 0:
            encoder(tokens, torch.ones_like(tokens, dtype=torch.bool))
    give_back_shards(objective)
    objective(tokens).backward()
    end(0 if all(parameter.grad is not None for parameter in encoder.parameters()) else 1)


def become(rank: int, world: int, port: int) -> None:
    """Take a place among processes, as torchrun gives it."""
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


def end(code: Any) -> NoReturn:
    """Leave the group and exit."""
    # The traceback is gone and with it what DDP held of the process group. A DDP that outlives the group joins gloo's
    # thread with Python's lock in its hand, which that thread may be waiting for: one run in ninety never ended.
    gc.collect()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    raise SystemExit(code)

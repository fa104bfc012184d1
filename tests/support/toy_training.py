"""A method small enough to train in seconds, with all a loop can stumble over: dropout, tied weights, two stages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from anyglot.training.loop.options import (
    CheckpointOptions,
    RuntimeOptions,
    StageOptions,
    TrackingOptions,
    ValidationOptions,
)
from anyglot.training.loop.plan import Plan
from anyglot.training.loop.train import train
from anyglot.training.methods.base import Losses, Stage
from support.deadly import die_at_call, die_at_flush

VOCABULARY, WIDTH = 23, 8


@dataclass(frozen=True)
class ToyBatch:
    tokens: Tensor
    labels: Tensor

    @property
    def target_tokens(self) -> int:
        return int((self.labels >= 0).sum())

    def to(self, device: Any) -> ToyBatch:
        return ToyBatch(self.tokens.to(device), self.labels.to(device))


class ToyModel(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.lower = nn.Linear(WIDTH, WIDTH)
        self.upper = nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.output.weight = self.embedding.weight
        self.register_buffer("scale", torch.ones(()))
        self.edited = False

    def forward(self, tokens: Tensor) -> Tensor:
        states = self.dropout(torch.tanh(self.lower(self.embedding(tokens))))
        logits: Tensor = self.output(self.upper(states) + (0 if self.edited else states)) * self.scale
        return logits


@dataclass(frozen=True)
class Edit:
    def apply(self, model: nn.Module) -> None:
        model.edited = True  # type: ignore[assignment]


class ToyOptions(BaseModel):
    dropout: float = 0.1
    poisoned: tuple[int, ...] = ()  # target tokens in a batch that make its loss infinite


class Toy:
    name: ClassVar[str] = "toy"
    Options: ClassVar[type[BaseModel]] = ToyOptions
    kind: ClassVar[Literal["translation", "masked"]] = "masked"

    def __init__(self, options: Any) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return ToyModel(self.options.dropout)

    def stages(self) -> list[Stage]:
        return [
            Stage("first", trains=("upper.*",), evaluates=()),
            Stage("second", trains=("*",), edits=(Edit(),)),  # type: ignore[arg-type]
        ]

    def losses(self, model: nn.Module, batch: Any) -> Losses:
        logits = model(batch.tokens)
        total = nn.functional.cross_entropy(
            logits.flatten(0, 1), batch.labels.flatten(), ignore_index=-100, reduction="sum"
        )
        if batch.target_tokens in self.options.poisoned:
            total = total * float("inf")
        return Losses(total, batch.target_tokens, {"likelihood": total.detach()})

    def provenance(self) -> dict[str, str]:
        return {"*": "fresh"}


def toy_batch(seed: int, epoch: int, position: int, rows: int = 4) -> ToyBatch:
    generator = torch.Generator().manual_seed(seed * 10007 + epoch * 101 + position)
    tokens = torch.randint(0, VOCABULARY, (rows, 6), generator=generator)
    labels = (tokens * 3 + 1) % VOCABULARY
    return ToyBatch(tokens, labels.masked_fill(torch.rand(labels.shape, generator=generator) < 0.3, -100))


@dataclass(frozen=True)
class ToyStream:
    seed: int
    rank: int
    world: int
    accumulation: int
    length: int = 12  # micro-batches of an epoch

    def updates(self, state: tuple[int, ...]) -> Iterator[tuple[list[ToyBatch], tuple[int, ...]]]:
        epoch, position = state or (0, 0)
        at = epoch * self.length + position
        while True:
            mine = [at + number * self.world + self.rank for number in range(self.accumulation)]
            at += self.accumulation * self.world
            yield [toy_batch(self.seed, *divmod(place, self.length)) for place in mine], divmod(at, self.length)


class ToyValidator:
    """Draws from the random generators on purpose: the loop has to put them back."""

    def measure(self, accelerator: Any, objective: nn.Module, model: nn.Module) -> dict[str, float]:
        assert not model.training
        torch.rand(3)
        batches = [toy_batch(99, 0, position) for position in range(2)]
        total = sum(float(objective(batch)["total"]) for batch in batches)
        return {"loss": total / sum(batch.target_tokens for batch in batches)}


def toy_plan(folder: Path, updates: tuple[int, int] = (14, 16), **changes: Any) -> Plan:
    stages = {
        name: StageOptions(updates=count, learning_rate=0.01, warmup_updates=4, clip_norm=1.0, accumulation=2)
        for name, count in zip(("first", "second"), updates, strict=True)
    }
    plan = Plan(
        method=Toy(ToyOptions()),
        tokenizer=None,
        streams=lambda stage, *, rank, world, accumulation: ToyStream(
            7 if stage == "first" else 8, rank, world, accumulation
        ),
        folder=folder,
        stages=stages,
        seed=3,
        identity={"recipe": "toy", "data": "d1"},
        validator=ToyValidator(),
        validation=ValidationOptions(every=5),
        checkpoints=CheckpointOptions(every=4, keep_last=3, keep_best=1),
        runtime=RuntimeOptions(precision="fp32"),
        tracking=TrackingOptions(log_every=3),
        quiet=True,
    )
    return dataclasses.replace(plan, **changes)


def run(
    folder: str, resume: bool = False, killed_at: int | None = None, killed_at_call: int | None = None, **changes: Any
) -> None:
    """Train in a process of its own; with `killed_at`, die of SIGKILL inside that call of fsync.

    Args:
        killed_at_call: Die at that call into C; 0: count them, and leave the number in the folder's "calls".
    """
    torch.set_num_threads(1)
    if killed_at is not None:
        die_at_flush(killed_at)
    calls = None if killed_at_call is None else die_at_call(killed_at_call)
    train(toy_plan(Path(folder), **changes), resume=resume)
    if killed_at_call == 0 and calls is not None:
        (Path(folder) / "calls").write_text(str(calls[0]))

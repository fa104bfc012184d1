"""What a method does to its fresh model once, with the data at hand, before the first update."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Generator

    from anyglot.training.loop.plan import Plan
    from anyglot.training.methods.base import Learner, Stage


@runtime_checkable
class Prepares(Protocol):
    """A method whose fresh model depends on the data. What it changes is in every checkpoint, trained or not."""

    def prepared(self, model: nn.Module) -> frozenset[str]:
        """The names of the parameters that `prepare` changes."""
        ...

    def prepare(self, model: nn.Module, batches: Iterator[Any]) -> str:
        """Change them in place by the first batches of the first stage, without a random number; tell what was done."""
        ...


def prepared_names(method: Learner, model: nn.Module) -> frozenset[str]:
    """The names of the parameters that the method prepares; none for most."""
    return method.prepared(model) if isinstance(method, Prepares) else frozenset()


def prepare(plan: Plan, model: nn.Module, stages: list[Stage], *, shown: bool) -> None:
    """Prepare a run's fresh model where its method wants that, on every rank by the same batches; tell it on stderr."""
    if not stages or not prepared_names(plan.method, model):
        return
    assert isinstance(plan.method, Prepares)
    if shown:
        print("preparing the model with the first batches", file=sys.stderr, flush=True)
    with closing(_batches(plan, stages[0].name)) as batches:
        told = plan.method.prepare(model, batches)
    if shown:
        print(told, file=sys.stderr, flush=True)


def _batches(plan: Plan, stage: str) -> Generator[Any]:
    for batches, _ in plan.streams(stage, rank=0, world=1, accumulation=1).updates(()):
        yield from batches

"""How the loop sees data: an endless stream of micro-batches that can be entered anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

Place = tuple[int, int]
"""(epoch, position): where in the order of data the next micro-batch is; the same on every rank."""


class Stream(Protocol):
    """This rank's micro-batches, in an order that is a pure function of the seed."""

    def read(self, place: Place) -> Iterator[tuple[Any, Place]]:
        """Micro-batches from `place` on, without end, each with the place after it."""
        ...


class Streams(Protocol):
    """Makes the stream of a stage."""

    def __call__(self, stage: str, *, rank: int, world: int) -> Stream: ...

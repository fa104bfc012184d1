"""How the loop sees data: an endless stream of updates that can be entered anywhere (`data.stream.Loader`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

Place = tuple[int, ...]
"""Where in the order of data the next micro-batch is, epoch first; empty: at the beginning. One for all ranks."""


class Stream(Protocol):
    """This rank's micro-batches, in an order that is a pure function of the seed."""

    def updates(self, state: Place) -> Iterator[tuple[list[Any], Place]]:
        """Without end, from the place `state` on: this rank's micro-batches of an update, and the place after it."""
        ...


class Streams(Protocol):
    """Makes the stream of a stage, of which each of `world` ranks takes `accumulation` micro-batches for an update."""

    def __call__(self, stage: str, *, rank: int, world: int, accumulation: int) -> Stream: ...

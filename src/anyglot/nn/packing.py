"""Sequences of many lengths in one row, without padding: what is position-wise runs on all of them at once.

A row holds runs: first all sequences of one length, one behind the other, then all of the next. Linear maps, norms and
activations see T positions of which none is wasted; attention is computed run by run, where no mask is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Run:
    """`count` sequences of `length` positions, one behind the other."""

    count: int
    length: int

    @property
    def positions(self) -> int:
        """Positions of the row that the run takes."""
        return self.count * self.length


def runs_of(lengths: Sequence[int]) -> list[Run]:
    """The runs of sequences that lie one behind the other, by their lengths."""
    return [Run(sum(1 for _ in same), length) for length, same in groupby(lengths)]


def unpacked(states: Tensor, runs: Sequence[Run]) -> list[Tensor]:
    """The sequences of each run.

    Shape:
        states: (1, T, D)    returns: one (count, length, D) a run
    """
    parts = torch.split(states[0], [run.positions for run in runs])
    return [part.view(run.count, run.length, -1) for part, run in zip(parts, runs, strict=True)]


def attention_within(
    runs: Sequence[Run], query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
) -> Tensor:
    """Attention where a position sees all of its own sequence and nothing else; an `Attend` once `runs` is bound.

    A sequence's result does not depend on what else is in the row: every kernel call works on each sequence by itself,
    and the sequence's length alone decides its shapes.

    Shape:
        query, key, value: (1, H, T, d)    returns: (1, H, T, d)

    Raises:
        ValueError: A mask was given, which runs stand for.
    """
    if mask is not None:
        raise ValueError("packed sequences have no mask: their runs say what sees what.")
    sizes = [run.positions for run in runs]
    attended = []
    for run, *parts in zip(runs, *(torch.split(part[0], sizes, dim=1) for part in (query, key, value)), strict=True):
        # (H, count * length, d) -> (count, H, length, d): sequences become the batch without being copied.
        q, k, v = (part.unflatten(1, (run.count, run.length)).transpose(0, 1) for part in parts)
        states = functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        attended.append(states.transpose(1, 2).flatten(0, 1))
    return torch.cat(attended).transpose(0, 1)[None]

"""Vectors as the fast product reads them, and how far that product can be from the truth.

For unit rows q and b and any two fixed vectors u and v

    q . b = (q - u) . (b - v) + q . v + u . b - u . v

Sentence vectors crowd around one direction: with the means of the sides as u and v the first term, the only one that is
computed coarsely, is a small part of the whole, and so is its error. The second and the third ride along in two more
columns each, as a coarse number and the coarse rest of it; the fourth is the same for all.
"""

from __future__ import annotations

import copy
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anyglot.errors import UserError

_CHUNK = 4096
_SAMPLE = 8192
_FOLDED = 4
_PREPARED = 2e-6
"""More than what fp32 arithmetic on unit rows, before the product, can add up to."""


class Side:
    """Rows of one side: all of an array, or a choice of them.

    Args:
        vectors: (N, D) float32; may be a memory map.
        rows: (n,) which rows count; None: all.

    Attributes:
        lengths: (n,) float64; 1 where a row is zero, whose cosines are 0.
        zero: (n,) bool, rows that are zero.

    Raises:
        UserError: A row holds a number that is not finite.
    """

    def __init__(self, vectors: NDArray[np.float32], rows: NDArray[np.int64] | None = None) -> None:
        self.vectors = vectors
        self.rows = np.arange(len(vectors)) if rows is None else rows
        self.width = vectors.shape[1]
        self.lengths = np.empty(len(self), np.float64)
        for places in chunks(len(self), _CHUNK):
            wide = self.take(places).astype(np.float64)
            self.lengths[places] = np.sqrt(np.einsum("nd,nd->n", wide, wide))
            self.forget()
        bad = np.flatnonzero(~np.isfinite(self.lengths))
        if len(bad):
            raise UserError(
                f"{len(bad)} of {len(self)} vectors hold numbers that are not finite (nan or infinite), the first in "
                f"row {self.rows[bad[0]]} counted from 0; embed the text again."
            )
        self.zero = self.lengths == 0
        self.lengths[self.zero] = 1

    def __len__(self) -> int:
        return len(self.rows)

    def narrowed(self, places: NDArray[np.int64]) -> Side:
        """Some of the rows."""
        side = copy.copy(self)
        side.rows, side.lengths, side.zero = self.rows[places], self.lengths[places], self.zero[places]
        return side

    def take(self, places: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows as they were given, (len(places), D)."""
        return np.asarray(self.vectors[self.rows[places]], dtype=np.float32)

    def unit(self, places: slice) -> Tensor:
        """Rows of length 1, fp32."""
        return torch.from_numpy(self.take(places) / self.lengths[places, None].astype(np.float32))

    def mean(self) -> Tensor:
        """(D,) fp64, of some thousand unit rows: any vector would do, a good one makes the search fast."""
        step = -(-len(self) // _SAMPLE)
        total = torch.zeros(self.width, dtype=torch.float64)
        places = np.arange(0, len(self), step)
        for part in chunks(len(places), _CHUNK):
            rows = self.take(places[part]) / self.lengths[places[part], None]
            total += torch.from_numpy(rows).sum(dim=0)
        return total / len(places)

    def forget(self) -> None:
        """Let go of the pages of a memory map: they would count as this process's memory."""
        owner: Any = self.vectors
        while isinstance(owner, np.ndarray):
            owner = owner.base
        if isinstance(owner, mmap.mmap):
            owner.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True)
class Sizes:
    """The largest of a side's rows: what the other side's bound needs to know of it."""

    centered: float
    coarse: float
    rest: float
    folded: float
    folded_rest: float

    def with_other(self, other: Sizes) -> Sizes:
        return Sizes(*(max(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Operand:
    """Rows ready for the product.

    Attributes:
        matrix: (n, D + 4) of the product's type.
        lengths: (n,) each, fp64: of centered rows, their coarse copies and what these lack; then the folded numbers
            and what is lacking of them.
    """

    matrix: Tensor
    centered: Tensor
    coarse: Tensor
    rest: Tensor
    folded: Tensor
    folded_rest: Tensor

    @property
    def sizes(self) -> Sizes:
        return Sizes(*(float(getattr(self, field.name).max()) for field in fields(Sizes)))

    def error(self, other: Sizes) -> Tensor:
        """How far any score of a row can be from the truth, before it is rounded to the product's type; (n,) fp64.

        Of the coarse copies x' = x - e and y' = y - f: |x.y - x'.y'| = |e.y + x'.f| <= |e||y| + |x'||f| (Cauchy and
        Schwarz). Of K summands, added in fp32 in any order: K 2^-23 times the sum of what they can be at most.
        """
        lost = self.rest * other.centered + self.coarse * other.rest + self.folded_rest + other.folded_rest
        summed = self.coarse * other.coarse + 2 * (self.folded + other.folded)
        return lost + self.matrix.shape[1] * 2.0**-23 * summed + _PREPARED


class Preparation:
    """How the rows of two sides become operands.

    Args:
        queries: The side that comes in stripes.
        base: The side that stays.
        kind: torch.bfloat16 or torch.float32.

    Attributes:
        offset: To be added to every score of the product.
    """

    def __init__(self, queries: Side, base: Side, kind: torch.dtype) -> None:
        self.kind = kind
        self._sides = (queries, base)
        self._centers = (queries.mean(), base.mean())
        # Folded numbers are held against u.v, the mean of them all, so that they are small.
        self.offset = float(self._centers[0] @ self._centers[1])

    def queries(self, places: slice) -> Operand:
        return self._operand(0, places)

    def query_sizes(self) -> Sizes:
        """The largest over all queries."""
        side = self._sides[0]
        found: Sizes | None = None
        for places in chunks(len(side), _CHUNK):
            sizes = self._operand(0, places).sizes
            found = sizes if found is None else found.with_other(sizes)
            side.forget()
        assert found is not None
        return found

    def base(self) -> Operand:
        """All rows of the base."""
        side = self._sides[1]
        matrix = torch.empty(len(side), side.width + _FOLDED, dtype=self.kind)
        numbers: list[list[Tensor]] = []
        for places in chunks(len(side), _CHUNK):
            part = self._operand(1, places)
            matrix[places] = part.matrix
            numbers.append([getattr(part, field.name) for field in fields(Sizes)])
            side.forget()
        return Operand(matrix, *(torch.cat(parts) for parts in zip(*numbers, strict=True)))

    def _operand(self, which: int, places: slice) -> Operand:
        unit = self._sides[which].unit(places)
        centered = unit - self._centers[which].float()
        coarse = centered.to(self.kind)
        rest = centered - coarse.float()
        folded = unit.double() @ self._centers[1 - which] - self.offset
        high = folded.to(self.kind)
        low = (folded - high.double()).to(self.kind)
        ones = torch.ones(len(unit), 2, dtype=self.kind)
        extra = [torch.stack([high, low], 1), ones]
        return Operand(
            torch.cat([coarse, *(extra if which == 0 else extra[::-1])], 1),
            _lengths(centered),
            _lengths(coarse),
            _lengths(rest),
            folded.abs(),
            (folded - high.double() - low.double()).abs(),
        )


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that make up range(count)."""
    for begin in range(0, count, size):
        yield slice(begin, min(begin + size, count))


def _lengths(rows: Tensor) -> Tensor:
    # The second factor covers what fp32 sums of D squares can round off.
    lengths: Tensor = torch.linalg.vector_norm(rows.float(), dim=1)
    return lengths.double() * (1 + rows.shape[1] * 2.0**-23) + 1e-30

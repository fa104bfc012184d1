"""The k nearest neighbours of every row, exactly: as if every pair had been scored in fp64 and sorted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError

SearchPrecision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest rows of a base for each query, best first; of equal scores the lower id first.

    Attributes:
        scores: (N, K) float32, cosines computed in fp64 and rounded once.
        ids: (N, K) int64, rows of the base.
    """

    scores: NDArray[np.float32]
    ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


def nearest(
    queries: NDArray[np.float32],
    base: NDArray[np.float32],
    k: int,
    *,
    precision: SearchPrecision = "auto",
    block: int = 1024,
) -> Neighbours:
    """The k rows of `base` with the largest cosine to each query.

    Args:
        queries: (N, D), of any lengths but zero-length rows have cosine 0 to all.
        base: (M, D).
        k: How many; all M where the base has fewer.
        precision: Of the products that find candidates; the result is the same for each.
        block: Queries at a time; the result is the same for each.

    Raises:
        UserError: No rows, different widths, k below 1, or vectors that are not finite.
    """
    check_vectors(queries, base, k)
    k = min(k, len(base))
    scores, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    unit = _unit(base)
    for begin in range(0, len(queries), block):
        rows = slice(begin, begin + block)
        cosines = (_unit(queries[rows]) @ unit.T).astype(np.float32)
        ids[rows] = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        scores[rows] = np.take_along_axis(cosines, ids[rows], axis=1)
    return Neighbours(scores, ids)


def both_ways(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    k: int,
    *,
    precision: SearchPrecision = "auto",
    block: int = 1024,
) -> tuple[Neighbours, Neighbours]:
    """`nearest(a, b, k)` and `nearest(b, a, k)`."""
    return nearest(a, b, k, precision=precision, block=block), nearest(b, a, k, precision=precision, block=block)


def check_vectors(queries: NDArray[np.float32], base: NDArray[np.float32], k: int) -> None:
    """Raise UserError unless neighbours can be sought."""
    if k < 1:
        raise UserError(f"The number of neighbours must be at least 1, and {k} was asked for.")
    for name, vectors in (("queries", queries), ("base", base)):
        if vectors.ndim != 2 or not len(vectors):
            raise UserError(f"The {name} must be rows of vectors, at least one, and their shape is {vectors.shape}.")
        if not np.isfinite(vectors).all():
            raise UserError(f"The {name} hold numbers that are not finite (nan or infinite); embed the text again.")
    if queries.shape[1] != base.shape[1]:
        raise UserError(
            f"The vectors are {queries.shape[1]} wide on one side and {base.shape[1]} on the other; "
            "embed both sides with one model."
        )


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: NDArray[np.float64] = wide / np.where(lengths == 0, 1, lengths)
    return unit

"""The k nearest neighbours of every row, exactly: as if every pair had been scored in fp64 and sorted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.retrieval.distinct import distinct
from anyglot.retrieval.operands import Side
from anyglot.retrieval.search import Search, SearchPrecision

BLOCK = 1024


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
    block: int = BLOCK,
) -> Neighbours:
    """The k rows of `base` with the largest cosine to each query.

    Args:
        queries: (N, D) float32, of any lengths; a row of zeros has cosine 0 to all.
        base: (M, D).
        k: How many; all M where the base has fewer.
        precision: Of the products that find candidates; the result is the same for each.
        block: Queries at a time; the result is the same for each.

    Raises:
        UserError: No rows, different widths, k below 1, or vectors that are not finite.
    """
    check_vectors(queries, base, k)
    return _search(queries, base, k, False, precision, block)[0]


def both_ways(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    k: int,
    *,
    precision: SearchPrecision = "auto",
    block: int = BLOCK,
) -> tuple[Neighbours, Neighbours]:
    """`nearest(a, b, k)` and `nearest(b, a, k)`, for the products of one."""
    check_vectors(a, b, k)
    forward, backward = _search(a, b, k, True, precision, block)
    assert backward is not None
    return forward, backward


def _search(
    queries: NDArray[np.float32],
    base: NDArray[np.float32],
    k: int,
    backward: bool,
    precision: SearchPrecision,
    block: int,
) -> tuple[Neighbours, Neighbours | None]:
    ahead, back = distinct(queries), distinct(base)
    sides = Side(queries, ahead.rows), Side(base, back.rows)
    search = Search(*sides, k, backward=backward, precision=precision, block=block)
    parts = [search.run(places) for places in search.stripes()]
    scores, ids = np.concatenate([part.scores for part in parts]), np.concatenate([part.ids for part in parts])
    found = Neighbours(*back.spread(scores[ahead.kind], ids[ahead.kind], k))
    if not backward:
        return found, None
    scores, ids = search.backward()
    return found, Neighbours(*ahead.spread(scores[back.kind], ids[back.kind], k))


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

"""The k nearest neighbours of every row, exactly: as if every pair had been scored in fp64 and sorted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.deduplicate import distinct
from anyglot.evaluation.retrieval.operands import Side
from anyglot.evaluation.retrieval.search import Search, SearchPrecision, Stripe

BLOCK = 1024
"""Queries of a stripe."""
Progress = Callable[[int, int], None]
"""Is told how many stripes are done, and how many there are."""


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
    _check(queries, base, k)
    return all_neighbours(Side(queries), Side(base), k, backward=False, precision=precision, block=block)[0]


def both_ways(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    k: int,
    *,
    precision: SearchPrecision = "auto",
    block: int = BLOCK,
) -> tuple[Neighbours, Neighbours]:
    """`nearest(a, b, k)` and `nearest(b, a, k)`, for the products of one."""
    _check(a, b, k)
    forward, backward = all_neighbours(Side(a), Side(b), k, backward=True, precision=precision, block=block)
    assert backward is not None
    return forward, backward


class StripeStore(Protocol):
    """What remembers stripes, so that a sweep that was cut off goes on where it was."""

    def read(self, number: int) -> Stripe | None: ...

    def write(self, number: int, stripe: Stripe) -> None: ...


def all_neighbours(
    queries: Side,
    base: Side,
    k: int,
    *,
    backward: bool,
    precision: SearchPrecision = "auto",
    block: int = BLOCK,
    store: StripeStore | None = None,
    progress: Progress | None = None,
) -> tuple[Neighbours, Neighbours | None]:
    """The nearest base rows of the queries, and with `backward` the nearest queries of the base's rows.

    Args:
        store: Of this very sweep: the same rows, k, block and a precision that is not auto.
        progress: Told after each stripe.
    """
    ahead, back = distinct(queries), distinct(base)
    sides = queries.narrowed(ahead.rows), base.narrowed(back.rows)
    search = Search(*sides, k, backward=backward, precision=precision, block=block)
    stripes = search.stripes()
    near_scores, near_ids = (np.empty((len(ahead), search.k), kind) for kind in (np.float32, np.int64))
    for number, places in enumerate(stripes):
        stripe = None if store is None else store.read(number)
        if stripe is None:
            stripe = search.run(places)
            if store is not None:
                store.write(number, stripe)
        else:
            search.restore(stripe)
        near_scores[places], near_ids[places] = stripe.scores, stripe.ids
        if progress is not None:
            progress(number + 1, len(stripes))
    forward = Neighbours(*back.spread(near_scores[ahead.kind], near_ids[ahead.kind], k))
    if not backward:
        return forward, None
    near_scores, near_ids = search.backward()
    return forward, Neighbours(*ahead.spread(near_scores[back.kind], near_ids[back.kind], k))


def _check(queries: NDArray[np.float32], base: NDArray[np.float32], k: int) -> None:
    """Raise UserError unless neighbours can be sought."""
    if k < 1:
        raise UserError(f"The number of neighbours must be at least 1, and {k} was asked for.")
    for name, vectors in (("queries", queries), ("base", base)):
        if vectors.ndim != 2 or not len(vectors):
            raise UserError(f"The {name} must be rows of vectors, at least one, and their shape is {vectors.shape}.")
    if queries.shape[1] != base.shape[1]:
        raise UserError(
            f"The vectors are {queries.shape[1]} wide on one side and {base.shape[1]} on the other; "
            "embed both sides with one model."
        )

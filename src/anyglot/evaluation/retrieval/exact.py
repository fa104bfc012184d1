"""Scores of pairs as they are defined: products summed in fp64, divided by both lengths, rounded to fp32 once.

The sum of a pair is computed the same way whatever stands beside it, so a score depends on its two rows alone: not on
blocks, not on threads, and not on which of the two asked for the other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.operands import Side, chunks
from anyglot.evaluation.retrieval.shortlist import Shortlist

_CACHED = 1 << 18
"""Numbers of a side in a chunk: both sides' fp64 copies stay in a core's cache."""
_ROUNDED = 1e-6


def exact_scores(queries: Side, base: Side, rows: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Cosines of the pairs (rows[p], ids[p]); (P,)."""
    scores = np.empty(len(rows), np.float32)

    def compute(part: slice) -> None:
        scores[part] = _cosines(queries, base, rows[part], ids[part])

    parts = list(chunks(len(rows), max(1, _CACHED // queries.width)))
    if len(parts) < 2 or torch.get_num_threads() == 1:
        for part in parts:
            compute(part)
    else:
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(compute, parts))
    return scores


def settled(
    queries: Side, base: Side, shortlist: Shortlist, offset: float, first: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The nearest of a shortlist's rows, in the order of exact scores and then of ids.

    Args:
        shortlist: Of the queries from `first` on; it has been offered every row of the base.
        offset: What was left out of its coarse scores.

    Shape:
        returns: scores and ids, (N, K)

    Raises:
        UserError: A coarse score is farther from the truth than it can be where products are what they should be.
    """
    row, other, coarse = (part.numpy() for part in shortlist.candidates())
    row, other = row.astype(np.int64), other.astype(np.int64)
    exact = exact_scores(queries, base, row + first, other)
    allowed = shortlist.error.numpy()[row] + 2 * shortlist.rounding * np.abs(coarse) + _ROUNDED
    if (np.abs(coarse + np.float64(offset) - exact) > allowed).any():
        raise UserError("This machine's coarse products are less exact than they must be; use the precision fp32.")
    order = np.lexsort((-exact, row))  # stable, and candidates come by id
    place = np.searchsorted(row, np.arange(len(shortlist.error)))[:, None] + np.arange(shortlist.k)
    overflowed = shortlist.overflowed.numpy()
    best = order[np.where(overflowed[:, None], 0, place)] if len(order) else np.zeros_like(place)
    scores, ids = np.empty(place.shape, np.float32), np.empty(place.shape, np.int64)
    scores[~overflowed], ids[~overflowed] = exact[best[~overflowed]], other[best[~overflowed]]
    for each in np.flatnonzero(overflowed).tolist():
        scores[each], ids[each] = exact_row(queries, base, each + first, shortlist.k)
    queries.forget()
    base.forget()
    return scores, ids


def exact_row(queries: Side, base: Side, row: int, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k nearest of one row by scoring every pair; of equal scores the lower ids."""
    everything = np.arange(len(base))
    scores = exact_scores(queries, base, np.full(len(base), row), everything)
    kept = np.flatnonzero(scores >= np.partition(scores, len(scores) - k)[len(scores) - k])
    ids = kept[np.argsort(-scores[kept], kind="stable")[:k]]
    return scores[ids], ids


def _cosines(queries: Side, base: Side, rows: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    products = np.einsum("pd,pd->p", queries.take(rows).astype(np.float64), base.take(ids).astype(np.float64))
    found: NDArray[np.float64] = products / (queries.lengths[rows] * base.lengths[ids])
    return found

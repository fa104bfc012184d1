"""Rows that occur more than once, sought once: what is equal in every number has equal neighbours and equal scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.retrieval.operands import Side, chunks

_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Distinct:
    """Which rows are the same.

    Attributes:
        rows: (n,) the first of each kind, ascending.
        kind: (N,) where in `rows` the first of a row's kind stands.
    """

    rows: NDArray[np.int64]
    kind: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def spread(
        self, scores: NDArray[np.float32], ids: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Neighbours among all rows from neighbours among the distinct ones; of equal scores the lower id.

        k kinds are enough for k rows: before a row of another kind come the first rows of them all.

        Shape:
            scores, ids: (Q, k or len(self))
            returns: (Q, min(k, N))
        """
        if len(self) == len(self.kind):
            return scores, ids
        k = min(k, len(self.kind))
        members = self._members(k)
        spread_scores, spread_ids = np.empty((len(ids), k), np.float32), np.empty((len(ids), k), np.int64)
        for part in chunks(len(ids), _CHUNK):
            wide_ids = members[ids[part]].reshape(part.stop - part.start, -1)
            wide_scores = np.repeat(scores[part], k, axis=1)
            wide_scores[wide_ids == len(self.kind)] = -np.inf
            order = np.lexsort((wide_ids, -wide_scores), axis=1)[:, :k]
            spread_ids[part] = np.take_along_axis(wide_ids, order, axis=1)
            spread_scores[part] = np.take_along_axis(wide_scores, order, axis=1)
        return spread_scores, spread_ids

    def _members(self, k: int) -> NDArray[np.int64]:
        """(n, k) the first rows of each kind; N where there are fewer."""
        order = np.argsort(self.kind, kind="stable")
        kinds = self.kind[order]
        rank = np.arange(len(order)) - np.searchsorted(kinds, kinds)
        members = np.full((len(self), k), len(self.kind))
        members[kinds[rank < k], rank[rank < k]] = order[rank < k]
        return members


def distinct(side: Side) -> Distinct:
    """Which rows of a side are equal in every bit."""
    keys = np.empty(len(side), np.uint64)
    factors = np.random.default_rng(0).integers(1, 1 << 63, side.width, dtype=np.uint64) * 2 + 1
    for part in chunks(len(side), _CHUNK):
        keys[part] = (np.ascontiguousarray(side.take(part)).view(np.uint32) * factors).sum(axis=1)
        side.forget()
    _, first, kind = np.unique(keys, return_index=True, return_inverse=True)
    first = first[kind]  # of each row the first with its key
    again = np.flatnonzero(first != np.arange(len(first)))
    for part in chunks(len(again), _CHUNK):
        rows = again[part]
        unlike = (side.take(rows) != side.take(first[rows])).any(axis=1)
        first[rows[unlike]] = rows[unlike]  # another row that happens to have the same key
    rows, kind = np.unique(first, return_inverse=True)
    return Distinct(rows, kind)

"""Neighbours by scoring every pair in fp64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.retrieval.neighbours import Neighbours

Vectors = NDArray[np.float32]


def brute_force(queries: Vectors, base: Vectors, k: int) -> Neighbours:
    """All pairs in fp64, rounded once, sorted; of equal scores the lower id."""
    wide_queries, wide_base = queries.astype(np.float64), base.astype(np.float64)
    lengths = np.outer(np.linalg.norm(wide_queries, axis=1), np.linalg.norm(wide_base, axis=1))
    products = np.array([[np.dot(query, row) for row in wide_base] for query in wide_queries])
    scores = (products / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    ids = np.array([sorted(range(len(base)), key=lambda i, row=row: (-row[i], i))[:k] for row in scores])
    return Neighbours(np.take_along_axis(scores, ids, axis=1), ids)

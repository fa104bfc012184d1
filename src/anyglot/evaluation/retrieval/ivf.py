"""Neighbours among the vectors of near cells only (faiss IVF): for more sentences than can all be compared.

Candidates are faiss's, over vectors held in half precision; their scores are exact (`exact.py`).
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.retrieval.exact import exact_scores
from anyglot.evaluation.retrieval.neighbours import Neighbours, all_neighbours
from anyglot.evaluation.retrieval.operands import Side, chunks

_CHUNK = 8192
_CELLS_LOOKED_AT = 64
_TRAINING_ROWS = 64
"""Rows that a cell's center is learnt from."""
_CANDIDATES = 4
"""Candidates for each neighbour."""
_SAMPLE = 256


@dataclass(frozen=True, eq=False)
class Approximate:
    """Neighbours that were found.

    Attributes:
        recall: Share of the exact neighbours that were found, of `sampled` rows of the first side.
    """

    forward: Neighbours
    backward: Neighbours
    recall: float
    sampled: int


def faiss_is_there() -> bool:
    """Whether the optional dependency can be imported."""
    return importlib.util.find_spec("faiss") is not None


def approximate_both_ways(a: Side, b: Side, k: int) -> Approximate:
    """`both_ways`, of what near cells hold, and how much that is of the truth on a sample."""
    forward, backward = _found(a, b, k), _found(b, a, k)
    sample = np.unique(np.linspace(0, len(a) - 1, _SAMPLE).astype(np.int64))
    exact, _ = all_neighbours(a.narrowed(sample), b, k, backward=False)
    hits = (forward.ids[sample][:, :, None] == exact.ids[:, None, :]).any(axis=1)
    return Approximate(forward, backward, float(hits.mean()), len(sample))


def _found(queries: Side, base: Side, k: int) -> Neighbours:
    k = min(k, len(base))
    index = _index(base)
    ids, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
    wanted = min(_CANDIDATES * k, len(base))
    for places in chunks(len(queries), _CHUNK):
        _, found = index.search(queries.unit(places).numpy(), wanted)
        ids[places], scores[places] = _rescored(queries, base, places, found, k)
        queries.forget()
        base.forget()
    return Neighbours(scores, ids)


def _rescored(
    queries: Side, base: Side, places: slice, found: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best k of candidates by exact scores. Where cells hold fewer than k, every row is scored."""
    rows = np.repeat(np.arange(places.start, places.stop), found.shape[1])
    exact = exact_scores(queries, base, rows, np.maximum(found, 0).reshape(-1)).reshape(found.shape)
    exact[found < 0] = -np.inf
    order = np.lexsort((found, -exact), axis=1)[:, :k]
    ids, scores = np.take_along_axis(found, order, 1), np.take_along_axis(exact, order, 1)
    few = np.flatnonzero((ids < 0).any(axis=1))
    if len(few):
        whole, _ = all_neighbours(queries.narrowed(few + places.start), base, k, backward=False)
        ids[few], scores[few] = whole.ids, whole.scores
    return ids, scores


def _index(base: Side) -> Any:
    import faiss

    cells = max(1, int(4 * math.sqrt(len(base))) if len(base) >= 40_000 else len(base) // 64)
    coarse = faiss.IndexFlatIP(base.width)
    index = faiss.IndexIVFScalarQuantizer(
        coarse, base.width, cells, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.nprobe = min(cells, _CELLS_LOOKED_AT)
    step = max(1, len(base) // (cells * _TRAINING_ROWS))
    sample = base.narrowed(np.arange(0, len(base), step))
    index.train(np.concatenate([sample.unit(places).numpy() for places in chunks(len(sample), _CHUNK)]))
    for places in chunks(len(base), _CHUNK):
        index.add(base.unit(places).numpy())
        base.forget()
    return index

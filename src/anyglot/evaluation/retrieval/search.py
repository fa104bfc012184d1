"""One sweep over all pairs of two sides: the neighbours of both come from the same products.

The scores of a stripe of queries with all of the base are computed block by block, coarsely; each block is looked
through in both directions (`shortlist.py`). What can still be a neighbour is scored exactly (`exact.py`). A stripe's
own neighbours are final when it ends; those of the base when all stripes have been seen.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.exact import settled
from anyglot.evaluation.retrieval.operands import Preparation, Side, chunks
from anyglot.evaluation.retrieval.shortlist import Candidates, Shortlist, joined

SearchPrecision = Literal["auto", "fp32", "bf16"]
_COLUMNS = 8
"""Columns of a block for each of its rows."""
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_WORTH_ASKING = 1 << 34
_NOTHING = (torch.zeros(0, dtype=torch.int32), torch.zeros(0, dtype=torch.int32), torch.zeros(0))


@dataclass(frozen=True, eq=False)
class Stripe:
    """What a stripe of queries gives.

    Attributes:
        scores: (R, K) float32 of its rows' nearest in the base.
        ids: (R, K) int64.
        found: Candidates for rows of the base.
        overflowed: int64, rows of the base that have had too many so far.
    """

    scores: NDArray[np.float32]
    ids: NDArray[np.int64]
    found: Candidates
    overflowed: Tensor


class Search:
    """The k nearest, forward and backward.

    Args:
        queries: Rows that come in stripes.
        base: Rows that stay in memory, as operands: 2 bytes a number in bf16.
        k: At most the rows of either side are found.
        backward: Find the nearest queries of the base's rows too.
        precision: Of the products; auto takes the faster for this machine and size. Results are the same.
        block: Queries of a stripe.
    """

    def __init__(
        self, queries: Side, base: Side, k: int, *, backward: bool, precision: SearchPrecision, block: int
    ) -> None:
        self.queries, self.base, self.block = queries, base, block
        self.kind = _TYPES[chosen(precision, len(queries), len(base), base.width)]
        self.k, self.k_backward = min(k, len(base)), min(k, len(queries))
        self._preparation = Preparation(queries, base, self.kind)
        self._operand = self._preparation.base()
        self._sizes = self._operand.sizes
        self._scores = torch.empty(min(block, len(queries)) * min(_COLUMNS * block, len(base)), dtype=self.kind)
        self._columns: Shortlist | None = None
        if backward:
            error = self._operand.error(self._preparation.query_sizes())
            self._columns = Shortlist(self.k_backward, error, self.kind)

    def stripes(self) -> list[slice]:
        """The queries of each stripe."""
        return list(chunks(len(self.queries), self.block))

    def run(self, places: slice) -> Stripe:
        """Search for the neighbours of some queries, and among them for neighbours of the base."""
        queries = self._preparation.queries(places)
        rows = Shortlist(self.k, queries.error(self._sizes), self.kind)
        kept = [_NOTHING]
        for columns in chunks(len(self.base), _COLUMNS * self.block):
            block = self._product(queries.matrix, self._operand.matrix[columns])
            rows.offer(slice(0, len(block)), columns.start, block)
            if self._columns is not None:
                kept.append(self._columns.offer(columns, places.start, block.T))
        scores, ids = settled(self.queries, self.base, rows, self._preparation.offset, first=places.start)
        overflowed = _NOTHING[0].long() if self._columns is None else self._columns.overflowed.nonzero()[:, 0]
        return Stripe(scores, ids, joined(kept), overflowed)

    def _product(self, queries: Tensor, base: Tensor) -> Tensor:
        # Into the same memory each time: fresh pages cost as much as looking through them.
        scores = self._scores[: len(queries) * len(base)].view(len(queries), len(base))
        return torch.mm(queries, base.T, out=scores)

    def restore(self, stripe: Stripe) -> None:
        """Take a stripe that was run before; in place of `run`."""
        if self._columns is not None:
            self._columns.restore(stripe.found, stripe.overflowed)

    def backward(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and ids (M, K) of the nearest queries of the base's rows, after all stripes."""
        assert self._columns is not None
        return settled(self.base, self.queries, self._columns, self._preparation.offset)


def chosen(precision: SearchPrecision, queries: int, base: int, width: int) -> SearchPrecision:
    """For "auto" the precision whose products are faster here; small searches are not worth the question.

    Raises:
        UserError: No such precision.
    """
    if precision not in get_args(SearchPrecision):
        raise UserError(f"There is no search precision {precision!r}; choose auto, fp32 or bf16.")
    if precision != "auto":
        return precision
    if queries * base * width < _WORTH_ASKING:
        return "fp32"
    return "bf16" if _seconds(torch.bfloat16, width) < _seconds(torch.float32, width) else "fp32"


def _seconds(kind: torch.dtype, width: int) -> float:
    x, y = torch.ones(256, width, dtype=kind), torch.ones(4096, width, dtype=kind)
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        x @ y.T
        best = min(best, time.perf_counter() - begin)
    return best

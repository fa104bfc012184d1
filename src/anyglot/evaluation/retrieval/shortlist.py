"""Which rows can still be among the k nearest, when scores are known only to within a bound.

Let s be a true score, p the coarse one and |s - p| <= e. If k coarse scores of a row reach t, k true scores reach
t - e. So whatever truly belongs to the k best has a true score of t - e or more, and a coarse score of t - 2 e or more.
All that reach this are kept: nothing else can be among the k best, ties included. t only rises as more is offered.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_GROUP = 32
_HELD = 1 << 25
"""Candidates of all rows together that are held; a row with more than its share is overflowed."""


Candidates = tuple[Tensor, Tensor, Tensor]
"""Rows int32, ids int32, coarse scores fp32; (C,) each."""


class Shortlist:
    """The candidates of some rows.

    Args:
        k: Neighbours sought.
        error: (N,) fp64, e of each row, before rounding.
        kind: What scores are rounded to.
    """

    def __init__(self, k: int, error: Tensor, kind: torch.dtype) -> None:
        self.k, self.error = k, error
        self.rounding = torch.finfo(kind).eps / 2
        self._best = torch.full((len(error), k), -torch.inf, dtype=torch.float64)
        self._floor = torch.full((len(error),), -torch.inf, dtype=torch.float64)
        self.overflowed = torch.zeros(len(error), dtype=torch.bool)
        self._share = max(16 * k, _HELD // len(error))
        self._found: list[Candidates] = []
        self._count = 0
        self._pruned_at = 8 * k * len(error) + (1 << 20)

    def offer(self, rows: slice, first_id: int, scores: Tensor) -> Candidates:
        """Look through a block.

        Args:
            rows: The rows scored.
            first_id: The id of the first column.
            scores: (len(rows), C) coarse scores; any strides.

        Returns: What was kept.
        """
        group = _group(scores.shape[1], self.k)
        groups = scores.shape[1] // group
        highest = _highest(scores, group)
        self._raise(rows, highest.topk(min(self.k, groups), dim=1).values.double())
        floor = self._floor[rows].float()
        row, place = (highest >= floor[:, None]).nonzero(as_tuple=True)
        columns = place[:, None] + torch.arange(group)[None] * groups
        values = scores[row[:, None], columns].float()
        hit, member = (values >= floor[row, None]).nonzero(as_tuple=True)
        found = (
            (row[hit] + rows.start).to(torch.int32),
            (columns[hit, member] + first_id).to(torch.int32),
            values[hit, member],
        )
        self._keep(found)
        return found

    def restore(self, found: Candidates, overflowed: Tensor) -> None:
        """Take up again what `offer` returned for all blocks of some ids, and who was overflowed after it."""
        self.overflowed[overflowed] = True
        row, _, values = found
        order = torch.argsort(values, descending=True, stable=True)
        order = order[torch.argsort(row[order], stable=True)]
        sorted_rows = row[order].long()
        starts = torch.searchsorted(sorted_rows, sorted_rows)
        rank = torch.arange(len(order)) - starts
        top = rank < self.k
        best = torch.full_like(self._best, -torch.inf)
        best[sorted_rows[top], rank[top]] = values[order[top]].double()
        self._raise(slice(0, len(best)), best)
        self._keep(found)

    def candidates(self) -> Candidates:
        """All that can be among the k nearest of rows that are not overflowed, by row and id."""
        self._prune()
        row, ids, values = joined(self._found)
        order = torch.argsort(row.long() * (1 << 32) + ids.long())
        return row[order], ids[order], values[order]

    def _raise(self, rows: slice, values: Tensor) -> None:
        best = torch.cat([self._best[rows], values], 1).topk(self.k, dim=1).values
        self._best[rows] = best
        reached = best[:, -1]
        # Rounding moves a score by at most `rounding` times itself. 2^-20: true scores and floors end up in fp32.
        lowest = reached - self.rounding * reached.abs() - 2 * self.error[rows] - 2.0**-20
        floor = lowest - 2 * self.rounding * lowest.abs() - 1e-30
        self._floor[rows] = torch.where(self.overflowed[rows], torch.inf, floor)

    def _keep(self, found: Candidates) -> None:
        self._found.append(found)
        self._count += len(found[0])
        if self._count > self._pruned_at:
            self._prune()
            self._pruned_at = max(self._pruned_at, 2 * self._count)

    def _prune(self) -> None:
        row, ids, values = joined(self._found)
        row = row.long()
        kept = values >= self._floor[row].float()
        overflowed = torch.bincount(row[kept], minlength=len(self.error)) > self._share
        self.overflowed |= overflowed
        self._floor[overflowed] = torch.inf
        kept &= ~self.overflowed[row]
        self._found = [(row[kept].to(torch.int32), ids[kept], values[kept])]
        self._count = len(self._found[0][0])


def joined(found: Sequence[Candidates]) -> Candidates:
    """Candidates of several blocks as one."""
    row, ids, values = zip(*found, strict=True)
    return torch.cat(row), torch.cat(ids), torch.cat(values)


def _highest(scores: Tensor, group: int) -> Tensor:
    """(R, C / group) the highest of the columns that are C / group apart.

    Reduced along the memory's rows, whichever way the scores lie: 30 times as fast as along its columns.
    """
    if scores.stride(1) == 1:
        return scores.view(len(scores), group, -1).amax(1)
    return scores.T.view(group, -1, len(scores)).amax(0).T.contiguous()


def _group(columns: int, k: int) -> int:
    """Columns of which only the highest is looked at first; there are enough groups for k of them to tell a floor."""
    wanted = min(_GROUP, columns // (8 * k))
    return math.gcd(columns, 1 << wanted.bit_length() - 1) if wanted > 1 else 1

"""Rows of many lengths to rectangles, padded on the right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anyglot.evaluation.tasks.rows import TextRow


def padded(rows: Sequence[NDArray[np.int32]], filler: int, length: int | None = None) -> Tensor:
    """(B, S) int64: the rows, filled up to the longest of them, or to `length`."""
    width = max(len(row) for row in rows) if length is None else length
    table = np.full((len(rows), width), filler, dtype=np.int64)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return torch.from_numpy(table)


def real(rows: Sequence[NDArray[np.int32]], length: int | None = None) -> Tensor:
    """(B, S) bool: True where `padded` has a row's own value."""
    lengths = np.array([len(row) for row in rows])
    width = int(lengths.max()) if length is None else length
    return torch.from_numpy(np.arange(width)[None] < lengths[:, None])


def segments_of(rows: Sequence[TextRow], length: int | None = None) -> Tensor | None:
    """(B, S) int64 token types of rows; None where no row has any. Rows without are all of the first type."""
    if all(row.segments is None for row in rows):
        return None
    given = [np.zeros_like(row.tokens) if row.segments is None else row.segments for row in rows]
    return padded(given, 0, length)

"""Rows of token ids of different lengths as one tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from anyglot.runtime import arguments

if TYPE_CHECKING:
    from torch import Tensor


def sentences_of(texts: str | Iterable[str]) -> list[str]:
    """A text alone as a list of one, and others as they are.

    Raises:
        WrongType: There is something else than texts among them.
    """
    return [texts] if isinstance(texts, str) else arguments.texts("texts", texts)


def padded(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Rows filled up on the right.

    Shape:
        returns: tokens (B, S) int64, mask (B, S) bool, True where a token is
    """
    import torch

    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    longest = int(lengths.max()) if len(rows) else 0
    mask = torch.arange(longest)[None] < lengths[:, None]
    tokens = torch.full((len(rows), longest), pad_id, dtype=torch.int64)
    tokens[mask] = torch.tensor([id for row in rows for id in row], dtype=torch.int64)
    return tokens, mask

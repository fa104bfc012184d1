"""Attention masks: bool, True = may be attended to, shaped to broadcast over (B, H, T, S)."""

from __future__ import annotations

import torch
from torch import Tensor


def padding_mask(mask: Tensor) -> Tensor:
    """Let every query see the real positions only.

    Shape:
        mask: (B, S) bool    returns: (B, 1, 1, S)
    """
    return mask[:, None, None, :]


def causal_mask(queries: int, keys: int | None = None, *, device: torch.device | None = None) -> Tensor:
    """Let query t see the keys up to its own position; the last query is aligned with the last key.

    With `keys` > `queries` the first keys are the past of a cache and visible to all.

    Shape:
        returns: (1, 1, queries, keys) bool
    """
    keys = queries if keys is None else keys
    full = torch.ones(queries, keys, dtype=torch.bool, device=device)
    return full.tril(diagonal=keys - queries)[None, None]


def lengths_mask(lengths: Tensor, width: int | None = None) -> Tensor:
    """True for the first `lengths[b]` of `width` positions: (B,) -> (B, width)."""
    width = int(lengths.max()) if width is None else width
    return torch.arange(width, device=lengths.device)[None, :] < lengths[:, None]

"""Keys and values kept between decoding steps.

Self-attention keys grow by one position a step and belong to one row (a beam of a sentence). Cross-attention keys are
computed once per sentence and are shared by all its beams, so reordering beams moves the first and leaves the second.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KeyValueCache:
    """Growing keys and values of one self-attention.

    The buffers grow in blocks, so a step writes one column instead of copying the whole past.

    Shape:
        keys, values: (rows, H, length, D / H)
    """

    BLOCK = 32

    def __init__(self) -> None:
        self.keys: Tensor | None = None
        self.values: Tensor | None = None
        self.length = 0

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of new positions, (rows, H, new, D / H), and return those of all positions."""
        end = self.length + keys.shape[2]
        if self.keys is None or self.values is None or end > self.keys.shape[2]:
            self._grow(keys, end)
        assert self.keys is not None and self.values is not None
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def _grow(self, like: Tensor, end: int) -> None:
        rows, heads, _, width = like.shape
        room = -(-end // self.BLOCK) * self.BLOCK
        old_keys, old_values = self.keys, self.values
        self.keys = like.new_zeros(rows, heads, room, width)
        self.values = like.new_zeros(rows, heads, room, width)
        if old_keys is not None and old_values is not None:
            self.keys[:, :, : self.length] = old_keys[:, :, : self.length]
            self.values[:, :, : self.length] = old_values[:, :, : self.length]

    def reorder(self, rows: Tensor) -> None:
        """Take row `rows[i]` of the past as the new row i. Rows may repeat or be left out."""
        if self.keys is not None and self.values is not None:
            self.keys = self.keys.index_select(0, rows)
            self.values = self.values.index_select(0, rows)


class LayerCache:
    """What one block keeps: its own past and, once computed, the keys and values of the memory."""

    def __init__(self) -> None:
        self.own = KeyValueCache()
        self.memory: tuple[Tensor, Tensor] | None = None  # each (B, H, S, D / H)


class Cache:
    """What a stack keeps between decoding steps, one `LayerCache` per block."""

    def __init__(self, layers: int) -> None:
        self.layers = [LayerCache() for _ in range(layers)]

    @property
    def length(self) -> int:
        """Positions already decoded."""
        return self.layers[0].own.length if self.layers else 0

    def reorder(self, rows: Tensor) -> None:
        """Reorder the rows (sentence x beam) of every self-attention; the memory's keys stay."""
        for layer in self.layers:
            layer.own.reorder(rows)

    def keep_sentences(self, sentences: Tensor) -> None:
        """Keep the memory's keys of these sentences only. The rows are dropped by `reorder`."""
        for layer in self.layers:
            if layer.memory is not None:
                keys, values = layer.memory
                layer.memory = keys.index_select(0, sentences), values.index_select(0, sentences)


def split_heads(states: Tensor, heads: int) -> Tensor:
    """(B, T, D) -> (B, H, T, D / H)."""
    rows, length, width = states.shape
    return states.view(rows, length, heads, width // heads).transpose(1, 2)


def merge_heads(states: Tensor) -> Tensor:
    """(B, H, T, D / H) -> (B, T, D)."""
    rows, heads, length, width = states.shape
    return states.transpose(1, 2).reshape(rows, length, heads * width)


def concatenate(parts: list[Tensor]) -> Tensor:
    """Join along the positions, without a copy when there is one part."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)

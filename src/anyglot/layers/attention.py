"""Multi-head scaled dot-product attention, for self- and cross-attention alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyglot.layers.cache import LayerCache, concatenate, merge_heads, split_heads
from anyglot.layers.masks import padding_mask
from anyglot.layers.prefix import Prefix


@dataclass(frozen=True)
class Memory:
    """States of another sequence to attend to.

    Shape:
        states: (B, S, D)    mask: (B, S) bool
    """

    states: Tensor
    mask: Tensor


class Attention(nn.Module):
    """Queries from `x`; keys and values from `x` itself (`forward`) or from a memory (`attend_memory`).

    Args:
        width: D, of the states.
        heads: H; must divide `width`.
        dropout: Probability of dropping an attention weight in training.
        memory_width: Width of the memory's states if it is not D.
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0, memory_width: int | None = None) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}. Choose a divisor.")
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(memory_width or width, width)
        self.value = nn.Linear(memory_width or width, width)
        self.output = nn.Linear(width, width)

    def forward(
        self, x: Tensor, *, mask: Tensor | None, prefix: Prefix | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        """Attend within the sequence, its prefix and its cached past.

        Args:
            x: States to transform.
            mask: True where a position may be attended to, cached positions included; None when all may.
                Prefix positions come in front of it and follow `prefix.mask`.
            prefix: Keys and values put in front (SGA eq. 3).
            cache: Keys and values of earlier steps; extended in place.

        Shape:
            x: (B, T, D)    mask: broadcastable to (B, H, T, past + T)    returns: (B, T, D)
        """
        query = split_heads(self.query(x), self.heads)
        key = split_heads(self.key(x), self.heads)
        value = split_heads(self.value(x), self.heads)
        if cache is not None:
            key, value = cache.own.append(key, value)
        if prefix is not None:
            rows = x.shape[0]
            mask = _mask_with_prefix(mask, prefix, rows, x.shape[1], key.shape[2])
            key = concatenate([prefix.keys.expand(rows, -1, -1, -1), key])
            value = concatenate([prefix.values.expand(rows, -1, -1, -1), value])
        return self._attend(query, key, value, mask)

    def attend_memory(self, x: Tensor, memory: Memory, cache: LayerCache | None = None) -> Tensor:
        """Attend to another sequence.

        `x` may hold K rows (beams) for each row of the memory, sentence by sentence. The beams then become query
        positions of one attention, so keys and values are neither copied nor recomputed for them.

        Shape:
            x: (B * K, T, D)    memory.states: (B, S, D)    returns: (B * K, T, D)
        """
        if cache is None or cache.memory is None:
            keys = split_heads(self.key(memory.states), self.heads)
            values = split_heads(self.value(memory.states), self.heads)
            if cache is not None:
                cache.memory = keys, values
        else:
            keys, values = cache.memory
        sentences = keys.shape[0]
        rows, length, width = x.shape
        folded = self.query(x).view(sentences, rows // sentences * length, width)
        attended = self._attend(split_heads(folded, self.heads), keys, values, padding_mask(memory.mask))
        return attended.view(rows, length, width)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        output: Tensor = self.output(merge_heads(attended))
        return output


def _mask_with_prefix(mask: Tensor | None, prefix: Prefix, rows: int, queries: int, keys: int) -> Tensor | None:
    """Widen `mask` by the prefix positions; None stays None when both sides are wholly visible."""
    if mask is None and prefix.mask is None:
        return None
    device = prefix.keys.device
    own = torch.ones(1, 1, 1, keys, dtype=torch.bool, device=device) if mask is None else mask
    if prefix.mask is None:
        front = torch.ones(1, 1, 1, prefix.length, dtype=torch.bool, device=device)
    else:
        front = padding_mask(prefix.mask)
    return torch.cat(
        [front.expand(rows, 1, queries, prefix.length), own.expand(rows, 1, queries, keys)],
        dim=-1,
    )

"""Multi-head scaled dot-product attention, for self- and cross-attention alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from anyglot.nn.batch_invariant import Attend, fused_attention
from anyglot.nn.cache import LayerCache, concatenate, merge_heads, split_heads
from anyglot.nn.masks import padding_mask
from anyglot.nn.prefix import Prefix


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

    Attributes:
        joined: Query, key and value of one `x` in one product, (..., D) -> (..., 3 D); None: three products. A model
            that only translates has it (`models/precision.py`).
        attend: The arithmetic between the projections.
        number_format: What queries, keys and values are rounded to in between; None: they stay as they come.
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
        self.joined: nn.Module | None = None
        self.attend: Attend = fused_attention
        self.number_format: torch.dtype | None = None

    def forward(
        self, x: Tensor, *, mask: Tensor | None, prefix: Prefix | None = None, cache: LayerCache | None = None
    ) -> Tensor:
        """Attend within the sequence, its prefix and its cached past.

        Args:
            x: States to transform.
            mask: True where a position may be attended to; None when all may. Prefix positions come in front of it
                and follow `prefix.mask`. With a cache it is what `Cache.advance` returned.
            prefix: Keys and values put in front (SGA eq. 3).
            cache: Keys and values of earlier steps; extended in place. The K rows of a sentence share them: they
                become query positions of one attention.

        Shape:
            x: (B, T, D)    mask: broadcastable to (B, H, T, T)    returns: (B, T, D)
            with a cache: x: (B * K, T, D)    mask: (B, 1, K * T, P)
        """
        projected = self._project(x)
        if cache is not None:
            rows, length, width = x.shape
            beams = cache.own.beams
            projected = [part.view(rows // beams, beams * length, width) for part in projected]
        query, key, value = (self._heads(part) for part in projected)
        if cache is not None:
            key, value = cache.own.append(key, value)
        if prefix is not None:
            rows = query.shape[0]
            mask = _mask_with_prefix(mask, prefix, rows, query.shape[2], key.shape[2])
            key = concatenate([prefix.keys.expand(rows, -1, -1, -1), key])
            value = concatenate([prefix.values.expand(rows, -1, -1, -1), value])
        return self._attend(query, key, value, mask).view(x.shape)

    def attend_memory(self, x: Tensor, memory: Memory, cache: LayerCache | None = None) -> Tensor:
        """Attend to another sequence.

        `x` may hold K rows (beams) for each row of the memory, sentence by sentence. The beams then become query
        positions of one attention, so keys and values are neither copied nor recomputed for them.

        Shape:
            x: (B * K, T, D)    memory.states: (B, S, D)    returns: (B * K, T, D)
        """
        if cache is None or cache.memory is None:
            keys, values = self._heads(self.key(memory.states)), self._heads(self.value(memory.states))
            if cache is not None:
                cache.memory = keys, values
        else:
            keys, values = cache.memory
        sentences = keys.shape[0]
        rows, length, width = x.shape
        folded = self.query(x).view(sentences, rows // sentences * length, width)
        return self._attend(self._heads(folded), keys, values, padding_mask(memory.mask)).view(rows, length, width)

    def _project(self, x: Tensor) -> Sequence[Tensor]:
        """Query, key and value: three times (B, T, D)."""
        if self.joined is None:
            return self.query(x), self.key(x), self.value(x)
        return self.joined(x).chunk(3, dim=-1)  # type: ignore[no-any-return]

    def _heads(self, states: Tensor) -> Tensor:
        """(B, T, D) -> (B, H, T, D / H), in the number format of the attention."""
        parts = split_heads(states, self.heads)
        return parts if self.number_format is None else parts.to(self.number_format)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        attended = merge_heads(self.attend(query, key, value, mask, dropout))
        output: Tensor = self.output(attended if self.number_format is None else attended.to(torch.float32))
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

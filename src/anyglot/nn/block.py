"""The one block all methods are built from."""

from __future__ import annotations

from torch import Tensor, nn

from anyglot.nn.adapter import Adapter, Grouping
from anyglot.nn.attention import Attention, Memory
from anyglot.nn.cache import LayerCache
from anyglot.nn.feedforward import FeedForward
from anyglot.nn.prefix import Prefix
from anyglot.nn.residual import Residual


class Block(nn.Module):
    """Self-attention, cross-attention (or none) and feed-forward, each in its residual connection; then, perhaps, an
    adapter.
    """

    def __init__(
        self,
        *,
        self_attention: Residual[Attention],
        cross_attention: Residual[Attention] | None,
        feedforward: Residual[FeedForward],
        adapter: Adapter | None = None,
    ) -> None:
        super().__init__()
        self.self_attention = self_attention
        self.cross_attention = cross_attention
        self.feedforward = feedforward
        self.adapter = adapter

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None,
        memory: Memory | None = None,
        prefix: Prefix | None = None,
        cache: LayerCache | None = None,
        grouping: Grouping | None = None,
    ) -> Tensor:
        """Run the block's sub-modules in order: self-attention, cross-attention, feed-forward, adapter.

        Without `memory` the cross-attention is passed over, so one block serves as an encoder block (VECO eq. 4)
        and as a decoder block (VECO eq. 6) with the same weights.

        Args:
            x: States to transform.
            mask: True where a position may be attended to; None when all may.
            memory: States and mask of the other sequence.
            prefix: Keys and values put in front of the block's own (SGA eq. 3).
            cache: Keys and values of earlier steps; extended in place.
            grouping: Which adapter each sentence goes through.

        Raises:
            ValueError: `memory` was given to a block without cross-attention, or no `grouping` to one with an adapter.

        Shape:
            x: (B, T, D)    mask: broadcastable to (B, H, T, past + T)    memory.states: (B, S, D)
            prefix.keys: (B, H, P, D / H)    returns: (B, T, D)
        """
        attention = self.self_attention.inner
        x = self.self_attention(x, lambda states: attention(states, mask=mask, prefix=prefix, cache=cache))
        if memory is not None:
            if self.cross_attention is None:
                raise ValueError(
                    "this block has no cross-attention, but memory was given. "
                    "Build the stack with cross-attention or drop memory."
                )
            crossing = self.cross_attention.inner
            x = self.cross_attention(x, lambda states: crossing.attend_memory(states, memory, cache))
        x = self.feedforward(x, self.feedforward.inner)
        if self.adapter is not None:
            if grouping is None:
                raise ValueError("this block has an adapter: say which group each sentence belongs to.")
            x = self.adapter(x, grouping)
        return x

"""A pile of blocks, and the states between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from anyglot.nn.adapter import Grouping
from anyglot.nn.attention import Memory
from anyglot.nn.block import Block
from anyglot.nn.cache import Cache
from anyglot.nn.key_value_recorder import KeyValueRecorder
from anyglot.nn.prefix import Prefix


@dataclass(frozen=True)
class StackOutput:
    """What a stack returns.

    Shape:
        last: (B, T, D), after the final norm if there is one
        states: None, or L + 1 tensors (B, T, D): the input and the output of each block. As in transformers the last
            of them is taken after the final norm.
    """

    last: Tensor
    states: tuple[Tensor, ...] | None = None


class Stack(nn.Module):
    """Blocks in a row, then a final layer norm or none (post-norm stacks have none)."""

    def __init__(self, blocks: Sequence[Block], *, final_norm: nn.LayerNorm | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.final_norm = final_norm

    def forward(
        self,
        x: Tensor,
        *,
        mask: Tensor | None,
        memory: Memory | None = None,
        prefixes: Sequence[Prefix] | None = None,
        cache: Cache | KeyValueRecorder | None = None,
        grouping: Grouping | None = None,
        keep_states: bool = False,
    ) -> StackOutput:
        """Run every block; `prefixes` and `cache` hold one entry a block, `grouping` is for their adapters.

        Shape:
            x: (B, T, D)    mask: broadcastable to (B, H, T, past + T)    memory.states: (B, S, D)
        """
        if prefixes is not None and len(prefixes) != len(self.blocks):
            raise ValueError(
                f"{len(prefixes)} prefixes were given to a stack of {len(self.blocks)} blocks. Give one a block."
            )
        states = [x]
        for index, block in enumerate(self.blocks):
            x = block(
                x,
                mask=mask,
                memory=memory,
                prefix=None if prefixes is None else prefixes[index],
                cache=None if cache is None else cache.layers[index],
                grouping=grouping,
            )
            if keep_states:
                states.append(x)
        if self.final_norm is not None:
            x = self.final_norm(x)
            states[-1] = x
        return StackOutput(last=x, states=tuple(states) if keep_states else None)

"""Prompts: trained keys and values in front of every block's own (prefix tuning; SGA section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from anyglot.nn.cache import split_heads
from anyglot.nn.prefix import Prefix


class Prompt(nn.Module):
    """Keys and values of P positions for each of L blocks, in one or more sets of which a row of the batch uses one.

    They are parameters as they stand, without a network that makes them. Each slice (P, D) begins Xavier-uniform, and
    one scalar a set, never below 1, multiplies them all (MSP and the released code of SGA; method card 3.1).

    Args:
        layers: Blocks of the stack, L.
        positions: P; 0 is an empty prompt, which changes nothing.
        width: D.
        heads: H; divides the width.
        sets: N.
    """

    def __init__(self, layers: int, positions: int, width: int, heads: int, *, sets: int = 1) -> None:
        super().__init__()
        self.heads = heads
        self.keys = nn.Parameter(torch.empty(sets, layers, positions, width))
        self.values = nn.Parameter(torch.empty(sets, layers, positions, width))
        self.scale = nn.Parameter(torch.ones(sets))
        self.precomputed: tuple[tuple[Prefix, ...], ...] | None = None
        self.reset()

    def reset(self) -> None:
        """Draw first values."""
        for table in (self.keys, self.values):
            bound = (6.0 / (table.shape[2] + table.shape[3])) ** 0.5
            nn.init.uniform_(table, -bound, bound)
        nn.init.ones_(self.scale)

    @property
    def layers(self) -> int:
        """Blocks it is for, L."""
        return self.keys.shape[1]

    @property
    def positions(self) -> int:
        """P."""
        return self.keys.shape[2]

    def precompute(self, number_format: torch.dtype | None) -> None:
        """Compute the prefixes of every set once and for all, for a prompt that no longer trains.

        Args:
            number_format: What they are rounded to; None: they stay as they are.
        """
        with torch.no_grad():
            rows = [self(torch.tensor([row], device=self.keys.device)) for row in range(len(self.keys))]
        wanted = number_format or self.keys.dtype
        self.precomputed = tuple(
            tuple(Prefix(part.keys.to(wanted).contiguous(), part.values.to(wanted).contiguous()) for part in prefixes)
            for prefixes in rows
        )

    def forward(self, chosen: Tensor | None = None) -> tuple[Prefix, ...]:
        """One prefix a block.

        Args:
            chosen: The set each row of the batch uses, or the one that all use; None: all use the first.

        Shape:
            chosen: (B,) or (1,) int64    returns: L prefixes with keys and values (B or 1, H, P, D / H)
        """
        if self.precomputed is not None:
            return self._chosen_of_precomputed(self.precomputed, chosen)
        scale = self.scale.clamp(min=1.0)[:, None, None, None]
        keys, values = self.keys * scale, self.values * scale
        # With one set nothing is copied for the rows: attention expands a single row.
        picked = (
            chosen if chosen is not None and len(keys) > 1 else torch.zeros(1, dtype=torch.int64, device=keys.device)
        )
        keys, values = keys.index_select(0, picked), values.index_select(0, picked)
        return tuple(
            Prefix(split_heads(keys[:, layer], self.heads), split_heads(values[:, layer], self.heads))
            for layer in range(self.layers)
        )

    def _chosen_of_precomputed(self, sets: tuple[tuple[Prefix, ...], ...], chosen: Tensor | None) -> tuple[Prefix, ...]:
        if chosen is None or len(sets) == 1:
            return sets[0]
        if len(chosen) == 1:
            return sets[int(chosen)]
        rows = [sets[row] for row in chosen.tolist()]
        return tuple(
            Prefix(torch.cat([part.keys for part in parts]), torch.cat([part.values for part in parts]))
            for parts in zip(*rows, strict=True)
        )


def joined_prefixes(first: Prefix, second: Prefix, rows: int) -> Prefix:
    """`first`, then `second`, for `rows` rows; a prefix without a mask is visible throughout."""
    masks = [
        torch.ones(rows, part.length, dtype=torch.bool, device=part.keys.device)
        if part.mask is None
        else part.mask.expand(rows, -1)
        for part in (first, second)
    ]
    keys = [part.keys.expand(rows, -1, -1, -1) for part in (first, second)]
    values = [part.values.expand(rows, -1, -1, -1) for part in (first, second)]
    plain = first.mask is None and second.mask is None
    return Prefix(torch.cat(keys, dim=2), torch.cat(values, dim=2), None if plain else torch.cat(masks, dim=1))

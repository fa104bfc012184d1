"""Keys and values put in front of an attention's own (prompts, or the states of another pass)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Prefix:
    """Keys and values in front of a block's own (SGA eq. 3).

    Shape:
        keys, values: (B or 1, H, P, D / H)
        mask: (B, P) bool, or None when every prefix position may be attended to
    """

    keys: Tensor
    values: Tensor
    mask: Tensor | None = None

    @property
    def length(self) -> int:
        return self.keys.shape[2]

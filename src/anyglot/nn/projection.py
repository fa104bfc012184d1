"""One linear map per target language between encoder and decoder (SixT+ section 3.3; Zhang et al., 2020)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class TargetProjection(nn.Module):
    """A D x D map with bias for every target language, chosen row by row; no activation, skip or norm.

    Row 0 stands for a language that is not known, as in the released code; the languages are rows 1 to `languages`.
    All maps are one parameter, so a language missing from a batch has a gradient of zeros and not none at all, and
    ranks whose batches hold different languages exchange gradients of one shape.

    Args:
        languages: How many are known.
        width: D.
    """

    def __init__(self, languages: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(languages + 1, width, width))
        self.bias = nn.Parameter(torch.zeros(languages + 1, width))
        self.linear: Callable[[Tensor, Tensor, Tensor | None], Tensor] = functional.linear
        # `batch_invariant_linear` where rows must not depend on each other

    def forward(self, states: Tensor, language: Tensor) -> Tensor:
        """Map every row's states by the map of its language.

        Rows of one language go through their map together: as many products as the batch has languages, and no copy
        of a map per row.

        Shape:
            states: (B, S, D)    language: (B,) int64, 0 to `languages`    returns: (B, S, D)
        """
        order = language.argsort(stable=True)
        counts = torch.bincount(language, minlength=len(self.weight)).tolist()
        groups = torch.split(states.index_select(0, order), counts)
        maps = zip(groups, self.weight.unbind(), self.bias.unbind(), strict=True)
        mapped = [self.linear(group, weight, bias) for group, weight, bias in maps if len(group)]
        return torch.cat(mapped).index_select(0, order.argsort())

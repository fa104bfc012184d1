"""Adapters: a small bottleneck behind every block, one for each group of languages (Bapna and Firat, 2019)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Grouping:
    """Which adapter each sentence of a batch goes through, found once for all blocks.

    Attributes:
        present: Adapters in use, ascending, and how many sentences each has.
        order: The sentences in the order of their adapters; None where there is one adapter.
        back: Leads from that order to the batch's; None likewise.
    """

    present: tuple[tuple[int, int], ...]
    order: Tensor | None
    back: Tensor | None

    @classmethod
    def of(cls, group: Tensor) -> Grouping:
        """The grouping of sentences whose adapters are `group`, (B,) int64."""
        counts = torch.bincount(group).tolist()
        present = tuple((index, count) for index, count in enumerate(counts) if count)
        if len(present) < 2:
            return cls(present, None, None)
        order = group.argsort(stable=True)
        return cls(present, order, order.argsort())

    @property
    def sentences(self) -> int:
        """B."""
        return sum(count for _, count in self.present)


class Adapter(nn.Module):
    """x + up(relu(down(norm(x)))), with weights of its own for each of N groups.

    All groups are one parameter a kind, so a group missing from a batch has a gradient of zeros and not none at all,
    and ranks whose batches hold different groups exchange gradients of one shape. The last map begins at zero: a fresh
    adapter changes nothing (in public code nearly nothing, as all values are about 1e-5).

    Args:
        groups: N.
        width: D.
        bottleneck: Width between the two maps, E.
        epsilon: Of the layer norm.

    Shape:
        norm_weight, norm_bias, up_bias: (N, D)    down: (N, E, D)    down_bias: (N, E)    up: (N, D, E)
    """

    def __init__(self, groups: int, width: int, bottleneck: int, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.norm_weight = nn.Parameter(torch.ones(groups, width))
        self.norm_bias = nn.Parameter(torch.zeros(groups, width))
        self.down = nn.Parameter(torch.empty(groups, bottleneck, width).normal_(std=width**-0.5))
        self.down_bias = nn.Parameter(torch.zeros(groups, bottleneck))
        self.up = nn.Parameter(torch.zeros(groups, width, bottleneck))
        self.up_bias = nn.Parameter(torch.zeros(groups, width))
        self.linear: Callable[[Tensor, Tensor, Tensor | None], Tensor] = functional.linear
        # `batch_invariant_linear` where rows must not depend on each other

    def forward(self, x: Tensor, grouping: Grouping) -> Tensor:
        """Run every sentence through the adapter of its group; as many products as the batch has groups.

        Shape:
            x: (B * K, T, D), the K rows of a sentence together    returns: the same
        """
        sentences = x.reshape(grouping.sentences, -1, x.shape[2])
        if grouping.order is None or grouping.back is None:
            changed = self._change(sentences, grouping.present[0][0])
        else:
            parts = torch.split(sentences.index_select(0, grouping.order), [count for _, count in grouping.present])
            changes = [self._change(part, index) for part, (index, _) in zip(parts, grouping.present, strict=True)]
            changed = torch.cat(changes).index_select(0, grouping.back)
        return x + changed.view(x.shape)

    def _change(self, x: Tensor, index: int) -> Tensor:
        normed = functional.layer_norm(x, (x.shape[-1],), self.norm_weight[index], self.norm_bias[index], self.epsilon)
        inner = torch.relu(self.linear(normed, self.down[index], self.down_bias[index]))
        return self.linear(inner, self.up[index], self.up_bias[index])

"""What stands on top of a stack."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class OutputProjection(nn.Module):
    """States to logits by the rows of an embedding table, shared or its own.

    Shape:
        hidden: (..., D)    weight: (V, D)    bias: (V,) or None    returns: (..., V)
    """

    def __init__(self, weight: Tensor, *, bias: nn.Parameter | None = None) -> None:
        super().__init__()
        self.weight = weight  # the table's own Parameter, so that the two stay one
        self.bias = bias

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.weight, self.bias)


class MaskedLanguageHead(nn.Module):
    """BERT's and XLM-R's head: dense, activation, norm, then the tied output with a bias.

    `transform` stops before the projection, so that a loss can take the vocabulary a chunk at a time.
    """

    def __init__(
        self, width: int, output: OutputProjection, activation: Callable[[Tensor], Tensor], *, epsilon: float
    ) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.activation = activation
        self.norm = nn.LayerNorm(width, eps=epsilon)
        self.output = output

    def transform(self, hidden: Tensor) -> Tensor:
        """(..., D) -> (..., D), ready for the output projection."""
        normed: Tensor = self.norm(self.activation(self.dense(hidden)))
        return normed

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., D) -> logits (..., V)."""
        logits: Tensor = self.output(self.transform(hidden))
        return logits


class Pooler(nn.Module):
    """BERT's pooler: tanh of a dense layer on the first token's state; (B, S, D) -> (B, D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.tanh(self.dense(hidden[:, 0]))

"""The position-wise feed-forward sub-module."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional


def gelu(x: Tensor) -> Tensor:
    """The exact (erf) GELU of XLM-R, BERT and mBART."""
    return functional.gelu(x)


def gelu_tanh(x: Tensor) -> Tensor:
    """The tanh approximation, which the SixT+ decoder uses (fairseq calls it `gelu_accurate`)."""
    return functional.gelu(x, approximate="tanh")


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x), which Marian's models use (Marian calls it `swish`)."""
    return functional.silu(x)


class FeedForward(nn.Module):
    """Widen, activate, narrow.

    Args:
        width: D.
        inner_width: Width between the two matrices.
        activation: A function of a tensor, e.g. `gelu`, `gelu_tanh`, `torch.relu`.
        dropout: Probability of dropping an activation in training.

    Shape:
        x: (B, T, D)    returns: (B, T, D)
    """

    def __init__(
        self, width: int, inner_width: int, activation: Callable[[Tensor], Tensor], *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.up = nn.Linear(width, inner_width)
        self.down = nn.Linear(inner_width, width)
        self.activation = activation
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        narrowed: Tensor = self.down(self.dropout(self.activation(self.up(x))))
        return narrowed

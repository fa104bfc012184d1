"""Int8 products: weights with one scale a row of the matrix, activations with one scale a row, found as they come.

The sum over the width is one of integers, so it is exact in any order and a row's result does not depend on other rows
(`row_filling.py` makes sure: a kernel that saturates on its way would be found out).
With a scale per tensor instead of per row the largest number of a batch would decide how its other rows are rounded.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from anyglot.nn.batch_invariant import batch_invariant_rows
from anyglot.nn.heads import OutputProjection, Parts
from anyglot.nn.row_filling import filled

LARGEST = 127


def quantise_rows(x: Tensor) -> tuple[Tensor, Tensor]:
    """Round every row to int8 so that its largest value becomes +-127.

    A row that holds inf or nan keeps it in its scale, so that it comes out again instead of an innocent number.

    Shape:
        x: (rows, D)    returns: int8 (rows, D) and the scales (rows, 1) float32, with x ~ int8 * scale
    """
    x = x.float()
    scale = x.abs().amax(dim=1, keepdim=True).clamp_(min=1e-20).mul_(1.0 / LARGEST)
    return (x / scale).round_().to(torch.int8), scale


def integer_product(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight.T in int32.  x: (rows, D) int8    weight: (N, D) int8    returns: (rows, N) int32."""
    # The transposed view is what the kernel reads best: a copy would cost more than the product.
    return filled(lambda rows: torch._int_mm(rows, weight.t()), x, batch_invariant_rows(x))


class QuantisedLinear(nn.Module):
    """A Linear in int8.

    Args:
        weight: int8.
        scale: Of each row of the weight.
        bias: float32, or None.

    Shape:
        weight: (N, D)    scale: (N,)    bias: (N,)    x: (..., D) float32    returns: (..., N) float32
    """

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)
        self.weight: Tensor
        self.scale: Tensor
        self.bias: Tensor | None

    @classmethod
    def of(cls, linear: nn.Linear) -> QuantisedLinear:
        """The nearest int8 layer to a Linear."""
        weight, scale = quantise_rows(linear.weight.detach())
        return cls(weight, scale[:, 0], None if linear.bias is None else linear.bias.detach().float())

    def forward(self, x: Tensor) -> Tensor:
        rows, scale = quantise_rows(x.reshape(-1, x.shape[-1]))
        product = integer_product(rows, self.weight).float().mul_(scale).mul_(self.scale)
        if self.bias is not None:
            product.add_(self.bias)
        return product.view(*x.shape[:-1], -1)


class QuantisedTable(nn.Module):
    """Rows of an embedding table in int8, for every use of it: looked up as vectors, multiplied as an output.

    Shape:
        weight: (V, D) int8    scale: (V, 1) float32    tokens: (...) int64    returns: (..., D) float32
    """

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        weight, scale = quantise_rows(table.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.weight: Tensor
        self.scale: Tensor

    def forward(self, tokens: Tensor) -> Tensor:
        return self.weight[tokens] * self.scale[tokens]


class QuantisedOutput(OutputProjection):
    """The output projection by a table in int8, whole or restricted to kept rows."""

    def __init__(self, table: QuantisedTable, *, bias: nn.Parameter | None = None) -> None:
        super().__init__(table.weight, bias=bias)
        self.scale = table.scale

    def parts(self, hidden: Tensor) -> Parts:
        states, row_scale = quantise_rows(hidden)
        weight, bias = self.matrix()
        scale = self._kept("scale", self.scale)[:, 0]

        def part(start: int, stop: int) -> Tensor:
            logits = integer_product(states, weight[start:stop]).float().mul_(scale[start:stop]).mul_(row_scale)
            return logits if bias is None else logits.add_(bias[start:stop])

        return part

    def forward(self, hidden: Tensor) -> Tensor:
        logits = self.parts(hidden.reshape(-1, hidden.shape[-1]))(0, self.size)
        return logits.view(*hidden.shape[:-1], -1)

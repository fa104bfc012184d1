"""The residual connection around a sub-module, with its layer norm and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from torch import Tensor, nn

Inner = TypeVar("Inner", bound=nn.Module)


class Residual(nn.Module, Generic[Inner]):
    """A sub-module with its layer norm, dropout and skip connection.

    post-norm: norm(x + dropout(f(x)))        pre-norm: x + dropout(f(norm(x)))

    Dropping the skip (`skip = False`) leaves everything else in place, dropout and norm included: the positional
    disentangling of SixT+ section 2.2 is this switch on one self-attention.

    Args:
        inner: The sub-module, kept under the name `inner`.
        width: D, for the layer norm.
        norm_first: Pre-norm when True.
        epsilon: Of the layer norm.
        dropout: On the sub-module's output.
        skip: Whether `x` is added back.
    """

    def __init__(
        self,
        inner: Inner,
        width: int,
        *,
        norm_first: bool,
        epsilon: float = 1e-5,
        dropout: float = 0.0,
        skip: bool = True,
    ) -> None:
        super().__init__()
        self.inner = inner
        self.norm = nn.LayerNorm(width, eps=epsilon)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first
        self.skip = skip

    def forward(self, x: Tensor, transform: Callable[[Tensor], Tensor]) -> Tensor:
        """Run `transform`, a call of `inner` with its arguments bound, inside the connection.

        Shape:
            x: (B, T, D)    returns: (B, T, D)
        """
        changed: Tensor = self.dropout(transform(self.norm(x) if self.norm_first else x))
        if self.skip:
            changed = x + changed
        if not self.norm_first:
            changed = self.norm(changed)
        return changed

    def extra_repr(self) -> str:
        return f"norm_first={self.norm_first}, skip={self.skip}"

"""What stands on top of a stack."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyglot.nn.vocabulary_subset import VocabularySubset

Parts = Callable[[int, int], Tensor]
"""Logits of the tokens from start up to stop, (rows, stop - start), in a tensor that the caller may change."""


class OutputProjection(nn.Module):
    """States to logits by the rows of an embedding table, shared or its own.

    With `rows` the output has only those of the table (`restrict`): logits are then of C kept rows instead of V,
    numbered by place among them. They are gathered once, not at every use, while the table does not train.

    Shape:
        hidden: (..., D)    weight: (V, D)    bias: (V,) or None    returns: (..., V), or (..., C) when restricted
    """

    def __init__(self, weight: Tensor, *, bias: nn.Parameter | None = None) -> None:
        super().__init__()
        self.weight = weight  # the table's own Parameter, so that the two stay one
        self.bias = bias
        self.rows: VocabularySubset | None = None
        self.linear: Callable[[Tensor, Tensor, Tensor | None], Tensor] = functional.linear
        # `batch_invariant_linear` where rows must not depend on each other
        self._gathered: dict[str, tuple[Tensor, int, Tensor]] = {}

    @property
    def size(self) -> int:
        """Logits a state gets: V, or C when restricted."""
        return len(self.rows) if self.rows is not None else self.weight.shape[0]

    def restrict(self, rows: VocabularySubset | None) -> None:
        """Keep these rows only, or all again with None. The table itself stays whole."""
        if rows is not None and rows.full_size != self.weight.shape[0]:
            raise ValueError(f"the table has {self.weight.shape[0]} rows, the choice is among {rows.full_size}.")
        self.rows = rows
        self._gathered = {}

    def matrix(self) -> tuple[Tensor, Tensor | None]:
        """The weight and bias that are multiplied: (V, D) and (V,), or (C, D) and (C,) when restricted."""
        bias = None if self.bias is None else self._kept("bias", self.bias)
        return self._kept("weight", self.weight), bias

    def targets(self, ids: Tensor) -> Tensor:
        """Gold ids as rows of `matrix()`; any shape, int64. Raises ValueError for one that is not kept."""
        return ids if self.rows is None else self.rows.compact(ids)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.linear(hidden, *self.matrix())

    def parts(self, hidden: Tensor) -> Parts:
        """The logits of states, (rows, D), to be computed a range of tokens at a time."""
        weight, bias = self.matrix()
        return lambda start, stop: self.linear(hidden, weight[start:stop], None if bias is None else bias[start:stop])

    def _kept(self, name: str, full: Tensor) -> Tensor:
        if self.rows is None:
            return full
        if full.requires_grad and torch.is_grad_enabled():
            return full.index_select(0, self.rows.ids)
        # Values at rest still change now and then: when weights are loaded, or after an update.
        version = 0 if full.is_inference() else full._version
        known = self._gathered.get(name)
        if known is None or known[0] is not full or known[1] != version:
            known = (full, version, full.detach().index_select(0, self.rows.ids))
            self._gathered[name] = known
        return known[2]

    def train(self, mode: bool = True) -> OutputProjection:
        self._gathered = {}  # training lies behind or ahead; a fused optimizer need not count versions
        super().train(mode)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> OutputProjection:
        self._gathered = {}  # another device or precision, perhaps under the same parameter object
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


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


class VectorPooler(nn.Module):
    """BERT's pooler on a vector that was chosen already: (B, D) -> (B, D)."""

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, vector: Tensor) -> Tensor:
        return torch.tanh(self.dense(vector))


class ClassificationHead(nn.Module):
    """Class logits of a text from one vector: dropout, dense, tanh, dropout, linear (XTREME's; RoBERTa's in fairseq).

    Args:
        pooler: Comes first, on that vector (jiant's form, method card 6.1); None: the vector itself (XTREME's).
        dense: False leaves the hidden layer out: dropout and linear.

    Shape:
        vector: (B, D)    returns: (B, classes)
    """

    def __init__(
        self, width: int, classes: int, *, dropout: float, pooler: nn.Module | None = None, dense: bool = True
    ) -> None:
        super().__init__()
        self.pooler = pooler
        self.dense = nn.Linear(width, width) if dense else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, classes)

    def forward(self, vector: Tensor) -> Tensor:
        if self.pooler is not None:
            vector = self.pooler(vector)
        hidden = self.dropout(vector)
        if self.dense is not None:
            hidden = self.dropout(torch.tanh(self.dense(hidden)))
        logits: Tensor = self.output(hidden)
        return logits


class PositionHead(nn.Module):
    """Dropout and a linear layer at every position: tags, or where an answer begins and ends.

    Shape:
        states: (..., D)    returns: (..., classes)
    """

    def __init__(self, width: int, classes: int, *, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, classes)

    def forward(self, states: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dropout(states))
        return logits

"""What a model is trained on: frozen bundles of tensors."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

IGNORED = -100
"""Label of a position at which nothing is predicted."""


@dataclass(frozen=True, eq=False)
class TensorBatch:
    """What all batches can do."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The same batch on another device."""
        moved = {name: tensor.to(device, non_blocking=non_blocking) for name, tensor in self._tensors().items()}
        batch = type(self)(**moved)
        # Counted before the move: counting on an accelerator would wait for it.
        batch.__dict__["target_tokens"] = self._count()
        return batch

    def rows(self, start: int, end: int) -> Self:
        """The sentences `start` to `end` (exclusive), still padded as before: for splitting a batch that is too big."""
        return type(self)(**{name: tensor[start:end] for name, tensor in self._tensors().items()})

    def _tensors(self) -> dict[str, Tensor]:
        """The tensors there are; what is absent stays absent in copies."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: tensor for name, tensor in named if tensor is not None}

    @cached_property
    def target_tokens(self) -> int:
        """What the loss is normalized by: predicted tokens, rows or words, whatever the batch predicts."""
        return self._count()

    def __len__(self) -> int:
        return int(getattr(self, fields(self)[0].name).shape[0])

    def _count(self) -> int:
        raise TypeError("a batch says what it predicts")


@dataclass(frozen=True, eq=False)
class TranslationBatch(TensorBatch):
    """Sentence pairs, padded on the right.

    Shape:
        source, source_mask: (B, S)    target_input, target_output, target_mask: (B, T)
        pairs, target_language, group: (B,)    source_states: (B, S, D)

    Attributes:
        source: `<s> x </s>`.
        source_mask: True at real tokens.
        target_input: `</s> y`, what the decoder reads: the end symbol moved to the front (fairseq's convention). A
            checkpoint with language tokens starts with other ids (`text/templates.py`).
        target_output: `y </s>`, what it predicts; pad where `target_mask` is False.
        target_mask: True where a token is predicted: at the real tokens of input and output alike, but for start tokens
            in front of the last one.
        pairs: Corpus of each row; `Loader.names[i]` is its language pair.
        target_language: Row of the target projection for each row; None for models without one.
        source_states: The encoder's final states where they are known beforehand; None: the encoder makes them.
        group: The group each row belongs to (`text/language_groups.py`); None for models without groups.
    """

    source: Tensor
    source_mask: Tensor
    target_input: Tensor
    target_output: Tensor
    target_mask: Tensor
    pairs: Tensor
    target_language: Tensor | None = None
    source_states: Tensor | None = None
    group: Tensor | None = None

    def with_sources(self, rows: Tensor) -> Self:
        """The same targets, the one of row i with the source of row `rows[i]`.

        What says where a pair is from (`pairs`, `group`) stays with the target, as what says into which language it
        goes: rows of different pairs should not be mixed. Validation sets hold one pair each.

        Shape:
            rows: (B,) int64
        """
        named = ("source", "source_mask", "source_states")
        moved = {name: tensor[rows] for name, tensor in self._tensors().items() if name in named}
        batch = replace(self, **moved)
        batch.__dict__["target_tokens"] = self.target_tokens
        return batch

    def _count(self) -> int:
        """Number of predicted tokens, the end symbols included."""
        return int(self.target_mask.sum())


@dataclass(frozen=True, eq=False)
class MaskedBatch(TensorBatch):
    """Text with some tokens hidden, padded on the right.

    Shape:
        tokens, mask, labels: (B, S)

    Attributes:
        tokens: What the model reads.
        mask: True at real tokens.
        labels: The original token where one is to be predicted, `IGNORED` (-100) elsewhere.
    """

    tokens: Tensor
    mask: Tensor
    labels: Tensor

    def _count(self) -> int:
        """Number of predicted tokens."""
        return int((self.labels != IGNORED).sum())


@dataclass(frozen=True, eq=False)
class TextBatch(TensorBatch):
    """Text as it is, padded on the right.

    Shape:
        tokens, mask: (B, S)

    Attributes:
        tokens: `<s> a </s> b </s>`.
        mask: True at real tokens.
    """

    tokens: Tensor
    mask: Tensor

    def _count(self) -> int:
        """Number of tokens that have one before them."""
        return int(self.mask[:, 1:].sum())


@dataclass(frozen=True, eq=False)
class SegmentBatch(TensorBatch):
    """Two segments a row with some tokens hidden: neighbours in a text, or a sentence in two languages (VECO 2.2).

    Shape:
        first, first_mask, first_labels: (B, S)    second, second_mask, second_labels: (B, T)
        joined, joined_mask, joined_labels: (B, J), J the longest row, at most S + T - 1

    Attributes:
        first, second: `<s> x </s>` and `<s> y </s>` as the model reads them, padded on the right.
        first_mask, second_mask: True at real tokens.
        first_labels, second_labels: As in `MaskedBatch`.
        joined: Of sentence pairs `<s> x </s> y </s>`, with the same tokens hidden; None for neighbours in a text.
    """

    first: Tensor
    first_mask: Tensor
    first_labels: Tensor
    second: Tensor
    second_mask: Tensor
    second_labels: Tensor
    joined: Tensor | None = None
    joined_mask: Tensor | None = None
    joined_labels: Tensor | None = None

    def _count(self) -> int:
        """Number of hidden tokens of both segments."""
        return int((self.first_labels != IGNORED).sum() + (self.second_labels != IGNORED).sum())


Batch = TranslationBatch | MaskedBatch | TextBatch | SegmentBatch

"""What an understanding task is trained on: rows of tokens with a class, a tag at some positions, or a span."""

from dataclasses import dataclass

from torch import Tensor

from anyglot.data.batch import IGNORED, TensorBatch


@dataclass(frozen=True, eq=False)
class ClassBatch(TensorBatch):
    """Texts or pairs of texts with a class, padded on the right.

    Shape:
        tokens, mask, segments: (B, S), or (B, C, S) with C choices a row    labels: (B,)

    Attributes:
        mask: True at real tokens.
        labels: Class index, or the index of the right choice.
        segments: BERT's token types; None for all others.
    """

    tokens: Tensor
    mask: Tensor
    labels: Tensor
    segments: Tensor | None = None

    def _count(self) -> int:
        """Number of rows."""
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class TagBatch(TensorBatch):
    """Sentences with a tag at the first sub-piece of each word, padded on the right.

    Shape:
        tokens, mask, labels, segments: (B, S)

    Attributes:
        labels: Tag index, `IGNORED` (-100) where a token is no word's first.
    """

    tokens: Tensor
    mask: Tensor
    labels: Tensor
    segments: Tensor | None = None

    def _count(self) -> int:
        """Number of tagged words."""
        return int((self.labels != IGNORED).sum())


@dataclass(frozen=True, eq=False)
class SpanBatch(TensorBatch):
    """Questions with a window of their context each, padded on the right.

    Shape:
        tokens, mask, segments: (B, S)    first, last: (B,)

    Attributes:
        first, last: Positions of the answer's first and last token; both 0 where it is not in the window.
    """

    tokens: Tensor
    mask: Tensor
    first: Tensor
    last: Tensor
    segments: Tensor | None = None

    def _count(self) -> int:
        """Number of windows."""
        return len(self.first)


LabelledBatch = ClassBatch | TagBatch | SpanBatch

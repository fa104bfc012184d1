"""What a model reads for each kind of task: token rows, not padded yet, and where in them answers are asked for.

| kind | row | made by |
|---|---|---|
| classification, ranking | `TextRow` | `text_rows.text_rows` |
| choice | `ChoiceRow` | `text_rows.choice_rows` |
| tagging | `TagRow`, one or more of a sentence | `tag_rows.tag_rows` |
| answering | `SpanRow`, one or more of a question | `span_rows.span_rows` |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class TextRow:
    """A text or a pair of texts in its frame.

    Attributes:
        tokens: Token ids, (T,) int32.
        segments: 0 or 1 for each token, (T,) int32, of a pair where the tokenizer's family has segments (BERT); None
            otherwise: the same as all 0.
    """

    tokens: NDArray[np.int32]
    segments: NDArray[np.int32] | None


@dataclass(frozen=True, eq=False, slots=True)
class ChoiceRow:
    """One row for each choice of an example, in their order."""

    choices: tuple[TextRow, ...]


@dataclass(frozen=True, eq=False, slots=True)
class TagRow:
    """A sentence, or a window of a long one.

    Attributes:
        tokens: Token ids, (T,) int32.
        example: Index of the sentence in the list the rows were made of.
        positions: Index in `tokens` of the piece that carries the label of each word here, (W,) int32, ascending.
        words: Index of these words in the sentence, (W,) int32, ascending.
    """

    tokens: NDArray[np.int32]
    example: int
    positions: NDArray[np.int32]
    words: NDArray[np.int32]


@dataclass(frozen=True, eq=False, slots=True)
class SpanRow:
    """A question and a window of its context, of C tokens.

    Attributes:
        tokens: Token ids, (T,) int32: question first.
        segments: As in `TextRow`.
        example: Index of the question in the list the rows were made of.
        context_first: Index in `tokens` of the window's first context token.
        context_offset: Index of that token among all tokens of the context.
        starts: Where each context token begins in the context, in characters (code points), (C,) int32.
        ends: Where it ends, exclusive, (C,) int32.
        answer_first: Index in `tokens` of the first token of the first gold answer; 0 where the window does not hold
            the whole of it (the first token stands for "not here"); -1 where no answer is known, or no token covers it.
        answer_last: The same for its last token, inclusive.
    """

    tokens: NDArray[np.int32]
    segments: NDArray[np.int32] | None
    example: int
    context_first: int
    context_offset: int
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    answer_first: int
    answer_last: int

    @property
    def context_end(self) -> int:
        """Index in `tokens` behind the window's last context token."""
        return self.context_first + len(self.starts)

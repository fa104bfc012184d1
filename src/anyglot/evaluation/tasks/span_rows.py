"""Rows of answering: a question and a window of its context, as many windows as the context needs.

Gold answers are found by their characters (`text/offsets.py`), not by words between spaces: in Chinese, Japanese and
Thai the latter snaps an answer to the whole clause it stands in (method card 6.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import Answer, QuestionExample
from anyglot.evaluation.tasks.pairs import PairFrame, room_in
from anyglot.evaluation.tasks.rows import SpanRow
from anyglot.text.encoder_templates import EncoderTemplate

# Tokens of a question that are read (the SQuAD code's `max_query_length`, method card 6.1).
LONGEST_QUESTION = 64


class _Context(NamedTuple):
    """A context's tokens and where they stand in it, and the first gold answer's first and last token, or None."""

    ids: Sequence[int]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    answer: tuple[int, int] | None


def span_rows(
    examples: Sequence[QuestionExample],
    framing: EncoderTemplate,
    language: str | None,
    limit: int,
    stride: int,
    *,
    longest_question: int = LONGEST_QUESTION,
) -> list[SpanRow]:
    """The rows of questions, in order, each question's windows from the front of its context to the end.

    Args:
        language: Of question and context; needed where the checkpoint has language tokens.
        limit: Most tokens of a row. Only the context is read in windows; a question is cut off at `longest_question`
            tokens, or at half of the row's room where that is less.
        stride: Tokens by which a window is behind the last one (`doc_stride` in the SQuAD code; what transformers'
            tokenizers call `stride` is the overlap instead). Where a window is shorter than that, its length.

    Raises:
        UserError: The limit has no room for text, the stride is below 1, the checkpoint has no token for the language,
            or the tokenizer's tokens cannot be found in the text.
    """
    if stride < 1:
        raise UserError(f"the stride is {stride}; windows of a context must be 1 token or more apart.")
    frame = PairFrame.of(framing, language)
    room = room_in(limit, frame.around_two, 2)
    questions = framing.tokenizer.encode([example.question for example in examples])
    # Questions about one context often follow each other, and it is read once for all of them.
    texts = list(dict.fromkeys(example.context for example in examples))
    contexts = dict(zip(texts, framing.tokenizer.encode_with_offsets(texts), strict=True))
    rows: list[SpanRow] = []
    for number, (example, question) in enumerate(zip(examples, questions, strict=True)):
        ids, offsets = contexts[example.context]
        table = np.asarray(offsets, dtype=np.int32).reshape(-1, 2)
        starts, ends = table[:, 0].copy(), table[:, 1].copy()
        answer = token_span(starts, ends, example.answers[0]) if example.answers else None
        asked = question[: min(longest_question, room // 2)]
        context = _Context(ids, starts, ends, answer)
        rows += _rows_of(number, asked, context, frame, room - len(asked), stride)
    return rows


def token_span(starts: NDArray[np.int32], ends: NDArray[np.int32], answer: Answer) -> tuple[int, int] | None:
    """The first and the last token, inclusive, that share a character with an answer; None if there are none.

    Args:
        starts: Where each token begins, (C,), ascending.
        ends: Where it ends, exclusive, (C,), ascending.
    """
    bare = answer.text.strip()
    begin = answer.start + len(answer.text) - len(answer.text.lstrip())
    first = int(np.searchsorted(ends, begin, side="right"))
    last = int(np.searchsorted(starts, begin + len(bare), side="left")) - 1
    return (first, last) if bare and first <= last else None


def window_starts(length: int, room: int, stride: int) -> range:
    """Where the windows of a context of `length` tokens begin; the last one is the first that reaches its end."""
    step = min(stride, room)
    return range(0, max(length - room, 0) + step, step)


def _rows_of(
    number: int, question: Sequence[int], context: _Context, frame: PairFrame, room: int, stride: int
) -> list[SpanRow]:
    context_first = len(frame.outside.front) + len(question) + len(frame.style.between)
    rows = []
    for begin in window_starts(len(context.ids), room, stride):
        end = min(begin + room, len(context.ids))
        both = frame.two(question, context.ids[begin:end])
        first = last = -1
        if context.answer is not None:
            inside = begin <= context.answer[0] and context.answer[1] < end
            first, last = (context_first - begin + place if inside else 0 for place in context.answer)
        rows.append(
            SpanRow(
                tokens=both.tokens,
                segments=both.segments,
                example=number,
                context_first=context_first,
                context_offset=begin,
                starts=context.starts[begin:end],
                ends=context.ends[begin:end],
                answer_first=first,
                answer_last=last,
            )
        )
    return rows

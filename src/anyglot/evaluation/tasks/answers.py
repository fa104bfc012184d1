"""Answers from what a model says of each token: the best spans over all windows of a context, as its characters.

- The score of a span is its first token's start logit and its last token's end logit together; the best 20 are kept, of
  at most 30 tokens; "there is no answer" is none of them (SQuAD code, method card 6.1).
- A token in several windows may begin an answer only in the one where it has most context on its shorter side (the
  SQuAD code's `token_is_max_context`, which XTREME has too). It can be switched off.
- All spans are weighed. The SQuAD code weighs those between the 20 best starts and the 20 best ends of a window only,
  so it can miss the best one.
- The answer is cut out of the original text, from where its first token begins to where its last ends. The SQuAD code
  takes the words around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.tasks.examples import QuestionExample
from anyglot.evaluation.tasks.predictions import AnswerPrediction
from anyglot.evaluation.tasks.rows import SpanRow

Logits = NDArray[np.floating]

BEST = 20
LONGEST_ANSWER = 30


def answers(
    examples: Sequence[QuestionExample],
    rows: Sequence[SpanRow],
    start_logits: Sequence[Logits],
    end_logits: Sequence[Logits],
    *,
    best: int = BEST,
    longest: int = LONGEST_ANSWER,
    max_context: bool = True,
) -> list[AnswerPrediction]:
    """The answer to each question; "" at 0, with nothing in its n-best list, where its context has no token.

    Args:
        rows: All rows of these examples, a question's one behind the other.
        start_logits: For each row its tokens' logits to begin the answer, (T,) or more behind.
        end_logits: The same for its last token.
        best: Spans in the n-best list, each of other characters.
        longest: Most tokens of an answer.
        max_context: Whether a token may begin an answer only in the window where it has most context.
    """
    predictions = [AnswerPrediction("", 0, 0.0)] * len(examples)
    for number, indices in groupby(range(len(rows)), lambda index: rows[index].example):
        own = list(indices)
        windows = [rows[index] for index in own]
        allowed = most_context(windows) if max_context else [np.ones(len(row.starts), np.bool_) for row in windows]
        candidates = [
            _candidates(rows[index], start_logits[index], end_logits[index], longest, here)
            for index, here in zip(own, allowed, strict=True)
        ]
        scores, firsts, lasts = (np.concatenate(parts) for parts in zip(*candidates, strict=True))
        context = examples[number].context
        found = _best_spans(context, scores, firsts, lasts, best)
        if found:
            text, start, score = found[0]
            predictions[number] = AnswerPrediction(text, start, score, tuple(found))
    return predictions


def most_context(windows: Sequence[SpanRow]) -> list[NDArray[np.bool_]]:
    """For each window of one context which of its tokens, (C,), have most context in it.

    The context of a token is the smaller of the numbers of tokens in front of it and behind it, plus a hundredth of the
    window's length; of windows with as much the first has the token.
    """
    length = max((row.context_offset + len(row.starts) for row in windows), default=0)
    context = np.full((len(windows), length), -1.0)
    for number, row in enumerate(windows):
        count = len(row.starts)
        place = np.arange(count)
        inside = slice(row.context_offset, row.context_offset + count)
        context[number, inside] = np.minimum(place, count - 1 - place) + 0.01 * count
    owner = context.argmax(axis=0) if length else np.zeros(0, np.int64)
    return [
        owner[row.context_offset : row.context_offset + len(row.starts)] == number for number, row in enumerate(windows)
    ]


def _candidates(
    row: SpanRow, start_logits: Logits, end_logits: Logits, longest: int, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """All spans of a window: their scores, first characters, and ends; (spans,) each, by first token, then length."""
    count = len(row.starts)
    inside = slice(row.context_first, row.context_first + count)
    begins = np.asarray(start_logits[inside], dtype=np.float64)
    finishes = np.asarray(end_logits[inside], dtype=np.float64)
    firsts = np.repeat(np.flatnonzero(allowed), longest)
    lasts = firsts + np.tile(np.arange(longest), int(allowed.sum()))
    firsts, lasts = firsts[lasts < count], lasts[lasts < count]
    return begins[firsts] + finishes[lasts], row.starts[firsts], row.ends[lasts]


def _best_spans(
    context: str,
    scores: NDArray[np.float64],
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    best: int,
) -> list[tuple[str, int, float]]:
    """The best spans of different characters, surrounding white space left out, by descending score."""
    wanted = min(4 * best, len(scores))
    while wanted:
        top = np.argpartition(-scores, wanted - 1)[:wanted] if wanted < len(scores) else np.arange(len(scores))
        found = _different(context, scores, starts, ends, top[np.lexsort((top, -scores[top]))], best)
        if len(found) == best or wanted == len(scores):
            return found
        wanted = min(4 * wanted, len(scores))
    return []


def _different(
    context: str,
    scores: NDArray[np.float64],
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    order: NDArray[np.int64],
    best: int,
) -> list[tuple[str, int, float]]:
    seen: set[tuple[int, int]] = set()
    found: list[tuple[str, int, float]] = []
    for index in order.tolist():
        start, end = int(starts[index]), int(ends[index])
        text = context[start:end].lstrip()
        start, text = end - len(text), text.rstrip()
        if text and (start, len(text)) not in seen:
            seen.add((start, len(text)))
            found.append((text, start, float(scores[index])))
            if len(found) == best:
                break
    return found

"""The best spans are those an exhaustive search finds, cut out of the text as it was."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from anyglot.evaluation.tasks.answers import answers, most_context
from anyglot.evaluation.tasks.examples import Answer, QuestionExample
from anyglot.evaluation.tasks.rows import SpanRow
from anyglot.evaluation.tasks.span_rows import span_rows
from support.tiny_tokenizers import WORDS, bert, framing, sentencepiece

Found = list[tuple[str, int, float]]


def questions(seed: int, count: int) -> list[QuestionExample]:
    random = np.random.default_rng(seed)
    contexts = [
        str(random.choice(["", " ", "  "])).join(random.choice(WORDS, size=random.integers(0, 40))) + "  "
        for _ in range(count)
    ]
    return [QuestionExample(str(number), "who built", text, ()) for number, text in enumerate(contexts)]


def logits(rows: list[SpanRow], seed: int) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Random, as long as padded rows of one batch are."""
    random = np.random.default_rng(seed)
    length = max(len(row.tokens) for row in rows) + 3
    made = random.normal(size=(2, len(rows), length)).astype(np.float32)
    return list(made[0]), list(made[1])


def shared(rows: list[SpanRow], own: list[int], index: int, place: int) -> bool:
    """Whether another window has more context for a token, as the SQuAD code asks."""
    best, owner = -1.0, -1
    token = rows[index].context_offset + place
    for other in own:
        left = token - rows[other].context_offset
        right = len(rows[other].starts) - 1 - left
        if left >= 0 and right >= 0 and (score := min(left, right) + 0.01 * len(rows[other].starts)) > best:
            best, owner = score, other
    return owner != index


def exhaustive(
    context: str,
    rows: list[SpanRow],
    own: list[int],
    starts: list[NDArray[np.float32]],
    ends: list[NDArray[np.float32]],
    longest: int,
    max_context: bool,
) -> Found:
    scores: dict[tuple[int, str], float] = {}
    for index in own:
        row = rows[index]
        for first in range(len(row.starts)):
            if max_context and shared(rows, own, index, first):
                continue
            for last in range(first, min(first + longest, len(row.starts))):
                begin, text = int(row.starts[first]), context[int(row.starts[first]) : int(row.ends[last])]
                begin += len(text) - len(text.lstrip())
                score = float(starts[index][row.context_first + first]) + float(ends[index][row.context_first + last])
                if text.strip():
                    key = begin, text.strip()
                    scores[key] = max(score, scores.get(key, score))
    return sorted(((text, begin, score) for (begin, text), score in scores.items()), key=lambda found: -found[2])


@pytest.mark.parametrize("max_context", [True, False])
@pytest.mark.parametrize("longest", [1, 4, 30])
def test_the_best_spans_are_those_of_an_exhaustive_search(longest: int, max_context: bool) -> None:
    for seed, tokenizer in enumerate([sentencepiece(), bert()]):
        examples = questions(seed, 25)
        rows = span_rows(examples, framing(tokenizer), None, 30, 6)
        starts, ends = logits(rows, seed)
        predicted = answers(examples, rows, starts, ends, best=7, longest=longest, max_context=max_context)
        assert len(predicted) == len(examples)
        for number, (example, prediction) in enumerate(zip(examples, predicted, strict=True)):
            own = [index for index, row in enumerate(rows) if row.example == number]
            expected = exhaustive(example.context, rows, own, starts, ends, longest, max_context)[:7]
            assert [found[:2] for found in prediction.best] == [found[:2] for found in expected]
            assert [found[2] for found in prediction.best] == pytest.approx([found[2] for found in expected])
            if expected:
                assert (prediction.text, prediction.start) == expected[0][:2]
            for text, start, _ in prediction.best:
                assert example.context[start : start + len(text)] == text == text.strip() != ""


def test_gold_answers_come_back_from_logits_that_point_at_them() -> None:
    """In every script and with what normalization changes in front of it."""
    cases = [
        ("ｆｕｌｌ ﬁn  das alte Haus", "alte Haus"),
        ("古い家は川の近くにある", "川の近く"),
        ("😀 e\u0301 บ้าน หลัง เก่า", "หลัง"),
        ("الكتاب على الطاولة والبيت", "الطاولة"),
        ("नदी के पास पुराना घर है", "पुराना घर"),
        ("\ud800 這座房子很老在河邊", "房子很老"),
    ]
    examples = [
        QuestionExample(str(number), "who", context, (Answer(context.index(text), text),))
        for number, (context, text) in enumerate(cases)
    ]
    rows = span_rows(examples, framing(sentencepiece()), None, 20, 4)
    starts, ends = ([np.zeros(len(row.tokens), np.float32) for row in rows] for _ in range(2))
    for row, start, end in zip(rows, starts, ends, strict=True):
        if row.answer_first > 0:
            start[row.answer_first] = end[row.answer_last] = 5
    for example, prediction in zip(examples, answers(examples, rows, starts, ends, max_context=False), strict=True):
        assert example.answers[0].text in prediction.text and prediction.score == 10
        # A piece may be longer than the answer, but not by words.
        assert len(prediction.text) <= len(example.answers[0].text) + 3
        assert prediction.start <= example.answers[0].start


def test_a_context_without_a_token_has_the_empty_answer() -> None:
    examples = [QuestionExample("1", "who", "", ()), QuestionExample("2", "who", "das", ())]
    rows = span_rows(examples, framing(sentencepiece()), None, 20, 4)
    starts, ends = logits(rows, 0)
    none, some = answers(examples, rows, starts, ends)
    assert (none.text, none.start, none.score, none.best) == ("", 0, 0.0, ())
    assert some.text and some.best[0] == (some.text, some.start, some.score)


def test_each_token_has_most_context_in_one_window() -> None:
    rows = span_rows(questions(3, 12), framing(sentencepiece()), None, 26, 5)
    for number in range(12):
        own = [row for row in rows if row.example == number]
        length = max(row.context_offset + len(row.starts) for row in own)
        times = np.zeros(length, int)
        for row, allowed in zip(own, most_context(own), strict=True):
            times[row.context_offset : row.context_offset + len(row.starts)] += allowed
        assert (times == 1).all()

"""Answers against scorers written plainly from their description (method card 6.4), on random texts in many scripts."""

from __future__ import annotations

import random
import re
import string
import unicodedata

import numpy as np
import pytest

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import Answer, QuestionExample
from anyglot.evaluation.tasks.metrics.answering import Answering, mlqa, mlqa_words, squad, squad_words
from anyglot.evaluation.tasks.predictions import AnswerPrediction

ARTICLES = {
    "en": {"a", "an", "the"},
    "es": {"un", "una", "unos", "unas", "el", "la", "los", "las"},
    "vi": {"của", "là", "cái", "chiếc", "những"},
    "de": {"ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"},
}
WORDS = {
    "latin": "the The a an A an- Theatre a.b x-the, the' of 1,000 $5 50% «la» ¿el él la_las des Des dés das' ein-e",
    "more latin": "der„Hund “Hund” của là cái-gì những İstanbul ẞ ß ａ",
    "other scripts": "العلم ال والله علم، ؟ है। राम का 长江 ，上海。 𠮷 龥龦 ab长c",
    "marks": "´ ` ~ … — ‐ ! ' \" ( )",
}
PIECES = [piece for line in WORDS.values() for piece in line.split()]
GAPS = [" ", " ", "", "  ", "\t", "\u00a0", "\u3000", "\n"]


def _runs(text: str) -> list[str]:
    """Text cut where letters of words (and digits, underscores) begin and end."""
    return [piece for piece in re.split(r"(\w+)", text) if piece]


def _naive_squad(text: str) -> list[str]:
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return "".join(" " if piece in ARTICLES["en"] else piece for piece in _runs(kept)).split()


def _naive_mlqa(text: str, language: str) -> list[str]:
    kept = ""
    for character in text.lower():
        if unicodedata.category(character)[0] != "P" and character not in string.punctuation:
            kept += character
    if language == "ar":
        kept = " ".join(kept.split("ال"))
    elif language in ARTICLES:
        kept = "".join(" " if piece in ARTICLES[language] else piece for piece in _runs(kept))
    if language != "zh":
        return kept.split()
    words = [""]
    for character in kept:
        if 0x4E00 <= ord(character) <= 0x9FA5:
            words += [character, ""]
        elif character.isspace():
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word]


def _naive_f1(own: list[str], gold: list[str]) -> float:
    left, shared = list(gold), 0
    for word in own:
        if word in left:
            left.remove(word)
            shared += 1
    if not shared:
        return 0.0
    precision, recall = shared / len(own), shared / len(gold)
    return 2 * precision * recall / (precision + recall)


def _text(rng: random.Random, most: int = 6) -> str:
    return "".join(rng.choice(PIECES) + rng.choice(GAPS) for _ in range(rng.randint(0, most)))


def _question(rng: random.Random, index: int) -> tuple[QuestionExample, AnswerPrediction]:
    golds = [_text(rng) for _ in range(rng.randint(1, 4))]
    own = rng.choice([_text(rng), rng.choice(golds), rng.choice(golds) + " " + _text(rng, 2)])
    answers = tuple(Answer(0, gold) for gold in golds)
    return QuestionExample(str(index), "?", "", answers), AnswerPrediction(own, 0, 0.0)


def test_squad_words_are_those_of_the_plain_normaliser() -> None:
    rng = random.Random(0)
    for _ in range(3000):
        text = _text(rng)
        assert squad_words(text) == _naive_squad(text), repr(text)


@pytest.mark.parametrize("language", ["en", "es", "de", "vi", "ar", "hi", "zh"])
def test_mlqa_words_are_those_of_the_plain_normaliser(language: str) -> None:
    rng = random.Random(language)
    for _ in range(2000):
        text = _text(rng)
        assert mlqa_words(text, language) == _naive_mlqa(text, language), repr(text)


@pytest.mark.parametrize("language", ["", "en", "es", "de", "vi", "ar", "hi", "zh"])
def test_questions_score_as_with_the_plain_scorer(language: str) -> None:
    metric = mlqa(language) if language else squad()
    rng = random.Random(language)
    pairs = [_question(rng, index) for index in range(1500)]
    rows = []
    for example, prediction in pairs:
        words = [
            _naive_mlqa(text, language) if language else _naive_squad(text)
            for text in (prediction.text, *(answer.text for answer in example.answers))
        ]
        best = max(_naive_f1(words[0], gold) for gold in words[1:])
        exact = max(" ".join(words[0]) == " ".join(gold) for gold in words[1:])
        rows.append((best, float(exact), 1.0))
    counted = metric.of([example for example, _ in pairs], [prediction for _, prediction in pairs])
    np.testing.assert_allclose(counted, np.array(rows), atol=1e-12)
    f1, exact, _ = 100 * np.array(rows).mean(axis=0)
    assert 5 < exact < 95
    assert metric.value(counted.sum(axis=0)) == pytest.approx([(f1 + exact) / 2, f1, exact])


def _score(metric: Answering, own: str, *golds: str) -> list[float]:
    example = QuestionExample("q", "?", "", tuple(Answer(0, gold) for gold in golds))
    return metric.of([example], [AnswerPrediction(own, 0, 0.0)])[0, :2].tolist()


def test_known_answers() -> None:
    assert _score(squad(), "The  Eiffel-Tower!", "eiffeltower") == [1.0, 1.0]
    assert _score(squad(), "der Hund", "Hund") == [pytest.approx(2 / 3), 0.0]
    assert _score(mlqa("de"), "der Hund", "„Hund“") == [1.0, 1.0]
    assert _score(squad(), "上海市", "上海") == [0.0, 0.0]
    assert _score(mlqa("zh"), "上海市", "上海") == [pytest.approx(4 / 5), 0.0]
    assert _score(mlqa("ar"), "العلم", "علم") == [1.0, 1.0]
    # The best gold answer of each measure.
    assert _score(squad(), "red car", "blue", "red car wheel", "red car") == [1.0, 1.0]
    # Nothing is left of either: they match, and share no word.
    assert _score(squad(), "the", "a") == [0.0, 1.0]


def test_a_question_without_answers_is_named() -> None:
    with pytest.raises(UserError, match="example q has no gold label"):
        _score(squad(), "x")

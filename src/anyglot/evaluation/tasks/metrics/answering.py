"""Exact match and F1 of answers: SQuAD's scorer (version 1.1) and MLQA's (method card 6.4).

Both make answers plain before they compare them: lower case, no punctuation, no articles, single spaces. SQuAD's
knows ASCII punctuation and English articles, and XQuAD and TyDiQA use it for every language, so that in scripts
without spaces F1 is close to exact match. MLQA's knows all Unicode punctuation and the articles of the language, and
takes every Chinese character as a word. A question counts its best gold answer, for F1 and exact match each.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.tasks.examples import Example, QuestionExample
from anyglot.evaluation.tasks.metrics.metric import no_gold, ratio
from anyglot.evaluation.tasks.predictions import AnswerPrediction, Prediction

_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ENGLISH = re.compile(r"\b(?:a|an|the)\b")

# MLQA's lists. In Arabic the article goes wherever its two letters stand, inside words too, as it does there.
_ARTICLES = {
    "en": _ENGLISH,
    "es": re.compile(r"\b(?:un|una|unos|unas|el|la|los|las)\b"),
    "vi": re.compile(r"\b(?:của|là|cái|chiếc|những)\b"),
    "de": re.compile(r"\b(?:ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
    "ar": re.compile("ال"),
}
# The range that MLQA's scorer takes as Chinese: it ends before the last assigned characters of the block.
_CHINESE = re.compile("([\u4e00-\u9fa5])")


@dataclass(frozen=True, slots=True)
class Answering:
    """F1 and exact match over questions, and their mean, which is XTREME's score of a question answering task.

    Args:
        words: Makes an answer plain and cuts it into words.
    """

    name: str
    words: Callable[[str], list[str]]
    statistics: tuple[str, ...] = ("f1", "exact", "questions")
    values: tuple[str, ...] = ("mean", "f1", "exact")

    def of(self, examples: Sequence[Example], predictions: Sequence[Prediction]) -> NDArray[np.float64]:
        rows = []
        for example, prediction in zip(examples, predictions, strict=True):
            assert isinstance(example, QuestionExample) and isinstance(prediction, AnswerPrediction)
            if not example.answers:
                raise no_gold(example)
            own = self.words(prediction.text)
            gold = [self.words(text) for text in {answer.text for answer in example.answers}]
            rows.append((max(_f1(own, words) for words in gold), float(own in gold), 1.0))
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.statistics))

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        both = ratio(sums[..., :2], sums[..., 2:])
        return np.concatenate([both.mean(axis=-1, keepdims=True), both], axis=-1)


def squad() -> Answering:
    """SQuAD 1.1's scorer, English whatever the language."""
    return Answering("squad", squad_words)


def mlqa(language: str) -> Answering:
    """MLQA's scorer for a language; one that MLQA does not have keeps its articles and is cut at spaces."""
    return Answering("mlqa", lambda text: mlqa_words(text, language))


def squad_words(text: str) -> list[str]:
    """Words of an answer as SQuAD 1.1 compares them."""
    return _ENGLISH.sub(" ", text.lower().translate(_ASCII_PUNCTUATION)).split()


def mlqa_words(text: str, language: str) -> list[str]:
    """Words of an answer as MLQA compares them."""
    plain = "".join(character for character in text.lower() if not _is_punctuation(character))
    if language in _ARTICLES:
        plain = _ARTICLES[language].sub(" ", plain)
    if language == "zh":
        plain = _CHINESE.sub(r" \1 ", plain)
    return plain.split()


@cache
def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _f1(own: list[str], gold: list[str]) -> float:
    # Two empty answers share no word: F1 is 0 in version 1.1, though they match exactly.
    shared = sum((Counter(own) & Counter(gold)).values())
    return 2.0 * shared / (len(own) + len(gold)) if shared else 0.0

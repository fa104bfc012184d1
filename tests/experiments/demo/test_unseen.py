"""The sentences in languages beyond: what they may be, and how they are scored."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from anyglot.evaluation.translation.run import System
from anyglot.experiments.demo.course import PRETRAINED
from anyglot.experiments.demo.unseen import translate_unseen, unseen_sentences
from anyglot.phrasebook import known_languages
from anyglot.phrasebook.corpus import Phrasebook
from anyglot.text.languages import language

# How the names of the letters of a script begin, by ISO 15924; Japanese mixes three.
LETTERS = {
    "Latn": ("LATIN",),
    "Cyrl": ("CYRILLIC",),
    "Grek": ("GREEK",),
    "Arab": ("ARABIC",),
    "Hebr": ("HEBREW",),
    "Thai": ("THAI",),
    "Kore": ("HANGUL",),
    "Jpan": ("HIRAGANA", "KATAKANA", "CJK"),
}
BY_LANGUAGE = {code: [s for s in unseen_sentences() if s.language == code] for code in
               dict.fromkeys(sentence.language for sentence in unseen_sentences())}  # fmt: skip


def test_fifteen_languages_that_nobody_taught() -> None:
    assert len(BY_LANGUAGE) >= 15
    taught = {*PRETRAINED.languages, *known_languages()}
    assert not taught & {language(code).code for code in BY_LANGUAGE}
    texts = [sentence.text for sentence in unseen_sentences()]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("code", BY_LANGUAGE)
def test_each_has_two_or_three_sentences_in_its_script(code: str) -> None:
    assert language(code).code == code and language(code).name
    assert 2 <= len(BY_LANGUAGE[code]) <= 3
    for sentence in BY_LANGUAGE[code]:
        letters = [character for character in sentence.text if character.isalpha()]
        assert letters and all(
            unicodedata.name(letter).startswith(LETTERS[language(code).script]) for letter in letters
        )
        assert sentence.text == unicodedata.normalize("NFC", sentence.text).strip()
        assert sentence.reference.endswith(".") and sentence.reference.isascii()


def test_references_are_of_the_demos_words() -> None:
    """What the decoder never wrote in training it cannot be asked for."""
    book = Phrasebook(("en",), 1, PRETRAINED.level)
    texts = [sentence.text for sentence in book.sentences("train", 12_000, "en")]
    words = {word.strip(".,").lower() for text in texts for word in text.split()}
    for sentence in unseen_sentences():
        assert {word.strip(".,").lower() for word in sentence.reference.split()} <= words


def test_scores_are_over_all_sentences_and_exact_is_letter_by_letter(tmp_path: Path) -> None:
    sentences = unseen_sentences()[:6]
    answers = {sentence.text: sentence.reference for sentence in sentences}
    asked: list[tuple[str, str]] = []

    def system(label: str, wrong: int) -> System:
        def translate(texts: list[str], source: str, target: str) -> list[str]:
            asked.append((label, source))
            known = list(answers)
            return [answers[text] if known.index(text) >= wrong else "The house." for text in texts]

        return System(label, {"wrong": wrong}, lambda source, target: None, lambda source, target: None, translate)

    systems = {"good": lambda: system("good", 0), "poor": lambda: system("poor", 4)}
    found = translate_unseen(systems, sentences, "en", tmp_path, seed=1)
    assert (found.exact("good"), found.exact("poor")) == (6, 2)
    assert found.bleu["good"].value == pytest.approx(100) and found.bleu["poor"].value < 60
    assert found.score_table().rows[0][3:] == (6, 6)
    assert [row[-1] for row in found.sentence_table("poor").rows] == ["no"] * 4 + ["yes"] * 2
    assert found.languages == ("pl", "cs") and asked == [(label, code) for label in systems for code in ("pl", "cs")]
    asked.clear()
    again = translate_unseen(systems, sentences, "en", tmp_path, seed=1)
    assert again.outputs == found.outputs and asked == []

"""The demo's text: monolingual for every language, parallel for a few."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from anyglot.phrasebook.corpus import Phrasebook

# The demo's settings were chosen by scores on the first test sentences (of seed 1, docs/log.md): none is scored again.
# A held-out split repeats no sentence, so those behind them are others.
LOOKED_AT = 200


@dataclass(frozen=True)
class Course:
    """Who learns what, and from how much.

    Args:
        supervised: Source languages with parallel text.
        zero_shot: Source languages that never have any.
        level: The phrasebook's level.
        monolingual: Sentences of each language for pretraining; no two languages draw the same ones.
        pairs: Sentence pairs of each supervised language; each draws its own.
        held_out: Sentences of each language's validation and test set.
    """

    supervised: tuple[str, ...] = ("de", "es", "ru")
    zero_shot: tuple[str, ...] = ("nl", "it", "uk")
    target: str = "en"
    level: str = "beginner"
    monolingual: int = 20_000
    pairs: int = 10_000
    held_out: int = 200

    @property
    def sources(self) -> tuple[str, ...]:
        return self.supervised + self.zero_shot

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.target, *self.sources)


def write_text(course: Course, folder: Path, seed: int) -> None:
    """Write the files the tiny recipes name.

    `mono.LANG.txt`; `train.LANG-en.{LANG,en}` and `validation.LANG-en.{LANG,en}` of the supervised languages;
    `test.{LANG}.txt`, the same sentences in every language, none of which ever chose a setting.
    """
    folder.mkdir(parents=True, exist_ok=True)
    book = Phrasebook(course.languages, seed, course.level)
    for language in course.languages:
        sentences = book.sentences("train", course.monolingual, language)
        _write(folder / f"mono.{language}.txt", (sentence.text for sentence in sentences))
    for number, language in enumerate(course.supervised):
        pair = Phrasebook((language, course.target), seed, course.level)
        for split, count in (("train", course.pairs), ("validation", course.held_out)):
            rows = list(pair.parallel(split, count, offset=number * count))
            for side in (language, course.target):
                path = folder / f"{split}.{language}-{course.target}.{side}"
                _write(path, (row[side].text for row in rows))
    tests = list(book.parallel("test", course.held_out, offset=LOOKED_AT))
    for language in course.languages:
        _write(folder / f"test.{language}.txt", (row[language].text for row in tests))


def _write(path: Path, lines: Iterable[str]) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    temporary.replace(path)

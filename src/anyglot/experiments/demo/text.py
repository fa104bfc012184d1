"""The demo's text: parallel for a few languages, and monolingual for all where an encoder is pretrained."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from anyglot.experiments.demo.course import Course
from anyglot.experiments.demo.unseen import unseen_sentences
from anyglot.phrasebook.corpus import Phrasebook
from anyglot.runtime.files import write_text as write_file

# Settings of the course that pretrains were chosen by scores on the first test sentences (of seed 1, docs/log.md): none
# is scored again. A held-out split repeats no sentence, so those behind them are others.
LOOKED_AT = 200
TABLE = "tests.yaml"


def write_text(course: Course, folder: Path, seed: int) -> None:
    """Write the files that the recipes name.

    `mono.LANG.txt` if there is pretraining; `train.LANG-en.{LANG,en}` and `validation.LANG-en.{LANG,en}` of the
    supervised languages; `test.{LANG}.txt`, the same sentences in every language, none of which ever chose a setting,
    and `tests.yaml`, the table of them that `anyglot evaluate translation` takes;
    `unseen.txt`, the sentences of languages beyond, if they are translated.
    """
    folder.mkdir(parents=True, exist_ok=True)
    book = Phrasebook(course.languages, seed, course.level)
    for language in course.languages if course.monolingual else ():
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
    entries = (f"{{source: {code}, target: {course.target}, {_files(code, course.target)}}}" for code in course.sources)
    _write(folder / TABLE, (f"- {entry}" for entry in entries))
    if course.unseen:
        _write(folder / "unseen.txt", (sentence.text for sentence in unseen_sentences()))


def _files(source: str, target: str) -> str:
    return f"files: [test.{source}.txt, test.{target}.txt]"


def _write(path: Path, lines: Iterable[str]) -> None:
    write_file(path, "".join(f"{line}\n" for line in lines))

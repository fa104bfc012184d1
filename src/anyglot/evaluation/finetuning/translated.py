"""Translations of a training set: files that were given, or made here by one of our translators and kept.

A translation keeps labels of texts and choices. It keeps no place of a word or of an answer, so tagging and question
answering take given files only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from anyglot.errors import UserError
from anyglot.evaluation.tasks.data_issues import Faults
from anyglot.evaluation.tasks.examples import ChoiceExample, Example, TextExample
from anyglot.evaluation.tasks.task import Task
from anyglot.evaluation.tasks.task_data import open_task
from anyglot.runtime.files import write_text
from anyglot.runtime.untrusted_files import DAMAGE, check_regular, parse_json

Translate = Callable[[list[str], str], list[str]]
"""Texts of the training language and a target language to as many texts."""

_AT_ONCE = 1000
_HEAD = 4096  # bytes of a file's first line, at most


@dataclass(frozen=True)
class Translated:
    """Translated training sets.

    Attributes:
        languages: There are these.
        hashes: By language: of the text.
        opener: From a language to what reads it anew each time.
        told: Where they are from, for the report.
    """

    languages: tuple[str, ...]
    hashes: Mapping[str, str]
    opener: Callable[[str], Callable[[], Iterator[Example]]]
    told: str


def given(task: Task, folder: Path, targets: tuple[str, ...], faults: Faults) -> Translated:
    """Translated training files in the task's own layout.

    Raises:
        UserError: There are none for any target language.
    """
    data = open_task(task, folder, faults)
    languages = tuple(code for code in targets if data.has("train", code))
    if not languages:
        raise UserError(
            f"{folder} has no training set of {task.name} in {', '.join(targets)}; translated files lie there as the "
            "training language's own do"
        )

    def opener(code: str) -> Callable[[], Iterator[Example]]:
        return lambda: data.examples("train", code)

    return Translated(languages, {code: data.hash("train", code) for code in languages}, opener, "translations given")


def made(
    task: Task,
    examples: Callable[[], Iterator[Example]],
    data_hash: str,
    targets: tuple[str, ...],
    folder: Path,
    translator: str,
    translate: Translate,
    say: Callable[[str], None],
) -> Translated:
    """Translate a training set into every target language; what was translated before is read again.

    Args:
        task: Of texts or choices.
        examples: The training set.
        data_hash: Of it.
        targets: Languages to translate into.
        folder: The translations' own: `LANG.jsonl` each.
        translator: What translates and how, for the files' keys and the report.
        translate: Does it.
        say: Told of each language.

    Raises:
        UserError: The task has places in its text, which translations lose; or a file cannot be written.
    """
    refuse_places(task)
    hashes, paths = {}, {}
    for code in targets:
        path = folder / f"{code}.jsonl"
        key = hashlib.sha256(f"{data_hash}\n{translator}\n{code}".encode()).hexdigest()
        if not _is_of(path, key):
            say(f"translating the training set of {task.name} into {code}")
            rows = "".join(_lines(examples(), code, translate))
            sums = hashlib.sha256(rows.encode("utf-8", "replace")).hexdigest()
            write_text(path, json.dumps({"key": key, "rows": sums}) + "\n" + rows)
        hashes[code], paths[code] = hashlib.sha256(path.read_bytes()).hexdigest(), path

    def opener(code: str) -> Callable[[], Iterator[Example]]:
        return lambda: _read(paths[code])

    return Translated(targets, hashes, opener, f"translations made by {translator.split(chr(10))[0]}")


def refuse_places(task: Task) -> None:
    """Refuse a task whose text has places in it.

    Raises:
        UserError: It has tags of words, or answers in a context.
    """
    if task.kind in ("tagging", "answering"):
        what = "tags of words" if task.kind == "tagging" else "answers in a context"
        raise UserError(
            f"{task.name} cannot be translated here: {what} do not survive a translation; give translated files with "
            "--set translate_train=DIR, or leave the task out with --tasks"
        )


def texts_of(example: Example) -> tuple[str, ...]:
    """What there is to translate."""
    if isinstance(example, ChoiceExample):
        return (example.premise, *example.choices)
    assert isinstance(example, TextExample)
    return example.texts


def with_texts(example: Example, texts: tuple[str, ...]) -> Example:
    """The same example in other words, `texts_of` of it in order."""
    if isinstance(example, ChoiceExample):
        return replace(example, premise=texts[0], choices=texts[1:])
    assert isinstance(example, TextExample)
    return replace(example, texts=texts)


def _lines(examples: Iterable[Example], code: str, translate: Translate) -> Iterator[str]:
    stream = iter(examples)
    while window := list(islice(stream, _AT_ONCE)):
        texts = [texts_of(example) for example in window]
        # Each different text once: the queries of a ranking stand in many rows.
        different = list(dict.fromkeys(text for row in texts for text in row))
        found = dict(zip(different, translate(different, code), strict=True))
        for example, row in zip(window, texts, strict=True):
            yield json.dumps(_plain(with_texts(example, tuple(found[text] for text in row))), ensure_ascii=False) + "\n"


def _plain(example: Example) -> dict[str, object]:
    assert isinstance(example, TextExample | ChoiceExample)
    return {name: getattr(example, name) for name in type(example).__slots__}


def _read(path: Path) -> Iterator[Example]:
    with path.open(encoding="utf-8", newline="\n") as file:
        next(file)
        for line in file:
            row = json.loads(line)
            if "premise" in row:
                yield ChoiceExample(**{**row, "choices": tuple(row["choices"])})
            else:
                yield TextExample(**{**row, "texts": tuple(row["texts"])})


def _is_of(path: Path, key: str) -> bool:
    """Whether a file holds the translations of this key, all of them and unchanged."""
    try:
        check_regular(path)
        with path.open("rb") as file:
            head = parse_json(file.readline(_HEAD))
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        return bool(head["key"] == key and head["rows"] == digest.hexdigest())
    except (UserError, OSError, *DAMAGE):
        return False

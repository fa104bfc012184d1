"""Translations made earlier, or by another program, to compare with: found on disk and held against the test sets.

    --against scores                    the folder of an evaluation of one model
    --against scores/hypotheses/sixt    one of its models
    --against other.txt                 a text file, where there is one test set

Translations with a record beside them (`hypotheses.py`) are used only if it says that they were made from the very
source lines, by hash. Those without one can only be counted.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.evaluation.translation.hypotheses import record_path
from anyglot.evaluation.translation.table import TestSentences, TestSet
from anyglot.runtime.untrusted_files import LARGE, read_bytes, read_json
from anyglot.text.languages import language


@dataclass(frozen=True)
class Earlier:
    """Where earlier translations lie: a folder with one text file per test set, or a single text file."""

    label: str
    path: Path


@dataclass(frozen=True)
class EarlierLines:
    """The translations by test set's name, and the names of those that have no record to prove their source lines."""

    lines: Mapping[str, list[str]]
    unverified: tuple[str, ...]


def find_earlier(path: Path) -> Path:
    """Return the folder or file that holds the translations, for a path as a user gives it.

    Raises:
        UserError: Nothing is there, it is a model, or it is an evaluation of several models.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise UserError(f"{path} is not there; give `against` the folder of an evaluation or a file of translations")
    if (path / "hypotheses").is_dir():
        models = sorted(folder for folder in (path / "hypotheses").iterdir() if folder.is_dir())
        if len(models) != 1:
            found = ", ".join(folder.name for folder in models) or "none"
            raise UserError(
                f"{path} has translations of {len(models)} models ({found}); name one: "
                f"`against={path / 'hypotheses' / (models[0].name if models else 'MODEL')}`"
            )
        return models[0]
    if (path / "config.json").is_file():
        raise UserError(f"{path} is a model, not its translations; compare with a model by `baseline={path}`")
    return path


def read_earlier(earlier: Earlier, tests: Sequence[TestSet], sentences: Mapping[str, TestSentences]) -> EarlierLines:
    """Read the translations of every test set.

    Raises:
        UserError: One is missing or not UTF-8, was made from other source lines or languages, was changed since it
            was recorded, or has another number of lines than the test set.
    """
    if earlier.path.is_file() and len(tests) > 1:
        raise UserError(
            f"{earlier.path} is one file, but there are {len(tests)} test sets; give a folder with a file for each: "
            f"{', '.join(f'{test.file_name}.txt' for test in tests)}"
        )
    lines, unverified = {}, []
    for test in tests:
        path = earlier.path if earlier.path.is_file() else earlier.path / f"{test.file_name}.txt"
        lines[test.name], proved = _read(path, test, sentences[test.name])
        if not proved:
            unverified.append(test.name)
    return EarlierLines(lines, tuple(unverified))


def _read(path: Path, test: TestSet, texts: TestSentences) -> tuple[list[str], bool]:
    try:
        raw = read_bytes(path)
        content = raw.decode("utf-8")
    except OSError as error:
        raise UserError(
            f"{path} could not be read ({error.strerror}); the translations of test set {test.name!r} belong there"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text; give one translation a line") from error
    record = _record(path)
    if record is not None:
        _check_record(record, raw, path, test, texts)
    lines = content.removesuffix("\n").replace("\r\n", "\n").split("\n")
    if len(lines) != len(texts.sources):
        raise UserError(
            f"{path} has {len(lines)} lines, but test set {test.name!r} has {len(texts.sources)} sentences"
            f"{f' ({texts.skipped} with a blank side are left out)' if texts.skipped else ''}; "
            "compare translations of the same sentences, one a line"
        )
    return lines, record is not None


def _record(path: Path) -> Mapping[str, Any] | None:
    try:
        found = read_json(record_path(path), LARGE)
    except FileNotFoundError:
        return None
    except UserError:
        found = None
    if not isinstance(found, dict):
        raise UserError(f"{record_path(path)} is damaged; evaluate that model again, or remove this file")
    return found


def _check_record(record: Mapping[str, Any], raw: bytes, path: Path, test: TestSet, texts: TestSentences) -> None:
    if record.get("input") != texts.input_hash:
        raise UserError(
            f"{path} was made from other sentences than test set {test.name!r} has (SHA-256 "
            f"{str(record.get('input'))[:12]}, not {texts.input_hash[:12]}); compare over the same test set"
        )
    pair = test.pairs.source, test.pairs.target
    made = str(record.get("source")), str(record.get("target"))
    if tuple(language(code).code for code in made) != tuple(language(code).code for code in pair):
        raise UserError(f"{path} was translated from {made[0]} to {made[1]}, but test set {test.name!r} is "
                        f"{pair[0]}-{pair[1]}; compare over the same pair of languages")  # fmt: skip
    if record.get("sha256") != hashlib.sha256(raw).hexdigest():
        raise UserError(
            f"{path} was changed after it was made; evaluate that model again, or remove {record_path(path).name} "
            "beside it to compare with it as it is"
        )

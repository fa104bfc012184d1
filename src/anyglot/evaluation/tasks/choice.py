"""Reader of XCOPA and COPA: JSON lines with a premise, two choices, `question` (cause or effect) and a label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import ChoiceExample
from anyglot.evaluation.tasks.line_io import NOT_UTF8, numbered_lines, shown
from anyglot.evaluation.tasks.tsv import distinct
from anyglot.runtime.untrusted_files import DuplicateKey, parse_json

_TEXTS = ("premise", "choice1", "choice2")


def choices(path: Path, faults: FileIssues, *, test: bool) -> Iterator[tuple[int, ChoiceExample]]:
    """The examples of a file, each with its place among the file's rows (from 0), the bad ones counted in.

    Args:
        test: Whether rows may come without a label, as those of COPA's English test do.
    """
    ids: dict[str, int] = {}
    place = -1
    for line, text in numbered_lines(path, faults):
        if text is not None and not text.strip():
            continue
        place += 1
        faults.rows += 1
        record, wrong = _record(text)
        wrong = wrong or wrong_with(record, test=test)
        if wrong:
            faults.add(line, wrong)
            continue
        name = distinct(str(record.get("idx", place)), ids, line, faults)
        yield place, choice_example(record, name)


def choice_example(record: dict[str, Any], name: str) -> ChoiceExample:
    """The example of a record that `wrong_with` has passed."""
    question = cast(Literal["cause", "effect"], record["question"])
    label = record.get("label")
    options = (record["choice1"].strip(), record["choice2"].strip())
    return ChoiceExample(name, record["premise"].strip(), question, options, -1 if label is None else int(label))


def wrong_with(record: dict[str, Any], *, test: bool) -> str:
    """What is wrong with a record; "" where nothing is."""
    for name in _TEXTS:
        if not isinstance(record.get(name), str) or not record[name].strip():
            return f"{name!r} is missing or empty"
    if record.get("question") not in ("cause", "effect"):
        return f"the question is {shown(str(record.get('question')))}, neither 'cause' nor 'effect'"
    label = record.get("label")
    if test and (label is None or label == -1):
        return ""
    if isinstance(label, bool) or label not in (0, 1):
        return f"the label is {shown(str(label))}, neither 0 nor 1"
    return ""


def _record(text: str | None) -> tuple[dict[str, Any], str]:
    if text is None:
        return {}, NOT_UTF8
    try:
        record = parse_json(text, unique_keys=True)
    except DuplicateKey as error:
        return {}, str(error)
    except ValueError:
        return {}, "the line is not JSON"
    return (record, "") if isinstance(record, dict) else ({}, "the line is no JSON object")

"""Test files whose labels are no labels: one value for every row, which stands where the real ones are kept secret.

A copy of COPA's and XCOPA's tests has label 0 in all 500 rows of all languages. Scored, it rewards whoever prefers the
first choice, and a model that cannot read the script at all gets 100 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from anyglot.evaluation.tasks.data_issues import Faults, FileIssues
from anyglot.evaluation.tasks.examples import ChoiceExample, Example, TextExample
from anyglot.evaluation.tasks.locate import Found
from anyglot.evaluation.tasks.registry import SourceFile, read
from anyglot.evaluation.tasks.task import Task

FEWEST = 50
"""Rows below which one label for all may be chance."""
_LOOKED_AT = 5000


def without_placeholders(found: Found, task: Task, faults: Faults) -> Found:
    """The files less the test files with one label for all their rows; each of those is told."""
    if task.kind not in ("classification", "choice"):
        return found
    kept = dict(found.files)
    for place, sources in found.files.items():
        label = only_label(sources, task) if place[0] == "test" else None
        if label is None:
            continue
        del kept[place]
        message = f"every label is {label!r}: a placeholder for labels that are not given; the file is passed over"
        faults.reading(sources[0].path, f"labels of {place[1]}").add(0, message, "mended")
    return replace(found, files=kept)


def only_label(sources: Sequence[SourceFile], task: Task) -> str | None:
    """The label of all rows of a set's files; None where there are two, or none, or too few rows to tell."""
    found: set[str] = set()
    rows = 0
    for label in islice(_labels(sources, task), _LOOKED_AT):
        rows += 1
        found.add(label)
        if len(found) > 1 or not label:
            return None
    return found.pop() if rows >= FEWEST else None


def _labels(sources: Sequence[SourceFile], task: Task) -> Iterator[str]:
    for source in sources:
        for _, example in read(source, task, FileIssues(source.path)):
            yield _label(example)


def _label(example: Example) -> str:
    if isinstance(example, ChoiceExample):
        return str(example.label) if example.label >= 0 else ""
    assert isinstance(example, TextExample)
    return example.label

"""Readers of classification: one text or two and a label, a row each (XNLI, PAWS-X, XGLUE's NC, QAM, QADSM, topics)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import TextExample
from anyglot.evaluation.tasks.line_io import NOT_UTF8, numbered_lines, shown, unquoted

# What benchmarks write for a label, where it is not the label itself.
SPELLINGS: Mapping[str, str] = {"contradictory": "contradiction"}
# Column names of the benchmarks' tables. A first line with two of them names columns and is no row.
_HEADER = "id sentence1 sentence2 premise hypo hypothesis label gold_label index_id category headline text query"
_COLUMN_NAMES = frozenset(_HEADER.split())


@dataclass(frozen=True)
class Columns:
    """Which columns of a tab-separated file hold what.

    Args:
        texts: For each text the columns it is joined of, with a space between (QADSM: title and description).
        label: Column of the label.
        width: How many columns a row has.
        id: Column of the id; -1: rows are numbered.
        spellings: Other spellings of labels.
    """

    texts: tuple[tuple[int, ...], ...]
    label: int
    width: int
    id: int = -1
    spellings: Mapping[str, str] = field(default_factory=lambda: SPELLINGS)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its place among the rows, from 0, its line, its cells, and what they are.

    Args:
        labelled: Whether it is of a file with labels.
    """

    place: int
    line: int
    cells: tuple[str, ...]
    columns: Columns
    labelled: bool


def rows(
    path: Path, shapes: tuple[Columns, ...], faults: FileIssues, *, test: bool, only: tuple[int, str] | None = None
) -> Iterator[Row]:
    """The rows of a tab-separated file that have the right number of columns; the others are faults.

    A header is passed over, and blank lines are no rows. The first row decides which of the shapes the file has, and
    in a test file also whether its labels have been taken out (a last column less).

    Args:
        only: A column and what it must hold: of files with several languages or splits. Other rows are not counted.
    """
    place = -1
    width = 0
    shape = shapes[0]
    for line, text in numbered_lines(path, faults):
        if text is not None and not text.strip():
            continue
        cells = tuple(unquoted(cell.strip()) for cell in text.split("\t")) if text is not None else ()
        if (line == 1 and is_header(cells)) or (text is not None and only is not None and not _wanted(cells, only)):
            continue
        place += 1
        faults.rows += 1
        if text is None:
            faults.add(line, NOT_UTF8)
            continue
        if not width:
            shape, width = _shape(shapes, len(cells), test)
        if len(cells) != width:
            faults.add(line, f"{len(cells)} tab-separated columns where there are to be {width}")
            continue
        yield Row(place, line, cells, shape, width == shape.width)


def texts_and_labels(
    path: Path,
    shapes: tuple[Columns, ...],
    labels: tuple[str, ...],
    faults: FileIssues,
    *,
    test: bool,
    only: tuple[int, str] | None = None,
) -> Iterator[tuple[int, TextExample]]:
    """The examples of a file, each with its place among the file's rows (from 0), the bad ones counted in.

    Args:
        labels: The task's; an empty tuple takes any.
        test: Whether the file may come without labels, as XTREME's preprocessing leaves its test files.
    """
    ids: dict[str, int] = {}
    for row in rows(path, shapes, faults, test=test, only=only):
        texts = joined_texts(row, faults)
        label = label_of(row, labels, faults) if texts is not None else None
        if texts is None or label is None:
            continue
        name = str(row.place)
        if row.columns.id >= 0:
            name = distinct(row.cells[row.columns.id], ids, row.line, faults)
        yield row.place, TextExample(name, texts, label)


def joined_texts(row: Row, faults: FileIssues) -> tuple[str, ...] | None:
    """The texts of a row; None and a fault where one is empty."""
    texts = tuple(" ".join(row.cells[cell] for cell in part if row.cells[cell]) for part in row.columns.texts)
    if all(texts):
        return texts
    faults.add(row.line, f"text {texts.index('') + 1} is empty")
    return None


def label_of(row: Row, labels: tuple[str, ...], faults: FileIssues) -> str | None:
    """The label of a row; "" where the file has none, None and a fault where it is not one of the task's."""
    if not row.labelled:
        return ""
    found = row.cells[row.columns.label]
    label = row.columns.spellings.get(found, found)
    if label and (not labels or label in labels):
        return label
    faults.add(row.line, f"the label {shown(found)} is none of {', '.join(labels)}")
    return None


def distinct(name: str, taken: dict[str, int], line: int, faults: FileIssues) -> str:
    """An id, or where it has been taken already, the id with a number: `12#2`. Told as one fault, counted."""
    if name not in taken:
        taken[name] = 1
        return name
    faults.add(line, "the id stands before another row too; such rows are told apart as ID#2, ID#3, …", "mended")
    while True:
        taken[name] += 1
        numbered = f"{name}#{taken[name]}"
        if numbered not in taken:
            taken[numbered] = 1
            return numbered


def is_header(cells: tuple[str, ...]) -> bool:
    """Whether a first line names columns, in lower case as the benchmarks write them."""
    return sum(cell in _COLUMN_NAMES for cell in cells) >= 2


def _shape(shapes: tuple[Columns, ...], found: int, test: bool) -> tuple[Columns, int]:
    for shape in shapes:
        if found == shape.width:
            return shape, shape.width
    for shape in shapes:
        if test and found == shape.width - 1 and shape.label == shape.width - 1:
            return shape, found
    return shapes[0], shapes[0].width


def _wanted(cells: tuple[str, ...], only: tuple[int, str]) -> bool:
    column, value = only
    return column < len(cells) and cells[column] == value

"""Data sheets: many corpora in one table, a line each.

    source  target  file              file_2            limit
    de      en      bible.de-en.de    bible.de-en.en
    de      en      talks.tsv.gz                        100000

Tab-separated; the first line names the columns, in any order. They are those of a corpus in a recipe; what takes two
values there (`files`, `columns`, `fields`) is `file` and `file_2`, and so on. An empty cell says nothing, a line that
begins with `#` is a comment.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.runtime.files import write_text
from anyglot.text.readers import read_lines

# A recipe's keys with two values, and the column of the first; the second's name ends in _2.
_TWO = {"files": "file", "columns": "column", "fields": "field"}
COLUMNS = ("language", "source", "target", "file", "file_2", "column", "column_2", "field", "field_2", "limit")


@dataclass(frozen=True)
class SheetRow:
    """A corpus as a recipe would say it, and the line it stands in (from 1)."""

    line: int
    source: dict[str, Any]


def read_sheet(path: Path) -> list[SheetRow]:
    """The corpora of a sheet in their order; nothing is known yet about whether they are right.

    Raises:
        UserError: A file that cannot be read (see `readers`), an unknown or repeated column, a line with more filled
            cells than columns, or no corpus at all.
    """
    header: list[str] | None = None
    rows: list[SheetRow] = []
    for number, text in enumerate(read_lines(path), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        cells = [cell.strip() for cell in text.split("\t")]
        if header is None:
            header = _checked(cells, f"{path}, line {number}")
            continue
        if any(cells[len(header) :]):
            raise UserError(
                f"{path}, line {number} has {len(cells)} tab-separated cells, but there are {len(header)} columns; "
                "remove a tab or name the column."
            )
        rows.append(SheetRow(number, _source(dict(zip(header, cells, strict=False)))))
    if not rows:
        raise UserError(f"{path} lists no corpus; give a line that names the columns, and then a line for each corpus.")
    return rows


def write_sheet(path: Path, sources: Sequence[dict[str, Any]]) -> None:
    """Write corpora as a sheet that `read_sheet` reads to the same; only columns that are used are written."""
    rows = [_cells(source) for source in sources]
    columns = [column for column in COLUMNS if any(column in row for row in rows)]
    lines = ["\t".join(columns), *("\t".join(row.get(column, "") for column in columns) for row in rows)]
    write_text(path, "\n".join(lines) + "\n")


def _checked(header: list[str], where: str) -> list[str]:
    for column in header:
        if column not in COLUMNS:
            nearest = difflib.get_close_matches(column, COLUMNS, n=1, cutoff=0.6)
            hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(COLUMNS)}."
            raise UserError(f"{where}: {column[:40]!r} is no column of a data sheet; {hint}")
    twice = [column for place, column in enumerate(header) if column in header[:place]]
    if twice:
        raise UserError(f"{where}: the column {twice[0]!r} is named twice; keep one.")
    return header


def _source(cells: dict[str, str]) -> dict[str, Any]:
    """The keys of a recipe's corpus; a second value makes a pair of the first."""
    source: dict[str, Any] = {column: cell for column, cell in cells.items() if cell}
    for pair, first in _TWO.items():
        second = source.pop(f"{first}_2", None)
        if second is not None:
            source[pair] = [source.pop(first, ""), second]
    return source


def _cells(source: dict[str, Any]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for key, value in source.items():
        if key in _TWO:
            cells[_TWO[key]], cells[f"{_TWO[key]}_2"] = map(str, value)
        else:
            cells[key] = str(value)
    for cell in cells.values():
        if cell != cell.strip() or any(character in cell for character in "\t\r\n"):
            raise UserError(f"{cell!r} cannot stand in a data sheet: it has a tab, a line break or spaces at an end.")
    return cells

"""Lines out of data files, and the small rules all line readers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from anyglot.errors import UserError
from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.text.readers import raw_lines


def numbered_lines(path: Path, faults: FileIssues) -> Iterator[tuple[int, str | None]]:
    """The lines of a UTF-8 file with their numbers from 1, `.gz` unpacked on the way; None for one that is not UTF-8.

    A file that cannot be opened, breaks off or is empty is noted as broken, and the lines end there. Byte order mark
    and carriage returns are dropped. A line that is not UTF-8 is for the caller to note: it is a row or none.
    """
    number = 0
    try:
        for number, raw in enumerate(raw_lines(path), start=1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError:
                yield number, None
            else:
                yield number, line
    except UserError as error:
        faults.add(0, _without_path(str(error), path), "broken")


def _without_path(message: str, path: Path) -> str:
    """`Faults` names the file already."""
    return message.replace(f"{path} is ", "the file is ", 1).replace(f": {path}", "", 1)


NOT_UTF8 = "the line is not UTF-8"


def unquoted(cell: str) -> str:
    r"""A cell as it was before Python's `csv` wrote it, as XTREME's preprocessing writes its tables.

    Only a cell that `csv` must have quoted is changed: quotes at both ends, and inside only doubled ones, at least one
    pair. A cell of plain files that merely begins and ends with a quotation mark stays as it is.
    """
    if len(cell) < 4 or cell[0] != '"' or cell[-1] != '"':
        return cell
    inside = cell[1:-1]
    if '""' not in inside or '"' in inside.replace('""', ""):
        return cell
    return inside.replace('""', '"')


def shown(text: str, most: int = 40) -> str:
    """A piece of data in a message: short, and on one line."""
    return repr(text if len(text) <= most else text[: most - 1] + "…")

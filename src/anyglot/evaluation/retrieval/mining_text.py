"""Sentences to be mined: a file's lines, each different one once, under its own line number or its own id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.text.readers import raw_hash, read_lines


@dataclass(frozen=True, eq=False)
class Sentences:
    """What a file holds.

    Attributes:
        names: Of each sentence: the number of its first line, counted from 1, or its id.
        texts: Each different sentence once, without white space around it.
        rows: (n,) its first line, counted from 0.
        lines: Of the file.
        empty: Lines without a sentence.
        digest: SHA-256 of the file, and how it is read.
    """

    path: Path
    names: list[str]
    texts: list[str]
    rows: NDArray[np.int64]
    lines: int
    empty: int
    digest: str

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def repeated(self) -> int:
        """Lines whose sentence stands in an earlier line."""
        return self.lines - self.empty - len(self)


def read_sentences(path: Path, own_ids: bool) -> Sentences:
    """Read a text file, plain or .gz.

    Args:
        own_ids: Lines are `id TAB sentence`.

    Raises:
        UserError: The file cannot be read, holds no sentence, or a line has no id.
    """
    first: dict[str, int] = {}
    names = list[str]()
    lines = empty = 0
    for row, line in enumerate(read_lines(path)):
        lines += 1
        name, text = str(lines), line
        if own_ids and line.strip():
            name, tab, text = line.partition("\t")
            if not tab or not name.strip():
                raise UserError(
                    f"{path}, line {lines}: there is no id with a tab behind it; drop `own_ids`, or add one."
                )
        text = text.strip()
        if not text:
            empty += 1
        elif text not in first:
            first[text] = row
            names.append(name.strip())
    if not first:
        raise UserError(f"{path} holds no sentence: all of its {lines} lines are empty.")
    rows = np.fromiter(first.values(), np.int64, len(first))
    return Sentences(path, names, list(first), rows, lines, empty, raw_hash((path,)) + (" with ids" if own_ids else ""))

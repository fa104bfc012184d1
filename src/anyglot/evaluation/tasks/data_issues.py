"""What is wrong with data files: collected while they are read, said once, with file and line.

A bad row is left out and told; reading goes on. A file that breaks off or cannot be opened is told as fatal, because
nobody should train or score on half a file without knowing. Nothing here grows with the data: counts are kept of
all faults, and the text of the first of each reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from anyglot.errors import UserError

FaultKind = Literal["left out", "mended", "missing", "broken"]
"""The row is left out; it is kept, put right; files of a language are not there; the file cannot be read to its end."""

_ORDER: tuple[FaultKind, ...] = ("broken", "missing", "left out", "mended")
SHOWN = 20
# Above this share of unusable rows, a file is of another format rather than soiled.
_FATAL_SHARE = 0.1
_FEW_ROWS = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and how often the same one was found in its file.

    Args:
        line: From 1; of the first time. 0 where a fault has no line (a whole file, or JSON, whose questions are
            numbered in the message).
    """

    file: Path
    line: int
    message: str
    kind: FaultKind = "left out"
    times: int = 1

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else str(self.file)
        return f"{place}: {self.message}" + (f" ({self.times} times)" if self.times > 1 else "")


@dataclass(eq=False)
class FileIssues:
    """The faults of one reading of one file: readers write it, row by row.

    Attributes:
        rows: Rows read: those that came out and those that did not.
        left_out: Rows that did not come out.
        mended: Things put right, and files that are missing.
        broken: Whether the file could not be read to its end.
    """

    file: Path
    rows: int = 0
    left_out: int = 0
    mended: int = 0
    broken: bool = False
    _first: dict[tuple[str, str], Fault] = field(default_factory=dict)

    def add(self, line: int, message: str, kind: FaultKind = "left out") -> None:
        """Note a fault; equal messages are one fault, counted."""
        if kind == "left out":
            self.left_out += 1
        elif kind == "broken":
            self.broken = True
        else:
            self.mended += 1
        key = (kind, message)
        known = self._first.get(key)
        if known is not None:
            self._first[key] = Fault(known.file, known.line, message, kind, known.times + 1)
        elif len(self._first) < SHOWN:
            self._first[key] = Fault(self.file, line, message, kind)

    def first(self) -> tuple[Fault, ...]:
        """The first faults of different kinds, at most `SHOWN`, in the order they were found."""
        return tuple(self._first.values())

    @property
    def count(self) -> int:
        """How many faults there are."""
        return self.left_out + self.mended + self.broken

    @property
    def fatal(self) -> bool:
        """Whether the file is broken, or more than a tenth of its rows is of no use."""
        many = self.rows >= _FEW_ROWS and self.left_out > _FATAL_SHARE * self.rows
        return self.broken or many or (self.rows > 0 and self.left_out == self.rows)


@dataclass(eq=False)
class Faults:
    """The faults of all files that were read. Reading a file again replaces what was told of it."""

    _files: dict[tuple[Path, str], FileIssues] = field(default_factory=dict)

    def reading(self, file: Path, what: str = "") -> FileIssues:
        """Begin a reading of a file.

        Args:
            what: Tells readings of one file apart that take different rows of it (its languages, its splits).
        """
        faults = FileIssues(file)
        self._files[file, what] = faults
        return faults

    def __iter__(self) -> Iterator[Fault]:
        for faults in self._files.values():
            yield from faults.first()

    def __len__(self) -> int:
        """How many faults there are, shown or not."""
        return sum(faults.count for faults in self._files.values())

    @property
    def left_out(self) -> int:
        """How many rows were left out."""
        return sum(faults.left_out for faults in self._files.values())

    def say(self) -> tuple[str, ...]:
        """Sentences: the worst first, at most `SHOWN`, and how many faults there are if that is not all."""
        # A file that is read for train and for dev has its faults twice.
        told = {(fault.file, fault.line, fault.message): fault for fault in self}
        ordered = sorted(told.values(), key=lambda fault: _ORDER.index(fault.kind))
        sentences = [str(fault) for fault in ordered[:SHOWN]]
        if len(ordered) > SHOWN:
            sentences.append(f"and more: {len(self)} faults in all, {self.left_out} rows left out.")
        return tuple(sentences)

    def raise_if_fatal(self, file: Path | None = None) -> None:
        """Stop where going on is not safe.

        Args:
            file: Only this file's faults count; by default those of all files.

        Raises:
            UserError: A file breaks off or cannot be read, or more than a tenth of its rows is of no use.
        """
        for faults in self._files.values():
            if not faults.fatal or (file is not None and faults.file != file):
                continue
            first = next((fault for fault in faults.first() if faults.broken is (fault.kind == "broken")), None)
            if faults.broken:
                raise UserError(f"{first}")
            raise UserError(
                f"{faults.left_out} of {faults.rows} rows of {faults.file} cannot be used, so it is probably of "
                f"another format than this task's; the first: {first}"
            )

"""A file, translated so that the work can be interrupted anywhere and continued exactly.

    OUTPUT.partial        the translations so far
    OUTPUT.journal.json   which input, model and settings; how many lines are done, where both files stand
    OUTPUT                appears at the end, by a rename; the journal stays and says what it was made from

A window of lines is translated, its output written and fsynced, then the journal is replaced. After a kill the partial
file may be ahead of the journal; what is ahead is thrown away and made again. Windows start at the same lines in every
run, so a resumed run gives the same bytes as an unbroken one. Resuming a finished translation does nothing.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Self

from anyglot.errors import UserError
from anyglot.runtime.files import disk_errors, flush_folder, write_json
from anyglot.runtime.untrusted_files import DAMAGE, read_json, whole_number
from anyglot.text.lines import check_length
from anyglot.text.readers import refuse_packed

WINDOW_LINES = 512
ADVICE = "free some space, then continue with `resume=True`"
_FORMAT = "anyglot-translation-2"
Facts = dict[str, str | int | float | None]
"""What decides how the translations come out: model, languages, settings."""


@dataclass(frozen=True)
class InputFacts:
    """What is known of the input after reading it once: its SHA-256 and the number of its lines."""

    sha256: str
    lines: int


@dataclass(frozen=True)
class Journal:
    """How far a job is.

    Attributes:
        work: What is being done, the input's hash included. Another work cannot continue this one.
        lines: Input lines done.
        input_offset: Bytes of the input read.
        output_offset: Bytes of the partial output that count.
    """

    work: Facts
    lines: int = 0
    input_offset: int = 0
    output_offset: int = 0

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read a journal; None where there is none.

        Raises:
            UserError: It is damaged.
        """
        try:
            raw = read_json(path)
            if raw.pop("format") != _FORMAT or not isinstance(raw["work"], dict):
                raise ValueError("another format")
            counts = (whole_number(raw[name]) for name in ("lines", "input_offset", "output_offset"))
            return cls(raw["work"], *counts)
        except FileNotFoundError:
            return None
        except UserError as error:
            raise UserError(f"the journal cannot be used, {error} Delete it and start again.") from None
        except DAMAGE as error:
            raise UserError(f"the journal {path} cannot be read ({error!s:.100}): delete it and start again.") from None

    def save(self, path: Path) -> None:
        """Replace the journal; it is the old or the new one at every moment."""
        write_json(path, {"format": _FORMAT, **asdict(self)}, indent=1, advice=ADVICE)


def inspect_input(path: Path, max_characters: int) -> InputFacts:
    """Read the input once, before any work: hash it, count its lines, refuse one that is too long.

    Raises:
        UserError: It cannot be read, or the line with this number is too long.
    """
    digest = hashlib.sha256()
    lines = 0
    with open_input(path) as stream:
        for line in stream:
            lines += 1
            digest.update(line)
            check_length(line.rstrip(b"\n"), lines, max_characters)
    return InputFacts(digest.hexdigest(), lines)


def open_input(path: Path) -> BinaryIO:
    """Open the input for reading.

    Raises:
        UserError: It cannot be read, or is packed.
    """
    try:
        if path.is_file():
            with path.open("rb") as probe:  # of its own: who reads lines as they arrive reads past a buffer
                refuse_packed(probe, path, unpacks=False)
        return path.open("rb")
    except OSError as error:
        raise UserError(f"cannot read {path}: {(error.strerror or str(error)).lower()}.") from None


def check_output(output: Path, source: Path | None) -> None:
    """Refuse an output that cannot be written, or that is the input.

    Raises:
        UserError: What is wrong and what to do.
    """
    if not output.parent.is_dir():
        raise UserError(f"there is no folder {output.parent} to write {output.name} to: create it first.")
    if output.is_dir():
        raise UserError(f"{output} is a folder: name a file for the translations.")
    if not os.access(output.parent, os.W_OK):
        raise UserError(f"the folder {output.parent} is not writable: choose another place for {output.name}.")
    if source is not None and output.exists() and source.exists() and output.samefile(source):
        raise UserError(f"input and output are the same file {output}: choose another output.")


class FileJob:
    """The translation of one file into another."""

    def __init__(self, source: Path, output: Path, facts: InputFacts) -> None:
        """Describe the job; nothing is opened yet.

        Args:
            source: The input file.
            output: Where the translations go in the end.
            facts: Of the input.
        """
        self.source = source
        self.output = output
        self.facts = facts
        self.partial = output.with_name(output.name + ".partial")
        self.journal_path = self.journal_of(output)
        self.journal = Journal({"input": facts.sha256})
        self.finished = False

    @staticmethod
    def journal_of(output: Path) -> Path:
        """Where the journal of an output stands."""
        return output.with_name(output.name + ".journal.json")

    def check(self, resume: bool) -> None:
        """Refuse what can be refused before a model is loaded: unfinished work in the way of a new start."""
        if not resume and self.partial.exists():
            raise UserError(
                f"{self.partial} holds an unfinished translation: continue it with `resume=True`, or delete it."
            )

    def prepare(self, resume: bool, work: Facts) -> int:
        """Start afresh, or take up what an earlier run left; `finished` says if nothing is left to do.

        Args:
            resume: Which of the two.
            work: Everything besides the input that decides what the translations are.

        Returns:
            The number of lines that are done already.

        Raises:
            UserError: Work of another input, model or settings is in the way, or of nobody knows which.
        """
        self.check(resume)
        self.journal = Journal({"input": self.facts.sha256, **work})
        old = Journal.load(self.journal_path) if resume else None
        begun, made = self.partial.exists(), self.output.exists()
        if resume and made and not begun and old is None:
            raise UserError(
                f"no journal says how {self.output} was made: leave out `resume` to replace it, or name another."
            )
        if old is None or not (begun or made):
            self._start()
            return 0
        self._compare(old, self.partial if begun else self.output)
        self.finished = not begun
        self.journal = old
        return old.lines

    def _compare(self, old: Journal, path: Path) -> None:
        """Refuse a journal of other work, or one that does not fit the file it speaks of."""
        work = self.journal.work
        changed = [key for key in {**old.work, **work} if old.work.get(key) != work.get(key)]
        if changed:
            advice = "delete it" if path == self.partial else "leave out `resume`"
            raise UserError(
                f"{path} was begun with another {', '.join(sorted(changed))}: "
                f"resume it as it was begun, or {advice} to start again."
            )
        size = path.stat().st_size
        if path == self.partial and size < old.output_offset:
            raise UserError(f"{path} is shorter than its journal says: delete it to start again.")
        if path == self.output and (size, self.facts.lines) != (old.output_offset, old.lines):
            raise UserError(f"{path} is not what its journal says: leave out `resume` to replace it.")

    def _start(self) -> None:
        with disk_errors(self.partial, ADVICE), self.partial.open("wb"):
            self.journal.save(self.journal_path)

    def _forget_nothing_done(self) -> None:
        """Take away unfinished work that holds no line yet, so that it is not in the way of the next start."""
        if self.journal.lines == 0:
            self.partial.unlink(missing_ok=True)
            self.journal_path.unlink(missing_ok=True)

    def run(self, translate: Callable[[list[bytes], int], list[bytes]]) -> None:
        """Translate what is left, window by window, and put the result in its place.

        Args:
            translate: From the bytes of lines (without newlines) and the number of the first, from 1, to the bytes to
                write for each, newline included.

        Raises:
            UserError: The disk is full, or the input changed meanwhile.
        """
        assert not self.finished
        with open_input(self.source) as reading, disk_errors(self.partial, ADVICE), self.partial.open("r+b") as writing:
            reading.seek(self.journal.input_offset)
            writing.truncate(self.journal.output_offset)
            writing.seek(self.journal.output_offset)
            for window, offset in _windows(reading):
                try:
                    translated = translate(window, self.journal.lines + 1)
                except UserError:
                    self._forget_nothing_done()
                    raise
                writing.write(b"".join(translated))
                writing.flush()
                os.fsync(writing.fileno())
                self.journal = Journal(self.journal.work, self.journal.lines + len(window), offset, writing.tell())
                self.journal.save(self.journal_path)
        if self.journal.lines != self.facts.lines:
            raise UserError(
                f"{self.source} changed during the work ({self.facts.lines} lines before, {self.journal.lines} now): "
                f"delete {self.partial} and start again."
            )
        with disk_errors(self.output, ADVICE):
            self.partial.replace(self.output)
            flush_folder(self.output.parent)


def _windows(stream: BinaryIO) -> Iterator[tuple[list[bytes], int]]:
    """Windows of lines without their newlines, and the offset behind each."""
    window: list[bytes] = []
    for line in iter(stream.readline, b""):
        window.append(line.removesuffix(b"\n"))
        if len(window) == WINDOW_LINES:
            yield window, stream.tell()
            window = []
    if window:
        yield window, stream.tell()

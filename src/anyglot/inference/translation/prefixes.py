"""What translations must begin with, as the command is told: one text, or a file of one a line."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from anyglot.errors import UserError
from anyglot.text.lines import clean, read_line


@dataclass(frozen=True)
class Prefixes:
    """Prefixes of the lines of an input, or drafts.

    Attributes:
        all: The one of every line, or one for every line, in order. An empty one forces nothing.
        file: Where they were read; None if one text stands for every line.
        called: What they are, in messages.
    """

    all: tuple[str, ...]
    file: Path | None
    called: str = "prefixes"

    @classmethod
    def drafts(cls, file: str) -> "Prefixes":
        """Take the lines of a file as drafts.

        Raises:
            UserError: There is no such file, or it cannot be read.
        """
        if not Path(file).is_file():
            raise UserError(f"there is no file {file} to read drafts from: give one with a draft a line.")
        return replace(cls.read(file), called="drafts")

    @classmethod
    def read(cls, given: str) -> "Prefixes":
        """Take the lines of the file of this name if there is one, else the text itself.

        Raises:
            UserError: The file cannot be read, or the text looks like the name of a file that is not there.
        """
        path = Path(given)
        try:
            if not path.is_file():
                if " " not in given and ("/" in given or path.suffix == ".txt"):
                    raise UserError(f"there is no file {given} to read prefixes from.")
                return cls((clean(given),), None)
            lines = path.read_bytes().split(b"\n")
        except (OSError, ValueError) as error:  # a long text is no name of a file, and neither is one with NUL
            if isinstance(error, PermissionError):
                raise UserError(f"cannot read {given}: permission denied.") from None
            return cls((clean(given),), None)
        lines = lines[:-1] if lines[-1] == b"" else lines
        return cls(tuple(read_line(line).text for line in lines), path)

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with any of them."""
        kind = "one" if self.file is None else "each"
        return hashlib.sha256("\n".join((kind, *self.all)).encode()).hexdigest()[:16]

    def check_number(self, lines: int) -> None:
        """Refuse another number of prefixes than there are lines.

        Raises:
            UserError: Naming both numbers.
        """
        if self.file is not None and len(self.all) != lines:
            raise UserError(f"{self.file} has {len(self.all):,} {self.called} for {lines:,} lines: give one a line.")

    def of_lines(self, first: int, count: int) -> list[str]:
        """Return the prefixes of `count` lines, of which the first has this number, from 1.

        Raises:
            UserError: The file has fewer.
        """
        if self.file is None:
            return [*self.all] * count
        if first + count - 1 > len(self.all):
            raise UserError(
                f"{self.file} has {len(self.all):,} {self.called}, and the input more lines: give one a line."
            )
        return list(self.all[first - 1 : first - 1 + count])

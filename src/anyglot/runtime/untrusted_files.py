"""Files of other people, opened with distrust: regular ones only, and no more of them than a stated size.

A pipe never ends, a device may never end, and a JSON document of a few megabytes can ask for any amount of memory or
stack. What a folder holds is therefore opened here and nowhere else, and each thing wrong with it is one sentence.

    DOCUMENT      16 MiB    config.json, languages.json, manifests, jobs, records, indexes: real ones have kilobytes
    LARGE        256 MiB    tokenizer.json, vocab.json, SentencePiece models, reports: the largest known has 35 MB
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from anyglot.errors import UserError

DOCUMENT = 16 * 2**20
LARGE = 256 * 2**20
# 2**128 has 39 digits, the state of a random generator among them; longer ones overflow all that is done with them.
_DIGITS = 40
# Half a character, which UTF-8 cannot write; only JSON's escapes can bring one into a document.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
DAMAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What taking the values of a document gives where they are other than they ought to be."""
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def check_regular(path: Path | str, largest: int | None = None) -> int:
    """Look at a file, through links, before a library opens it.

    Args:
        largest: Bytes it may have; None: any number, for files that are mapped and not read.

    Returns:
        Its size in bytes.

    Raises:
        FileNotFoundError: Nothing is there, not even a link.
        UserError: It is no regular file, a link to nothing or in a circle, too large, or cannot be looked at.
    """
    path = Path(path)
    try:
        found = path.stat()
    except OSError as error:
        _refuse(path, error)
    except ValueError as error:  # a zero byte
        raise UserError(f"{str(path)!r:.200} is no path ({error}).") from None
    return _checked(path, found, largest)


def is_there(path: Path | str) -> bool:
    """Whether a regular file is there; False only where nothing is.

    Raises:
        UserError: As `check_regular`: what stands under the name is no file, and is not passed over in silence.
    """
    try:
        check_regular(path)
    except FileNotFoundError:
        return False
    return True


def read_bytes(path: Path | str, largest: int = LARGE) -> bytes:
    """The content of a regular file.

    Raises:
        FileNotFoundError: Nothing is there, not even a link.
        UserError: As `check_regular`, or it cannot be read.
    """
    path = Path(path)
    check_regular(path, largest)
    try:
        # Something else may have taken its place since: opening a pipe must not wait, and what is open is looked at.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as stream:
            _checked(path, os.fstat(stream.fileno()), largest)
            content = stream.read(largest + 1)
    except OSError as error:
        _refuse(path, error)
    if len(content) > largest:  # files under /proc have no size until they are read
        _refuse_size(path, None, largest)
    return content


def read_text(path: Path | str, largest: int = DOCUMENT) -> str:
    """The content of a regular UTF-8 file.

    Raises:
        FileNotFoundError: Nothing is there, not even a link.
        UserError: As `read_bytes`, or it is not UTF-8.
    """
    try:
        return read_bytes(path, largest).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}): copy or download it again.") from None


def read_json(path: Path | str, largest: int = DOCUMENT, *, finite: bool = True) -> Any:
    """The document in a regular JSON file.

    Args:
        finite: Refuse NaN, Infinity and numbers that are infinite as floats; else they are let through, for records
            of a training, which may have diverged.

    Raises:
        FileNotFoundError: Nothing is there, not even a link.
        UserError: As `read_text`, or it is not JSON, too deeply nested, or holds a number nobody writes.
    """
    text = read_text(path, largest)
    try:
        return parse_json(text, finite=finite)
    except ValueError as error:
        raise UserError(f"{path} cannot be read as JSON ({error}): copy or download it again.") from None


@contextmanager
def understood(path: Path | str, advice: str = "copy or download it again") -> Iterator[None]:
    """A context in which the values of a document are taken for what they ought to be.

    Put nothing but that inside: what goes wrong in a computation is no damage of a file.

    Raises:
        UserError: They are something else; one that is raised inside is left as it is.
    """
    try:
        yield
    except DAMAGE as error:
        told = " ".join(str(error).split())
        raise UserError(f"{path} is damaged ({type(error).__name__}: {told:.100}): {advice}.") from None


def whole_number(value: object, lowest: int = 0, highest: int = 2**63 - 1) -> int:
    """A whole number of a document: 2.0, "2" and true are none.

    Raises:
        ValueError: It is none, or lies outside.
    """
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError(f"{value!r:.40} is no whole number from {lowest:,} to {highest:,}")
    return value


def number(value: object, *, finite: bool = True) -> float:
    """A number of a document.

    Args:
        finite: Refuse nan and infinity, which only a training's own records may hold.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r:.40} is no number")
    if finite and not abs(value) <= 1e308:
        raise ValueError(f"{value!r:.40} is no finite number")
    return float(value)


def written_number(text: str) -> int | None:
    """The whole number that a text writes in at most 18 decimal digits; None: it writes none, or one nobody counts to.

    Python's own `int` refuses texts of thousands of digits with an error, and what it takes fits no array.
    """
    return int(text) if text.isdecimal() and len(text) <= 18 else None


def text_of(value: object) -> str:
    """A text of a document.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is no text")
    return value


def parse_json(text: str | bytes, *, finite: bool = True, unique_keys: bool = False) -> Any:
    """The document in a JSON text.

    Args:
        unique_keys: Refuse an object with a key twice; else the last of its values holds, as for other programs.

    Raises:
        ValueError: It is not JSON, too deeply nested, or holds a number nobody writes or half a character; the
            message says which.
        DuplicateKey: As asked for.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=unique if unique_keys else None,
            parse_int=_integer,
            parse_float=_float if finite else None,
            parse_constant=_refuse_constant if finite else None,
        )
        if isinstance(text, bytes) or _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a character, a surrogate without its other half") from None
    return value


class DuplicateKey(ValueError):
    """An object of JSON has a key twice: which of its values was meant nobody knows."""


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for `json.loads(object_pairs_hook=)`.

    Raises:
        DuplicateKey: It has a key twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DuplicateKey(f"the key {twice!r:.60} stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError(f"it holds a number of {len(digits):,} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"it holds {digits:.20}, which is too large for a number")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is no number")


def _checked(path: Path, found: os.stat_result, largest: int | None) -> int:
    if not stat.S_ISREG(found.st_mode):
        kind = next((words for is_kind, words in _KINDS if is_kind(found.st_mode)), "no regular file")
        link = f", through a link to {str(path.readlink())!r:.100}" if path.is_symlink() else ""
        raise UserError(f"{path} is {kind}{link}: only regular files are opened; put the file itself there.")
    if largest is not None and found.st_size > largest:
        _refuse_size(path, found.st_size, largest)
    return found.st_size


def _refuse_size(path: Path, size: int | None, largest: int) -> NoReturn:
    told = "has no end that was reached" if size is None else f"has {size:,} bytes"
    raise UserError(f"{path} {told}, and at most {largest:,} are read of such a file: copy or download it again.")


def _refuse(path: Path, error: OSError) -> NoReturn:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        if not path.is_symlink():
            raise FileNotFoundError(error.errno, error.strerror, str(path)) from None
        raise UserError(f"{path} is a link to {str(path.readlink())!r:.100}, where nothing is: copy the file there.")
    if error.errno == errno.ELOOP:
        raise UserError(f"{path} is a link in a circle of links: put the file itself there.")
    raise UserError(f"{path} cannot be read: {error.strerror or error}.")

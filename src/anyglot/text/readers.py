"""Lines and fields out of files: plain text, TSV and JSON lines, each also gzipped. Every fault names file and line."""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from anyglot.errors import UserError
from anyglot.runtime.untrusted_files import DuplicateKey, parse_json

_CHUNK = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


_PACKED = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9]1AY&SY"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
    "zip": re.compile(rb"PK\x03\x04"),
}
"""How packed files begin."""


def refuse_packed(stream: IO[bytes], path: Path, *, unpacks: bool = True) -> None:
    """Refuse a packed file where lines of text are expected, by what it is; nothing is read off the stream.

    Args:
        unpacks: Whether the reader unpacks what is called `.gz`.

    Raises:
        UserError: It begins as one does.
    """
    head = stream.peek(16) if isinstance(stream, io.BufferedReader) else b""
    for kind, magic in _PACKED.items():
        if magic.match(head):
            what = f"rename it to {path.name}.gz, or unpack it" if kind == "gzip" and unpacks else "unpack it"
            raise UserError(f"{path} is a {kind} file, not text: {what} first.")


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, as `raw_lines` finds them.

    Raises:
        UserError: As `raw_lines`, or a line that is not UTF-8.
    """
    for number, line in enumerate(raw_lines(path), start=1):
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path} is not UTF-8: byte 0x{error.object[error.start]:02x} in line {number}; convert it to UTF-8 "
                "first."
            ) from error


def raw_lines(path: Path) -> Iterator[bytes]:
    r"""The lines of a file as bytes, without their line ends; `.gz` files are unpacked on the way.

    Only `\n` and `\r\n` end a line, so that line `i` here is line `i` for every other program. A byte order mark at
    the start is dropped.

    Raises:
        UserError: No such file, a truncated or damaged gzip file, a packed file of another kind or name, or an empty
            file.
    """
    number = 0
    try:
        with _open(path) as stream:
            for number, line in enumerate(stream, start=1):
                yield bare_line(line, number)
    except EOFError as error:
        raise UserError(
            f"{path} is truncated: its gzip data stops after line {number}; copy or download it again."
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} is not a sound gzip file ({error}, after line {number}); copy it again.") from error
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror or error}.") from error
    if number == 0:
        raise UserError(f"{path} is empty; give a file with one sentence on each line.")


def bare_line(raw: bytes, number: int) -> bytes:
    """A line without its end, the first (number 1) also without a byte order mark."""
    line = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
    return line.removesuffix(b"\n").removesuffix(b"\r")


def read_columns(path: Path, columns: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    """The given 0-based columns of a tab-separated file. A wholly blank line gives empty strings.

    Raises:
        UserError: As `read_lines`, or a line with too few columns.
    """
    needed = max(columns) + 1
    for number, line in enumerate(read_lines(path), start=1):
        cells = line.split("\t")
        if len(cells) < needed:
            if not line.strip():
                yield ("",) * len(columns)
                continue
            raise UserError(
                f"{path} line {number} has {len(cells)} tab-separated column(s), but column "
                f"{needed - 1} (counted from 0) is asked for; mend the line or set the columns."
            )
        yield tuple(cells[column] for column in columns)


def read_fields(path: Path, fields: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The given fields of a JSON-lines file; dots reach into nested objects. Blank lines give empty strings.

    Raises:
        UserError: As `read_lines`, a line that is no JSON object, or a field that is missing or no text.
    """
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            yield ("",) * len(fields)
            continue
        where = f"{path} line {number}"
        try:
            record = parse_json(line, finite=False, unique_keys=True)
        except ValueError as error:
            told = error if type(error) in (ValueError, DuplicateKey) else type(error).__name__
            raise UserError(f"{where} is not JSON ({told}); write one object on each line.") from error
        yield tuple(pick(record, field, where) for field in fields)


def pick(record: object, field: str, where: str) -> str:
    """The text under a field name of a record; a dot reaches into a nested object. A null is an empty text.

    Raises:
        UserError: The field is missing or holds no text; `where` says which record.
    """
    value = record
    # A field that is spelt with its dot wins over a nested one.
    parts = [field] if isinstance(record, dict) and field in record else field.split(".")
    for part in parts:
        if not isinstance(value, dict):
            raise UserError(f"{where} has no field {field!r}: found {type(value).__name__} where an object is needed.")
        if part not in value:
            found = ", ".join(repr(str(key)) for key in list(value)[:8]) or "nothing"
            raise UserError(f"{where} has no field {field!r}, it has {found}; set the fields of this source.")
        value = value[part]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UserError(f"{where}: field {field!r} holds {type(value).__name__}, not text.")
    return value


def raw_hash(paths: tuple[Path, ...]) -> str:
    """SHA-256 over the raw bytes of files, each preceded by its size so that moving a boundary changes the hash."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            digest.update(f"{path.stat().st_size}\n".encode())
            with path.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise missing_or_unreadable(path, error) from error
    return digest.hexdigest()


def missing_or_unreadable(path: Path, error: OSError) -> UserError:
    """The error for a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return UserError(f"No such file: {path}; check the path of this source.")
    if isinstance(error, IsADirectoryError):
        return UserError(f"{path} is a folder, not a text file; name a file, or write hf:{path} for a saved data set.")
    return UserError(f"Cannot read {path}: {error.strerror or error}.")


def kind_of(path: Path) -> str:
    """`tsv`, `jsonl` or `text`, from the file name without `.gz`."""
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    return {".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(suffix, "text")


def _open(path: Path) -> IO[bytes]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise missing_or_unreadable(path, error) from error
    if path.suffix != ".gz":
        refuse_packed(stream, path)
        return stream
    return gzip.GzipFile(fileobj=stream, mode="rb")  # type: ignore[return-value]

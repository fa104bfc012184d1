"""Files and folders that appear whole or not at all, and what a disk refuses told in a sentence.

| what is written | function |
|---|---|
| a file, piece by piece | `whole_file` |
| bytes, text, a JSON document | `write_bytes`, `write_text`, `write_json` |
| tensors, as safetensors | `write_tensors` |
| a folder of files | `whole_folder` |
| anything else, by somebody else's code | `disk_errors` around it |

A file is written as NAME.tmp beside its place, flushed to the disk and renamed; a folder as .NAME.tmp. An error, a
signal included, takes away what was begun.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from anyglot.errors import UserError
from anyglot.runtime import hashes
from anyglot.runtime.locks import held

if TYPE_CHECKING:
    from torch import Tensor

ADVICE = "free some space, or name another place, and run it again"
# What libraries written in Rust add to the words of an error, whatever type it has.
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


def refused(error: BaseException) -> str | None:
    """Why the disk refused to be written, in its own words; None for an error of another kind."""
    if isinstance(error, OSError):
        if isinstance(error, BrokenPipeError):
            return None
        if error.strerror:
            return error.strerror.lower()
        if " requested and " in str(error):  # numpy, of a write that came to an end before its own
            return "no space left on device"
    found = _OS_ERROR.search(str(error)) if isinstance(error, Exception) else None
    if found is not None:
        return os.strerror(int(found[1])).lower()
    return str(error) if isinstance(error, OSError) else None


@contextmanager
def disk_errors(what: Path | str, advice: str = ADVICE) -> Iterator[None]:
    """Turn what a disk refuses into a sentence; a broken pipe passes.

    Args:
        what: Is being written.
        advice: What to do about it.

    Raises:
        UserError: The disk is full, a name cannot be written, and the like.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = refused(error)
        if reason is None:
            raise
        named = getattr(error, "filename", None)
        where = f" ({named})" if named is not None and not str(named).startswith(str(what)) else ""
        raise UserError(f"cannot write {what}: {reason}{where}; {advice}.") from error


@contextmanager
def whole_file(path: Path, advice: str = ADVICE) -> Iterator[BinaryIO]:
    """A file to write that takes its place when all is written; its folder is made.

    Raises:
        UserError: As `disk_errors`. Nothing half-written is left.
    """
    temporary = path.with_name(path.name + ".tmp")
    with disk_errors(path, advice):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_bytes(path: Path, content: bytes, advice: str = ADVICE) -> None:
    """Write a file.

    Raises:
        UserError: As `whole_file`.
    """
    with whole_file(path, advice) as stream:
        stream.write(content)


def write_text(path: Path, content: str, advice: str = ADVICE) -> None:
    """Write a UTF-8 file; lone surrogates become question marks.

    Raises:
        UserError: As `whole_file`.
    """
    write_bytes(path, content.encode("utf-8", "replace"), advice)


def write_json(path: Path, document: Any, indent: int = 2, advice: str = ADVICE) -> None:
    """Write a document.

    Raises:
        UserError: As `whole_file`.
    """
    write_text(path, json.dumps(document, indent=indent) + "\n", advice)


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None, advice: str = ADVICE
) -> None:
    """Write a safetensors file. Hashes of its folder are taken away: the folder is not what it was.

    Args:
        tensors: By name; no two may share memory.

    Raises:
        UserError: As `whole_file`.
    """
    from safetensors.torch import save_file

    temporary = path.with_name(path.name + ".tmp")
    with disk_errors(path, advice):
        path.parent.mkdir(parents=True, exist_ok=True)
        hashes.forget(path.parent)
        try:
            # The library may write aside and rename on its own account, so that a stream of ours is of no use to it.
            save_file(
                {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()},
                temporary,
                metadata=None if metadata is None else dict(metadata),
            )
            flush(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def whole_folder(path: Path, *, replaces: bool = False) -> Iterator[Path]:
    """A folder beside `path` that becomes it if all goes well, and vanishes if not.

    Where it holds weights their hashes are written too (`runtime/hashes.py`).

    Args:
        replaces: Whether a folder with something in it may be in its place, which is then lost.

    Raises:
        UserError: As `disk_errors`, or another process writes the folder.
    """
    with held(path), disk_errors(path):
        place = Path(os.path.realpath(path))
        temporary = place.with_name(f".{place.name}.tmp")
        if temporary.exists():  # a killed process left it: whoever holds the lock is alone
            shutil.rmtree(temporary)
        try:
            temporary.mkdir(parents=True)
            yield temporary
            for holder in sorted({file.parent for file in temporary.rglob("*.safetensors")}):
                hashes.record(holder)
            for file in temporary.rglob("*"):
                if file.is_file():
                    flush(file)
            if replaces and place.exists():
                shutil.rmtree(place)
            temporary.rename(place)
            flush_folder(place.parent)
        except UserError as error:  # it is the folder's own name that was asked for
            raise UserError(str(error).replace(str(temporary), str(path))) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def flush(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(path: Path) -> None:
    """Wait until the disk has the names in a folder."""
    if os.name == "posix":  # elsewhere a folder cannot be opened for this
        flush(path)

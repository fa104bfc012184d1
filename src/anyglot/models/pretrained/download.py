"""A file from the web whose size and hash are known: in pieces, resumed where it stopped, checked at the end."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from anyglot.errors import UserError
from anyglot.models.pretrained.package_index import SECONDS, why

# Of what arrives; of a connection that is cut the last piece is lost.
_CHUNK = 1 << 14
# Cut connections are taken up again: this often in a row without one more byte.
_TRIES = 3


@dataclass(frozen=True)
class Expected:
    """What must arrive.

    Attributes:
        name: For messages.
        size: Bytes.
        sha256: Hexadecimal.
    """

    name: str
    size: int
    sha256: str


def download(
    session: requests.Session,
    url: str,
    expected: Expected,
    part: Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Bring a file to `part`, which may hold its beginning from an earlier try; afterwards it is whole and right.

    Args:
        progress: Called with the bytes that are there and the bytes there will be.

    Raises:
        UserError: No way to the file, or it is another than expected. What arrived stays in `part` to be resumed,
            unless it was wrong.
        OSError: `part` cannot be written.
    """
    earlier = _size(part)
    _fill(session, url, expected, part, progress)
    if _is_right(part, expected):
        return
    if earlier:
        # What an earlier try left may have been wrong from the beginning.
        part.unlink()
        _fill(session, url, expected, part, progress)
        if _is_right(part, expected):
            return
    part.unlink()
    raise UserError(
        f"{expected.name} came with another content than expected (SHA-256 is not {expected.sha256}), so it was thrown "
        "away: try again, or name another package index by `index_url`."
    )


def file_hash(path: Path) -> str:
    """SHA-256, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fill(
    session: requests.Session, url: str, expected: Expected, part: Path, progress: Callable[[int, int], None] | None
) -> None:
    """Download until the file is as long as expected."""
    tries = 0
    if _size(part) > expected.size:
        part.unlink()
    most = _size(part)
    while _size(part) < expected.size:
        try:
            _get(session, url, expected, part, progress)
            problem: Exception = requests.ConnectionError("the file ended early")
        except requests.RequestException as error:
            problem = error
        if _size(part) > most:
            most, tries = _size(part), 0
        elif getattr(problem, "response", None) is not None or (tries := tries + 1) == _TRIES:
            raise UserError(f"{expected.name} was not fetched: {why(problem, url)}") from None
        if _size(part) < expected.size:
            time.sleep(tries)
    if progress is not None:
        progress(expected.size, expected.size)


def _get(
    session: requests.Session, url: str, expected: Expected, part: Path, progress: Callable[[int, int], None] | None
) -> None:
    """Append what one answer gives."""
    there = _size(part)
    headers = {"Range": f"bytes={there}-"} if there else {}
    with session.get(url, headers=headers, timeout=SECONDS, stream=True) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()
            return
        answer.raise_for_status()
        # A server that does not know ranges, or answers with another one, begins anew.
        resumed = answer.status_code == requests.codes.partial_content
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
            raise requests.ConnectionError("the server sent another range than asked")
        with part.open("ab" if resumed else "wb") as stream:
            there = there if resumed else 0
            for chunk in answer.iter_content(_CHUNK):
                stream.write(chunk[: expected.size - there])
                there = min(there + len(chunk), expected.size)
                if progress is not None:
                    progress(there, expected.size)
                if there == expected.size:
                    break
            stream.flush()
            os.fsync(stream.fileno())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_right(path: Path, expected: Expected) -> bool:
    return _size(path) == expected.size and file_hash(path) == expected.sha256

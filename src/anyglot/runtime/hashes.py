"""SHA-256 of what a model folder holds, written when it is finished and checked whenever it is opened.

    hashes.json   {"format": "anyglot-hashes-1", "files": {"model.safetensors": {"size": ..., "sha256": ...}, ...}}

It covers weights, config and tokenizer: what decides which translation or vector comes out. It is written last and
taken away before any of them is written again, so a kill leaves a folder without it, which opens unchecked, as do
folders of other projects and of older versions.

A file is read once: its hash is remembered in the user's cache under its device, inode, size and the times of its last
change of content (mtime) and of any change (ctime). Opened again, a file is only asked for these. Hashes of files that
changed less than `SETTLED` seconds ago are not remembered: a clock may not tell two changes so close apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from anyglot.errors import UserError
from anyglot.runtime.measurements import recalled, remember
from anyglot.runtime.untrusted_files import DAMAGE, check_regular, read_json, text_of, whole_number

FILE = "hashes.json"
FORMAT = "anyglot-hashes-1"
COVERED = (
    "config.json",
    "*.safetensors",
    "head.json",
    "prompts.json",
    "*.model",
    "*.spm",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "*vocab.json",
    "merges.txt",
)
"""Names of the files that are covered, as patterns."""
SETTLED = 2.0
"""Seconds after its last change from which on a file's hash is remembered."""
REMEMBERED = 2_000
"""Files whose hashes are remembered; the oldest are forgotten first."""
_MEMORY = "file-hashes"
_BLOCK = 1 << 22
# Of this process: spares reading the memory's file for every file.
_known: dict[str, str] = {}


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, 64 hex digits; read, or remembered of the file as it is.

    Raises:
        OSError: It cannot be read.
        UserError: It is no regular file.
    """
    check_regular(path)
    with path.open("rb") as stream:
        found = os.fstat(stream.fileno())
        key = f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"
        if key not in _known:
            _known.update((each, value) for each, value in recalled(_MEMORY).items() if isinstance(value, str))
        if key in _known:
            return _known[key]
        digest = hashlib.sha256()
        while block := stream.read(_BLOCK):
            digest.update(block)
        value = digest.hexdigest()
        after = os.fstat(stream.fileno())
    settled = time.time() - max(found.st_mtime, found.st_ctime) > SETTLED
    if settled and after.st_mtime_ns == found.st_mtime_ns and after.st_size == found.st_size:
        _known[key] = value
        remember(_MEMORY, {key: value}, at_most=REMEMBERED)
    return value


def covered(folder: Path) -> list[Path]:
    """The files of a folder that `COVERED` names, in alphabetical order."""
    return sorted({path for pattern in COVERED for path in folder.glob(pattern) if path.is_file()})


def record(folder: Path) -> None:
    """Write the hashes of a finished folder; of one without weights nothing is written.

    Raises:
        OSError: A file cannot be read or written.
    """
    files = {path.name: {"size": path.stat().st_size, "sha256": file_hash(path)} for path in covered(folder)}
    if not any(name.endswith(".safetensors") for name in files):
        return
    temporary = folder / f"{FILE}.tmp"
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps({"format": FORMAT, "files": files}, indent=1) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(folder / FILE)


def forget(folder: Path) -> None:
    """Take the hashes of a folder away, before its files change."""
    (folder / FILE).unlink(missing_ok=True)


def check(folder: Path) -> None:
    """Compare the files of a folder with its hashes; a folder without any passes, and so does a file that is gone.

    What is gone is told by whoever wants to read it.

    Raises:
        UserError: A file is not the one that was written, or the hashes are damaged.
    """
    for name, size, sha256 in _recorded(folder / FILE):
        path = folder / name
        try:
            found = path.stat().st_size
            same = found == size and file_hash(path) == sha256
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror or error}.") from None
        if not same:
            raise UserError(
                f"{path} is not the file that was written when this folder was finished: {FILE} tells of {size:,} "
                f"bytes with the SHA-256 {sha256[:12]}..., found are {found:,} bytes with {file_hash(path)[:12]}.... "
                f"Copy the folder again; if the file was changed on purpose, delete {folder / FILE}."
            )


def _recorded(path: Path) -> Iterator[tuple[str, int, str]]:
    try:
        raw = read_json(path)
        if raw["format"] != FORMAT:
            raise ValueError("another format")
        files = [(name, whole_number(each["size"]), text_of(each["sha256"])) for name, each in raw["files"].items()]
        if any(Path(name).name != name for name, _, _ in files):
            raise ValueError("a name that leads elsewhere")
    except FileNotFoundError:
        return
    except (UserError, *DAMAGE):
        raise UserError(
            f"{path} is damaged, so whether the folder is as it was written cannot be told. Copy the folder again, or "
            f"delete {path.name} to open it unchecked."
        ) from None
    yield from files

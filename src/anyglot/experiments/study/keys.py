"""What a step's result depends on, as a hash: its command, the keys of the steps it reads, and its files' content.

Where things lie does not count: a study's folder and its data may be moved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from anyglot.errors import UserError
from anyglot.experiments.study.steps import Step, replaced
from anyglot.runtime import yaml_text
from anyglot.training.recipe.document import recipe_file

_WILD = "*?["
_BLOCK = 1 << 20


class Contents:
    """Hashes of files, folders and patterns; each file is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, str] = {}

    def of(self, place: str) -> str:
        """The hash of what a path or a pattern names, relative names included.

        Raises:
            UserError: There is nothing, or it cannot be read.
        """
        path = Path(place).expanduser()
        if path.is_file():
            return self._file(path)
        root, files = _files(path)
        if not files:
            raise UserError(f"{place} is needed and not there; put it in place or set another path with `overrides`.")
        listed = [(file.relative_to(root).as_posix(), self._file(file)) for file in files]
        return _hash(listed)

    def _file(self, path: Path) -> str:
        path = path.resolve()
        if path not in self._known:
            digest = hashlib.sha256()
            try:
                with path.open("rb") as stream:
                    while block := stream.read(_BLOCK):
                        digest.update(block)
            except OSError as error:
                raise UserError(f"{path} cannot be read ({error.strerror}); a step needs it.") from error
            self._known[path] = digest.hexdigest()
        return self._known[path]


def keys_of(steps: tuple[Step, ...], contents: Contents) -> dict[str, str | UserError]:
    """Name -> key of every step; in its place what is missing, where a file is.

    A step that reads one without a key has none either.
    """
    keys: dict[str, str | UserError] = {}
    for step in steps:
        try:
            keys[step.name] = _key(step, keys, contents)
        except UserError as error:
            keys[step.name] = error
    return keys


def _key(step: Step, keys: Mapping[str, str | UserError], contents: Contents) -> str:
    def value(kind: str, name: str) -> str:
        if kind == "step":
            key = keys[name]
            if isinstance(key, UserError):
                raise key
            return key
        if kind == "path":
            return ""
        return contents.of(name) if kind == "file" else recipe_content(name)

    after = []
    for name in step.needs:
        key = keys[name]
        if isinstance(key, UserError):
            raise key
        after.append(key)
    return _hash(
        {
            "command": replaced(step.words, "out", value),
            "reads": replaced(step.reads, "out", value),
            "needs": after,
            "document": step.document,
            "version": metadata.version("anyglot"),
        }
    )


def recipe_content(name: str) -> str:
    """The hash of a recipe and of the one it extends, comments left out."""
    path = recipe_file(name)
    values, _ = yaml_text.read(path)
    base = values.get("extends") if isinstance(values, dict) else None
    below = None
    if isinstance(base, str):
        beside = path.parent / base
        below, _ = yaml_text.read(beside if beside.is_file() else recipe_file(base))
    return _hash([values, below])


def _files(path: Path) -> tuple[Path, list[Path]]:
    """A folder's files at any depth, or those a pattern names; and the folder they are told from."""
    if path.is_dir():
        return path, sorted(file for file in path.rglob("*") if file.is_file())
    parts = path.parts
    wild = next((place for place, part in enumerate(parts) if any(sign in part for sign in _WILD)), None)
    if wild is None:
        return path, []
    root = Path(*parts[:wild]) if wild else Path()
    return root, sorted(file for file in root.glob("/".join(parts[wild:])) if file.is_file())


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

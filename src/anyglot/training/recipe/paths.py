"""Which values of a recipe are paths, and from where they are meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anyglot.data.corpus import ADDRESSES

# In front of a start that is a recipe's name or file.
RECIPE = "recipe:"


def resolve_paths(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The raw values of a recipe with relative paths taken from `folder`; of any shape, for nothing is checked yet.

    `method.start` and `tokenizer` may be hub names: they are paths where something lies there, or where they are
    written as one ("./x", "../x", "~/x"). So is what stands behind "recipe:" in a start.
    """
    folder = folder.absolute()
    result = dict(values)
    if isinstance(result.get("method"), dict):
        result["method"] = _with(result["method"], "start", lambda value: _start(value, folder))
    result = _with(result, "tokenizer", lambda value: _tokenizer(value, folder))
    if isinstance(result.get("vocabulary"), dict):
        result["vocabulary"] = _with(result["vocabulary"], "target", lambda value: _vocabulary(value, folder))
    if isinstance(result.get("stages"), dict):
        result["stages"] = {name: _stage(stage, folder) for name, stage in result["stages"].items()}
    if isinstance(result.get("data"), dict):
        data = _with(result["data"], "cache", lambda value: _sure(value, folder))
        for side in ("train", "validation"):
            data = _with(data, side, lambda value: _sources(value, folder))
        result["data"] = data
    return result


def _with(values: dict[str, Any], key: str, change: Any) -> dict[str, Any]:
    return {**values, key: change(values[key])} if key in values else values


def _sources(value: Any, folder: Path) -> Any:
    if not isinstance(value, list):
        return value
    return [resolved_source(item, folder) if isinstance(item, dict) else item for item in value]


def resolved_source(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The raw values of one corpus, or of a sheet that lists corpora, with relative paths taken from `folder`."""
    for key in ("file", "sheet"):
        value = _with(value, key, lambda file: _sure(file, folder))
    return _with(value, "files", lambda files: _all(files, folder))


def _start(value: Any, folder: Path) -> Any:
    if isinstance(value, str) and value.startswith(RECIPE):
        return RECIPE + str(_maybe(value.removeprefix(RECIPE), folder))
    return _maybe(value, folder)


def _stage(value: Any, folder: Path) -> Any:
    if not isinstance(value, dict):
        return value
    return _with(value, "encoder_cache", lambda cache: _encoder_cache(cache, folder))


def _encoder_cache(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return _with(value, "folder", lambda inner: _sure(inner, folder))
    return _sure(value, folder)


def _tokenizer(value: Any, folder: Path) -> Any:
    if not isinstance(value, dict):
        return _maybe(value, folder)
    if not isinstance(value.get("train"), dict):
        return value
    return {**value, "train": _with(value["train"], "files", lambda files: _all(files, folder))}


def _vocabulary(value: Any, folder: Path) -> Any:
    return resolved_source(value, folder) if isinstance(value, dict) else value


def _all(value: Any, folder: Path) -> Any:
    return [_sure(item, folder) for item in value] if isinstance(value, list) else value


def _sure(value: Any, folder: Path) -> Any:
    if not isinstance(value, str) or value.startswith(ADDRESSES):
        return value
    return str(folder / Path(value).expanduser())


def _maybe(value: Any, folder: Path) -> Any:
    if not isinstance(value, str) or "\0" in value:
        return value
    written_as_path = value.startswith(("./", "../", "~"))
    return _sure(value, folder) if written_as_path or (folder / value).exists() else value

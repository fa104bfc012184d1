"""A recipe before it is checked: YAML, `extends:`, `--train`, `key=value`. Without torch, so that it is read at once.

Relative paths in a file are taken from that file's folder; those in overrides and bundled recipes from the current one,
and those in a data sheet from the sheet's.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.runtime import yaml_text
from anyglot.runtime.untrusted_files import written_number
from anyglot.training.recipe.command_line_corpora import GivenData, refuse_wrong_forms
from anyglot.training.recipe.manifests import expanded
from anyglot.training.recipe.paths import resolve_paths
from anyglot.training.recipe.renamed_keys import new_key, with_new_keys

logger = logging.getLogger(__name__)

EXTENDS = "extends"
# How a file that is no recipe but a study of several says so (`anyglot study`).
_STUDY = "\nstudy: "
Keys = tuple[str, ...]


@dataclass
class Document:
    """Values on their way to a recipe, and where each came from: key path -> "FILE, line N" or "override"."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Keys, str] = field(default_factory=dict)


def read_document(name_or_path: str | Path, overrides: Sequence[str] = (), given: GivenData | None = None) -> Document:
    """The values of a recipe, not yet checked; arguments as those of `load_recipe`.

    Raises:
        UserError: There is no such recipe, it is no mapping, an override names nothing, or what is given is of a form
            that the method does not learn from.
    """
    document = _read(name_or_path, ())
    if given is not None:
        _replace_data(document, given)
    for override in overrides:
        _override(document, override)
    # What is still relative came by an override or with the package, and is meant from where the command is run.
    values, origins = expanded(resolve_paths(document.values, Path.cwd()), document.origins)
    if given is not None:
        refuse_wrong_forms(method_name(values), values.get("data"), origins)
    return Document(values, origins)


def recipe_file(name_or_path: str | Path) -> Path:
    """The file of a recipe, on disk or in the package.

    Raises:
        UserError: There is none.
    """
    return _find(name_or_path)[0]


def bundled_recipes() -> dict[str, str]:
    """Name -> first comment line of every recipe in the package."""
    root = resources.files("anyglot") / "recipes"
    found: dict[str, str] = {}
    if root.is_dir():
        for folder in sorted(root.iterdir(), key=lambda entry: entry.name):
            for entry in sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else []:
                text = entry.read_text(encoding="utf-8") if entry.name.endswith(".yaml") else ""
                if text and _STUDY not in text:
                    first = text.split("\n", 1)[0]
                    found[f"{folder.name}/{entry.name.removesuffix('.yaml')}"] = first.removeprefix("#").strip()
    return found


def _replace_data(document: Document, given: GivenData) -> None:
    """Put corpora in place of a recipe's; what it says otherwise about data stays."""
    data = document.values.get("data")
    document.values["data"] = {**(data if isinstance(data, dict) else {}), **given.values}
    gone = [("data", key) for key in given.values]
    document.origins = {at: origin for at, origin in document.origins.items() if at[:2] not in gone}
    document.origins |= given.origins


def _read(name_or_path: str | Path, extended_by: tuple[Path, ...]) -> Document:
    """A file's document, laid over the one it extends, which may extend another."""
    path, bundled = _find(name_or_path)
    if path.resolve() in extended_by:
        around = " extends ".join(map(str, (*extended_by[extended_by.index(path.resolve()) :], path)))
        raise UserError(f"Recipes extend each other in a circle: {around}; let one of them extend nothing.")
    values, lines = yaml_text.read(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: a recipe is a mapping of keys to values, found {type(values).__name__}.")
    base = values.pop(EXTENDS, None)
    lines = with_new_keys(values, lines)
    document = Document(
        values if bundled else resolve_paths(values, path.parent),
        {keys: f"{path}, line {line}" for keys, line in lines.items() if keys},
    )
    if base is None:
        return document
    if not isinstance(base, str):
        raise UserError(f"{path}: {EXTENDS} names one recipe, found {base!r}.")
    beside = path.parent / base
    return _laid_over(_read(beside if beside.is_file() else base, (*extended_by, path.resolve())), document)


def _find(name_or_path: str | Path) -> tuple[Path, bool]:
    """The file of a recipe, and whether it is one of the package's."""
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path, False
    if path.is_dir() and (path / "recipe.yaml").is_file():
        return path / "recipe.yaml", False
    name = str(name_or_path).removesuffix(".yaml").removeprefix("recipes/")
    known = bundled_recipes()
    name = renamed(name, known)
    if name in known:
        return Path(str(resources.files("anyglot") / "recipes" / f"{name}.yaml")), True
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else "`anyglot list recipes` shows those of the package."
    raise UserError(f"There is no recipe {name_or_path}, neither as a file nor in the package; {hint}")


def renamed(name: str, known: Collection[str]) -> str:
    """The name that a bundled file has now, where it was spelled with hyphens before; any other name as it is."""
    new = name.replace("-", "_")
    if name in known or new not in known:
        return name
    logger.warning("%s is called %s now; the old name is taken until the next release.", name, new)
    return new


def _laid_over(base: Document, top: Document) -> Document:
    """`top` over `base`: mappings are merged, all else is replaced. With another method, its options and stages are."""
    values = dict(base.values)
    method = top.values.get("method")
    changed = isinstance(method, dict) and "name" in method and method["name"] != method_name(base.values)
    for key, value in top.values.items():
        whole = changed and key in ("method", "stages")
        values[key] = value if whole else _merged(values.get(key), value)
    return Document(values, {**base.origins, **top.origins})


def method_name(values: dict[str, Any]) -> Any:
    """What a document says under method.name; None where that is nothing."""
    method = values.get("method")
    return method.get("name") if isinstance(method, dict) else None


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}


def _override(document: Document, override: str) -> None:
    dotted, separator, text = override.partition("=")
    if not separator or not dotted.strip():
        raise UserError(f"'{override}' is no override; write key=value, such as stages.joint.updates=500.")
    keys = tuple(new_key(dotted.strip()).split("."))
    value, _ = yaml_text.parse(text, f"override {dotted}")
    place: Any = document.values
    for depth, key in enumerate(keys[:-1]):
        if isinstance(place, dict) and not isinstance(place.get(key), dict | list):
            place[key] = {}  # a section the file leaves out, or says in one word
        place = place[_index(place, key, keys[: depth + 1], override)]
    last = keys[-1]
    place[_index(place, last, keys, override)] = value
    document.origins = {at: origin for at, origin in document.origins.items() if at[: len(keys)] != keys}
    document.origins[keys] = f"override {override}"


def _index(place: Any, key: str, keys: Iterable[str], override: str) -> Any:
    """The key as it is used on `place`: a name in a mapping, a number in a list."""
    if isinstance(place, dict):
        return key
    number = written_number(key)
    if not isinstance(place, list) or number is None or number >= len(place):
        held = f"the list has the items 0 to {len(place) - 1}" if isinstance(place, list) else "it is no section"
        raise UserError(f"Override '{override}': {'.'.join(keys)} does not exist; {held}.")
    return number

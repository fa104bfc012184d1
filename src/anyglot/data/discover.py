"""What corpora lie in a folder, by the names of its files.

| files | corpus |
|---|---|
| `NAME.xx-yy.xx` and `NAME.xx-yy.yy` (OPUS, Moses) | sentence pairs, line by line |
| `xx-yy.tsv`, `NAME.xx-yy.tsv`, also `.jsonl` | sentence pairs, one a line |
| `xx.txt`, `NAME.xx.txt`, `NAME.xx`, also `.tsv`, `.jsonl` | text of one language |

Each may end in `.gz`, and a side of a pair in `.txt`. Codes are any that `languages` knows; alone, outside a pair, only
those of languages that pretrained models know, as `dev.txt` is hardly Domung.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.text.languages import known_languages, language
from anyglot.text.readers import kind_of


@dataclass(frozen=True)
class FoundCorpora:
    """Corpora as a recipe would say them, with the paths as found; and files that are none, each with the reason."""

    pairs: tuple[dict[str, Any], ...]
    texts: tuple[dict[str, Any], ...]
    others: tuple[tuple[Path, str], ...]


def corpora_in(folder: Path, target: str | None = None) -> FoundCorpora:
    """Look at the names of all files under a folder; hidden ones are passed over.

    Args:
        target: A language that pairs are turned to: `en-de` becomes German to English for `en`.

    Raises:
        UserError: No such folder, or an unknown target language.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; name the one your corpora lie in.")
    wanted = None if target is None else language(target).code
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path, folder)]
    there = {str(path) for path in files}
    pairs: list[dict[str, Any]] = []
    texts: list[dict[str, Any]] = []
    others: list[tuple[Path, str]] = []
    for path in files:
        found = _corpus(path, there)
        if isinstance(found, str):
            others.append((path, found))
        elif found is not None:
            (texts if "language" in found else pairs).append(_turned(found, wanted))
    return FoundCorpora(tuple(pairs), tuple(texts), tuple(others))


def _corpus(path: Path, there: set[str]) -> dict[str, Any] | str | None:
    """The corpus a file is or begins; None for the second side of a pair; else why it is none."""
    kind = kind_of(path)
    parts = path.name.removesuffix(".gz").split(".")
    if kind != "text" or (len(parts) > 1 and parts[-1].lower() == "txt"):
        parts = parts[:-1]
    if kind != "text":
        sides = sides_of(parts[-1]) if parts else None
        if sides is not None:
            return _one_file(path, sides, kind)
    elif len(parts) > 1 and (sides := sides_of(parts[-2])) is not None and parts[-1] in sides:
        partner = _partner(path, parts, sides, there)
        if partner is None:
            return f"the other side of {'-'.join(sides)} is missing"
        if parts[-1] == sides[1]:
            return None
        return {**_codes(sides), "files": [str(path), str(partner)]}
    code = _known(parts[-1]) if parts and (len(parts) > 1 or parts[-1] != path.name) else None
    return "its name tells no languages" if code is None else {"language": code, "file": str(path)}


def _one_file(path: Path, sides: tuple[str, str], kind: str) -> dict[str, Any]:
    source: dict[str, Any] = {**_codes(sides), "file": str(path)}
    if kind == "jsonl":
        source["fields"] = list(sides)
    elif kind == "tsv":
        source["columns"] = [0, 1]
    return source


def _partner(path: Path, parts: list[str], sides: tuple[str, str], there: set[str]) -> Path | None:
    """The file of the other side, which may be packed where this one is not."""
    other = sides[1] if parts[-1] == sides[0] else sides[0]
    stem = ".".join([*parts[:-1], other])
    names = [stem + ending for ending in ("", ".txt", ".gz", ".txt.gz")]
    return next((path.with_name(name) for name in names if str(path.with_name(name)) in there), None)


def _turned(source: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """The same corpus with the wanted language as target, where it has it."""
    if wanted is None or source.get("source") != wanted:
        return source
    turned = {**source, "source": source["target"], "target": source["source"]}
    return turned | {key: source[key][::-1] for key in ("files", "columns", "fields") if key in source}


def _codes(sides: Sequence[str]) -> dict[str, str]:
    return {"source": language(sides[0]).code, "target": language(sides[1]).code}


@cache
def sides_of(text: str) -> tuple[str, str] | None:
    """The two codes of `xx-yy` as they are spelt, if both are codes of different languages."""
    parts = text.split("-")
    for cut in range(1, len(parts)):
        sides = "-".join(parts[:cut]), "-".join(parts[cut:])
        codes = [_code(side) for side in sides]
        if None not in codes and codes[0] != codes[1]:
            return sides
    return None


@cache
def _code(text: str) -> str | None:
    try:
        return language(text, names=False).code
    except UserError:
        return None


def _known(text: str) -> str | None:
    code = _code(text)
    return code if code in {each.code for each in known_languages()} else None


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)

"""What pydantic finds wrong with a recipe, told with file, line, key and the nearest known key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from anyglot.runtime.untrusted_files import written_number
from anyglot.training.recipe.schema import Recipe


def format_error(fault: Mapping[str, Any], values: Any, origins: Mapping[tuple[str, ...], str]) -> str:
    """One line for one fault.

    Args:
        fault: An item of `ValidationError.errors()`.
        values: What was validated, to tell real keys from the tags pydantic puts between them.
        origins: Key path -> where it was written.
    """
    keys = real_keys(tuple(str(part) for part in fault["loc"]), values)
    if fault["type"] == "union_tag_invalid":
        keys = (*keys, "name")
    above = (origins[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in origins)
    below = (origin for at, origin in origins.items() if keys and at[: len(keys)] == keys)
    where = next(above, next(below, ""))
    place = f"{where}: " if where else ""
    key = ".".join(keys) or "the recipe"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        known = sorted(known_keys(keys[:-1], values))
        nearest = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.5)
        hint = f"did you mean {nearest[0]}?" if nearest else f"known here: {', '.join(known)}."
        return f"{place}{key} is not a known key; {hint}"
    if fault["type"] == "missing":
        return f"{place}{key} is missing."
    if fault["type"] in ("union_tag_invalid", "literal_error"):
        nearest = difflib.get_close_matches(_found(fault, values, keys), _choices(fault), n=1, cutoff=0.4)
        message += f"; did you mean {nearest[0]}?" if nearest else ""
    return f"{place}{key}: {message[:1].lower()}{message[1:]}{_shown(fault)}"


def real_keys(location: tuple[str, ...], values: Any) -> tuple[str, ...]:
    """A pydantic location without the names of union members: those are in no mapping of the values."""
    keys: list[str] = []
    place = values
    for number, part in enumerate(location):
        inside = place is not None and _has(place, part)
        if inside or number == len(location) - 1:
            keys.append(part)
            place = _get(place, part) if inside else None
    return tuple(keys)


def known_keys(keys: tuple[str, ...], values: Any) -> set[str]:
    """The keys that may stand under a place of the recipe."""
    kinds: list[Any] = [Recipe]
    place = values
    for key in keys:
        place = _get(place, key) if _has(place, key) else None
        kinds = [inner for kind in kinds for inner in _children(kind, key)]
        named = place.get("name") if isinstance(place, dict) else None
        chosen = [kind for kind in kinds if _is_model(kind) and _literal_name(kind) == named and named is not None]
        kinds = chosen or kinds
    return {name for kind in kinds if _is_model(kind) for name in kind.model_fields}


def _children(kind: Any, key: str) -> Iterator[Any]:
    if _is_model(kind):
        if key in kind.model_fields:
            yield from _flat(kind.model_fields[key].annotation)
        return
    inner = get_args(kind)
    if get_origin(kind) is dict and len(inner) == 2:
        yield from _flat(inner[1])
    elif get_origin(kind) in (list, tuple):
        for argument in inner:
            yield from _flat(argument)


def _flat(kind: Any) -> Iterator[Any]:
    """The members of unions, without annotations around them."""
    if get_origin(kind) is Annotated:
        yield from _flat(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for member in get_args(kind):
            yield from _flat(member)
    else:
        yield kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _literal_name(kind: type[BaseModel]) -> Any:
    named = kind.model_fields.get("name")
    return named.default if named is not None else None


def _has(place: Any, key: str) -> bool:
    if isinstance(place, list):
        number = written_number(key)
        return number is not None and number < len(place)
    return isinstance(place, dict) and key in place


def _get(place: Any, key: str) -> Any:
    return place[int(key)] if isinstance(place, list) else place[key]


def _choices(fault: Mapping[str, Any]) -> list[str]:
    context = fault.get("ctx", {})
    text = str(context.get("expected_tags") or context.get("expected") or "")
    return [part.strip(" '") for part in text.replace(" or ", ",").split(",")]


def _found(fault: Mapping[str, Any], values: Any, keys: tuple[str, ...]) -> str:
    return str(fault.get("ctx", {}).get("tag", fault.get("input", "")))


def _shown(fault: Mapping[str, Any]) -> str:
    value = fault.get("input")
    if fault["type"] in ("value_error", "union_tag_invalid", "union_tag_not_found") or isinstance(value, dict | list):
        return ""
    return f" (found {value!r})"

"""Keys of recipes that are called otherwise now; the old ones are taken until the next release, and a line says so."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

RENAMED: Mapping[str, str] = {"method.memory.standardise": "method.memory.standardize"}
"""Dotted key as it was -> as it is."""
_said: set[str] = set()
logger = logging.getLogger(__name__)


def new_key(key: str) -> str:
    """The name that a dotted key has now; any other as it is."""
    if key not in RENAMED:
        return key
    if key not in _said:  # a recipe is read more than once on its way
        _said.add(key)
        logger.warning("the key %s is called %s now; the old name is taken until the next release.", key, RENAMED[key])
    return RENAMED[key]


def with_new_keys(values: dict[str, Any], lines: Mapping[tuple[str, ...], int]) -> dict[tuple[str, ...], int]:
    """Give the keys of a document the names they have now, in place.

    Args:
        lines: Key path -> line.

    Returns:
        The lines under the new names.
    """
    moved: dict[tuple[str, ...], tuple[str, ...]] = {}
    for old in RENAMED:
        *above, last = old.split(".")
        place: Any = values
        for key in above:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict) and last in place:
            new = tuple(new_key(old).split("."))
            place[new[-1]] = place.pop(last)
            moved[(*above, last)] = new
    return {moved.get(at, at): line for at, line in lines.items()}

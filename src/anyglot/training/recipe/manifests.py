"""Data sheets in a recipe: `- {sheet: corpora.tsv}` becomes the corpora it lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anyglot.data.manifest import read_sheet
from anyglot.training.recipe.paths import resolved_source

SHEET = "sheet"
Origins = dict[tuple[str, ...], str]


def expanded(values: dict[str, Any], origins: Origins) -> tuple[dict[str, Any], Origins]:
    """The raw values of a recipe, with every sheet replaced by its corpora, and the origins of what is there then.

    Paths in a sheet are taken from the sheet's folder. Keys beside `sheet` hold for each of its corpora that does not
    say otherwise itself.

    Raises:
        UserError: A sheet cannot be read.
    """
    data = values.get("data")
    if not isinstance(data, dict):
        return values, origins
    data = dict(data)
    for side in ("train", "validation"):
        items = data.get(side)
        if isinstance(items, list) and any(map(_is_sheet, items)):
            data[side], origins = _listed(items, ("data", side), origins)
    return {**values, "data": data}, origins


def _listed(items: list[Any], above: tuple[str, ...], origins: Origins) -> tuple[list[Any], Origins]:
    kept = {keys: origin for keys, origin in origins.items() if keys[:2] != above or len(keys) == 2}
    sources: list[Any] = []
    for number, item in enumerate(items):
        if not _is_sheet(item):
            at = (*above, str(number))
            moved = (*above, str(len(sources)))
            kept |= {(*moved, *keys[3:]): origin for keys, origin in origins.items() if keys[:3] == at}
            sources.append(item)
            continue
        path = Path(item[SHEET])
        shared = {key: value for key, value in item.items() if key != SHEET}
        for row in read_sheet(path):
            kept[(*above, str(len(sources)))] = f"{path}, line {row.line}"
            sources.append({**shared, **resolved_source(row.source, path.parent)})
    return sources, kept


def _is_sheet(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get(SHEET), str)

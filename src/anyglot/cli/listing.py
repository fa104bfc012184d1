"""anyglot list: what there is to name in a recipe."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from anyglot.cli.console import table_console
from anyglot.cli.verb import verb


class Things(StrEnum):
    methods = "methods"
    recipes = "recipes"
    languages = "languages"
    models = "models"


@verb()
def list_things(
    things: Annotated[Things | None, typer.Argument(help="methods, recipes, languages or models; or all.")] = None,
) -> None:
    """List the methods, the bundled recipes, the languages with their codes, and well-known pretrained models.

    The names of models are taken by every verb in place of a folder; `anyglot fetch NAME` brings them here.

    Example:

        anyglot list recipes
    """
    from rich.table import Table

    listings = {
        Things.methods: _methods,
        Things.recipes: _recipes,
        Things.languages: _languages,
        Things.models: _models,
    }
    console = table_console()
    for chosen in listings if things is None else [things]:
        columns, rows = listings[chosen]()
        table = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        if things is None:
            console.print(f"\n{chosen.value}:")
        console.print(table)


def _methods() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    from anyglot.training.methods import METHODS

    rows = [(name, method.kind, (method.__doc__ or "").strip().split("\n")[0]) for name, method in METHODS.items()]
    return ("method", "learns from", "what it is"), [(a, _DATA[b], c) for a, b, c in rows]


_DATA = {
    "translation": "sentence pairs",
    "denoising": "monolingual text",
    "masked": "monolingual text",
    "text": "monolingual text",
    "segments": "text and sentence pairs",
}


def _recipes() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    from anyglot.training.recipe.document import bundled_recipes

    return ("recipe", "what it trains"), list(bundled_recipes().items())


def _languages() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    from anyglot.text.languages import known_languages

    rows: list[tuple[str, ...]] = []
    for each in known_languages():
        rows.append((each.code, each.iso3, each.flores, each.mbart or "", each.name))
    return ("code", "ISO 639-3", "FLORES", "mBART", "language"), rows


def _models() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    from anyglot.models.pretrained.known_models import STARTS, wants

    rows: list[tuple[str, ...]] = []
    for start in STARTS.values():
        good_for = start.good_for + (f" ({wants(start)})" if start.pooling else "")
        size = f"{start.parameters} M, {start.shape}"
        rows.append((start.name, start.hub, start.licence, str(start.languages), size, good_for))
    return ("model", "on the hub", "licence", "languages", "parameters", "good for"), rows

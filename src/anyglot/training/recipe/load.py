"""From a recipe's document to a Recipe, with every mistake told at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from anyglot.errors import UserError
from anyglot.runtime import yaml_text
from anyglot.runtime.files import write_text
from anyglot.training.recipe.command_line_corpora import GivenData
from anyglot.training.recipe.document import read_document
from anyglot.training.recipe.messages import format_error
from anyglot.training.recipe.schema import Recipe

# A sheet of a thousand corpora can be wrong a thousand times in the same way.
_MOST_TOLD = 40


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = (), given: GivenData | None = None) -> Recipe:
    """Read a recipe.

    Args:
        name_or_path: A YAML file, or the name of a bundled recipe such as "sixt/xlmr_large"; it may also be written
            "recipes/sixt/xlmr_large.yaml", as in the package's source.
        overrides: "dotted.key=value" with the value in YAML; list items by index ("data.train.0.limit=100").
        given: Corpora in place of the recipe's own; overrides are applied to these.

    Raises:
        UserError: All that is wrong, each with file, line, key, what was found and the nearest known key.
    """
    document = read_document(name_or_path, overrides, given)
    try:
        return Recipe.model_validate(document.values)
    except ValidationError as error:
        faults = error.errors()
        told = [format_error(fault, document.values, document.origins) for fault in faults[:_MOST_TOLD]]
        if len(faults) > len(told):
            told.append(f"and {len(faults) - len(told):,} more.")
        title = f"The recipe {name_or_path} has {len(faults):,} mistake{'s' if len(faults) > 1 else ''}:"
        raise UserError("\n  ".join([title, *told])) from None


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Write a recipe with every default spelt out, so that it can be run again."""
    write_text(path, yaml_text.dump(recipe.document()))

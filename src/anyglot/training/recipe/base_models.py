"""Starts that are recipes: `method.start: "recipe:sga/tiny_encoder"` is trained first, into the run's own folder."""

from __future__ import annotations

from pathlib import Path

from anyglot.errors import UserError
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.paths import RECIPE
from anyglot.training.recipe.record import RUN
from anyglot.training.recipe.schema import Recipe

# Where in a run's folder its start lies, a run's folder too.
START = "start"


def recipe_of_start(recipe: Recipe) -> Recipe | None:
    """The recipe this one starts from, with the same seed; None if it starts from a model or from nothing.

    Raises:
        UserError: It is not there or full of mistakes, or the recipes start from each other.
    """
    met: list[str] = []
    first = following = _next(recipe)
    while following is not None and following.start is not None:
        if following.start in met:
            raise UserError(
                f"{following.start} starts, in the end, from itself; let {' or '.join(met)} start from a model."
            )
        met.append(following.start)
        following = _next(following)
    return first


def started_from(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with a model folder for its start."""
    method = recipe.method.model_copy(update={"start": str(folder.absolute())})
    return recipe.model_copy(update={"method": method})


def as_saved(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe as it stands in the run's folder: a start inside is named from there, so that both may be moved."""
    if recipe.start != str((folder / START).absolute()):
        return recipe
    return recipe.model_copy(update={"method": recipe.method.model_copy(update={"start": f"./{START}"})})


def is_finished(folder: Path) -> bool:
    """Whether a run has ended here."""
    return (folder / RUN).is_file()


def _next(recipe: Recipe) -> Recipe | None:
    if recipe.start is None or not recipe.start.startswith(RECIPE):
        return None
    return load_recipe(recipe.start.removeprefix(RECIPE), [f"seed={recipe.seed}"])

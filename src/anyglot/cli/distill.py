"""anyglot data distill: have a teacher write what a recipe learns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.options import BATCH_TOKENS, BEAM, DEVICE, MAX_LENGTH, OVERRIDES, PRECISION, RECIPE
from anyglot.cli.verb import verb


@verb(folder="out", kept="what was translated is kept; go on with --resume")
def distill(
    recipe: RECIPE,
    overrides: OVERRIDES = None,
    teacher: Annotated[str, typer.Option("--teacher", help="A model folder or a hub name.", metavar="MODEL")] = ...,  # type: ignore[assignment]
    out: Annotated[Path, typer.Option("--out", help="Folder for the pairs and the recipe over them.")] = ...,  # type: ignore[assignment]
    mix: Annotated[bool, typer.Option("--mix", help="Learn from the recipe's own pairs as well.")] = False,
    decoder: Annotated[
        str | None,
        typer.Option("--decoder", help="The teacher's, e.g. greedy; default: its own.", metavar="NAME"),
    ] = None,
    beam: BEAM = None,
    max_length: MAX_LENGTH = 200,
    batch_tokens: BATCH_TOKENS = 4096,
    device: DEVICE = None,
    precision: PRECISION = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
) -> None:
    """Translate the source side of a recipe's training pairs with a teacher, and write the recipe over what it wrote.

    Sentences the teacher has no words for are left out and counted. Interrupted (exit code 130 or 143, or a crash), it
    goes on where it stopped with --resume.

    Example:

        anyglot data distill nat/tiny --teacher runs/transformer --out runs/distilled

        anyglot train runs/distilled/recipe.yaml --out runs/nat
    """
    from anyglot.inference.generation.settings import SearchSettings, chosen_decoder
    from anyglot.training.recipe.distillation import Distillation
    from anyglot.training.recipe.distillation import distil as run
    from anyglot.training.recipe.load import load_recipe

    settings = SearchSettings(
        decoder=chosen_decoder(decoder), beam=beam, max_length=max_length, batch_tokens=batch_tokens
    )
    loaded = load_recipe(recipe, overrides or [])
    asked = Distillation(loaded, teacher, out, settings, mix, device, precision, resume)
    run(asked)

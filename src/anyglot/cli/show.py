"""anyglot model show: what a recipe would do, or what a model is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from rich.console import Console

    from anyglot.training.recipe.outline import Outline
    from anyglot.training.recipe.schema import Recipe


@verb()
def show(
    recipe_or_model: Annotated[
        str, typer.Argument(help="A recipe (file or bundled name), a model folder, or a model's name.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Dotted keys of the recipe, values as in YAML.")
    ] = None,
) -> None:
    """Show which parts a recipe loads, copies, drops, makes fresh, shares, freezes and edits at each stage; or what a
    model is made of, and of an encoder what it can be taken apart into.

    Examples:

        anyglot model show sixt/xlmr_large

        anyglot model show multilingual-e5-small
    """
    from rich.console import Console

    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 160)
    folder = None if overrides else _model_folder(recipe_or_model)
    if folder is not None:
        _show_model(console, recipe_or_model, folder)
        return
    from anyglot.training.recipe.load import load_recipe
    from anyglot.training.recipe.outline import outline

    recipe = load_recipe(recipe_or_model, overrides or [])
    _show_recipe(console, recipe, outline(recipe))


def _model_folder(name: str) -> Path | None:
    """Where the model of this name lies; None if the name is a recipe's."""
    from anyglot.models.pretrained.known_models import STARTS
    from anyglot.models.pretrained.locate import local_folder
    from anyglot.models.pretrained.run_checkpoints import CHECKPOINTS, checkpoint_folders
    from anyglot.models.store import CONFIG
    from anyglot.training.recipe.document import bundled_recipes

    place = Path(name).expanduser()
    if (place / CONFIG).is_file() or checkpoint_folders(place / CHECKPOINTS):
        return local_folder(place)
    rooms = {recipe.partition("/")[0] for recipe in bundled_recipes()}
    # A hub name and a bundled recipe's both have one slash.
    like_hub = name.count("/") == 1 and not name.endswith(".yaml") and name.partition("/")[0] not in {*rooms, "."}
    return local_folder(name) if name in STARTS or (like_hub and not place.exists()) else None


def _show_recipe(console: Console, recipe: Recipe, found: Outline) -> None:
    from rich.table import Table

    from anyglot.training.recipe.base_models import START, recipe_of_start

    table = Table("part", "parameters", "first values", title=f"{recipe.name}: {recipe.method.name}")
    for stage in found.stages:
        table.add_column(f"stage {stage.name}")
    for part in found.parts:
        origin = part.origin + (f", shared with {', '.join(part.shared)}" if part.shared else "")
        moves = [_moves(trained, part.parameters) for trained in part.trained]
        table.add_row(part.name, f"{part.parameters:,}", origin, *moves)
    table.add_section()
    for name, parameters in found.dropped:
        table.add_row(name, f"{parameters:,}", f"dropped: of {recipe.start}", *("-" for _ in found.stages))
    if found.dropped:
        table.add_section()
    total = sum(part.parameters for part in found.parts)
    moving = [sum(part.trained[number] for part in found.parts) for number in range(len(found.stages))]
    table.add_row("all", f"{total:,}", "", *(f"{count:,} train" for count in moving))
    console.print(table)
    first = recipe_of_start(recipe)
    if first is not None:
        console.print(f"start: the recipe {first.name}, trained first into OUT/{START} with seed {first.seed}")
    if recipe.vocabulary.target is not None:
        chosen = recipe.vocabulary.target.model_dump(mode="json", exclude_defaults=True)
        console.print(f"output vocabulary: chosen when training starts, by {chosen or 'the tokens of the targets'}")
    console.print(f"every stage ends with {_ending(recipe)}")
    for stage, memory in zip(found.stages, found.memory, strict=True):
        console.print(f"stage {stage.name}: trains {', '.join(stage.trains)}")
        for edit in stage.edits:
            console.print(f"  edit: {edit}")
        if stage.evaluates:
            console.print(f"  without dropout: {', '.join(stage.evaluates)}")
        options = recipe.stages.get(stage.name)
        if options is not None:
            console.print(
                f"  {options.updates:,} updates, {options.optimizer}, {options.schedule} to {options.learning_rate:g} "
                f"after {options.warmup_updates:,}, {options.accumulation} x "
                f"{options.batch_tokens or recipe.data.batch_tokens:,} tokens a process"
                + "".join(f"\n  {factor:g} times that rate: {pattern}" for pattern, factor in options.rates.items())
            )
            if options.encoder_cache is not None:
                where = options.encoder_cache.folder or "the user's cache folder"
                console.print(f"  encoder states kept on disk: {options.encoder_cache.storage} in {where}")
        console.print(
            f"  memory: {_size(memory.total)} (weights {_size(memory.weights)}, gradients {_size(memory.gradients)}, "
            f"optimizer {_size(memory.optimizer)}, activations about {_size(memory.activations)})"
        )


def _show_model(console: Console, name: str, folder: Path) -> None:
    from rich.table import Table

    from anyglot.models.build import build
    from anyglot.models.empty import blank
    from anyglot.models.pretrained.load import load_pretrained
    from anyglot.models.store import is_model_folder, load_config
    from anyglot.runtime.yaml_text import dump
    from anyglot.training.recipe.extraction import fates
    from anyglot.training.recipe.outline import parts_of
    from anyglot.training.recipe.record import told_of_source

    if is_model_folder(folder):
        config = load_config(folder)
        with blank():
            model = build(config)
    else:
        model = load_pretrained(folder)
        config = model.config
    becomes = fates(config) if config.kind == "encoder" else {}
    ways = ("as encoder alone", "as encoder-decoder") if becomes else ()
    table = Table("part", "parameters", "shared with", *ways, title=name)
    parts = parts_of(model, {"*": ""}, [])
    for part in parts:
        fate = becomes.pop(part.name, None)
        told = () if fate is None else (fate.alone, fate.joined)
        table.add_row(part.name, f"{part.parameters:,}", ", ".join(part.shared), *told)
    for name, fate in becomes.items():
        if fate.alone == "":  # a second name of a shared tensor has been told with the first
            table.add_row(name, "-", "", fate.alone, fate.joined)
    table.add_section()
    table.add_row("all", f"{sum(part.parameters for part in parts):,}", "")
    console.print(table)
    if ways:
        console.print(
            "taken apart by `anyglot model export MODEL --to anyglot --part encoder`, or `--part encoder-decoder`"
        )
    looking = told_of_source(folder)
    if looking is not None:
        console.print(looking)
    console.print(dump(config.model_dump(mode="json")), end="")


def _ending(recipe: Recipe) -> str:
    averaged, best = recipe.checkpoints.averaged, recipe.checkpoints.finish == "best"
    if averaged:
        return f"the mean of its last {averaged} checkpoints"
    return f"its best weights by validation.metric={recipe.validation.metric}" if best else "its last weights"


def _moves(trained: int, parameters: int) -> str:
    if trained == 0:
        return "frozen"
    return "trains" if trained == parameters else f"{trained:,} train"


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"

"""Training as a Python function, as `anyglot train` is from a shell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from anyglot.training.recipe.command_line_corpora import given_data
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe

logger = logging.getLogger(__name__)


def train(
    recipe: str | Path,
    out: str | Path,
    overrides: Sequence[str] = (),
    *,
    corpora: Sequence[str] = (),
    validation: Sequence[str] = (),
    resume: bool = False,
    quiet: bool = True,
    say: Callable[[str], None] = logger.info,
) -> Path:
    """Train a recipe into a model folder.

    Args:
        recipe: A YAML file, or the name of a bundled recipe such as "sixt/e5_small".
        out: The run's folder. When this returns it is a model folder, which `Translator` or `Embedder` opens.
        overrides: "dotted.key=value" with the value in YAML, such as "seed=2".
        corpora: In place of the recipe's own, as `--train` takes them: "de-en=a.de,a.en".
        validation: Likewise; without it a part of `corpora` is split off.
        resume: Go on with the run in `out`, or leave it as it is where it is finished.
        quiet: Without a progress bar on standard error.
        say: Is told what happens before the first update, in the first process.

    Returns:
        `out`.

    Raises:
        UserError: A mistake in the recipe, all of them at once; a folder that is taken; data at fault.
        Stopped: SIGTERM or SIGINT came; the state is saved.

    Example:
        >>> anyglot.train("sixt/e5_small", "runs/mine", corpora=["de-en=a.de,a.en"])     # doctest: +SKIP
    """
    folder = Path(out).expanduser()
    loaded = load_recipe(recipe, overrides, given_data(corpora, validation))
    run_recipe(loaded, folder, resume=resume, quiet=quiet, say=say)
    return folder

"""anyglot train: run a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.options import OVERRIDES, RECIPE
from anyglot.cli.verb import verb


@verb(
    folder="out",
    kept="the run goes on from its newest checkpoint, if there is one, with --resume",
    settings={"corpora": "--train"},
)
def train(
    recipe: RECIPE,
    overrides: OVERRIDES = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; a model folder when training ends.")] = ...,  # type: ignore[assignment]
    train: Annotated[
        list[str] | None,
        typer.Option(
            "--train",
            metavar="CORPUS",
            help="In place of the recipe's corpora, repeatable: de-en=a.de,a.en, de-en=pairs.tsv (source, tab, target; "
            "pairs.tsv:1,0 the other way), de=text.txt, hf:.. and phrasebook:.. for a file, or a data sheet.",
        ),
    ] = None,
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation",
            metavar="CORPUS",
            help="In the same forms; without it 2 % of each corpus, about 1,000 lines at most, are split off --train.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest good checkpoint in --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Nothing on stderr but warnings.")] = False,
) -> None:
    """Train a model as a recipe says.

    Relative paths in a recipe file are taken from its folder; those in KEY=VALUE and in bundled recipes from the
    current one. SIGTERM and SIGINT finish the update under way, save, and exit with 143 or 130; go on with --resume.

    Example:

        anyglot train sixt/e5_small --train de-en=a.de,a.en --out runs/mine

    With 5,855 pairs this says on stderr:

        training sixt/e5_small into runs/mine

        validation: 105 of 5,855 lines split off by a hash of the text
        (2.0% of a corpus, about 1,000 at most); 5,750 to learn from

        de-en: 5,750 samples, 100.0% of each epoch, 0 empty, 0 too long, 0 cut

        output vocabulary: 5,130 of 250,002 rows,
        45 of 59,073 target tokens (0.076%) are learned as <unk>

        building the model over multilingual-e5-small

        preparing the model with the first batches

        encoder states standardized over 16,731 source tokens

    and then where the encoder's states are kept, and loss, speed and time left, on a terminal with a bar. When training
    ends, the run's folder comes on stdout. More examples:

        anyglot train sixt/xlmr_base data.batch_tokens=1024 stages.joint.updates=5000 --out runs/sixt

        torchrun --nproc-per-node 8 -m anyglot.cli.main train sixt/xlmr_large --out runs/large
    """
    import logging
    import os
    import shlex
    import sys

    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING, stream=sys.stderr)
    from anyglot.training.recipe.command_line_corpora import given_data
    from anyglot.training.recipe.document import read_document

    # Before torch is imported, which takes seconds: a wrong path or a wrong form is told at once.
    given = given_data(train or [], validation or [])
    read_document(recipe, overrides or [], given)

    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr)

    if os.environ.get("RANK", "0") == "0":  # torchrun's; nobody else can tell the processes apart yet
        say(f"training {recipe} into {out}")
    from anyglot.training.recipe.load import load_recipe
    from anyglot.training.recipe.run import run_recipe

    loaded = load_recipe(recipe, overrides or [], given)
    if run_recipe(loaded, out, resume=resume, quiet=quiet, command=shlex.join(sys.argv), say=say):
        print(out)

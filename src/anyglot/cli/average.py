"""anyglot average: the mean of a run's checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def average(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new model.")],
    last: Annotated[int | None, typer.Option("--last", min=1, help="Average the newest N checkpoints.")] = None,
    best: Annotated[int | None, typer.Option("--best", min=1, help="Average the N best by validation.")] = None,
) -> None:
    """Average the weights of a run's checkpoints into a new model folder.

    Example:

        anyglot average runs/sixt --last 5 --out runs/sixt-averaged
    """
    from anyglot.recipe.averaged import average_run

    folders = average_run(run, out, last=last, best=best)
    print(f"{out}: the mean of {', '.join(folder.name for folder in folders)}")

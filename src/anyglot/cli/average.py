"""anyglot average: the mean of a run's checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def average(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    last: Annotated[int | None, typer.Option("--last", min=1, help="Average the newest N checkpoints.")] = None,
    best: Annotated[int | None, typer.Option("--best", min=1, help="Average the N best by validation.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the new model; by default RUN-last-N or RUN-best-N beside it."),
    ] = None,
) -> None:
    """Average the weights of a run's checkpoints into a new model folder.

    Example:

        anyglot average runs/sixt --last 5
    """
    from anyglot.recipe.averaged import average_run

    chosen = f"last-{last}" if last is not None else f"best-{best}"
    out = out or run.with_name(f"{run.name}-{chosen}")
    folders = average_run(run, out, last=last, best=best)
    print(f"{out}: the mean of {', '.join(folder.name for folder in folders)}")

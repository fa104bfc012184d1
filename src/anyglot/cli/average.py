"""anyglot model average: the mean of a run's checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.verb import verb


@verb(folder="out", settings={"steps": "--step"})
def average(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    last: Annotated[int | None, typer.Option("--last", min=1, help="Average the newest N checkpoints.")] = None,
    best: Annotated[int | None, typer.Option("--best", min=1, help="Average the N best by validation.")] = None,
    step: Annotated[
        list[int] | None, typer.Option("--step", min=1, help="A checkpoint by its update; may be given several times.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder of the new model; by default RUN-last-N, RUN-best-N or RUN-step-N beside it."
        ),
    ] = None,
) -> None:
    """Average the weights of a run's checkpoints into a new model folder.

    Example:

        anyglot model average runs/sixt --last 5

        anyglot model average runs/sixt --step 100000 --out runs/sixt-stage-1
    """
    from anyglot.training.recipe.averaged import average_run

    steps = step or []
    named = "step-" + "-".join(map(str, steps)) if steps else f"best-{best}"
    chosen = f"last-{last}" if last is not None else named
    named_run = run if run.name not in ("", "..") else run.resolve()  # `.` and `..` have no name of their own
    out = out or named_run.parent / f"{named_run.name}-{chosen}"
    folders = average_run(run, out, last=last, best=best, steps=steps)
    print(f"{out}: the mean of {', '.join(folder.name for folder in folders)}")

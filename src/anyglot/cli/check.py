"""`anyglot data check`: which files of the tasks are there, missing or of the wrong shape, and where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.console import table_console
from anyglot.cli.verb import verb

_NOTHING_USABLE = 2


@verb()
def check(
    data: Annotated[Path, typer.Option("--data", help="Folder of the tasks' official files.", metavar="DIR")],
    suite: Annotated[
        str, typer.Option("--suite", help="xtreme, xglue, phrasebook or more.", metavar="NAME")
    ] = "xtreme",
    tasks: Annotated[str, typer.Option("--tasks", help="Only these, e.g. xnli,udpos.", metavar="NAMES")] = "",
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Rows to read of each split and language; 0: all.")
    ] = 200,
) -> None:
    """Look into a folder of task files before training on it.

    Exit code 0 if something can be used, 2 if nothing can.

    Example:

        anyglot data check --suite xtreme --data download
    """
    from anyglot.evaluation.tasks.doctor import format_finding, inspect, usable

    chosen = tuple(name.strip() for name in tasks.split(",") if name.strip())
    findings = inspect(suite, data, chosen, sample=sample)
    _print_table([(f.task, f.state, *(str(len(f.languages[s])) for s in ("train", "dev", "test"))) for f in findings])
    for finding in findings:
        typer.echo(f"\n{finding.task}: {finding.state}")
        for line in format_finding(finding):
            typer.echo(f"  {line}")
    if not usable(findings):
        typer.echo(f"\nNothing in {data} can be used for the suite {suite}.", err=True)
        raise typer.Exit(_NOTHING_USABLE)


def _print_table(rows: list[tuple[str, ...]]) -> None:
    from rich.table import Table

    table = Table("task", "state", "languages to train on", "to choose on", "to test", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    table_console().print(table)

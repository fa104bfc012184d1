"""`anyglot study`: a whole experiment from one file, step by step, and the two steps that are the study's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from anyglot.experiments.study.run import Work

OUT = Annotated[Path, typer.Option("--out", "-o", help="Folder of the study: a folder a step, and report/.")]


FILE = Annotated[str, typer.Argument(help="A study's YAML file, or a bundled one such as study/mt_bridge_tiny.")]
SETTINGS = Annotated[
    list[str] | None,
    typer.Option("--set", help="A variable, list or dotted key of the file, as in YAML.", metavar="KEY=VALUE"),
]

study = typer.Typer(
    help="A controlled experiment from one file, cached and resumable.\n\n"
    "For example:  anyglot study run study/mt_bridge_tiny --out runs/study",
    no_args_is_help=True,
)


@study.command("run")
@verb(kept="finished steps and what the others saved are kept; the same command goes on")
def study_run(
    file: FILE,
    out: OUT = Path("study"),
    step: Annotated[
        int | None, typer.Option("--step", min=1, help="Run this step only; what it reads must be done.", metavar="N")
    ] = None,
    overrides: SETTINGS = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Steps at a time; default: the file's.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Nothing on stderr but mistakes.")] = False,
) -> None:
    """Run an experiment: every step once, and again only when what it depends on has changed.

    A step is a process of its own with a folder of its own, so a cluster's launcher may run them with --step. What was
    interrupted goes on where it stopped when the command is given again.

    Examples:

        anyglot study run study/mt_bridge_tiny --out runs/study --jobs 2

        anyglot study run study/mt_bridge_real --set data=../data --out runs/real
    """
    from anyglot.experiments.study.file import load_study
    from anyglot.experiments.study.run import Work, run_step, run_study

    def say(text: str) -> None:
        if not quiet:
            print(text, file=sys.stderr, flush=True)

    loaded = load_study(file, overrides or [])
    work = Work.laid_out(loaded, out)
    if step is not None:
        run_step(work, step, say)
        print(out / work.steps[step - 1].name)
    else:
        run_study(work, jobs or loaded.jobs, say)
        print(out)


@study.command("list")
@verb()
def study_list(
    file: FILE,
    out: OUT = Path("study"),
    overrides: SETTINGS = None,
    commands: Annotated[bool, typer.Option("--commands", help="The command lines too.")] = False,
) -> None:
    """Show number, state, name and needs of every step; run nothing.

    Example:

        anyglot study list study/mt_bridge_tiny --out runs/study
    """
    from anyglot.experiments.study.file import load_study
    from anyglot.experiments.study.run import Work

    _print_steps(Work.laid_out(load_study(file, overrides or []), out), commands)


@study.command("text")
@verb(folder="out", kept="the same command writes it all again")
def study_text(
    out: OUT,
    languages: Annotated[str, typer.Option("--languages", "-l", help="The first is the one translations go through.")],
    source: Annotated[
        str, typer.Option("--source", help="A path with * for the language, or a phrasebook: address.", metavar="PATH")
    ],
    validation: Annotated[int, typer.Option("--validation", min=1, help="Rows held out to validate on.")] = 200,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Rows held out for the analyses.")] = 400,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Most rows to train on.", metavar="N")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which rows are held out.")] = 1,
) -> None:
    """Write a study's text: aligned rows, split, with a data sheet for every condition.

    Example:

        anyglot study text --languages en,de,ru --source 'bible/*.txt.gz' --out runs/study/text
    """
    from anyglot.experiments.study.texts import TextSplitSpecification, codes, write_texts

    written = write_texts(TextSplitSpecification(codes(languages), source, validation, sample, limit, seed), out)
    rows = ", ".join(f"{count:,} {split}" for split, count in written.rows.items())
    print(f"{out}: {rows} rows; {written.incomplete:,} incomplete and {written.repeated:,} repeated ones left out")


def _print_steps(work: Work, commands: bool) -> None:
    import shlex

    from anyglot.errors import UserError

    numbers = {step.name: step.number for step in work.steps}
    widest = max(len(step.name) for step in work.steps)
    for step in work.steps:
        needs = ",".join(map(str, sorted(numbers[name] for name in step.needs))) or "-"
        print(f"{step.number:>4}  {work.state(step):<8} {step.name:<{widest}}  needs {needs}")
        key = work.keys[step.name]
        if isinstance(key, UserError) and work.state(step) == "blocked":
            print(f"      {key}")
        if commands:
            print(f"      {shlex.join(work.words(step))}")


@study.command("report")
@verb(folder="out", kept="the same command writes it all again")
def study_report(
    out: OUT,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="PNG and SVG files.")] = True,
) -> None:
    """Write the report of a study; its last step runs this.

    Example:

        anyglot study report --out runs/study/report
    """
    from anyglot.experiments.study.report import write_study_report

    written = write_study_report(out, out.absolute().parent, figures=None if figures else False)
    print(written.html)

"""`anyglot demo`: from text to report on a laptop, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.console import show
from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from anyglot.experiments.demo.run import Outcome
    from anyglot.experiments.demo.unseen import Unseen

DEFAULT, DEFAULT_FROM_SCRATCH = Path("runs/demo"), Path("runs/tiny")


@verb(folder="out", kept="what was finished is kept; the same command goes on with the demo")
def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for text, models and report: an unfinished demo there is gone on with, a finished one "
            f"replaced. None: {DEFAULT}, or {DEFAULT_FROM_SCRATCH}.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other sentences and other weights.")] = 1,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="No download: pretrain a tiny encoder here, on seven languages.")
    ] = False,
    start: Annotated[
        str | None,
        typer.Option(help="Another pretrained encoder: a name, a hub name or a folder.", show_default=False),
    ] = None,
) -> None:
    """Teach a pretrained encoder to translate six languages, and translate from languages it has no pairs of.

    Fetches multilingual-e5-small (91 MB), makes its text with the phrasebook, and trains SixT+, the same network with
    everything trained at once, and a Transformer from scratch. Under eight minutes on two processor cores after the
    download. Killed and started again, it goes on.

    Examples:

        anyglot demo --out runs/demo

        anyglot demo --from-scratch --out runs/tiny
    """
    import logging
    import sys
    from dataclasses import replace

    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING, stream=sys.stderr)
    from anyglot.errors import UserError
    from anyglot.experiments.demo.course import FROM_SCRATCH, PRETRAINED
    from anyglot.experiments.demo.run import run_demo

    if from_scratch and start is not None:
        raise UserError("--from-scratch pretrains an encoder of its own; leave out --start, or --from-scratch.")
    course = FROM_SCRATCH if from_scratch else PRETRAINED if start is None else replace(PRETRAINED, start=start)
    folder = out or (DEFAULT_FROM_SCRATCH if from_scratch else DEFAULT)
    outcome = run_demo(folder, seed=seed, course=course, say=lambda line: print(line, file=sys.stderr))
    _print(folder, outcome)


def _print(out: Path, outcome: Outcome) -> None:
    from anyglot.experiments.demo.course import SCRATCH, SIXT
    from anyglot.reporting.markdown import markdown_table

    show(markdown_table(outcome.table))
    print("\nSample translations\n")
    for sample in outcome.evaluation.samples:
        print(f"  {sample.language} ({sample.kind})  {sample.source}")
        print(f"      reference     {sample.reference}")
        print(f"      {SIXT:<12}  {sample.output}")
        print(f"      {SCRATCH:<12}  {sample.baseline}")
    if outcome.unseen is not None:
        _print_unseen(outcome.unseen, SIXT)
    print("\nAsked with the settings of `anyglot translate`\n")
    for example in outcome.examples:
        print(f"  {example.language}  {example.text}  ->  {example.output}")
    print(f"\n{outcome.summary['seconds']:.0f} seconds. Report: {outcome.page}   Figures: {out / 'summary.json'}")
    print(
        f'Try next:  echo "De hond slaapt in de tuin." | anyglot translate {outcome.translator} --source nl --target en'
    )


def _print_unseen(unseen: Unseen, label: str) -> None:
    """All of them, right or wrong."""
    from anyglot.reporting.markdown import markdown_table

    table = unseen.score_table()
    print(f"\n{table.title}, as {label} translates them\n")
    for sentence, output in zip(unseen.sentences, unseen.outputs[label], strict=True):
        print(f"  {sentence.language}  {sentence.text}")
        print(f"      reference     {sentence.reference}")
        print(f"      {label:<12}  {output}")
    print()
    show(markdown_table(table))

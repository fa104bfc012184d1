"""`anyglot demo`: the whole road on a laptop, in minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for text, models and report; an earlier demo there is replaced.")
    ] = Path("runs/demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other sentences and other weights.")] = 1,
) -> None:
    """Pretrain an encoder, teach it to translate three languages, and translate from three it has no pairs of.

    Everything is made here: text from the phrasebook, tokenizer, encoder, translator, and a Transformer from scratch
    to compare with. Under six minutes on two processor cores.

    Example:  anyglot demo --out runs/demo
    """
    import logging
    import sys

    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING, stream=sys.stderr)
    from anyglot.demonstration.run import run_demo
    from anyglot.demonstration.text import Course
    from anyglot.evaluation.markdown import markdown_table

    course = Course()
    outcome = run_demo(out, seed=seed, course=course, say=lambda line: print(line, file=sys.stderr))
    print(markdown_table(outcome.table))
    print("\nSample translations\n")
    for sample in outcome.evaluation.samples:
        print(f"  {sample.language} ({sample.kind})  {sample.source}")
        print(f"      reference     {sample.reference}")
        print(f"      SixT+         {sample.output}")
        print(f"      from scratch  {sample.baseline}")
    print(f"\n{outcome.summary['seconds']:.0f} seconds. Report: {outcome.page}   Figures: {out / 'summary.json'}")
    print(
        f'Try next:  echo "De hond slaapt in de tuin." | anyglot translate {outcome.translator} --source nl --target en'
    )

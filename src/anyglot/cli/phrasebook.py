"""`anyglot phrasebook`: write the embedded corpus as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def phrasebook(
    out: Annotated[Path, typer.Option(help="Folder to write; it appears complete or not at all.")],
    languages: Annotated[str, typer.Option(help="Languages, separated by commas.")] = "en,de,fr",
    sentences: Annotated[int, typer.Option(min=1, help="Training sentences.")] = 10_000,
    held_out: Annotated[int, typer.Option(min=0, help="Sentences of the validation and of the test split.")] = 500,
    seed: Annotated[int, typer.Option(help="Another seed, other sentences.")] = 0,
    level: Annotated[str, typer.Option(help="full, or beginner: fewer words and nothing left to guess.")] = "full",
) -> None:
    """Write many-way parallel sentences with their meanings and part-of-speech tags.

    Line i says the same in every language. The same arguments always give the same files, and no meaning is in two
    splits.

    Example:  anyglot phrasebook --languages en,de,ru,zh --sentences 5000 --seed 1 --out runs/phrasebook
    """
    from anyglot.phrasebook.corpus import write_phrasebook

    chosen = [code.strip() for code in languages.split(",") if code.strip()]
    manifest = write_phrasebook(
        out, chosen, {"train": sentences, "validation": held_out, "test": held_out}, seed=seed, level=level
    )
    counts = manifest["sentences"]
    assert isinstance(counts, dict)
    written = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    print(f"{out}: {written} sentences in {', '.join(chosen)}")

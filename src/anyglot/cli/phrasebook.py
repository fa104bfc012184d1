"""`anyglot data phrasebook`: write the embedded corpus as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from anyglot.cli.verb import verb


@verb(folder="out")
def phrasebook(
    out: Annotated[Path, typer.Option(help="Folder to write; it appears complete or not at all.")],
    languages: Annotated[str, typer.Option(help="Languages, separated by commas.")] = "en,de,fr",
    sentences: Annotated[int, typer.Option(min=1, help="Training sentences; with --labelled, items a task.")] = 10_000,
    held_out: Annotated[int, typer.Option(min=0, help="Sentences of the validation and of the test split.")] = 500,
    seed: Annotated[int, typer.Option(help="Another seed, other sentences.")] = 0,
    level: Annotated[str, typer.Option(help="full, or beginner: fewer words and nothing left to guess.")] = "full",
    labelled: Annotated[
        bool, typer.Option(help="Write labelled sets for every task type (suite 'phrasebook') instead.")
    ] = False,
) -> None:
    """Write many-way parallel sentences with their meanings and part-of-speech tags, or labelled sets made from them.

    Line i says the same in every language. The same arguments always give the same files, and no meaning is in two
    splits.

    Example:  anyglot data phrasebook --languages en,de,ru,zh --sentences 5000 --seed 1 --out runs/phrasebook

    Example:  anyglot data phrasebook --labelled --languages en,de,zh --sentences 1000 --held-out 200 --out runs/tasks
    """
    chosen = [code.strip() for code in languages.split(",") if code.strip()]
    if labelled:
        from anyglot.phrasebook.labelled import write_labelled

        sizes = {"train": sentences, "dev": held_out, "test": held_out}
        manifest = write_labelled(out, chosen, sizes, seed=seed, level=level)
        tasks = list(dict.fromkeys(name.partition("/")[0] for name in _named(manifest, "sha256")))
        items = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
        print(f"{out}: {', '.join(tasks)} in {', '.join(chosen)}, each {items} items")
        return
    from anyglot.phrasebook.corpus import write_phrasebook

    manifest = write_phrasebook(
        out, chosen, {"train": sentences, "validation": held_out, "test": held_out}, seed=seed, level=level
    )
    written = ", ".join(f"{count:,} {split}" for split, count in _named(manifest, "sentences").items())
    print(f"{out}: {written} sentences in {', '.join(chosen)}")


def _named(manifest: dict[str, object], part: str) -> dict[str, Any]:
    """The part of a manifest that maps names to values."""
    named = manifest[part]
    assert isinstance(named, dict)
    return named

"""anyglot data manifest: list the corpora of a folder in a data sheet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from anyglot.cli.verb import verb

_SHOWN = 20


@verb(file="out")
def manifest(
    folder: Annotated[Path, typer.Argument(help="Folder with corpora, subfolders included.")],
    out: Annotated[Path, typer.Option("--out", help="File to write, e.g. corpora.tsv.")] = Path("corpora.tsv"),
    target: Annotated[
        str | None, typer.Option("--target", help="Turn pairs so that this language is the target.")
    ] = None,
) -> None:
    """Write a data sheet: every corpus of a folder, a line each, recognised by the names of the files.

    Understood are NAME.xx-yy.xx beside NAME.xx-yy.yy, NAME.xx-yy.tsv, NAME.xx.txt and the like, each also as .gz.
    What is not understood is told. A recipe names the sheet: data.train: [{sheet: corpora.tsv}].

    Example:  anyglot data manifest corpora/opus --target en --out corpora.tsv
    """
    from anyglot.data.discover import corpora_in
    from anyglot.data.manifest import write_sheet
    from anyglot.errors import UserError

    found = corpora_in(folder, target)
    others = [(path, reason) for path, reason in found.others if path.resolve() != out.resolve()]
    if not found.pairs and not found.texts:
        raise UserError(
            f"none of the {len(others)} files in {folder} has a name that tells its languages, such as "
            "NAME.de-en.de beside NAME.de-en.en, NAME.de-en.tsv or NAME.de.txt."
        )
    write_sheet(out, [_relative(source, out.parent) for source in (*found.pairs, *found.texts)])
    print(f"{out}: {len(found.pairs):,} corpora of sentence pairs, {len(found.texts):,} of text")
    for path, reason in others[:_SHOWN]:
        print(f"  left out: {path} ({reason})")
    if len(others) > _SHOWN:
        print(f"  left out: {len(others) - _SHOWN:,} more files")


def _relative(source: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The corpus with its paths as seen from the sheet's folder."""

    def seen(path: str) -> str:
        # Folders as they really lie: `..` out of a linked folder leads elsewhere than its name says.
        return os.path.relpath(Path(path).parent.resolve() / Path(path).name, folder.resolve())

    files = {"files": [seen(path) for path in source["files"]]} if "files" in source else {"file": seen(source["file"])}
    return {**source, **files}

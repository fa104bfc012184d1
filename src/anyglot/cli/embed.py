"""`anyglot embed`: lines of text in, a vector for each out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.options import CACHE, DEVICE, ENCODER_PRECISION, NO_CACHE, POOLING, TRANSLATOR_ARGUMENT
from anyglot.cli.verb import verb

TEXTS = Annotated[
    list[str] | None,
    typer.Argument(help="Texts, a row of the output each; without any, lines of --input.", metavar="TEXT"),
]
INPUT = Annotated[
    str,
    typer.Option("--input", "-i", help="Text, a sentence a line; .gz too; - is standard input.", metavar="FILE"),
]
OUTPUT = Annotated[Path, typer.Option("--output", "-o", help="File for the vectors: .npy or .parquet.", metavar="FILE")]
LAYER = Annotated[
    str | None,
    typer.Option(
        "--layer", help="A number from 0, -1 (the last, default), middle, embeddings, or scaled with --preset."
    ),
]
PRESET = Annotated[
    str | None, typer.Option("--preset", help="xtreme-tatoeba, xtreme-bucc, veco or jiant: layer, pooling and length.")
]
LENGTH = Annotated[
    int | None,
    typer.Option("--max-length", help="Most tokens of a line (512); the rest is cut off.", metavar="N"),
]
NORMALIZE = Annotated[bool, typer.Option("--normalize", help="Give every vector length 1, after centering.")]
CENTER = Annotated[
    bool, typer.Option("--center", help="Subtract the mean of all vectors, and write it to OUTPUT's stem.mean.npy.")
]
CENTER_FROM = Annotated[
    Path | None, typer.Option("--center-from", help="Subtract this mean, which --center wrote.", metavar="FILE")
]
LANGUAGE = Annotated[
    str | None,
    typer.Option("--language", help="Of the text; for encoders that are told it (mBART, NLLB).", metavar="CODE"),
]
BATCH = Annotated[
    int | None, typer.Option("--batch-tokens", help="Tokens that go through the model at a time.", metavar="N")
]


@verb(file="output")
def embed(
    model: TRANSLATOR_ARGUMENT,
    output: OUTPUT,
    texts: TEXTS = None,
    input_name: INPUT = "-",
    layer: LAYER = None,
    pooling: POOLING = None,
    preset: PRESET = None,
    max_length: LENGTH = None,
    normalize: NORMALIZE = False,
    center: CENTER = False,
    center_from: CENTER_FROM = None,
    language: LANGUAGE = None,
    batch_tokens: BATCH = None,
    device: DEVICE = None,
    precision: ENCODER_PRECISION = "auto",
    cache: CACHE = None,
    no_cache: NO_CACHE = False,
) -> None:
    """Turn lines of text into vectors: one row out for each line in, zeros for an empty one.

    Examples:

        anyglot embed FacebookAI/xlm-roberta-base -i news.de -o de.npy --layer 7

        anyglot embed multilingual-e5-small "query: Wie alt ist das Haus?" "query: Is the house old?" -o two.npy

        anyglot embed runs/veco -i news.de.gz -o de.npy --preset veco --layer scaled --center --normalize

    Some models were trained for one way of pooling, or with words in front of each text, which you have to put there
    (multilingual-e5-small: mean, "query: "): `anyglot list models` tells. Nothing of it is done by itself.

    An interrupted run loses nothing: what it made is in the cache, and the same command goes on from there.
    """
    from anyglot.errors import UserError
    from anyglot.inference.embedding.command import Work, run
    from anyglot.inference.embedding.vector_cache import default_if_usable

    if no_cache and cache is not None:
        raise UserError("--cache and --no-cache exclude each other: leave one out.")
    run(
        Work(
            model=model,
            input=None if input_name == "-" else Path(input_name),
            output=output,
            layer=layer,
            pooling=pooling,
            preset=preset,
            max_length=max_length,
            normalize=normalize,
            center=center,
            center_from=center_from,
            language=language,
            batch_tokens=batch_tokens,
            device=device,
            precision=precision,
            cache=None if no_cache else cache or default_if_usable(_say),
            texts=tuple(texts or ()),
        )
    )


def _say(sentence: str) -> None:
    print(f"anyglot: {sentence}", file=sys.stderr)

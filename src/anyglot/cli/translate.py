"""`anyglot translate`: lines in, translations out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.further import moved, read_search
from anyglot.cli.options import (
    BEAM,
    DEVICE,
    MAX_LENGTH,
    MODEL,
    PRECISION,
    SEARCH,
    SET,
    TEXT,
    TRANSLATOR_ARGUMENT,
)
from anyglot.cli.verb import verb

SOURCE = Annotated[
    str,
    typer.Option(
        "--source",
        "-s",
        help="Language of the input, e.g. de or German; auto: each line's is identified (needs the extra [lid]).",
        metavar="LANGUAGE",
        rich_help_panel=TEXT,
    ),
]
TARGET = Annotated[
    str,
    typer.Option(
        "--target", "-t", help="Language to translate into, e.g. en.", metavar="LANGUAGE", rich_help_panel=TEXT
    ),
]
INPUT = Annotated[
    str,
    typer.Option("--input", "-i", help="File to translate; - is standard input.", metavar="FILE", rich_help_panel=TEXT),
]
TEXTS = Annotated[
    list[str] | None,
    typer.Argument(help="Texts to translate, each a line; without any, lines of --input.", metavar="TEXT"),
]
OUTPUT = Annotated[
    str,
    typer.Option(
        "--output", "-o", help="File for the translations; - is standard output.", metavar="FILE", rich_help_panel=TEXT
    ),
]
DECODER = Annotated[
    str | None,
    typer.Option(
        "--decoder",
        help="beam, greedy (faster), speculative (greedy from drafts), sample (drawn at random); "
        "ctc or mask-predict for models that write all words at once. Default: what the model was made for.",
        metavar="NAME",
        rich_help_panel=SEARCH,
    ),
]
PREFIX = Annotated[
    str | None,
    typer.Option(
        "--prefix",
        help="What each translation begins with: a text, or a file of one a line.",
        metavar="FILE|TEXT",
        rich_help_panel=TEXT,
    ),
]
N_BEST = Annotated[
    int,
    typer.Option(
        "--n-best",
        help="Above 1: so many lines a line, `line ||| translation ||| score`.",
        metavar="N",
        rich_help_panel=SEARCH,
    ),
]
VOCABULARY = Annotated[
    str | None,
    typer.Option(
        "--vocabulary",
        help="Write with these tokens only (see anyglot data vocabulary).",
        metavar="FILE",
        rich_help_panel=MODEL,
    ),
]
PROMPTS = Annotated[
    str | None,
    typer.Option(
        "--prompts",
        help="Make a translator of MODEL, an encoder, by these prompts.",
        metavar="FOLDER",
        rich_help_panel=MODEL,
    ),
]
RESUME = Annotated[bool, typer.Option("--resume", help="Continue an interrupted translation of a file.")]


@verb(file="output_name")
@moved(
    "decoder.length_penalty",
    "decoder.temperature",
    "decoder.top_k",
    "decoder.top_p",
    "decoder.seed",
    "decoder.rounds",
    "decoder.iterations",
    "decoder.length_beam",
    "decoder.remasking",
    "decoder.draft",
    "decoder.draft_file",
    "max_source_length",
    "overlong",
    "batch_tokens",
    "max_characters",
    switches=("decoder.show_rounds",),
)
def translate(
    model: TRANSLATOR_ARGUMENT,
    source: SOURCE,
    target: TARGET,
    texts: TEXTS = None,
    input_name: INPUT = "-",
    output_name: OUTPUT = "-",
    decoder: DECODER = None,
    beam: BEAM = None,
    settings: SET = None,
    prefix: PREFIX = None,
    n_best: N_BEST = 1,
    max_length: MAX_LENGTH = 200,
    device: DEVICE = None,
    precision: PRECISION = "auto",
    vocabulary: VOCABULARY = None,
    prompts: PROMPTS = None,
    resume: RESUME = False,
) -> None:
    """Translate lines of text: one line out for each line in, whatever comes in.

    Examples:

        anyglot translate runs/demo/sixt --source it --target en "Il gatto dorme in giardino."

        echo "Il gatto dorme in giardino." | anyglot translate runs/demo/sixt --source auto --target en

        anyglot translate runs/demo/sixt -s it -t en --input runs/demo/text/test.it.txt --output it.en --resume

        anyglot translate runs/demo/sixt -s de -t en -i runs/demo/text/test.de.txt --decoder sample --n-best 5

        anyglot translate runs/sga -s de -t en -i news.de --set decoder.rounds=4 --set decoder.show_rounds=true

        anyglot translate runs/questions -s en -t en -i news.en --decoder mask-predict --set decoder.iterations=8

        anyglot translate xlm-roberta-base --prompts prompts/de-en -s de -t en -i news.de

        anyglot translate runs/sixt -s de -t en --decoder speculative --set decoder.draft=runs/sga

    An interrupted file translation (exit code 130 or 143, or a crash) goes on where it stopped with --resume.
    """
    from anyglot.cli.verb_settings import TranslateSettings
    from anyglot.inference.generation.settings import SearchSettings
    from anyglot.inference.translation.command import Work, run

    further, search = read_search(TranslateSettings, settings, decoder, beam)
    drafts = {name: search.pop(name) for name in ("draft", "draft_file") if name in search}
    run(
        Work(
            model=model,
            source=source,
            target=target,
            settings=SearchSettings(n_best=n_best, max_length=max_length, **further.given(), **search),
            input=None if input_name == "-" else Path(input_name),
            output=None if output_name == "-" else Path(output_name),
            device=device,
            precision=precision,
            resume=resume,
            prefix=prefix,
            vocabulary=vocabulary,
            prompts=prompts,
            texts=tuple(texts or ()),
            **drafts,
        )
    )

"""`anyglot analyze`: what training changed inside a model: similarity of states, singular values, separability."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.console import show
from anyglot.cli.options import (
    DEVICE,
    ENCODER_PRECISION,
    LANGUAGES,
    MACHINE,
    MAX_SENTENCE_LENGTH,
    POOLING,
    REPORT_FOLDER,
    RESAMPLES,
    SEED,
    listed,
)
from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyglot.analysis.run import StatesRequest

analyze = typer.Typer(
    help="Look inside models: how alike their states are, how their weights scale, how far languages lie apart.\n\n"
    "For example:  anyglot analyze cka runs/mbart runs/continued --texts phrasebook:sentences=1000 --languages en,de",
    no_args_is_help=True,
)

TEXTS = Annotated[
    str,
    typer.Option(
        "--texts", help="en=FILE,de=FILE (line i says the same in each) or phrasebook:sentences=1000.", metavar="TEXTS"
    ),
]
SENTENCES = Annotated[int, typer.Option("--sentences", min=0, help="Most sentences, drawn at random; 0: all.")]
STATES = Annotated[
    Path | None,
    typer.Option("--cache", help="Folder in which states are remembered; default: none.", rich_help_panel=MACHINE),
]
NO_FIGURES = Annotated[bool, typer.Option("--no-figures", help="Leave out the PNG and SVG files (no matplotlib).")]


@analyze.command()
@verb(folder="out", settings={"spec": "--texts", "every_layer": "--all-layers"})
def cka(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Two or more: the first is compared with each other; one: its languages.", metavar="A B..."
        ),
    ],
    texts: TEXTS,
    languages: LANGUAGES = "",
    sentences: SENTENCES = 1000,
    out: REPORT_FOLDER = Path("cka"),
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="Also compare every layer with every layer.")
    ] = False,
    minibatch: Annotated[
        int, typer.Option("--minibatch", min=0, help="Estimate in batches of N, for large samples; 0: all at once.")
    ] = 0,
    pooling: POOLING = None,
    max_length: MAX_SENTENCE_LENGTH = 512,
    resamples: RESAMPLES = 500,
    seed: SEED = 1,
    device: DEVICE = None,
    precision: ENCODER_PRECISION = "auto",
    cache: STATES = None,
    no_figures: NO_FIGURES = False,
) -> None:
    """Centred kernel alignment of states, by layer: between models for each language, and between languages.

    The unbiased estimator is told first, beside the biased one of most papers and both on shuffled sentences.

    Examples:

        anyglot analyze cka runs/lm runs/continued --texts phrasebook:sentences=1000 --languages en,de,ru --out cka

        anyglot analyze cka mbart-50 mbart-50-m2m xlm-r --texts en=news.en,de=news.de --sentences 500

        anyglot analyze cka runs/lm runs/continued --texts en=a.en,de=a.de --sentences 0 --minibatch 512
    """
    from anyglot.analysis.run import run_cka

    request = _request(
        models, texts, languages, sentences, out, pooling, max_length, resamples, seed, device, precision, cache,
        not no_figures,
    )  # fmt: skip
    show(run_cka(request, _say, minibatch=minibatch, every_layer=all_layers))


@analyze.command()
@verb(folder="out")
def spectra(
    base: Annotated[str, typer.Argument(help="The model others are compared with: a folder or a hub name.")],
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Models that were made from it; none: the base alone.", metavar="MODEL..."),
    ] = None,
    out: REPORT_FOLDER = Path("spectra"),
    norms_only: Annotated[
        bool, typer.Option("--norms-only", help="Only norms, in seconds; no distances, spectral norms, stable ranks.")
    ] = False,
    no_figures: NO_FIGURES = False,
) -> None:
    """Singular values of every weight matrix, and their distance to those of a base model.

    Reads safetensors of any supported family, one tensor at a time; no model is built.

    Examples:

        anyglot analyze spectra mbart-50 mbart-50-m2m mbart-50-m2o --out spectra

        anyglot analyze spectra runs/lm runs/continued --norms-only
    """
    from anyglot.analysis.run import run_spectra
    from anyglot.evaluation.translation.run import unique_labels

    names = [base, *(models or [])]
    labelled = dict(zip(unique_labels(names), names, strict=True))
    show(run_spectra(labelled, out, _say, norms_only=norms_only, figures=not no_figures))


@analyze.command()
@verb(folder="out", settings={"spec": "--texts"})
def separability(
    models: Annotated[list[str], typer.Argument(help="Model folders or hub names, any encoder.", metavar="MODEL...")],
    texts: TEXTS,
    languages: LANGUAGES = "",
    sentences: SENTENCES = 1000,
    out: REPORT_FOLDER = Path("separability"),
    scores: Annotated[
        Path | None,
        typer.Option("--scores", help="Transfer scores, tab-separated: model, score, language if any.", metavar="FILE"),
    ] = None,
    pivot: Annotated[str, typer.Option("--pivot", help="Language that transfer starts from.")] = "en",
    folds: Annotated[int, typer.Option("--folds", min=2, max=100, help="Of the probe, over sentences.")] = 5,
    pooling: POOLING = None,
    max_length: MAX_SENTENCE_LENGTH = 512,
    resamples: RESAMPLES = 500,
    seed: SEED = 1,
    device: DEVICE = None,
    precision: ENCODER_PRECISION = "auto",
    cache: STATES = None,
    no_figures: NO_FIGURES = False,
) -> None:
    """How easily states are told apart by language, at every layer, and whether that goes with transfer.

    Examples:

        anyglot analyze separability runs/lm runs/continued --texts phrasebook:sentences=1000 --languages en,de,ru

        anyglot analyze separability runs/* --texts en=a.en,de=a.de --scores xnli.tsv --pivot en
    """
    from anyglot.analysis.correlation import read_scores
    from anyglot.analysis.run import run_separability
    from anyglot.text.languages import language

    known = () if scores is None else read_scores(scores)
    code = language(pivot).code
    request = _request(
        models, texts, languages, sentences, out, pooling, max_length, resamples, seed, device, precision, cache,
        not no_figures,
    )  # fmt: skip
    show(run_separability(request, _say, scores=known, pivot=code, folds=folds))


def _request(
    models: Sequence[str],
    texts: str,
    languages: str,
    sentences: int,
    out: Path,
    pooling: str | None,
    max_length: int,
    resamples: int,
    seed: int,
    device: str | None,
    precision: str,
    cache: Path | None,
    figures: bool,
) -> StatesRequest:
    from anyglot.analysis.run import StatesRequest
    from anyglot.analysis.samples import read_sample
    from anyglot.evaluation.translation.run import unique_labels
    from anyglot.inference.embedding import EmbeddingSettings

    settings = EmbeddingSettings(pooling=pooling or "mean", max_length=max_length)  # type: ignore[arg-type]
    labels = dict(zip(unique_labels(models), models, strict=True))
    sample = read_sample(texts, listed(languages), sentences=sentences, seed=seed)
    if sample.left_out:
        _say(f"{sample.left_out:,} rows lack a language and are left out in all")
    return StatesRequest(
        labels, sample, out, settings, resamples, seed, device=device, precision=precision, cache=cache, figures=figures
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

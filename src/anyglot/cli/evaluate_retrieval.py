"""`anyglot evaluate tatoeba` and `bucc`: sentence retrieval by one protocol."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.console import show
from anyglot.cli.further import moved, read_settings
from anyglot.cli.options import (
    CACHE,
    DEVICE,
    ENCODER_PRECISION,
    ENCODERS_ARGUMENT,
    LANGUAGES,
    MODEL,
    NO_CACHE,
    POOLING,
    REPORT_FOLDER,
    SEARCH,
    SET,
    TEXT,
    listed,
)
from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from anyglot.cli.verb_settings import RetrievalSettings
    from anyglot.evaluation.retrieval.margin import Margin
    from anyglot.evaluation.retrieval.protocol import RetrievalProtocol, Task
    from anyglot.evaluation.retrieval.run import Request
    from anyglot.evaluation.retrieval.system import System

_WORTH_TELLING = 2000

DATA = Annotated[Path, typer.Option("--data", help="Folder of the test's files.", rich_help_panel=TEXT)]
PRESET = Annotated[
    str | None,
    typer.Option("--preset", help="A release's conventions: xtreme, jiant, laser; Tatoeba also veco.", metavar="NAME"),
]
LAYER = Annotated[
    str | None,
    typer.Option(
        "--layer",
        help="all: sweep, and choose on held-out pairs; N: from 0, -1 the last; scaled: the preset's, by depth.",
        rich_help_panel=MODEL,
    ),
]
CENTER = Annotated[
    bool | None, typer.Option("--center/--no-center", help="Subtract each file's mean vector.", rich_help_panel=MODEL)
]


@verb(folder="out")
@moved("k", "duplicates", "gold", "max_length", "seed", "resamples")
def tatoeba(
    models: ENCODERS_ARGUMENT,
    data: DATA,
    languages: LANGUAGES = "",
    out: REPORT_FOLDER = Path("tatoeba"),
    preset: PRESET = None,
    layer: LAYER = None,
    pooling: POOLING = None,
    center: CENTER = None,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction", help="Who asks: both, from-english or to-english.", metavar="NAME", rich_help_panel=SEARCH
        ),
    ] = None,
    margin: Annotated[
        str | None, typer.Option("--margin", help="absolute (the cosine), ratio or distance.", metavar="NAME")
    ] = None,
    settings: SET = None,
    device: DEVICE = None,
    precision: ENCODER_PRECISION = "auto",
    cache: CACHE = None,
    no_cache: NO_CACHE = False,
) -> None:
    """How many sentences have their translation as nearest neighbour, at every layer.

    Examples:

        anyglot evaluate tatoeba runs/veco runs/xlm --data tatoeba --languages xtreme --out scores

        anyglot evaluate tatoeba FacebookAI/xlm-roberta-large --data tatoeba --preset xtreme
    """
    from anyglot.cli.verb_settings import TatoebaSettings
    from anyglot.evaluation.retrieval.run import run_tatoeba
    from anyglot.evaluation.retrieval.tatoeba import choose_languages, find_languages

    further = read_settings(TatoebaSettings, settings)
    protocol = _protocol(
        "tatoeba",
        preset,
        layer,
        pooling=pooling,
        max_length=further.max_length,
        center=center,
        directions=direction,
        margin=margin,
        k=further.k,
        duplicates=further.duplicates,
    )
    found, missing = choose_languages(find_languages(data, further.gold), listed(languages))
    request = _request(models, protocol, layer, out, further, device, precision, cache, no_cache)
    show(run_tatoeba(request, found, missing, _say))


@verb(folder="out")
@moved("k", "duplicates", "retrieval", "tune", "tune_data", "max_length", "seed", "resamples")
def bucc(
    models: ENCODERS_ARGUMENT,
    data: DATA,
    pair: Annotated[str, typer.Option("--pair", help="e.g. zh-en; several with commas.", rich_help_panel=TEXT)],
    split: Annotated[
        str, typer.Option("--split", help="Of the files to score: zh-en.SPLIT.zh.", rich_help_panel=TEXT)
    ] = "dev",
    tune_split: Annotated[
        str | None, typer.Option("--tune-split", help="Split to tune the threshold on.", metavar="SPLIT")
    ] = None,
    out: REPORT_FOLDER = Path("bucc"),
    preset: PRESET = None,
    layer: LAYER = None,
    pooling: POOLING = None,
    center: CENTER = None,
    margin: Annotated[
        str | None, typer.Option("--margin", help="ratio, distance or absolute; several with commas.")
    ] = None,
    settings: SET = None,
    device: DEVICE = None,
    precision: ENCODER_PRECISION = "auto",
    cache: CACHE = None,
    no_cache: NO_CACHE = False,
) -> None:
    """Find the translated pairs hidden in two texts: precision, recall and F1, with the threshold's origin.

    Examples:

        anyglot evaluate bucc runs/veco runs/xlm --data bucc --pair zh-en --out scores

        anyglot evaluate bucc runs/veco --data bucc --pair zh-en --layer 3 --margin ratio,distance,absolute

        anyglot evaluate bucc runs/veco --data bucc --pair zh-en --split test --tune-split training
    """
    from anyglot.cli.verb_settings import BuccSettings
    from anyglot.evaluation.retrieval.bucc import read_split
    from anyglot.evaluation.retrieval.run import run_bucc

    further = read_settings(BuccSettings, settings)
    kinds = listed(margin or "")
    protocol = _protocol(
        "bucc",
        preset,
        layer,
        pooling=pooling,
        max_length=further.max_length,
        center=center,
        margin=kinds[0] if kinds else None,
        k=further.k,
        rule=further.retrieval,
        duplicates=further.duplicates,
        tuning=_tuning(further.tune, further.tune_data, tune_split),
    )
    _check_tuning(protocol, tune_split)
    splits = [read_split(data, each, split) for each in listed(pair)]
    other = {}
    if tune_split is not None:
        other = {f"{each} {split}": read_split(further.tune_data or data, each, tune_split) for each in listed(pair)}
    request = _request(models, protocol, layer, out, further, device, precision, cache, no_cache)
    show(run_bucc(request, splits, other, _margins(kinds, protocol), _say))


def _protocol(task: Task, preset: str | None, layer: str | None, **changes: object) -> RetrievalProtocol:
    """The preset, or the default, with what the user chose otherwise."""
    from anyglot.evaluation.retrieval.protocol import DEFAULTS, changed
    from anyglot.evaluation.retrieval.protocol import preset as known_preset

    base = DEFAULTS[task] if preset is None else known_preset(task, preset)
    return changed(base, layer, {name: value for name, value in changes.items() if value is not None})


def _tuning(tune: str | None, tune_data: Path | None, tune_split: str | None) -> str | None:
    from anyglot.errors import UserError

    if tune_split is not None:
        if tune is not None:
            raise UserError("tune and --tune-split were both given; tune on halves or on another split, not both")
        return "other split"
    if tune_data is not None:
        raise UserError("tune_data was given without --tune-split; name the split to tune on, such as training")
    if tune not in (None, "half", "oracle"):
        raise UserError(f"tune is half or oracle, not {tune!r}; to tune on another split give --tune-split")
    return {"half": "halves", "oracle": "oracle", None: None}[tune]


def _check_tuning(protocol: RetrievalProtocol, tune_split: str | None) -> None:
    from anyglot.errors import UserError

    if protocol.tuning == "other split" and tune_split is None:
        raise UserError(
            f"the preset {protocol.name} tunes its threshold on another split: name it with --tune-split training, or "
            "tune on halves with --set tune=half"
        )


def _margins(kinds: Sequence[str], protocol: RetrievalProtocol) -> tuple[Margin, ...]:
    from anyglot.evaluation.retrieval.protocol import changed

    # Each is checked as the first one was.
    return tuple(changed(protocol, None, {"margin": kind}).margin for kind in kinds) or (protocol.margin,)


def _request(
    models: list[str],
    protocol: RetrievalProtocol,
    layer: str | None,
    out: Path,
    further: RetrievalSettings,
    device: str | None,
    precision: str,
    cache: Path | None,
    no_cache: bool,
) -> Request:
    from anyglot.errors import UserError
    from anyglot.evaluation.retrieval.run import Request
    from anyglot.evaluation.translation.run import unique_labels
    from anyglot.inference.embedding.vector_cache import default_if_usable

    if cache is not None and no_cache:
        raise UserError("--cache and --no-cache were both given; leave one out")
    folder = None if no_cache else cache or default_if_usable(_say)
    labels = unique_labels(models)
    return Request(
        systems={
            label: _opener(name, label, protocol, device, precision, folder)
            for name, label in zip(models, labels, strict=True)
        },
        protocol=protocol,
        scaled=layer == "scaled",
        out=out,
        seed=further.seed,
        resamples=further.resamples,
        facts={"Preset": protocol.name or "none"},
    )


def _opener(
    name: str,
    label: str,
    protocol: RetrievalProtocol,
    device: str | None,
    precision: str,
    cache: Path | None,
) -> Callable[[], System]:
    """A function that loads an encoder and makes a system of it."""

    def open_system() -> System:
        from anyglot.evaluation.retrieval.system import System
        from anyglot.inference.embedding import Embedder, EmbeddingSettings
        from anyglot.text.model_languages import ModelLanguages

        _say(f"loading {label}")
        embedder = Embedder.from_pretrained(name, device=device, precision=precision, cache=cache)
        known = ModelLanguages.load(Path(name)) if Path(name).is_dir() else None

        def stream(texts: Sequence[str], layers: Sequence[int], language: str) -> Iterator[NDArray[np.float32]]:
            settings = EmbeddingSettings(pooling=protocol.pooling, max_length=protocol.max_length, language=language)
            cut = embedder.counts.cut
            done = 0
            for part in embedder.stream(texts, layers, settings):
                yield part
                done += part.shape[1]
                # A language of Tatoeba is done in one go and told by who asks.
                if len(texts) > _WORTH_TELLING:
                    _say(f"{label}: {done:,} of {len(texts):,} sentences embedded")
            if embedder.counts.cut > cut:
                limit = min(protocol.max_length, embedder.limit or protocol.max_length)
                _say(f"{label}: {embedder.counts.cut - cut} sentences have more than {limit} tokens and were cut off")

        read = None if known is None else known.source | known.supervised
        return System(label, embedder.layers, stream, embedder.precision, read)

    return open_system


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

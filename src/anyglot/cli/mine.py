"""`anyglot mine`: parallel sentences out of two monolingual files."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.further import moved, read_settings
from anyglot.cli.options import (
    CACHE,
    DEVICE,
    ENCODER_PRECISION,
    NO_CACHE,
    POOLING,
    SEARCH,
    SET,
    TEXT,
    listed,
)
from anyglot.cli.options import MODEL as MODEL_PANEL
from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from anyglot.evaluation.retrieval.mining import Mined, Vectors
    from anyglot.evaluation.retrieval.mining_text import Sentences

SPOKEN_SECONDS = 10.0

A = Annotated[Path, typer.Argument(help="Text of one language, a sentence a line, or .gz of it.", metavar="A")]
B = Annotated[Path, typer.Argument(help="Text of the other language.", metavar="B")]
OUTPUT = Annotated[Path, typer.Option("--output", "-o", help="Table of pairs, best first.", metavar="FILE.tsv")]
MODEL = Annotated[
    str | None, typer.Option("--model", help="A model folder or a hub name: any encoder.", rich_help_panel=MODEL_PANEL)
]
VECTORS_A = Annotated[
    Path | None,
    typer.Option("--vectors-a", help="Vectors of A's lines, as `anyglot embed` writes them.", rich_help_panel=TEXT),
]
VECTORS_B = Annotated[Path | None, typer.Option("--vectors-b", help="Vectors of B's lines.", rich_help_panel=TEXT)]
THRESHOLD = Annotated[
    float | None, typer.Option("--threshold", help="Leave out pairs that score less.", rich_help_panel=SEARCH)
]
LAYER = Annotated[
    str,
    typer.Option("--layer", help="A number from 0, -1 (the last), middle or embeddings.", rich_help_panel=MODEL_PANEL),
]
CENTER = Annotated[
    bool, typer.Option("--center", help="Subtract from each side the mean of its vectors.", rich_help_panel=MODEL_PANEL)
]
LANGUAGES = Annotated[
    str,
    typer.Option(
        "--languages", help="Of A and B, e.g. de,en; for encoders that are told it (mBART, NLLB).", rich_help_panel=TEXT
    ),
]
OVERWRITE = Annotated[bool, typer.Option("--overwrite", help="Replace the output; forget an unfinished job.")]


@verb(
    file="output",
    kept="what was searched is kept beside the output; the same command goes on",
    settings={"own_ids": "--set ids"},
)
@moved("k", "margin", "rule", "index", "max_length", "search_precision", "block", switches=("ids",))
def mine(
    a: A,
    b: B,
    output: OUTPUT,
    model: MODEL = None,
    vectors_a: VECTORS_A = None,
    vectors_b: VECTORS_B = None,
    threshold: THRESHOLD = None,
    layer: LAYER = "-1",
    pooling: POOLING = None,
    center: CENTER = False,
    languages: LANGUAGES = "",
    device: DEVICE = None,
    precision: ENCODER_PRECISION = "auto",
    cache: CACHE = None,
    no_cache: NO_CACHE = False,
    overwrite: OVERWRITE = False,
    settings: SET = None,
) -> None:
    """Find sentences of A and B that are translations of each other.

    Each line of the output is a pair: score, line number (or id) in A and in B, the two texts. Killed and started
    again, the same command goes on where it was.

    Examples:

        anyglot mine news.de news.en --model runs/veco --layer middle -o pairs.tsv --threshold 1.06

        anyglot mine news.de news.en --vectors-a de.npy --vectors-b en.npy -o pairs.tsv
    """
    from anyglot.cli.verb_settings import MineSettings
    from anyglot.errors import UserError
    from anyglot.evaluation.retrieval.mining import MiningSettings
    from anyglot.evaluation.retrieval.mining import mine as mined_from
    from anyglot.evaluation.retrieval.mining_text import read_sentences
    from anyglot.evaluation.retrieval.mining_vectors import GivenVectors

    further = read_settings(MineSettings, settings)
    mining = MiningSettings(
        threshold=threshold,
        precision=further.search_precision,  # type: ignore[arg-type]
        **further.model_dump(include={"k", "margin", "rule", "index", "block"}),
    )
    begun = time.monotonic()
    vectors: Vectors
    if model is None and vectors_a is not None and vectors_b is not None:
        vectors = GivenVectors((vectors_a, vectors_b))
    elif model is not None and vectors_a is None and vectors_b is None:
        folder = None if no_cache else cache or _default_cache()
        vectors = _embedded(
            model, device, precision, folder, (layer, pooling or "mean", further.max_length), languages, center
        )
    else:
        raise UserError("Give either --model, or both --vectors-a and --vectors-b.")
    sentences = read_sentences(a, further.ids), read_sentences(b, further.ids)
    mined = mined_from(sentences, vectors, output, mining, overwrite=overwrite, say=_say, progress=_told())
    _conclude(sentences, mined, output, time.monotonic() - begun)


def _embedded(
    model: str,
    device: str | None,
    precision: str,
    cache: Path | None,
    form: tuple[str, str, int],
    languages: str,
    center: bool,
) -> Vectors:
    from anyglot.errors import UserError
    from anyglot.evaluation.retrieval.mining_vectors import EmbeddedVectors
    from anyglot.inference.embedding.embedder import Embedder
    from anyglot.inference.embedding.settings import EmbeddingSettings
    from anyglot.runtime.untrusted_files import written_number

    layer, pooling, max_length = form
    if layer not in ("middle", "embeddings") and written_number(layer.removeprefix("-")) is None:
        raise UserError(f"--layer is {layer}; give a number, middle or embeddings.")
    spoken: tuple[str | None, ...] = listed(languages) or (None, None)
    if len(spoken) != 2:
        raise UserError(f"--languages names {len(spoken)} languages; give that of A and that of B, as in de,en.")
    number = layer if layer in ("middle", "embeddings") else int(layer)
    first, second = (
        EmbeddingSettings(number, pooling, max_length=max_length, language=language)  # type: ignore[arg-type]
        for language in spoken
    )
    embedder = Embedder.from_pretrained(model, device, precision, cache)
    return EmbeddedVectors(embedder, (first, second), center, _embedding_told())


def _default_cache() -> Path | None:
    from anyglot.inference.embedding.vector_cache import default_if_usable

    return default_if_usable(_say)


def _say(sentence: str) -> None:
    print(f"anyglot: {sentence}", file=sys.stderr, flush=True)


def _told() -> Callable[[int, int], None]:
    """Says now and then how the search goes; what an earlier run did is no part of its speed."""
    begun = spoken = time.monotonic()
    earlier: int | None = None

    def tell(done: int, total: int) -> None:
        nonlocal spoken, earlier, begun
        now = time.monotonic()
        if earlier is None:
            earlier, begun = done - 1, begun
        if now - spoken < SPOKEN_SECONDS and done < total:
            return
        spoken = now
        speed = (done - earlier) / max(now - begun, 1e-3)
        left = (total - done) / speed
        _say(f"{done:,} of {total:,} stripes searched, {speed:.2f} stripes/s, {left / 60:.1f} minutes left.")

    return tell


def _embedding_told() -> Callable[[int, int], None]:
    begun = spoken = time.monotonic()
    done = 0

    def tell(texts: int, tokens: int) -> None:
        nonlocal spoken, done
        done += texts
        now = time.monotonic()
        if now - spoken >= SPOKEN_SECONDS:
            spoken = now
            _say(f"{done:,} sentences embedded, {done / max(now - begun, 1e-3):.1f} sentences/s.")

    return tell


def _conclude(sentences: tuple[Sentences, Sentences], mined: Mined, output: Path, seconds: float) -> None:
    for name, side, zero in zip("AB", sentences, mined.zero, strict=True):
        left = [(side.empty, "empty lines"), (side.repeated, "repeated lines"), (zero, "without a token")]
        facts = [f"{len(side):,} sentences in {side.lines:,} lines", *(f"{n:,} {what}" for n, what in left if n)]
        _say(f"{name}: {'; '.join(facts)}.")
    _say(f"{len(mined.pairs):,} pairs in {output}; {seconds:.1f} s, {mined.index} search.")

"""One run of `anyglot embed`: lines of text in, rows of a file out."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anyglot.errors import UserError
from anyglot.inference.embedding.embedder import Embedder
from anyglot.inference.embedding.output import VectorFile, check_output, load_mean, save_mean
from anyglot.inference.embedding.reporting import Report
from anyglot.inference.embedding.settings import EmbeddingSettings, Layer, Preset, depth_of, preset_of
from anyglot.runtime.signals import stoppable
from anyglot.text.readers import bare_line, raw_lines


@dataclass(frozen=True)
class Work:
    """What the user asked for.

    Attributes:
        input: None for the standard input.
        layer: A number, "middle", "embeddings", or "scaled" with a preset; None: the preset's, else the last.
        pooling: None: the preset's, else "mean"; `max_length` likewise, else 512.
        center: Whether the mean of all vectors is subtracted, and written beside the output.
        center_from: A mean to subtract instead.
        cache: Folder of remembered vectors, or None.
        texts: What to embed in place of an input, a row each.
    """

    model: str
    input: Path | None
    output: Path
    layer: str | None = None
    pooling: str | None = None
    preset: str | None = None
    max_length: int | None = None
    normalize: bool = False
    center: bool = False
    center_from: Path | None = None
    language: str | None = None
    batch_tokens: int | None = None
    device: str | None = None
    precision: str = "auto"
    cache: Path | None = None
    texts: tuple[str, ...] = ()


def run(work: Work) -> None:
    """Do the work.

    Raises:
        UserError: What the user can put right. Nothing is left where the output would have been.
        Stopped: SIGTERM or SIGINT came; nothing is left there either, and a sentence says what is in the cache.
    """
    kept = "no vectors are kept; the same command begins again"
    if work.cache is not None:
        kept = f"vectors made so far are in the cache {work.cache}; the same command goes on from there"
    with stoppable(kept):
        _run(work)


def _run(work: Work) -> None:
    check_output(work.output)
    if work.center and work.center_from is not None:
        raise UserError("`center` and `center_from` exclude each other: subtract this text's mean, or another's.")
    if work.texts and work.input is not None:
        raise UserError("texts and `input` are two inputs: give one of them.")
    preset = None if work.preset is None else preset_of(work.preset)
    total = (len(work.texts) or None) if work.input is None else sum(1 for _ in raw_lines(work.input))
    # What can be refused without a model is; the layer is chosen anew below.
    settings(work, preset, preset.layers if preset is not None and work.layer is None else None)
    embedder = Embedder.from_pretrained(work.model, work.device, work.precision, work.cache)
    chosen = settings(work, preset, embedder.layers)
    mean = None if work.center_from is None else load_mean(work.center_from, embedder.width)
    with VectorFile(work.output, embedder.width) as file, Report(embedder.counts, total) as report:
        texts = _Texts(work.input, work.texts, keep=work.output.suffix == ".parquet")
        for vectors in embedder.stream(texts, [chosen.layer], chosen, progress=report.advance):
            file.append(vectors[0], texts.taken(vectors.shape[1]))
        report.damaged = texts.damaged
        if not file.filled:
            whose = "the command line" if work.texts else work.input or "standard input"
            raise UserError(f"{whose} has no text: every line is empty.")
        if work.center:
            mean = file.mean
            save_mean(mean_path(work.output), mean)
        file.finish(mean, work.normalize)
        depth = depth_of(chosen.layer, embedder.layers)
        where = "embeddings" if depth == 0 else f"layer {depth - 1} of {embedder.layers}"
        report.settings = f"{where}, {chosen.pooling}, {embedder.precision}"


def settings(work: Work, preset: Preset | None, layers: int | None) -> EmbeddingSettings:
    """Settings of the preset, with what the user says in the place of what it says.

    Args:
        layers: Of the encoder; None: not known yet, and only what does not depend on it is looked at.
    """
    pooling = work.pooling or (preset.pooling if preset is not None else "mean")
    limit = work.max_length or (preset.max_length if preset is not None else 512)
    layer = _layer(work, preset, layers)
    if layers is not None:
        depth_of(layer, layers)
    return EmbeddingSettings(
        layer=layer,
        pooling=pooling,  # type: ignore[arg-type]  # checked there
        max_length=limit,
        language=work.language,
        batch_tokens=work.batch_tokens,
    )


def _layer(work: Work, preset: Preset | None, layers: int | None) -> Layer:
    text = work.layer
    if text is None:
        return -1 if preset is None or layers is None else preset.layer_for(layers, f"`preset={work.preset}`")
    if text == "scaled":
        if preset is None:
            raise UserError("`layer=scaled` takes a preset's layer at another depth: give `preset`, or name a layer.")
        return -1 if layers is None else preset.scaled(layers)
    if text == "middle":
        return "middle"
    if text == "embeddings":
        return "embeddings"
    try:
        return int(text)
    except ValueError:
        raise UserError(
            f"there is no layer '{text}': give a number, counted from 0 or with -1 as the last, or middle, embeddings "
            "or scaled."
        ) from None


def mean_path(output: Path) -> Path:
    """Where --center writes the mean: de.npy -> de.mean.npy."""
    return output.with_name(f"{output.stem}.mean.npy")


class _Texts:
    """The lines of the input, as text; bytes that are not UTF-8 become U+FFFD, and such lines are counted.

    Args:
        path: None for the standard input.
        given: Texts in place of both.
        keep: Whether `taken` shall give the texts back.
    """

    def __init__(self, path: Path | None, given: tuple[str, ...] = (), *, keep: bool) -> None:
        self.path, self.given, self.keep = path, given, keep
        self.damaged = 0
        self._kept: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        for raw in self._raw():
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                text = raw.decode("utf-8", "replace")
                self.damaged += 1
            if self.keep:
                self._kept.append(text)
            yield text

    def _raw(self) -> Iterator[bytes]:
        if self.given:
            return iter([" ".join(text.splitlines()).encode("utf-8", "surrogateescape") for text in self.given])
        return _standard_input() if self.path is None else raw_lines(self.path)

    def taken(self, count: int) -> list[str]:
        """The first `count` texts that have not been taken; none at all where they are not kept."""
        return [self._kept.popleft() for _ in range(count)] if self.keep else []


def _standard_input() -> Iterator[bytes]:
    number = 0
    for number, line in enumerate(sys.stdin.buffer, start=1):
        yield bare_line(line, number)
    if number == 0:
        raise UserError("standard input is empty; give one sentence on each line, or name a file with `input`.")

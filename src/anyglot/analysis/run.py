"""An analysis from a request to its report; one model in memory at a time, or two where they are read in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyglot.analysis.cka import FEWEST, check_sentences
from anyglot.analysis.cka_report import build_cka_report, value_table
from anyglot.analysis.correlation import TransferScore
from anyglot.analysis.samples import ParallelSample
from anyglot.analysis.separability import FOLDS, ModelSeparability, separability
from anyglot.analysis.separability_report import build_separability_report
from anyglot.analysis.similarity import (
    LayerGrid,
    LayerSimilarities,
    MinibatchSimilarities,
    all_layers,
    between_languages,
    between_models,
)
from anyglot.analysis.spectra import ModelSpectra, compare, measure, spectra_data
from anyglot.analysis.spectra_report import build_spectra_report, last_layer_table
from anyglot.analysis.states import LayerStates, layer_names, pooled_states, same_depth, state_batches
from anyglot.analysis.weights import find_weights
from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from anyglot.reporting.elements import Report
from anyglot.reporting.figures import require_matplotlib
from anyglot.reporting.markdown import markdown_table
from anyglot.reporting.provenance import provenance
from anyglot.reporting.publishing import Panels, publish

Say = Callable[[str], None]


@dataclass(frozen=True)
class StatesRequest:
    """What to look at.

    Attributes:
        models: Label -> folder or hub name.
        sample: The sentences.
        out: Folder of the report.
        settings: Pooling and length.
        resamples: Of the bootstrap; 0: no intervals.
        seed: Of bootstrap, controls and folds.
        figures: Whether PNG and SVG files are written.
        precisions: What each model computed in; filled as they are opened.
    """

    models: Mapping[str, str]
    sample: ParallelSample
    out: Path
    settings: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    resamples: int = 500
    seed: int = 1
    device: str | None = None
    precision: str = "auto"
    cache: Path | None = None
    figures: bool = True
    precisions: dict[str, str] = field(default_factory=dict)

    def open(self, label: str, say: Say) -> Embedder:
        """Load a model's encoder."""
        say(f"loading {label}")
        embedder = Embedder.from_pretrained(self.models[label], self.device, self.precision, self.cache)
        self.precisions[label] = embedder.precision
        return embedder

    def states(self, label: str, say: Say) -> LayerStates:
        """A model's states; the model itself is let go."""
        states = pooled_states(self.open(label, say), self.sample, label, self.settings, say)
        if states.cut:
            say(f"{label}: {states.cut} sentences have more than {self.settings.max_length} tokens and were cut off")
        return states

    def facts(self, begun: float) -> dict[str, str]:
        """Settings and provenance."""
        sample = self.sample
        codes = ", ".join(sample.languages)
        told = {
            "Sentences": f"{len(sample):,} of {sample.rows:,} in each of {codes} ({sample.origin})",
            "Rows left out for a missing language": f"{sample.left_out:,}",
            "Pooling": f"{self.settings.pooling}, at most {self.settings.max_length} tokens",
            "Layers": "embeddings: what enters the first block; k: output of block k, from 0",
            "Precision": ", ".join(f"{label} {kind}" for label, kind in self.precisions.items()),
            "Bootstrap": f"{self.resamples} resamples of sentences",
        }
        made = provenance(seed=self.seed, data_hash=sample.data_hash, seconds=time.monotonic() - begun)
        return {**told, **made.facts()}


def run_cka(request: StatesRequest, say: Say, *, minibatch: int = 0, every_layer: bool = False) -> str:
    """Compare the first model with each other one, and the languages of each; write the report.

    Args:
        minibatch: Sentences of a batch, for samples whose Gram matrices would not fit; 0: all at once.
        every_layer: Compare every layer with every layer as well.

    Returns:
        The tables of values, as Markdown.

    Raises:
        UserError: A model cannot be opened or read, the sample is too small or too large, or nothing can be compared.
    """
    begun = _begin(request)
    check_sentences(len(request.sample))
    labels = list(request.models)
    if minibatch:
        if every_layer:
            raise UserError("`every_layer` and `minibatch` do not go together; take fewer `sentences` instead")
        models, languages = _in_batches(request, labels, minibatch, say)
        grids: list[LayerGrid] = []
    else:
        models, languages, grids = _at_once(request, labels, every_layer, say)
    facts = {"Estimator": (models or languages)[0].estimator, **request.facts(begun)}
    report, panels = build_cka_report(models, languages, grids, facts)
    numbers = {
        "models": [each.data() for each in models],
        "languages": [each.data() for each in languages],
        "every_layer": [vars(each) for each in grids],
    }
    _publish(request.out, report, panels, numbers, request.figures, say)
    return _told(report, [value_table(each).title for each in (*models, *languages)])


def run_separability(
    request: StatesRequest, say: Say, *, scores: tuple[TransferScore, ...] = (), pivot: str = "en", folds: int = FOLDS
) -> str:
    """Measure how easily languages are told apart in each model; write the report.

    Args:
        scores: Of transfer, to correlate with.
        pivot: The language transfer starts from.

    Returns:
        The tables as Markdown.

    Raises:
        UserError: A model cannot be opened, reads fewer than two languages, or the sample is too small.
    """
    begun = _begin(request)
    found: list[ModelSeparability] = []
    languages: dict[str, LayerSimilarities] = {}
    known = {each.model for each in scores}
    if scores and not known & request.models.keys():
        raise UserError(
            f"the scores are of {', '.join(sorted(known))}, the models are called {', '.join(request.models)}; write "
            "these names into the column model"
        )
    for label in request.models:
        states = request.states(label, say)
        found.append(separability(states, folds=folds, resamples=request.resamples, seed=request.seed, say=say))
        if scores:
            similar = between_languages(states, resamples=0, seed=request.seed, say=say)
            if similar is not None:
                languages[label] = similar
    facts = {"Probe": f"ridge, {folds} folds over sentences", **request.facts(begun)}
    report, panels = build_separability_report(found, languages, scores, facts, pivot=pivot, seed=request.seed)
    numbers = {"models": [each.data() for each in found], "languages": [each.data() for each in languages.values()]}
    _publish(request.out, report, panels, numbers, request.figures, say)
    return _told(report, [table.title for table in report.tables])


def run_spectra(
    models: Mapping[str, str], out: Path, say: Say, *, norms_only: bool = False, figures: bool = True
) -> str:
    """Measure the matrices of models, the first being the base; write the report.

    Only one matrix is in memory at a time, and only singular values are kept.

    Returns:
        The tables of the last layers, as Markdown.

    Raises:
        UserError: A model cannot be read, or is of no supported family.
    """
    begun = time.monotonic()
    if figures:
        require_matplotlib()
    # All are found before one is measured: a misspelt name should not cost minutes.
    files = [find_weights(name, label) for label, name in models.items()]
    measured: list[ModelSpectra] = []
    for weights in files:
        for name in weights.missing:
            say(f"{weights.label}: {name} is missing; what is in the other files is compared")
        measured.append(measure(weights, norms_only=norms_only, say=say))
    base, others = measured[0], measured[1:]
    comparisons = [compare(base, each) for each in others]
    for comparison in comparisons:
        for remark in comparison.remarks:
            say(remark)
    made = provenance(seconds=time.monotonic() - begun)
    values = "left out" if norms_only else "square roots of the eigenvalues of the smaller Gram matrix, float64"
    report, panels = build_spectra_report(base, comparisons, {"Singular values": values, **made.facts()})
    numbers = {
        "models": [spectra_data(each) for each in measured],
        "changes": [
            {
                "model": each.model.label,
                "base": each.base,
                "distances": [
                    {"side": place.side, "layer": place.layer, "matrix": place.column, "d": change.distance}
                    for place, change in each.changes.items()
                ],
            }
            for each in comparisons
        ],
    }
    _publish(out, report, panels, numbers, figures, say)
    sides = ("encoder", "decoder")
    return _told(report, [last_layer_table(base, comparisons, side).title for side in sides])  # type: ignore[arg-type]


def _at_once(
    request: StatesRequest, labels: Sequence[str], every_layer: bool, say: Say
) -> tuple[list[LayerSimilarities], list[LayerSimilarities], list[LayerGrid]]:
    models, languages, grids = list[LayerSimilarities](), list[LayerSimilarities](), list[LayerGrid]()
    first: LayerStates | None = None
    for label in labels:
        states = request.states(label, say)
        if first is not None:
            models.append(between_models(first, states, resamples=request.resamples, seed=request.seed, say=say))
            if every_layer:
                say(f"every layer of {first.label} with every layer of {label}")
                grids.append(all_layers(first, states))
        within = between_languages(states, resamples=request.resamples, seed=request.seed, say=say)
        if within is not None:
            languages.append(within)
        first = first or states
    if not models and not languages:
        raise UserError("one model and one language leave nothing to compare; give a second of either")
    return models, languages, grids


def _in_batches(
    request: StatesRequest, labels: Sequence[str], size: int, say: Say
) -> tuple[list[LayerSimilarities], list[LayerSimilarities]]:
    if size < FEWEST or len(request.sample) < 2 * size:
        raise UserError(
            f"`minibatch={size}` needs batches of at least {FEWEST} sentences and at least two of them; the sample has "
            f"{len(request.sample):,} sentences"
        )
    models, languages = list[LayerSimilarities](), list[LayerSimilarities]()
    first = request.open(labels[0], say)
    for label in labels:
        other = first if label == labels[0] else request.open(label, say)
        if other is not first:
            models.append(_models_in_batches(request, (first, labels[0]), (other, label), size, say))
        if (within := _languages_in_batches(request, other, label, size, say)) is not None:
            languages.append(within)
    if not models and not languages:
        raise UserError("one model and one language leave nothing to compare; give a second of either")
    return models, languages


def _models_in_batches(
    request: StatesRequest, a: tuple[Embedder, str], b: tuple[Embedder, str], size: int, say: Say
) -> LayerSimilarities:
    partners = same_depth(a[0].layers, b[0].layers)
    running = MinibatchSimilarities(a[0].layers + 1, partners, request.seed)
    codes = [code for code in _readable(a[0], request.sample) if code in _readable(b[0], request.sample)]
    if not codes:
        raise UserError(f"{a[1]} and {b[1]} have no language in common to be compared on; choose other `languages`")
    for code in codes:
        texts = request.sample.texts[code]
        sides = [state_batches(each, texts, code, request.settings, size) for each, _ in (a, b)]
        for x, y in zip(*sides, strict=True):
            running.add(code, x, y)
        say(f"CKA of {a[1]} and {b[1]} in batches: {code}")
    width = min(a[0].width, b[0].width)
    return LayerSimilarities(
        f"{a[1]} and {b[1]}",
        layer_names(a[0].layers),
        running.values(request.resamples),
        running.sentences,
        width,
        f"unbiased, in minibatches of {size}",
        ("Intervals are over minibatches",),
        (a[1], b[1]),
    )


def _languages_in_batches(
    request: StatesRequest, embedder: Embedder, label: str, size: int, say: Say
) -> LayerSimilarities | None:
    codes = _readable(embedder, request.sample)
    if len(codes) < 2:
        return None
    running = MinibatchSimilarities(embedder.layers + 1, range(embedder.layers + 1), request.seed)
    sides = [state_batches(embedder, request.sample.texts[code], code, request.settings, size) for code in codes]
    for number, parts in enumerate(zip(*sides, strict=True), start=1):
        for one in range(len(codes)):
            for other in range(one + 1, len(codes)):
                running.add(f"{codes[one]}–{codes[other]}", parts[one], parts[other])
        say(f"CKA between languages of {label}: batch {number}")
    return LayerSimilarities(
        f"Languages of {label}",
        layer_names(embedder.layers),
        running.values(request.resamples),
        running.sentences,
        embedder.width,
        f"unbiased, in minibatches of {size}",
        ("Intervals are over minibatches",),
        (label,),
    )


def _readable(embedder: Embedder, sample: ParallelSample) -> list[str]:
    found = []
    for code in sample.languages:
        try:
            embedder.framing.frame(code)
        except UserError:
            continue
        found.append(code)
    return found


def _begin(request: StatesRequest) -> float:
    if request.figures:
        require_matplotlib()
    return time.monotonic()


def _publish(
    out: Path, report: Report, panels: Sequence[Panels], numbers: dict[str, Any], figures: bool, say: Say
) -> None:
    for line in report.summary:
        say(line)
    written = publish(out, report, panels, numbers, figures=figures)
    say(f"report: {written.html}")


def _told(report: Report, titles: Sequence[str]) -> str:
    return "\n\n".join(f"{table.title}\n\n{markdown_table(table)}" for table in report.tables if table.title in titles)

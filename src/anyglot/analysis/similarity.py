"""CKA of whole models: layer by layer and language by language, with intervals and controls.

| Ji et al. (2024) | Function |
|---|---|
| figure 1: two models, by language and layer | `between_models` |
| figure 2: two languages, by layer of one model | `between_languages` |
| (not in the paper) every layer against every layer | `all_layers` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.analysis.cka import (
    MinibatchCka,
    Prepared,
    Resampling,
    check_sentences,
    estimates,
    shuffled_rows,
    unbiased_grid,
)
from anyglot.analysis.states import LayerStates, same_depth
from anyglot.errors import UserError
from anyglot.stats.bootstrap import interval

Say = Callable[[str], None]
MOST_IN_MEMORY = 4096
"""Sentences whose Gram matrices are held: 128 MB each. Beyond this say `--minibatch`."""


@dataclass(frozen=True)
class Similarity:
    """Two sets of states.

    Attributes:
        value: Unbiased CKA; None where one of the sets does not vary.
        low, high: Bootstrap interval (95 %) over sentences, or over minibatches; None without resamples.
        biased: As the paper prints it; None in minibatches.
        shuffled: Unbiased, with the sentences of one side shuffled: should be about 0.
        shuffled_biased: The same biased: what the paper's form shows for unrelated states.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    biased: float | None = None
    shuffled: float | None = None
    shuffled_biased: float | None = None


@dataclass(frozen=True)
class LayerSimilarities:
    """Similarities by row (a language, or a pair of languages) and layer.

    Attributes:
        title: What was compared.
        layers: Of the first model.
        values: Row -> one for each layer.
        sentences: N.
        width: The smaller D of what was compared.
        estimator: What `value` is, in words.
        remarks: What could not be compared, and why; other things to know.
        models: Labels of the two models that were compared, or of the one whose languages were.
    """

    title: str
    layers: tuple[str, ...]
    values: Mapping[str, tuple[Similarity, ...]]
    sentences: int
    width: int
    estimator: str
    remarks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def means(self) -> tuple[float | None, ...]:
        """Mean over rows by layer, of those that have a value."""
        found = ([row[layer].value for row in self.values.values()] for layer in range(len(self.layers)))
        return tuple(_mean(values) for values in found)

    def data(self) -> dict[str, Any]:
        """Every number, for a program."""
        return {
            "title": self.title,
            "models": list(self.models),
            "layers": list(self.layers),
            "sentences": self.sentences,
            "width": self.width,
            "estimator": self.estimator,
            "remarks": list(self.remarks),
            "values": {row: [vars(each) for each in values] for row, values in self.values.items()},
        }


@dataclass(frozen=True)
class LayerGrid:
    """Unbiased CKA of every layer of one model with every layer of another, the mean over languages."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]


def between_models(
    a: LayerStates, b: LayerStates, *, resamples: int = 500, seed: int = 1, say: Say = lambda line: None
) -> LayerSimilarities:
    """Compare two models on the languages both can read, each layer with the one at the same depth (figure 1).

    Raises:
        UserError: No language in common, fewer than 4 sentences, or more than `MOST_IN_MEMORY`.
    """
    languages = [code for code in a.languages if code in b.languages]
    if not languages:
        raise UserError(
            f"{a.label} reads {', '.join(a.languages)} and {b.label} {', '.join(b.languages)}: they have no language "
            "in common to be compared on; choose other `languages`"
        )
    _check_size(a.sentences)
    partners = same_depth(len(a.layers) - 1, len(b.layers) - 1)
    resampling = Resampling(a.sentences, resamples, seed) if resamples else None
    found: dict[str, tuple[Similarity, ...]] = {}
    for code in languages:
        row = []
        for layer, partner in enumerate(partners):
            x, y = a.states[code][layer], b.states[code][partner]
            sides = None if resampling is None else (resampling.prepare(x), resampling.prepare(y))
            row.append(_similarity(x, y, resampling, sides, seed))
        found[code] = tuple(row)
        say(f"CKA of {a.label} and {b.label}: {code}")
    width = min(a.width, b.width)
    remarks = [*_of_models(a, b, languages, partners), *_of_sample(a.sentences, width)]
    title, models = f"{a.label} and {b.label}", (a.label, b.label)
    return LayerSimilarities(title, a.layers, found, a.sentences, width, "unbiased", tuple(remarks), models)


def between_languages(
    model: LayerStates, *, resamples: int = 500, seed: int = 1, say: Say = lambda line: None
) -> LayerSimilarities | None:
    """Compare the languages of one model, pair by pair, at each layer (figure 2); None if it reads only one.

    Raises:
        UserError: Fewer than 4 sentences, or more than `MOST_IN_MEMORY`.
    """
    pairs = list(combinations(model.languages, 2))
    if not pairs:
        return None
    _check_size(model.sentences)
    resampling = Resampling(model.sentences, resamples, seed) if resamples else None
    found: dict[str, list[Similarity]] = {f"{one}–{other}": [] for one, other in pairs}
    for layer in range(len(model.layers)):
        states = {code: model.states[code][layer] for code in model.languages}
        sides: dict[str, Prepared] = {}
        if resampling is not None:
            sides = {code: resampling.prepare(each) for code, each in states.items()}
        for one, other in pairs:
            both = (sides[one], sides[other]) if sides else None
            found[f"{one}–{other}"].append(_similarity(states[one], states[other], resampling, both, seed))
        say(f"CKA between languages of {model.label}: layer {model.layers[layer]}")
    values = {pair: tuple(row) for pair, row in found.items()}
    remarks = _of_sample(model.sentences, model.width)
    return LayerSimilarities(
        f"Languages of {model.label}",
        model.layers,
        values,
        model.sentences,
        model.width,
        "unbiased",
        tuple(remarks),
        (model.label,),
    )


def all_layers(a: LayerStates, b: LayerStates) -> LayerGrid:
    """Every layer with every layer, unbiased, the mean over the languages both can read.

    Raises:
        UserError: No language in common, or fewer than 4 sentences.
    """
    languages = [code for code in a.languages if code in b.languages]
    if not languages:
        raise UserError(f"{a.label} and {b.label} have no language in common to be compared on")
    check_sentences(a.sentences)
    grids = [unbiased_grid(list(a.states[code]), list(b.states[code])) for code in languages]
    grid = [
        tuple(_mean([each[row][column] for each in grids]) for column in range(len(b.layers)))
        for row in range(len(a.layers))
    ]
    return LayerGrid(f"Every layer: {a.label} (rows) and {b.label} (columns)", a.layers, b.layers, tuple(grid))


class MinibatchSimilarities:
    """CKA of two streams of states in minibatches, for a row after another; memory does not grow with sentences.

    Example:
        >>> running = MinibatchSimilarities(layers=13, partners=range(13))
        >>> for x, y in batches:                                     # (13, n, D) each    # doctest: +SKIP
        ...     running.add("de", x, y)
    """

    def __init__(self, layers: int, partners: Sequence[int], seed: int = 1) -> None:
        self.partners, self.seed = tuple(partners), seed
        self._layers = layers
        self._found: dict[str, list[MinibatchCka]] = {}
        self._shuffled: dict[str, list[MinibatchCka]] = {}

    def add(self, row: str, x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
        """One batch of a row: (layers, n, D) of one side, (layers of the other, n, E) of the other."""
        found = self._found.setdefault(row, [MinibatchCka() for _ in range(self._layers)])
        control = self._shuffled.setdefault(row, [MinibatchCka() for _ in range(self._layers)])
        for layer, partner in enumerate(self.partners):
            found[layer].add(x[layer], y[partner])
            control[layer].add(x[layer], shuffled_rows(y[partner], self.seed + len(control[layer].sums)))

    def values(self, resamples: int) -> dict[str, tuple[Similarity, ...]]:
        """By row and layer."""
        return {
            row: tuple(
                self._similarity(found, self._shuffled[row][layer], resamples) for layer, found in enumerate(each)
            )
            for row, each in self._found.items()
        }

    @property
    def sentences(self) -> int:
        """Of a row."""
        return next((each[0].sentences for each in self._found.values()), 0)

    def _similarity(self, found: MinibatchCka, control: MinibatchCka, resamples: int) -> Similarity:
        value = found.value()
        low, high = _interval(found.resampled(resamples, self.seed), value) if resamples else (None, None)
        return Similarity(value, low, high, None, control.value(), None)


def _similarity(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    resampling: Resampling | None,
    sides: tuple[Prepared, Prepared] | None,
    seed: int,
) -> Similarity:
    found = estimates(x, y, seed)
    low = high = None
    if resampling is not None and sides is not None:
        low, high = _interval(resampling.cka(*sides), found.unbiased)
    return Similarity(found.unbiased, low, high, found.biased, found.shuffled, found.shuffled_biased)


def _interval(values: NDArray[np.float64], value: float | None) -> tuple[float | None, float | None]:
    known = values[np.isfinite(values)]
    return (None, None) if value is None or not len(known) else interval(known, value)


def _check_size(sentences: int) -> None:
    check_sentences(sentences)
    if sentences > MOST_IN_MEMORY:
        raise UserError(
            f"{sentences:,} sentences are too many for Gram matrices (at most {MOST_IN_MEMORY:,}); take fewer with "
            "`sentences`, or estimate in batches with `minibatch=512`"
        )


def _of_models(a: LayerStates, b: LayerStates, languages: Sequence[str], partners: Sequence[int]) -> list[str]:
    told = []
    if len(a.layers) != len(b.layers):
        pairs = ", ".join(f"{a.layers[own]} with {b.layers[other]}" for own, other in enumerate(partners))
        told.append(
            f"{a.label} has {len(a.layers) - 1} layers and {b.label} {len(b.layers) - 1}: layers at the same share of "
            f"the depth are compared ({pairs})"
        )
    for one, other in ((a, b), (b, a)):
        if lacking := [code for code in one.languages if code not in languages]:
            told.append(f"{other.label} cannot read {', '.join(lacking)}: left out")
    same = [code for code in languages if np.array_equal(a.states[code], b.states[code])]
    if same:
        told.append(
            f"{a.label} and {b.label} have exactly the same states in {', '.join(same)}: CKA is 1 by definition"
        )
    return told


def _of_sample(sentences: int, width: int) -> list[str]:
    if sentences >= width:
        return []
    return [
        f"{sentences} sentences are fewer than the {width} dimensions: the biased form is inflated, as its value on "
        "shuffled rows shows; go by the unbiased one"
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

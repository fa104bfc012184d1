"""Tatoeba at every layer: which sentences find their translation, and the layer chosen on one half of the pairs.

The layer is chosen on half of the pairs and scored on the others, one layer for all languages. The half is that of
the *asking* sentences: they search among all sentences of the other side, as in the full test.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.retrieval.protocol import Direction, RetrievalProtocol
from anyglot.evaluation.retrieval.system import System, centered
from anyglot.evaluation.retrieval.tatoeba import ENGLISH, SentencePairs, hits


@dataclass(frozen=True, eq=False)
class LanguageResult:
    """One model on one language.

    Attributes:
        code: Of the language.
        layers: The layers scored.
        right: By direction, whether the sentence of each row found its translation, at each layer.
        tuning: Rows of the half that the layer is chosen on.
        read: Whether the model has read the language; None where nobody knows.

    Shape:
        right: (layers, N) bool    tuning: (N,) bool
    """

    code: str
    layers: tuple[int, ...]
    right: Mapping[Direction, NDArray[np.bool_]]
    tuning: NDArray[np.bool_]
    read: bool | None = None

    def values(self, layer: int, rows: NDArray[np.bool_] | None = None) -> dict[Direction, NDArray[np.float64]]:
        """Return each row's score at a layer, 0 or 100, of all rows or of those where `rows` is True."""
        place = self.layers.index(layer)
        kept = np.ones(len(self.tuning), dtype=np.bool_) if rows is None else rows
        return {direction: 100.0 * found[place][kept] for direction, found in self.right.items()}

    def accuracies(self, direction: Direction, rows: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the accuracy at each layer, in per cent.

        Shape:
            returns: (layers,)
        """
        found = self.right[direction]
        return np.asarray(100.0 * (found if rows is None else found[:, rows]).mean(axis=1))


@dataclass(frozen=True, eq=False)
class ModelResult:
    """One model on all languages.

    Attributes:
        label: Of the model.
        depth: Its layers.
        protocol: What it was scored with; the layers of a preset may be scaled to the model.
        languages: By code.
    """

    label: str
    depth: int
    protocol: RetrievalProtocol
    languages: Mapping[str, LanguageResult]

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers scored."""
        return next(iter(self.languages.values())).layers

    @property
    def swept(self) -> bool:
        """Whether the layer is chosen among several."""
        return self.protocol.layer is None

    def mean_accuracies(self, *, tuning: bool = False) -> NDArray[np.float64]:
        """Return the accuracy at each layer: the mean over directions, then over languages, each counting alike.

        Args:
            tuning: Of the half that the layer is chosen on only.

        Shape:
            returns: (layers,)
        """
        every = [
            np.mean([result.accuracies(way, result.tuning if tuning else None) for way in result.right], axis=0)
            for result in self.languages.values()
            # A half of very few pairs can be empty.
            if not tuning or result.tuning.any()
        ]
        return np.mean(every, axis=0) if every else np.zeros(len(self.layers))

    def chosen_layer(self) -> int:
        """Return the layer that is best on the tuning half; of equal ones the lowest."""
        return self.layers[int(np.argmax(self.mean_accuracies(tuning=True)))]

    def best_layer(self) -> int:
        """Return the layer that is best on all pairs: an oracle, for it has seen what it is scored on."""
        return self.layers[int(np.argmax(self.mean_accuracies()))]


def score_language(system: System, pairs: SentencePairs, protocol: RetrievalProtocol, seed: int) -> LanguageResult:
    """Embed both sides of a language, and search at every layer of the protocol.

    Raises:
        UserError: The model has no such layer.
    """
    layers = protocol.layers(system.depth)
    found: dict[Direction, list[NDArray[np.bool_]]] = {direction: [] for direction in protocol.directions}
    with (
        system.vectors(pairs.other, layers, pairs.code) as other,
        system.vectors(pairs.english, layers, ENGLISH) as english,
    ):
        for place in range(len(layers)):
            ours, theirs = np.asarray(other[place]), np.asarray(english[place])
            if protocol.center:
                ours, theirs = centered(ours), centered(theirs)
            for direction, right in hits(pairs, ours, theirs, protocol).items():
                found[direction].append(right)
    stacked = {direction: np.stack(rows) for direction, rows in found.items()}
    return LanguageResult(pairs.code, layers, stacked, pairs.tuning_half(seed), system.has_read(pairs.code))


def never_read(results: Iterable[ModelResult]) -> dict[str, tuple[str, ...]]:
    """Return the scored languages that a model has never read, by its label."""
    told = {
        result.label: tuple(code for code, found in result.languages.items() if found.read is False)
        for result in results
    }
    return {label: codes for label, codes in told.items() if codes}


def shared_languages(results: Sequence[ModelResult]) -> tuple[str, ...]:
    """Return the languages that every model was scored on, in order."""
    return tuple(code for code in results[0].languages if all(code in result.languages for result in results))


def in_common(results: Sequence[ModelResult]) -> list[ModelResult]:
    """Return the results on the languages that every model was scored on: only their means stand side by side."""
    codes = shared_languages(results)
    return [replace(model, languages={code: model.languages[code] for code in codes}) for model in results]

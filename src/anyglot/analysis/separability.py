"""How easily a model's states are told apart by language.

Ji et al. (2024) section 3.3 conjecture that translation makes states easier to tell apart, from the norms of weight
matrices; nobody looked at the states (method card 4.5). Two measures, at every layer, both with the labels shuffled as
a control:

- shares of variance: with parallel sentences the variance of states splits into what languages differ in (their mean
  vectors), what meanings differ in (the mean vectors of sentences over languages), and a rest;
- a linear probe: ridge regression onto the languages, the highest output is the answer; sentences are dealt into folds,
  and a sentence is in the same fold in every language, so that no meaning is both trained and tested on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.analysis.states import LayerStates
from anyglot.errors import UserError
from anyglot.stats.bootstrap import interval, resampled_sums

Floats = NDArray[np.float64]
Say = Callable[[str], None]
FOLDS = 5
PENALTY = 0.01
"""Of the ridge, as a share of the mean variance of a dimension."""


@dataclass(frozen=True)
class Variance:
    """How the variance of centered states splits, as shares of all of it.

    Attributes:
        language: Between the languages' mean vectors.
        meaning: Between the sentences' mean vectors over languages.
    """

    language: float
    meaning: float

    @property
    def over_within(self) -> float | None:
        """Variance between languages over that within them; None where states of a language do not vary."""
        return self.language / (1 - self.language) if self.language < 1 else None


@dataclass(frozen=True)
class Separability:
    """Of one layer.

    Attributes:
        variance: None where states do not vary at all.
        shuffled: The language's share with languages shuffled: about (C - 1) / (C N - 1).
        low, high: Bootstrap interval (95 %) of the language's share, over sentences; None without resamples.
        accuracy: Of the probe, per cent of held-out states.
        accuracy_low, accuracy_high: Its interval.
        control: Accuracy of a probe on shuffled languages: about chance.
    """

    variance: Variance | None
    shuffled: float | None
    low: float | None
    high: float | None
    accuracy: float
    accuracy_low: float | None
    accuracy_high: float | None
    control: float


@dataclass(frozen=True)
class ModelSeparability:
    """Of one model.

    Attributes:
        layers: "embeddings", "0", ...
        values: One a layer.
        languages: C codes.
        sentences: N, of each language.
    """

    label: str
    layers: tuple[str, ...]
    values: tuple[Separability, ...]
    languages: tuple[str, ...]
    sentences: int
    remarks: tuple[str, ...] = ()

    @property
    def chance(self) -> float:
        """Accuracy of guessing, per cent."""
        return 100 / len(self.languages)

    def shares(self) -> tuple[float | None, ...]:
        """The language's share of variance by layer."""
        return tuple(None if each.variance is None else each.variance.language for each in self.values)

    def data(self) -> dict[str, Any]:
        """Every number, for a program."""
        return {
            "model": self.label,
            "layers": list(self.layers),
            "languages": list(self.languages),
            "sentences": self.sentences,
            "chance": self.chance,
            "remarks": list(self.remarks),
            "values": [
                {**vars(each), "variance": None if each.variance is None else vars(each.variance)}
                for each in self.values
            ],
        }


def variance_shares(states: NDArray[np.floating]) -> Variance | None:
    """Split the variance of parallel states; None where they do not vary.

    Shape:
        states: (C, N, D)
    """
    x = np.asarray(states, dtype=np.float64)
    size = float(np.mean(x**2))
    x = x - x.mean(axis=(0, 1))
    total = float(np.mean(np.sum(x**2, axis=2)))
    # What is left of equal vectors is rounding.
    if total <= 1e-12 * size * x.shape[2]:
        return None
    language = float(np.mean(np.sum(x.mean(axis=1) ** 2, axis=1)))
    meaning = float(np.mean(np.sum(x.mean(axis=0) ** 2, axis=1)))
    return Variance(language / total, meaning / total)


def resampled_shares(states: NDArray[np.floating], counts: Floats) -> Floats:
    """The language's share over sentences drawn with replacement.

    Shape:
        states: (C, N, D)
        counts: (N, R), how often each sentence was drawn
        returns: (R,)
    """
    x = np.asarray(states, dtype=np.float64)
    x = x - x.mean(axis=(0, 1))
    drawn = counts.sum(axis=0)
    means = np.stack([side.T @ counts for side in x]) / drawn
    middle = means.mean(axis=0)
    squares = np.mean([np.sum(side**2, axis=1) @ counts for side in x], axis=0) / drawn
    total = squares - np.sum(middle**2, axis=0)
    between = np.mean(np.sum((means - middle) ** 2, axis=1), axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(between / total)


def shuffled_languages(states: NDArray[np.floating], seed: int) -> NDArray[np.floating]:
    """The control: all states dealt to the languages anew."""
    flat = states.reshape(-1, states.shape[2])
    return flat[np.random.default_rng(seed).permutation(len(flat))].reshape(states.shape)


def linear_probe(
    states: NDArray[np.floating],
    labels: NDArray[np.int64] | None = None,
    *,
    folds: int = FOLDS,
    penalty: float = PENALTY,
    seed: int = 1,
) -> NDArray[np.bool_]:
    """Which held-out states a ridge classifier gives to the right language.

    Args:
        labels: What to tell apart instead of the language, C classes.
        folds: Cross-validation over sentences.
        penalty: As a share of the mean variance of a dimension.

    Raises:
        UserError: Fewer sentences than folds.

    Shape:
        states: (C, N, D)
        labels: (C, N)
        returns: (C, N)
    """
    classes, sentences, width = states.shape
    if sentences < folds:
        raise UserError(
            f"a probe with {folds} folds needs at least {folds} sentences and the sample has {sentences}; give a "
            "larger one"
        )
    if labels is None:
        labels = np.repeat(np.arange(classes)[:, None], sentences, axis=1)
    x = np.asarray(states, dtype=np.float64)
    x = x - x.mean(axis=(0, 1))
    targets = np.eye(classes)[labels]
    fold = np.empty(sentences, dtype=np.int64)
    fold[np.random.default_rng(seed).permutation(sentences)] = np.arange(sentences) % folds
    parts = [_Sums.of(x[:, fold == each].reshape(-1, width), targets[:, fold == each].reshape(-1, classes))
             for each in range(folds)]  # fmt: skip
    whole = sum(parts[1:], parts[0])
    right = np.zeros((classes, sentences), dtype=np.bool_)
    for each, part in enumerate(parts):
        weight, bias = (whole - part).solved(penalty)
        outputs = x[:, fold == each] @ weight + bias
        right[:, fold == each] = outputs.argmax(axis=2) == labels[:, fold == each]
    return right


@dataclass(frozen=True)
class _Sums:
    """What ridge regression needs of some states; those of all folds but one are a difference."""

    count: int
    states: Floats
    targets: Floats
    gram: Floats
    products: Floats

    @classmethod
    def of(cls, x: Floats, y: Floats) -> _Sums:
        return cls(len(x), x.sum(axis=0), y.sum(axis=0), x.T @ x, x.T @ y)

    def __add__(self, other: _Sums) -> _Sums:
        return self._joined(other, 1)

    def __sub__(self, other: _Sums) -> _Sums:
        return self._joined(other, -1)

    def _joined(self, other: _Sums, sign: int) -> _Sums:
        return _Sums(
            self.count + sign * other.count,
            self.states + sign * other.states,
            self.targets + sign * other.targets,
            self.gram + sign * other.gram,
            self.products + sign * other.products,
        )

    def solved(self, penalty: float) -> tuple[Floats, Floats]:
        """Weights (D, C) and bias (C,)."""
        mean, target = self.states / self.count, self.targets / self.count
        gram = self.gram - self.count * np.outer(mean, mean)
        products = self.products - self.count * np.outer(mean, target)
        strength = penalty * np.trace(gram) / len(gram)
        # Without any variance every weight is 0 and the most frequent language wins.
        gram[np.diag_indices_from(gram)] += strength if strength > 0 else 1.0
        weight = np.asarray(np.linalg.solve(gram, products), dtype=np.float64)
        return weight, target - mean @ weight


def separability(
    model: LayerStates, *, folds: int = FOLDS, resamples: int = 500, seed: int = 1, say: Say = lambda line: None
) -> ModelSeparability:
    """Measure every layer of a model.

    Raises:
        UserError: It reads fewer than two of the languages, or there are fewer sentences than folds.
    """
    languages = model.languages
    if len(languages) < 2:
        raise UserError(
            f"{model.label} reads only {', '.join(languages)} of the sample; to tell languages apart takes two or more"
        )
    n = model.sentences
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(n, np.full(n, 1 / n), size=resamples).T.astype(np.float64)
    dealt = generator.permutation(np.repeat(np.arange(len(languages)), n)).reshape(len(languages), n)
    values = []
    for layer, name in enumerate(model.layers):
        states = np.stack([model.states[code][layer] for code in languages])
        variance = variance_shares(states)
        control = variance_shares(shuffled_languages(states, seed))
        low = high = None
        if variance is not None and resamples:
            low, high = interval(resampled_shares(states, counts), variance.language)
        right = linear_probe(states, folds=folds, seed=seed)
        shuffled = linear_probe(states, dealt, folds=folds, seed=seed)
        by_sentence = right.mean(axis=0)
        accuracy = 100 * float(by_sentence.mean())
        accuracy_low = accuracy_high = None
        if resamples:
            sums = resampled_sums(by_sentence[:, None], resamples=resamples, seed=seed)[:, 0]
            accuracy_low, accuracy_high = interval(100 * sums / n, accuracy)
        values.append(
            Separability(
                variance,
                None if control is None else control.language,
                low,
                high,
                accuracy,
                accuracy_low,
                accuracy_high,
                100 * float(shuffled.mean()),
            )
        )
        say(f"{model.label}: layer {name}, probe {accuracy:.1f} %")
    remarks = [f"{model.label} cannot read {code}: left out" for code in model.missing]
    if n * (folds - 1) * len(languages) < folds * model.width:
        remarks.append(
            f"The probe is trained on {n * (folds - 1) * len(languages) // folds} states of {model.width} dimensions: "
            "go by the difference to the control"
        )
    return ModelSeparability(model.label, model.layers, tuple(values), languages, n, tuple(remarks))

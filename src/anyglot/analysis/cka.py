"""Linear centered kernel alignment of two sets of states of the same sentences.

| Source | Function |
|---|---|
| Ji et al. (2024) section 3.2; columns are centered, as in Kornblith et al. (2019) | `biased_cka` |
| Song et al. (2012), HSIC without bias; Nguyen, Raghu and Kornblith (2021), CKA from it | `unbiased_cka` |
| Nguyen et al. (2021), section 3: HSIC averaged over minibatches | `MinibatchCka` |
| method card 4.4: rows shuffled, what is left when no sentence belongs to another | `shuffled_rows` |

With fewer sentences than dimensions the biased form is near 1 for any two models; the unbiased one is not. Both are
computed in feature space (D x D) where there are more sentences than dimensions, else from Gram matrices (N x N), in
float64 throughout.

A bootstrap draws sentences with replacement, the same in both sets. A sentence drawn twice must not count as a pair of
two sentences: it would look like a perfect match of neighbours and lift every unbiased value. So `Resampling` works
with counts, and the unbiased sums run over different sentences only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError

Floats = NDArray[np.float64]
States = NDArray[np.floating]
Estimator = Literal["unbiased", "biased"]

FEWEST = 4
"""The unbiased estimator divides by n - 3."""
# Below this share of the states' own size, what varies between sentences is rounding: float32 has 6e-8.
_STILL = 1e-6
# Sentences up to which the Gram matrices of all layers are held: 32 MB each.
_GRAMS_KEPT = 2048


def check_sentences(sentences: int) -> None:
    """Raise UserError for a sample that the unbiased estimator is not defined on."""
    if sentences < FEWEST:
        raise UserError(
            f"unbiased CKA needs at least {FEWEST} sentences and the sample has {sentences}; give a larger one"
        )


def centered(states: States) -> Floats:
    """Subtract the mean of each column, and divide by the Frobenius norm, which CKA does not see.

    States that do not vary (all sentences have the same vector) become zeros.

    Shape:
        states, returns: (N, D)
    """
    x = np.asarray(states, dtype=np.float64)
    size = float(np.linalg.norm(x))
    x = x - x.mean(axis=0)
    norm = float(np.linalg.norm(x))
    return np.zeros_like(x) if norm <= _STILL * size else np.asarray(x / norm)


def biased_cka(x: States, y: States) -> float | None:
    """CKA as the paper prints it, of centered columns: ||Y'X||^2 / (||X'X|| ||Y'Y||); None where one does not vary.

    Shape:
        x: (N, D)
        y: (N, E)
    """
    _check_rows(x, y)
    a, b = centered(x), centered(y)
    return _ratio(_product(a, b), _product(a, a), _product(b, b))


def unbiased_cka(x: States, y: States) -> float | None:
    """CKA of unbiased estimates of HSIC; may be a little below zero. None where one does not vary.

    Raises:
        UserError: Fewer than 4 sentences.

    Shape:
        x: (N, D)
        y: (N, E)
    """
    _check_rows(x, y)
    a, b = centered(x), centered(y)
    return _ratio(_unbiased(a, b), _unbiased(a, a), _unbiased(b, b))


def cka(x: States, y: States, estimator: Estimator = "unbiased") -> float | None:
    """Either of the two."""
    return unbiased_cka(x, y) if estimator == "unbiased" else biased_cka(x, y)


@dataclass(frozen=True)
class Estimates:
    """Both estimators, and both with the sentences of one side shuffled."""

    unbiased: float | None
    biased: float | None
    shuffled: float | None
    shuffled_biased: float | None


def estimates(x: States, y: States, seed: int) -> Estimates:
    """Everything about two sets of states at the price of four products, where one by one they would be twelve.

    Raises:
        UserError: Fewer than 4 sentences.

    Shape:
        x: (N, D)
        y: (N, E)
    """
    _check_rows(x, y)
    a, b = centered(x), centered(y)
    order = np.random.default_rng(seed).permutation(len(b))
    if len(a) > min(a.shape[1], b.shape[1]):
        own, other, both, control = (_product(*pair) for pair in ((a, a), (b, b), (a, b), (a, b[order])))
    else:
        k, kernel = a @ a.T, b @ b.T
        own, other, both = float(np.sum(k * k)), float(np.sum(kernel * kernel)), float(np.sum(k * kernel))
        control = float(np.sum(k * kernel[np.ix_(order, order)]))
    first, second = _corrected(own, a, a), _corrected(other, b, b)
    return Estimates(
        _ratio(_corrected(both, a, b), first, second),
        _ratio(both, own, other),
        _ratio(_corrected(control, a, b[order]), first, second),
        _ratio(control, own, other),
    )


def unbiased_grid(xs: Sequence[States], ys: Sequence[States]) -> list[list[float | None]]:
    """Unbiased CKA of each of some sets of states with each of others, all of the same sentences.

    Raises:
        UserError: Fewer than 4 sentences.

    Shape:
        xs: each (N, D)
        ys: each (N, E)
        returns: (len(xs), len(ys))
    """
    rows = [centered(x) for x in xs]
    in_memory = len(rows[0]) <= _GRAMS_KEPT
    kernels = [row @ row.T for row in rows] if in_memory else []
    own = [_unbiased(row, row) for row in rows]
    grid: list[list[float | None]] = [[] for _ in rows]
    for y in ys:
        _check_rows(xs[0], y)
        column = centered(y)
        kernel = column @ column.T if in_memory else column
        other = _unbiased(column, column)
        for place, row in enumerate(rows):
            both = float(np.sum(kernels[place] * kernel)) if in_memory else _product(row, column)
            grid[place].append(_ratio(_corrected(both, row, column), own[place], other))
    return grid


def unbiased_hsic(x: States, y: States) -> float:
    """HSIC of linear kernels without bias: its mean over samples is the whole distribution's.

    Raises:
        UserError: Fewer than 4 sentences.
    """
    _check_rows(x, y)
    a = np.asarray(x, np.float64) - np.asarray(x, np.float64).mean(axis=0)
    b = np.asarray(y, np.float64) - np.asarray(y, np.float64).mean(axis=0)
    return _unbiased(a, b)


def shuffled_rows(y: States, seed: int) -> States:
    """The control: the same states, each given to another sentence."""
    return y[np.random.default_rng(seed).permutation(len(y))]


@dataclass
class MinibatchCka:
    """CKA of more sentences than fit into memory: HSIC is averaged over batches. Unbiased whatever the batch size.

    Example:
        >>> running = MinibatchCka()
        >>> for x, y in batches:                 # doctest: +SKIP
        ...     running.add(x, y)
        >>> running.value()                      # doctest: +SKIP
    """

    sentences: int = 0
    sums: list[tuple[float, float, float]] = field(default_factory=list)

    def add(self, x: States, y: States) -> None:
        """One batch: (N, D) and (N, E) of the same sentences, at least 4.

        Batches should be drawn at random: neighbours in a text are more alike than sentences are.
        """
        self.sentences += len(x)
        self.sums.append((unbiased_hsic(x, y), unbiased_hsic(x, x), unbiased_hsic(y, y)))

    def value(self) -> float | None:
        """The ratio of the mean HSIC; None where one side does not vary."""
        return _ratio(*np.mean(self.sums, axis=0).tolist()) if self.sums else None

    def resampled(self, resamples: int, seed: int) -> Floats:
        """The value over batches drawn with replacement: (resamples,)."""
        sums = np.asarray(self.sums)
        drawn = np.random.default_rng(seed).integers(len(sums), size=(resamples, len(sums)))
        return _ratios(*np.moveaxis(sums[drawn].mean(axis=1), -1, 0))


class Resampling:
    """Sentences drawn with replacement, as counts; one for all comparisons of a sample, which are then paired.

    Args:
        sentences: N.
        resamples: R.

    Attributes:
        counts: (N, R) float64: how often each sentence was drawn.
    """

    def __init__(self, sentences: int, resamples: int, seed: int) -> None:
        check_sentences(sentences)
        generator = np.random.default_rng(seed)
        self.counts = generator.multinomial(sentences, np.full(sentences, 1 / sentences), size=resamples).T.astype(
            np.float64
        )
        self.squares = self.counts**2
        one, two = self.counts.sum(axis=0), self.squares.sum(axis=0)
        three, four = (self.counts**3).sum(axis=0), (self.counts**4).sum(axis=0)
        # Sums of products of counts over 2, 3 and 4 different sentences (power sums to elementary symmetric ones).
        self.pairs = one**2 - two
        self.triples = one**3 - 3 * one * two + 2 * three
        self.quadruples = one**4 - 6 * one**2 * two + 3 * two**2 + 8 * one * three - 6 * four

    def prepare(self, states: States) -> Prepared:
        """What many comparisons of one set of states share."""
        gram = _gram(centered(states))
        rows = gram @ self.counts
        return Prepared(gram, rows, self._hsic(gram, rows, gram, rows))

    def cka(self, a: Prepared, b: Prepared) -> Floats:
        """Unbiased CKA of each resample: (R,)."""
        return _ratios(self._hsic(a.gram, a.rows, b.gram, b.rows), a.own, b.own)

    def _hsic(self, k: Floats, k_rows: Floats, other: Floats, other_rows: Floats) -> Floats:
        # Song et al.'s estimator as a U-statistic: means over 2, 4 and 3 different sentences, weighted by counts.
        product = k * other
        counts, squares = self.counts, self.squares
        by_counts, by_squares = product @ counts, product @ squares
        both = _dots(k_rows, other_rows * counts)
        twice = _dots(squares, by_squares)
        mixed = _dots(counts, by_squares)
        overlap = _dots(squares, k_rows * other_rows)
        ends = _dots(counts, k_rows) * _dots(counts, other_rows)
        # A draw of fewer than four different sentences, which only a handful can give, has no estimate: NaN.
        with np.errstate(invalid="ignore", divide="ignore"):
            two = _dots(counts, by_counts) / self.pairs
            three = (both - mixed) / self.triples
            four = (ends - 4 * overlap + 2 * twice) / self.quadruples
        return np.asarray(two + four - 2 * three)


@dataclass(frozen=True)
class Prepared:
    """One set of states made ready by a `Resampling`.

    Attributes:
        gram: (N, N) products of sentences, zeros on the diagonal.
        rows: (N, R) its rows' sums, weighted by counts.
        own: (R,) HSIC with itself.
    """

    gram: Floats
    rows: Floats
    own: Floats


def _check_rows(x: States, y: States) -> None:
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"states must be (N, D) and (N, E) of the same N sentences, not {x.shape} and {y.shape}")


def _gram(x: Floats) -> Floats:
    gram = x @ x.T
    np.fill_diagonal(gram, 0.0)
    return np.asarray(gram)


def _product(x: Floats, y: Floats) -> float:
    """||Y'X||^2, in the smaller space."""
    if len(x) > min(x.shape[1], y.shape[1]):
        return float(np.sum((y.T @ x) ** 2))
    return float(np.sum((x @ x.T) * (y @ y.T)))


def _unbiased(x: Floats, y: Floats) -> float:
    return _corrected(_product(x, y), x, y)


def _corrected(product: float, x: Floats, y: Floats) -> float:
    """Song et al.'s equation 5, from centered states; sums over the Gram matrices without their diagonals.

    Args:
        product: ||Y'X||^2, the sum with the diagonals.
    """
    n = len(x)
    check_sentences(n)
    own, other = np.sum(x * x, axis=1), np.sum(y * y, axis=1)
    trace = product - float(own @ other)
    x_rows, y_rows = x @ x.sum(axis=0) - own, y @ y.sum(axis=0) - other
    middle = x_rows.sum() * y_rows.sum() / ((n - 1) * (n - 2))
    return float((trace + middle - 2 / (n - 2) * (x_rows @ y_rows)) / (n * (n - 3)))


def _ratio(both: float, first: float, second: float) -> float | None:
    return both / math.sqrt(first * second) if first > 0 and second > 0 else None


def _ratios(both: Floats, first: Floats, second: Floats) -> Floats:
    """NaN where a resample does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = both / np.sqrt(np.where(first > 0, first, np.nan) * np.where(second > 0, second, np.nan))
    return np.asarray(found)


def _dots(a: Floats, b: Floats) -> Floats:
    """Column by column: (N, R), (N, R) -> (R,)."""
    return np.asarray(np.einsum("nr,nr->r", a, b))

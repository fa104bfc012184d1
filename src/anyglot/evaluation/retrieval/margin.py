"""Margin scores and the pairs they choose (Artetxe and Schwenk 2019, sections 3 and 4.1; LASER).

A raw cosine cannot be compared between sentences: some have many near neighbours, some none. The margin holds a
pair's cosine against the mean cosine of both sentences' k nearest neighbours on the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.neighbours import Neighbours

Margin = Literal["ratio", "distance", "absolute"]
MARGINS: tuple[Margin, ...] = get_args(Margin)
Rule = Literal["max", "forward", "backward", "intersection"]
RULES: tuple[Rule, ...] = get_args(Rule)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Chosen pairs, by descending score; of equal scores the lower a first, then the lower b.

    Attributes:
        scores: (P,) float64.
        a: (P,) int64, rows of the one side.
        b: (P,) int64, rows of the other.
    """

    scores: NDArray[np.float64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, threshold: float) -> Pairs:
        """The pairs that score at least `threshold`."""
        kept = self.scores >= threshold
        return Pairs(self.scores[kept], self.a[kept], self.b[kept])


def margin(forward: Neighbours, backward: Neighbours, kind: Margin = "ratio") -> NDArray[np.float64]:
    """Scores of the pairs of `forward`.

    Args:
        forward: Neighbours on the other side of the rows scored.
        backward: Neighbours of the other side's rows on this side; swap the two to score the backward pairs.
        kind: ratio: cosine / m; distance: cosine - m; absolute: the cosine alone. m is the mean of two means, of the
            row's k cosines and of its neighbour's. A ratio to a mean that is not positive is -inf: where no
            neighbour is near, "nearer than the neighbours" says nothing.

    Shape:
        returns: (N, K)

    Raises:
        UserError: No such kind.
    """
    if kind not in MARGINS:
        raise UserError(f"There is no margin {kind!r}; choose one of {', '.join(MARGINS)}.")
    cosines = forward.scores.astype(np.float64)
    if kind == "absolute":
        return cosines
    mean = (_means(forward)[:, None] + _means(backward)[forward.ids]) / 2
    if kind == "distance":
        return cosines - mean
    positive = mean > 0
    ratio: NDArray[np.float64] = np.where(positive, cosines / np.where(positive, mean, 1), -np.inf)
    return ratio


def best_pairs(forward: Neighbours, backward: Neighbours, kind: Margin = "ratio", rule: Rule = "max") -> Pairs:
    """The pairs that a retrieval rule chooses among each sentence's best one.

    Args:
        forward: Neighbours in b of a's rows.
        backward: Neighbours in a of b's rows.
        kind: Of the margin.
        rule: forward: the best b of every a; backward: the best a of every b; intersection: what both choose;
            max: the union of both, taken greedily by descending score, each sentence once.

    Raises:
        UserError: No such kind or rule.
    """
    if rule not in RULES:
        raise UserError(f"There is no retrieval rule {rule!r}; choose one of {', '.join(RULES)}.")
    ahead, back = _best(forward, margin(forward, backward, kind)), _best(backward, margin(backward, forward, kind))
    back = Pairs(back.scores, back.b, back.a)
    if rule == "forward":
        return _sorted(ahead)
    if rule == "backward":
        return _sorted(back)
    if rule == "intersection":
        mutual = back.a[ahead.b] == ahead.a
        return _sorted(Pairs(ahead.scores[mutual], ahead.a[mutual], ahead.b[mutual]))
    return _each_once(_sorted(Pairs(*(np.concatenate(pair) for pair in zip(_parts(ahead), _parts(back), strict=True)))))


def _means(neighbours: Neighbours) -> NDArray[np.float64]:
    means: NDArray[np.float64] = neighbours.scores.astype(np.float64).mean(axis=1)
    return means


def _best(neighbours: Neighbours, scores: NDArray[np.float64]) -> Pairs:
    """Of each row the neighbour with the best score; of equals the nearest."""
    rows, best = np.arange(len(neighbours)), scores.argmax(axis=1)
    return Pairs(scores[rows, best], rows, neighbours.ids[rows, best])


def _sorted(pairs: Pairs) -> Pairs:
    order = np.lexsort((pairs.b, pairs.a, -pairs.scores))
    return Pairs(pairs.scores[order], pairs.a[order], pairs.b[order])


def _each_once(pairs: Pairs) -> Pairs:
    """Every pair whose two sentences are in no better pair that was taken."""
    used_a, used_b = set[int](), set[int]()
    taken = []
    for place, (a, b) in enumerate(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)):
        if a not in used_a and b not in used_b:
            used_a.add(a)
            used_b.add(b)
            taken.append(place)
    return Pairs(pairs.scores[taken], pairs.a[taken], pairs.b[taken])


def _parts(pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    return pairs.scores, pairs.a, pairs.b

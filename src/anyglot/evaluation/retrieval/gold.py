"""How good are scored pairs against gold ones? Precision, recall and F1 at a threshold, and the best threshold.

| Source | Function |
|---|---|
| BUCC (Zweigenbaum et al., 2018): a pair is right if both ids are | `ScoredPairs.at` |
| threshold half-way between the last pair of the best cut and the next (LASER, XTREME) | `ScoredPairs.best` |

Pairs are cut between *different* scores only. XTREME also cuts inside runs of equal scores, and may so report an F1
that its own threshold does not give back.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pair = tuple[str, str]


@dataclass(frozen=True)
class ScoresAtThreshold:
    """What a threshold leaves of the scored pairs.

    Attributes:
        threshold: Pairs that score at least this much are taken; infinity takes none.
        taken: How many pairs are.
        right: How many of them are gold pairs.
        gold: How many gold pairs there are.
    """

    threshold: float
    taken: int
    right: int
    gold: int

    @property
    def precision(self) -> float:
        """Per cent of the taken pairs that are right; 0 where none is taken."""
        return 100.0 * self.right / self.taken if self.taken else 0.0

    @property
    def recall(self) -> float:
        """Per cent of the gold pairs that are found; 0 where there are none."""
        return 100.0 * self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, in per cent."""
        return 200.0 * self.right / (self.taken + self.gold) if self.right else 0.0

    def with_other(self, other: "ScoresAtThreshold") -> "ScoresAtThreshold":
        """Return both cuts together, of disjoint pairs; the threshold is not one number any more (nan)."""
        return ScoresAtThreshold(math.nan, self.taken + other.taken, self.right + other.right, self.gold + other.gold)


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Scored pairs, each once, by descending score, with whether they are right.

    Attributes:
        pairs: P pairs of ids.
        scores: Their scores, descending.
        right: Whether each is a gold pair.
        gold: The gold pairs, found or not.

    Shape:
        scores: (P,) float64    right: (P,) bool
    """

    pairs: tuple[Pair, ...]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    gold: frozenset[Pair]

    @classmethod
    def judge(cls, pairs: Sequence[Pair], scores: Sequence[float], gold: Collection[Pair]) -> "ScoredPairs":
        """Judge pairs of ids; a pair given twice counts once, with its best score. Scores are never NaN."""
        best: dict[Pair, float] = {}
        for pair, score in zip(pairs, scores, strict=True):
            best[pair] = max(score, best.get(pair, -math.inf))
        ordered = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        wanted = frozenset(gold)
        return cls(
            tuple(pair for pair, _ in ordered),
            np.array([score for _, score in ordered], dtype=np.float64),
            np.array([pair in wanted for pair, _ in ordered], dtype=np.bool_),
            wanted,
        )

    def at(self, threshold: float) -> ScoresAtThreshold:
        """Return what a threshold leaves."""
        taken = int(np.count_nonzero(self.scores >= threshold))
        return ScoresAtThreshold(threshold, taken, int(self.right[:taken].sum()), len(self.gold))

    def best(self) -> ScoresAtThreshold:
        """Return the cut with the best F1; of equal ones that with the fewest pairs. Infinity where no pair is right.

        The threshold lies half-way to the next lower score; it is the lowest score itself where all pairs are taken.
        """
        cuts = self.curve()
        best = max(cuts, key=lambda cut: (cut.f1, -cut.taken), default=None)
        return self.at(math.inf) if best is None or not best.right else best

    def curve(self) -> tuple[ScoresAtThreshold, ...]:
        """Return the cut below every different score, from few pairs to all: the precision-recall curve."""
        right = np.cumsum(self.right)
        return tuple(
            ScoresAtThreshold(self._half_way(end), end + 1, int(right[end]), len(self.gold))
            for end in self._ends().tolist()
        )

    def _ends(self) -> NDArray[np.int64]:
        """The last place of each run of equal scores."""
        if not len(self.scores):
            return np.zeros(0, np.int64)
        return np.append(np.flatnonzero(np.diff(self.scores) != 0), len(self.scores) - 1)

    def _half_way(self, end: int) -> float:
        own = float(self.scores[end])
        if end + 1 == len(self.scores):
            return own
        following = float(self.scores[end + 1])
        middle = own / 2 + following / 2
        # Neighbouring floats have nothing between them, and half-way to minus infinity is there already.
        return middle if following < middle <= own else own

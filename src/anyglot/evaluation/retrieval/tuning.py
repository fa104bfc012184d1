"""BUCC's thresholds, and what each was tuned on: halves of one split, another split, or the scored pairs themselves.

A threshold tuned on the pairs it is scored on (an oracle) is what XTREME's and jiant's releases report; LASER tunes on
the training split. Where there is one split only, it is cut in halves by a hash of the first text's ids: mining still
runs over the whole texts, a pair and a gold pair belong to the half of their first id, and each half's threshold (and
layer, where layers are swept) is applied to the other half. Both halves together then give one score over all pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.retrieval.bucc import Split, id_pairs, mine
from anyglot.evaluation.retrieval.gold import Pair, ScoredPairs, ScoresAtThreshold
from anyglot.evaluation.retrieval.margin import Margin
from anyglot.evaluation.retrieval.protocol import RetrievalProtocol, Tuning
from anyglot.evaluation.retrieval.system import System, centered
from anyglot.evaluation.retrieval.tatoeba import in_first_half
from anyglot.stats.scores import Statistics

METRIC = "F1"


@dataclass(frozen=True, eq=False)
class Mined:
    """One model's pairs of one split by one margin.

    Attributes:
        margin: What scored them.
        layers: The layers mined.
        judged: At each layer, the pairs with their scores.
        first: At each layer, those of the first half; empty ScoredPairs where no halves are wanted.
        second: Those of the second.
    """

    margin: Margin
    layers: tuple[int, ...]
    judged: tuple[ScoredPairs, ...]
    first: tuple[ScoredPairs, ...]
    second: tuple[ScoredPairs, ...]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A score: which pairs a threshold left, and what the threshold was tuned on.

    Attributes:
        tuned_on: Such as "half 1", "zh-en training"; "oracle" for the scored pairs themselves.
        scored_on: Such as "half 2", "zh-en dev".
        layer: None where two halves chose two layers.
        cut: Counts; the threshold is nan where two halves had two.
        taken: The pairs taken.
        gold: The gold pairs among which they were counted.
        ids: The first text's ids of the scored pairs and all others that could have been.
    """

    tuned_on: str
    scored_on: str
    layer: int | None
    cut: ScoresAtThreshold
    taken: tuple[Pair, ...]
    gold: frozenset[Pair]
    ids: tuple[str, ...]

    def statistics(self, signature: str) -> Statistics:
        """Return F1's sufficient statistics, one row for each sentence of the first text, for intervals and tests."""
        row = {name: place for place, name in enumerate(self.ids)}
        sums = np.zeros((len(self.ids), 3))
        for pair in self.taken:
            sums[row[pair[0]]] += (1.0, float(pair in self.gold), 0.0)
        for pair in self.gold:
            sums[row[pair[0]], 2] += 1.0

        def sign(resamples: int, seed: int | None) -> str:
            return f"{signature}|bs:{resamples}|seed:{seed}" if resamples else signature

        return Statistics(METRIC, sums, self.cut.f1, f1_of_sums, sign)


def f1_of_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 of counts, in per cent.

    Shape:
        sums: (sets, 3): taken, right, gold
        returns: (sets,)
    """
    both = sums[:, 0] + sums[:, 2]
    return np.asarray(200.0 * sums[:, 1] / np.where(both > 0, both, 1.0))


def mine_split(
    system: System, split: Split, protocol: RetrievalProtocol, margins: Sequence[Margin], seed: int
) -> dict[Margin, Mined]:
    """Embed a split's texts and mine them at every layer of the protocol, by each margin.

    Raises:
        UserError: The model has no such layer.
    """
    layers = protocol.layers(system.depth)
    found: dict[Margin, list[tuple[ScoredPairs, ScoredPairs, ScoredPairs]]] = {kind: [] for kind in margins}
    source_language, target_language = split.languages
    with (
        system.vectors(split.source.texts, layers, source_language) as source,
        system.vectors(split.target.texts, layers, target_language) as target,
    ):
        for place in range(len(layers)):
            sides = [np.asarray(side[place]) for side in (source, target)]
            if protocol.center:
                sides = [centered(side) for side in sides]
            for kind, pairs in mine(sides[0], sides[1], protocol, margins).items():
                ids, scores = id_pairs(pairs, split.source, split.target, protocol.duplicates)
                found[kind].append(_judged_with_halves(ids, scores, split.gold, seed))
    mined = {}
    for kind, rows in found.items():
        whole, first, second = zip(*rows, strict=True)
        mined[kind] = Mined(kind, layers, whole, first, second)
    return mined


def _judged_with_halves(
    ids: Sequence[Pair], scores: Sequence[float], gold: frozenset[Pair], seed: int
) -> tuple[ScoredPairs, ScoredPairs, ScoredPairs]:
    half = {name: in_first_half(name, seed) for name in {pair[0] for pair in (*ids, *gold)}}

    def of(wanted: bool) -> ScoredPairs:
        kept = [(pair, score) for pair, score in zip(ids, scores, strict=True) if half[pair[0]] is wanted]
        return ScoredPairs.judge(
            [pair for pair, _ in kept], [score for _, score in kept], {p for p in gold if half[p[0]] is wanted}
        )

    return ScoredPairs.judge(ids, scores, gold), of(True), of(False)


def oracle(mined: Mined, split: Split) -> Outcome:
    """Tune on the scored pairs: the layer and the threshold with the best F1 there."""
    layer, cut = best_of(mined.layers, mined.judged)
    return _outcome("oracle", split.name, mined.layers, mined.judged, layer, cut.threshold, split.source.all_ids())


def across_halves(mined: Mined, split: Split, seed: int) -> tuple[Outcome, Outcome, Outcome]:
    """Tune on each half and apply to the other: first to second, second to first, and both scored together."""
    applied = []
    for tuned, scored, names in ((mined.first, mined.second, (1, 2)), (mined.second, mined.first, (2, 1))):
        layer, cut = best_of(mined.layers, tuned)
        ids = tuple(name for name in split.source.all_ids() if in_first_half(name, seed) is (names[1] == 1))
        where = f"half {names[1]} of {split.name}"
        applied.append(_outcome(f"half {names[0]}", where, mined.layers, scored, layer, cut.threshold, ids))
    one, other = applied
    together = Outcome(
        "the other half",
        split.name,
        one.layer if one.layer == other.layer else None,
        one.cut.with_other(other.cut),
        one.taken + other.taken,
        one.gold | other.gold,
        one.ids + other.ids,
    )
    return one, other, together


def outcomes_of(mined: Mined, split: Split, tuning: Tuning, seed: int) -> tuple[Outcome, ...]:
    """The scores that a protocol asks for where there is one split: the oracle's last, and alone where it is asked."""
    best = oracle(mined, split)
    return (*across_halves(mined, split, seed), best) if tuning == "halves" else (best,)


def from_other(tuned: Mined, tuned_split: Split, scored: Mined, split: Split) -> Outcome:
    """Tune on another split and apply to this one."""
    layer, cut = best_of(tuned.layers, tuned.judged)
    ids = split.source.all_ids()
    return _outcome(tuned_split.name, split.name, scored.layers, scored.judged, layer, cut.threshold, ids)


def best_of(layers: Sequence[int], judged: Sequence[ScoredPairs]) -> tuple[int, ScoresAtThreshold]:
    """Return the layer with the best F1 at its own best threshold; of equal ones the lowest."""
    cuts = [found.best() for found in judged]
    place = max(range(len(layers)), key=lambda index: (cuts[index].f1, -index))
    return layers[place], cuts[place]


def across_halves_at(mined: Mined) -> Mapping[int, float]:
    """Return F1 over both halves, each with the other's threshold, at each layer."""
    rows = zip(mined.layers, mined.first, mined.second, strict=True)
    return {
        layer: second.at(first.best().threshold).with_other(first.at(second.best().threshold)).f1
        for layer, first, second in rows
    }


def _outcome(
    tuned_on: str,
    scored_on: str,
    layers: Sequence[int],
    judged: Sequence[ScoredPairs],
    layer: int,
    threshold: float,
    ids: tuple[str, ...],
) -> Outcome:
    chosen = judged[layers.index(layer)]
    cut = chosen.at(threshold)
    return Outcome(tuned_on, scored_on, layer, cut, chosen.pairs[: cut.taken], chosen.gold, ids)

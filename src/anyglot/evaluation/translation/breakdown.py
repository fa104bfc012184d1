"""Where a system is good and where it is not: scores by language and by length of the source sentence.

A group is a mean over test sets, each counting alike, as in the score table: corpus BLEU over sentences of several
languages would add up n-grams of different tokenizers. Its interval is the bootstrap of that mean, all its test sets
resampled in each resample. Test sets of as many sentences are drawn alike, which is right for sentences that are
translations of each other and does no harm where they are not.

Lengths are quarters of each test set by characters of the source sentence, so that no group is nearly empty and no
script is short by nature.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyglot.evaluation.translation.results import KINDS, Kind, Result, kinds_by_test
from anyglot.evaluation.translation.scoring import Counts, Scoring
from anyglot.reporting.elements import Bar, Bars, Cell, Table
from anyglot.stats.bootstrap import interval
from anyglot.stats.scores import Score, Statistics, bootstrap_values

QUARTERS = ("shortest quarter", "second quarter", "third quarter", "longest quarter")
# Of a smaller test set, a quarter says nothing.
LEAST = 40


@dataclass(frozen=True)
class Group:
    """Sentences that are scored together.

    Attributes:
        name: What the table calls it.
        parts: By test set's name, which of its sentences: (sentences,) bool, or None for all.
        detail: Shown beside the name.
        kind: Supervised or zero-shot if all its test sets are; None if they are mixed or nobody knows.
    """

    name: str
    parts: Mapping[str, NDArray[np.bool_] | None]
    detail: str
    kind: Kind | None


def mean_score(parts: Sequence[Statistics], *, resamples: int, seed: int) -> Score:
    """Score a group: the mean of its test sets' scores, with the bootstrap interval of that mean.

    Args:
        parts: The statistics of each test set's sentences, all of one metric.
    """
    value = float(np.mean([part.point for part in parts]))
    signed = sorted({part.sign(resamples, seed if resamples else None) for part in parts})
    low = high = value
    if resamples:
        drawn = [bootstrap_values(part, resamples=resamples, seed=seed) for part in parts]
        low, high = interval(np.mean(drawn, axis=0), value)
    return Score(parts[0].name, value, low, high, " and ".join(signed), sum(len(p.sums_per_sentence) for p in parts))


def language_groups(results: Sequence[Result]) -> list[Group]:
    """All test sets, the supervised, the zero-shot, those from and into each language; empty for one test set."""
    kinds = kinds_by_test(results)
    if len(kinds) < 2:
        return []
    first = {result.test: result for result in reversed(results)}
    sources = dict.fromkeys(result.source for result in results)
    targets = dict.fromkeys(result.target for result in results)
    chosen: dict[str, list[str]] = {"all": list(kinds)}
    if len({kind for kind in kinds.values() if kind}) > 1:
        chosen |= {kind: [test for test in kinds if kinds[test] == kind] for kind in KINDS}
    if len(sources) > 1:
        chosen |= {f"from {code}": [test for test in kinds if first[test].source == code] for code in sources}
    if len(targets) > 1:
        chosen |= {f"into {code}": [test for test in kinds if first[test].target == code] for code in targets}
    return [
        Group(name, dict.fromkeys(tests), _sets(len(tests)), shared)
        for name, tests in chosen.items()
        for shared in [_shared(kinds[test] for test in tests)]
    ]


def _shared(kinds: Iterable[Kind | None]) -> Kind | None:
    found = set(kinds)
    return found.pop() if len(found) == 1 else None


def length_groups(results: Sequence[Result], lengths: Mapping[str, Sequence[int]]) -> tuple[list[Group], list[Group]]:
    """Return the quarters of all test sets (of the supervised and the zero-shot ones apart), and those of each.

    Test sets of fewer than `LEAST` sentences are left out.

    Args:
        results: Which test sets there are, and of which kind.
        lengths: By test set's name, the length of each source sentence.
    """
    kinds = {test: kind for test, kind in kinds_by_test(results).items() if len(lengths[test]) >= LEAST}
    rows = {test: quarters(lengths[test]) for test in kinds}
    known: list[Kind | None] = [kind for kind in KINDS if kind in kinds.values()]
    together, each = [], []
    for kind in known or [None]:
        tests = [test for test in kinds if not known or kinds[test] == kind]
        for place, name in enumerate(QUARTERS):
            parts = {test: rows[test] == place for test in tests if np.any(rows[test] == place)}
            if parts and len(kinds) > 1:
                together.append(Group(name, parts, f"{kind or 'all'}: {_sets(len(parts))}", kind))
    for test, kind in kinds.items():
        sizes = np.asarray(lengths[test])
        for place, name in enumerate(QUARTERS):
            part = rows[test] == place
            if part.any():
                told = f"{test}: {sizes[part].min()} to {sizes[part].max()} characters"
                each.append(Group(name, {test: part}, told, kind))
    return together, each


def quarters(lengths: Sequence[int]) -> NDArray[np.int64]:
    """Return each sentence's quarter by length, 0 to 3. Sentences of one length stay together.

    Shape:
        returns: (sentences,)
    """
    edges = np.quantile(lengths, [0.25, 0.5, 0.75])
    return np.searchsorted(edges, np.asarray(lengths, dtype=np.float64), side="left")


def breakdown(
    results: Sequence[Result], counts: Counts, lengths: Mapping[str, Sequence[int]], scoring: Scoring
) -> tuple[tuple[Table, ...], tuple[Bars, ...]]:
    """Return the tables by language and by length, and their charts: one for each metric.

    Args:
        results: From `score_counts`.
        counts: What they were scored from.
        lengths: By test set's name, the length of each source sentence.
        scoring: Resamples and seed.
    """
    tables, bars = [], []
    together, each = length_groups(results, lengths)
    languages = language_groups(results)
    for title, groups, charted, note in (
        ("By language", languages, len(languages), "A group is the mean of its test sets, each counting alike."),
        (
            "By source length",
            [*together, *each],
            len(together or each),
            f"Quarters of each test set of {LEAST} sentences or more, by characters of the source sentence.",
        ),
    ):
        if not groups:
            continue
        scored = [_scored(group, counts, scoring) for group in groups]
        columns = list(scored[0])
        several = len({model for _, model in columns}) > 1
        names = [f"{metric} {model}" if several else metric for metric, model in columns]
        rows = tuple(_row(group, scores) for group, scores in zip(groups, scored, strict=True))
        note = f"{note} In brackets: 95 % bootstrap intervals."
        tables.append(Table(title, ("Group", "Of", "Sentences", *names), rows, note))
        shown = list(zip(groups, scored, strict=True))[:charted]
        for metric in dict.fromkeys(metric for metric, _ in columns):
            bars.append(Bars(f"{metric}, {title[0].lower()}{title[1:]}", metric, tuple(_bars(shown, metric, several))))
    return tuple(tables), tuple(bars)


def _scored(group: Group, counts: Counts, scoring: Scoring) -> dict[tuple[str, str], Score]:
    """By metric and model, the metrics outside."""
    models = list(dict.fromkeys(label for label, _ in counts))
    metrics = list(dict.fromkeys(metric for found in counts.values() for metric in found))
    scores = {}
    for metric in metrics:
        for model in models:
            parts = [
                counts[model, test][metric] if rows is None else counts[model, test][metric].part(rows)
                for test, rows in group.parts.items()
            ]
            scores[metric, model] = mean_score(parts, resamples=scoring.resamples, seed=scoring.seed)
    return scores


def _row(group: Group, scores: Mapping[tuple[str, str], Score]) -> tuple[Cell, ...]:
    return (group.name, group.detail, next(iter(scores.values())).sentences, *scores.values())


def _bars(scored: Sequence[tuple[Group, Mapping[tuple[str, str], Score]]], metric: str, several: bool) -> Iterator[Bar]:
    sizes = Counter(group.name for group, _ in scored)
    for label in sizes:
        for group, scores in (pair for pair in scored if pair[0].name == label):
            for model, score in ((model, score) for (name, model), score in scores.items() if name == metric):
                # Of several models the kind is told only where a label stands for both.
                kind = group.kind if not several or sizes[label] > 1 else None
                series = model if kind is None else f"{model}, {kind}" if several else kind
                yield Bar(label, series, score.value, score.low, score.high)


def _sets(count: int) -> str:
    return f"{count} test {'sets' if count > 1 else 'set'}"

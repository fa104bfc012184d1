"""From translations to results: count every sentence's statistics once, then score and compare from the counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from anyglot.evaluation.translation.metrics import MetricName, statistics
from anyglot.evaluation.translation.results import Kind, Result
from anyglot.evaluation.translation.table import TestSentences, TestSet
from anyglot.stats.scores import RESAMPLES, SEED, Statistics, score_statistics
from anyglot.stats.significance import compare

# By system's label and test set's name: the statistics of every metric.
Counts = Mapping[tuple[str, str], Mapping[str, Statistics]]
# Further statistics for all systems and test sets at once, for a metric that is dear to load (COMET).
Learned = Callable[[Mapping[str, Mapping[str, list[str]]], Mapping[str, TestSentences]], Counts]


@dataclass(frozen=True)
class Scoring:
    """How to score: metrics, a BLEU tokenizer in place of each language's own, resamples and their seed."""

    metrics: tuple[MetricName, ...] = ("BLEU", "chrF++")
    tokenizer: str | None = None
    resamples: int = RESAMPLES
    seed: int = SEED


def count(
    outputs: Mapping[str, Mapping[str, list[str]]],
    tests: Sequence[TestSet],
    sentences: Mapping[str, TestSentences],
    scoring: Scoring,
    learned: Learned | None = None,
) -> Counts:
    """Count the statistics of every system on every test set.

    Args:
        outputs: By label and test set's name, the hypotheses; a system may lack some of the test sets.
        tests: The test sets.
        sentences: Their sentences, by name.
        scoring: Metrics and tokenizer.
        learned: Counts a further metric, or None.
    """
    further: Counts = {} if learned is None else learned(outputs, sentences)
    counts: dict[tuple[str, str], dict[str, Statistics]] = {}
    for label, lines in outputs.items():
        for test in (test for test in tests if test.name in lines):
            found: dict[str, Statistics] = {
                metric: statistics(
                    metric,
                    lines[test.name],
                    sentences[test.name].references,
                    target=test.pairs.target,
                    tokenizer=scoring.tokenizer,
                )
                for metric in scoring.metrics
            }
            counts[label, test.name] = {**found, **further.get((label, test.name), {})}
    return counts


def score_counts(
    counts: Counts,
    tests: Sequence[TestSet],
    kinds: Mapping[tuple[str, str], Kind | None],
    scoring: Scoring,
    baseline: str | None,
) -> tuple[Result, ...]:
    """Score every system on every test set and compare it with the baseline: results by test set, then by system.

    What was not counted, because the system cannot be told a language, has no result.
    """
    draws = {"resamples": scoring.resamples, "seed": scoring.seed}
    results = []
    for test in tests:
        against = None if baseline is None else counts.get((baseline, test.name))
        for label in dict.fromkeys(label for label, name in counts if name == test.name):
            own = counts[label, test.name]
            differences = {}
            if against is not None and label != baseline and scoring.resamples:
                differences = {metric: compare(found, against[metric], **draws) for metric, found in own.items()}
            results.append(
                Result(
                    test=test.name,
                    model=label,
                    source=test.pairs.source,
                    target=test.pairs.target,
                    kind=kinds[label, test.name],
                    sentences=len(next(iter(own.values())).sums_per_sentence),
                    scores={metric: score_statistics(found, **draws) for metric, found in own.items()},
                    differences=differences,
                )
            )
    return tuple(results)

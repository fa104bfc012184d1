"""Groups of test sets and of sentences: what is in them, what they score, how sure that is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from anyglot.evaluation.translation.breakdown import breakdown, language_groups, length_groups, mean_score, quarters
from anyglot.evaluation.translation.metrics import score, statistics
from anyglot.evaluation.translation.results import Result
from anyglot.evaluation.translation.scoring import Scoring
from anyglot.stats.scores import Score, mean_statistics, score_statistics
from support.evaluation_corpora import corpus

PAIRS = {"de-en": "supervised", "hi-en": "zero-shot", "tr-en": "zero-shot"}
SIZES = {"de-en": 60, "hi-en": 80, "tr-en": 30}


def result(test, kind, model="ours"):
    source, target = test.split("-")
    return Result(test, model, source, target, kind, 10, {"BLEU": Score("BLEU", 1.0, 1.0, 1.0, "s", 10)})


RESULTS = [result(test, kind) for test, kind in PAIRS.items()]


def counts(models=("ours",), metric="BLEU"):
    found = {}
    for test, size in SIZES.items():
        lines, references = corpus(test[:2], size)
        for model in models:
            made = lines if model == "ours" else ["", *lines[1:]]
            found[model, test] = {metric: statistics(metric, made, references, target="en")}
    return found


def lengths():
    return {test: [len(line) for line in corpus(test[:2], size)[1]] for test, size in SIZES.items()}


def test_languages_and_kinds_are_groups_of_test_sets():
    groups = {group.name: (list(group.parts), group.kind) for group in language_groups(RESULTS)}
    assert groups == {
        "all": (["de-en", "hi-en", "tr-en"], None),
        "supervised": (["de-en"], "supervised"),
        "zero-shot": (["hi-en", "tr-en"], "zero-shot"),
        "from de": (["de-en"], "supervised"),
        "from hi": (["hi-en"], "zero-shot"),
        "from tr": (["tr-en"], "zero-shot"),
    }
    both = [*RESULTS, result("en-de", "zero-shot")]
    named = {group.name: list(group.parts) for group in language_groups(both)}
    assert named["into en"] == list(PAIRS) and named["into de"] == named["from en"] == ["en-de"]
    assert language_groups(RESULTS[:1]) == []


@given(some.lists(some.integers(0, 50), min_size=1, max_size=60))
def test_quarters_grow_with_length_and_keep_equal_lengths_together(sizes):
    found = quarters(sizes)
    order = np.argsort(sizes, kind="stable")
    assert np.all(np.diff(found[order]) >= 0) and found.min() == 0 and found.max() <= 3
    assert all(len({found[place] for place in np.flatnonzero(np.array(sizes) == size)}) == 1 for size in set(sizes))


def test_quarters_of_different_lengths_are_quarters():
    assert np.bincount(quarters(list(range(100)))).tolist() == [25, 25, 25, 25]


def test_a_length_group_scores_as_its_sentences_alone():
    _, each = length_groups(RESULTS, lengths())
    groups = [group for group in each if list(group.parts) == ["hi-en"]]
    lines, references = corpus("hi", 80)
    found, covered = counts(), 0
    for group in groups:
        places = np.flatnonzero(group.parts["hi-en"])
        covered += len(places)
        alone = score("BLEU", [lines[p] for p in places], [references[p] for p in places], target="en")
        ours = score_statistics(found["ours", "hi-en"]["BLEU"].part(group.parts["hi-en"]))
        assert ours.value == pytest.approx(alone.value, rel=1e-12)
        assert (ours.low, ours.high, ours.signature) == (alone.low, alone.high, alone.signature)
    assert covered == 80


def test_small_test_sets_have_no_quarters():
    together, each = length_groups(RESULTS, lengths())
    assert {test for group in [*together, *each] for test in group.parts} == {"de-en", "hi-en"}
    assert [(group.kind, list(group.parts)) for group in together[::4]] == [
        ("supervised", ["de-en"]),
        ("zero-shot", ["hi-en"]),
    ]


def test_a_groups_score_is_the_mean_of_its_test_sets():
    parts = [found["BLEU"] for found in counts().values()]
    found = mean_score(parts, resamples=100, seed=1)
    alone = [score_statistics(part, resamples=100, seed=1) for part in parts]
    assert found.value == pytest.approx(np.mean([one.value for one in alone]))
    assert found.sentences == sum(SIZES.values()) and found.signature == alone[0].signature
    # A mean over independent test sets is surer than most of them.
    assert found.high - found.low < np.mean([one.high - one.low for one in alone])
    assert found.low < found.value < found.high


def test_the_interval_of_a_mean_over_equally_long_test_sets_is_that_of_its_sentence_sums():
    """For a mean of sentence scores the group's bootstrap is one over the sentence's mean: known in closed form."""
    draw = np.random.default_rng(0)
    one, two = draw.normal(50, 10, 400), draw.normal(30, 10, 400)
    parts = [mean_statistics("COMET", list(values), lambda resamples, seed: "s") for values in (one, two)]
    found = mean_score(parts, resamples=2000, seed=3)
    reach = 1.96 * np.std((one + two) / 2) / 20
    assert found.low == pytest.approx(found.value - reach, rel=0.02)
    assert found.high == pytest.approx(found.value + reach, rel=0.02)


def test_tables_and_charts_of_two_models():
    results = [result(test, kind, model) for test, kind in PAIRS.items() for model in ("ours", "other")]
    tables, bars = breakdown(results, counts(("ours", "other")), lengths(), Scoring(("BLEU",), resamples=20))
    assert [table.title for table in tables] == ["By language", "By source length"]
    assert tables[0].columns == ("Group", "Of", "Sentences", "BLEU ours", "BLEU other")
    assert tables[0].rows[0][:3] == ("all", "3 test sets", 170)
    assert tables[0].rows[0][3].value > tables[0].rows[0][4].value
    shown = [row[1] for row in tables[1].rows if row[0] == "longest quarter"]
    sizes = np.array(lengths()["de-en"])
    longest = sizes[quarters(sizes) == 3]
    assert shown[:2] == ["supervised: 1 test set", "zero-shot: 1 test set"]
    assert shown[2] == f"de-en: {longest.min()} to {longest.max()} characters"
    assert [chart.title for chart in bars] == ["BLEU, by language", "BLEU, by source length"]
    assert {bar.series for bar in bars[0].bars} == {"ours", "other"}
    assert len(bars[1].bars) == 4 * 2 * 2 and bars[1].bars[0].series == "ours, supervised"


def test_a_single_test_set_has_quarters_only():
    tables, bars = breakdown(RESULTS[:1], {k: v for k, v in counts().items() if k[1] == "de-en"}, lengths(),
                             Scoring(("BLEU",), resamples=0))  # fmt: skip
    assert [table.title for table in tables] == ["By source length"] and len(tables[0].rows) == 4
    assert [bar.series for bar in bars[0].bars] == ["supervised"] * 4

"""Shares of variance, the probe, and correlation with transfer: plain formulas, controls, and scipy's ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyglot.analysis.correlation import by_language, by_model, correlate, ranks, read_scores
from anyglot.analysis.separability import (
    linear_probe,
    resampled_shares,
    separability,
    shuffled_languages,
    variance_shares,
)
from anyglot.analysis.states import LayerStates, layer_names
from anyglot.errors import UserError


def parallel_states(languages=3, sentences=60, width=16, *, apart=1.0, seed=0):
    """States that are a meaning, a language's shift, and noise."""
    generator = np.random.default_rng(seed)
    meaning = generator.normal(size=(1, sentences, width))
    shift = apart * generator.normal(size=(languages, 1, width))
    return (meaning + shift + 0.5 * generator.normal(size=(languages, sentences, width)) + 2).astype(np.float32)


def test_shares_are_those_of_plain_sums():
    states = parallel_states().astype(np.float64)
    mean = states.reshape(-1, 16).mean(axis=0)
    total = sum(np.sum((x - mean) ** 2) for x in states.reshape(-1, 16))
    language = sum(60 * np.sum((side.mean(axis=0) - mean) ** 2) for side in states)
    meaning = sum(3 * np.sum((states[:, i].mean(axis=0) - mean) ** 2) for i in range(60))
    found = variance_shares(states)
    assert found.language == pytest.approx(language / total) and found.meaning == pytest.approx(meaning / total)
    assert found.over_within == pytest.approx(language / (total - language))


@given(st.floats(0.01, 50), st.integers(0, 1000))
def test_rotation_scale_and_shift_change_no_share(scale, seed):
    states = parallel_states(seed=seed).astype(np.float64)
    generator = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(generator.normal(size=(16, 16)))
    one, other = variance_shares(states), variance_shares(scale * states @ rotation + generator.normal(size=16))
    assert other.language == pytest.approx(one.language) and other.meaning == pytest.approx(one.meaning)


def test_languages_further_apart_have_more_of_the_variance():
    shares = [variance_shares(parallel_states(apart=apart)).language for apart in (0, 0.3, 1, 3)]
    assert shares == sorted(shares) and shares[0] < 0.02 and shares[-1] > 0.7


def test_shuffled_languages_have_the_share_of_chance():
    states = parallel_states(sentences=40)
    found = np.mean([variance_shares(shuffled_languages(states, seed)).language for seed in range(50)])
    assert found == pytest.approx(2 / 119, rel=0.1)


def test_states_that_do_not_vary_have_no_shares():
    assert variance_shares(np.full((2, 5, 4), 0.1, np.float32)) is None


def test_a_resample_is_the_share_of_the_rows_drawn():
    states = parallel_states(sentences=20)
    drawn = np.random.default_rng(3).integers(20, size=(4, 20))
    counts = np.stack([np.bincount(rows, minlength=20) for rows in drawn], axis=1).astype(np.float64)
    wanted = [variance_shares(states[:, rows]).language for rows in drawn]
    np.testing.assert_allclose(resampled_shares(states, counts), wanted, rtol=1e-9)


def naive_probe(states, labels, folds, seed, penalty=0.01):
    """Every fold solved by itself, on stacked rows."""
    classes, sentences, width = states.shape
    fold = np.empty(sentences, int)
    fold[np.random.default_rng(seed).permutation(sentences)] = np.arange(sentences) % folds
    right = np.zeros((classes, sentences), bool)
    for each in range(folds):
        x = states[:, fold != each].reshape(-1, width).astype(np.float64)
        y = np.eye(classes)[labels[:, fold != each].reshape(-1)]
        mean = x.mean(axis=0)
        gram = (x - mean).T @ (x - mean)
        weight = (
            np.linalg.inv(gram + penalty * np.trace(gram) / width * np.eye(width)) @ (x - mean).T @ (y - y.mean(axis=0))
        )
        outputs = (states[:, fold == each] - mean) @ weight + y.mean(axis=0)
        right[:, fold == each] = outputs.argmax(axis=2) == labels[:, fold == each]
    return right


@pytest.mark.parametrize("width", [6, 80])
def test_the_probe_is_ridge_regression_fold_by_fold(width):
    states = parallel_states(width=width, apart=0.4, sentences=30)
    labels = np.repeat(np.arange(3)[:, None], 30, axis=1)
    np.testing.assert_array_equal(linear_probe(states, folds=4, seed=2), naive_probe(states, labels, 4, 2))


def test_the_probe_finds_languages_apart_and_chance_for_shuffled_ones():
    states = parallel_states(sentences=200, apart=2)
    labels = np.random.default_rng(0).integers(3, size=(3, 200))
    assert linear_probe(states).mean() > 0.97
    assert linear_probe(states, labels).mean() == pytest.approx(1 / 3, abs=0.08)
    assert linear_probe(parallel_states(sentences=200, apart=0)).mean() == pytest.approx(1 / 3, abs=0.08)


def test_a_probe_needs_a_sentence_a_fold():
    with pytest.raises(UserError, match="5 folds needs at least 5 sentences and the sample has 4"):
        linear_probe(parallel_states(sentences=4))


def layered(states, codes=("en", "de", "ru")):
    return LayerStates("tiny", layer_names(1), {c: np.stack([s, 2 * s]) for c, s in zip(codes, states, strict=False)})


def test_a_model_is_measured_at_every_layer():
    found = separability(layered(parallel_states()), resamples=100)
    assert found.layers == ("embeddings", "0") and found.languages == ("en", "de", "ru") and found.sentences == 60
    one, other = found.values
    assert one.variance.language == pytest.approx(other.variance.language)
    assert one.low <= one.variance.language <= one.high and one.accuracy_low <= one.accuracy <= one.accuracy_high
    assert found.chance == pytest.approx(100 / 3) and abs(one.control - found.chance) < 20
    assert len(found.data()["values"]) == 2


def test_one_language_cannot_be_told_apart():
    with pytest.raises(UserError, match="tiny reads only en"):
        separability(layered(parallel_states(), ("en",)))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20))
def test_ranks_share_ties(values):
    found = ranks(np.array(values, float))
    assert sum(found) == pytest.approx(len(values) * (len(values) + 1) / 2)
    for value, rank in zip(values, found, strict=True):
        below, same = sum(v < value for v in values), values.count(value)
        assert rank == below + (same + 1) / 2


def test_correlation_is_spearman_s():
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(1)
    for points in (3, 5, 8, 30):
        a, b = generator.integers(6, size=(2, points)).astype(float)
        found = correlate(dict(enumerate(a)), dict(enumerate(b)))
        if found.rho is not None:
            assert found.rho == pytest.approx(stats.spearmanr(a, b).statistic)
            assert found.points == points and found.exact == (points <= 8)


def test_p_is_exact_for_few_points():
    rising = {place: float(place) for place in range(4)}
    assert correlate(rising, rising).p == pytest.approx(2 / 24)
    assert correlate(rising, {0: 0.0, 1: 1.0, 2: 3.0, 3: 2.0}).p == pytest.approx(8 / 24)
    many = {place: float(place) for place in range(12)}
    assert correlate(many, many, trials=200).p == pytest.approx(1 / 201)


def test_too_few_points_or_no_variance_have_no_correlation():
    assert correlate({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 1.0, "b": 2.0, "x": 3.0}).rho is None
    assert correlate({"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1.0, "b": 2.0, "c": 3.0}).rho is None


def test_scores_are_read_by_column_name(tmp_path):
    path = tmp_path / "scores.tsv"
    path.write_text(
        "score\tmodel\ttask\tlanguage\n50\ta\txnli\ten\n40\ta\txnli\tdeu_Latn\n30\ta\tpanx\tde\n20\tb\txnli\tde\n"
    )
    scores = read_scores(path)
    assert by_model(scores, without="en") == {"a": 35.0, "b": 20.0} and by_model(scores)["a"] == 40.0
    assert by_language(scores) == {("a", "en"): 50.0, ("a", "de"): 35.0, ("b", "de"): 20.0}


@pytest.mark.parametrize(
    "text, match",
    [
        ("model\tf1\n", "it has model, f1"),
        ("model\tscore\na\n", "row 2 has 1 cells"),
        ("model\tscore\na\tnan\n", "no score"),
    ],
)
def test_bad_tables_of_scores_are_told(text, match, tmp_path):
    path = tmp_path / "scores.tsv"
    path.write_text(text)
    with pytest.raises(UserError, match=match):
        read_scores(path)

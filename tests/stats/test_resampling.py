"""The streaming bootstrap: the same however units come, as wide as an ordinary one, and paired."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anyglot.evaluation.tasks.metrics.accuracy import Accuracy
from anyglot.evaluation.tasks.metrics.spans import Spans
from anyglot.stats.resampling import BLOCK, Difference, Resampler, difference, interval, mean_interval, mean_over

Array = NDArray[np.float64]


def _resampler(statistics: Array, **settings: int) -> Resampler:
    resampler = Resampler(**settings)
    resampler.add(statistics)
    return resampler


def _right(rng: np.random.Generator, units: int, share: float) -> Array:
    return np.stack([(rng.random(units) < share).astype(float), np.ones(units)], axis=1)


def _values(statistics: Array, **settings: int) -> Array:
    return Accuracy(()).value(_resampler(statistics, **settings).resampled())[:, 0]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3 * BLOCK), st.lists(st.integers(0, 2 * BLOCK), max_size=6), st.integers(0, 5))
def test_sums_are_the_same_to_the_bit_however_units_come(units: int, cuts: list[int], seed: int) -> None:
    statistics = np.random.default_rng(seed).standard_normal((units, 3))
    whole = _resampler(statistics, seed=seed, resamples=50)
    parts = Resampler(seed, 50)
    places = sorted({0, units, *(cut for cut in cuts if cut < units)})
    for start, stop in itertools.pairwise(places):
        parts.add(statistics[start:stop])
        parts.add(statistics[:0])
        # Asking half-way changes nothing.
        parts.resampled()
    assert parts.units == units
    np.testing.assert_array_equal(parts.resampled(), whole.resampled())
    np.testing.assert_array_equal(parts.sums(), whole.sums())
    np.testing.assert_allclose(parts.sums(), statistics.sum(axis=0), rtol=1e-12, atol=1e-9)


def test_a_unit_occurs_as_often_whatever_is_counted_of_it_and_however_many_follow() -> None:
    ones = np.eye(300)
    times = _resampler(ones).resampled()
    np.testing.assert_array_equal(times, np.rint(times))
    # The first unit alone would be the test set itself where it does not occur.
    np.testing.assert_array_equal(_resampler(ones[:290]).resampled(), np.where(np.arange(300) < 290, times, 0))
    np.testing.assert_array_equal(_resampler(ones, resamples=100).resampled(), times[:100])
    assert (_resampler(ones, seed=1).resampled() != times).mean() > 0.5


def test_units_occur_as_in_a_poisson_distribution() -> None:
    times = _resampler(np.eye(2 * BLOCK)).resampled()
    assert times.mean() == pytest.approx(1, abs=0.01)
    assert times.var() == pytest.approx(1, abs=0.02)
    # Neither units nor resamples hang together: the largest of many correlations is what chance makes of it.
    for table in (times, times.T):
        correlations = np.corrcoef(table.T) - np.eye(table.shape[1])
        assert abs(correlations).max() < 6 / np.sqrt(len(table))
        assert abs(correlations.mean()) < 0.01


@pytest.mark.parametrize("units", [100, 700, 3000])
def test_the_interval_is_that_of_an_ordinary_bootstrap(units: int) -> None:
    rng = np.random.default_rng(units)
    counts = np.stack([rng.binomial(3, 0.7, units), rng.integers(2, 5, units), rng.integers(2, 5, units)], axis=1)
    statistics = counts.astype(float)
    # Right spans are among the predicted and the gold ones.
    statistics[:, 0] = counts.min(axis=1)
    metric = Spans()
    resampler = _resampler(statistics, resamples=4000)
    low, high = interval(metric.value(resampler.resampled())[:, 0])
    drawn = rng.multinomial(units, np.full(units, 1 / units), 4000).astype(float) @ statistics
    ordinary_low, ordinary_high = interval(metric.value(drawn)[:, 0])
    width = ordinary_high - ordinary_low
    assert low == pytest.approx(ordinary_low, abs=0.1 * width)
    assert high == pytest.approx(ordinary_high, abs=0.1 * width)
    assert low < metric.value(resampler.sums())[0] < high


def test_a_paired_difference_is_narrower_than_an_unpaired_one() -> None:
    rng = np.random.default_rng(3)
    baseline = _right(rng, 2000, 0.7)
    system = baseline.copy()
    # The system is right where the baseline is, and now and then where it is not.
    system[:, 0] = np.maximum(baseline[:, 0], rng.random(2000) < 0.05)
    scores = [100 * one[:, 0].mean() for one in (system, baseline)]
    paired = difference(_values(system), _values(baseline), *scores)
    unpaired = difference(_values(system), _values(baseline, seed=99), *scores)
    assert paired.value == pytest.approx(scores[0] - scores[1])
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)
    assert 0 < paired.low < paired.value < paired.high
    assert paired.p == pytest.approx(1 / 1001)
    assert unpaired.p > paired.p


def test_a_system_does_not_differ_from_itself() -> None:
    values = _values(_right(np.random.default_rng(0), 300, 0.5))
    assert difference(values, values, 50.0, 50.0) == Difference(0.0, 0.0, 0.0, 1.0)


def test_p_is_small_as_often_as_it_says_where_systems_are_equally_good() -> None:
    rng = np.random.default_rng(7)
    found = []
    for seed in range(300):
        one, other = _right(rng, 200, 0.6), _right(rng, 200, 0.6)
        scores = [100 * part[:, 0].mean() for part in (one, other)]
        settings = {"seed": seed, "resamples": 200}
        found.append(difference(_values(one, **settings), _values(other, **settings), *scores).p)
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.05)


def test_resamples_of_other_numbers_are_not_compared() -> None:
    with pytest.raises(ValueError, match="2 and 3 resamples are not paired"):
        difference(np.zeros(2), np.zeros(3), 0.0, 0.0)


def test_the_mean_over_languages_keeps_what_they_have_in_common() -> None:
    rng = np.random.default_rng(5)
    same = _right(rng, 1000, 0.6)
    parallel = [_values(same)] * 4
    others = [_values(_right(rng, 1000, 0.6)) for _ in range(4)]
    np.testing.assert_allclose(mean_over(others), sum(others) / 4)
    # Four copies say what one does; four sets of their own say twice as much.
    assert mean_interval(parallel) == pytest.approx(interval(parallel[0]))
    low, high = mean_interval(others)
    own_low, own_high = interval(others[0])
    assert (high - low) / (own_high - own_low) == pytest.approx(0.5, abs=0.08)


def test_a_handful_of_units_has_no_empty_resample() -> None:
    values = _values(np.ones((2, 2)))
    assert (values == 100.0).all()


def test_memory_does_not_grow_with_the_units() -> None:
    def peak(parts: int) -> int:
        resampler = Resampler(resamples=100)
        part = np.ones((1000, 3))
        tracemalloc.start()
        for _ in range(parts):
            resampler.add(part)
        resampler.resampled()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)
    assert peak(40) < 1.2 * peak(4)


def test_no_units_have_no_sums() -> None:
    with pytest.raises(ValueError, match="no units"):
        Resampler().sums()
    with pytest.raises(ValueError, match="no units"):
        _resampler(np.zeros((0, 2))).resampled()


def test_the_draws_of_a_seed_stay_what_they_are() -> None:
    """Resampled values are kept in files and compared with later ones."""
    times = _resampler(np.eye(300)).resampled()
    assert times[:2, :12].tolist() == [[1, 0, 0, 1, 1, 1, 1, 2, 0, 3, 2, 2], [1, 1, 2, 0, 1, 2, 2, 0, 1, 3, 0, 0]]
    assert times[0, 256:268].tolist() == [2, 2, 1, 0, 1, 1, 1, 2, 0, 0, 1, 0]

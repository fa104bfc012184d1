"""Means over seeds."""

from __future__ import annotations

import math

import pytest

from anyglot.stats.seeds import over_seeds


def test_student_interval_of_three_runs() -> None:
    found = over_seeds([1.0, 2.0, 6.0])
    assert found.mean == 3.0
    assert found.deviation == pytest.approx(math.sqrt(7.0))
    half = 4.303 * math.sqrt(7.0 / 3)  # two degrees of freedom
    assert (found.low, found.high) == (pytest.approx(3 - half), pytest.approx(3 + half))
    assert found.difference == f"+3.00 [{3 - half:+.2f}, {3 + half:+.2f}]"


def test_the_points_are_students() -> None:
    stats = pytest.importorskip("scipy.stats")
    for runs in (2, 3, 5, 10, 31, 400):
        values = [float(index) for index in range(runs)]
        found = over_seeds(values)
        low, high = stats.t.interval(0.95, runs - 1, loc=found.mean, scale=stats.sem(values))
        assert found.low == pytest.approx(low, rel=2e-2, abs=5e-3)
        assert found.high == pytest.approx(high, rel=2e-2)


def test_one_run_has_no_interval() -> None:
    found = over_seeds([4.0])
    assert (found.deviation, found.low, found.high) == (None, None, None)
    assert (found.spread, found.difference) == ("4.00", "+4.00")


def test_no_run() -> None:
    with pytest.raises(ValueError, match="no run"):
        over_seeds([])

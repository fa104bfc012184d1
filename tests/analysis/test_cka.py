"""CKA: what it must be whatever the states are, and equality with plain float64 formulas."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.analysis.cka import (
    MinibatchCka,
    Resampling,
    biased_cka,
    centered,
    estimates,
    shuffled_rows,
    unbiased_cka,
    unbiased_grid,
    unbiased_hsic,
)
from anyglot.errors import UserError


def pair(n, d, e=None, *, noise=1.0, seed=0):
    """Two sets of states that share a signal."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, d)) + 3
    y = x @ generator.normal(size=(d, e or d)) / np.sqrt(d) + noise * generator.normal(size=(n, e or d))
    return x.astype(np.float32), y.astype(np.float32)


def reference_biased(x, y):
    n = len(x)
    h = np.eye(n) - 1 / n
    k, other = (h @ (s.astype(np.float64) @ s.T.astype(np.float64)) @ h for s in (x, y))
    return np.trace(k @ other) / np.sqrt(np.trace(k @ k) * np.trace(other @ other))


def reference_hsic(x, y):
    """The definition: a mean over all quadruples of different sentences."""
    k, other = (s.astype(np.float64) @ s.T.astype(np.float64) for s in (x, y))
    found = [k[i, j] * (other[i, j] + other[q, r] - 2 * other[i, q]) for i, j, q, r in permutations(range(len(x)), 4)]
    return np.mean(found)


@pytest.mark.parametrize("n, d, e", [(40, 12, 12), (12, 40, 30), (30, 10, 60), (60, 10, 30)])
def test_biased_cka_is_the_formula_with_centring_matrices(n, d, e):
    x, y = pair(n, d, e)
    assert biased_cka(x, y) == pytest.approx(reference_biased(x, y), rel=1e-10)


@pytest.mark.parametrize("d, e", [(3, 3), (20, 4), (4, 20)])
def test_unbiased_hsic_is_the_mean_over_quadruples(d, e):
    x, y = pair(8, d, e)
    assert unbiased_hsic(x, y) == pytest.approx(reference_hsic(x, y), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 40), st.integers(2, 30), st.floats(0.01, 100), st.integers(0, 10**6))
def test_rotation_scale_and_shift_change_nothing(n, d, scale, seed):
    x, y = pair(n, d, seed=seed)
    generator = np.random.default_rng(seed + 1)
    rotation, _ = np.linalg.qr(generator.normal(size=(d, d)))
    moved = scale * (y.astype(np.float64) @ rotation) + 5 * generator.normal(size=d)
    for form in (biased_cka, unbiased_cka):
        value = form(x, y)
        if value is not None:  # an estimate of HSIC with itself may be negative for a handful of sentences
            assert form(x, moved) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("n, d", [(50, 8), (8, 50)])
def test_the_diagonal_is_one(n, d):
    x, _ = pair(n, d)
    assert biased_cka(x, x) == pytest.approx(1, abs=1e-12)
    assert unbiased_cka(x, x) == pytest.approx(1, abs=1e-12)


def test_feature_space_and_gram_space_agree():
    x, y = pair(30, 20)
    wide = np.hstack([x, np.zeros((30, 100), np.float32)]), np.hstack([y, np.zeros((30, 100), np.float32)])
    assert unbiased_cka(*wide) == pytest.approx(unbiased_cka(x, y), rel=1e-10)
    assert biased_cka(*wide) == pytest.approx(biased_cka(x, y), rel=1e-10)


@pytest.mark.parametrize("n, d, e", [(50, 8, 12), (12, 50, 40), (30, 10, 60)])
def test_all_estimates_at_once_are_those_one_by_one(n, d, e):
    x, y = pair(n, d, e)
    found, control = estimates(x, y, 7), shuffled_rows(y, 7)
    wanted = unbiased_cka(x, y), biased_cka(x, y), unbiased_cka(x, control), biased_cka(x, control)
    assert tuple(vars(found).values()) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("kept", [0, 2048])
def test_a_grid_is_cka_pair_by_pair(kept, monkeypatch):
    monkeypatch.setattr("anyglot.analysis.cka._GRAMS_KEPT", kept)
    xs, ys = ([pair(25, d, seed=seed)[0] for seed in seeds] for d, seeds in ((6, (1, 2)), (40, (3, 4, 5))))
    wanted = [[unbiased_cka(x, y) for y in ys] for x in xs]
    np.testing.assert_allclose(unbiased_grid(xs, ys), wanted, rtol=1e-9)


def test_shuffled_rows_are_near_zero_only_without_bias():
    x, y = pair(80, 256, noise=0.3)
    shuffled = [shuffled_rows(y, seed) for seed in range(20)]
    unbiased = [unbiased_cka(x, each) for each in shuffled]
    assert abs(np.mean(unbiased)) < 0.02 and max(map(abs, unbiased)) < 0.1
    assert np.mean([biased_cka(x, each) for each in shuffled]) > 0.4
    assert unbiased_cka(x, y) > 0.3


def test_the_paper_s_sample_inflates_the_biased_form():
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(2, 80, 1024))
    assert biased_cka(x, y) > 0.9 and abs(unbiased_cka(x, y)) < 0.1


def in_minibatches(x, y, size=50):
    running = MinibatchCka()
    for start in range(0, len(x), size):
        running.add(x[start : start + size], y[start : start + size])
    return running


def test_minibatches_converge_to_the_whole():
    x, y = pair(24_000, 16, noise=2.0)
    whole = unbiased_cka(x, y)
    few = [in_minibatches(x[at : at + 100], y[at : at + 100]).value() - whole for at in range(0, 2400, 100)]
    many = [in_minibatches(x[at : at + 2000], y[at : at + 2000]).value() - whole for at in range(0, 24_000, 2000)]
    assert np.sqrt(np.mean(np.square(many))) < 0.5 * np.sqrt(np.mean(np.square(few)))
    running = in_minibatches(x, y)
    low, high = np.quantile(running.resampled(300, 1), [0.025, 0.975])
    assert running.sentences == 24_000 and running.value() == pytest.approx(whole, abs=0.002)
    assert low < whole < high and high - low < 0.05


def test_a_resample_counts_pairs_of_different_sentences_only():
    x, y = pair(8, 5)
    resampling = Resampling(8, 6, seed=4)
    # The means over 2, 3 and 4 sentences have normalizers of their own, so each term is checked by itself.
    a, b = centered(x), centered(y)
    k, other = a @ a.T, b @ b.T
    np.fill_diagonal(k, 0), np.fill_diagonal(other, 0)
    for draw in range(6):
        w = resampling.counts[:, draw]

        def mean(term, places, w=w):
            total = weight = 0.0
            for chosen in permutations(range(8), places):
                product = np.prod(w[list(chosen)])
                weight += product
                total += product * term(*chosen)
            return total / weight

        def hsic(k, other, mean=mean):
            return (
                mean(lambda i, j: k[i, j] * other[i, j], 2)
                + mean(lambda i, j, q, r: k[i, j] * other[q, r], 4)
                - 2 * mean(lambda i, j, q: k[i, j] * other[i, q], 3)
            )

        wanted = (
            hsic(k, other) / np.sqrt(hsic(k, k) * hsic(other, other)) if hsic(k, k) > 0 < hsic(other, other) else np.nan
        )
        found = resampling.cka(resampling.prepare(x), resampling.prepare(y))[draw]
        assert found == pytest.approx(wanted, rel=1e-8, nan_ok=True)


def test_without_repeats_a_resample_is_the_estimate():
    x, y = pair(20, 5)
    ones = Resampling.__new__(Resampling)
    ones.counts = ones.squares = np.ones((20, 1))
    ones.pairs, ones.triples, ones.quadruples = (
        np.array([float(v)]) for v in (20 * 19, 20 * 19 * 18, 20 * 19 * 18 * 17)
    )
    assert ones.cka(ones.prepare(x), ones.prepare(y))[0] == pytest.approx(unbiased_cka(x, y), rel=1e-9)


def test_intervals_cover_the_value_of_all_sentences():
    """Of 40 samples of 60 sentences, the 95 % interval holds the value of a very large sample most of the time."""
    x, y = pair(20000, 6, noise=1.5, seed=9)
    truth = unbiased_cka(x, y)
    held = 0
    for draw in range(40):
        rows = slice(60 * draw, 60 * draw + 60)
        resampling = Resampling(60, 300, seed=draw)
        values = resampling.cka(resampling.prepare(x[rows]), resampling.prepare(y[rows]))
        low, high = np.nanquantile(values, [0.025, 0.975])
        held += low <= truth <= high
    assert held >= 32


def test_states_that_do_not_vary_have_no_cka():
    x, y = pair(10, 4)
    still = np.full((10, 4), 0.1, np.float32)
    assert unbiased_cka(x, still) is None and biased_cka(still, y) is None
    assert not centered(still).any()


def test_three_sentences_are_too_few():
    x, y = pair(3, 5)
    with pytest.raises(UserError, match="needs at least 4 sentences and the sample has 3"):
        unbiased_cka(x, y)
    assert biased_cka(x, y) is not None


def test_other_sentences_are_refused():
    x, y = pair(10, 5)
    with pytest.raises(ValueError, match="same N sentences"):
        biased_cka(x, y[:9])

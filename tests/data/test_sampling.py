import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyglot.data.sampling import samples_per_corpus, temperature_weights

SIZES = st.lists(st.integers(1, 10**7), min_size=1, max_size=12)


@given(SIZES, st.floats(0.5, 100))
def test_equation_one(sizes: list[int], temperature: float) -> None:
    weights = temperature_weights(sizes, temperature)
    alpha = 1 / temperature
    shares = [size / sum(sizes) for size in sizes]
    expected = [share**alpha / sum(other**alpha for other in shares) for share in shares]
    np.testing.assert_allclose(weights, expected, rtol=1e-9)
    assert weights.sum() == pytest.approx(1)


def test_temperature_between_size_and_uniform() -> None:
    np.testing.assert_allclose(temperature_weights([1, 3], 1), [0.25, 0.75])
    np.testing.assert_allclose(temperature_weights([1, 10**6], 1e9), [0.5, 0.5], atol=1e-6)
    assert temperature_weights([1, 32], 5)[1] == pytest.approx(2 / 3)  # 32 ** (1 / 5) = 2


def test_corpora_of_one_language_share_its_weight() -> None:
    apart = temperature_weights([32, 1], 5)
    split = temperature_weights([8, 1, 24], 5, ["de", "fi", "de"])
    np.testing.assert_allclose(split, [apart[0] / 4, apart[1], apart[0] * 3 / 4])


@given(SIZES, st.integers(0, 10**6), st.floats(0.5, 100))
def test_counts_add_up_and_stay_near_the_weights(sizes: list[int], extra: int, temperature: float) -> None:
    weights = temperature_weights(sizes, temperature)
    total = len(sizes) + extra
    counts = samples_per_corpus(weights, total)
    assert counts.sum() == total and counts.min() >= 1
    if (weights * total).min() >= 1:
        assert np.abs(counts - weights * total).max() <= 1


def test_senseless_input_is_refused() -> None:
    for sizes, temperature in (([], 5.0), ([1, 0], 5.0), ([1], 0.0)):
        with pytest.raises(ValueError, match="positive"):
            temperature_weights(sizes, temperature)
    with pytest.raises(ValueError, match="cannot hold"):
        samples_per_corpus(np.array([0.5, 0.5]), 1)

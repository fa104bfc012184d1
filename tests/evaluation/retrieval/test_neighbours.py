"""Exact search against an fp64 brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.neighbours import Neighbours, SearchPrecision, both_ways, nearest
from support.brute_force import brute_force

Vectors = NDArray[np.float32]


@st.composite
def _sides(draw: st.DrawFn) -> tuple[Vectors, Vectors]:
    """Two small sets of vectors of an odd or even width, some rows repeated, some crowded around one direction."""
    rng = np.random.default_rng(draw(st.integers(0, 100_000)))
    width = draw(st.sampled_from([1, 2, 3, 7, 16, 33]))
    sides = []
    crowd = rng.standard_normal(width) * draw(st.sampled_from([0.0, 1.0, 30.0]))
    for _ in range(2):
        rows = draw(st.integers(1, 40))
        vectors = rng.standard_normal((rows, width)) + crowd
        vectors = vectors[rng.integers(0, rows, draw(st.integers(1, 60)))] if draw(st.booleans()) else vectors
        sides.append(vectors.astype(np.float32))
    if draw(st.booleans()):
        sides[1] = np.concatenate([sides[1], sides[0][:3], sides[1][:2]])
    if draw(st.booleans()):
        sides[1][0] = 0
    return sides[0], sides[1]


def _same(found: Neighbours, expected: Neighbours) -> None:
    assert found.scores.dtype == np.float32
    assert found.ids.dtype == np.int64
    np.testing.assert_allclose(found.scores, expected.scores, rtol=2e-7, atol=1e-7)
    differ = found.ids != expected.ids
    # Two roundings of one fp64 sum may break a tie differently: only scores that are equal to the last place may swap.
    assert not differ.any() or np.abs(found.scores - expected.scores)[differ].max() <= 1.2e-7


@settings(max_examples=80, deadline=None)
@given(_sides(), st.integers(1, 70), st.sampled_from(["auto", "fp32", "bf16"]), st.sampled_from([1, 5, 1024]))
def test_equal_to_brute_force(sides: tuple[Vectors, Vectors], k: int, precision: SearchPrecision, block: int) -> None:
    a, b = sides
    _same(nearest(a, b, k, precision=precision, block=block), brute_force(a, b, k))
    forward, backward = both_ways(a, b, k, precision=precision, block=block)
    _same(forward, brute_force(a, b, k))
    _same(backward, brute_force(b, a, k))


def test_of_equal_rows_the_lower_ids_are_found() -> None:
    base = np.tile(np.array([[0.3, -0.7, 0.1]], np.float32), (9, 1))
    assert nearest(base[:2], base, 4).ids.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]


def test_more_neighbours_than_rows_gives_all_rows() -> None:
    assert nearest(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[:2], 4).ids.shape == (3, 2)


def test_a_zero_vector_is_near_to_nothing() -> None:
    base = np.array([[0, 0], [1, 0], [-1, 0]], np.float32)
    assert nearest(base[1:2], base, 3).scores.tolist() == [[1, 0, -1]]
    assert nearest(base[:1], base, 3).ids.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("queries", "base", "k", "words"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), 1, "3 wide on one side and 4"),
        (np.ones((2, 3)), np.full((2, 3), np.nan), 1, "not finite"),
        (np.full((2, 3), np.inf), np.ones((2, 3)), 1, "not finite"),
        (np.ones((0, 3)), np.ones((2, 3)), 1, "at least one"),
        (np.ones((2, 3)), np.ones((2, 3)), 0, "at least 1"),
    ],
)
def test_mistakes_are_told(queries: Vectors, base: Vectors, k: int, words: str) -> None:
    with pytest.raises(UserError, match=words):
        nearest(queries.astype(np.float32), base.astype(np.float32), k)

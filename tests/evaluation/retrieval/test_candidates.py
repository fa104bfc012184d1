"""What exactness rests on: the bound, the shortlist that uses it, equal rows, and sums that depend on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.evaluation.retrieval import shortlist as shortlists
from anyglot.evaluation.retrieval.deduplicate import distinct
from anyglot.evaluation.retrieval.exact import exact_scores, settled
from anyglot.evaluation.retrieval.neighbours import both_ways, nearest
from anyglot.evaluation.retrieval.operands import Preparation, Side
from anyglot.evaluation.retrieval.search import Search
from anyglot.evaluation.retrieval.shortlist import Shortlist
from support.brute_force import brute_force


def _crowd(rng: np.random.Generator, rows: int, width: int, distance: float) -> np.ndarray:
    return (rng.standard_normal((rows, width)) + distance * np.ones(width)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([1, 3, 32, 200]),
    st.sampled_from([0.0, 1.0, 20.0]),
    st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_no_coarse_score_is_farther_off_than_the_bound(
    seed: int, width: int, distance: float, kind: torch.dtype
) -> None:
    rng = np.random.default_rng(seed)
    queries, base = Side(_crowd(rng, 20, width, distance)), Side(_crowd(rng, 30, width, distance))
    preparation = Preparation(queries, base, kind)
    left, right = preparation.queries(slice(0, 20)), preparation.base()
    coarse = (left.matrix @ right.matrix.T).double()
    unit = [side.vectors.astype(np.float64) / side.lengths[:, None] for side in (queries, base)]
    off = (coarse + preparation.offset - torch.from_numpy(unit[0] @ unit[1].T)).abs()
    rounding = coarse.abs() * torch.finfo(kind).eps
    assert bool((off <= left.error(right.sizes)[:, None] + rounding).all())
    assert bool((off <= right.error(preparation.query_sizes())[None, :] + rounding).all())


def test_centres_make_the_bound_small_where_vectors_crowd() -> None:
    """Cosines of 0.99 and more: without centers the bound would be that of numbers near 1, about 2^-8 twice."""
    rng = np.random.default_rng(0)
    queries, base = Side(_crowd(rng, 200, 64, 20.0)), Side(_crowd(rng, 200, 64, 20.0))
    preparation = Preparation(queries, base, torch.bfloat16)
    assert float(preparation.queries(slice(0, 200)).error(preparation.base().sizes).max()) < 1e-4


def _shortlisted(scores: torch.Tensor, k: int, error: float, columns: int) -> list[set[int]]:
    held = Shortlist(k, torch.full((len(scores),), error, dtype=torch.float64), torch.float32)
    for first in range(0, scores.shape[1], columns):
        held.offer(slice(0, len(scores)), first, scores[:, first : first + columns])
    rows, ids, _ = held.candidates()
    return [set(ids[rows == row].tolist()) for row in range(len(scores))]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([37, 64, 512]), st.sampled_from([0.0, 0.01, 0.3]))
def test_whatever_can_be_among_the_best_is_kept(seed: int, k: int, columns: int, error: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    truth = torch.randn(6, 512, generator=rng).clamp(-1, 1.2)  # clamped: with ties at the top
    coarse = truth + (2 * torch.rand(6, 512, generator=rng) - 1) * error
    for row, kept in enumerate(_shortlisted(coarse, k, error, columns)):
        reached = truth[row].topk(k).values[-1]
        assert {int(place) for place in (truth[row] >= reached).nonzero()} <= kept
    turned = coarse.T.contiguous().T
    assert _shortlisted(turned, k, error, columns) == _shortlisted(coarse, k, error, columns)


def test_few_are_kept_where_the_bound_is_small() -> None:
    """A shortlist that kept everything would be exact too."""
    scores = torch.randn(8, 4096, generator=torch.Generator().manual_seed(0))
    assert max(map(len, _shortlisted(scores, 4, 0.001, 512))) < 10


def test_crowded_rows_are_found_by_comparing_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortlists, "_HELD", 1)
    rng = np.random.default_rng(0)
    base = np.ones((300, 8)) + 1e-7 * rng.standard_normal((300, 8))
    base[:100] = rng.standard_normal((100, 8))
    queries, base = rng.standard_normal((5, 8)).astype(np.float32), base.astype(np.float32)
    queries[:3] += 10
    search = Search(Side(queries), Side(base), 2, backward=True, precision="bf16", block=2)
    stripes = [search.run(places) for places in search.stripes()]
    found = np.concatenate([stripe.ids for stripe in stripes])
    assert search._columns is not None
    expected = brute_force(queries, base, 2)
    np.testing.assert_allclose(np.concatenate([stripe.scores for stripe in stripes]), expected.scores, rtol=3e-7)
    assert (found == expected.ids)[3:].all()
    held = Shortlist(2, torch.full((1,), 0.5, dtype=torch.float64), torch.float32)
    held.offer(slice(0, 1), 0, torch.linspace(0, 1e-3, 100)[None])
    held.candidates()
    assert held.overflowed.tolist() == [True]


def test_stripes_taken_up_again_give_the_same() -> None:
    rng = np.random.default_rng(2)
    a, b = (Side(rng.standard_normal((90, 12)).astype(np.float32)) for _ in range(2))
    whole = Search(a, b, 3, backward=True, precision="bf16", block=8)
    stripes = [whole.run(places) for places in whole.stripes()]
    again = Search(a, b, 3, backward=True, precision="bf16", block=8)
    for number, places in enumerate(again.stripes()):
        if number % 3:
            again.restore(stripes[number])
        else:
            again.run(places)
    for one, other in zip(whole.backward(), again.backward(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_product_that_breaks_its_bound_is_found_out() -> None:
    a, b = (Side(np.random.default_rng(seed).standard_normal((9, 5)).astype(np.float32)) for seed in (0, 1))
    held = Shortlist(2, torch.full((9,), 1e-3, dtype=torch.float64), torch.float32)
    held.offer(slice(0, 9), 0, torch.zeros(9, 9))
    with pytest.raises(UserError, match="fp32"):
        settled(a, b, held, 0.0)


def test_a_score_depends_on_its_two_rows_alone() -> None:
    rng = np.random.default_rng(4)
    a, b = (Side(rng.standard_normal((700, 129)).astype(np.float32)) for _ in range(2))
    rows, ids = rng.integers(0, 700, 3000), rng.integers(0, 700, 3000)
    scores = exact_scores(a, b, rows, ids)
    some = rng.permutation(3000)[:50]
    np.testing.assert_array_equal(exact_scores(a, b, rows[some], ids[some]), scores[some])
    np.testing.assert_array_equal(exact_scores(b, a, ids, rows), scores)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_equal_rows_are_known(kinds: list[int]) -> None:
    vectors = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)[kinds]
    found = distinct(Side(vectors))
    assert [kinds[row] for row in found.rows] == list(dict.fromkeys(kinds))
    assert [kinds[found.rows[kind]] for kind in found.kind] == kinds
    assert all(kinds.index(kinds[row]) == row for row in found.rows.tolist())


def test_masses_of_equal_vectors_cost_nothing() -> None:
    """Four thousand equal rows on each side; all pairs of them tie."""
    row = np.random.default_rng(0).standard_normal((1, 48)).astype(np.float32)
    forward, backward = both_ways(np.repeat(row, 4000, axis=0), np.repeat(row, 4000, axis=0), 4)
    for near in (forward, backward):
        assert (near.ids == np.arange(4)).all()
        np.testing.assert_allclose(near.scores, 1, rtol=1e-7)


def test_threads_change_nothing() -> None:
    rng = np.random.default_rng(6)
    a, b = (rng.standard_normal((300, 65)).astype(np.float32) for _ in range(2))
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(nearest(a, b, 4, precision="bf16"))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(results[0].scores, results[1].scores)
    np.testing.assert_array_equal(results[0].ids, results[1].ids)

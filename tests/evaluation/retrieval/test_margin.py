"""Margins and retrieval rules against loops written from the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.margin import MARGINS, RULES, Margin, Rule, best_pairs, margin
from anyglot.evaluation.retrieval.neighbours import Neighbours, both_ways

Cell = tuple[float, int, int]


@st.composite
def _both(draw: st.DrawFn) -> tuple[Neighbours, Neighbours]:
    """Neighbours of a few random vectors, with repeated rows and so with ties."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    first = rng.standard_normal((draw(st.integers(1, 7)), 3)).astype(np.float32)
    second = rng.standard_normal((draw(st.integers(1, 7)), 3)).astype(np.float32)
    if draw(st.booleans()):
        second = np.concatenate([second, first, first])
    return both_ways(first, second, draw(st.integers(1, 5)))


def _naive_margin(near: Neighbours, back: Neighbours, kind: Margin, row: int, place: int) -> float:
    cosine = float(near.scores[row, place])
    own = [float(score) for score in near.scores[row]]
    other = [float(score) for score in back.scores[near.ids[row, place]]]
    mean = (sum(own) / len(own) + sum(other) / len(other)) / 2
    if kind == "ratio":
        return cosine / mean if mean > 0 else -np.inf
    return cosine - mean if kind == "distance" else cosine


@settings(deadline=None)
@given(_both(), st.sampled_from(MARGINS))
def test_margin_is_its_definition(both: tuple[Neighbours, Neighbours], kind: Margin) -> None:
    forward, backward = both
    for near, back in ((forward, backward), (backward, forward)):
        found = margin(near, back, kind)
        expected = [
            [_naive_margin(near, back, kind, row, place) for place in range(near.ids.shape[1])]
            for row in range(len(near))
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(_both(), st.sampled_from(MARGINS))
def test_a_pair_has_one_margin_from_either_side(both: tuple[Neighbours, Neighbours], kind: Margin) -> None:
    forward, backward = both
    ahead, back = margin(forward, backward, kind), margin(backward, forward, kind)
    cells = {(row, int(column)): ahead[row, place] for (row, place), column in np.ndenumerate(forward.ids)}
    for (row, place), column in np.ndenumerate(backward.ids):
        if (int(column), row) in cells:
            assert back[row, place] == cells[int(column), row]


def _naive_pairs(forward: Neighbours, backward: Neighbours, kind: Margin, rule: Rule) -> list[Cell]:
    ahead, back = margin(forward, backward, kind), margin(backward, forward, kind)
    chosen_ahead, chosen_back = [], []
    for row in range(len(forward)):
        place = max(range(ahead.shape[1]), key=lambda place, row=row: (ahead[row, place], -place))
        chosen_ahead.append((float(ahead[row, place]), row, int(forward.ids[row, place])))
    for row in range(len(backward)):
        place = max(range(back.shape[1]), key=lambda place, row=row: (back[row, place], -place))
        chosen_back.append((float(back[row, place]), int(backward.ids[row, place]), row))
    if rule == "forward":
        chosen = chosen_ahead
    elif rule == "backward":
        chosen = chosen_back
    elif rule == "intersection":
        chosen = [cell for cell in chosen_ahead if cell[1:] in {other[1:] for other in chosen_back}]
    else:
        chosen = chosen_ahead + chosen_back
    chosen = sorted(chosen, key=lambda cell: (-cell[0], cell[1], cell[2]))
    if rule != "max":
        return chosen
    taken: list[Cell] = []
    for score, a, b in chosen:
        if all(a != other[1] and b != other[2] for other in taken):
            taken.append((score, a, b))
    return taken


@settings(max_examples=200, deadline=None)
@given(_both(), st.sampled_from(MARGINS), st.sampled_from(RULES))
def test_rules_choose_what_their_definitions_say(both: tuple[Neighbours, Neighbours], kind: Margin, rule: Rule) -> None:
    pairs = best_pairs(*both, kind, rule)
    found = list(zip(pairs.scores.tolist(), pairs.a.tolist(), pairs.b.tolist(), strict=True))
    assert found == _naive_pairs(*both, kind, rule)


def test_a_hub_loses_to_the_true_pair() -> None:
    """Artetxe and Schwenk's argument: a sentence near to everything must not win by its cosine."""
    forward = Neighbours(np.array([[0.9, 0.8], [0.9, 0.3]], np.float32), np.array([[0, 1], [0, 1]]))
    backward = Neighbours(np.array([[0.9, 0.9], [0.8, 0.3]], np.float32), np.array([[0, 1], [0, 1]]))
    assert best_pairs(forward, backward, "absolute", "forward").b.tolist() == [0, 0]
    assert set(zip(*(side.tolist() for side in _sides(forward, backward)), strict=True)) == {(0, 1), (1, 0)}


def _sides(forward: Neighbours, backward: Neighbours) -> tuple[np.ndarray, np.ndarray]:
    pairs = best_pairs(forward, backward, "ratio", "forward")
    return pairs.a, pairs.b


def test_above_keeps_what_reaches_the_threshold() -> None:
    pairs = best_pairs(*both_ways(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32), 2), "absolute")
    assert len(pairs.above(1.0)) == 3
    assert len(pairs.above(1.0001)) == 0


def test_unknown_kinds_and_rules_are_told() -> None:
    both = both_ways(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), 1)
    with pytest.raises(UserError, match="ratio, distance, absolute"):
        margin(*both, "cosine")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="max, forward"):
        best_pairs(*both, "ratio", "best")  # type: ignore[arg-type]

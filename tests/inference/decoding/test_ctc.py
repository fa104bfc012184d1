"""Best path and prefix beam search, held to what the enumeration of all paths says."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor

from anyglot.errors import UserError
from anyglot.inference.decoding.ctc import best_path, collapse, likeliest_path, prefix_beam_search
from anyglot.inference.decoding.logits import Best, Logits
from anyglot.inference.decoding.protocols import Hypothesis

WORDS = 4
EVERYTHING = 10_000  # more beams than a canvas of five positions has label sequences


def scores(seed: int, positions: int, words: int = WORDS, sharpness: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return sharpness * torch.randn(positions, words, generator=generator)


def best_of(logits: Tensor, blank: int, count: int = WORDS) -> Best:
    return Logits.of(logits).best(count, wanted=torch.full((len(logits),), blank))


def beam(
    logits: Tensor, blank: int, *, beams: int = EVERYTHING, count: int = WORDS, n_best: int = 1, penalty: float = 0.0
) -> list[Hypothesis]:
    best = best_of(logits, blank, count)
    [found] = prefix_beam_search(
        best, torch.tensor([len(logits)]), blank, beams=beams, n_best=n_best, length_penalty=penalty
    )
    return found


def all_labels(logits: Tensor, blank: int) -> dict[tuple[int, ...], float]:
    """The log-probability of every label sequence: all paths are walked."""
    table = logits.double().log_softmax(1).tolist()
    sums: dict[tuple[int, ...], float] = defaultdict(float)
    for path in product(range(logits.shape[1]), repeat=len(logits)):
        labels = [token for place, token in enumerate(path) if place == 0 or token != path[place - 1]]
        chance = math.exp(sum(row[token] for row, token in zip(table, path, strict=True)))
        sums[tuple(token for token in labels if token != blank)] += chance
    return {labels: math.log(chance) for labels, chance in sums.items()}


seeds, positions, blanks = some.integers(0, 10**6), some.integers(0, 5), some.integers(0, WORDS - 1)


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        ([], []),
        ([0, 0], []),
        ([1, 1, 2], [1, 2]),
        ([1, 0, 1], [1, 1]),
        ([0, 1, 1, 0, 0, 1, 2, 2, 0], [1, 1, 2]),
    ],
)
def test_collapse(path: list[int], labels: list[int]) -> None:
    assert collapse(path, 0) == labels


@settings(max_examples=60, deadline=None)
@given(seed=seeds, positions=positions, blank=blanks)
def test_the_best_path_is_the_best_of_all(seed: int, positions: int, blank: int) -> None:
    logits = scores(seed, positions)
    table = logits.double().log_softmax(1).tolist()
    paths = {
        path: sum(row[token] for row, token in zip(table, path, strict=True))
        for path in product(range(WORDS), repeat=positions)
    }
    likeliest = max(paths, key=paths.__getitem__)
    [found] = best_path(best_of(logits, blank, 1), torch.tensor([positions]), blank, length_penalty=0.5)
    assert found.tokens == collapse(likeliest, blank)
    assert found.log_probability == pytest.approx(paths[likeliest], abs=1e-5)
    assert found.score == found.log_probability / (len(found.tokens) + 1) ** 0.5
    assert not found.cut


def test_a_weak_blank_gives_way() -> None:
    """Probabilities of the blank 0.5, 0.7, and none where it is not the best."""
    chances = torch.tensor([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1], [0.4, 0.1, 0.5]])
    best = Logits.of(chances.log()).best(2)
    for threshold, expected in ((None, [0, 0, 2]), (0.6, [1, 0, 2]), (0.3, [0, 0, 2]), (1.1, [1, 1, 2])):
        tokens, logs = likeliest_path(best, 0, threshold)
        assert tokens.tolist() == expected
        torch.testing.assert_close(logs.exp(), chances.gather(1, tokens[:, None])[:, 0])
    [found] = best_path(best, torch.tensor([3]), 0, blank_threshold=0.6)
    assert found.tokens == [1, 2]
    assert found.log_probability == pytest.approx(math.log(0.3 * 0.7 * 0.5), abs=1e-6)


def test_a_weak_blank_needs_a_second_best() -> None:
    with pytest.raises(ValueError, match="two tokens"):
        likeliest_path(Logits.of(scores(0, 2)).best(1), 0, 0.6)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, positions=positions, blank=blanks, penalty=some.sampled_from([0.0, 0.6, 1.0]))
def test_with_all_beams_the_search_is_exhaustive(seed: int, positions: int, blank: int, penalty: float) -> None:
    """Every label sequence comes back, with its probability, in the order of the scores."""
    logits = scores(seed, positions)
    expected = all_labels(logits, blank)
    found = beam(logits, blank, n_best=EVERYTHING, penalty=penalty)
    assert {tuple(one.tokens) for one in found} == set(expected)
    for one in found:
        assert one.log_probability == pytest.approx(expected[tuple(one.tokens)], abs=1e-5)
        assert one.score == one.log_probability / (len(one.tokens) + 1) ** penalty
    ranking = [one.score for one in found]
    assert ranking == sorted(ranking, reverse=True)
    best = max(value / (len(labels) + 1) ** penalty for labels, value in expected.items())
    assert found[0].score == pytest.approx(best, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(seed=seeds, positions=some.integers(1, 5), blank=blanks, beams=some.integers(1, 4), count=some.integers(1, 4))
def test_what_is_cut_never_adds_probability(seed: int, positions: int, blank: int, beams: int, count: int) -> None:
    logits = scores(seed, positions)
    expected = all_labels(logits, blank)
    found = beam(logits, blank, beams=beams, count=count, n_best=beams)
    assert 1 <= len(found) <= beams
    assert len({tuple(one.tokens) for one in found}) == len(found)
    for one in found:
        assert one.log_probability <= expected[tuple(one.tokens)] + 1e-5


def test_labels_win_that_are_no_best_path() -> None:
    """Two paths with a label, 0.24 each and one of 0.16, beat the empty one's 0.36."""
    chances = torch.tensor([[0.6, 0.4], [0.6, 0.4]])
    [found] = beam(chances.log(), 0, beams=2, count=2)
    assert found.tokens == [1]
    assert found.log_probability == pytest.approx(math.log(0.64), abs=1e-6)
    [path] = best_path(best_of(chances.log(), 0, 1), torch.tensor([2]), 0)
    assert path.tokens == []


def test_a_blank_between_equals_is_two_labels() -> None:
    chances = torch.tensor([[0.02, 0.97, 0.01], [0.98, 0.01, 0.01], [0.02, 0.97, 0.01]])
    assert beam(chances.log(), 0, beams=3)[0].tokens == [1, 1]
    joined = torch.tensor([[0.02, 0.97, 0.01], [0.01, 0.98, 0.01], [0.02, 0.97, 0.01]])
    assert beam(joined.log(), 0, beams=3)[0].tokens == [1]


def test_the_blank_counts_though_it_is_not_among_the_best() -> None:
    chances = torch.tensor([[0.6, 0.4], [0.6, 0.4]])
    [found] = beam(chances.log(), 1, beams=4, count=1)
    assert found.log_probability == pytest.approx(math.log(0.36 + 2 * 0.24), abs=1e-6)


def test_more_beams_find_more_on_the_whole() -> None:
    means = []
    for beams in (1, 2, 4, 16):
        found = [beam(scores(seed, 12, 6, 1.0), 0, beams=beams, count=6)[0].log_probability for seed in range(60)]
        means.append(sum(found) / len(found))
    assert means == sorted(means)
    assert means[-1] > means[0] + 0.1


def test_a_sentence_is_searched_alone() -> None:
    """Equal to the last bit whatever the neighbours are, and the second time too; an empty canvas says nothing."""
    lengths = [7, 0, 3, 12]
    canvases = [scores(seed, length, 50) for seed, length in enumerate(lengths)]
    best = best_of(torch.cat(canvases), 3, 8)
    together = prefix_beam_search(best, torch.tensor(lengths), 3, n_best=3)
    assert together == prefix_beam_search(best, torch.tensor(lengths), 3, n_best=3)
    paths = best_path(best, torch.tensor(lengths), 3)
    for canvas, found, path in zip(canvases, together, paths, strict=True):
        alone = best_of(canvas, 3, 8)
        assert prefix_beam_search(alone, torch.tensor([len(canvas)]), 3, n_best=3) == [found]
        assert best_path(alone, torch.tensor([len(canvas)]), 3) == [path]
    assert together[1] == [Hypothesis([], 0.0, 0.0)] == [paths[1]]


def test_a_long_sharp_canvas_stays_finite() -> None:
    """Probabilities far below the smallest number; the best path is nearly all there is."""
    logits = scores(1, 400, 20, 200.0)
    [found] = beam(logits - 1000, 0, beams=5, count=10)
    [path] = best_path(best_of(logits, 0, 1), torch.tensor([400]), 0)
    assert found.tokens == path.tokens
    assert found.log_probability == pytest.approx(path.log_probability, abs=1.0)
    flat = beam(0.01 * scores(1, 400, 20), 0, beams=5, count=10)[0]
    assert -400 * math.log(20) < flat.log_probability < -745  # whose exponential is no number but zero


@pytest.mark.parametrize("search", [best_path, prefix_beam_search])
def test_scores_that_are_no_numbers(search: object) -> None:
    logits = scores(0, 3)
    logits[1, 2] = math.nan
    with pytest.raises(UserError, match="not a number"):
        search(best_of(logits, 0), torch.tensor([3]), 0)  # type: ignore[operator]


def test_wrong_calls() -> None:
    logits = scores(0, 3)
    with pytest.raises(ValueError, match="blank's logits"):
        prefix_beam_search(Logits.of(logits).best(2), torch.tensor([3]), 0)
    with pytest.raises(ValueError, match="between 1 and 2"):
        prefix_beam_search(best_of(logits, 0), torch.tensor([3]), 0, beams=2, n_best=3)

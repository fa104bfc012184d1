"""CTC equals torch's over a log-softmax of all words, and the sum over all paths; with a fraction of the memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from torch import Tensor
from torch.nn import functional

from anyglot.nn.losses import ctc as room
from anyglot.nn.losses.ctc import Ctc, ctc_likelihood
from nn.losses.test_budget import most_alive

WIDTH = 5


@dataclass
class Case:
    """Canvases with labels, and what reads them."""

    hidden: Tensor
    weight: Tensor
    bias: Tensor | None
    lengths: list[int]
    labels: list[list[int]]
    blank: int = 0

    @property
    def padded(self) -> Tensor:
        longest = max(map(len, self.labels))
        # What stands behind the last label does not matter, so it is a word that would.
        return torch.tensor([labels + [1] * (longest - len(labels)) for labels in self.labels], dtype=torch.int64)

    @property
    def leaves(self) -> list[Tensor]:
        return [leaf for leaf in (self.hidden, self.weight, self.bias) if leaf is not None]

    def log_probabilities(self) -> list[Tensor]:
        """Of all words, a (T, V) for each sentence."""
        return list(functional.linear(self.hidden, self.weight, self.bias).float().log_softmax(1).split(self.lengths))

    def likelihood(self, budget: int = room.LOGIT_BUDGET) -> Ctc:
        return ctc_likelihood(
            self.hidden,
            torch.tensor(self.lengths),
            self.weight,
            self.bias,
            self.padded,
            torch.tensor([len(labels) for labels in self.labels]),
            self.blank,
            budget=budget,
        )


def case(
    lengths: list[int], labels: list[list[int]], words: int = 7, blank: int = 0, seed: int = 0, *, bias: bool = True
) -> Case:
    generator = torch.Generator().manual_seed(seed)
    hidden, weight = (torch.randn(rows, WIDTH, generator=generator) for rows in (sum(lengths), words))
    offset = torch.randn(words, generator=generator).requires_grad_() if bias else None
    return Case(hidden.requires_grad_(), weight.requires_grad_(), offset, lengths, labels, blank)


@some.composite
def cases(draw: some.DrawFn) -> Case:
    words = draw(some.integers(2, 6))
    blank = draw(some.integers(0, words - 1))
    label = some.integers(0, words - 1).filter(lambda word: word != blank)
    sentences = draw(
        some.lists(some.tuples(some.integers(0, 7), some.lists(label, max_size=5)), min_size=1, max_size=5)
    )
    lengths, labels = [length for length, _ in sentences], [labels for _, labels in sentences]
    return case(lengths, labels, words, blank, draw(some.integers(0, 1000)), bias=draw(some.booleans()))


def spelled(path: tuple[int, ...], blank: int) -> list[int]:
    return [word for word, _ in groupby(path) if word != blank]


def torch_likelihood(given: Case) -> list[Tensor]:
    """Minus log-likelihood of each sentence by torch's CTC over all words; inf where it finds no path."""
    return [
        functional.ctc_loss(
            table,
            torch.tensor(labels, dtype=torch.int64),
            torch.tensor(len(table)),
            torch.tensor(len(labels)),
            blank=given.blank,
            reduction="sum",
        )
        if len(table)
        else table.new_tensor(math.inf if labels else 0.0)
        for table, labels in zip(given.log_probabilities(), given.labels, strict=True)
    ]


def by_all_paths(table: Tensor, labels: list[int], blank: int) -> float:
    """Minus log of the summed probability of every path that spells the labels."""
    paths = product(range(table.shape[1]), repeat=len(table))
    logs = [
        sum(table[place, word].item() for place, word in enumerate(path))
        for path in paths
        if spelled(path, blank) == labels
    ]
    return -torch.tensor(logs, dtype=torch.float64).logsumexp(0).item() if logs else math.inf


@settings(max_examples=150, deadline=None)
@given(given_case=cases(), rows=some.integers(1, 20), budget=some.sampled_from([1, 100, 10**6]))
def test_value_and_gradient_are_torchs_over_all_words(given_case: Case, rows: int, budget: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "ROWS", rows)
        found = given_case.likelihood(budget)
    expected = torch_likelihood(given_case)
    torch.testing.assert_close(found.each, torch.stack(expected).detach())
    assert found.feasible.tolist() == [bool(value.isfinite()) for value in expected]
    total = sum((value for value in expected if value.isfinite()), torch.zeros(()))
    torch.testing.assert_close(found.total, total)
    assert not found.each.requires_grad
    if total.requires_grad:
        slopes = torch.autograd.grad(0.3 * total, given_case.leaves)
        for one, other in zip(torch.autograd.grad(0.3 * found.total, given_case.leaves), slopes, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("length", range(6))
def test_the_sum_over_all_paths(length: int) -> None:
    """Every label sequence over three words and a blank, on a canvas of up to five positions."""
    blank = 2
    wanted = [list(labels) for count in range(4) for labels in product((0, 1, 3), repeat=count)]
    chances = 0.0
    single = case([length], [[]], words=4, blank=blank, seed=length)
    hidden = single.hidden.detach().repeat(len(wanted), 1)
    given_case = Case(hidden, single.weight, single.bias, [length] * len(wanted), wanted, blank)
    found = given_case.likelihood()
    table = single.log_probabilities()[0].detach().double()
    for labels, value, feasible in zip(wanted, found.each.tolist(), found.feasible.tolist(), strict=True):
        expected = by_all_paths(table, labels, blank)
        assert feasible == math.isfinite(expected)
        assert value == pytest.approx(expected, abs=1e-5)
        chances += math.exp(-value)
    assert chances <= 1 + 1e-5
    if length <= 3:  # no longer labels fit
        assert chances == pytest.approx(1, abs=1e-5)


def test_what_is_not_feasible_gives_no_gradient() -> None:
    """Too long; too long for the blank between equals; an empty canvas; labels that hold the blank."""
    given_case = case([2, 3, 0, 6], [[1, 2, 3], [1, 1, 2], [4], [1, 0, 2]])
    found = given_case.likelihood()
    assert not found.feasible.any() and bool(found.each.isinf().all())
    found.total.backward()
    assert found.total.item() == 0
    assert all(leaf.grad is not None and not leaf.grad.any() for leaf in given_case.leaves)


def test_a_blank_is_needed_between_equals_only() -> None:
    found = case([3, 3, 5, 4], [[1, 2, 3], [2, 2], [2, 2, 2], [2, 2, 2]]).likelihood()
    assert found.feasible.tolist() == [True, True, True, False]


def test_neighbours_that_are_not_feasible_change_nothing() -> None:
    mixed = case([4, 2, 5], [[1, 2], [3, 3], [2]])
    states = mixed.hidden.detach().split(mixed.lengths)
    alone = Case(
        torch.cat([states[0], states[2]]).requires_grad_(), mixed.weight, mixed.bias, [4, 5], [mixed.labels[0], [2]]
    )
    one, other = mixed.likelihood(), alone.likelihood()
    torch.testing.assert_close(one.total, other.total)
    [weight], [expected] = (torch.autograd.grad(value.total, mixed.weight) for value in (one, other))
    torch.testing.assert_close(weight, expected)


@settings(max_examples=100, deadline=None)
@given(
    given_case=cases(), ties=some.booleans(), rows=some.integers(1, 20), budget=some.sampled_from([1, 60, 150, 10**6])
)
def test_the_best_two_of_all_positions(given_case: Case, ties: bool, rows: int, budget: int) -> None:
    if ties:
        given_case.hidden, given_case.weight = given_case.hidden.detach().round(), given_case.weight.detach().round()
        given_case.bias = None
    logits = functional.linear(given_case.hidden, given_case.weight, given_case.bias)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "ROWS", rows)
        found = given_case.likelihood(budget).best
    assert torch.equal(found, logits.argsort(dim=1, descending=True, stable=True)[:, :2])


def test_a_frozen_matrix_gets_no_gradient() -> None:
    given_case = case([4, 3], [[1, 2], [3]])
    given_case.weight.requires_grad_(False)
    given_case.likelihood().total.backward()
    assert given_case.weight.grad is None
    assert given_case.hidden.grad is not None
    assert given_case.bias is not None and given_case.bias.grad is not None


def test_only_the_matrix_moves() -> None:
    given_case = case([4, 3], [[1, 2], [3]])
    expected = torch.autograd.grad(given_case.likelihood().total, given_case.weight)[0]
    given_case.hidden.requires_grad_(False)
    torch.testing.assert_close(torch.autograd.grad(given_case.likelihood().total, given_case.weight)[0], expected)


def test_no_gradient_at_all() -> None:
    with torch.no_grad():
        found = case([4, 3], [[1, 2], [3]]).likelihood()
    assert not found.total.requires_grad and found.total > 0


def test_far_logits_stay_finite() -> None:
    given_case = case([6, 5], [[1, 2, 2], [3]], bias=False)
    given_case.hidden = (given_case.hidden.detach() * 300).requires_grad_()
    found = given_case.likelihood()
    torch.testing.assert_close(found.each, torch.stack(torch_likelihood(given_case)).detach())
    assert all(bool(slope.isfinite().all()) for slope in torch.autograd.grad(found.total, given_case.leaves))


def test_states_must_be_as_many_as_positions() -> None:
    given_case = case([4, 3], [[1, 2], [3]])
    given_case.lengths = [4, 4]
    with pytest.raises(ValueError, match="8 positions, but 7 states"):
        given_case.likelihood()


@pytest.mark.parametrize("confident", [False, True])
def test_bf16_is_no_further_from_the_truth_than_torch_in_bf16(confident: bool) -> None:
    """Near certainty, too, where what pulls a state to its word and what pushes it away nearly cancel."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(1, 300, (6, 8), generator=generator)
    weight = torch.randn(300, 32, generator=generator)
    path = functional.pad(labels[:, :, None], (0, 1)).flatten()
    hidden = (weight[path] if confident else 0.0) + 0.2 * torch.randn(6 * 16, 32, generator=generator)
    given_case = Case(hidden.requires_grad_(), weight.requires_grad_(), None, [16] * 6, labels.tolist())
    exact = Case(
        hidden.detach().double().requires_grad_(), weight.detach().double().requires_grad_(), None, [16] * 6, []
    )
    table = (exact.hidden @ exact.weight.t()).log_softmax(1).view(6, 16, -1).transpose(0, 1)
    lengths = torch.full((6,), 16), torch.full((6,), 8)
    truth = functional.ctc_loss(table, labels, *lengths, reduction="sum")
    with torch.autocast("cpu", torch.bfloat16):
        ours = given_case.likelihood(10_000)
        logits = given_case.hidden @ given_case.weight.t()
    theirs = functional.ctc_loss(
        logits.float().log_softmax(1).view(6, 16, -1).transpose(0, 1), labels, *lengths, reduction="sum"
    )
    assert logits.dtype == torch.bfloat16
    assert ours.total.item() == pytest.approx(theirs.item(), rel=1e-4)
    true_slopes = torch.autograd.grad(truth, exact.leaves)
    our_slopes = torch.autograd.grad(ours.total, given_case.leaves)
    their_slopes = torch.autograd.grad(theirs, given_case.leaves)
    for one, other, true in zip(our_slopes, their_slopes, true_slopes, strict=True):
        assert (one - true).norm() <= 1.2 * (other - true).norm() + 1e-3 * true.norm()


WORDS, CANVAS, SENTENCES = 250_002, 24, 10


def large(*, frozen: bool) -> Case:
    generator = torch.Generator().manual_seed(1)
    weight = (0.1 * torch.randn(WORDS, 64, generator=generator)).requires_grad_(not frozen)
    hidden = torch.randn(SENTENCES * CANVAS, 64, generator=generator).requires_grad_()
    labels = torch.randint(7, WORDS, (SENTENCES, 10), generator=generator).tolist()
    return Case(hidden, weight, None, [CANVAS] * SENTENCES, labels, blank=6)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("budget", [2**20, 2**24])
def test_no_more_logits_than_the_budget_are_alive(budget: int, frozen: bool, tmp_path: Path) -> None:
    given_case = large(frozen=frozen)
    # The matrix's gradient exists twice, kept by the forward pass and scaled by the backward one. Ranking copies a
    # thirty-second of a block; states, columns of the labels and vectors are the rest.
    gradients = 0 if frozen else 2 * given_case.weight.nbytes
    slack = gradients + budget // 16 + 20 * given_case.hidden.nbytes
    assert most_alive(lambda: given_case.likelihood(budget).total.backward(), tmp_path) <= budget + slack
    if frozen:
        assert budget + slack < 4 * WORDS * SENTENCES * CANVAS / 8


def test_the_measure_sees_all_log_probabilities(tmp_path: Path) -> None:
    given_case = large(frozen=True)
    assert most_alive(lambda: given_case.log_probabilities(), tmp_path) > 4 * WORDS * SENTENCES * CANVAS


def test_one_long_canvas_does_not_lengthen_the_others(tmp_path: Path) -> None:
    """Padded to the longest in one group, the columns of these canvases alone would be 120 MB."""
    generator = torch.Generator().manual_seed(1)
    lengths, count = [400, *[1] * 400], 180
    labels = [torch.randint(1, 40, (count,), generator=generator).tolist(), *[[1]] * 400]
    hidden, weight = (torch.randn(rows, 8, generator=generator) for rows in (sum(lengths), 40))
    given_case = Case(hidden.requires_grad_(), weight, None, lengths, labels)
    assert given_case.likelihood().feasible.all()
    assert most_alive(lambda: given_case.likelihood(2**20).total.backward(), tmp_path) < 20 * 2**20

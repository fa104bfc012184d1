"""The chunked likelihood equals one big cross-entropy in value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from anyglot.nn.feedforward import gelu
from anyglot.nn.heads import MaskedLanguageHead, OutputProjection
from anyglot.nn.losses.likelihood import LOGIT_BUDGET, chunked_likelihood, rows_at_a_time
from anyglot.nn.losses.masked_lm import masked_likelihood

ROWS, WIDTH, VOCABULARY = 11, 6, 17
BUDGETS = [1, 3 * 4 * VOCABULARY, 10**9]  # one row at a time, three, all


def inputs(rows: int = ROWS, *, bias: bool = True) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(rows, WIDTH, generator=generator).requires_grad_()
    weight = torch.randn(VOCABULARY, WIDTH, generator=generator).requires_grad_()
    offset = torch.randn(VOCABULARY, generator=generator).requires_grad_() if bias else None
    return hidden, weight, offset, torch.randint(VOCABULARY, (rows,), generator=generator)


def others(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Brute force: 1 - smoothing on the gold word, the rest on the V - 1 others alike."""
    wanted = torch.full_like(logits, smoothing / (VOCABULARY - 1))
    wanted.scatter_(1, targets[:, None], 1 - smoothing)
    return -(wanted * logits.log_softmax(1)).sum()


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("form", ["all", "others"])
@pytest.mark.parametrize("bias", [False, True])
def test_value_and_gradient(budget: int, smoothing: float, form: str, bias: bool) -> None:
    hidden, weight, offset, targets = inputs(bias=bias)
    leaves = [leaf for leaf in (hidden, weight, offset) if leaf is not None]
    logits = functional.linear(hidden, weight, offset)
    if form == "all":
        expected = functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    else:
        expected = others(logits, targets, smoothing)
    slopes = torch.autograd.grad(0.3 * expected, leaves)
    found = chunked_likelihood(hidden, weight, offset, targets, smoothing=smoothing, form=form, budget=budget)  # type: ignore[arg-type]
    torch.testing.assert_close(found.smoothed, expected)
    plain = functional.cross_entropy(functional.linear(hidden, weight, offset), targets, reduction="sum")
    torch.testing.assert_close(found.negative_log_likelihood, plain)
    for one, other in zip(torch.autograd.grad(0.3 * found.smoothed, leaves), slopes, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)


def test_fewer_rows_are_taken_where_all_words_then_fit_into_the_budget() -> None:
    assert rows_at_a_time(6_000, torch.bfloat16, LOGIT_BUDGET) == LOGIT_BUDGET // (6 * 6_000) < 1024
    assert rows_at_a_time(1_000, torch.float32, LOGIT_BUDGET) == 1024
    assert rows_at_a_time(250_000, torch.bfloat16, LOGIT_BUDGET) == 1024  # 22 rows would be too few


def test_rows_in_several_parts_with_all_words_each() -> None:
    hidden, weight, _, targets = inputs(rows=700, bias=False)
    budget = 300 * 4 * VOCABULARY
    assert rows_at_a_time(VOCABULARY, torch.float32, budget) == 300
    found = chunked_likelihood(hidden, weight, None, targets, smoothing=0.1, budget=budget)
    expected = functional.cross_entropy(hidden @ weight.t(), targets, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(found.smoothed, expected)
    slopes = torch.autograd.grad(expected, [hidden, weight])
    for one, other in zip(torch.autograd.grad(found.smoothed, [hidden, weight]), slopes, strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=1e-4)


def test_the_two_forms_differ() -> None:
    hidden, weight, offset, targets = inputs()
    one, other = (
        chunked_likelihood(hidden, weight, offset, targets, smoothing=0.5, form=form).smoothed
        for form in ("all", "others")
    )
    assert not torch.allclose(one, other)


def test_a_frozen_matrix_gets_no_gradient() -> None:
    hidden, weight, offset, targets = inputs()
    weight.requires_grad_(False)
    chunked_likelihood(hidden, weight, offset, targets).smoothed.backward()
    assert weight.grad is None and hidden.grad is not None and offset is not None and offset.grad is not None


def test_only_the_matrix_moves() -> None:
    hidden, weight, offset, targets = inputs()
    expected = torch.autograd.grad(chunked_likelihood(hidden, weight, offset, targets).smoothed, weight)
    found = torch.autograd.grad(chunked_likelihood(hidden.detach(), weight, offset, targets).smoothed, weight)
    torch.testing.assert_close(found, expected)


def test_no_gradient_at_all() -> None:
    hidden, weight, offset, targets = inputs()
    with torch.no_grad():
        found = chunked_likelihood(hidden, weight, offset, targets)
    assert not found.smoothed.requires_grad and found.smoothed > 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_no_targets(smoothing: float) -> None:
    hidden, weight, offset, targets = inputs(rows=0)
    found = chunked_likelihood(hidden, weight, offset, targets, smoothing=smoothing)
    found.smoothed.backward()
    assert found.smoothed.item() == 0.0 == found.negative_log_likelihood.item()
    assert weight.grad is not None and not weight.grad.any()


def test_the_reported_likelihood_carries_no_gradient() -> None:
    assert not chunked_likelihood(*inputs()).negative_log_likelihood.requires_grad


def test_far_logits_stay_finite() -> None:
    hidden, weight, _, targets = inputs(bias=False)
    found = chunked_likelihood(hidden * 1e4, weight, None, targets, smoothing=0.1)
    expected = functional.cross_entropy(hidden * 1e4 @ weight.t(), targets, reduction="sum", label_smoothing=0.1)
    torch.testing.assert_close(found.smoothed, expected)


def test_bf16_states() -> None:
    hidden, weight, _, targets = inputs()
    low = [leaf.detach().bfloat16().requires_grad_() for leaf in (hidden, weight)]
    found = chunked_likelihood(low[0], low[1], None, targets, budget=1)
    logits = (low[0] @ low[1].t()).float()
    torch.testing.assert_close(found.smoothed, functional.cross_entropy(logits, targets, reduction="sum"))
    found.smoothed.backward()
    assert low[0].grad is not None and low[0].grad.dtype == torch.bfloat16


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_out_of_range(smoothing: float) -> None:
    with pytest.raises(ValueError, match="label smoothing"):
        chunked_likelihood(*inputs(), smoothing=smoothing)


def head() -> MaskedLanguageHead:
    torch.manual_seed(0)
    table = nn.Parameter(torch.randn(VOCABULARY, WIDTH))
    bias = nn.Parameter(torch.randn(VOCABULARY))
    return MaskedLanguageHead(WIDTH, OutputProjection(table, bias=bias), gelu, epsilon=1e-5)


def test_masked_likelihood_is_cross_entropy_at_the_labels() -> None:
    top, generator = head(), torch.Generator().manual_seed(1)
    hidden = [torch.randn(3, 5, WIDTH, generator=generator), torch.randn(2, 4, WIDTH, generator=generator)]
    labels = [torch.full(states.shape[:2], -100) for states in hidden]
    labels[0][0, 1], labels[0][2, 0], labels[0][2, 4], labels[1][1, 3] = 4, 0, 16, 2
    total, sums = masked_likelihood(list(zip(hidden, labels, strict=True)), top)
    expected = [
        functional.cross_entropy(top(states).flatten(0, 1), gold.flatten(), ignore_index=-100, reduction="sum")
        for states, gold in zip(hidden, labels, strict=True)
    ]
    torch.testing.assert_close(total, sum(expected))
    torch.testing.assert_close(sums, expected)
    slopes = torch.autograd.grad(sum(expected), list(top.parameters()))
    for one, other in zip(torch.autograd.grad(total, list(top.parameters())), slopes, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)


def test_masked_likelihood_of_nothing() -> None:
    total, [nll] = masked_likelihood([(torch.randn(2, 3, WIDTH), torch.full((2, 3), -100))], head())
    total.backward()
    assert total.item() == nll.item() == 0.0

"""The loss over a large table: equal to torch's, in fp32 and bf16, without more logits than its budget in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from anyglot.nn.losses.likelihood import LOGIT_BUDGET, chunked_likelihood

ROWS, WIDTH, WORDS = 700, 16, 30_000  # one big cross-entropy holds 84 MB of logits, and as much again of gradient
ALL_LOGITS = 4 * ROWS * WORDS


def inputs(kind: torch.dtype = torch.float32, rows: int = ROWS, words: int = WORDS) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(rows, WIDTH, generator=generator).to(kind).requires_grad_()
    weight = (0.5 * torch.randn(words, WIDTH, generator=generator)).to(kind).requires_grad_()
    return hidden, weight, torch.randint(words, (rows,), generator=generator)


def most_alive(work: Callable[[], object], folder: Path) -> int:
    """The most bytes that `work` holds at a time beyond what there was before, by torch's allocator."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        kept = work()
    watched.export_chrome_trace(str(folder / "trace.json"))
    del kept
    events = json.loads((folder / "trace.json").read_text())["traceEvents"]
    changes = sorted((event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]")
    alive = most = 0
    for _, change in changes:
        alive += change
        most = max(most, alive)
    return most


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("budget", [2**20, LOGIT_BUDGET])
def test_no_more_logits_than_the_budget_are_alive(budget: int, frozen: bool, tmp_path: Path) -> None:
    hidden, weight, targets = inputs()
    weight.requires_grad_(not frozen)

    def work() -> None:
        chunked_likelihood(hidden, weight, None, targets, smoothing=0.1, budget=budget).smoothed.backward()

    results = hidden.nbytes + (0 if frozen else weight.nbytes)
    # Gradients exist twice, kept by the forward pass and scaled by the backward one; the rest is rows and vectors.
    slack = 2 * results + 4 * hidden.nbytes + 2**20
    assert most_alive(work, tmp_path) <= budget + slack < ALL_LOGITS


def test_the_measure_sees_one_big_cross_entropy(tmp_path: Path) -> None:
    hidden, weight, targets = inputs()
    assert most_alive(lambda: functional.cross_entropy(hidden @ weight.t(), targets).backward(), tmp_path) > ALL_LOGITS


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equal_to_one_big_cross_entropy_in_fp32(smoothing: float) -> None:
    hidden, weight, targets = inputs(rows=200, words=5000)
    expected = functional.cross_entropy(hidden @ weight.t(), targets, reduction="sum", label_smoothing=smoothing)
    slopes = torch.autograd.grad(expected, [hidden, weight])
    found = chunked_likelihood(hidden, weight, None, targets, smoothing=smoothing, budget=2**18).smoothed
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    for one, other in zip(torch.autograd.grad(found, [hidden, weight]), slopes, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_no_further_from_the_truth_in_bf16_than_one_big_cross_entropy(smoothing: float) -> None:
    """Both round their products; measured against float64 ours is not the worse one."""
    hidden, weight, targets = inputs(torch.bfloat16, rows=200, words=5000)
    exact = [leaf.detach().double().requires_grad_() for leaf in (hidden, weight)]

    def big(states: Tensor, table: Tensor) -> Tensor:
        logits = states @ table.t()
        logits = logits.float() if logits.dtype == torch.bfloat16 else logits
        return functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)

    truth, theirs = big(*exact), big(hidden, weight)
    ours = chunked_likelihood(hidden, weight, None, targets, smoothing=smoothing, budget=2**18).smoothed
    assert abs(ours - truth) <= 1.5 * abs(theirs - truth) + 1e-4 * truth
    true_slopes = torch.autograd.grad(truth, exact)
    their_slopes = torch.autograd.grad(theirs, [hidden, weight])
    our_slopes = torch.autograd.grad(ours, [hidden, weight])
    for one, other, true in zip(our_slopes, their_slopes, true_slopes, strict=True):
        assert (one - true).norm() <= 1.2 * (other - true).norm() + 1e-3 * true.norm()

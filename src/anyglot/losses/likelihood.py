"""The likelihood of target tokens under an output matrix, without ever holding all logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

# Bytes of float32 logits alive at a time. 250,002 words x 64 rows is this much.
LOGIT_BUDGET = 64 * 2**20

SmoothingForm = Literal["all", "others"]


@dataclass(frozen=True)
class Likelihood:
    """Sums over the targets: the smoothed loss to minimise and the plain negative log-likelihood to report."""

    smoothed: Tensor
    negative_log_likelihood: Tensor


def chunked_likelihood(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    targets: Tensor,
    *,
    smoothing: float = 0.0,
    form: SmoothingForm = "all",
    budget: int = LOGIT_BUDGET,
) -> Likelihood:
    """Negative log-likelihood, label-smoothed, of `targets` given states and an output matrix.

    The logits are made, used and dropped a few rows at a time, in the forward pass, together with their gradient; a
    frozen matrix costs no gradient. Values and gradients equal those of one big cross-entropy.

    Smoothing (SixT+ card 1.3) spreads the mass `smoothing` over all V words, the gold one included ("all": torch's
    cross_entropy and the fairseq of SixT+), or over the V - 1 others ("others": later fairseq and THUMT).

    Args:
        hidden: States in front of the output matrix, one row a target: no padding rows.
        weight: The output matrix.
        targets: Gold ids.
        smoothing: Mass taken from the gold word.
        form: Where the mass goes.
        budget: Bytes of logits alive at a time.

    Shape:
        hidden: (N, D)    weight: (V, D)    bias: (V,)    targets: (N,) int64    returns: two scalars, float32
    """
    if not 0.0 <= smoothing < 1.0:
        raise ValueError(f"label smoothing {smoothing} is outside [0, 1).")
    rows = max(1, budget // (4 * weight.shape[0]))
    smoothed, plain = _ChunkedLikelihood.apply(hidden, weight, bias, targets, smoothing, form, rows)  # type: ignore[no-untyped-call]
    return Likelihood(smoothed, plain)


class _ChunkedLikelihood(torch.autograd.Function):
    """Forward computes value and gradients chunk by chunk; backward scales the latter."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
        form: SmoothingForm,
        rows: int,
    ) -> tuple[Tensor, Tensor]:
        vocabulary = weight.shape[0]
        # loss = gold_share * nll + word_share * (sum of -log p over all words); the shares add up to one.
        word_share = smoothing / (vocabulary if form == "all" else vocabulary - 1)
        gold_share = 1.0 - word_share * vocabulary
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        hidden_gradient = torch.empty_like(hidden) if wants_hidden else None
        weight_gradient = torch.zeros_like(weight) if wants_weight else None
        bias_gradient = torch.zeros_like(bias) if bias is not None and wants_bias else None
        smoothed = hidden.new_zeros((), dtype=torch.float32)
        plain = hidden.new_zeros((), dtype=torch.float32)
        for start in range(0, hidden.shape[0], rows):
            states, gold = hidden[start : start + rows], targets[start : start + rows, None]
            logits = functional.linear(states, weight, bias).float()
            normaliser = logits.logsumexp(dim=1, keepdim=True)
            nll = (normaliser - logits.gather(1, gold)).sum()
            plain += nll
            smoothed += gold_share * nll
            if smoothing:
                smoothed += word_share * (vocabulary * normaliser.sum() - logits.sum())
            if not (wants_hidden or wants_weight or wants_bias):
                continue
            slope = logits.sub_(normaliser).exp_()  # the softmax, in the logits' memory
            if smoothing:
                slope.sub_(word_share)
            slope.scatter_add_(1, gold, torch.full_like(gold, -gold_share, dtype=slope.dtype))
            if bias_gradient is not None:
                bias_gradient += slope.sum(dim=0).to(bias_gradient)
            slope = slope.to(states.dtype)
            if hidden_gradient is not None:
                torch.mm(slope, weight.to(slope.dtype), out=hidden_gradient[start : start + rows])
            if weight_gradient is not None:
                weight_gradient += (slope.t() @ states).to(weight_gradient)
        ctx.save_for_backward(hidden_gradient, weight_gradient, bias_gradient)
        ctx.mark_non_differentiable(plain)
        return smoothed, plain

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        scale = upstream[0]
        gradients = [None if kept is None else kept * scale.to(kept.dtype) for kept in ctx.saved_tensors]
        return (*gradients, None, None, None, None)

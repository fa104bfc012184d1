"""The likelihood of target tokens under an output matrix, without ever holding all logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from anyglot.nn.losses.sweep import Sweep, logit_size, product_kind

# Bytes of logits alive at a time, their copy in lower precision included. The logits of a block are read some eight
# times, so it pays that a block stays in a processor's last cache.
LOGIT_BUDGET = 32 * 2**20
# Rows taken at a time: enough that reading the matrix costs little beside the products with it.
ROWS = 1024
# Fewer are taken, down to these, where the logits of all words then fit into the budget: the gradient of the matrix
# comes out of them, without a second pass.
FEWEST_ROWS = 256

SmoothingForm = Literal["all", "others"]


@dataclass(frozen=True)
class Likelihood:
    """The smoothed loss to minimise, summed over the targets, and the plain negative log-likelihoods to report.

    Shape:
        smoothed: scalar    each: (N,), without gradient
    """

    smoothed: Tensor
    each: Tensor

    @property
    def negative_log_likelihood(self) -> Tensor:
        """Sum over the targets, a scalar."""
        return self.each.sum()

    def of_sentences(self, mask: Tensor) -> Tensor:
        """The negative log-likelihoods summed by sentence, for targets that stand where `mask` is True.

        Shape:
            mask: (B, T) bool, True at N places    returns: (B,) float32
        """
        return self.each.new_zeros(mask.shape).masked_scatter_(mask, self.each).sum(dim=1)


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

    The logits are made, used and dropped a block at a time, in the forward pass, together with their gradient; a
    frozen matrix costs no gradient. Values and gradients equal those of one big cross-entropy. Products are in
    autocast's precision where that is on, all sums in float32.

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
        hidden: (N, D)    weight: (V, D)    bias: (V,)    targets: (N,) int64    returns: a scalar and (N,), float32
    """
    if not 0.0 <= smoothing < 1.0:
        raise ValueError(f"label smoothing {smoothing} is outside [0, 1).")
    others = weight.shape[0] - (form == "others")
    smoothed, each = _ChunkedLikelihood.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, targets, smoothing / others, budget
    )
    return Likelihood(smoothed, each)


def rows_at_a_time(vocabulary: int, kind: torch.dtype, budget: int) -> int:
    """How many rows of logits are looked at together: those whose logits of all words fit, if that is enough rows."""
    whole = budget // (logit_size(kind) * vocabulary)
    return min(whole, ROWS) if whole >= FEWEST_ROWS else ROWS


@torch.no_grad()
def likeliest(hidden: Tensor, weight: Tensor, bias: Tensor | None, *, budget: int = LOGIT_BUDGET) -> Tensor:
    """The two likeliest words of each state, likeliest first, ties to the lower; memory and precision as above.

    Shape:
        hidden: (N, D)    weight: (V, D)    bias: (V,)    returns: (N, 2) int64
    """
    best = hidden.new_zeros((len(hidden), 2), dtype=torch.int64)
    none = best.new_full((len(hidden), 1), -1)
    for states, gold, words in zip(*(torch.split(part, ROWS) for part in (hidden, none, best)), strict=True):
        if len(states):
            found = Sweep(states.to(product_kind(hidden)), weight, bias, gold, budget).forward(pull=False, rank=True)
            assert found.best is not None
            words.copy_(found.best)
    return best


class _ChunkedLikelihood(torch.autograd.Function):
    """Forward computes value and gradients block by block; backward scales the latter.

    With u for `word_share`, what every word is given, and g = 1 - uV for what the gold one gets on top, the loss of a
    row is g * nll + u * sum_v(-log p_v), and its gradient with regard to the logits is p - u - g * [gold].
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, word_share: float, budget: int
    ) -> tuple[Tensor, Tensor]:
        vocabulary = weight.shape[0]
        gold_share = 1.0 - word_share * vocabulary
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        kind = product_kind(hidden)
        hidden_gradient = torch.empty_like(hidden) if wants_hidden else None
        weight_gradient = torch.zeros_like(weight) if wants_weight else None
        bias_gradient = torch.zeros_like(bias) if bias is not None and wants_bias else None
        all_words = weight.sum(dim=0, dtype=torch.float32) if word_share else None
        share = torch.full((1, 1), gold_share, device=hidden.device)
        each = hidden.new_empty(hidden.shape[0], dtype=torch.float32)
        smoothed = hidden.new_zeros((), dtype=torch.float32)
        rows = rows_at_a_time(vocabulary, kind, budget) if wants_weight else ROWS
        chunks = -(-hidden.shape[0] // rows)
        sweep = None
        for number in range(chunks):
            # Rounded up, so that no later part has more rows than the first, whose memory all use.
            part = slice(*(-(-hidden.shape[0] * edge // chunks) for edge in (number, number + 1)))
            sweep = Sweep(hidden[part].to(kind), weight, bias, targets[part, None], budget, sweep)
            sums = sweep.forward(pull=wants_hidden)
            each[part] = (sums.normalizer - sums.gold)[:, 0]
            smoothed += gold_share * each[part].sum()
            if all_words is not None:
                logits = (sweep.states.float() @ all_words).sum()
                logits += 0.0 if bias is None else len(sums.gold) * bias.sum(dtype=torch.float32)
                smoothed += word_share * (vocabulary * sums.normalizer.sum() - logits)
            if hidden_gradient is not None:
                assert sums.pulled is not None
                gold_rows = weight[targets[part]].float()
                sums.pulled.addcmul_((sums.gold - sums.normalizer).exp_() - gold_share, gold_rows)
                if all_words is not None:
                    sums.pulled.sub_(word_share * all_words)
                hidden_gradient[part] = sums.pulled
            if wants_weight or wants_bias:
                sweep.backward(sums, word_share, share, weight_gradient, bias_gradient)
        ctx.save_for_backward(hidden_gradient, weight_gradient, bias_gradient)
        ctx.mark_non_differentiable(each)
        return smoothed, each

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        scale = upstream[0]
        gradients = [None if kept is None else kept * scale.to(kept.dtype) for kept in ctx.saved_tensors]
        return (*gradients, None, None, None)

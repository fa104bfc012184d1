"""Connectionist temporal classification over an output matrix, without ever holding all log-probabilities.

Graves et al. (2006): the probability of labels is that of all paths over the canvas that become the labels when repeats
are merged and blanks dropped. A path over a sentence's lattice only ever takes the blank and the sentence's own labels,
so of a vocabulary of 250,002 a sentence of 30 labels needs 31 columns and the normalizer of every position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.nn.losses.likelihood import LOGIT_BUDGET, ROWS
from anyglot.nn.losses.sweep import Sweep, product_kind

# Log-probability of a column that stands for no label. Not -inf: torch subtracts it from itself.
NEVER = -1e30


@dataclass(frozen=True)
class Ctc:
    """The loss to minimise, and what to report.

    Attributes:
        total: Sum of -log p(labels | canvas) over the feasible sentences.
        each: The same of each sentence, without gradient; inf where it is not feasible.
        feasible: Whether any path spells the labels.
        best: The two likeliest rows of the output matrix at every position, likeliest first, ties to the lower.

    Shape:
        total: scalar    each: (B,) float32    feasible: (B,) bool    best: (R, 2) int64
    """

    total: Tensor
    each: Tensor
    feasible: Tensor
    best: Tensor


def ctc_likelihood(
    hidden: Tensor,
    lengths: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    labels: Tensor,
    label_lengths: Tensor,
    blank: int,
    *,
    budget: int = LOGIT_BUDGET,
) -> Ctc:
    """Negative log-likelihood of label sequences, given states of a canvas and an output matrix (SGA 4.3, 4.4).

    Logits are made, used and dropped a block at a time, in the forward pass, together with their gradient; what stays
    of them for a group of sentences is a column for the blank and each label. A frozen matrix costs no gradient. Values
    and gradients equal those of a log-softmax over all words and torch's CTC. Products are in autocast's precision
    where that is on, all sums in float32.

    A sentence is feasible if its canvas has a position for each label and one for a blank between equal neighbours.
    Labels that hold the blank itself are spelled by no path. Sentences that are not feasible give no gradient.

    Args:
        hidden: States in front of the output matrix at the real positions of each canvas, sentence by sentence.
        lengths: Positions of each canvas; their sum is R.
        weight: The output matrix.
        labels: Rows of the matrix; what stands behind a sentence's last label does not matter.
        label_lengths: Labels of each sentence.
        blank: The blank's row of the matrix.
        budget: Bytes of logits alive at a time, those of the labels not counted.

    Raises:
        ValueError: There are not as many states as positions.

    Shape:
        hidden: (R, D)    lengths, label_lengths: (B,) int64    weight: (V, D)    bias: (V,)    labels: (B, U) int64
    """
    if int(lengths.sum()) != hidden.shape[0]:
        raise ValueError(f"the canvases have {int(lengths.sum())} positions, but {hidden.shape[0]} states were given.")
    labels = functional.pad(labels, (0, 1))  # at least one place, for sentences that have no label
    used = torch.arange(labels.shape[1], device=labels.device) < label_lengths[:, None]
    feasible = _feasible(lengths, labels, used, blank)
    total, each, best = _CtcLikelihood.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, lengths, labels.where(used, -1), label_lengths, feasible, blank, budget
    )
    return Ctc(total, each, feasible, best)


def _feasible(lengths: Tensor, labels: Tensor, used: Tensor, blank: int) -> Tensor:
    repeats = (labels[:, 1:] == labels[:, :-1]) & used[:, 1:]
    needed = used.sum(dim=1) + repeats.sum(dim=1)
    return (needed <= lengths) & ~((labels == blank) & used).any(dim=1)


class _CtcLikelihood(torch.autograd.Function):
    """Forward computes value and gradients a group of sentences at a time; backward scales the latter.

    The gradient of a logit is the word's probability less its posterior, the share of the labels' paths that take it
    there. Posteriors are zero but for blank and labels, and for those torch's CTC gives that very difference as the
    gradient of their log-probabilities: it takes for granted that a log-softmax made them.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        lengths: Tensor,
        labels: Tensor,
        label_lengths: Tensor,
        feasible: Tensor,
        blank: int,
        budget: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        kind = product_kind(hidden)
        hidden_gradient = torch.zeros_like(hidden) if wants_hidden else None
        weight_gradient = torch.zeros_like(weight) if wants_weight else None
        bias_gradient = torch.zeros_like(bias) if bias is not None and wants_bias else None
        each = hidden.new_zeros(len(lengths), dtype=torch.float32).masked_fill_(~feasible, torch.inf)
        best = lengths.new_empty(hidden.shape[0], 2)
        sweep = None
        for sentences, rows in _groups(lengths.tolist()):
            lattice = _Lattice(
                lengths[sentences], labels[sentences], label_lengths[sentences], feasible[sentences], blank
            )
            sweep = Sweep(hidden[rows].to(kind), weight, bias, lattice.words_of_rows(), budget, sweep)
            sums = sweep.forward(pull=wants_hidden, rank=True)
            assert sums.best is not None
            best[rows] = sums.best
            columns = (sums.gold - sums.normalizer).clamp_(min=NEVER)
            each[sentences], slopes = lattice.likelihood(columns, slope=any(ctx.needs_input_grad[:3]))
            if slopes is None:
                continue
            idle = ~lattice.feasible[lattice.sentence_of_row, None]
            if hidden_gradient is not None:
                assert sums.pulled is not None
                hidden_gradient[rows] = sums.pulled.masked_fill_(idle, 0.0) + lattice.weighted(slopes, weight)
            if wants_weight or wants_bias:
                posteriors = columns.exp_().masked_fill_(idle, 0.0).sub_(slopes)
                sums.normalizer.masked_fill_(idle, torch.inf)
                sweep.backward(sums, 0.0, posteriors, weight_gradient, bias_gradient)
        ctx.save_for_backward(hidden_gradient, weight_gradient, bias_gradient)
        ctx.mark_non_differentiable(each, best)
        return each.masked_fill(~feasible, 0.0).sum(), each, best

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        scale = upstream[0]
        gradients = [None if kept is None else kept * scale.to(kept.dtype) for kept in ctx.saved_tensors]
        return (*gradients, None, None, None, None, None, None)


def _groups(lengths: list[int]) -> Iterator[tuple[slice, slice]]:
    """Neighbouring sentences, about ROWS positions at a time, twice that padded at most; and their positions."""
    first = row = reached = longest = 0
    for number, length in enumerate(lengths):
        longest = max(longest, length)
        if reached > row and (reached + length > row + ROWS or longest * (number + 1 - first) > 2 * ROWS):
            yield slice(first, number), slice(row, reached)
            first, row, longest = number, reached, length
        reached += length
    if reached > row:
        yield slice(first, len(lengths)), slice(row, reached)


class _Lattice:
    """What a group of sentences' paths can take: `words` (B, 1 + U), the blank, then the labels; -1 stands for none.

    A label that comes again uses the column of its first occurrence: that two neighbours are equal, and need a blank
    between them, is seen by their columns.
    """

    def __init__(self, lengths: Tensor, labels: Tensor, label_lengths: Tensor, feasible: Tensor, blank: int) -> None:
        label_lengths = label_lengths.where(feasible, 0)
        labels = labels[:, : max(1, int(label_lengths.max()))].masked_fill(~feasible[:, None], -1)
        self.lengths, self.label_lengths, self.feasible = lengths, label_lengths, feasible
        self.first = (labels[:, :, None] == labels[:, None, :]).byte().argmax(dim=2)
        again = self.first != torch.arange(labels.shape[1], device=labels.device)
        spelled = labels.masked_fill(again, -1)
        self.words = torch.cat([torch.full_like(lengths, blank)[:, None], spelled], dim=1)
        self.sentence_of_row = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)

    def words_of_rows(self) -> Tensor:
        """The words of each position: (R, 1 + U)."""
        return self.words[self.sentence_of_row]

    def likelihood(self, columns: Tensor, *, slope: bool) -> tuple[Tensor, Tensor | None]:
        """Negative log-likelihood of each sentence, inf if not feasible; and the slope of each column's logit.

        Shape:
            columns: (R, 1 + U), log-probabilities    returns: (B,) and (R, 1 + U), zero where not feasible
        """
        real = torch.arange(int(self.lengths.max()), device=columns.device) < self.lengths[:, None]
        canvas = columns.new_full((*real.shape, columns.shape[1]), NEVER)
        canvas[real] = columns
        each = columns.new_zeros(len(self.lengths)).masked_fill_(~self.feasible, torch.inf)
        scored = (self.feasible & (self.lengths > 0)).nonzero()[:, 0]
        if not len(scored):
            return each, torch.zeros_like(columns) if slope else None
        # Each sentence's gradient is that of its own value. cuDNN's CTC has other limits and another gradient.
        with torch.set_grad_enabled(slope), torch.backends.cudnn.flags(enabled=False):
            paths = canvas[scored].transpose(0, 1).requires_grad_(slope)
            values = functional.ctc_loss(
                paths, 1 + self.first[scored], self.lengths[scored], self.label_lengths[scored], reduction="none"
            )
            [gradient] = torch.autograd.grad(values.sum(), paths) if slope else [None]
        each[scored] = values.detach()
        if gradient is None:
            return each, None
        slopes = torch.zeros_like(canvas)
        slopes[scored] = gradient.transpose(0, 1)
        return each, slopes[real]

    def weighted(self, slopes: Tensor, weight: Tensor) -> Tensor:
        """The words' rows of the matrix added up by their slopes: (R, D) float32."""
        gradient = slopes.new_empty(len(slopes), weight.shape[1])
        sizes = self.lengths.tolist()
        sentences = zip(torch.split(slopes, sizes), self.words, torch.split(gradient, sizes), strict=True)
        with torch.autocast(slopes.device.type, enabled=False):
            for part, words, rows in sentences:
                torch.mm(part, weight[words.clamp(min=0)].float(), out=rows)
        return gradient

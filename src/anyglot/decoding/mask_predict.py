"""Writing in several passes: all at once, then again where the model was least sure (Ghazvininejad et al., 2019).

The canvas is `<s> <mask> ... </s>`. Each pass writes on all masks; then the least probable tokens become masks again,
fewer each time: after pass i of N over n positions (n - 2) (N - i) / N, rounded down. By one rule they are the lowest of
all tokens (Ghazvininejad et al.), by the other of those that the pass wrote, so that a token that was kept once is kept
for good (the released code of SGA, method card 3.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor

from anyglot.decoding.logits import Logits, top_places
from anyglot.decoding.parallel import ParallelModel
from anyglot.decoding.protocols import Hypothesis
from anyglot.decoding.refine import Reading, Refined, Round, denoise
from anyglot.decoding.selection import require_numbers

Remasking = Literal["paper", "standard"]
REMASKINGS: tuple[Remasking, ...] = get_args(Remasking)
SHORTEST = 3
"""Positions of the shortest canvas: `<s>`, one token, `</s>`."""


class MaskPredictModel(ParallelModel, Protocol):
    """A parallel model that predicts how long its canvas is, and reads what already stands on it."""

    longest: int
    """Most positions of a canvas."""
    upsampling: int
    """How often each token stands in what `denoise` reads."""
    mask_id: int
    """The mask token, as an id of the table."""

    def length_scores(self, state: Any) -> Tensor:
        """Log-probabilities of lengths, (B, more than `longest`) float32; place n is a canvas of n positions."""

    def framed_canvas(self, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Canvases `<s> <mask> ... </s>` of these lengths, (B,) int64: tokens (B, T) int64, mask (B, T) bool."""

    def align(self, tokens: Tensor, mask: Tensor, state: Any, at: Tensor | None = None) -> Logits:
        """Write on the canvas: one row for each position where `at`, (B, T) bool, is True, or for each real one."""


@dataclass(frozen=True)
class MaskPredictRule:
    """How to write.

    Attributes:
        iterations: Passes over the canvas, N; 0 leaves everything to the denoiser.
        remasking: Which tokens may become masks again: "paper", those of the last pass; "standard", all.
        length_beam: Lengths that are tried, the likeliest ones; the text with the best mean log-probability wins.
    """

    iterations: int = 4
    remasking: Remasking = "paper"
    length_beam: int = 1

    def __post_init__(self) -> None:
        if self.iterations < 0 or self.length_beam < 1:
            raise ValueError(
                f"mask-predict takes 0 or more iterations and 1 or more lengths, not {self.iterations} and "
                f"{self.length_beam}."
            )
        if self.remasking not in REMASKINGS:
            raise ValueError(f"there is no re-masking '{self.remasking}': choose one of {', '.join(REMASKINGS)}.")


@torch.no_grad()
def mask_predict(
    model: MaskPredictModel,
    source: Tensor,
    source_mask: Tensor,
    *,
    rule: MaskPredictRule | None = None,
    rounds: int = 1,
    reading: Reading | None = None,
) -> list[Refined]:
    """Predict lengths, write on canvases of these lengths, denoise the best of them up to `rounds` times.

    The score of a hypothesis is the mean log-probability of its tokens on the canvas, by which lengths compete. The
    released code denoises after every iteration but reads nothing off it until the last; so it is done once, then.

    Args:
        source: Source tokens, padded on the right; for independence of the batch see `refine`.
        rounds: Of denoising; 0 takes what stands on the canvas.
        reading: `n_best` of the lengths tried are wanted, each denoised; `beams` reads the denoiser's canvas.

    Shape:
        source: (B, S) int64    source_mask: (B, S) bool    returns: B results, with the rounds of the best length

    Raises:
        ValueError: Rounds of a model that has no denoiser; neither iterations nor rounds.
        UserError: The model's output is not a number.
    """
    rule, reading = rule or MaskPredictRule(), reading or Reading()
    if rounds < 0 or (rounds and not model.refines):
        raise ValueError(f"{rounds} rounds cannot be had from a model with{'' if model.refines else 'out'} a denoiser.")
    if not rounds and not rule.iterations:
        raise ValueError("without iterations and without rounds nothing is written.")
    if not len(source):
        return []
    state = model.read(source, source_mask)
    lengths = likeliest_lengths(model.length_scores(state), model.longest, rule.length_beam)
    tried = lengths.shape[1]
    rows = torch.arange(len(source), device=source.device).repeat_interleave(tried)
    state = state if tried == 1 else model.keep(state, rows)
    filled = fill(model, *model.framed_canvas(lengths.reshape(-1)), state, rule, (*reading.never, *reading.frame))
    ranked = filled.ranked(tried, min(reading.n_best, tried))
    kept = ranked.reshape(-1)
    if rounds:
        state = state if len(kept) == len(rows) == len(source) else model.keep(state, kept)
        tokens, mask = (part[kept].repeat_interleave(model.upsampling, dim=1) for part in (filled.tokens, filled.mask))
        denoised = denoise(model, tokens, mask, state, rounds=rounds, reading=reading)
    results = []
    for sentence, places in enumerate(ranked.tolist()):
        hypotheses = [filled.hypothesis(place, reading) for place in places]
        own = filled.rounds(places[0], reading)
        if rounds:
            found = denoised[sentence * len(places) : (sentence + 1) * len(places)]
            own += found[0].rounds
            hypotheses = [
                Hypothesis(better.tokens, first.score, better.log_probability)
                for first, each in zip(hypotheses, found, strict=True)
                for better in each.hypotheses[:1]
            ]
        results.append(Refined(hypotheses, own))
    return results


def likeliest_lengths(scores: Tensor, longest: int, count: int) -> Tensor:
    """The likeliest lengths that leave room for a token, likeliest first, of equals the shorter: (B, C) -> (B, count).

    Fewer than `count` where there are not so many lengths.
    """
    return top_places(scores[:, SHORTEST : longest + 1], count)[1] + SHORTEST


@dataclass(frozen=True)
class Filled:
    """Canvases that are written.

    Attributes:
        scores: Log-probability of each token when it was written; 0 where none was.
        passes: What stood there after each pass.

    Shape:
        tokens: (B, T) int64    scores: (B, T) float32    mask, inner: (B, T) bool, real and not `<s>` or `</s>`
    """

    tokens: Tensor
    scores: Tensor
    mask: Tensor
    inner: Tensor
    passes: list[Tensor]

    def ranked(self, tried: int, wanted: int) -> Tensor:
        """The rows with the best mean scores of each group of `tried`, best first: (B / tried, wanted)."""
        if tried == 1:
            return torch.arange(len(self.tokens), device=self.tokens.device)[:, None]
        # Summed exactly: the sum of a padded row would depend on the padding.
        totals = [math.fsum(row) for row in self.scores.tolist()]
        means = torch.tensor(totals, dtype=torch.float64, device=self.tokens.device) / self.inner.sum(dim=1)
        best = top_places(means.view(-1, tried), wanted)[1]
        return best + tried * torch.arange(len(best), device=best.device)[:, None]

    def hypothesis(self, row: int, reading: Reading) -> Hypothesis:
        """A row's text, its score the mean log-probability of its tokens."""
        total, words = math.fsum(self.scores[row].tolist()), int(self.inner[row].sum())
        tokens = [token for token in self.tokens[row, self.inner[row]].tolist() if token not in reading.frame]
        return Hypothesis(tokens, total / max(1, words), total)

    def rounds(self, row: int, reading: Reading) -> list[Round]:
        """What stood on a row after each pass; the score of each is that of the row."""
        found, inner = self.hypothesis(row, reading), self.inner[row]
        texts = [each[row, inner].tolist() for each in self.passes]
        return [
            Round(
                text,
                Hypothesis([token for token in text if token not in reading.frame], found.score, found.log_probability),
            )
            for text in texts
        ]


def fill(
    model: MaskPredictModel, tokens: Tensor, mask: Tensor, state: Any, rule: MaskPredictRule, never: Sequence[int] = ()
) -> Filled:
    """Write on canvases `<s> <mask> ... </s>` in several passes.

    Args:
        never: Tokens that are not written, as ids. They keep their probability mass.

    Shape:
        tokens: (B, T) int64    mask: (B, T) bool, real positions
    """
    inner = mask & (torch.arange(mask.shape[1], device=mask.device) > 0)
    inner = inner & torch.nn.functional.pad(mask[:, 1:], (0, 1))
    words = inner.sum(dim=1)
    banned = model.places(never)
    scores = torch.zeros(tokens.shape, device=tokens.device)
    masked, passes = inner, []
    for left in range(rule.iterations - 1, -1, -1):
        logits = model.align(tokens.masked_fill(masked, model.mask_id), mask, state, masked)
        best = logits.best(1, banned=banned)
        require_numbers(best.normaliser)
        tokens = tokens.masked_scatter(masked, model.ids(best.tokens[:, 0]))
        scores = scores.masked_scatter(masked, best.values[:, 0] - best.normaliser)
        passes.append(tokens)
        eligible = masked if rule.remasking == "paper" else inner
        masked = lowest(scores, eligible, words * left // max(1, rule.iterations))
        if not bool(masked.any()):
            break
    return Filled(tokens, scores, mask, inner, passes)


def lowest(scores: Tensor, eligible: Tensor, count: Tensor) -> Tensor:
    """Where the `count` lowest scores of each row stand, of equals the first ones.

    Shape:
        scores: (B, T)    eligible: (B, T) bool    count: (B,) int64    returns: (B, T) bool
    """
    order = scores.masked_fill(~eligible, torch.inf).argsort(dim=1, stable=True)
    places = torch.arange(scores.shape[1], device=scores.device).expand_as(order)
    rank = torch.empty_like(order).scatter_(1, order, places)
    return eligible & (rank < count[:, None])

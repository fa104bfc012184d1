"""Writing in several passes: all at once, then again where the model was least sure (Ghazvininejad et al., 2019).

The canvas is `<s> <mask> ... </s>`. Each pass writes on all masks; then the least probable tokens become masks again,
fewer each time: after pass i of N over n positions (n - 2) (N - i) / N, rounded down. By one rule they are the lowest
of all tokens (Ghazvininejad et al.), by the other of those that the pass wrote, so that a token that was kept once is
kept for good (the released code of SGA, method card 3.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor

from anyglot.inference.decoding.logits import Logits, top_places
from anyglot.inference.decoding.protocols import Hypothesis, NonAutoregressiveModel
from anyglot.inference.decoding.refine import Reading, Refined, Round, denoise
from anyglot.inference.decoding.selection import require_numbers

Remasking = Literal["paper", "standard"]
REMASKINGS: tuple[Remasking, ...] = get_args(Remasking)
ITERATIONS = 4
"""The paper's (table 3)."""
SHORTEST = 3
"""Positions of the shortest canvas: `<s>`, one token, `</s>`."""


class MaskPredictModel(NonAutoregressiveModel, Protocol):
    """A parallel model that predicts how long its canvas is, and reads what already stands on it."""

    longest: int
    """Most positions of a canvas."""
    upsampling: int
    """How often each token stands in what `denoise` reads."""
    mask_id: int
    """The mask token, as an id of the table."""
    device: torch.device
    """Where it computes."""

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

    iterations: int = ITERATIONS
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
    lengths = likeliest_lengths(model.length_scores(state), model.longest, rule.length_beam).tolist()
    drafts = _drafts(model, state, lengths, rule, (*reading.never, *reading.frame))
    # A stable order: of equals the likelier length.
    best = [sorted(tried, key=lambda draft: -draft.mean)[: reading.n_best] for tried in drafts]
    found = [Refined([draft.hypothesis(reading) for draft in kept], kept[0].rounds(reading)) for kept in best]
    if rounds:
        _denoise(model, state, best, rounds, reading, found)
    return found


def likeliest_lengths(scores: Tensor, longest: int, count: int) -> Tensor:
    """The likeliest lengths that leave room for a token, likeliest first, of equals the shorter: (B, C) -> (B, count).

    Fewer than `count` where there are not so many lengths.
    """
    return top_places(scores[:, SHORTEST : longest + 1], count)[1] + SHORTEST


@dataclass(frozen=True)
class Draft:
    """One written canvas of a sentence.

    Attributes:
        tokens: `<s> y </s>`.
        scores: Log-probability of each token of y when it was written.
        passes: The y that stood there after each pass.
    """

    tokens: list[int]
    scores: list[float]
    passes: list[list[int]]

    @property
    def mean(self) -> float:
        """Mean log-probability of a token."""
        return math.fsum(self.scores) / len(self.scores)

    def hypothesis(self, reading: Reading) -> Hypothesis:
        """The text, its score the mean log-probability of a token."""
        return self._text(self.tokens[1:-1], reading)

    def rounds(self, reading: Reading) -> list[Round]:
        """What stood there after each pass; each has the score of the last."""
        return [Round(text, self._text(text, reading)) for text in self.passes]

    def _text(self, tokens: Sequence[int], reading: Reading) -> Hypothesis:
        kept = [token for token in tokens if token not in reading.frame]
        return Hypothesis(kept, self.mean, math.fsum(self.scores))


def _drafts(
    model: MaskPredictModel, state: Any, lengths: list[list[int]], rule: MaskPredictRule, never: Sequence[int]
) -> list[list[Draft]]:
    """A draft of each sentence in each of its lengths.

    Canvases of one length are written together, those of others apart: nothing is padded, and what is computed for a
    sentence has the same shapes whatever is written beside it.
    """
    drafts: list[dict[int, Draft]] = [{} for _ in lengths]
    for length in sorted({length for tried in lengths for length in tried}):
        sentences = [sentence for sentence, tried in enumerate(lengths) if length in tried]
        canvas, mask = model.framed_canvas(torch.tensor([length] * len(sentences), device=model.device))
        written = fill(model, canvas, mask, _part(model, state, sentences, len(lengths)), rule, never)
        for sentence, draft in zip(sentences, written, strict=True):
            drafts[sentence][length] = draft
    return [[own[length] for length in tried] for own, tried in zip(drafts, lengths, strict=True)]


def _denoise(
    model: MaskPredictModel, state: Any, drafts: list[list[Draft]], rounds: int, reading: Reading, found: list[Refined]
) -> None:
    """Put what the denoiser makes of the drafts in their place; drafts of one length together."""
    alike: dict[int, list[tuple[int, int]]] = {}
    for sentence, own in enumerate(drafts):
        for place, draft in enumerate(own):
            alike.setdefault(len(draft.tokens), []).append((sentence, place))
    for members in alike.values():
        tokens = torch.tensor([drafts[sentence][place].tokens for sentence, place in members], device=model.device)
        tokens = tokens.repeat_interleave(model.upsampling, dim=1)
        part = _part(model, state, [sentence for sentence, _ in members], len(drafts))
        mask = torch.ones_like(tokens, dtype=torch.bool)
        denoised = denoise(model, tokens, mask, part, rounds=rounds, reading=reading)
        for (sentence, place), refined in zip(members, denoised, strict=True):
            better, one = refined.hypotheses[0], found[sentence]
            one.hypotheses[place] = Hypothesis(better.tokens, one.hypotheses[place].score, better.log_probability)
            if place == 0:
                one.rounds.extend(refined.rounds)


def _part(model: MaskPredictModel, state: Any, sentences: list[int], count: int) -> Any:
    """The state of these of `count` sentences."""
    if sentences == list(range(count)):
        return state
    return model.keep(state, torch.tensor(sentences, device=model.device))


def fill(
    model: MaskPredictModel, tokens: Tensor, mask: Tensor, state: Any, rule: MaskPredictRule, never: Sequence[int] = ()
) -> list[Draft]:
    """Write on canvases `<s> <mask> ... </s>` of one length in several passes.

    Args:
        never: Tokens that are not written, as ids. They keep their probability mass.

    Shape:
        tokens: (B, T) int64    mask: (B, T) bool, all True    returns: B drafts

    Raises:
        UserError: The model's output is not a number.
    """
    inner = torch.zeros_like(mask)
    inner[:, 1:-1] = True
    words, banned = tokens.shape[1] - 2, model.places(never)
    scores = torch.zeros(tokens.shape, device=tokens.device)
    masked, passes = inner, []
    for left in range(rule.iterations - 1, -1, -1):
        logits = model.align(tokens.masked_fill(masked, model.mask_id), mask, state, masked)
        best = logits.best(1, banned=banned)
        require_numbers(best.normalizer)
        tokens = tokens.masked_scatter(masked, model.ids(best.tokens[:, 0]))
        scores = scores.masked_scatter(masked, best.values[:, 0] - best.normalizer)
        passes.append(tokens[:, 1:-1].tolist())
        again = words * left // rule.iterations
        if not again:
            break
        masked = lowest(scores, masked if rule.remasking == "paper" else inner, again)
    texts = zip(*passes, strict=True) if passes else [()] * len(tokens)
    rows = zip(tokens.tolist(), scores[:, 1:-1].tolist(), texts, strict=True)
    return [Draft(row, logs, list(own)) for row, logs, own in rows]


def lowest(scores: Tensor, eligible: Tensor, count: int) -> Tensor:
    """Where the `count` lowest eligible scores of each row stand, of equals the first ones.

    Shape:
        scores: (B, T)    eligible: (B, T) bool    returns: (B, T) bool
    """
    order = scores.masked_fill(~eligible, torch.inf).argsort(dim=1, stable=True)[:, :count]
    return eligible & torch.zeros_like(eligible).scatter(1, order, True)

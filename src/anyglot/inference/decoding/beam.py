"""Beam search over a StepModel: a batch of sentences, vectorised over sentences and beams."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.inference.decoding.forcing import Forcing
from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.protocols import Hypothesis, LengthRule, SearchConstraints, StepModel
from anyglot.inference.decoding.selection import candidates

Stopping = Literal["full", "current", "exact"]


@dataclass
class Live:
    """Hypotheses still growing, best first. `A` sentences are in the batch, `t` tokens were generated.

    Shape:
        sentences: (A,)    scores: (A, K), summed log-probabilities    history: (A, K, t)
    """

    sentences: Tensor
    forcing: Forcing
    scores: Tensor
    history: Tensor

    def keep(self, index: Tensor) -> None:
        """Keep the sentences at `index`."""
        self.forcing.keep(index)
        self.sentences, self.scores, self.history = self.sentences[index], self.scores[index], self.history[index]


@dataclass
class Kept:
    """The best finished hypotheses of each sentence, best first; an empty place has score -inf.

    Shape:
        scores, sums, lengths, cut: (A, K)    history: (A, K, t), valid up to lengths
    """

    scores: Tensor
    sums: Tensor
    lengths: Tensor
    cut: Tensor
    history: Tensor

    def keep(self, index: Tensor) -> None:
        """Keep the sentences at `index`."""
        self.scores, self.sums, self.lengths = self.scores[index], self.sums[index], self.lengths[index]
        self.cut, self.history = self.cut[index], self.history[index]

    def merge(self, scores: Tensor, sums: Tensor, cut: Tensor, history: Tensor) -> None:
        """Put new hypotheses beside the kept ones and keep the best K; among equals the earlier one stays.

        Shape:
            scores, sums, cut: (A, N)    history: (A, N, t)
        """
        beams, length = self.scores.shape[1], history.shape[2]
        order = torch.cat([self.scores, scores], dim=1).sort(dim=1, descending=True, stable=True).indices[:, :beams]
        padded = functional.pad(self.history, (0, length - self.history.shape[2]))
        self.history = torch.cat([padded, history], dim=1).gather(1, order[:, :, None].expand(-1, -1, length))
        new_lengths = torch.full_like(scores, length, dtype=torch.int64)
        self.lengths = torch.cat([self.lengths, new_lengths], dim=1).gather(1, order)
        self.scores = torch.cat([self.scores, scores], dim=1).gather(1, order)
        self.sums = torch.cat([self.sums, sums], dim=1).gather(1, order)
        self.cut = torch.cat([self.cut, cut], dim=1).gather(1, order)

    def hypotheses(self, place: int) -> list[Hypothesis]:
        """Return the hypotheses of the sentence at `place`, best first."""
        rows = zip(
            self.history[place].tolist(),
            self.lengths[place].tolist(),
            self.scores[place].tolist(),
            self.sums[place].tolist(),
            self.cut[place].tolist(),
            strict=True,
        )
        return [
            Hypothesis(tokens[:length], score, total, cut)
            for tokens, length, score, total, cut in rows
            if score > -torch.inf
        ]


@torch.no_grad()
def beam_search(
    model: StepModel,
    source: Tensor,
    source_mask: Tensor,
    constraints: SearchConstraints,
    *,
    beams: int = 5,
    length: LengthRule | None = None,
    length_penalty: float = 1.0,
    stopping: Stopping = "full",
) -> list[list[Hypothesis]]:
    """Translate a batch, keeping the `beams` best hypotheses of every sentence (SixT+ decodes with 5 and penalty 1).

    At each step the 2K best continuations of a sentence's K live hypotheses are looked at, best first. Those
    among the first K that end are finished and compared by `log_probability / (tokens + 1) ** length_penalty`
    (the end token counts); the best K finished ones are kept. The best K that do not end live on. At its length
    limit a hypothesis must end. These are fairseq's rules. Ties go to the better beam, then to the lower token,
    then to the hypothesis that finished first.

    Args:
        model: What predicts the next token.
        source: Source tokens, padded on the right.
        source_mask: True where a source position may be attended to.
        constraints: Start, end and forbidden tokens, and what each output must begin with. A forced prefix counts like
            tokens the model chose, in score and length (as fairseq's `prefix_tokens`); start tokens do not.
        beams: Hypotheses per sentence, K.
        length: Limits of the output; `LengthRule()` if None.
        length_penalty: Exponent of the length. Above 0 favours long hypotheses; 0 compares plain sums.
        stopping: When a sentence is done.
            "full": as soon as K hypotheses are finished. fairseq's rule, so the papers'; fastest.
            "current": K are finished and the best live one, scored at its present length, is no better
            than the worst kept.
            "exact": K are finished and no live one can beat the worst kept at any length up to the limit:
            its sum can only fall, so its best score is its present sum over the most favourable length.
            With a positive penalty and a far limit that is a weak bound, and most searches then run to
            the limit: use it to study search, not to translate.

    Shape:
        source: (B, S)    source_mask: (B, S)
        returns: B lists of at most K hypotheses, best first; fewer than K only if the vocabulary allows no more

    Raises:
        UserError: The model's output is not a number.
    """
    if beams < 1:
        raise ValueError(f"beams must be at least 1, not {beams}.")
    length = length or LengthRule()
    results: list[list[Hypothesis]] = [[] for _ in range(len(source))]
    if not len(source):
        return results
    starts = constraints.starts(len(source), source.device).repeat_interleave(beams, 0)
    live, kept = _begin(source, Forcing.of(constraints, length, source_mask), beams)
    state = model.start(source, source_mask, beams)
    for column in starts[:, :-1].T:
        model.step(column, state)
    tokens = starts[:, -1]
    while True:
        logits = model.step(tokens, state)
        parents, next_tokens, done = _advance(logits, live, kept, constraints, length, length_penalty, stopping)
        if bool(done.any()):
            for place in done.nonzero()[:, 0].tolist():
                results[int(live.sentences[place])] = kept.hypotheses(place)
            going = (~done).nonzero()[:, 0]
            if not len(going):
                return results
            live.keep(going)
            kept.keep(going)
            parents, next_tokens = parents[going], next_tokens[going]
        model.reorder(state, parents.reshape(-1))
        tokens = next_tokens.reshape(-1)


def _begin(source: Tensor, forcing: Forcing, beams: int) -> tuple[Live, Kept]:
    sentences, device = len(source), source.device
    scores = torch.full((sentences, beams), -torch.inf, device=device)
    empty = source.new_empty((sentences, beams, 0))
    cut = torch.zeros_like(scores, dtype=torch.bool)
    kept = Kept(scores, scores, source.new_zeros((sentences, beams)), cut, empty)
    scores = scores.clone()
    scores[:, 0] = 0.0  # all beams are the same at first: one of them stands for all
    return Live(torch.arange(sentences, device=device), forcing, scores, empty), kept


def _advance(
    logits: Tensor | Logits,
    live: Live,
    kept: Kept,
    constraints: SearchConstraints,
    length: LengthRule,
    length_penalty: float,
    stopping: Stopping,
) -> tuple[Tensor, Tensor, Tensor]:
    """Grow the live hypotheses by one token and move the finished ones to `kept`.

    Shape:
        logits: (A * K, V)
        returns: parents (A, K), rows of the step model that the live hypotheses come from; tokens (A, K);
            done (A,) bool
    """
    sentences, beams, generated = live.history.shape
    at_limit = generated >= live.forcing.limits
    scores, tokens = candidates(
        logits,
        2 * beams,
        constraints,
        may_end=generated >= length.minimum,
        forced=live.forcing.at(generated).repeat_interleave(beams),
    )
    width = scores.shape[1]
    totals = (live.scores[:, :, None] + scores.view(sentences, beams, width)).view(sentences, -1)
    totals, order = totals.sort(dim=1, descending=True, stable=True)
    totals, order = totals[:, : 2 * beams], order[:, : 2 * beams]
    origin = order // width
    tokens = tokens.view(sentences, -1).gather(1, order)
    ends = tokens == constraints.end

    finished = ends & (totals > -torch.inf)
    finished[:, beams:] = False
    if bool(finished.any()):
        head = origin[:, :beams]
        kept.merge(
            (totals / (generated + 1) ** length_penalty).masked_fill(~finished, -torch.inf)[:, :beams],
            totals[:, :beams],
            at_limit[:, None].expand(-1, beams)[:, : head.shape[1]],
            live.history.gather(1, head[:, :, None].expand(-1, -1, generated)),
        )

    totals = totals.masked_fill(ends, -torch.inf)
    # At least K of the 2K do not end, as each hypothesis has one end token; only a tiny vocabulary gives fewer.
    live.scores, order = totals.sort(dim=1, descending=True, stable=True)
    live.scores, order = _widen(live.scores, beams, -torch.inf), _widen(order, beams, 0)
    origin, tokens = origin.gather(1, order), tokens.gather(1, order)
    live.history = torch.cat(
        [live.history.gather(1, origin[:, :, None].expand(-1, -1, generated)), tokens[:, :, None]], dim=2
    )
    parents = origin + torch.arange(sentences, device=origin.device)[:, None] * beams
    return parents, tokens, _done(live, kept, length_penalty, stopping)


def _widen(rows: Tensor, width: int, filler: float) -> Tensor:
    """Cut or fill rows to a width.  rows: (A, N) -> (A, width)."""
    missing = max(0, width - rows.shape[1])
    return functional.pad(rows, (0, missing), value=filler)[:, :width]


def _done(live: Live, kept: Kept, length_penalty: float, stopping: Stopping) -> Tensor:
    """Say which sentences are finished, by the rule of `stopping`; (A,) bool."""
    generated = live.history.shape[2]
    best, worst = live.scores[:, 0], kept.scores[:, -1]
    nothing_left = best == -torch.inf
    full = worst > -torch.inf
    if stopping == "full":
        return full | nothing_left
    if stopping == "current":
        return (full & (best / math.pow(generated, length_penalty) <= worst)) | nothing_left
    shortest = best / (generated + 1) ** length_penalty
    longest = best / (live.forcing.limits + 1) ** length_penalty
    return (full & (torch.maximum(shortest, longest) <= worst)) | nothing_left

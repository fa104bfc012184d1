"""Hypotheses that grow by one chosen token a step, each for itself: what greedy search and sampling share."""

from typing import Protocol

import torch
from torch import Tensor

from anyglot.inference.decoding.forcing import Forcing
from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.protocols import Hypothesis, LengthRule, SearchConstraints, StepModel


class Choice(Protocol):
    """Chooses the next token of every row."""

    def __call__(
        self, logits: Tensor | Logits, *, sentences: Tensor, generated: int, may_end: bool, forced: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Choose.

        Args:
            logits: Scores of the next token.
            sentences: Which sentences of the batch are left.
            generated: How many tokens every hypothesis has.
            may_end: Whether the end token may be chosen.
            forced: The token a row must take, or FREE.

        Shape:
            logits: (A * N, V)    sentences: (A,)    forced: (A * N,)
            returns: the tokens' log-probabilities under the model (A * N,) and the tokens (A * N,)
        """


@torch.no_grad()
def roll_out(
    model: StepModel,
    source: Tensor,
    source_mask: Tensor,
    constraints: SearchConstraints,
    choice: Choice,
    *,
    paths: int = 1,
    length: LengthRule | None = None,
    length_penalty: float = 1.0,
) -> list[list[Hypothesis]]:
    """Grow `paths` hypotheses a sentence; a sentence leaves the batch when all of its own have ended.

    Shape:
        source: (B, S)    source_mask: (B, S)    returns: B lists of `paths` (N) hypotheses
    """
    length = length or LengthRule()
    results: list[list[Hypothesis]] = [[] for _ in range(len(source))]
    if not len(source):
        return results
    forcing = Forcing.of(constraints, length, source_mask)
    starts = constraints.starts(len(source), source.device).repeat_interleave(paths, 0)
    state = model.start(source, source_mask, paths)
    for column in starts[:, :-1].T:
        model.step(column, state)
    tokens = starts[:, -1]
    sentences = torch.arange(len(source), device=source.device)
    sums = torch.zeros((len(source), paths), device=source.device)
    growing = torch.ones_like(sums, dtype=torch.bool)
    cut = torch.zeros_like(growing)
    history = source.new_empty((len(source), paths, 0))
    while True:
        generated = history.shape[2]
        forced = forcing.at(generated)[:, None].expand(-1, paths)
        scores, tokens = choice(
            model.step(tokens, state),
            sentences=sentences,
            generated=generated,
            may_end=generated >= length.minimum,
            # What has ended goes on ending until the others of its sentence have.
            forced=forced.where(growing, constraints.end).reshape(-1),
        )
        sums = torch.where(growing, sums + scores.view_as(sums), sums)
        ended = tokens.view_as(sums) == constraints.end
        cut |= growing & ended & (forcing.limits <= generated)[:, None]
        growing &= ~ended
        history = torch.cat([history, tokens.view(-1, paths, 1)], dim=2)
        done = ~growing.any(dim=1)
        if bool(done.any()):
            for place in done.nonzero()[:, 0].tolist():
                results[int(sentences[place])] = [
                    Hypothesis.scored(path[: path.index(constraints.end)], total, length_penalty, limited)
                    for path, total, limited in zip(
                        history[place].tolist(), sums[place].tolist(), cut[place].tolist(), strict=True
                    )
                ]
            kept = (~done).nonzero()[:, 0]
            if not len(kept):
                return results
            forcing.keep(kept)
            sentences, sums, growing, cut, history = (part[kept] for part in (sentences, sums, growing, cut, history))
            tokens = tokens.view(-1, paths)[kept].reshape(-1)
            rows = kept[:, None] * paths + torch.arange(paths, device=kept.device)
            model.reorder(state, rows.reshape(-1))

"""Greedy search that is given a draft: many tokens a pass of the model, and the same output.

A step of a decoder reads all its weights to make one token; a pass over twenty tokens reads them once too. So a draft,
wherever it comes from, is fed at once. As far as it is what the model would have chosen it stands, behind it the
model's own next token, and what the model was shown too much is taken back (Stern et al., 2018; Leviathan et al., 2023,
for the case of a most probable token).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from anyglot.inference.decoding.drafting import TRUST, Draft
from anyglot.inference.decoding.forcing import FREE, Forcing
from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.protocols import Hypothesis, LengthRule, SearchConstraints, VerifyModel
from anyglot.inference.decoding.selection import candidates


@dataclass(frozen=True)
class Speculated:
    """What `speculate` found, and what it took.

    Attributes:
        hypothesis: The one greedy search finds.
        passes: How often the model was run; greedy search runs it once for every token, the end token included.
        drafted: Tokens of the draft.
        accepted: How many of them were fed and stood.
    """

    hypothesis: Hypothesis
    passes: int
    drafted: int
    accepted: int


@torch.no_grad()
def speculate(
    model: VerifyModel,
    source: Tensor,
    source_mask: Tensor,
    constraints: SearchConstraints,
    drafts: Sequence[Sequence[int]],
    *,
    length: LengthRule | None = None,
    length_penalty: float = 1.0,
    trust: float = TRUST,
) -> list[Speculated]:
    """Find what `greedy_search` finds, from drafts of it.

    Sources are encoded together, outputs are made one after the other: with many rows a step is no longer decided by
    the weights that it reads, and there is nothing left to gain.

    A token is the same and a score the same bit for bit, whatever the draft, as far as a position's logits do not
    depend on how many positions are decoded with it: on a CPU with `prepare(..., batch_independent=True)`. Elsewhere
    two tokens within rounding of each other may change places, as they may with another batch.

    Args:
        model: What predicts the next tokens.
        source: Source tokens, padded on the right.
        source_mask: True where a source position may be attended to.
        constraints: Start, end and forbidden tokens, and what each output must begin with.
        drafts: Of each sentence, in the numbering of the model's logits; perhaps empty. What comes after an end token
            and what is never generated is left out.
        length: Limits of the output; `LengthRule()` if None.
        length_penalty: Changes the reported score only.
        trust: How much is expected of the drafts before they are seen to agree; see `drafting.Draft`.

    Shape:
        source: (B, S)    source_mask: (B, S)    returns: B results, in the order of the sentences

    Raises:
        ValueError: Drafts for another number of sentences, or with tokens that the model has not.
        UserError: The model's output is not a number.
    """
    length = length or LengthRule()
    if len(drafts) != len(source):
        raise ValueError(f"{len(drafts)} drafts were given for {len(source)} sentences.")
    if not len(source):
        return []
    forcing = Forcing.of(constraints, length, source_mask)
    starts = constraints.starts(len(source), source.device).tolist()
    never = frozenset(constraints.never)
    state = model.start(source, source_mask, 1)
    results = []
    for sentence, draft in enumerate(drafts):
        if draft and not 0 <= min(draft) <= max(draft) < model.vocabulary_size:
            raise ValueError(f"draft {sentence} has tokens outside 0..{model.vocabulary_size - 1}.")
        ended = list(draft).index(constraints.end) if constraints.end in draft else len(draft)
        proposal = Draft([token for token in draft[:ended] if token not in never], trust)
        growing = _Growing(
            model, model.alone(state, sentence), constraints, forcing.of_sentence(sentence), length.minimum
        )
        results.append(growing.grow(starts[sentence], proposal, length_penalty))
    return results


class _Growing:
    """One output on its way.

    Args:
        forcing: Of this sentence alone.
        minimum: The end token cannot come before this many tokens.
    """

    def __init__(
        self, model: VerifyModel, state: Any, constraints: SearchConstraints, forcing: Forcing, minimum: int
    ) -> None:
        self.model, self.state = model, state
        self.constraints, self.forcing, self.minimum = constraints, forcing, minimum
        self.limit = int(forcing.limits[0])
        self.output: list[int] = []
        self.total = torch.zeros((), device=forcing.limits.device)

    def grow(self, start: list[int], draft: Draft, length_penalty: float) -> Speculated:
        """Go on from the start tokens to the end token."""
        forced = [token for token in self.forcing.prefixes[0].tolist() if token != FREE]
        for token in forced:  # a draft that begins as it must goes on behind it
            draft.follow(token)
        passes = accepted = 0
        waiting = start
        while True:
            given = forced[len(self.output) :]
            ahead = [*given, *draft.ahead(self.limit - len(self.output) - len(given))]
            standing, following = self._look(waiting, ahead)
            passes += 1
            accepted += max(0, standing - len(given))
            for token in [*ahead[len(given) : standing], following]:
                draft.follow(token)
            self.output += ahead[:standing]
            if following == self.constraints.end:
                break
            self.output.append(following)
            waiting = [following]
        cut = self.limit <= len(self.output)
        hypothesis = Hypothesis.scored(self.output, float(self.total), length_penalty, cut)
        return Speculated(hypothesis, passes, len(draft), accepted)

    def _look(self, waiting: list[int], ahead: list[int]) -> tuple[int, int]:
        """Feed what is known and what is proposed: how much of that stands, and the token behind it."""
        fed = torch.tensor([[*waiting, *ahead]], dtype=torch.int64, device=self.total.device)
        scores, tokens = self._choose(self.model.verify(fed, self.state, len(ahead) + 1), len(ahead) + 1)
        chosen = tokens.tolist()
        standing = next((place for place, token in enumerate(ahead) if token != chosen[place]), len(ahead))
        for score in scores[: standing + 1]:  # one by one, in the order and the precision of a search by steps
            self.total = self.total + score
        if standing < len(ahead):
            self.model.forget(self.state, len(ahead) - standing)
        return standing, chosen[standing]

    def _choose(self, logits: Tensor | Logits, rows: int) -> tuple[Tensor, Tensor]:
        """What greedy search would choose in each row, with its log-probability: (rows,) each."""
        first = len(self.output)
        forced = self.forcing.between(first, first + rows)[0]
        early = min(max(self.minimum - first, 0), rows)
        scores, tokens = candidates(logits, 2 if early else 1, self.constraints, may_end=True, forced=forced)
        # Rows that may not end yet take their second choice where the first is the end: no second look at the logits.
        second = (
            (torch.arange(rows, device=tokens.device) < early)
            & (tokens[:, 0] == self.constraints.end)
            & (forced == FREE)
        )
        return torch.where(second, scores[:, -1], scores[:, 0]), torch.where(second, tokens[:, -1], tokens[:, 0])

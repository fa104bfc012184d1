"""Sampling: tokens drawn from the model's distribution, or from its head."""

from dataclasses import dataclass

import torch
from torch import Tensor

from anyglot.inference.decoding.logits import Logits, top_places
from anyglot.inference.decoding.protocols import Hypothesis, LengthRule, SearchConstraints, StepModel
from anyglot.inference.decoding.randomness import sample_keys, uniform
from anyglot.inference.decoding.rollout import roll_out
from anyglot.inference.decoding.selection import candidates

HEAD = 256
"""Tokens sorted for `top_p` at first; sixteen times as many where they do not hold the wanted share, and so on."""


@dataclass(frozen=True)
class SamplingRule:
    """What is drawn from: applied in this order, as transformers does.

    Attributes:
        temperature: The logits are divided by it: below 1 sharper, above 1 flatter.
        top_k: Only the k most probable tokens; among equals the lower ones. None: all.
        top_p: Of these the fewest, most probable first, that hold this share of their mass (Holtzman et al. 2020,
            "The curious case of neural text degeneration"); at least one. None: all.
        seed: Another seed, other samples.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ValueError(f"temperature must be above 0, not {self.temperature}; greedy_search is its limit at 0.")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {self.top_k}.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}.")


def sample(
    model: StepModel,
    source: Tensor,
    source_mask: Tensor,
    constraints: SearchConstraints,
    *,
    rule: SamplingRule,
    samples: int = 1,
    length: LengthRule | None = None,
    length_penalty: float = 1.0,
) -> list[list[Hypothesis]]:
    """Draw `samples` outputs a sentence, one token at a time.

    A sentence's random numbers depend on the seed, its own tokens, the sample's number and the step, never on its
    neighbours: the n-th sample of a sentence is the same in every batch and beside any number of other samples.

    Args:
        model: What predicts the next token.
        source: Source tokens, padded on the right.
        source_mask: True where a source position may be attended to.
        constraints: Start, end and forbidden tokens, and what each output must begin with.
        rule: Temperature, cuts and seed.
        samples: Outputs a sentence, independent of each other: two may be equal.
        length: Limits of the output; `LengthRule()` if None.
        length_penalty: Changes the reported score only.

    Shape:
        source: (B, S)    source_mask: (B, S)
        returns: B lists of `samples` hypotheses in the order of their numbers. Their log-probabilities are the
            model's, without temperature and cuts, and so comparable with those of a search.

    Raises:
        UserError: The model's output is not a number.
    """
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}.")
    keys = sample_keys(source, source_mask, rule.seed, samples)

    def drawn(
        logits: Tensor | Logits, *, sentences: Tensor, generated: int, may_end: bool, forced: Tensor
    ) -> tuple[Tensor, Tensor]:
        logits = Logits.of(logits).whole()  # looked at twice
        tokens = draw(logits, uniform(keys[sentences].reshape(-1), generated), constraints, rule, may_end=may_end)
        tokens = forced.where(forced >= 0, tokens)
        scores, _ = candidates(logits, 1, constraints, may_end=True, forced=tokens)
        return scores[:, 0], tokens

    return roll_out(
        model, source, source_mask, constraints, drawn, paths=samples, length=length, length_penalty=length_penalty
    )


def draw(
    logits: Tensor, numbers: Tensor, constraints: SearchConstraints, rule: SamplingRule, *, may_end: bool
) -> Tensor:
    """Draw a token of each row by inverting the cumulative distribution of what the rule leaves.

    Args:
        logits: Scores of the next token.
        numbers: Where in the distribution to look, in [0, 1).
        constraints: The end token and the tokens that are never drawn.
        rule: Temperature and cuts.
        may_end: Whether the end token may be drawn.

    Shape:
        logits: (rows, V)    numbers: (rows,) float64    returns: (rows,) int64
    """
    banned = [*constraints.never] if may_end else [*constraints.never, constraints.end]
    logits = logits.float().index_fill(1, torch.tensor(banned, dtype=torch.int64, device=logits.device), -torch.inf)
    best = logits.max(dim=1, keepdim=True).values
    if rule.top_k is not None:
        values, tokens = top_places(logits, rule.top_k)
        weights = _weights(values, best, rule)
        if rule.top_p is not None:
            weights = _nucleus(weights, _running(weights)[:, -1:], rule.top_p)
        return _inverted(weights, numbers, tokens)
    weights = _weights(logits, best, rule)
    if rule.top_p is None:
        return _inverted(weights, numbers, None)
    total = _running(weights)[:, -1:]
    result = torch.empty_like(numbers, dtype=torch.int64)
    rows, width = torch.arange(len(logits), device=logits.device), HEAD
    while len(rows):  # most rows are done after the first round; few are so flat that they need more
        values, tokens = top_places(logits[rows], width)
        head = _weights(values, best[rows], rule)
        held = (_running(head)[:, -1] >= rule.top_p * total[rows, 0]) | (width >= logits.shape[1])
        done = rows[held]
        result[done] = _inverted(_nucleus(head[held], total[done], rule.top_p), numbers[done], tokens[held])
        rows, width = rows[~held], width * 16
    return result


def _weights(logits: Tensor, best: Tensor, rule: SamplingRule) -> Tensor:
    """Probabilities relative to the best token's: (rows, C) float32."""
    return ((logits - best) / rule.temperature).exp()


def _running(weights: Tensor) -> Tensor:
    """Running sums, (rows, C) float64. A scan goes through a row in order, however many rows there are."""
    return weights.cumsum(dim=1, dtype=torch.float64)


def _nucleus(weights: Tensor, total: Tensor, share: float) -> Tensor:
    """Keep the fewest weights, which are sorted, that hold this share of the total; the others become 0: (rows, C)."""
    before = _running(weights) - weights
    return weights.masked_fill(before >= share * total, 0.0)


def _inverted(weights: Tensor, numbers: Tensor, tokens: Tensor | None) -> Tensor:
    """The first token at which the running sum of the weights exceeds `number * sum`: (rows,).

    Tokens are gone through in the order of the vocabulary. In that of their weights rounding would make nearly equal
    ones change places, and so what is drawn. Without `tokens` a place is its token.
    """
    if tokens is not None:
        tokens, order = tokens.sort(dim=1)
        weights = weights.gather(1, order)
    cumulative = _running(weights)
    place = torch.searchsorted(cumulative, numbers[:, None] * cumulative[:, -1:], right=True)
    place = place.clamp(max=cumulative.shape[1] - 1)
    return place[:, 0] if tokens is None else tokens.gather(1, place)[:, 0]

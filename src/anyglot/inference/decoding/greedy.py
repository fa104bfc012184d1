"""Greedy search: the most probable token at each step."""

from torch import Tensor

from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.protocols import Hypothesis, LengthRule, SearchConstraints, StepModel
from anyglot.inference.decoding.rollout import roll_out
from anyglot.inference.decoding.selection import candidates


def greedy_search(
    model: StepModel,
    source: Tensor,
    source_mask: Tensor,
    constraints: SearchConstraints,
    *,
    length: LengthRule | None = None,
    length_penalty: float = 1.0,
) -> list[Hypothesis]:
    """Translate a batch by taking the most probable token at each step; equal to a beam search with one beam.

    Finished sentences leave the batch. Among equally probable tokens the lowest wins.

    Args:
        model: What predicts the next token.
        source: Source tokens, padded on the right.
        source_mask: True where a source position may be attended to.
        constraints: Start, end and forbidden tokens, and what each output must begin with.
        length: Limits of the output; `LengthRule()` if None.
        length_penalty: Changes the reported score only.

    Shape:
        source: (B, S)    source_mask: (B, S)    returns: B hypotheses, in the order of the sentences

    Raises:
        UserError: The model's output is not a number.
    """

    def most_probable(
        logits: Tensor | Logits, *, sentences: Tensor, generated: int, may_end: bool, forced: Tensor
    ) -> tuple[Tensor, Tensor]:
        scores, tokens = candidates(logits, 1, constraints, may_end=may_end, forced=forced)
        return scores[:, 0], tokens[:, 0]

    found = roll_out(
        model, source, source_mask, constraints, most_probable, length=length, length_penalty=length_penalty
    )
    return [hypothesis for [hypothesis] in found]

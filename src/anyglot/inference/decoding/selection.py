"""The best next tokens of every row: no log-softmax over the vocabulary, ties always broken the same way."""

import torch
from torch import Tensor

from anyglot.errors import UserError
from anyglot.inference.decoding.forcing import FREE
from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.protocols import SearchConstraints


def candidates(
    logits: Tensor | Logits, count: int, constraints: SearchConstraints, *, may_end: bool, forced: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the best continuations of each row with their log-probabilities.

    Only the kept logits are normalized, by the row's log-sum-exp, so no (rows, V) log-softmax is held.

    Args:
        logits: Scores of the next token.
        count: How many continuations are wanted.
        constraints: The end token and the tokens that are never generated.
        may_end: Whether the end token may be chosen.
        forced: The only continuation of each row, or FREE: the end token at the length limit, a prefix before.

    Shape:
        logits: (rows, V)    forced: (rows,) int64 or None
        returns: log-probabilities (rows, C) float32, -inf where a place is empty, and tokens (rows, C)

    Raises:
        UserError: The model's output is not a number.
    """
    banned = constraints.never if may_end else (*constraints.never, constraints.end)
    only = torch.zeros(0, dtype=torch.bool) if forced is None else forced != FREE
    wanted = forced.where(only, constraints.end) if forced is not None and bool(only.any()) else None
    best = Logits.of(logits).best(count, banned=banned, wanted=wanted)
    normalizer = best.normalizer[:, None]
    require_numbers(normalizer)
    scores, tokens = best.values - normalizer, best.tokens
    if wanted is not None and best.wanted is not None:
        scores = scores.masked_fill(only[:, None], -torch.inf)
        scores[:, 0] = torch.where(only, best.wanted - best.normalizer, scores[:, 0])
        tokens = torch.where(only[:, None], wanted[:, None], tokens)
    return scores, tokens


def require_numbers(normalizer: Tensor) -> None:
    """Refuse an output that nothing can be chosen from.

    Raises:
        UserError: The model's output is not a number.
    """
    if not bool(normalizer.isfinite().all()):
        raise UserError(
            "the model's output is not a number; its weights are damaged or too large for this precision: "
            "try `precision=fp32` or another checkpoint."
        )

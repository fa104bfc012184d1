"""The best next tokens of every row: no log-softmax over the vocabulary, ties always broken the same way."""

import torch
from torch import Tensor

from anyglot.decoding.forcing import FREE
from anyglot.decoding.protocols import Prompt
from anyglot.errors import UserError


def top_tokens(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the largest logits of each row, largest first; equal ones in the order of their token.

    `torch.topk` promises nothing about equal values, and with bf16 logits over a large vocabulary they are
    common. A row whose last place is contested is selected again, by threshold and lowest token.

    Shape:
        logits: (rows, V)    returns: values (rows, C) and tokens (rows, C), C = min(count, V)
    """
    vocabulary_size = logits.shape[1]
    count = min(count, vocabulary_size)
    if count == vocabulary_size:
        values, order = logits.sort(dim=1, descending=True, stable=True)
        return values, order
    values, tokens = logits.topk(count + 1, dim=1)
    contested = (values[:, count - 1] == values[:, count]).nonzero()[:, 0]
    values, tokens = values[:, :count], tokens[:, :count]
    if contested.numel():
        rows = logits[contested]
        threshold = values[contested, -1:]
        above, equal = rows > threshold, rows == threshold
        wanted = count - above.sum(dim=1, keepdim=True)
        chosen = above | (equal & (equal.cumsum(dim=1) <= wanted))
        tokens = tokens.clone()
        tokens[contested] = chosen.nonzero()[:, 1].view(-1, count)
    tokens = tokens.sort(dim=1).values
    values = logits.gather(1, tokens)
    values, order = values.sort(dim=1, descending=True, stable=True)
    return values, tokens.gather(1, order)


def candidates(
    logits: Tensor, count: int, prompt: Prompt, *, may_end: bool, forced: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the best continuations of each row with their log-probabilities.

    Only the kept logits are normalised, by the row's log-sum-exp, so no (rows, V) log-softmax is held.

    Args:
        logits: Scores of the next token.
        count: How many continuations are wanted.
        prompt: The end token and the tokens that are never generated.
        may_end: Whether the end token may be chosen.
        forced: The only continuation of each row, or FREE: the end token at the length limit, a prefix before.

    Shape:
        logits: (rows, V)    forced: (rows,) int64 or None
        returns: log-probabilities (rows, C) float32, -inf where a place is empty, and tokens (rows, C)

    Raises:
        UserError: The model's output is not a number.
    """
    banned = prompt.never if may_end else (*prompt.never, prompt.end)
    values, tokens = top_tokens(logits, count + len(banned))
    normaliser = logits.float().logsumexp(dim=1, keepdim=True)
    if not bool(normaliser.isfinite().all()):
        raise UserError(
            "the model's output is not a number; its weights are damaged or too large for this precision: "
            "try --precision fp32 or another checkpoint."
        )
    scores = values.float() - normaliser
    for token in banned:
        scores = scores.masked_fill(tokens == token, -torch.inf)
    # Banned tokens leave holes; a stable sort moves them behind the others and keeps the order of the rest.
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    scores, tokens = scores[:, :count], tokens.gather(1, order)[:, :count]
    if forced is not None:
        only = forced != FREE
        wanted = forced.where(only, prompt.end)
        scores = scores.masked_fill(only[:, None], -torch.inf)
        scores[:, 0] = torch.where(
            only, logits.gather(1, wanted[:, None])[:, 0].float() - normaliser[:, 0], scores[:, 0]
        )
        tokens = torch.where(only[:, None], wanted[:, None], tokens)
    return scores, tokens

"""The masked-language-model objective."""

from __future__ import annotations

from torch import Tensor

from anyglot.layers.heads import MaskedLanguageHead
from anyglot.losses.likelihood import Likelihood, chunked_likelihood

IGNORED = -100


def masked_likelihood(hidden: Tensor, labels: Tensor, head: MaskedLanguageHead) -> Likelihood:
    """Sum of -log p over the positions with a label; the head runs on those positions only.

    Shape:
        hidden: (B, S, D)    labels: (B, S) int64, -100 where nothing is predicted
    """
    chosen = labels != IGNORED
    states = head.transform(hidden[chosen])
    return chunked_likelihood(states, head.output.weight, head.output.bias, labels[chosen])

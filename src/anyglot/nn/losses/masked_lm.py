"""The masked-language-model objective."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from anyglot.nn.heads import MaskedLanguageHead
from anyglot.nn.losses.likelihood import chunked_likelihood

IGNORED = -100


def masked_likelihood(passes: Sequence[tuple[Tensor, Tensor]], head: MaskedLanguageHead) -> tuple[Tensor, list[Tensor]]:
    """Sum of -log p over the positions with a label, of one or more passes; the head runs on those positions only.

    All passes go through the vocabulary together: its matrix is read, and its gradient written, once.

    Args:
        passes: Last states and labels of each pass.

    Returns:
        The sum over all passes, to be minimised, and the sum of each pass, without gradient.

    Shape:
        states: (B, S, D)    labels: (B, S) int64, -100 where nothing is predicted    returns: scalars
    """
    chosen = [labels != IGNORED for _, labels in passes]
    states = torch.cat([hidden[where] for (hidden, _), where in zip(passes, chosen, strict=True)])
    targets = [labels[where] for (_, labels), where in zip(passes, chosen, strict=True)]
    output = head.output
    likelihood = chunked_likelihood(head.transform(states), output.weight, output.bias, torch.cat(targets))
    return likelihood.smoothed, [part.sum() for part in torch.split(likelihood.each, [len(part) for part in targets])]

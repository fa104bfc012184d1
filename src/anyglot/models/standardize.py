"""States of mean 0 and deviation 1 in every dimension, by another affine map in the encoder's last norm.

Sentence encoders end in states that are nearly one direction: of multilingual-e5-small the mean vector has a norm of
4.2, a token's state one of 4.9. A fresh cross-attention sees hardly more than that direction, and its decoder stays a
language model for long (docs/sixt.md). The last thing an encoder does is a layer norm, whose weight and bias can take
up any map of each dimension by itself, so the model has no new part and can be saved and exported like any other.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from anyglot.models.encoder import Encoder

# Of the mean deviation.
LEAST = 0.01


def last_norm(encoder: Encoder) -> nn.LayerNorm:
    """The layer norm that an encoder's final states come out of: the stack's own, or the last block's."""
    if encoder.stack.final_norm is not None:
        return encoder.stack.final_norm
    norm: nn.LayerNorm = encoder.stack.blocks[-1].feedforward.norm  # type: ignore[assignment]
    return norm


@torch.no_grad()
def standardize(encoder: Encoder, batches: Iterable[tuple[Tensor, Tensor]], tokens: int) -> int:
    """Fold mean and deviation of the final states of some text into the encoder's last norm.

    Args:
        batches: Tokens and masks of sentences.
        tokens: After how many real tokens enough has been read; less, if the batches end before.

    Raises:
        ValueError: There were fewer than two tokens.

    Shape:
        batches: (B, S) int64, (B, S) bool    returns: how many tokens were read
    """
    training = encoder.training
    encoder.eval()
    count = 0
    sums = torch.zeros(2, encoder.config.stack.width, dtype=torch.float64)
    for source, mask in batches:
        states = encoder(source, mask).last[mask].double()
        count += len(states)
        sums += torch.stack([states.sum(dim=0), states.square().sum(dim=0)])
        if count >= tokens:
            break
    encoder.train(training)
    if count < 2:
        raise ValueError(f"states cannot be standardized by {count} tokens")
    mean = sums[0] / count
    fold(encoder, mean, (sums[1] / count - mean.square()).clamp(min=0).sqrt())
    return count


@torch.no_grad()
def fold(encoder: Encoder, mean: Tensor, deviation: Tensor) -> None:
    """Make the encoder's final states (states - mean) / deviation.

    A deviation near 0 is raised to a hundredth of the mean one, so that what hardly moves is not blown up.

    Shape:
        mean: (D,)    deviation: (D,), not negative
    """
    norm = last_norm(encoder)
    divisor = deviation.clamp(min=float(deviation.mean()) * LEAST).to(norm.weight)
    norm.weight.div_(divisor)
    norm.bias.sub_(mean.to(norm.bias)).div_(divisor)

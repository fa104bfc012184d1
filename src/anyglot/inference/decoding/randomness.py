"""Random numbers that are a function of what they are for, so that neighbours in a batch cannot change them.

A counter-based generator: a number's key is a hash of (seed, sentence, sample) and its counter the step. The hash is
that of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014) on int64
tensors, whose products wrap around, so the numbers are the same on every device.
"""

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_FIRST = 0xBF58476D1CE4E5B9 - (1 << 64)
_SECOND = 0x94D049BB133111EB - (1 << 64)
_BITS = 52  # below 53, so that a uniform number times a mass stays below that mass in float64


def mixed(numbers: Tensor) -> Tensor:
    """Hash each number; int64 to int64, one to one."""
    numbers = (numbers ^ _shifted(numbers, 30)) * _FIRST
    numbers = (numbers ^ _shifted(numbers, 27)) * _SECOND
    return numbers ^ _shifted(numbers, 31)


def _shifted(numbers: Tensor, places: int) -> Tensor:
    """Shift right and fill with zeros."""
    return (numbers >> places) & ((1 << (64 - places)) - 1)


def sample_keys(source: Tensor, source_mask: Tensor, seed: int, samples: int) -> Tensor:
    """Return a key for each sample of each sentence, from the sentence's own tokens: padding does not count.

    The n-th sample has the same key however many samples there are.

    Shape:
        source: (B, S) int64    source_mask: (B, S) bool    returns: (B, samples) int64
    """
    places = torch.arange(1, source.shape[1] + 1, device=source.device) * _GOLDEN
    content = mixed(mixed(source + 1) + places).masked_fill(~source_mask, 0).sum(dim=1)
    sentences = mixed(content + mixed(torch.tensor(seed, device=source.device)))
    numbers = torch.arange(1, samples + 1, device=source.device) * _GOLDEN
    return mixed(sentences[:, None] + numbers)


def uniform(keys: Tensor, step: int) -> Tensor:
    """Return each key's random number of this step, in [0, 1): float64, as many as keys."""
    counter = torch.tensor(step + 1, device=keys.device) * _GOLDEN
    return _shifted(mixed(keys + counter), 64 - _BITS).double() * 2.0**-_BITS

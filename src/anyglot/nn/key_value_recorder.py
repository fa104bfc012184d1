"""The keys and values of one pass, kept for the passes after it: what stands in front of them, or in their cache."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.nn.batch_invariant import batch_invariant_length
from anyglot.nn.cache import Cache, KeyValueCache, LayerCache
from anyglot.nn.prefix import Prefix


class KeyValueRecorder:
    """Stands where a cache stands and keeps what one pass computes, with its gradient; it has no past to add.

    Args:
        layers: Blocks of the stack.
    """

    def __init__(self, layers: int) -> None:
        self.layers = [_recorded_layer() for _ in range(layers)]

    def prefixes(self, mask: Tensor) -> tuple[Prefix, ...]:
        """What was recorded, one prefix a block, with its real positions visible.

        Shape:
            mask: (B, S) bool    returns: L prefixes with keys and values (B, H, S, D / H)

        Raises:
            ValueError: Nothing was recorded.
        """
        return tuple(Prefix(*_recorded(layer.own), mask) for layer in self.layers)


class _Recorder(KeyValueCache):
    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        self.keys, self.values = keys, values
        return keys, values


def _recorded_layer() -> LayerCache:
    layer = LayerCache()
    layer.own = _Recorder()
    return layer


def _recorded(own: KeyValueCache) -> tuple[Tensor, Tensor]:
    if own.keys is None or own.values is None:
        raise ValueError("nothing was recorded; run the stack with this recording first.")
    return own.keys, own.values


def prefilled_cache(prefixes: Sequence[Prefix], beams: int) -> Cache:
    """A cache whose first slots hold these keys and values, which all beams of a sentence see; no position is decoded.

    A step then reads them where they lie, while a prefix would be copied in front of the past in every step. What was
    put in cannot be taken back with `Cache.forget`.

    Args:
        prefixes: One a block, all of one length and with one mask.
        beams: Rows a sentence has, K.

    Shape:
        prefixes: keys and values (B, H, P, D / H)
    """
    first = prefixes[0]
    sentences, room = first.keys.shape[0], batch_invariant_length(first.length) - first.length
    mask = first.mask
    if mask is None:
        mask = torch.ones(sentences, first.length, dtype=torch.bool, device=first.keys.device)
    cache = Cache(len(prefixes), beams)
    cache.visible = functional.pad(mask, (0, room))[:, None].repeat(1, beams, 1)
    for layer, prefix in zip(cache.layers, prefixes, strict=True):
        layer.own.keys = functional.pad(prefix.keys, (0, 0, 0, room))
        layer.own.values = functional.pad(prefix.values, (0, 0, 0, room))
    return cache

"""A decoder's past as transformers hands it around: our cache under transformers' verbs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, NoReturn

from torch import Tensor
from transformers.cache_utils import Cache as TransformersCache
from transformers.modeling_outputs import Seq2SeqLMOutput

from anyglot.nn.cache import Cache

# Outputs hold the past under this name; `generate` hands it back under the same.
PAST = "cache" if "cache" in {field.name for field in fields(Seq2SeqLMOutput)} else "past_key_values"


class DecodingCache(TransformersCache):  # type: ignore[misc]
    """Keys and values of the tokens decoded so far and of the source, held by this package's own cache.

    `model(..., use_cache=True)` makes one and returns it as `cache` (`past_key_values` before transformers 5.24); give
    it back with the next tokens.
    `generate` does so in greedy search, sampling and beam search. It cannot be cropped, so assisted generation is
    refused. When rows are reordered, each must stay within its sentence, as in beam search.

    Args:
        own: The cache that `EncoderDecoder.new_cache` gave.
    """

    def __init__(self, own: Cache) -> None:
        super().__init__(layers=[])
        self.own = own

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Target positions decoded so far."""
        return self.own.length

    def get_max_length(self, layer_idx: int | None = None) -> int:
        """-1: there is no end to it."""
        return -1

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Take row `beam_idx[i]` of the past as the new row i."""
        self.own.reorder(beam_idx)

    @property
    def is_initialized(self) -> bool:
        return self.own.length > 0

    @property
    def is_croppable(self) -> bool:
        return False

    @property
    def is_compileable(self) -> bool:
        return False

    def crop(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refused: see the class."""
        raise NotImplementedError("the cache of an anyglot model cannot be cropped; generate without an assistant.")

    def batch_repeat_interleave(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refused: rows belong to sentences from the first step on."""
        raise NotImplementedError("the rows of an anyglot model's cache cannot be repeated; encode the source again.")

    def batch_select_indices(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refused: rows belong to sentences from the first step on."""
        raise NotImplementedError("the rows of an anyglot model's cache cannot be selected; encode the source again.")

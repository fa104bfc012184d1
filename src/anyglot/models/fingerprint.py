"""An encoder known by a hash: of all that its states depend on, or of its weights alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor

from anyglot.models.build import dropped_skips
from anyglot.models.encoder import Encoder
from anyglot.models.store import current_config


def encoder_fingerprint(encoder: Encoder, *facts: str) -> str:
    """Hash of all that an encoder's states depend on besides the tokens: every weight, the config, and `facts`.

    Args:
        facts: Whatever else decides the states, e.g. the precision they are computed in and how they are stored.
    """
    told = f"encoder states 1 {' '.join(facts)}{current_config(encoder).model_dump_json()}"
    return hashed(told, encoder.named_parameters())


def weights_fingerprint(encoder: Encoder) -> str:
    """Hash of an encoder's weights, language head included, and of its dropped skips; not of its pooler or settings.

    A segment row of zeros, which transformers' form of XLM-R has and which adds nothing, is as good as none.
    """
    segments = encoder.embeddings.segments
    silent = segments is not None and not bool(segments.weight[0].any())
    left_out = ("pooler.", "embeddings.segments.") if silent else ("pooler.",)
    named = ((name, value) for name, value in encoder.named_parameters() if not name.startswith(left_out))
    return hashed(f"encoder weights 1 {' '.join(dropped_skips(encoder))}", named)


def hashed(told: str, named: Iterable[tuple[str, Tensor]]) -> str:
    """Hash of named tensors and of what is told of them: 32 hex digits."""
    digest = hashlib.sha256(told.encode())
    for name, parameter in named:
        value = parameter.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]

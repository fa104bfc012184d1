"""What an encoder's states depend on, as a name for the folder they are kept in."""

from __future__ import annotations

import hashlib

import torch

from anyglot.models.encoder import Encoder
from anyglot.models.store import current_config


def encoder_key(encoder: Encoder, *facts: str) -> str:
    """Hash of all that an encoder's states depend on besides the tokens: every weight, the config, and `facts`.

    Args:
        facts: Whatever else decides the states, e.g. the precision they are computed in and how they are stored.
    """
    digest = hashlib.sha256(f"encoder states 1 {' '.join(facts)}".encode())
    digest.update(current_config(encoder).model_dump_json().encode())
    for name, parameter in encoder.named_parameters():
        value = parameter.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:32]

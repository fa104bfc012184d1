"""The padding token a model's config names, made the tokenizer's.

A published config may name another one: multilingual-e5-small's says 0, where its tokenizer has `<s>` and pads with 1.
Masks are made of lengths here, so the encoder's states do not depend on it; but whoever reads the config does, such as
`generate` of transformers, which takes what it calls padding out of the source and never writes it.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel
from torch import nn

Shape = TypeVar("Shape", bound=BaseModel)


def padded_with(config: Shape, padding_id: int) -> Shape:
    """The config, and those of its parts, with this padding token.

    Where positions start does not change: they stand where they were trained. A Marian model keeps its own, which is
    the first token of what it writes and may be another in its second vocabulary.
    """
    if getattr(config, "family", None) == "marian":
        return config
    changes: dict[str, object] = {
        name: padded_with(value, padding_id)
        for name in type(config).model_fields
        if isinstance(value := getattr(config, name), BaseModel)
    }
    if "padding_id" in type(config).model_fields:
        changes["padding_id"] = padding_id
    return config.model_copy(update=changes) if changes else config


def pad_with(model: nn.Module, padding_id: int) -> None:
    """Give a model, and each of its parts, a config with this padding token."""
    for module in model.modules():
        config = getattr(module, "config", None)
        if isinstance(config, BaseModel):
            module.config = padded_with(config, padding_id)  # type: ignore[assignment]

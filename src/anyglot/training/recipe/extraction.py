"""What becomes of an encoder's parts when it is taken apart, read off what `models/extraction.py` makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from anyglot.models.build import build_encoder
from anyglot.models.config import EncoderConfig
from anyglot.models.empty import blank
from anyglot.models.extraction import encoder_decoder_from, without_cross_attention
from anyglot.training.recipe.outline import part_name


@dataclass(frozen=True)
class PartUsage:
    """What becomes of a part.

    Args:
        alone: In the encoder alone: "kept" or "dropped"; empty for a part it has no business with.
        joined: In an encoder-decoder: of the encoder, of the decoder, of both as one tensor or as a copy, or dropped.
    """

    alone: str
    joined: str


def fates(config: EncoderConfig) -> dict[str, PartUsage]:
    """Part -> its fate, for every part of the encoder, then for those of a decoder that it has nothing for."""
    with blank():
        encoder = build_encoder(config)
        alone = without_cross_attention(encoder)
        joined = encoder_decoder_from(encoder, layers=config.stack.layers)
    kept, own = _named(alone), _named(joined)
    found: dict[str, PartUsage] = {}
    for name in _named(encoder):
        ours, theirs = own.get(f"encoder.{name}"), own.get(f"decoder.{name}")
        found.setdefault(part_name(name), PartUsage("kept" if name in kept else "dropped", _joined(ours, theirs)))
    for name in _named(joined.decoder):
        found.setdefault(part_name(name), PartUsage("", "decoder: fresh"))
    return found


def _joined(ours: nn.Parameter | None, theirs: nn.Parameter | None) -> str:
    if ours is None:
        return "dropped" if theirs is None else "decoder: a copy"
    if theirs is None:
        return "encoder"
    return "encoder, decoder and output share it" if ours is theirs else "encoder; decoder: a copy"


def _named(model: nn.Module) -> dict[str, nn.Parameter]:
    return dict(model.named_parameters(remove_duplicate=False))

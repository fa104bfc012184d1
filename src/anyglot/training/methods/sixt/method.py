"""TransF, the two-stage training of SixT and SixT+ (section 2.2), over any encoder."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from anyglot.errors import UserError
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.load import load_encoder
from anyglot.training.methods.base import DropSkip, Stage
from anyglot.training.methods.translation import (
    FreshDecoderMethod,
    TranslationOptions,
    attach_decoder,
    fresh_parameters,
    provenance_of,
)


class SixTOptions(TranslationOptions):
    """Options of SixT+, of its many-to-many form (`target_languages`) and of SixT (`decoder`: post-norm, learned
    positions, a table of its own).

    Args:
        start: The pretrained encoder: a folder or a hub name.
        disentangle: Drop the self-attention skip of one encoder layer in stage 2 (and from then on).
        disentangled_layer: Which layer, 0-based; None is the penultimate (the paper's 23rd of 24 is 22).
        encoder_dropout: Whether the frozen encoder of stage 1 runs with its dropout, as the released code does
            (method card 1.3), or in eval mode.
    """

    name: Literal["sixt"] = "sixt"
    start: str
    disentangle: bool = True
    disentangled_layer: int | None = Field(None, ge=0)
    encoder_dropout: bool = True


class SixT(FreshDecoderMethod):
    """Two-stage transfer of a multilingual encoder to translation (SixT+, section 2.2)."""

    name: ClassVar[str] = "sixt"
    Options: ClassVar[type[BaseModel]] = SixTOptions

    def __init__(self, options: SixTOptions) -> None:
        super().__init__(options)
        self.options: SixTOptions = options
        self._layers: int | None = None

    def build(self, tokenizer: Any, seed: int) -> EncoderDecoder:
        """Load the encoder and put a fresh decoder on it."""
        encoder = load_encoder(self.options.start)
        self._layers = encoder.config.stack.layers
        languages, end = self.options.target_languages, tokenizer.end_id
        return attach_decoder(encoder, self.options.decoder, seed=seed, end_id=end, target_languages=languages)

    def disentangled_layer(self) -> int:
        """0-based index of the layer that loses its self-attention skip.

        Raises:
            UserError: the layer lies outside the encoder.
        """
        return layer_to_disentangle(self._encoder_layers(), self.options.disentangled_layer)

    def stages(self) -> list[Stage]:
        """Decoder training with the encoder frozen, then all but the embeddings with one skip dropped.

        A table that the decoder has for itself trains in the second stage (SixT); the shared one never moves.
        """
        fresh = fresh_parameters(self.options)
        table = ("decoder.embeddings.tokens.*",) if self.options.decoder.table == "own" else ()
        edits: tuple[DropSkip, ...] = ()
        if self.options.disentangle:
            edits = (skip_to_drop(self._encoder_layers(), self.options.disentangled_layer),)
        return [
            Stage(
                "decoder",
                trains=fresh,
                evaluates=() if self.options.encoder_dropout else ("encoder",),
            ),
            Stage("joint", trains=("encoder.stack.*", *fresh, *table), edits=edits),
        ]

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return provenance_of(self.options, self.options.start)

    def _encoder_layers(self) -> int:
        if self._layers is None:
            self._layers = load_encoder(self.options.start).config.stack.layers
        return self._layers


def layer_to_disentangle(layers: int, chosen: int | None) -> int:
    """0-based index of the layer that loses its self-attention skip: the chosen one, or the penultimate.

    Raises:
        UserError: The encoder has no such layer.
    """
    index = max(layers - 2, 0) if chosen is None else chosen
    if index >= layers:
        raise UserError(f"disentangled_layer is {index}, but the encoder has the layers 0 to {layers - 1}.")
    return index


def skip_to_drop(layers: int, chosen: int | None) -> DropSkip:
    """The edit that disentangles an encoder of so many layers (section 2.2)."""
    return DropSkip(f"encoder.stack.blocks.{layer_to_disentangle(layers, chosen)}.self_attention")

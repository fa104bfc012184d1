"""VECO fine-tuned to translation: an encoder-decoder out of the pretrained model's own blocks (sections 2.3 and 5)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field, model_validator

from anyglot.models.config import EncoderConfig, Frozen, Probability
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.extraction import DecoderBlocks, copied_blocks, encoder_decoder_from, set_dropout
from anyglot.models.initialize import initialise_bert
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.sizes import Scale
from anyglot.training.methods.base import Stage
from anyglot.training.methods.translation import LikelihoodOptions, TranslationMethod

CROSS_ATTENTION = "decoder.stack.blocks.*.cross_attention.*"


class PretrainedDecoder(Frozen):
    """The decoder; its sizes are the encoder's. Defaults: the paper's (table 4, last row).

    Args:
        layers: Blocks. The paper found six enough, and 24 post-norm ones hard to train.
        blocks: Copies of the encoder's "last" or "first" ones, or "fresh". Of an encoder without cross-attention that
            sub-module is fresh in any case. How the paper began the decoder of its XLM-R row it does not say: "fresh"
            is the plain reading, "last" gives it all an XLM-R has.
        scale: Factor on the decoder's token vectors; None: the encoder's own (see `models.parts.encoder_decoder_from`).
    """

    layers: int = Field(6, ge=1, le=200)
    blocks: DecoderBlocks = "last"
    scale: Scale | None = None


class VecoTranslationOptions(LikelihoodOptions):
    """Options of the fine-tuning.

    Args:
        start: A VECO folder; or any encoder, a folder or a hub name.
        encoder: "fresh": nothing is loaded but the shape, the paper's random initialisation (table 4).
        dropout: Of encoder and decoder alike, as in the released scripts; None: as in pretraining.
        attention_dropout: Likewise, on attention weights.
        deviation: Standard deviation of what is fresh; 0.02 is BERT's and the released code's.
    """

    name: Literal["veco_translation"] = "veco_translation"
    start: str
    encoder: Literal["pretrained", "fresh"] = "pretrained"
    decoder: PretrainedDecoder = PretrainedDecoder()
    dropout: Probability | None = None
    attention_dropout: Probability | None = None
    deviation: float = Field(0.02, gt=0, le=1)
    label_smoothing: float = Field(0.2, ge=0, lt=1)

    @model_validator(mode="after")
    def _something_to_copy(self) -> VecoTranslationOptions:
        if self.encoder == "fresh" and self.decoder.blocks != "fresh":
            raise ValueError(
                f"encoder is fresh, so the decoder has no pretrained blocks to copy, but decoder.blocks is "
                f"{self.decoder.blocks}; set decoder.blocks to fresh"
            )
        return self


class VecoTranslation(TranslationMethod):
    """All of the encoder, the last or first blocks as decoder, all trained at once (section 5.1)."""

    name: ClassVar[str] = "veco_translation"
    Options: ClassVar[type[BaseModel]] = VecoTranslationOptions

    def __init__(self, options: VecoTranslationOptions) -> None:
        super().__init__(options)
        self.options: VecoTranslationOptions = options
        self._start: EncoderConfig | None = None

    def build(self, tokenizer: Any, seed: int) -> EncoderDecoder:
        """Load the pretrained model and take it apart; or give its shape fresh weights.

        Raises:
            UserError: The decoder is to have more copied blocks than the encoder has blocks.
        """
        options, decoder = self.options, self.options.decoder
        encoder = load_encoder(options.start, cross_attention=True)
        self._start = encoder.config
        set_dropout(encoder, options.dropout, options.attention_dropout)
        if options.encoder == "fresh":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed + 1)
                initialise_bert(encoder, options.deviation)
        return encoder_decoder_from(
            encoder,
            layers=decoder.layers,
            blocks=decoder.blocks,
            scale=decoder.scale,
            end_id=tokenizer.end_id,
            deviation=options.deviation,
            seed=seed,
        )

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("all", trains=("*",))]

    def provenance(self) -> dict[str, str]:
        """Where first values come from, of each decoder block by itself."""
        start, decoder = self.options.start, self.options.decoder
        if self.options.encoder == "fresh":
            return {"*": "fresh"}
        config = self._start or load_encoder(start, cross_attention=True).config
        chosen = copied_blocks(config.stack.layers, decoder.layers, decoder.blocks)
        told = {} if config.stack.cross_attention else {CROSS_ATTENTION: "fresh"}
        for place, origin in enumerate(chosen):
            told[f"decoder.stack.blocks.{place}.*"] = f"copied from block {origin} of {start}"
        told["decoder.stack.final_norm.*"] = f"copied from {start}" if chosen else "fresh"
        return told | {
            "decoder.stack.*": "fresh",
            "decoder.embeddings.*": f"copied from {start}",
            "*": f"loaded from {start}",
        }

"""The method `continued`: translation as a further pretraining objective, all at once or in SixT+'s two stages."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field, model_validator

from anyglot.models.build import build_encoder_decoder
from anyglot.models.config import Probability
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.initialize import initialise_fairseq
from anyglot.models.store import current_config
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import Frames
from anyglot.training.methods.base import DropSkip, Stage
from anyglot.training.methods.pretrained import PretrainedTranslator
from anyglot.training.methods.sixt.method import skip_to_drop
from anyglot.training.methods.translation import LikelihoodOptions, ManyTargets, TranslationMethod

_CROSS_ATTENTION = "decoder.stack.blocks.*.cross_attention.*"
_STACKS = ("encoder.stack.*", "decoder.stack.*")


class ContinuedOptions(LikelihoodOptions, ManyTargets):
    """What to continue, and which weights move when.

    Args:
        start: An encoder-decoder, a folder or a hub name: a run of the method denoising or of any translator here;
            mBART, mBART-50, M2M-100, NLLB or Marian.
        target_languages: Those of the start's target projection where it has one, in its order; a start with language
            tokens is told by them.
        values: "fresh" takes the start's shape and vocabulary only: translation from scratch, the control. With the
            seed of the denoising run it starts from that run's own first values.
        freeze: "embeddings": tables, positions and their norms keep their values in every stage, and so does the output
            matrix, which is one of them or stands for one.
        first_stage: What trains alone, before the rest joins: the whole decoder as in SixT+, or its cross-attentions
            only; the encoder is frozen. "none": one stage.
        disentangle: Drop the self-attention skip of one encoder layer from the stage on in which the encoder trains.
        disentangled_layer: Which layer, 0-based; None is the penultimate.
        dropout: Of encoder and decoder alike; None: as before.
        attention_dropout: Likewise, on attention weights.
    """

    name: Literal["continued"] = "continued"
    start: str
    values: Literal["pretrained", "fresh"] = "pretrained"
    freeze: Literal["none", "embeddings"] = "none"
    first_stage: Literal["none", "decoder", "cross_attention"] = "none"
    disentangle: bool = False
    disentangled_layer: int | None = Field(None, ge=0)
    dropout: Probability | None = None
    attention_dropout: Probability | None = None

    @model_validator(mode="after")
    def _something_to_keep(self) -> ContinuedOptions:
        if self.values == "fresh" and (self.freeze != "none" or self.first_stage != "none"):
            raise ValueError(
                "values is fresh, so there is nothing pretrained to keep frozen; set freeze and first_stage to none"
            )
        if self.disentangled_layer is not None and not self.disentangle:
            raise ValueError("disentangled_layer has no effect without disentangle: true")
        return self


class Continued(TranslationMethod):
    """The likelihood of the target over any directions the data has (Ji et al., section 2.1)."""

    name: ClassVar[str] = "continued"
    Options: ClassVar[type[BaseModel]] = ContinuedOptions

    def __init__(self, options: ContinuedOptions) -> None:
        super().__init__(options)
        self.options: ContinuedOptions = options
        self.start = PretrainedTranslator(
            options.start, options.target_languages, options.dropout, options.attention_dropout
        )
        self._layers: int | None = None

    def build(self, tokenizer: Any, seed: int) -> EncoderDecoder:
        """Load the model; or give its shape fresh values."""
        model = self.start.model()
        self._layers = model.config.encoder.stack.layers
        if self.options.values == "pretrained":
            return model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            config = current_config(model)
            assert config.kind == "encoder-decoder"
            fresh = build_encoder_decoder(config)
            initialise_fairseq(fresh)
        return fresh

    def frames(self, tokenizer: TextTokenizer) -> Frames:
        """What stands around a pair, as the start expects it."""
        return self.start.frames(tokenizer)

    def stages(self) -> list[Stage]:
        """One stage, `all`; or SixT+'s two, `decoder` with the encoder frozen and `joint`.

        Raises:
            UserError: `disentangled_layer` lies outside the encoder.
        """
        projection = ("target_projection.*",) if self.options.target_languages else ()
        everything = (*_STACKS, *projection) if self.options.freeze == "embeddings" else ("*",)
        edits: tuple[DropSkip, ...] = ()
        if self.options.disentangle:
            edits = (skip_to_drop(self._encoder_layers(), self.options.disentangled_layer),)
        if self.options.first_stage == "none":
            return [Stage("all", trains=everything, edits=edits)]
        alone = "decoder.stack.*" if self.options.first_stage == "decoder" else _CROSS_ATTENTION
        return [
            Stage("decoder", trains=(alone, *projection)),
            Stage("joint", trains=everything, edits=edits),
        ]

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": "fresh" if self.options.values == "fresh" else f"loaded from {self.options.start}"}

    def _encoder_layers(self) -> int:
        if self._layers is None:
            self._layers = self.start.model().config.encoder.stack.layers
        return self._layers

"""mBART's pretraining from scratch: an encoder-decoder learns to restore damaged text (Liu et al., 2020, section 2).

What lets the result be fine-tuned to translate:

- A target is `a </s> b </s>`, as `</s>` ends every sentence of it, and the decoder starts with `</s>`. A sentence pair
  is the same with one sentence, so fine-tuning asks nothing new of the decoder but another language.
- mBART tells the language by a token behind the text. Here the text itself tells it in pretraining. A translator into
  one language needs no more: fine-tuning fixes the language. One into several is told by a target projection
  (SixT+ section 3.3), as the other many-to-many models here; `target_languages` pretrains it, so that every language
  has its way of being asked for before the first sentence pair comes.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BaseModel, BeforeValidator, Field, model_validator

from anyglot.data.corpus import LanguageCode
from anyglot.data.infilling import InfillingOptions
from anyglot.models.build import build_encoder_decoder
from anyglot.models.config import (
    Activation,
    EmbeddingsConfig,
    EncoderConfig,
    EncoderDecoderConfig,
    Probability,
    StackConfig,
)
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.initialize import initialise_fairseq
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import Frames
from anyglot.training.methods.base import Kind, Stage
from anyglot.training.methods.pretrained import PretrainedTranslator
from anyglot.training.methods.translation import LikelihoodOptions, TranslationMethod


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class DenoisingOptions(LikelihoodOptions):
    """Sizes of a new model (defaults: mBART's), or the model to continue from, and the noise.

    Args:
        start: An encoder-decoder to continue from, a folder or a hub name; the sizes below are then the checkpoint's,
            and another project's is given its language tokens.
        layers, decoder_layers: Blocks of encoder and decoder.
        positions: Most tokens in a row, `<s>` and `</s>` included.
        infilling: What is done to the text.
        target_languages: Languages that get a target projection, in the order of its rows; none: no projection.
    """

    name: Literal["denoising"] = "denoising"
    start: str | None = None
    layers: int = Field(12, ge=1, le=200)
    decoder_layers: int = Field(12, ge=1, le=200)
    width: int = Field(1024, ge=1)
    heads: int = Field(16, ge=1, le=256)
    feedforward_width: int = Field(4096, ge=1)
    activation: Activation = "gelu"
    positions: int = Field(1024, ge=8, le=100_000)
    dropout: Probability = 0.1
    attention_dropout: Probability = 0.1
    infilling: InfillingOptions = InfillingOptions()
    target_languages: Annotated[tuple[LanguageCode, ...], BeforeValidator(_tuple)] = ()
    label_smoothing: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _check(self) -> DenoisingOptions:
        if self.start is None and self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        if len(set(self.target_languages)) < len(self.target_languages):
            raise ValueError(f"a language stands twice in {', '.join(self.target_languages)}")
        return self


class Denoising(TranslationMethod):
    """The likelihood of a text given what is left of it (Liu et al., eq. 1)."""

    name: ClassVar[str] = "denoising"
    Options: ClassVar[type[BaseModel]] = DenoisingOptions
    kind: ClassVar[Kind] = "denoising"

    def __init__(self, options: DenoisingOptions) -> None:
        super().__init__(options)
        self.options: DenoisingOptions = options
        self.start = None
        if options.start is not None:
            self.start = PretrainedTranslator(
                options.start, options.target_languages, options.dropout, options.attention_dropout
            )

    def build(self, tokenizer: Any, seed: int) -> EncoderDecoder:
        """A fresh model in mBART's shape, or the one to continue from."""
        if self.start is not None:
            return self.start.model()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build_encoder_decoder(_config(self.options, tokenizer))
            initialise_fairseq(model)
        return model

    def frames(self, tokenizer: TextTokenizer) -> Frames | None:
        """What stands around a text: of a new model `<s> x </s>` and `</s> y`."""
        return None if self.start is None else self.start.frames(tokenizer)

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("pretrain", trains=("*",))]

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": "fresh" if self.options.start is None else f"loaded from {self.options.start}"}


def _config(sizes: DenoisingOptions, tokenizer: Any) -> EncoderDecoderConfig:
    """Pre-norm, learned positions, a norm behind the embeddings, one table for all (fairseq's mbart_large)."""
    embeddings = EmbeddingsConfig(
        vocabulary_size=tokenizer.vocabulary_size,
        width=sizes.width,
        positions="learned",
        position_rows=sizes.positions + 2,
        position_offset=2,
        norm=True,
        scale="sqrt",
        dropout=sizes.dropout,
    )

    def stack(layers: int, cross_attention: bool) -> StackConfig:
        return StackConfig(
            layers=layers,
            width=sizes.width,
            heads=sizes.heads,
            feedforward_width=sizes.feedforward_width,
            activation=sizes.activation,
            norm_first=True,
            cross_attention=cross_attention,
            dropout=sizes.dropout,
            attention_dropout=sizes.attention_dropout,
        )

    return EncoderDecoderConfig(
        encoder=EncoderConfig(embeddings=embeddings, stack=stack(sizes.layers, False)),
        decoder_embeddings=embeddings,
        decoder=stack(sizes.decoder_layers, True),
        start_id=tokenizer.end_id,
        end_id=tokenizer.end_id,
        target_languages=sizes.target_languages,
    )

"""A Transformer from scratch: the network of SixT+ without the pretrained encoder."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field

from anyglot.models.build import build_encoder
from anyglot.models.config import Activation, EmbeddingsConfig, EncoderConfig, Frozen, Probability, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.initialize import initialise_fairseq
from anyglot.training.methods.base import Stage
from anyglot.training.methods.translation import FreshDecoderMethod, TranslationOptions, attach_decoder


class EncoderOptions(Frozen):
    """The fresh encoder. Defaults: Transformer base (Vaswani et al., 2017), pre-norm."""

    layers: int = Field(6, ge=1, le=200)
    width: int = Field(512, ge=1)
    heads: int = Field(8, ge=1, le=256)
    feedforward_width: int = Field(2048, ge=1)
    activation: Activation = "relu"
    norm_first: bool = True
    dropout: Probability = 0.1

    def config(self, vocabulary_size: int) -> EncoderConfig:
        """The encoder that has these sizes."""
        embeddings = EmbeddingsConfig(
            vocabulary_size=vocabulary_size,
            width=self.width,
            positions="sinusoidal",
            norm=False,
            scale="sqrt",
            dropout=self.dropout,
        )
        stack = StackConfig(
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            feedforward_width=self.feedforward_width,
            activation=self.activation,
            norm_first=self.norm_first,
            dropout=self.dropout,
        )
        return EncoderConfig(embeddings=embeddings, stack=stack)


class TransformerOptions(TranslationOptions):
    """Options of the Transformer from scratch."""

    name: Literal["transformer"] = "transformer"
    encoder: EncoderOptions = EncoderOptions()


class Transformer(FreshDecoderMethod):
    """Encoder, decoder and the shared table start from random values and are trained together."""

    name: ClassVar[str] = "transformer"
    Options: ClassVar[type[BaseModel]] = TransformerOptions

    def __init__(self, options: TransformerOptions) -> None:
        super().__init__(options)
        self.options: TransformerOptions = options

    def build(self, tokenizer: Any, seed: int) -> EncoderDecoder:
        """Make the model; the vocabulary is the tokenizer's."""
        encoder = fresh_encoder(self.options.encoder, tokenizer.vocabulary_size, seed)
        languages, end = self.options.target_languages, tokenizer.end_id
        return attach_decoder(encoder, self.options.decoder, seed=seed + 1, end_id=end, target_languages=languages)

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("all", trains=("*",))]

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": "fresh"}


def fresh_encoder(sizes: EncoderOptions, vocabulary_size: int, seed: int) -> Encoder:
    """An encoder with wave positions, in fairseq's initialisation."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = build_encoder(sizes.config(vocabulary_size))
        initialise_fairseq(encoder)
    return encoder

"""What the methods that pretrain an encoder have in common: its sizes, and how it is made or loaded."""

from __future__ import annotations

from typing import Any, Self

import torch
from pydantic import Field, model_validator

from anyglot.errors import UserError
from anyglot.models.build import build_encoder
from anyglot.models.config import Activation, EmbeddingsConfig, EncoderConfig, Frozen, Probability, StackConfig
from anyglot.models.cross_attention import add_cross_attention
from anyglot.models.encoder import Encoder
from anyglot.models.initialize import initialise_bert
from anyglot.models.pretrained.load import encoder_of, load_encoder, load_pretrained


class EncoderSizes(Frozen):
    """Sizes of a new encoder (defaults: XLM-R base), or the encoder to continue from.

    Args:
        start: A folder or hub name of an encoder with its language head; the sizes below are then the checkpoint's.
        positions: Most tokens in a sequence, `<s>` and `</s>` included.
        deviation: Standard deviation of the first weights. 0.02 is BERT's, made for widths of about 1 / 0.02^2; a
            narrow model learns sooner from one nearer to 1 / sqrt(width).
    """

    start: str | None = None
    layers: int = Field(12, ge=1, le=200)
    width: int = Field(768, ge=1)
    heads: int = Field(12, ge=1, le=256)
    feedforward_width: int = Field(3072, ge=1)
    activation: Activation = "gelu"
    norm_first: bool = False
    positions: int = Field(512, ge=8, le=100_000)
    dropout: Probability = 0.1
    attention_dropout: Probability = 0.1
    deviation: float = Field(0.02, gt=0, le=1)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.start is None and self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        return self

    @property
    def stack(self) -> StackConfig:
        """The blocks these sizes describe."""
        return StackConfig(
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            feedforward_width=self.feedforward_width,
            activation=self.activation,
            norm_first=self.norm_first,
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
        )


def pretraining_encoder(sizes: EncoderSizes, tokenizer: Any, seed: int, *, cross_attention: bool = False) -> Encoder:
    """A fresh encoder in XLM-R's shape, or the one to continue from, with its language head.

    Args:
        cross_attention: Whether its blocks have one (VECO); blocks without get fresh ones.

    Raises:
        UserError: The encoder to continue from has no language head.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if sizes.start is None:
            encoder = build_encoder(_config(sizes, tokenizer.vocabulary_size))
            initialise_bert(encoder, sizes.deviation)
        else:
            encoder = encoder_of(load_pretrained(sizes.start)) if cross_attention else load_encoder(sizes.start)
        if encoder.head is None:
            raise UserError(f"{sizes.start} has no masked-language head, so its pretraining cannot continue.")
        # Last, so that all else is the same with a cross-attention and without: VECO and XLM begin alike.
        if cross_attention and not encoder.config.stack.cross_attention:
            add_cross_attention(encoder, sizes.deviation)
    return encoder


def _config(sizes: EncoderSizes, vocabulary_size: int) -> EncoderConfig:
    return EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(
            vocabulary_size=vocabulary_size,
            width=sizes.width,
            positions="learned",
            position_rows=sizes.positions + 2,
            position_offset=2,
            norm=True,
            dropout=sizes.dropout,
        ),
        stack=sizes.stack,
        language_head=True,
    )

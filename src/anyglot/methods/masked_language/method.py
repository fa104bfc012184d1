"""Pretrain a multilingual encoder on monolingual text of all its languages (XLM-R; Conneau et al., 2020)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field, model_validator
from torch import nn

from anyglot.data.batch import MaskedBatch
from anyglot.errors import UserError
from anyglot.losses.masked_lm import masked_likelihood
from anyglot.methods.base import Kind, Losses, Stage
from anyglot.models.build import build_encoder
from anyglot.models.config import Activation, EmbeddingsConfig, EncoderConfig, Frozen, Probability, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.initialise import initialise_bert
from anyglot.weights.load import load_encoder


class MaskedLanguageOptions(Frozen):
    """Sizes of a new encoder (defaults: XLM-R base), or the encoder to continue from.

    Args:
        start: A folder or hub name of an encoder with its language head; the sizes below are then the checkpoint's.
        positions: Most tokens in a sequence, `<s>` and `</s>` included.
        deviation: Standard deviation of the first weights. 0.02 is BERT's, made for widths of about 1 / 0.02^2; a
            narrow model learns sooner from one nearer to 1 / sqrt(width).
    """

    name: Literal["masked_language"] = "masked_language"
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
    def _heads_divide_width(self) -> MaskedLanguageOptions:
        if self.start is None and self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        return self


class MaskedLanguage:
    """XLM-R's objective: predict the masked 15 % of the tokens of a text in whatever language."""

    name: ClassVar[str] = "masked_language"
    Options: ClassVar[type[BaseModel]] = MaskedLanguageOptions
    kind: ClassVar[Kind] = "masked"

    def __init__(self, options: MaskedLanguageOptions) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> Encoder:
        """A fresh encoder in XLM-R's shape, or the one to continue from."""
        if self.options.start is not None:
            encoder = load_encoder(self.options.start)
            if encoder.head is None:
                raise UserError(
                    f"{self.options.start} has no masked-language head, so its pretraining cannot continue."
                )
            return encoder
        sizes = self.options
        config = EncoderConfig(
            family="xlm-roberta",
            embeddings=EmbeddingsConfig(
                vocabulary_size=tokenizer.vocabulary_size,
                width=sizes.width,
                positions="learned",
                position_rows=sizes.positions + 2,
                position_offset=2,
                norm=True,
                dropout=sizes.dropout,
            ),
            stack=StackConfig(
                layers=sizes.layers,
                width=sizes.width,
                heads=sizes.heads,
                feedforward_width=sizes.feedforward_width,
                activation=sizes.activation,
                norm_first=sizes.norm_first,
                dropout=sizes.dropout,
                attention_dropout=sizes.attention_dropout,
            ),
            language_head=True,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = build_encoder(config)
            initialise_bert(encoder, sizes.deviation)
        return encoder

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("pretrain", trains=("*",))]

    def losses(self, model: nn.Module, batch: MaskedBatch) -> Losses:
        """Negative log-likelihood summed over the masked positions."""
        assert isinstance(model, Encoder) and model.head is not None
        hidden = model(batch.tokens, batch.mask).last
        likelihood = masked_likelihood(hidden, batch.labels, model.head)
        return Losses(likelihood.smoothed, batch.target_tokens, {"nll": likelihood.negative_log_likelihood})

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": "fresh" if self.options.start is None else f"loaded from {self.options.start}"}

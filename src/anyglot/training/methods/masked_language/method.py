"""Pretrain a multilingual encoder on monolingual text of all its languages (XLM-R; Conneau et al., 2020)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel
from torch import nn

from anyglot.data.batch import MaskedBatch
from anyglot.models.encoder import Encoder
from anyglot.nn.losses.masked_lm import masked_likelihood
from anyglot.training.methods.base import Kind, Losses, Stage
from anyglot.training.methods.encoder import EncoderSizes, pretraining_encoder


class MaskedLanguageOptions(EncoderSizes):
    """Sizes of a new encoder, or the encoder to continue from."""

    name: Literal["masked_language"] = "masked_language"


class MaskedLanguage:
    """XLM-R's objective: predict the masked 15 % of the tokens of a text in whatever language."""

    name: ClassVar[str] = "masked_language"
    Options: ClassVar[type[BaseModel]] = MaskedLanguageOptions
    kind: ClassVar[Kind] = "masked"

    def __init__(self, options: MaskedLanguageOptions) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> Encoder:
        """A fresh encoder in XLM-R's shape, or the one to continue from."""
        return pretraining_encoder(self.options, tokenizer, seed)

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("pretrain", trains=("*",))]

    def losses(self, model: nn.Module, batch: MaskedBatch) -> Losses:
        """Negative log-likelihood summed over the masked positions."""
        assert isinstance(model, Encoder) and model.head is not None
        total, [nll] = masked_likelihood([(model(batch.tokens, batch.mask).last, batch.labels)], model.head)
        return Losses(total, batch.target_tokens, {"nll": nll})

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": "fresh" if self.options.start is None else f"loaded from {self.options.start}"}

"""A causal language model on monolingual text of all its languages: what MSP starts from (GPT-2, mGPT)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import nn

from anyglot.data.batch import TextBatch
from anyglot.models.build import build_language_model
from anyglot.models.config import Activation, EmbeddingsConfig, LanguageModelConfig
from anyglot.models.initialize import initialise_gpt2
from anyglot.models.language import LanguageModel
from anyglot.models.pretrained.load import load_language_model
from anyglot.nn.losses.likelihood import chunked_likelihood
from anyglot.training.methods.base import Kind, Losses, Stage
from anyglot.training.methods.encoder import EncoderSizes


class CausalLanguageOptions(EncoderSizes):
    """Sizes of a new language model (defaults: GPT-2's), or the one to continue from.

    Args:
        start: A folder or hub name of a language model; the sizes are then the checkpoint's.
        positions: Most tokens in a sequence, and so of a source or a translation in every stage of MSP.
    """

    name: Literal["causal_language"] = "causal_language"
    activation: Activation = "gelu_tanh"
    norm_first: bool = True
    positions: int = Field(1024, ge=8, le=100_000)


class CausalLanguage:
    """Every token is predicted from those before it, across the sentences of a row."""

    name: ClassVar[str] = "causal_language"
    Options: ClassVar[type[BaseModel]] = CausalLanguageOptions
    kind: ClassVar[Kind] = "text"

    def __init__(self, options: CausalLanguageOptions) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> LanguageModel:
        """A fresh language model in GPT-2's shape, or the one to continue from."""
        if self.options.start is not None:
            return load_language_model(self.options.start)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = build_language_model(_config(self.options, tokenizer))
            initialise_gpt2(model, self.options.layers, self.options.deviation)
        return model

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("pretrain", trains=("*",))]

    def losses(self, model: nn.Module, batch: TextBatch) -> Losses:
        """Negative log-likelihood summed over all tokens but the first of each row."""
        assert isinstance(model, LanguageModel)
        real = batch.mask[:, 1:]
        hidden = model(batch.tokens[:, :-1]).last[real]
        targets = model.output.targets(batch.tokens[:, 1:][real])
        likelihood = chunked_likelihood(hidden, *model.output.matrix(), targets)
        return Losses(likelihood.smoothed, batch.target_tokens, {"nll": likelihood.negative_log_likelihood})

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": "fresh" if self.options.start is None else f"loaded from {self.options.start}"}


def _config(sizes: CausalLanguageOptions, tokenizer: Any) -> LanguageModelConfig:
    return LanguageModelConfig(
        family="gpt2",
        embeddings=EmbeddingsConfig(
            vocabulary_size=tokenizer.vocabulary_size,
            width=sizes.width,
            positions="learned",
            position_rows=sizes.positions,
            position_offset=0,
            norm=False,
            dropout=sizes.dropout,
        ),
        stack=sizes.stack,
        padding_id=tokenizer.pad_id,
        start_id=tokenizer.end_id,
        end_id=tokenizer.end_id,
    )

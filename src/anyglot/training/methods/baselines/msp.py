"""A frozen language model that translates by prompts in three stages (MSP; Tan et al., 2022).

| paper (MSP), method card 5.6                 | here                                                  |
|----------------------------------------------|-------------------------------------------------------|
| prompts in every layer, scaled               | `layers.prompt.Prompt`                                |
| encoding and re-encoding stage               | `models.language.PromptedLanguageModel.read`          |
| decoding stage                               | `models.language.PromptedLanguageModel.decode`        |
| label-smoothed likelihood of the target      | `Msp.losses`                                          |

Departures of the released code: its first stage does not mask padded source positions, which changes nothing, as with
padding on the right causality hides them there, and the later stages mask them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field
from torch import nn

from anyglot.data.batch import TranslationBatch
from anyglot.errors import UserError
from anyglot.models.build import build_prompted_language_model
from anyglot.models.config import Probability, PromptedLanguageModelConfig
from anyglot.models.extraction import set_dropout
from anyglot.models.language import PromptedLanguageModel
from anyglot.models.pretrained.load import load_language_model
from anyglot.nn.losses.likelihood import SmoothingForm, chunked_likelihood
from anyglot.text.language_groups import ALL
from anyglot.training.methods.base import Kind, Losses, Stage
from anyglot.training.methods.language_groups import Groups
from anyglot.training.methods.translation import LikelihoodOptions


class MspOptions(LikelihoodOptions):
    """Options of multi-stage prompts. Defaults: the released code (method card 5.6).

    Args:
        start: The pretrained language model: a folder or a hub name.
        prompt_length: Positions of each stage's prompt.
        reading_stages: How often the source is read: once to encode it, and again to re-encode it.
        groups: Which directions share prompts: ["*"] one set for all, ["en", "de"] one a target language,
            ["de-en", "fr-en"] one a direction.
        dropout, attention_dropout: Of the frozen language model in training; none: those it was pretrained with.
    """

    name: Literal["msp"] = "msp"
    start: str
    prompt_length: int = Field(128, ge=0, le=4096)
    reading_stages: int = Field(2, ge=1, le=7)
    groups: Groups = (ALL,)
    smoothing_form: SmoothingForm = "others"
    dropout: Probability | None = None
    attention_dropout: Probability | None = None


class Msp:
    """Only the prompts train: 18,874,371 values over mGPT."""

    name: ClassVar[str] = "msp"
    Options: ClassVar[type[BaseModel]] = MspOptions
    kind: ClassVar[Kind] = "translation"

    def __init__(self, options: MspOptions) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> PromptedLanguageModel:
        """Load the language model and put fresh prompts in front of it."""
        language_model = load_language_model(self.options.start)
        blocks, reading = language_model.config.stack.layers, self.options.reading_stages
        if reading >= blocks:
            raise UserError(
                f"{self.options.start} has {blocks} blocks, too few for {reading} reading stages: what a prompt does "
                f"rises one block with a stage: set method.reading_stages to {blocks - 1} or less."
            )
        set_dropout(language_model, self.options.dropout, self.options.attention_dropout)
        config = PromptedLanguageModelConfig(
            language_model=language_model.config,
            prompt_length=self.options.prompt_length,
            stages=self.options.reading_stages + 1,
            groups=self.options.groups,
            padding_id=tokenizer.pad_id,
            start_id=tokenizer.end_id,
            end_id=tokenizer.end_id,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build_prompted_language_model(config, language_model)

    def stages(self) -> list[Stage]:
        """One stage of training; the language model never moves."""
        return [Stage("prompts", trains=("prompts.*",), passes=self.options.reading_stages + 1)]

    def losses(self, model: nn.Module, batch: TranslationBatch) -> Losses:
        """Label-smoothed negative log-likelihood of the target, summed over its real tokens."""
        assert isinstance(model, PromptedLanguageModel)
        real = batch.target_mask
        hidden = model(batch.source, batch.source_mask, batch.target_input, batch.group)[real]
        likelihood = chunked_likelihood(
            hidden,
            *model.output.matrix(),
            model.output.targets(batch.target_output[real]),
            smoothing=self.options.label_smoothing,
            form=self.options.smoothing_form,
        )
        return Losses(
            likelihood.smoothed,
            batch.target_tokens,
            {"nll": likelihood.negative_log_likelihood},
            sentences=likelihood.of_sentences(real),
        )

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"prompts.*": "fresh", "*": f"loaded from {self.options.start}"}

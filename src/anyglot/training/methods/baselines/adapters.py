"""Adapters on a trained translator (Bapna and Firat, 2019; "+ adapter" in SGA's table 1)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel, Field

from anyglot.errors import UserError
from anyglot.models.build import add_adapters
from anyglot.models.config import AdapterConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.load import load_pretrained
from anyglot.training.methods.base import Stage
from anyglot.training.methods.language_groups import Groups
from anyglot.training.methods.translation import LikelihoodOptions, ManyTargets, TranslationMethod


class AdaptersOptions(LikelihoodOptions, ManyTargets):
    """Options of adapters.

    Args:
        start: The translator that gets adapters: a run's folder, or a hub name.
        groups: Which directions have an adapter of their own: ["de-en", "fr-en"] one a direction (the paper), ["en",
            "de"] one a target language, ["*"] one for all.
        bottleneck: The adapters' inner width.
        target_languages: Those of the translator's target projection, in its order, if it has one.
    """

    name: Literal["adapters"] = "adapters"
    start: str
    groups: Groups
    bottleneck: int = Field(1024, ge=1, le=1_000_000)


class Adapters(TranslationMethod):
    """A frozen translator with a small trained bottleneck behind every block, one for each direction."""

    name: ClassVar[str] = "adapters"
    Options: ClassVar[type[BaseModel]] = AdaptersOptions

    def __init__(self, options: AdaptersOptions) -> None:
        super().__init__(options)
        self.options: AdaptersOptions = options

    def build(self, tokenizer: Any, seed: int) -> EncoderDecoder:
        """Load the translator and put fresh adapters into it.

        Raises:
            UserError: It is no encoder-decoder, has adapters, or other target languages than the options say.
        """
        start = self.options.start
        model = load_pretrained(start)
        if not isinstance(model, EncoderDecoder):
            raise UserError(
                f"{start} is of the kind '{model.config.kind}', and adapters go into an encoder-decoder: name the "
                "folder of one that translates."
            )
        if model.config.adapters is not None:
            raise UserError(f"{start} has adapters already: start from the translator they were trained on.")
        known = model.config.target_languages
        if known != self.options.target_languages:
            wanted = f"set method.target_languages to [{', '.join(known)}]" if known else "leave them out"
            raise UserError(
                f"{start} has {f'projections for {len(known)} target languages' if known else 'no target projection'}, "
                f"which method.target_languages does not say: {wanted}."
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            add_adapters(model, AdapterConfig(groups=self.options.groups, bottleneck=self.options.bottleneck))
        return model

    def stages(self) -> list[Stage]:
        """One stage; the translator never moves."""
        return [Stage("adapters", trains=("*.adapter.*",))]

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*.adapter.*": "fresh", "*": f"loaded from {self.options.start}"}

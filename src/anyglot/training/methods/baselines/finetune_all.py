"""XLM-R ft-all: the network of SixT+, every parameter trained from the first update."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.load import load_encoder
from anyglot.training.methods.base import Stage
from anyglot.training.methods.translation import FreshDecoderMethod, TranslationOptions, attach_decoder, provenance_of


class FinetuneAllOptions(TranslationOptions):
    """Options of ft-all; `start` is the pretrained encoder, a folder or a hub name."""

    name: Literal["finetune_all"] = "finetune_all"
    start: str


class FinetuneAll(FreshDecoderMethod):
    """The same model and data as SixT+, all parameters optimised at once (SixT+, section 3.1)."""

    name: ClassVar[str] = "finetune_all"
    Options: ClassVar[type[BaseModel]] = FinetuneAllOptions

    def __init__(self, options: FinetuneAllOptions) -> None:
        super().__init__(options)
        self.options: FinetuneAllOptions = options

    def build(self, tokenizer: Any, seed: int) -> EncoderDecoder:
        """Load the encoder and put a fresh decoder on it."""
        encoder = load_encoder(self.options.start)
        languages, end = self.options.target_languages, tokenizer.end_id
        return attach_decoder(encoder, self.options.decoder, seed=seed, end_id=end, target_languages=languages)

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("all", trains=("*",))]

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return provenance_of(self.options, self.options.start)

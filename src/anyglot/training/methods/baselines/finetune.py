"""Fine-tuning a pretrained encoder-decoder on sentence pairs (Liu et al., 2020, section 3; method card 5.3)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Field

from anyglot.data.corpus import LanguageCode
from anyglot.models.config import Probability
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import Frames
from anyglot.training.methods.base import Stage
from anyglot.training.methods.pretrained import PretrainedTranslator
from anyglot.training.methods.translation import LikelihoodOptions, TranslationMethod


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class FinetuneOptions(LikelihoodOptions):
    """Options of the fine-tuning. Defaults: mBART's.

    Args:
        start: An encoder-decoder, a folder or a hub name: a run of the method denoising or of any translator here;
            mBART, mBART-50, M2M-100, NLLB or Marian.
        target_languages: Those of the start's target projection where it has one, in its order.
        dropout: Of encoder and decoder alike; None: as before.
        attention_dropout: Likewise, on attention weights.
    """

    name: Literal["finetune"] = "finetune"
    start: str
    target_languages: Annotated[tuple[LanguageCode, ...], BeforeValidator(_tuple)] = ()
    dropout: Probability | None = 0.3
    attention_dropout: Probability | None = 0.1
    label_smoothing: float = Field(0.2, ge=0, lt=1)


class Finetune(TranslationMethod):
    """Everything moves. Sentences are framed as the checkpoint was trained, language tokens included."""

    name: ClassVar[str] = "finetune"
    Options: ClassVar[type[BaseModel]] = FinetuneOptions

    def __init__(self, options: FinetuneOptions) -> None:
        super().__init__(options)
        self.options: FinetuneOptions = options
        self.start = PretrainedTranslator(
            options.start, options.target_languages, options.dropout, options.attention_dropout
        )

    def build(self, tokenizer: Any, seed: int) -> EncoderDecoder:
        """Load the model."""
        return self.start.model()

    def frames(self, tokenizer: TextTokenizer) -> Frames:
        """What stands around a pair, as the checkpoint expects it."""
        return self.start.frames(tokenizer)

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("all", trains=("*",))]

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": f"loaded from {self.options.start}"}

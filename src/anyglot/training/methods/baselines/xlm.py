"""XLM (Conneau and Lample, 2019): masked language modelling on text, translation language modelling on pairs."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel
from torch import nn

from anyglot.data.batch import SegmentBatch
from anyglot.models.encoder import Encoder
from anyglot.training.methods.base import Kind, Losses, Stage
from anyglot.training.methods.encoder import EncoderSizes, pretraining_encoder
from anyglot.training.methods.veco.pretraining import inner_passes, summed_terms


class XlmOptions(EncoderSizes):
    """Sizes of a new encoder, or the encoder to continue from."""

    name: Literal["xlm"] = "xlm"


class Xlm:
    """The rival of VECO's table 2: the same data in the same batches, without cross-attention and CS-MLM."""

    name: ClassVar[str] = "xlm"
    Options: ClassVar[type[BaseModel]] = XlmOptions
    kind: ClassVar[Kind] = "segments"

    def __init__(self, options: XlmOptions) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> Encoder:
        """A fresh encoder in XLM-R's shape, or the one to continue from."""
        return pretraining_encoder(self.options, tokenizer, seed)

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage("pretrain", trains=("*",), passes=2)]

    def losses(self, model: nn.Module, batch: SegmentBatch) -> Losses:
        """MLM on both segments of a text; TLM on a sentence pair."""
        assert isinstance(model, Encoder)
        if batch.joined is None or batch.joined_mask is None or batch.joined_labels is None:
            return summed_terms(model, batch, inner_passes(model, batch))
        translation = (model(batch.joined, batch.joined_mask).last, batch.joined_labels)
        return summed_terms(model, batch, {"translation": translation})

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        return {"*": "fresh" if self.options.start is None else f"loaded from {self.options.start}"}

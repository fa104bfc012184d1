"""The likelihood of classes, tags and spans over any encoder."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from anyglot.data.batch import IGNORED
from anyglot.data.labelled import ClassBatch, LabelledBatch, SpanBatch, TagBatch
from anyglot.models.config import Frozen, Probability
from anyglot.models.extraction import set_dropout
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.task_model import HeadConfig, TaskModel, task_model
from anyglot.training.methods.base import Losses, Stage

STAGE = "tune"


class UnderstandingOptions(Frozen):
    """Options of the fine-tuning.

    Args:
        start: The encoder: a folder or a hub name; of an encoder-decoder its encoder.
        head: What is put on it.
        dropout, attention_dropout: Of the encoder; None: as it was pretrained.
    """

    start: str
    head: HeadConfig
    dropout: Probability | None = None
    attention_dropout: Probability | None = None


class Understanding:
    """Everything moves, the encoder and its fresh head."""

    name: ClassVar[str] = "understanding"

    def __init__(self, options: UnderstandingOptions) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> TaskModel:
        """Load the encoder and put a fresh head on it."""
        model = task_model(load_encoder(self.options.start), self.options.head, seed=seed)
        set_dropout(model.encoder, self.options.dropout, self.options.attention_dropout)
        return model

    def stages(self) -> list[Stage]:
        """One stage in which all moves."""
        return [Stage(STAGE, trains=("*",))]

    def losses(self, model: nn.Module, batch: LabelledBatch) -> Losses:
        """Negative log-likelihood summed over rows, tagged words, or windows (start and end count half each)."""
        assert isinstance(model, TaskModel)
        logits = model(batch.tokens, batch.mask, batch.segments)
        total = span_loss(logits, batch) if isinstance(batch, SpanBatch) else _class_loss(logits, batch)
        return Losses(total, batch.target_tokens)


def _class_loss(logits: Tensor, batch: ClassBatch | TagBatch) -> Tensor:
    classes = logits.shape[-1]
    return functional.cross_entropy(
        logits.reshape(-1, classes), batch.labels.reshape(-1), ignore_index=IGNORED, reduction="sum"
    )


def span_loss(logits: Tensor, batch: SpanBatch) -> Tensor:
    """(B, S, 2) -> the mean of the two likelihoods, summed over windows; padding cannot be an answer."""
    scores = logits.masked_fill(~batch.mask[..., None], torch.finfo(logits.dtype).min)
    starts, ends = scores.unbind(dim=-1)
    first = functional.cross_entropy(starts, batch.first, reduction="sum")
    return (first + functional.cross_entropy(ends, batch.last, reduction="sum")) / 2

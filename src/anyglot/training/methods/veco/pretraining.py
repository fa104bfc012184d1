"""VECO's pretraining: one stack, called as an encoder and as a decoder."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from anyglot.data.batch import IGNORED, SegmentBatch
from anyglot.models.encoder import Encoder
from anyglot.nn.attention import Memory
from anyglot.nn.losses.masked_lm import masked_likelihood
from anyglot.training.methods.base import Kind, Losses, Stage
from anyglot.training.methods.encoder import EncoderSizes, pretraining_encoder

Passes = dict[str, tuple[Tensor, Tensor]]
"""Last states (B, S, D) and labels (B, S) of a pass through the stack, by the name of its term."""

CROSS_ATTENTION = "stack.blocks.*.cross_attention.*"


class VecoOptions(EncoderSizes):
    """Sizes of a new model, or what to continue from: a VECO folder, or an XLM-R, which gets fresh cross-attentions."""

    name: Literal["veco"] = "veco"


class Veco:
    """IS-MLM and CS-MLM on pairs of segments, and TLM where they are a sentence in two languages (sections 2.2, 3)."""

    name: ClassVar[str] = "veco"
    Options: ClassVar[type[BaseModel]] = VecoOptions
    kind: ClassVar[Kind] = "segments"

    def __init__(self, options: VecoOptions) -> None:
        self.options = options

    def build(self, tokenizer: Any, seed: int) -> Encoder:
        """An encoder whose blocks have a cross-attention."""
        return pretraining_encoder(self.options, tokenizer, seed, cross_attention=True)

    def stages(self) -> list[Stage]:
        """First the cross-attentions over a frozen XLM-R, then all; from scratch the first has no updates."""
        # Both segments are read twice; of a sentence pair TLM reads both once more.
        return [Stage("cross_attention", trains=(CROSS_ATTENTION,), passes=2), Stage("joint", trains=("*",), passes=6)]

    def losses(self, model: nn.Module, batch: SegmentBatch) -> Losses:
        """Equation 8, and TLM on sentence pairs: summed over the masked positions of every pass.

        Each term is logged per masked token, as `text.TERM` or `pairs.TERM`: inner_first and inner_second are
        L_IS-MLM(x) and (y), cross_second is L_CS-MLM(x, y), cross_first L_CS-MLM(y, x), translation is TLM. While only
        the cross-attentions train, terms without them have no gradient and are left out.
        """
        assert isinstance(model, Encoder) and model.head is not None
        whole = _trains_more_than_cross_attention(model)
        with torch.set_grad_enabled(whole and torch.is_grad_enabled()):
            inner = inner_passes(model, batch)
        passes = {**(inner if whole else {}), **cross_passes(model, batch, inner)}
        if whole and batch.joined is not None and batch.joined_mask is not None and batch.joined_labels is not None:
            passes["translation"] = (model(batch.joined, batch.joined_mask).last, batch.joined_labels)
        return summed_terms(model, batch, passes)

    def provenance(self) -> dict[str, str]:
        """Where first values come from."""
        start = self.options.start
        if start is None:
            return {"*": "fresh"}
        return {CROSS_ATTENTION: f"loaded from {start} if it has any, else fresh", "*": f"loaded from {start}"}


def inner_passes(model: Encoder, batch: SegmentBatch) -> Passes:
    """Both segments by themselves (equation 4)."""
    return {
        "inner_first": (model(batch.first, batch.first_mask).last, batch.first_labels),
        "inner_second": (model(batch.second, batch.second_mask).last, batch.second_labels),
    }


def cross_passes(model: Encoder, batch: SegmentBatch, inner: Passes) -> Passes:
    """Each segment from the states of the other, which get no gradient (equation 6)."""
    first = Memory(inner["inner_first"][0].detach(), batch.first_mask)
    second = Memory(inner["inner_second"][0].detach(), batch.second_mask)
    return {
        "cross_second": (model.cross(batch.second, first).last, batch.second_labels),
        "cross_first": (model.cross(batch.first, second).last, batch.first_labels),
    }


def summed_terms(model: Encoder, batch: SegmentBatch, passes: Passes) -> Losses:
    """The sum over all passes, each of them logged per token it predicts."""
    assert model.head is not None
    total, sums = masked_likelihood(list(passes.values()), model.head)
    kind = "text" if batch.joined is None else "pairs"
    parts = {f"{kind}.{name}": value for name, value in zip(passes, sums, strict=True)}
    counts = {f"{kind}.{name}": (labels != IGNORED).sum() for name, (_, labels) in passes.items()}
    return Losses(total, batch.target_tokens, parts, counts)


def _trains_more_than_cross_attention(model: Encoder) -> bool:
    return any(
        parameter.requires_grad and ".cross_attention." not in name for name, parameter in model.named_parameters()
    )

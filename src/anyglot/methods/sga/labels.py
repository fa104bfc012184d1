"""Targets as CTC sees them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from anyglot.models.config import CanvasConfig


def ctc_labels(target_output: Tensor, target_mask: Tensor, canvas: CanvasConfig) -> tuple[Tensor, Tensor]:
    """The labels of each sentence and how many they are.

    `y </s>` becomes `<s> y </s>` with `canvas.frame`, else y. A blank among the tokens is left out: CTC cannot write
    it as a label (over XLM-R it is a bare word boundary, as in front of a Chinese sentence).

    Shape:
        target_output: (B, T) int64    target_mask: (B, T) bool    returns: labels (B, U) int64, padded with the end
            token, and (B,) int64
    """
    labels, kept = target_output, target_mask & (target_output != canvas.blank_id)
    if canvas.frame:
        labels, kept = functional.pad(labels, (1, 0), value=canvas.begin_id), functional.pad(kept, (1, 0), value=True)
    else:
        kept = kept & functional.pad(target_mask[:, 1:], (0, 1))  # without the end token
    order = torch.argsort((~kept).to(torch.uint8), dim=1, stable=True)
    lengths = kept.sum(dim=1)
    labels = labels.gather(1, order)
    real = torch.arange(labels.shape[1], device=labels.device) < lengths[:, None]
    return torch.where(real, labels, canvas.end_id), lengths

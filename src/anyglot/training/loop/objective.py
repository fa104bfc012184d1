"""The module that is wrapped for DDP and FSDP2: a method's loss with its model inside."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from anyglot.training.methods.base import Learner


class Objective(nn.Module):
    """Calls `method.losses(model, batch)` from a forward, so that hooks on forward cover all of the loss.

    Under FSDP2 the tied output matrix is used outside the model's own forward; only a root around the loss keeps it
    whole there. For the same reason the result is a plain dict: hooks look for tensors in dicts, not in dataclasses.
    """

    def __init__(self, method: Learner, model: nn.Module) -> None:
        super().__init__()
        self.method = method
        self.model = model

    def forward(self, batch: Any) -> dict[str, Tensor]:
        """The batch's loss summed over target tokens under "total", the method's other sums under "parts.NAME".

        Over how many tokens a part is summed, if not over all, stands under "counts.NAME". Where gradients are off,
        each sentence's own likelihood stands under "sentences", if the method tells it.

        Shape:
            returns: scalars; sentences (B,)
        """
        losses = self.method.losses(self.model, batch)
        parts = {f"parts.{name}": part for name, part in losses.parts.items()}
        parts |= {f"counts.{name}": count for name, count in losses.counts.items()}
        each = {} if losses.sentences is None or torch.is_grad_enabled() else {"sentences": losses.sentences}
        return {"total": losses.total, **parts, **each}


def split_batch(batch: Any, pieces: int) -> list[Any]:
    """Cut a batch (a dataclass of tensors and sequences of B rows) into up to `pieces` of about equal rows."""
    values = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    rows = row_count(batch)
    bounds = [rows * piece // pieces for piece in range(pieces + 1)]
    return [
        dataclasses.replace(batch, **{name: _rows(value, rows, low, high) for name, value in values.items()})
        for low, high in pairwise(bounds)
        if high > low
    ]


def row_count(batch: Any) -> int:
    """Rows of a batch's tensors, B."""
    tensors = (getattr(batch, field.name) for field in dataclasses.fields(batch))
    return next(int(value.shape[0]) for value in tensors if isinstance(value, torch.Tensor))


def _rows(value: Any, rows: int, low: int, high: int) -> Any:
    if isinstance(value, torch.Tensor) and value.ndim and value.shape[0] == rows:
        return value[low:high]
    if isinstance(value, list | tuple) and len(value) == rows:
        return value[low:high]
    return value

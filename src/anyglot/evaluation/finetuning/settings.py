"""What decides a fine-tuning besides the model and the data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from anyglot.errors import UserError
from anyglot.evaluation.tasks.examples import Kind
from anyglot.evaluation.tasks.task import Protocol, Task
from anyglot.models.task_model import HeadConfig, Pooling

Selection = Literal["english", "mean", "last"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
_HEADS: dict[Kind, Literal["classes", "choices", "tags", "spans"]] = {
    "classification": "classes",
    "ranking": "classes",
    "choice": "choices",
    "tagging": "tags",
    "answering": "spans",
}


@dataclass(frozen=True)
class TuningSettings:
    """How a task is fine-tuned.

    Args:
        protocol: What the benchmark prescribes, with the user's changes in it.
        seed: Of the fresh head, dropout, and the order of the data.
        select: Which epoch's weights are kept: the best by the dev sets of the training languages ("english", which is
            strict zero-shot transfer), the best by the mean of all dev sets (VECO's paper), or the last one.
        pooling: Of classification, ranking and choice.
        head_dropout: Of the fresh head.
        dropout, attention_dropout: Of the encoder; None: as it was pretrained.
        max_updates: Ends a run early, whatever the epochs.
    """

    protocol: Protocol
    seed: int = 1
    select: Selection = "english"
    pooling: Pooling = "first"
    precision: Precision = "auto"
    head_dropout: float = 0.1
    dropout: float | None = None
    attention_dropout: float | None = None
    max_updates: int | None = None

    def __post_init__(self) -> None:
        protocol = self.protocol
        for name in ("learning_rate", "epochs", "batch", "max_length"):
            if getattr(protocol, name) <= 0:
                raise UserError(f"{name} must be above 0, found {getattr(protocol, name)}.")
        if not 0 <= protocol.warmup < 1:
            raise UserError(f"warmup is a share of the updates, 0 to 1, found {protocol.warmup}.")

    def head(self, task: Task) -> HeadConfig:
        """The head that the task needs under these settings."""
        return HeadConfig(
            kind=_HEADS[task.kind],
            classes=max(len(task.labels), 1),
            form=self.protocol.head,
            pooling=self.pooling,
            dropout=self.head_dropout,
        )

    def document(self) -> dict[str, Any]:
        """As JSON values, flat."""
        values = dataclasses.asdict(self)
        return {**values.pop("protocol"), **values}

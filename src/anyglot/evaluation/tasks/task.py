"""What a task is: its kind, labels, languages, metrics, and the fine-tuning its protocols prescribe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from anyglot.evaluation.tasks.examples import Kind

Split = Literal["train", "dev", "test"]
Head = Literal["xtreme", "jiant", "bert", "linear"]
"""On the pooled state: XTREME's for XLM-R (dropout, dense, tanh, dropout, linear); jiant's, the same behind the
encoder's pooler, a fresh one where it has none; BERT's own (pooler, dropout, linear), which XTREME uses for mBERT; or
dropout and linear. Tagging and answering have dropout and linear always."""


@dataclass(frozen=True)
class Protocol:
    """How a benchmark fine-tunes for a task (method card 6.1, 4.2).

    Args:
        batch: Examples to an update.
        max_length: Most tokens of a row.
        warmup: Share of the updates in which the learning rate rises; or `warmup_updates`, their number.
        stride: Of answering: tokens by which the next window of a long context is behind the last one.
        long: Whether what is longer than a row is cut off or read in several windows.
    """

    learning_rate: float
    epochs: int
    batch: int = 32
    max_length: int = 128
    warmup: float = 0.0
    warmup_updates: int = 0
    weight_decay: float = 0.0
    head: Head = "xtreme"
    stride: int = 128
    long: Literal["cut", "windows"] = "windows"


@dataclass(frozen=True)
class Task:
    """A task in all its languages.

    Args:
        name: As in commands: "xnli".
        labels: In the order of class indices; tags of tagging; empty for choice and answering.
        languages: Canonical codes (`text/languages.py`) of the official test sets.
        metrics: Names in `METRICS` (`tasks/metrics/`), the task's score first; the others stand beside it.
        protocols: By name: "xtreme", "jiant", "xglue", "own".
        train: Name of the task whose training set is used where this one has none (MLQA: "squad"); "": its own.
    """

    name: str
    title: str
    kind: Kind
    labels: tuple[str, ...]
    languages: tuple[str, ...]
    metrics: tuple[str, ...]
    protocols: Mapping[str, Protocol] = field(default_factory=dict)
    train: str = ""

    @property
    def metric(self) -> str:
        """The metric whose mean over languages is the task's score."""
        return self.metrics[0]

"""Predictions of a fine-tuned encoder, a window of examples at a time: memory does not grow with the test set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from anyglot.evaluation.finetuning.reading import open_reader
from anyglot.evaluation.finetuning.record import read_record
from anyglot.evaluation.finetuning.task_types import KINDS, Item, Logits, TaskKind
from anyglot.evaluation.tasks.examples import Example, TextExample
from anyglot.evaluation.tasks.predictions import Prediction
from anyglot.evaluation.tasks.task import Task
from anyglot.models.device import choose_device, choose_precision
from anyglot.models.task_model import TaskModel, load_task_model

WINDOW = 1024
"""Examples that are sorted by length and held in memory together."""
BATCH_TOKENS = {"cpu": 2048, "cuda": 65_536}
"""Padded tokens of a batch by kind of device."""
Answered = tuple[list[Example], list[Prediction]]
Autocast = Callable[[], AbstractContextManager[object]]


@dataclass
class Predictor:
    """A fine-tuned model of one task as a function from examples to predictions. Make one with `from_folder`.

    Attributes:
        counts: Examples and tokens that went through so far.
    """

    model: TaskModel
    task: Task
    kind: TaskKind
    device: torch.device
    precision: str
    counts: dict[str, int] = field(default_factory=lambda: {"examples": 0, "tokens": 0})

    @classmethod
    def from_folder(cls, folder: Path, task: Task, device: str | None = None, precision: str = "auto") -> Predictor:
        """Open a folder that `tune` has finished.

        Raises:
            UserError: It holds no fine-tuned model, or one of another task; no such device or precision.
        """
        record = read_record(folder, task)
        model = load_task_model(folder)
        place = choose_device(device)
        sizes = model.encoder.config.stack
        kind = choose_precision(precision, place, sizes.width, sizes.feedforward_width, sizes.width)
        reader = open_reader(folder, model.encoder, record.protocol)
        return cls(model.to(place), task, KINDS[task.kind](task, reader), place, kind)

    def predict(self, examples: Iterable[Example], language: str) -> Iterator[Answered]:
        """Predictions of examples in a language, in order, a window at a time; the rows of a query stay together."""
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)

        def autocast() -> AbstractContextManager[object]:
            return nullcontext() if dtype is None else torch.autocast(self.device.type, dtype)

        tokens = BATCH_TOKENS.get(self.device.type, BATCH_TOKENS["cuda"])
        for window in windows(examples):
            yield window, answered(self.model, self.kind, window, language, self.device, autocast, tokens, self.counts)


def windows(examples: Iterable[Example], size: int = WINDOW) -> Iterator[list[Example]]:
    """Cut a stream into windows of `size` examples, or as many more as the last one's query has rows."""
    window: list[Example] = []
    for example in examples:
        if len(window) >= size and not _of_one_query(window[-1], example):
            yield window
            window = []
        window.append(example)
    if window:
        yield window


def _of_one_query(one: Example, other: Example) -> bool:
    both = isinstance(one, TextExample) and isinstance(other, TextExample)
    return both and one.group != "" and one.group == other.group  # type: ignore[union-attr]


def answered(
    model: TaskModel,
    kind: TaskKind,
    examples: list[Example],
    language: str,
    device: torch.device,
    autocast: Autocast,
    batch_tokens: int,
    counts: dict[str, int] | None = None,
) -> list[Prediction]:
    """Predictions of a window of examples, computed in batches of like length, longest first, and put back in order."""
    items = kind.items(examples, language, training=False)
    found: list[Logits | None] = [None] * len(items)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for places in _batches(items, batch_tokens):
            batch = kind.batch([items[place] for place in places]).to(device)
            with autocast():
                logits = model(batch.tokens, batch.mask, batch.segments)
            numbers = logits.float().cpu().numpy()
            for place, row in zip(places, numbers, strict=True):
                # Position by position logits end with the row; others have no positions.
                found[place] = row[: items[place].length] if row.ndim == 2 else row
    model.train(was_training)
    if counts is not None:
        counts["examples"] += len(examples)
        counts["tokens"] += sum(item.length for item in items)
    return kind.predictions(examples, items, [row for row in found if row is not None])


def _batches(items: Sequence[Item], batch_tokens: int) -> Iterator[list[int]]:
    order = np.argsort([-item.length for item in items], kind="stable").tolist()
    batch: list[int] = []
    for place in order:
        if batch and (len(batch) + 1) * items[batch[0]].length > batch_tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch

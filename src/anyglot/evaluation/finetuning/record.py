"""`tuning.json`: what a fine-tuned folder was made with, and how each epoch scored. It comes last: "finished"."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from anyglot.errors import UserError
from anyglot.evaluation.tasks.task import Head, Protocol, Task
from anyglot.runtime.untrusted_files import DAMAGE, number, read_json, text_of, whole_number

FILE = "tuning.json"


@dataclass(frozen=True)
class TuningRecord:
    """What `tuning.json` holds.

    Attributes:
        task: Its name.
        identity: All that the weights depend on, by name.
        settings: As `TuningSettings.document`.
        epoch: The one whose weights were kept, from 1 on.
        scores: The dev scores after each epoch: "score", by which the epoch was chosen, and "score.LANGUAGE".
        tokens: Real tokens read in training, padding left out; of choices, of the longest one's.
    """

    task: str
    identity: Mapping[str, str]
    settings: Mapping[str, Any]
    epoch: int
    scores: tuple[dict[str, float], ...]
    updates: int
    examples: int
    tokens: int
    seconds: float
    precision: str
    commit: str

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return dataclasses.asdict(self)

    @property
    def protocol(self) -> Protocol:
        """The protocol in the settings."""
        return Protocol(**{part.name: self.settings[part.name] for part in dataclasses.fields(Protocol)})


def find_record(folder: Path) -> TuningRecord | None:
    """The record of a finished folder; None of one that is not.

    Raises:
        UserError: It is damaged.
    """
    path = folder / FILE
    try:
        raw = read_json(path, finite=False)
        record = TuningRecord(**{**raw, "scores": tuple(map(_score, raw["scores"]))})
        for name in ("task", "precision", "commit"):
            text_of(getattr(record, name))
        for name in ("epoch", "updates", "examples", "tokens"):
            whole_number(getattr(record, name))
        number(record.seconds)
        if record.scores and not 1 <= record.epoch <= len(record.scores):  # without a dev set there are none
            raise ValueError(f"epoch {record.epoch} is none of {len(record.scores)}")
        _check_protocol(record.protocol)
        return record
    except FileNotFoundError:
        return None
    except (UserError, *DAMAGE) as error:
        raise UserError(f"{path} is damaged ({error}); delete {folder} and fine-tune again.") from error


def _score(row: Mapping[str, Any]) -> dict[str, float]:
    return {text_of(name): number(value, finite=False) for name, value in row.items()}


def _check_protocol(protocol: Protocol) -> None:
    for name in ("epochs", "batch", "max_length"):
        whole_number(getattr(protocol, name), 1)
    for name in ("warmup_updates", "stride"):
        whole_number(getattr(protocol, name))
    for name in ("learning_rate", "warmup", "weight_decay"):
        number(getattr(protocol, name))
    if protocol.head not in get_args(Head) or protocol.long not in ("cut", "windows"):
        raise ValueError(f"head {protocol.head!r:.40} or long {protocol.long!r:.40} is none")


def read_record(folder: Path, task: Task) -> TuningRecord:
    """The record of a folder that was fine-tuned for a task.

    Raises:
        UserError: It was not, or for another one.
    """
    record = find_record(folder)
    if record is None:
        raise UserError(f"{folder} holds no {FILE}, so no fine-tuning was finished there.")
    if record.task != task.name:
        raise UserError(f"{folder} was fine-tuned for {record.task}, not for {task.name}.")
    return record

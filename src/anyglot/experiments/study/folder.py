"""A step's folder: whether it is done, was begun or is out of date, and the records that say so.

`begun.json` is written before the step's process starts, `step.json` when it has ended well, each in one piece. Both
carry the key; a folder begun under another key is emptied before the step runs, so that nothing old is taken for new.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.runtime.files import write_text
from anyglot.runtime.untrusted_files import LARGE, read_json

DONE, BEGUN, LOG, INPUT = "step.json", "begun.json", "log.txt", "input.json"


@dataclass(frozen=True)
class StepFolder:
    """Where a step writes."""

    path: Path

    def record(self) -> dict[str, Any] | None:
        """What the last run that ended well says of itself; None if there is none."""
        return _read(self.path / DONE)

    def is_done(self, key: str) -> bool:
        """Whether the step has ended under this key."""
        record = self.record()
        return record is not None and record.get("key") == key

    def was_begun(self, key: str) -> bool:
        """Whether the step has begun under this key."""
        record = _read(self.path / BEGUN)
        return record is not None and record.get("key") == key

    def begin(self, key: str, command: str, document: Any) -> bool:
        """Make the folder ready; True if something of an interrupted run under the same key is there to go on with."""
        going_on = self.was_begun(key) and not (self.path / DONE).exists()
        if not going_on and self.path.exists():
            shutil.rmtree(self.path)
        write_text(self.path / BEGUN, json.dumps({"key": key, "command": command}, ensure_ascii=False, indent=1) + "\n")
        if document is not None:
            write_text(self.path / INPUT, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        return going_on

    def end(self, record: dict[str, Any]) -> None:
        """Mark the step done."""
        write_text(self.path / DONE, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = read_json(path, LARGE, finite=False)
    except FileNotFoundError:
        return None
    except UserError:
        return None  # half a record, or none of ours, vouches for nothing: the step runs again
    return record if isinstance(record, dict) else None

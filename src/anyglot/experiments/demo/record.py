"""What a demo's folder says of itself: which demo it holds, which of its steps are done, and what they took."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.runtime.files import write_text
from anyglot.runtime.untrusted_files import number, read_json, text_of, understood, whole_number

MARKER = "demo.json"
_MADE_BY = "anyglot demo; the next one goes on with this one or, where it is finished, replaces it"


@dataclass
class Record:
    """`demo.json`, and the clock of the demo. The time of a step that was killed counts from where it went on.

    Attributes:
        wanted: Stands for course, seed and recipes: a demo of others is not gone on with.
        legs: Seconds of each step that is done, by name.
        earlier: Seconds of the processes before this one, as far as their steps came to an end.
        starts: How many processes have worked on the demo, this one included.
    """

    folder: Path
    wanted: str
    say: Callable[[str], None]
    legs: dict[str, float] = field(default_factory=dict)
    earlier: float = 0.0
    starts: int = 1
    begun: float = field(default_factory=time.monotonic)

    @classmethod
    def claimed(cls, folder: Path, wanted: str, say: Callable[[str], None]) -> Record:
        """Take a folder: a new one, that of an unfinished demo of the same kind, or that of any other demo, emptied.

        Raises:
            UserError: The folder holds something else or cannot be written.
        """
        try:
            found = _found(folder)
            if found is not None and found.get("wanted") == wanted and not found.get("finished"):
                record = cls(folder, wanted, say, found["legs"], found["seconds"], found["starts"] + 1)
                say(f"going on with the demo in {folder}, of which {len(record.legs)} steps are done")
            else:
                if folder.exists():
                    shutil.rmtree(folder)
                folder.mkdir(parents=True)
                record = cls(folder, wanted, say)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error
        record.save()
        return record

    @property
    def seconds(self) -> float:
        return round(self.earlier + time.monotonic() - self.begun, 1)

    @contextmanager
    def leg(self, name: str) -> Iterator[None]:
        """Tell of a step and time it; it is done when the block ends without an error."""
        started = time.monotonic()
        self.say(f"[{self.seconds:3.0f} s] {name}")
        yield
        self.legs[name] = round(self.legs.get(name, 0.0) + time.monotonic() - started, 1)
        self.save()

    def save(self, *, finished: bool = False) -> None:
        """Write it down.

        Raises:
            UserError: The folder cannot be written.
        """
        document = {
            "made by": _MADE_BY,
            "wanted": self.wanted,
            "finished": finished,
            "legs": self.legs,
            "seconds": self.seconds,
            "starts": self.starts,
        }
        write_text(self.folder / MARKER, json.dumps(document, indent=2) + "\n")


def _found(folder: Path) -> dict[str, Any] | None:
    """What an earlier demo wrote; None where there is nothing."""
    if not folder.exists() or not any(folder.iterdir()):
        return None
    if not (folder / MARKER).is_file():
        raise UserError(f"{folder} exists and holds no demo; name another folder with `out`.")
    try:
        found = read_json(folder / MARKER)
        with understood(folder / MARKER):
            legs = {text_of(name): number(seconds) for name, seconds in found["legs"].items()}
            seconds, starts = max(0.0, number(found["seconds"])), whole_number(found["starts"])
    except UserError:  # half a record, or none of ours: that demo is not gone on with
        return {}
    return {**found, "legs": legs, "seconds": seconds, "starts": starts}

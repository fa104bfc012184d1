"""What a run says: metrics.jsonl always, a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

from anyglot.runtime.files import disk_errors, write_bytes
from anyglot.runtime.untrusted_files import parse_json, read_bytes

ADVICE = "free some space and run again with `resume=True`"


class MetricsLog:
    """`metrics.jsonl`: one line per event, in order of updates, flushed as it is written.

    On resuming, lines of updates that will be done again are cut off, so every update is told once. A last line that
    was cut short by a crash goes with them.
    """

    def __init__(self, path: Path, update: int) -> None:
        kept: list[bytes] = []
        if path.exists():
            for line in read_bytes(path).splitlines(keepends=True):
                if not line.endswith(b"\n") or not _is_upto(line, update):
                    break
                kept.append(line)
            write_bytes(path, b"".join(kept), ADVICE)
        with disk_errors(path, ADVICE):
            self._file: IO[str] = path.open("a", encoding="utf-8")

    def write(self, event: dict[str, Any]) -> None:
        """Append an event; `update` must be among its keys."""
        with disk_errors(self._file.name, ADVICE):
            self._file.write(json.dumps(event, ensure_ascii=False) + "\n")
            self._file.flush()

    def sync(self) -> None:
        """Flush to the disk itself, so that no checkpoint is newer than the lines before it."""
        with disk_errors(self._file.name, ADVICE):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        # On a full disk a line may still be held back: it was told of when it could not be written.
        with contextlib.suppress(OSError):
            self._file.close()


def _is_upto(line: bytes, update: int) -> bool:
    try:
        done = parse_json(line, finite=False)["update"]
        return type(done) is int and done <= update
    except (ValueError, LookupError, TypeError):
        return False


class Display:
    """Progress on stderr: a rich bar where there is a terminal, a line per log event where there is none."""

    def __init__(self, title: str, total: int, done: int, *, shown: bool = True) -> None:
        self._title, self._total, self._done, self._shown = title, total, done, shown
        self._live = shown and sys.stderr.isatty()
        self._started, self._begun_at = time.monotonic(), done
        if self._live:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[numbers]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(title, total=total, completed=done, numbers="")
            self._bar.start()

    def advance(self, done: int) -> None:
        """Show that `done` updates of the stage are done."""
        self._done = done
        if self._live:
            self._bar.update(self._task, completed=done)

    def numbers(self, **values: float) -> None:
        """Show the newest loss, rate and speed."""
        text = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        if self._live:
            self._bar.update(self._task, numbers=text)
        elif self._shown:
            left = (time.monotonic() - self._started) / max(self._done - self._begun_at, 1) * (self._total - self._done)
            print(f"{self._title} {self._done}/{self._total}  {text}  {left:.0f} s left", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._live:
            self._bar.console.print(text, highlight=False)
        elif self._shown:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._live:
            self._bar.stop()

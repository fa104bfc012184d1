"""What `anyglot embed` says on stderr: progress while it works, one line of facts at the end."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from anyglot.embedding.door import Counts

_PLAIN_SECONDS = 30.0


class Report:
    """Progress of an embedding: a bar on a terminal, else a line every half minute.

    Attributes:
        damaged: Lines that were not valid UTF-8.
        settings: What the vectors are, in words.
    """

    def __init__(self, counts: Counts, total: int | None) -> None:
        """Start counting.

        Args:
            counts: The embedder's.
            total: Lines there are, or None if nobody knows.
        """
        self.damaged = 0
        self.settings = ""
        self._counts, self._total = counts, total
        self._begun = self._spoken = time.monotonic()
        self._lines = 0
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("embedding"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("embed", total=total, speed="")

    def __enter__(self) -> Report:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is None:  # else the error's own sentence is what to read
            self._conclude()

    def advance(self, lines: int, tokens: int) -> None:
        """Count lines as done."""
        self._lines += lines
        if self._bar is not None:
            self._bar.update(self._task, completed=self._lines, speed=self._speed())
        elif time.monotonic() - self._spoken > _PLAIN_SECONDS:
            self._spoken = time.monotonic()
            _say(f"{self._lines:,} of {self._number()} lines, {self._speed()}{self._left()}.")

    def _number(self) -> str:
        return "unknown" if self._total is None else f"{self._total:,}"

    def _left(self) -> str:
        if self._total is None or not self._lines:
            return ""
        seconds = (time.monotonic() - self._begun) / self._lines * (self._total - self._lines)
        return f", {seconds / 60:.0f} min left"

    def _speed(self) -> str:
        seconds = max(time.monotonic() - self._begun, 1e-3)
        return f"{self._lines / seconds:.1f} sentences/s, {self._counts.tokens / seconds:.0f} tokens/s"

    def _conclude(self) -> None:
        facts = [f"lines embedded: {self._lines:,} ({self.settings}; {self._speed()})"]
        for count, fact in (
            (self._counts.remembered, "different sentences found in the cache"),
            (self._counts.empty, "lines without text, whose rows are zeros"),
            (self._counts.cut, "lines longer than the limit, cut off"),
            (self._counts.unknown, "lines with characters the tokenizer does not know"),
            (self.damaged, "lines with bytes that are not UTF-8, read as U+FFFD"),
        ):
            if count:
                facts.append(f"{fact}: {count:,}")
        _say("; ".join(facts) + ".")


def _say(sentence: str) -> None:
    print(f"anyglot: {sentence}", file=sys.stderr, flush=True)

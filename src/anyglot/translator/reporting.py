"""What `anyglot translate` says on stderr: progress while it works, one line of facts at the end."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from anyglot.translator.searching import Counts

_PLAIN_SECONDS = 30.0


def say(sentence: str) -> None:
    """One line on stderr."""
    print(f"anyglot: {sentence}", file=sys.stderr, flush=True)


class Report:
    """Progress of a translation: a bar on a terminal, else a line every half minute.

    Attributes:
        damaged: Lines that were not valid UTF-8.
    """

    def __init__(self, counts: Counts, total: int | None) -> None:
        """Start counting.

        Args:
            counts: The translator's.
            total: Lines there are, or None if nobody knows.
        """
        self.damaged = 0
        self._counts = counts
        self._total = total
        self._begun = self._spoken = time.monotonic()
        self._earlier = 0  # lines of the run that is resumed
        self._lines = 0
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("translating"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("translate", total=total, speed="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is None:  # else the error's own sentence is what to read
            self._conclude()

    def begin(self, earlier: int) -> None:
        """Say how much an earlier run did."""
        self._earlier = earlier
        if earlier:
            say(f"resuming after line {earlier:,}.")

    def advance(self, lines: float) -> None:
        """Show that so many lines of the present window are done."""
        done = self._lines + lines
        if self._bar is not None:
            self._bar.update(self._task, completed=self._earlier + done, speed=self._speed(done))
        elif time.monotonic() - self._spoken > _PLAIN_SECONDS:
            self._spoken = time.monotonic()
            say(f"{self._earlier + int(done):,} of {self._total or 'unknown'} lines, {self._speed(done)}.")

    def finish(self, lines: int) -> None:
        """Count a window as done."""
        self._lines += lines
        self.advance(0)

    def _speed(self, lines: float) -> str:
        seconds = max(time.monotonic() - self._begun, 1e-3)
        return f"{lines / seconds:.1f} sentences/s, {self._counts.tokens / seconds:.0f} tokens/s"

    def _conclude(self) -> None:
        facts = [f"lines translated: {self._lines:,} ({self._speed(self._lines)})"]
        for count, fact in (
            (self.damaged, "with bytes that are not UTF-8, read as U+FFFD"),
            (self._counts.split, "longer than the model takes, translated in pieces"),
            (self._counts.unreadable, "with characters this trimmed model does not know"),
            (self._counts.cut, "pieces whose translation ran into the length limit"),
        ):
            if count:
                facts.append(f"{fact}: {count:,}")
        say("; ".join(facts) + ".")

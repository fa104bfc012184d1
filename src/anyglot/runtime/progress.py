"""How far a command is, in lines or bytes: a bar on a terminal, else a line on stderr now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_PLAIN_SECONDS = 30.0
_CORPUS_SECONDS = 5.0


def say(sentence: str) -> None:
    """One line on stderr."""
    print(f"anyglot: {sentence}", file=sys.stderr, flush=True)


class LineProgress:
    """Lines done, sentences and tokens a second, time left. A context: the bar stands while it is entered.

    Args:
        doing: What is done to the lines, such as "translating".
        total: Lines there are, or None if nobody knows.
    """

    def __init__(self, doing: str, total: int | None) -> None:
        self._total, self._earlier = total, 0
        self._begun = self._spoken = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn(doing),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task(doing, total=total, speed="")

    def __enter__(self) -> LineProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin_after(self, earlier: int) -> None:
        """Count from here on: an earlier run did so many lines."""
        self._earlier = earlier

    def show(self, lines: float, tokens: int) -> None:
        """Tell that this run has done so many lines, of so many tokens."""
        done, speed = self._earlier + lines, self.speed(lines, tokens)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, speed=speed)
        elif time.monotonic() - self._spoken > _PLAIN_SECONDS:
            self._spoken = time.monotonic()
            number = "unknown" if self._total is None else f"{self._total:,}"
            say(f"{int(done):,} of {number} lines, {speed}{self._left(lines)}.")

    def speed(self, lines: float, tokens: int) -> str:
        """Sentences and tokens a second since the beginning, in words."""
        seconds = max(time.monotonic() - self._begun, 1e-3)
        return f"{lines / seconds:.1f} sentences/s, {tokens / seconds:.0f} tokens/s"

    def _left(self, lines: float) -> str:
        if self._total is None or not lines:
            return ""
        seconds = (time.monotonic() - self._begun) / lines * (self._total - self._earlier - lines)
        return f", {seconds / 60:.0f} min left"


@contextmanager
def bar_of(doing: str, total: int, *, shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A function that is told how many lines were done since the last call, and their tokens; None where not shown."""
    if not shown:
        yield None
        return
    with LineProgress(doing, total) as progress:
        done = [0, 0]

        def advance(lines: int, tokens: int) -> None:
            done[0] += lines
            done[1] += tokens
            progress.show(*done)

        yield advance


class ByteProgress:
    """Bytes arrived, bytes a second, time left. A context: the bar stands while it is entered.

    Args:
        doing: What is done, such as "fetching".
    """

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._begun = self._spoken = time.monotonic()
        self._earlier: int | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn(doing),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )

    def __enter__(self) -> ByteProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """Tell that so many bytes are there of so many; what was there at the first call does not count as speed."""
        if self._earlier is None:
            self._earlier, self._begun = done, time.monotonic()
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task(self._doing, total=total, completed=done)
            self._bar.update(self._task, completed=done, visible=done < total)
        elif done < total and time.monotonic() - self._spoken > _PLAIN_SECONDS:
            self._spoken = time.monotonic()
            speed = (done - self._earlier) / max(self._spoken - self._begun, 1e-3)
            left = f", {(total - done) / speed / 60:.0f} min left" if speed > 0 else ""
            say(f"{done / 1e6:.0f} of {total / 1e6:.0f} MB, {speed / 1e6:.1f} MB/s{left}.")


class CorpusProgress:
    """Lines done, lines a second and time left while corpora are read one after another. A context, as the others.

    Away from a terminal a line comes every five seconds at most, so short work says nothing.

    Args:
        shown: Whether anything is.
    """

    def __init__(self, *, shown: bool = True) -> None:
        self._shown = shown
        self._doing, self._lines = "", 0
        self._begun = self._spoken = time.monotonic()
        self._bar: Progress | None = None
        if shown and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("", total=None, speed="", visible=False)

    def __enter__(self) -> CorpusProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, doing: str, lines: int, total: int | None) -> None:
        """Tell that so many lines are done of so many, or of a number that nobody knows.

        Args:
            doing: What is done to which corpus, such as "tokenising de-en"; another one begins where this changes or
                the lines are fewer than before.
        """
        if not self._shown:
            return
        now = time.monotonic()
        if doing != self._doing or lines < self._lines:
            self._begun = now
            if self._bar is not None:
                self._bar.reset(self._task, description=doing, total=total, visible=True)
        self._doing, self._lines = doing, lines
        rate = lines / max(now - self._begun, 1e-3)
        speed = f"{rate:,.0f} lines/s"
        if self._bar is not None:
            self._bar.update(self._task, completed=lines, speed=speed)
        elif now - self._spoken >= _CORPUS_SECONDS:
            self._spoken = now
            of = "" if total is None else f"/{total:,}"
            left = "" if total is None or not lines else f"  {max(total - lines, 0) / rate:.0f} s left"
            print(f"{doing} {lines:,}{of} lines  {speed}{left}", file=sys.stderr, flush=True)

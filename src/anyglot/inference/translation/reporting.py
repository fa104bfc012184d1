"""What `anyglot translate` says on stderr: progress while it works, one line of facts at the end."""

from __future__ import annotations

from anyglot.inference.generation.autoregressive import Counts
from anyglot.runtime.progress import LineProgress, say


class Report:
    """Progress of a translation, and what is to be known of its lines.

    Args:
        counts: The translator's.
        total: Lines there are, or None if nobody knows.

    Attributes:
        damaged: Lines that were not valid UTF-8.
    """

    def __init__(self, counts: Counts, total: int | None) -> None:
        self.damaged = 0
        self._counts, self._lines = counts, 0
        self._progress = LineProgress("translating", total)

    def __enter__(self) -> Report:
        self._progress.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._progress.__exit__()
        if kind is None:  # else the error's own sentence is what to read
            self._conclude()

    def begin(self, earlier: int) -> None:
        """Say how much an earlier run did."""
        self._progress.begin_after(earlier)
        if earlier:
            say(f"resuming after line {earlier:,}.")

    def advance(self, lines: float) -> None:
        """Show that so many lines of the present window are done."""
        self._progress.show(self._lines + lines, self._counts.tokens)

    def finish(self, lines: int) -> None:
        """Count a window as done."""
        self._lines += lines
        self.advance(0)

    def _conclude(self) -> None:
        facts = [f"lines translated: {self._lines:,} ({self._progress.speed(self._lines, self._counts.tokens)})"]
        for count, fact in (
            (self.damaged, "with bytes that are not UTF-8, read as U+FFFD"),
            (self._counts.split, "longer than is read at once, translated in pieces"),
            (self._counts.truncated, "longer than is read at once, their end not read"),
            (self._counts.unreadable, "with characters this trimmed model does not know"),
            (self._counts.cut, "pieces whose translation ran into the length limit"),
        ):
            if count:
                facts.append(f"{fact}: {count:,}")
        if self._counts.speculation.sentences:
            facts.append(str(self._counts.speculation))
        if self._counts.identified:
            taken = ", ".join(f"{code} {count:,}" for code, count in self._counts.identified.most_common(8))
            facts.append(f"languages as identified: {taken}")
        say("; ".join(facts) + ".")

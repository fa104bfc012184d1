"""What `anyglot translate` says on stderr."""

from __future__ import annotations

from anyglot.inference.generation.autoregressive import Counts
from anyglot.runtime.line_reports import LineReport, counted
from anyglot.runtime.progress import say


class Report(LineReport):
    """Progress of a translation, and what is to be known of its lines."""

    def __init__(self, counts: Counts, total: int | None) -> None:
        super().__init__("translating", counts, total)
        self._counts = counts

    def begin(self, earlier: int) -> None:
        """Say how much an earlier run did."""
        self._progress.begin_after(earlier)
        if earlier:
            say(f"resuming after line {earlier:,}.")

    def advance(self, lines: float) -> None:
        """Show that so many lines of the present window are done."""
        self._show(self._lines + lines)

    def finish(self, lines: int) -> None:
        """Count a window as done."""
        self._lines += lines
        self.advance(0)

    def _facts(self) -> list[str]:
        facts = [
            f"lines translated: {self._lines:,} ({self._speed()})",
            *counted(
                (
                    (self.damaged, "with bytes that are not UTF-8, read as U+FFFD"),
                    (self._counts.split, "longer than is read at once, translated in pieces"),
                    (self._counts.truncated, "longer than is read at once, their end not read"),
                    (self._counts.unreadable, "with characters this trimmed model does not know"),
                    (self._counts.cut, "pieces whose translation ran into the length limit"),
                )
            ),
        ]
        if self._counts.speculation.sentences:
            facts.append(str(self._counts.speculation))
        if self._counts.identified:
            taken = ", ".join(f"{code} {count:,}" for code, count in self._counts.identified.most_common(8))
            facts.append(f"languages as identified: {taken}")
        return facts

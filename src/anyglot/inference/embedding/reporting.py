"""What `anyglot embed` says on stderr: progress while it works, one line of facts at the end."""

from __future__ import annotations

from anyglot.inference.embedding.embedder import Counts
from anyglot.runtime.progress import LineProgress, say


class Report:
    """Progress of an embedding, and what is to be known of its lines.

    Args:
        counts: The embedder's.
        total: Lines there are, or None if nobody knows.

    Attributes:
        damaged: Lines that were not valid UTF-8.
        settings: What the vectors are, in words.
    """

    def __init__(self, counts: Counts, total: int | None) -> None:
        self.damaged = 0
        self.settings = ""
        self._counts, self._lines = counts, 0
        self._progress = LineProgress("embedding", total)

    def __enter__(self) -> Report:
        self._progress.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._progress.__exit__()
        if kind is None:  # else the error's own sentence is what to read
            self._conclude()

    def advance(self, lines: int, tokens: int) -> None:
        """Count lines as done."""
        self._lines += lines
        self._progress.show(self._lines, self._counts.tokens)

    def _conclude(self) -> None:
        speed = self._progress.speed(self._lines, self._counts.tokens)
        facts = [f"lines embedded: {self._lines:,} ({self.settings}; {speed})"]
        for count, fact in (
            (self._counts.remembered, "different sentences found in the cache"),
            (self._counts.empty, "lines without text, whose rows are zeros"),
            (self._counts.cut, "lines longer than the limit, cut off"),
            (self._counts.unknown, "lines with characters the tokenizer does not know"),
            (self.damaged, "lines with bytes that are not UTF-8, read as U+FFFD"),
        ):
            if count:
                facts.append(f"{fact}: {count:,}")
        say("; ".join(facts) + ".")

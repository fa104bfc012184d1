"""What `anyglot embed` says on stderr."""

from __future__ import annotations

from anyglot.inference.embedding.embedder import Counts
from anyglot.runtime.line_reports import LineReport, counted


class Report(LineReport):
    """Progress of an embedding, and what is to be known of its lines.

    Attributes:
        settings: What the vectors are, in words.
    """

    def __init__(self, counts: Counts, total: int | None) -> None:
        super().__init__("embedding", counts, total)
        self._counts = counts
        self.settings = ""

    def advance(self, lines: int, tokens: int) -> None:
        """Count lines as done."""
        self._lines += lines
        self._show(self._lines)

    def _facts(self) -> list[str]:
        return [
            f"lines embedded: {self._lines:,} ({self.settings}; {self._speed()})",
            *counted(
                (
                    (self._counts.remembered, "different sentences found in the cache"),
                    (self._counts.empty, "lines without text, whose rows are zeros"),
                    (self._counts.cut, "lines longer than the limit, cut off"),
                    (self._counts.unknown, "lines with characters the tokenizer does not know"),
                    (self.damaged, "lines with bytes that are not UTF-8, read as U+FFFD"),
                )
            ),
        ]

"""What a verb that goes through lines says on stderr: progress while it works, one line of facts at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

from anyglot.runtime.progress import LineProgress, say


class HasTokens(Protocol):
    """Counts of what is done, the tokens among them."""

    tokens: int


class LineReport:
    """Progress, and what is to be known of the lines.

    Args:
        verb: Such as "translating".
        counts: Of what does the work.
        total: Lines there are, or None if nobody knows.

    Attributes:
        damaged: Lines that were not valid UTF-8.
    """

    def __init__(self, verb: str, counts: HasTokens, total: int | None) -> None:
        self.damaged = 0
        self._tokens, self._lines = counts, 0
        self._progress = LineProgress(verb, total)

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._progress.__exit__()
        if kind is None:  # else the error's own sentence is what to read
            say("; ".join(self._facts()) + ".")

    def _facts(self) -> list[str]:
        raise NotImplementedError

    def _speed(self) -> str:
        return self._progress.speed(self._lines, self._tokens.tokens)

    def _show(self, lines: float) -> None:
        """Show that so many lines are done."""
        self._progress.show(lines, self._tokens.tokens)


def counted(facts: Iterable[tuple[int, str]]) -> list[str]:
    """The facts that there are any of, with how many."""
    return [f"{fact}: {count:,}" for count, fact in facts if count]

"""What is searched for at a time, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace


class TruncatedWarning(UserWarning):
    """Texts were longer than is read at once, and their end was not read."""


@dataclass(frozen=True)
class Piece:
    """A text, or a part of one that is too long for the model, and what is wanted of its translation.

    Attributes:
        source: Clean text in the source language.
        target: Code of the target language.
        prefix: What the translation must begin with; empty for nothing.
        draft: Tokens that the translation is likely to have; None where nothing drafts.
        room: Most source tokens, special ones included, that the model reads; None: as many as it has positions for.
            What is beyond is cut off.
        tokens: The source's tokens, special ones included, where somebody has encoded it already; never cut off. Two
            pieces that differ in nothing else are one.
    """

    source: str
    target: str
    prefix: str = ""
    draft: tuple[int, ...] | None = None
    room: int | None = None
    tokens: tuple[int, ...] | None = field(default=None, repr=False, compare=False)

    def split(self, parts: Sequence[str]) -> list["Piece"]:
        """The pieces of a text cut into parts: the prefix begins the first."""
        return [
            replace(self, source=part, prefix="" if index else self.prefix, tokens=None)
            for index, part in enumerate(parts)
        ]


@dataclass(frozen=True)
class Candidate:
    """A translation and its score: the log-probability over `(tokens + 1) ** length_penalty`, 0 for an empty text.

    Attributes:
        rounds: What each round wrote, alignment first, where that was asked of a model that writes all words at once.
        tokens: What the text was decoded from; of a text that was translated in parts none.
    """

    text: str
    score: float
    rounds: tuple[str, ...] = ()
    tokens: tuple[int, ...] = field(default=(), repr=False, compare=False)


def joined(pieces: Sequence[Sequence[Candidate]], between: str) -> list[Candidate]:
    """The translations of a text from those of its pieces: the n-th joins the n-th of each piece, or a piece's last."""
    if not pieces:
        return [Candidate("", 0.0)]
    if len(pieces) == 1:
        return list(pieces[0])
    found: list[Candidate] = []
    for rank in range(max(len(candidates) for candidates in pieces)):
        row = [candidates[min(rank, len(candidates) - 1)] for candidates in pieces]
        text = between.join(candidate.text for candidate in row if candidate.text)
        found.append(Candidate(text, sum(candidate.score for candidate in row) / len(row), _rounds(row, between)))
    return found


def _rounds(row: Sequence[Candidate], between: str) -> tuple[str, ...]:
    """What each round wrote of a text; a piece that needed fewer rounds stays as it was."""
    longest = max(len(candidate.rounds) for candidate in row)
    return tuple(
        between.join(text for candidate in row for text in candidate.rounds[: number + 1][-1:] if text)
        for number in range(longest)
    )

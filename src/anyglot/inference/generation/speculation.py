"""Drafts of translations: where they come from, and what became of them (`--decoder speculative`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from anyglot.inference.decoding import Speculated
from anyglot.inference.decoding.drafting import TRUST
from anyglot.inference.generation.pieces import Candidate, Piece
from anyglot.text.protocols import TextTokenizer


@dataclass
class Speculation:
    """What drafts were worth.

    Attributes:
        sentences: Pieces that were translated from drafts.
        tokens: Of their translations, end tokens included.
        passes: How often the model was run for them.
        drafted: Tokens of the drafts.
        accepted: How many of those stood when the model looked at them.
    """

    sentences: int = 0
    tokens: int = 0
    passes: int = 0
    drafted: int = 0
    accepted: int = 0

    def add(self, results: Sequence[Speculated]) -> None:
        """Count what was found."""
        self.sentences += len(results)
        self.tokens += sum(len(one.hypothesis.tokens) + 1 for one in results)
        self.passes += sum(one.passes for one in results)
        self.drafted += sum(one.drafted for one in results)
        self.accepted += sum(one.accepted for one in results)

    def __str__(self) -> str:
        return (
            f"speculative decoding: {self.tokens / max(self.passes, 1):.2f} tokens a pass, "
            f"{self.passes / max(self.sentences, 1):.2f} passes a sentence, "
            f"{100 * self.accepted / max(self.drafted, 1):.1f} % of {self.drafted:,} drafted tokens accepted"
        )


class Drafter(Protocol):
    """Another translator: faster, and mostly of the same opinion."""

    tokenizer: TextTokenizer

    def draft(self, texts: Sequence[str], source: str, targets: Sequence[str]) -> list[Candidate]:
        """Translate the quickest way the model has; each text into its own target."""


def drafted(
    pieces: Sequence[Piece], source: str, drafts: Drafter | Mapping[Piece, str] | None, tokenizer: TextTokenizer
) -> list[Piece]:
    """The pieces with their drafts.

    A drafter's tokens are taken as they are where both tokenizers are the same. Else its text is cut anew, which may be
    another way than the model would have chosen: that costs passes, never the translation.

    Args:
        source: Code of the source language.
        drafts: What drafts, or drafts by piece, "" where there is none; None: nothing does, and the source stands in.
        tokenizer: Of the model that will look at the drafts.
    """
    if drafts is None:
        return list(pieces)
    if isinstance(drafts, Mapping):
        tokens = tokenizer.encode_target([drafts.get(piece, "") for piece in pieces])
    else:
        found = drafts.draft([piece.source for piece in pieces], source, [piece.target for piece in pieces])
        tokens = tokenizer.encode_target([candidate.text for candidate in found])
        if drafts.tokenizer.fingerprint == tokenizer.fingerprint:
            tokens = [
                list(candidate.tokens) or again for candidate, again in zip(found, tokens, strict=True)
            ]  # a text translated in parts has its text alone
    return [replace(piece, draft=tuple(ids)) for piece, ids in zip(pieces, tokens, strict=True)]


def draft_tokens(pieces: Sequence[Piece], tokenizer: TextTokenizer) -> tuple[list[Sequence[int]], float]:
    """The draft of each piece, and how much to trust them.

    Without drafts it is the source: names and numbers often stay as they are. It proposes nothing until it agreed.
    """
    if any(piece.draft is not None for piece in pieces):
        return [piece.draft or () for piece in pieces], TRUST
    return [*tokenizer.encode_target([piece.source for piece in pieces])], 0.0

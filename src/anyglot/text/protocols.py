"""What the rest of the package asks of a tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from anyglot.text.language_tokens import LanguageTokens

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class PairStyle:
    """How a family's encoders read two texts in one row.

    Args:
        between: Tokens between them: `</s> </s>` in XLM-R, `[SEP]` in BERT.
        segments: Whether the second text, with the end token behind it, is told from the first by segment ids.
    """

    between: tuple[int, ...]
    segments: bool


class TextTokenizer(Protocol):
    """Texts to token ids and back. Text never produces a special id, whatever it spells."""

    @property
    def vocabulary_size(self) -> int:
        """Number of rows an embedding table needs."""
        ...

    @property
    def begin_id(self) -> int:
        """Put before a source sentence: `<s>` or `[CLS]`."""
        ...

    @property
    def pad_id(self) -> int: ...

    @property
    def end_id(self) -> int:
        """Put after every sentence, and the first decoder input: `</s>` or `[SEP]`."""
        ...

    @property
    def unknown_id(self) -> int: ...

    @property
    def mask_id(self) -> int | None:
        """None for a tokenizer without a mask token."""
        ...

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Ids that text never produces (begin, pad, end, mask, language tokens), sorted. Unknown is not one of them."""
        ...

    @property
    def added_ids(self) -> tuple[int, ...]:
        """Ids of tokens that somebody added to the tokenizer and that a text may spell."""
        ...

    @property
    def language_tokens(self) -> LanguageTokens | None:
        """Those of another project's translation model; None for every other tokenizer."""
        ...

    @property
    def pair_style(self) -> PairStyle: ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 that changes when any text could be tokenised differently."""
        ...

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        ...

    def batch(self, texts: str | Iterable[str]) -> tuple[Tensor, Tensor]:
        """Padded rows of ids between begin and end, (B, S) int64, and where they are real, (B, S) bool."""
        ...

    def encode_with_offsets(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """The ids `encode` gives and where each token stands in its text, in characters: see `text/offsets.py`.

        Raises:
            UserError: Its tokens cannot be found in the text.
        """
        ...

    def encode_source(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text between begin and end: `<s> x </s>`."""
        ...

    def encode_target(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text as a decoder writes it, without special tokens; others than `encode`'s in Marian."""
        ...

    def decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """The text of each sequence; special tokens vanish."""
        ...

    def source_pieces(self, ids: Sequence[int]) -> list[str]:
        """The same of an encoder's input, where the source has a vocabulary of its own (some of Marian's models)."""
        ...

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The token strings of ids, special tokens included."""
        ...

    def id_of(self, piece: str) -> int | None:
        """The id of a token string; None if the vocabulary has no such piece."""
        ...

    def save(self, folder: Path) -> None:
        """Write the files that `load_tokenizer(folder)` reads."""
        ...

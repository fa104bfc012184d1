"""What stands around a sentence when an encoder reads it alone, a language token where the checkpoint wants one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from anyglot.errors import UserError
from anyglot.text.language_tokens import LanguageTokens
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import uses_language_tokens


class MissingToken(UserError):
    """A checkpoint that is told languages has no token for one: of several languages the others can still be read."""


@dataclass(frozen=True)
class Frame:
    """Tokens in front of and behind a sentence."""

    front: tuple[int, ...]
    behind: tuple[int, ...]

    def around(self, ids: Sequence[int], limit: int) -> list[int]:
        """A sentence in its frame, cut off at the end where it would have more than `limit` tokens."""
        return [*self.front, *ids[: limit - len(self.front) - len(self.behind)], *self.behind]


@dataclass(frozen=True)
class EncoderTemplate:
    """How one checkpoint's encoder is given a sentence.

    Attributes:
        tokens: Language tokens of another project's translation model that it has embeddings for; None where there are
            none: `<s> x </s>`.
    """

    tokenizer: TextTokenizer
    tokens: LanguageTokens | None

    @classmethod
    def of(cls, tokenizer: TextTokenizer, folder: Path, rows: int) -> EncoderTemplate:
        """The framing of a model's folder; `rows` is the size of its token table."""
        tokens = tokenizer.language_tokens
        if tokens is None or not uses_language_tokens(folder):
            return cls(tokenizer, None)
        known = {spelling: id for spelling, id in tokens.ids.items() if id < rows}
        return cls(tokenizer, LanguageTokens(known, tokens.scheme, tokens.pair))

    def reads(self, language: str) -> bool:
        """Whether the checkpoint can be told the language, or need not be told any."""
        try:
            self.frame(language)
        except MissingToken:
            return False
        return True

    def frame(self, language: str | None) -> Frame:
        """The frame of sentences in a language.

        A Marian model of many target languages is told the target in its source text; there `language` is that target.

        Raises:
            UserError: The checkpoint must be told a language and none was given.
            MissingToken: It has no token for it.
        """
        if self.tokens is None:
            return Frame((self.tokenizer.begin_id,), (self.tokenizer.end_id,))
        scheme, end = self.tokens.scheme, self.tokenizer.end_id
        told_target = scheme.target == "source"
        if (scheme.source == "nowhere" and not told_target) or not self.tokens.ids:
            return Frame((), (end,))
        if language is None:
            what = "the language it shall translate into" if told_target else "the language of the text"
            raise UserError(f"this model's encoder is told {what}: name it with `language`, e.g. `language=de`.")
        spelling = self.tokens.spelling(language)
        if spelling is None:
            near = ", ".join(self.tokens.near(language))
            raise MissingToken(
                f"this model has no token for the language {language}: its nearest are {near} of "
                f"{len(self.tokens.ids)}."
            )
        source, target = ("", spelling) if told_target else (spelling, "")
        front, behind = self.tokens.source_frame(source, target, end)
        return Frame(tuple(front), tuple(behind))

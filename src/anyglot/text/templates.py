"""What stands around a sentence pair in training: special tokens, and language tokens where a checkpoint has them.

    plain (models trained here)    source  <s> x </s>         decoder reads  </s> y             learns  y </s>
    mBART-50                       source  [de] x </s>        decoder reads  </s> [en] y        learns  - y </s>
    mBART                          source  x </s> [de]        decoder reads  [en] y             learns  y </s>

The dash: what the decoder is given at its beginning it need not predict, here as in translation. transformers and
fairseq count it in their loss; it is one token a sentence, and the same one in every sentence of a direction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anyglot.errors import UserError
from anyglot.runtime.untrusted_files import read_json
from anyglot.text.language_tokens import LanguageTokens
from anyglot.text.languages import language
from anyglot.text.protocols import TextTokenizer

LANGUAGES = "languages.json"
"""The file in which a model trained here says which languages it knows."""
TOKENS = "language_tokens"
"""Its key that says that the model is told them by tokens."""


@dataclass(frozen=True)
class Frame:
    """Token ids around both sides of a pair.

    Attributes:
        front, behind: Around the source text.
        start: The decoder's first inputs, at least one.
    """

    front: tuple[int, ...]
    behind: tuple[int, ...]
    start: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, int]:
        """Positions that source and target need beside their text."""
        return len(self.front) + len(self.behind), len(self.start)


Frames = Callable[[str, str], Frame]
"""The frame of a source and a target language, canonical codes."""


def plain_frame(tokenizer: TextTokenizer) -> Frame:
    """`<s> x </s>` and a decoder that starts with `</s>` (fairseq's convention; method card 1.2)."""
    return Frame((tokenizer.begin_id,), (tokenizer.end_id,), (tokenizer.end_id,))


@dataclass(frozen=True)
class PlainFrames:
    """One frame for all directions."""

    frame: Frame

    def __call__(self, source: str, target: str) -> Frame:
        return self.frame


@dataclass(frozen=True)
class TokenFrames:
    """Frames with the language tokens of another project's checkpoint (`text/language_tokens.py` has the table).

    Attributes:
        tokens: Only those the model has embeddings for.
        start_id: The checkpoint's decoder_start_token_id.
        end_id: Its end token.
    """

    tokens: LanguageTokens
    start_id: int
    end_id: int

    def __call__(self, source: str, target: str) -> Frame:
        """The frame of a direction, codes in any scheme.

        Raises:
            UserError: The checkpoint has no token for a language it must be told, or writes another one only.
        """
        return self.spelled(self.source(source), self.target(target))

    def spelled(self, source: str, target: str) -> Frame:
        """The same of languages as `source` and `target` give them back."""
        front, behind = self.tokens.source_frame(source, target, self.end_id)
        return Frame(tuple(front), tuple(behind), self.tokens.start(target, self.start_id))

    def source(self, code: str) -> str:
        """The source language as the checkpoint spells it; the canonical code where it is told none."""
        if self.tokens.scheme.source == "nowhere":
            return language(code).code
        return self._spelling(code)

    def target(self, code: str) -> str:
        """The target language, likewise."""
        if self.tokens.scheme.target == "source" and not self.tokens.ids:
            wanted, written = language(code).code, self.tokens.pair[1]
            if written and language(written).code != wanted:
                raise UserError(
                    f"this model translates into {_named(written)} only, not into {_named(wanted)}: "
                    "choose another model."
                )
            return wanted
        return self._spelling(code)

    def _spelling(self, code: str) -> str:
        spelling = self.tokens.spelling(code)
        if spelling is None:
            raise UserError(
                f"this model has no token for {_named(code)}: its nearest are "
                f"{', '.join(self.tokens.near(code))} of {len(self.tokens.ids)}."
            )
        return spelling


def frames_of(folder: Path, tokenizer: TextTokenizer, start_id: int, rows: int) -> Frames:
    """The frames of a model folder: with its tokenizer's language tokens, unless it was trained here without them.

    Args:
        start_id: The config's first decoder input.
        rows: Rows of the table that language tokens are looked up in: one beyond it is none the model has.
    """
    tokens = tokenizer.language_tokens
    if tokens is not None and uses_language_tokens(folder):
        return TokenFrames(tokens.within(rows), start_id, tokenizer.end_id)
    plain = plain_frame(tokenizer)
    return PlainFrames(Frame(plain.front, plain.behind, (start_id,)))


def uses_language_tokens(folder: Path) -> bool:
    """Whether the folder's model is told languages by tokens: other projects' are, ours say it."""
    try:
        told = read_json(folder / LANGUAGES)
    except FileNotFoundError:
        return True
    return isinstance(told, dict) and told.get(TOKENS) is True


def _named(code: str) -> str:
    found = language(code)
    return f"{found.name} ({found.code})"

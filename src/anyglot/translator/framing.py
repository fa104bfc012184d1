"""What stands around a sentence: the encoder's special tokens, the decoder's first inputs, a language's in either."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from anyglot.data.language_tokens import LanguageTokens
from anyglot.data.languages import language
from anyglot.data.protocols import TextTokenizer
from anyglot.errors import UserError
from anyglot.translator.languages import ModelLanguages, named


class Framing(Protocol):
    """How one checkpoint is told what to translate. Languages come in as `source` and `target` give them back."""

    def source(self, code: str) -> str:
        """The source language given in any scheme, as the checkpoint knows it.

        Raises:
            UserError: No such language, or the checkpoint cannot be told it.
        """
        ...

    def target(self, code: str) -> str:
        """The target language, likewise; one the checkpoint cannot write is an error too."""
        ...

    def doubt(self, source: str, target: str) -> str | None:
        """One sentence on a pair that may come out badly; None for one the checkpoint was trained for."""
        ...

    def encode(self, texts: Sequence[str], source: str, targets: Sequence[str]) -> list[list[int]]:
        """Tokens of source texts, each with its own target, and the special ones around them."""
        ...

    def start(self, target: str) -> tuple[int, ...]:
        """The decoder's first inputs."""
        ...


@dataclass(frozen=True)
class PlainFraming:
    """`<s> x </s>`, and one start token: models trained here, and tokenizers without language tokens.

    Attributes:
        languages: What the model was trained for; None if nobody wrote it down.
    """

    tokenizer: TextTokenizer
    start_id: int
    languages: ModelLanguages | None

    def source(self, code: str) -> str:
        return language(code).code

    def target(self, code: str) -> str:
        target = language(code).code
        if self.languages is not None:
            self.languages.check_target(target)
        return target

    def doubt(self, source: str, target: str) -> str | None:
        return None if self.languages is None else self.languages.doubt(source, target)

    def encode(self, texts: Sequence[str], source: str, targets: Sequence[str]) -> list[list[int]]:
        return self.tokenizer.encode_source(texts)

    def start(self, target: str) -> tuple[int, ...]:
        return (self.start_id,)


@dataclass(frozen=True)
class TokenFraming:
    """Language tokens where another project's checkpoint wants them (`data/language_tokens.py` has the table).

    Attributes:
        tokens: Only those the model has embeddings for.
        remark: A doubt about the checkpoint as such.
    """

    tokenizer: TextTokenizer
    start_id: int
    tokens: LanguageTokens
    remark: str | None = None

    def source(self, code: str) -> str:
        if self.tokens.scheme.source == "nowhere":
            return language(code).code
        return self._spelling(code)

    def target(self, code: str) -> str:
        if self.tokens.scheme.target == "source" and not self.tokens.ids:
            wanted, written = language(code).code, self.tokens.pair[1]
            if written and language(written).code != wanted:
                raise UserError(
                    f"this model translates into {named(language(written).code)} only, not into {named(wanted)}: "
                    "choose another model."
                )
            return wanted
        return self._spelling(code)

    def doubt(self, source: str, target: str) -> str | None:
        read = self.tokens.pair[0]
        if read and language(read).code != source:
            return f"this model was trained on {named(language(read).code)}, not on {named(source)}."
        return self.remark

    def encode(self, texts: Sequence[str], source: str, targets: Sequence[str]) -> list[list[int]]:
        encoded: list[list[int]] = []
        for ids, target in zip(self.tokenizer.encode(texts), targets, strict=True):
            front, behind = self.tokens.source_frame(source, target, self.tokenizer.end_id)
            encoded.append([*front, *ids, *behind])
        return encoded

    def start(self, target: str) -> tuple[int, ...]:
        return self.tokens.start(target, self.start_id)

    def _spelling(self, code: str) -> str:
        spelling = self.tokens.spelling(code)
        if spelling is None:
            raise UserError(
                f"this model has no token for {named(language(code).code)}: its nearest are "
                f"{', '.join(self.tokens.near(code))} of {len(self.tokens.ids)}."
            )
        return spelling


def framing_of(
    tokenizer: TextTokenizer, languages: ModelLanguages | None, start_id: int, rows: int, name: str
) -> Framing:
    """The framing of a model.

    Args:
        tokenizer: Of the model's folder.
        languages: The folder's list; a model with one was trained here, without language tokens.
        start_id: The config's first decoder input.
        rows: Rows of the table that language tokens are looked up in: one beyond it is none the model has.
        name: What the user called the model.
    """
    tokens = tokenizer.language_tokens
    if languages is not None or tokens is None:
        return PlainFraming(tokenizer, start_id, languages)
    known = {spelling: id for spelling, id in tokens.ids.items() if id < rows}
    return TokenFraming(tokenizer, start_id, LanguageTokens(known, tokens.scheme, tokens.pair), _remark(name))


def _remark(name: str) -> str | None:
    """A doubt that a checkpoint's name gives rise to. mBART-50's pretraining and its translators are alike inside."""
    stem = name.rstrip("/").rpartition("/")[2].lower()
    if "mbart" in stem and "mmt" not in stem and stem.endswith(("large-50", "large-cc25")):
        return (
            f"{stem} is pretrained to restore text and was never taught to translate; "
            "take a checkpoint that was, such as mbart-large-50-many-to-many-mmt."
        )
    return None

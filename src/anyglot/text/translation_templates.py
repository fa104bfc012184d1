"""What stands around a sentence: the encoder's special tokens, the decoder's first inputs, a language's in either."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from anyglot.text.language_tokens import LanguageTokens
from anyglot.text.languages import language
from anyglot.text.model_languages import ModelLanguages, named
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import TokenFrames


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

    def warning(self, source: str, target: str) -> str | None:
        """One sentence on a pair that may come out badly; None for one the checkpoint was trained for."""
        ...

    def encode(
        self, texts: Sequence[str], source: str, targets: Sequence[str], limits: Sequence[int] | None = None
    ) -> list[list[int]]:
        """Tokens of source texts, each with its own target, and the special ones around them.

        Args:
            limits: Most tokens of each, special ones included; a text that has more loses its end.
        """
        ...

    def start(self, target: str) -> tuple[int, ...]:
        """The decoder's first inputs."""
        ...


@dataclass(frozen=True)
class PlainFraming:
    """`<s> x </s>`, and one start token: models trained here, and tokenizers without language tokens.

    Attributes:
        start_id: None for a model that writes all words at once, and starts with none.
        languages: What the model was trained for; None if it is not recorded.
    """

    tokenizer: TextTokenizer
    start_id: int | None
    languages: ModelLanguages | None

    def source(self, code: str) -> str:
        return language(code).code

    def target(self, code: str) -> str:
        target = language(code).code
        if self.languages is not None:
            self.languages.check_target(target)
        return target

    def warning(self, source: str, target: str) -> str | None:
        return None if self.languages is None else self.languages.warning(source, target)

    def encode(
        self, texts: Sequence[str], source: str, targets: Sequence[str], limits: Sequence[int] | None = None
    ) -> list[list[int]]:
        encoded = self.tokenizer.encode_source(texts)
        if limits is None:
            return encoded
        # `</s>` is the last one and stays.
        return [
            ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]
            for ids, limit in zip(encoded, limits, strict=True)
        ]

    def start(self, target: str) -> tuple[int, ...]:
        return () if self.start_id is None else (self.start_id,)


@dataclass(frozen=True)
class TokenFraming:
    """Language tokens where another project's checkpoint wants them (`text/language_tokens.py` has the table).

    Attributes:
        tokens: Only those the model has embeddings for.
        message: A warning about the checkpoint as such.
        languages: What the checkpoint was fine-tuned for here; None for one that comes from elsewhere.
    """

    tokenizer: TextTokenizer
    start_id: int
    tokens: LanguageTokens
    message: str | None = None
    languages: ModelLanguages | None = None

    @cached_property
    def frames(self) -> TokenFrames:
        """The tokens, direction by direction: the same as in training."""
        return TokenFrames(self.tokens, self.start_id, self.tokenizer.end_id)

    def source(self, code: str) -> str:
        return self.frames.source(code)

    def target(self, code: str) -> str:
        return self.frames.target(code)

    def warning(self, source: str, target: str) -> str | None:
        if self.languages is not None:
            return self.languages.warning(language(source).code, language(target).code)
        read = self.tokens.pair[0]
        if read and language(read).code != source:
            return f"this model was trained on {named(language(read).code)}, not on {named(source)}."
        return self.message

    def encode(
        self, texts: Sequence[str], source: str, targets: Sequence[str], limits: Sequence[int] | None = None
    ) -> list[list[int]]:
        encoded: list[list[int]] = []
        for index, (ids, target) in enumerate(zip(self.tokenizer.encode(texts), targets, strict=True)):
            frame = self.frames.spelled(source, target)
            room = len(ids) if limits is None else max(0, limits[index] - len(frame.front) - len(frame.behind))
            encoded.append([*frame.front, *ids[:room], *frame.behind])
        return encoded

    def start(self, target: str) -> tuple[int, ...]:
        return self.tokens.start(target, self.start_id)


def template_of(
    tokenizer: TextTokenizer, languages: ModelLanguages | None, start_id: int | None, rows: int, name: str
) -> Framing:
    """The framing of a model.

    Args:
        tokenizer: Of the model's folder.
        languages: The folder's list; a model with one was trained here, and the list says if with language tokens.
        start_id: The config's first decoder input; None for a model that has none, and no language tokens either.
        rows: Rows of the table that language tokens are looked up in: one beyond it is none the model has.
        name: What the user called the model.
    """
    tokens = tokenizer.language_tokens
    if tokens is None or start_id is None or (languages is not None and not languages.tokens):
        return PlainFraming(tokenizer, start_id, languages)
    message = _message(name) if languages is None else None
    return TokenFraming(tokenizer, start_id, tokens.within(rows), message, languages)


def _message(name: str) -> str | None:
    """A warning that a checkpoint's name gives rise to. mBART-50's pretraining and its translators are alike inside."""
    stem = name.rstrip("/").rpartition("/")[2].lower()
    if "mbart" in stem and "mmt" not in stem and stem.endswith(("large-50", "large-cc25")):
        return (
            f"{stem} is pretrained to restore text and was never taught to translate; "
            "take a checkpoint that was, such as mbart-large-50-many-to-many-mmt."
        )
    return None

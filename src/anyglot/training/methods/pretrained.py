"""An encoder-decoder that was trained before: ours, or another project's with its language tokens."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from anyglot.errors import UserError
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.extraction import set_dropout
from anyglot.models.pretrained.load import load_pretrained
from anyglot.models.pretrained.locate import local_folder
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import Frames, TokenFrames, frames_of


class PretrainedTranslator:
    """The model a method starts from, and what it expects around a sentence.

    Args:
        start: A folder or a hub name.
        target_languages: What the recipe says of its target projection.
        dropout, attention_dropout: Of the training to come; None: as before.

    Attributes:
        uses_language_tokens: Whether it is told languages by tokens; known after `frames`.
    """

    def __init__(
        self, start: str, target_languages: tuple[str, ...], dropout: float | None, attention_dropout: float | None
    ) -> None:
        self._start, self._target_languages = start, target_languages
        self._dropout, self._attention_dropout = dropout, attention_dropout
        self._loaded: EncoderDecoder | None = None
        self.uses_language_tokens = False

    def model(self) -> EncoderDecoder:
        """The model, loaded anew at every call.

        Raises:
            UserError: It is of another kind, or has another target projection than the recipe says.
        """
        model, self._loaded = self._loaded or self._load(), None
        set_dropout(model, self._dropout, self._attention_dropout)
        return model

    def frames(self, tokenizer: TextTokenizer) -> Frames:
        """What stands around a pair of each direction."""
        self._loaded = self._load()  # for its config; `model` gives it away, so that it is read once
        config = self._loaded.config
        folder = local_folder(self._start)
        frames = frames_of(folder, tokenizer, config.start_id, config.encoder.embeddings.vocabulary_size)
        self.uses_language_tokens = isinstance(frames, TokenFrames)
        return frames

    def _load(self) -> EncoderDecoder:
        model = load_pretrained(self._start)
        if not isinstance(model, EncoderDecoder):
            raise UserError(
                f"{self._start} is of the kind '{model.config.kind}', not an encoder-decoder that could go on learning "
                "to write; name mBART's, or a run of the method denoising."
            )
        if model.config.adapters is not None:
            raise UserError(
                f"{self._start} has adapters, which the method adapters trains; start from what they stand on."
            )
        given, listed = model.config.target_languages, self._target_languages
        if given != listed:
            has = f"target projections for {_listed(given)}" if given else "no target projections"
            raise UserError(
                f"{self._start} has {has}, but method.target_languages is {_listed(listed) or 'empty'}; write there "
                f"[{_listed(given)}]."
            )
        return model


def _listed(codes: tuple[str, ...]) -> str:
    return ", ".join(codes)


@runtime_checkable
class Framed(Protocol):
    """A method that may start from a checkpoint with frames of its own, such as language tokens.

    Attributes:
        start: The checkpoint; None where the method begins with random values this time.
    """

    start: PretrainedTranslator | None

    def frames(self, tokenizer: TextTokenizer) -> Frames | None:
        """The checkpoint's frames; None without one."""
        ...

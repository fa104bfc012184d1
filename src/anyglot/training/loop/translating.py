"""Translating a few sentences with a model that is being trained, whatever kind of model it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from anyglot.inference.generation.generate import GeneratingModel, generator_of
from anyglot.inference.generation.pieces import Piece
from anyglot.inference.generation.settings import AUTOREGRESSIVE, SearchSettings
from anyglot.text.lines import clean
from anyglot.text.protocols import TextTokenizer
from anyglot.text.templates import Frame

LENGTH_RATIO = 2.0


@dataclass(frozen=True)
class TestSentences:
    """The first sentences of a validation set and their translations.

    Args:
        source: Language of the sentences.
        target: Language of the references, which decides how BLEU counts words.
        frame: What stands around the sentences and starts the decoder.
    """

    source: str
    target: str
    sources: Sequence[str]
    references: Sequence[str]
    frame: Frame

    __test__ = False  # no test, whatever pytest thinks of the name


@dataclass(frozen=True)
class OneFrame:
    """The frame of a validation set as the framing that a search asks for: `text.translation_templates.Framing`."""

    tokenizer: TextTokenizer
    frame: Frame

    def source(self, code: str) -> str:
        return code

    def target(self, code: str) -> str:
        return code

    def warning(self, source: str, target: str) -> str | None:
        return None

    def encode(
        self, texts: Sequence[str], source: str, targets: Sequence[str], limits: Sequence[int] | None = None
    ) -> list[list[int]]:
        front, behind = self.frame.front, self.frame.behind
        encoded = self.tokenizer.encode(texts)
        if limits is not None:
            around = len(front) + len(behind)
            encoded = [ids[: max(0, limit - around)] for ids, limit in zip(encoded, limits, strict=True)]
        return [[*front, *ids, *behind] for ids in encoded]

    def start(self, target: str) -> tuple[int, ...]:
        return self.frame.start


@torch.no_grad()
def translate(model: nn.Module, tokenizer: TextTokenizer, test: TestSentences, beams: int) -> list[str]:
    """Translate a few sentences as a Translator would, with the model's default decoder.

    Args:
        model: In eval mode.
        beams: Hypotheses a sentence, of a model that writes word by word.
    """
    assert isinstance(model, GeneratingModel)
    generator = generator_of(model, tokenizer, OneFrame(tokenizer, test.frame))
    settings = generator.settle(SearchSettings(length_ratio=LENGTH_RATIO))
    if settings.decoder in AUTOREGRESSIVE:
        settings = replace(settings, beam=beams)
    pieces = [Piece(clean(text), test.target) for text in test.sources]
    unique = list(dict.fromkeys(pieces))
    found = dict(zip(unique, generator.search(unique, test.source, settings, None), strict=True))
    return [found[piece][0].text for piece in pieces]

"""The one door to generation: from a model of any kind to what translates pieces of text with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from anyglot.inference.generation.autoregressive import Counts, PieceSearch, Progress, StepByStep
from anyglot.inference.generation.non_autoregressive import ParallelPieceSearch
from anyglot.inference.generation.pieces import Candidate, Piece
from anyglot.inference.generation.settings import Decoder, SearchSettings
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.text.protocols import TextTokenizer
from anyglot.text.translation_templates import Framing

GeneratingModel = StepByStep | PromptedEncoder | ParallelEncoderDecoder
"""Every kind of model that writes text."""


class Generator(Protocol):
    """Writes with one model, however it writes: what a Translator, and validation in training, ask of it."""

    @property
    def source_limit(self) -> int:
        """Most source tokens, special ones included."""
        ...

    @property
    def quickest(self) -> Decoder:
        """What to write drafts with."""
        ...

    @property
    def refines(self) -> bool:
        """Whether the model can write over what it wrote."""
        ...

    @property
    def writes_freely(self) -> bool:
        """Whether the model was made to write something other than a translation."""
        ...

    def settle(self, settings: SearchSettings) -> SearchSettings:
        """The settings with this model's defaults.

        Raises:
            UserError: Something was asked for that it cannot do.
        """
        ...

    def check_direction(self, source: str, target: str) -> None:
        """Refuse a direction that the model has no projection, adapters or prompts for.

        Raises:
            UserError: Naming those it has.
        """
        ...

    def prefixes(self, pieces: Sequence[Piece], settings: SearchSettings) -> Any:
        """The tokens each piece's translation must begin with, where the model can be told them.

        Raises:
            UserError: It cannot, or not these.
        """
        ...

    def search(
        self, pieces: Sequence[Piece], source: str, settings: SearchSettings, progress: Progress | None
    ) -> list[list[Candidate]]:
        """Translate pieces with settled settings: candidates of each in order, best first."""
        ...


def generator_of(
    model: GeneratingModel, tokenizer: TextTokenizer, framing: Framing, counts: Counts | None = None
) -> Generator:
    """What writes with a model.

    Args:
        model: In eval mode.
        framing: Where special tokens and languages stand.
        counts: Where it says what it has done; None: nobody asks.
    """
    told = counts or Counts()
    if isinstance(model, StepByStep):
        return PieceSearch(model, tokenizer, framing, told)
    return ParallelPieceSearch(model, tokenizer, framing, told)

"""Translating with a model that writes all words at once: batches of one length, rounds, labels read off a canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from anyglot.errors import UserError
from anyglot.inference.decoding import pad_batch
from anyglot.inference.decoding.batching import plan_alike
from anyglot.inference.decoding.mask_predict import mask_predict
from anyglot.inference.decoding.refine import CANVAS_ROWS, Reading, Refined, refine
from anyglot.inference.generation.autoregressive import (
    Counts,
    Found,
    Progress,
    position_limit,
    read_pieces,
    search_batches,
)
from anyglot.inference.generation.canvas_models import CtcCanvasModel, PromptedCanvasModel
from anyglot.inference.generation.pieces import Candidate, Piece
from anyglot.inference.generation.settings import GENERATIVE, PARALLEL, Decoder, SearchSettings
from anyglot.models.config import ParallelEncoderDecoderConfig, PromptedEncoderConfig
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.text.model_languages import check_projection, part_of
from anyglot.text.protocols import TextTokenizer
from anyglot.text.translation_templates import Framing


@dataclass(frozen=True)
class ParallelPieceSearch:
    """Translates pieces with one model that writes all words at once.

    The sentences of a batch have sources of one length, so that nothing is padded: no work is wasted, and what is
    computed for a sentence has the same shapes whatever is translated beside it.

    Attributes:
        model: In eval mode.
        tokenizer: Of the model.
        framing: Where special tokens and languages stand.
        counts: Where it says what it has done.
    """

    model: PromptedEncoder | ParallelEncoderDecoder
    tokenizer: TextTokenizer
    framing: Framing
    counts: Counts

    @property
    def source_limit(self) -> int:
        """Most source tokens, special ones included: source and canvas both need their positions."""
        config = self.model.config
        positions = position_limit(config.encoder.embeddings)
        if isinstance(config, ParallelEncoderDecoderConfig):
            return min(positions, position_limit(config.decoder_embeddings) // config.canvas.factor)
        if self.writes_freely:
            return positions
        hidden = 0 if config.source_end else 1  # `</s>`, which has no share in the canvas
        return min(positions, positions // config.canvas.factor + hidden)

    def settle(self, settings: SearchSettings) -> SearchSettings:
        """The settings with this model's defaults.

        Raises:
            UserError: Something was asked for that it cannot do.
        """
        settings.check_positions(self.source_limit)
        return settings.settled(GENERATIVE if self.writes_freely else PARALLEL, refines=self.refines)

    @property
    def refines(self) -> bool:
        """Whether the model can write over what it wrote."""
        return isinstance(self.model, PromptedEncoder) and self.model.config.denoise

    @property
    def quickest(self) -> Decoder:
        """What to write drafts with."""
        return "mask-predict" if self.writes_freely else "ctc"

    def check_direction(self, source: str, target: str) -> None:
        """Refuse a direction that the model has no prompts or no projection for.

        Raises:
            UserError: Naming those it has.
        """
        self._part(source, target)

    def prefixes(self, pieces: Sequence[Piece], settings: SearchSettings) -> None:
        """Refuse prefixes.

        Raises:
            UserError: There is one.
        """
        if any(piece.prefix for piece in pieces):
            raise UserError(
                "this model writes all words at once, so a prefix cannot be forced on it: leave the prefix out, or "
                "use a model that writes word by word."
            )

    def search(
        self, pieces: Sequence[Piece], source: str, settings: SearchSettings, progress: Progress | None
    ) -> list[list[Candidate]]:
        """Translate pieces in batches of one length and one set of prompts, and return them in order."""
        self.prefixes(pieces, settings)
        encoded = read_pieces(self.framing, pieces, source, self.source_limit)
        parts = [self._part(source, piece.target) for piece in pieces]
        reading = Reading(
            frame=self._frame,
            never=self._never,
            beams=1 if self.writes_freely else settings.rows,
            n_best=settings.n_best,
            length_penalty=settings.length_penalty,
        )

        def found(batch: list[int]) -> list[Found]:
            device = next(self.model.parameters()).device
            tokens, mask = pad_batch([encoded[index] for index in batch], self.tokenizer.pad_id, device)
            refined = self._written(parts[batch[0]], tokens, mask, settings, reading)
            return [
                Found(one.hypotheses, [round.labels for round in one.rounds] if settings.show_rounds else [])
                for one in refined
            ]

        def room(length: int) -> int:
            return min(settings.batch_tokens // length, CANVAS_ROWS // self._canvas_room(length, settings))

        batches = plan_alike([len(ids) for ids in encoded], parts, room)
        return search_batches(batches, found, self.tokenizer, settings.n_best, self.counts, progress)

    def _part(self, source: str, target: str) -> int | None:
        """What of the model serves a direction: its prompt set, or the row of its target projection; None: all of it.

        Raises:
            UserError: Nothing does.
        """
        if isinstance(self.model, PromptedEncoder):
            return part_of(self.model.config.groups, source, target, "prompts")
        languages = self.model.config.target_languages
        check_projection(languages, target)
        return self.model.config.target_row(target) if languages else None

    @property
    def writes_freely(self) -> bool:
        """Whether the model writes freely, on a canvas whose length it predicts."""
        return isinstance(self.model, PromptedEncoder) and self.model.config.length_classes > 0

    def _canvas_room(self, length: int, settings: SearchSettings) -> int:
        """Positions of the canvases of a source of this length, at most."""
        config = self.model.config
        if isinstance(config, PromptedEncoderConfig) and self.writes_freely:
            return config.longest * config.upsampling * (settings.length_beam or 1)
        return length * config.canvas.factor

    def _written(
        self, part: int | None, tokens: Tensor, mask: Tensor, settings: SearchSettings, reading: Reading
    ) -> list[Refined]:
        chosen = None if part is None else torch.tensor([part], device=tokens.device)
        rounds = settings.rounds or 0
        if not isinstance(self.model, PromptedEncoder):
            plain = CtcCanvasModel(self.model, chosen)
            return refine(plain, tokens, mask, rounds=rounds, reading=reading)
        model = PromptedCanvasModel(self.model, chosen)
        if self.writes_freely:
            rule = settings.mask_predict_rule()
            return mask_predict(model, tokens, mask, rule=rule, rounds=rounds, reading=reading)
        return refine(model, tokens, mask, rounds=rounds, reading=reading)

    @property
    def _frame(self) -> tuple[int, ...]:
        """Labels that are no text."""
        canvas = self.model.config.canvas
        return (canvas.begin_id, canvas.end_id)

    @cached_property
    def _never(self) -> tuple[int, ...]:
        """What is no text and no label: special tokens, and rows of the table without a token."""
        canvas = self.model.config.canvas
        labels = {canvas.blank_id, *(self._frame if canvas.frame else ())}
        size = self.model.output.weight.shape[0]
        special = {*self.tokenizer.special_ids, *self._frame, *range(self.tokenizer.vocabulary_size, size)}
        return tuple(sorted(id for id in special - labels if id < size))

"""Fewer rows: an output that writes some tokens only, and tables that have lost the rows nobody needs."""

from __future__ import annotations

import torch
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.config import (
    EncoderConfig,
    EncoderDecoderConfig,
    ParallelEncoderDecoderConfig,
    PromptedEncoderConfig,
)
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.language import LanguageModel, PromptedLanguageModel
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.nn.heads import OutputProjection
from anyglot.nn.vocabulary_subset import VocabularySubset


def restrict_output(
    model: EncoderDecoder | PromptedEncoder | ParallelEncoderDecoder | LanguageModel | PromptedLanguageModel,
    ids: Tensor,
    origin: str,
    *,
    unknown: int | None = None,
) -> None:
    """Let the model write these tokens only, as if the logits of all others were minus infinity.

    Args:
        ids: Kept rows of the output table, ascending.
        origin: Where the choice comes from, for the error.
        unknown: A kept row that stands for all others as a target of the loss; None: there may be no other target.

    Shape:
        ids: (C,) int64

    Raises:
        UserError: The ids are not rows of this model, or the end of a translation is not among them.
    """
    size = model.output.weight.shape[0]
    try:
        rows = VocabularySubset(ids.to(model.output.weight.device), size, unknown=unknown)
    except ValueError:
        raise UserError(f"{origin}: the rows it keeps are not ascending ids within 0..{size - 1}.") from None
    if model.config.end_id not in rows:
        raise UserError(f"{origin}: the rows it keeps lack {model.config.end_id}, the end of a translation.")
    if isinstance(model.config, PromptedEncoderConfig | ParallelEncoderDecoderConfig):
        canvas = model.config.canvas
        if canvas.blank_id not in rows or (canvas.frame and canvas.begin_id not in rows):
            raise UserError(
                f"{origin}: the rows it keeps lack the blank {canvas.blank_id} or the begin {canvas.begin_id}, without "
                "which nothing can be read off a canvas."
            )
    model.output.restrict(rows)


def trimmed_config(config: EncoderConfig | EncoderDecoderConfig, ids: Tensor) -> EncoderConfig | EncoderDecoderConfig:
    """The config of a model that keeps these rows of its token tables; special tokens get their new numbers.

    Raises:
        UserError: The two sides have different vocabularies, or a special token is not kept.
    """
    place = {int(token): place for place, token in enumerate(ids.tolist())}

    def renumbered(token: int) -> int:
        if token not in place:
            raise UserError(f"token {token} frames every sentence of this model and must be kept.")
        return place[token]

    if isinstance(config, EncoderConfig):
        embeddings = config.embeddings.model_copy(update={"vocabulary_size": len(ids)})
        return config.model_copy(update={"embeddings": embeddings, "padding_id": renumbered(config.padding_id)})
    if config.encoder.embeddings.vocabulary_size != config.decoder_embeddings.vocabulary_size:
        raise UserError("the two sides of this model have vocabularies of their own, which cannot be trimmed as one.")
    encoder = trimmed_config(config.encoder, ids)
    decoder_embeddings = config.decoder_embeddings.model_copy(update={"vocabulary_size": len(ids)})
    special = {key: renumbered(getattr(config, key)) for key in ("padding_id", "start_id", "end_id")}
    return config.model_copy(update={"encoder": encoder, "decoder_embeddings": decoder_embeddings, **special})


def trim_tables(model: Encoder | EncoderDecoder, ids: Tensor) -> None:
    """Drop all rows but these from every token table of the model, in place; tables that were one stay one.

    The rows an output is restricted to follow; those that are dropped leave the restriction.

    Args:
        ids: Kept tokens, ascending; they are numbered by place from now on.

    Shape:
        ids: (C,) int64
    """
    model.config = trimmed_config(model.config, ids)
    if isinstance(model, EncoderDecoder):
        model.encoder.config = model.config.encoder
    done: dict[int, torch.nn.Parameter] = {}

    def trimmed(full: Tensor) -> torch.nn.Parameter:
        if id(full) not in done:
            done[id(full)] = torch.nn.Parameter(full.detach().index_select(0, ids), full.requires_grad)
        return done[id(full)]

    sides = [model.embeddings] if isinstance(model, Encoder) else [model.encoder.embeddings, model.decoder.embeddings]
    for tokens in {id(side.tokens): side.tokens for side in sides}.values():
        tokens.weight = trimmed(tokens.weight)
        tokens.num_embeddings = len(ids)
    for output in [part for part in model.modules() if isinstance(part, OutputProjection)]:
        kept = None
        if output.rows is not None:
            kept = torch.isin(ids, output.rows.ids).nonzero()[:, 0]
            kept = None if len(kept) == len(ids) else kept  # nothing is left that may not be written
        output.weight = trimmed(output.weight)
        output.bias = None if output.bias is None else trimmed(output.bias)
        output.restrict(None if kept is None else VocabularySubset(kept, len(ids)))

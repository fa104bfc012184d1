"""Translating a few sentences with a model that is being trained, whatever kind of model it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from anyglot.inference.decoding import LengthRule, SearchConstraints, beam_search, pad_batch, plan_alike, plan_batches
from anyglot.inference.decoding.mask_predict import mask_predict
from anyglot.inference.decoding.protocols import NonAutoregressiveModel
from anyglot.inference.decoding.refine import CANVAS_ROWS, ROUNDS, Reading, refine
from anyglot.inference.generation.canvas_models import CtcCanvasModel, PromptedCanvasModel
from anyglot.inference.generation.staged_prompts import PromptedLanguageStepModel
from anyglot.inference.generation.step_models import EncoderDecoderStepModel
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.language import PromptedLanguageModel
from anyglot.models.parallel import ParallelEncoderDecoder
from anyglot.models.prompted import PromptedEncoder
from anyglot.text.language_groups import group_of
from anyglot.text.templates import Frame


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


@torch.no_grad()
def translate(
    model: nn.Module,
    tokenizer: Any,
    test: TestSentences,
    beams: int,
    device: torch.device,
    batch_tokens: int = 4096,
) -> list[str]:
    """Translate a few sentences with a plain search; for judging, not for use (see `anyglot.inference.translation`)."""
    sources = [[*test.frame.front, *ids, *test.frame.behind] for ids in tokenizer.encode(list(test.sources))]
    if isinstance(model, PromptedEncoder | ParallelEncoderDecoder):
        outputs = _written_at_once(model, tokenizer, sources, test, device, batch_tokens)
    else:
        assert isinstance(model, EncoderDecoder | PromptedLanguageModel)
        outputs = _written_in_steps(model, tokenizer, sources, test, beams, device, batch_tokens)
    translations: list[str] = tokenizer.decode(outputs)
    return translations


def _written_in_steps(
    model: EncoderDecoder | PromptedLanguageModel,
    tokenizer: Any,
    sources: Sequence[list[int]],
    test: TestSentences,
    beams: int,
    device: torch.device,
    batch_tokens: int,
) -> list[list[int]]:
    stepper = _stepper(model, test, device)
    end, frame = model.config.end_id, test.frame
    prompt = stepper.prompt(
        SearchConstraints(frame.start, end, never=tuple({tokenizer.pad_id, tokenizer.begin_id} - {end}))
    )
    positions = model.config.target_embeddings
    held = positions.position_rows - positions.position_offset if positions.positions == "learned" else 1000
    room = max(1, min(200, held - len(frame.start)))
    outputs: list[list[int]] = [[] for _ in sources]
    for rows in plan_batches([len(source) for source in sources], batch_tokens):
        source, mask = pad_batch([sources[row] for row in rows], tokenizer.pad_id, device)
        length = LengthRule(maximum=room, per_source=2.0, extra=10)
        for row, found in zip(
            rows, beam_search(stepper, source, mask, prompt, beams=beams, length=length), strict=True
        ):
            outputs[row] = list(stepper.hypotheses(found[:1])[0].tokens)
    return outputs


def _stepper(
    model: EncoderDecoder | PromptedLanguageModel, test: TestSentences, device: torch.device
) -> EncoderDecoderStepModel | PromptedLanguageStepModel:
    """The model with what it has for the direction: projection, adapters, prompts."""
    if isinstance(model, PromptedLanguageModel):
        return PromptedLanguageStepModel(model, _part(model.config.groups, test, device))
    row = model.config.target_row(test.target)
    language = torch.tensor([row], device=device) if model.target_projection is not None else None
    adapters = model.config.adapters
    group = None if adapters is None else _part(adapters.groups, test, device)
    return EncoderDecoderStepModel(model, language, group)


def _part(groups: Sequence[str], test: TestSentences, device: torch.device) -> Tensor | None:
    """The direction's place among groups, (1,)."""
    part = group_of(groups, test.source, test.target)
    return None if part is None else torch.tensor([part], device=device)


def _written_at_once(
    model: PromptedEncoder | ParallelEncoderDecoder,
    tokenizer: Any,
    sources: Sequence[list[int]],
    test: TestSentences,
    device: torch.device,
    batch_tokens: int,
) -> list[list[int]]:
    """The best path of each canvas, or mask-predict's text, as `anyglot translate` has it unless told otherwise."""
    canvas = model.config.canvas
    decoding: NonAutoregressiveModel
    if isinstance(model, PromptedEncoder):
        decoding = PromptedCanvasModel(model, _part(model.config.groups, test, device))
    else:
        projection = torch.tensor([model.config.target_row(test.target)], device=device)
        decoding = CtcCanvasModel(model, projection if model.target_projection is not None else None)
    frame = (canvas.begin_id, canvas.end_id)
    reading = Reading(frame, never=(tokenizer.pad_id, canvas.mask_id))
    outputs: list[list[int]] = [[] for _ in sources]
    sizes = [len(source) for source in sources]

    predicted = model.config.longest * model.config.upsampling if isinstance(model, PromptedEncoder) else 0

    def room(length: int) -> int:
        return min(batch_tokens // length, CANVAS_ROWS // max(predicted, length * canvas.factor))

    for rows in plan_alike(sizes, [None] * len(sizes), room):
        source, mask = pad_batch([sources[row] for row in rows], tokenizer.pad_id, device)
        if isinstance(decoding, PromptedCanvasModel) and predicted > 0:
            refined = mask_predict(decoding, source, mask, rounds=int(decoding.refines), reading=reading)
        else:
            refined = refine(decoding, source, mask, rounds=ROUNDS if decoding.refines else 0, reading=reading)
        for row, found in zip(rows, refined, strict=True):
            outputs[row] = list(found.hypotheses[0].tokens)
    return outputs

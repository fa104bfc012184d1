"""Rounds of denoising: equal to the loop written out, nothing computed for what has ended, the same in any batch."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Any

import pytest
import torch

from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.refine import Reading, Refined, refine
from anyglot.inference.generation.canvas_models import PromptedCanvasModel
from anyglot.models.precision import Precision, multiplies_int8
from anyglot.models.prompted import PromptedEncoder
from anyglot.nn import quantized
from anyglot.nn.vocabulary_subset import VocabularySubset
from support.prompted_models import (
    BEGIN,
    BLANK,
    CPU,
    END,
    FRAME,
    MASK,
    PAD,
    VOCABULARY,
    prompted_model,
    ready,
    refined,
    sources,
)

needs_int8 = pytest.mark.skipif(not multiplies_int8(CPU), reason="this processor has no int8 products")
PRECISIONS = ["fp32", "bf16", pytest.param("int8", marks=needs_int8)]


@pytest.fixture(scope="module")
def model() -> PromptedEncoder:
    return prompted_model()


def written_out(model: PromptedEncoder, source: list[int], rounds: int) -> list[tuple[list[int], list[int], float]]:
    """The loop of section 4.4 for one sentence, without any of the decoder's parts: path, labels and score a round."""
    tokens = torch.tensor([source])
    memory = model.read(tokens, torch.ones_like(tokens, dtype=torch.bool))
    canvas, mask = model.canvas(memory)
    logits = model.output(model.align(canvas, mask, memory))
    found: list[tuple[list[int], list[int], float]] = []
    while True:
        scores = logits.log_softmax(dim=1)
        path = scores.argmax(dim=1).tolist()
        labels = [token for token, _ in groupby(path) if token != BLANK and token not in FRAME]
        found.append((path, labels, float(scores.amax(dim=1).double().sum())))
        if len(found) > rounds or (len(found) > 1 and path == found[-2][0]):
            return found
        two = scores.topk(2, dim=1).indices
        draft = torch.where(two[:, 0] == BLANK, two[:, 1], two[:, 0])[None]
        logits = model.output(model.denoise(draft, mask, memory))


@pytest.mark.parametrize("rounds", [0, 1, 4])
@torch.no_grad()
def test_rounds_are_those_of_the_loop_written_out(model: PromptedEncoder, rounds: int) -> None:
    texts = sources(30)
    found = refined(model, texts, rounds)
    for source, one in zip(texts, found, strict=True):
        expected = written_out(model, source, rounds)
        assert [round.path for round in one.rounds] == [path for path, _, _ in expected]
        assert [round.labels.tokens for round in one.rounds] == [labels for _, labels, _ in expected]
        assert one.hypotheses == [one.rounds[-1].labels]
        assert one.hypotheses[0].log_probability == pytest.approx(expected[-1][2], abs=1e-3)
        assert one.hypotheses[0].score == pytest.approx(expected[-1][2] / (len(expected[-1][1]) + 1), abs=1e-3)


def test_the_toy_is_worth_decoding(model: PromptedEncoder) -> None:
    """It writes every sentence otherwise, changes its mind, comes to rest at different times, and leaves blanks."""
    found = refined(model, sources(30), rounds=6)
    assert len({tuple(one.hypotheses[0].tokens) for one in found}) > 25
    assert sum(one.rounds[0].path != one.rounds[-1].path for one in found) > 15
    assert len({len(one.rounds) for one in found}) > 2
    assert (
        0.05
        < sum(one.rounds[0].path.count(BLANK) for one in found) / sum(len(one.rounds[0].path) for one in found)
        < 0.8
    )


class Watched(PromptedCanvasModel):
    """Notes how many positions each pass writes."""

    def __init__(self, model: PromptedEncoder) -> None:
        super().__init__(model)
        self.passes: list[int] = []

    def denoise(self, tokens: torch.Tensor, mask: torch.Tensor, state: Any) -> Logits:
        self.passes.append(len(tokens))
        return super().denoise(tokens, mask, state)


def test_a_sentence_that_no_longer_changes_costs_nothing_more(model: PromptedEncoder) -> None:
    watched = Watched(model)
    texts = sources(30, length=7)
    source = torch.tensor(texts)
    found = refine(watched, source, source > -1, rounds=6, reading=Reading(FRAME))
    taken = [len(one.rounds) - 1 for one in found]
    assert watched.passes == [sum(rounds >= number for rounds in taken) for number in range(1, max(taken) + 1)]
    assert watched.passes[-1] < watched.passes[0] == 30
    for one in found:
        paths = [round.path for round in one.rounds]
        assert all(before != after for before, after in pairwise(paths[:-1]))
        assert len(paths) == 7 or paths[-1] == paths[-2]


def as_texts(found: list[Refined]) -> list[tuple[object, ...]]:
    return [(one.hypotheses, [(round.path, round.labels) for round in one.rounds]) for one in found]


def moved(model: PromptedEncoder, beams: int, sizes: tuple[int, ...]) -> int:
    """Sentences whose rounds or scores are others in some batch than alone; the sources are of one length."""
    total = 0
    for length in (1, 5, 18):
        texts = sources(12, length)
        reading = Reading(FRAME, beams=beams, n_best=beams)
        alone = as_texts(refined(model, texts, 4, reading, size=1))
        others = [as_texts(refined(model, texts, 4, reading, size=size)) for size in sizes]
        others.append(as_texts(refined(model, texts[::-1], 4, reading, size=5))[::-1])
        total += sum(any(other[row] != alone[row] for other in others) for row in range(12))
    return total


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_neighbours_change_nothing(model: PromptedEncoder, precision: Precision, beams: int) -> None:
    assert moved(ready(model, precision), beams, (3, 12)) == 0


def test_without_care_neighbours_change_scores_in_fp32(model: PromptedEncoder) -> None:
    assert moved(ready(model, batch_independent=False), 1, (3, 12)) > 0


@needs_int8
def test_one_scale_a_batch_would_change_int8(model: PromptedEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scale = x.abs().amax().clamp(min=1e-20) / quantized.LARGEST
        return (x / scale).round().to(torch.int8), scale.expand(len(x), 1)

    prepared = ready(model, "int8")
    monkeypatch.setattr(quantized, "quantise_rows", whole)
    assert moved(prepared, 1, (3, 12)) > 0


@pytest.mark.parametrize("precision", PRECISIONS)
@torch.no_grad()
def test_a_prepared_model_computes_what_it_did(model: PromptedEncoder, precision: Precision) -> None:
    source = torch.tensor(sources(6, length=9))
    expected = model.output(model(source, source > -1))
    prepared = ready(model, precision)
    found = prepared.output(prepared(source, source > -1)).float()
    tolerance = {"fp32": 2e-4, "bf16": 0.25, "int8": 0.25}[precision]
    assert float((found - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt()) < tolerance


@pytest.mark.parametrize("precision", PRECISIONS)
def test_sets_of_prompts_at_rest_are_those_that_were_chosen(precision: Precision) -> None:
    """Of three sets, a row's own is used, whether each row names one or one is named for all."""
    prepared = ready(prompted_model(sets=3), precision)
    source = torch.tensor(sources(6, length=5))
    chosen = torch.tensor([2, 0, 1, 1, 2, 0])
    mixed = refine(PromptedCanvasModel(prepared, chosen), source, source > -1, rounds=3)
    for number in range(3):
        rows = chosen == number
        part = source[rows]
        alone = refine(PromptedCanvasModel(prepared, torch.tensor([number])), part, part > -1, rounds=3)
        assert as_texts(alone) == as_texts([one for one, row in zip(mixed, rows.tolist(), strict=True) if row])
    assert len({tuple(one.hypotheses[0].tokens) for one in mixed}) == 6


def test_the_frame_is_taken_off_and_what_is_no_text_is_never_written(model: PromptedEncoder) -> None:
    loud = prompted_model()
    with torch.no_grad():
        loud.output.bias[[BEGIN, PAD, END, MASK, 50]] = 18.0
    texts = sources(12)
    assert any({PAD, MASK, 50} & {*round.path} for one in refined(loud, texts, 2) for round in one.rounds), (
        "the bias is too small to tempt"
    )
    for one in refined(loud, texts, 2, Reading(FRAME, never=(PAD, MASK, 50))):
        assert not {PAD, MASK, 50} & {token for round in one.rounds for token in round.path}
        assert not {BEGIN, END} & {*one.hypotheses[0].tokens}
    assert any({BEGIN, END} & {*one.rounds[-1].path} for one in refined(loud, texts, 2))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_restricted_output_writes_as_if_all_else_were_forbidden(model: PromptedEncoder, precision: Precision) -> None:
    kept = torch.tensor(sorted({BEGIN, END, BLANK, *range(20, 120)}))
    others = tuple(sorted({*range(VOCABULARY)} - {*kept.tolist()}))
    whole = ready(model, precision)
    expected = refined(whole, sources(12), 3, Reading(FRAME, never=others))
    whole.output.restrict(VocabularySubset(kept, VOCABULARY))
    found = refined(whole, sources(12), 3, Reading(FRAME, never=(PAD, MASK)))
    assert [[round.path for round in one.rounds] for one in found] == [
        [round.path for round in one.rounds] for one in expected
    ]


def test_a_prefix_beam_finds_at_least_what_the_best_path_spells(model: PromptedEncoder) -> None:
    texts = sources(20)
    paths = refined(model, texts, 2)
    beams = refined(model, texts, 2, Reading(FRAME, beams=6, n_best=4))
    for path, beam in zip(paths, beams, strict=True):
        assert [round.path for round in path.rounds] == [round.path for round in beam.rounds]
        assert [one.score for one in beam.hypotheses] == sorted((one.score for one in beam.hypotheses), reverse=True)
        assert len({tuple(one.tokens) for one in beam.hypotheses}) == len(beam.hypotheses) <= 4
        same = [one for one in beam.hypotheses if one.tokens == path.hypotheses[0].tokens]
        assert all(one.log_probability >= path.hypotheses[0].log_probability - 1e-6 for one in same)
    assert any(beam.hypotheses[0].tokens != path.hypotheses[0].tokens for path, beam in zip(paths, beams, strict=True))


def test_rounds_without_a_denoiser_are_refused() -> None:
    alone = prompted_model(denoise=False)
    with pytest.raises(ValueError, match="2 rounds cannot be had from a model without a denoiser"):
        refined(alone, sources(2), rounds=2)
    with pytest.raises(ValueError, match="-1 rounds"):
        refined(alone, sources(2), rounds=-1)
    assert len(refined(alone, sources(2), rounds=0)[0].rounds) == 1
    assert refined(alone, [], rounds=0) == []

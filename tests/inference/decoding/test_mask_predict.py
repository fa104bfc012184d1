"""Mask-predict: equal to the procedure in plain Python, its counts by the formula, the same in any batch."""

from __future__ import annotations

import math
from itertools import groupby, pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from anyglot.inference.decoding import pad_batch
from anyglot.inference.decoding.logits import Logits
from anyglot.inference.decoding.mask_predict import MaskPredictRule, Remasking, likeliest_lengths, lowest, mask_predict
from anyglot.inference.decoding.refine import Reading, Refined
from anyglot.inference.generation.canvas_models import PromptedCanvasModel
from anyglot.models.precision import Precision, multiplies_int8
from anyglot.models.prompted import PromptedEncoder
from anyglot.nn.block import Block
from anyglot.nn.vocabulary_subset import VocabularySubset
from support.prompted_models import BEGIN, BLANK, CPU, END, FRAME, MASK, PAD, VOCABULARY, prompted_model, ready, sources

CLASSES = 22
LONGEST = CLASSES - 2
RULES: list[Remasking] = ["paper", "standard"]
needs_int8 = pytest.mark.skipif(not multiplies_int8(CPU), reason="this processor has no int8 products")


@pytest.fixture(scope="module")
def model() -> PromptedEncoder:
    """Its lengths depend on the source, as the head looks at nothing but what sources differ in."""
    model = prompted_model(length_classes=CLASSES)
    source, mask = pad_batch(sources(50), PAD, "cpu")
    with torch.no_grad():
        assert model.length is not None
        model.length.weight.normal_(0, 2.0, generator=torch.Generator().manual_seed(2))
        model.length.bias.copy_(-model.length.weight @ model.read(source, mask).first.mean(dim=0))
        for block in model.encoder.stack.blocks:  # what is written depends on what else stands there
            assert isinstance(block, Block)
            block.self_attention.inner.key.weight.mul_(10.0)
            block.self_attention.inner.value.weight.mul_(10.0)
    return model


class Watched(PromptedCanvasModel):
    """Notes the canvases it writes on, and where."""

    def __init__(self, model: PromptedEncoder) -> None:
        super().__init__(model)
        self.canvases: list[Tensor] = []
        self.written: list[Tensor] = []

    def align(self, tokens: Tensor, mask: Tensor, state: Any, at: Tensor | None = None) -> Logits:
        assert at is not None
        self.canvases.append(tokens.clone())
        self.written.append(at.clone())
        return super().align(tokens, mask, state, at)


def found(
    model: PromptedEncoder | PromptedCanvasModel,
    texts: list[list[int]],
    rule: MaskPredictRule,
    rounds: int = 0,
    reading: Reading | None = None,
    size: int = 1000,
) -> list[Refined]:
    decoded = model if isinstance(model, PromptedCanvasModel) else PromptedCanvasModel(model)
    results: list[Refined] = []
    for start in range(0, len(texts), size):
        source, mask = pad_batch(texts[start : start + size], PAD, "cpu")
        chosen = reading or Reading(FRAME)
        results += mask_predict(decoded, source, mask, rule=rule, rounds=rounds, reading=chosen)
    return results


def tokens_of(results: list[Refined]) -> list[list[int]]:
    return [list(one.hypotheses[0].tokens) for one in results]


def written_out(
    model: PromptedEncoder, source: list[int], rule: MaskPredictRule, rounds: int
) -> tuple[list[int], float, int]:
    """The procedure for one sentence, a length and a token at a time: text, mean log-probability, length."""
    tokens = torch.tensor([source])
    memory = model.read(tokens, torch.ones_like(tokens, dtype=torch.bool))
    assert model.length is not None
    scores = model.length(memory.first)[0].tolist()
    lengths = sorted(range(3, LONGEST + 1), key=lambda length: (-scores[length], length))[: rule.length_beam]
    best: tuple[float, list[int], int] | None = None
    for length in lengths:
        canvas, logs = [BEGIN, *[MASK] * (length - 2), END], [0.0] * length
        masked = list(range(1, length - 1))
        for number in range(1, rule.iterations + 1):
            for place in masked:
                canvas[place] = MASK
            row = torch.tensor([canvas])
            everything = model.output(model.align(row, torch.ones_like(row, dtype=torch.bool), memory)).log_softmax(1)
            everything[:, [BEGIN, END]] = -math.inf
            for place in masked:
                canvas[place] = int(everything[place].argmax())
                logs[place] = float(everything[place].max())
            again = int((length - 2) * (rule.iterations - number) / rule.iterations)
            eligible = masked if rule.remasking == "paper" else list(range(1, length - 1))
            masked = sorted(sorted(eligible, key=lambda place: (logs[place], place))[:again])
            if not masked:
                break
        mean = sum(logs) / (length - 2)
        if best is None or mean > best[0]:
            best = (mean, canvas, length)
    assert best is not None
    mean, canvas, length = best
    text = canvas[1:-1]
    doubled = [token for token in canvas for _ in range(2)]
    for _ in range(rounds):
        row = torch.tensor([doubled])
        scored = model.output(model.denoise(row, torch.ones_like(row, dtype=torch.bool), memory))
        two = scored.topk(2, dim=1).indices.tolist()
        text = [token for token, _ in groupby(first for first, _ in two) if token not in (BLANK, BEGIN, END)]
        doubled = [second if first == BLANK else first for first, second in two]
    return text, mean, length


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize(("iterations", "rounds"), [(1, 0), (2, 1), (4, 0), (4, 2), (22, 1)])
@pytest.mark.parametrize("remasking", RULES)
@torch.no_grad()
def test_texts_are_those_of_the_procedure_written_out(
    model: PromptedEncoder, remasking: Remasking, iterations: int, rounds: int, beam: int
) -> None:
    rule = MaskPredictRule(iterations, remasking, beam)
    texts = sources(4)
    for source, one in zip(texts, found(model, texts, rule, rounds), strict=True):
        text, mean, length = written_out(model, source, rule, rounds)
        assert list(one.hypotheses[0].tokens) == text
        assert one.hypotheses[0].score == pytest.approx(mean, abs=1e-4)
        assert len(one.rounds[0].path) == length - 2


def test_the_toy_is_worth_decoding(model: PromptedEncoder) -> None:
    """Lengths differ, passes change the text, the rules part, and more lengths find other texts."""
    texts = sources(30)
    once, paper, standard, wide = (
        tokens_of(found(model, texts, MaskPredictRule(iterations, remasking, beam)))
        for iterations, remasking, beam in ((1, "paper", 1), (4, "paper", 1), (4, "standard", 1), (4, "paper", 3))
    )
    assert len({len(text) for text in once}) > 4
    assert len({tuple(text) for text in once}) > 15
    for first, second in ((once, paper), (paper, standard), (paper, wide)):
        assert sum(a != b for a, b in zip(first, second, strict=True)) > 2


def canvases(watched: Watched) -> list[list[tuple[Tensor, Tensor]]]:
    """The passes over each group of canvases: what stood there, and where was written."""
    groups: list[list[tuple[Tensor, Tensor]]] = []
    for canvas, written in zip(watched.canvases, watched.written, strict=True):
        if bool(written[:, 1:-1].all()):
            groups.append([])
        groups[-1].append((canvas, written))
    return groups


@pytest.mark.parametrize("iterations", [1, 2, 5, 22])
@pytest.mark.parametrize("remasking", RULES)
def test_each_pass_writes_as_many_tokens_as_the_formula_says(
    model: PromptedEncoder, remasking: Remasking, iterations: int
) -> None:
    watched = Watched(model)
    found(watched, sources(20), MaskPredictRule(iterations, remasking))
    assert len(canvases(watched)) > 3
    for passes in canvases(watched):
        words = passes[0][0].shape[1] - 2
        expected = [int(words * (1 - i / iterations) + 1e-9) for i in range(iterations)]
        expected = [count for count in expected if count]
        assert [written.sum(dim=1).unique().tolist() for _, written in passes] == [[count] for count in expected]
        for canvas, written in passes:
            assert bool((canvas[written] == MASK).all())
            assert not bool((canvas[~written] == MASK).any())


def test_by_the_paper_s_rule_what_was_kept_is_kept(model: PromptedEncoder) -> None:
    watched = Watched(model)
    found(watched, sources(20), MaskPredictRule(6, "paper"))
    steps = [step for passes in canvases(watched) for step in pairwise(passes)]
    assert len(steps) > 10
    for (first, before), (second, after) in steps:
        assert not bool((after & ~before).any())
        assert torch.equal(first[~before], second[~before])


def test_by_the_standard_rule_any_token_may_be_written_again(model: PromptedEncoder) -> None:
    watched = Watched(model)
    found(watched, sources(20), MaskPredictRule(6, "standard"))
    steps = [step for passes in canvases(watched) for step in pairwise(passes)]
    assert any(bool((after & ~before).any()) for (_, before), (_, after) in steps)


def test_lowest_takes_the_first_of_equals_and_the_eligible_only() -> None:
    scores = torch.tensor([[-1.0, -2.0, -2.0, -3.0], [-1.0, -2.0, -2.0, -3.0]])
    eligible = torch.tensor([[True, True, True, False], [True, True, True, True]])
    assert lowest(scores, eligible, 1).tolist() == [[False, True, False, False], [False, False, False, True]]
    assert lowest(scores, eligible, 9).tolist() == eligible.tolist()


@torch.no_grad()
def test_one_length_is_the_likeliest(model: PromptedEncoder) -> None:
    texts = sources(20, length=6)
    source = torch.tensor(texts)
    scores = PromptedCanvasModel(model).length_scores(model.read(source, source > -1))
    assert scores.exp().sum(dim=1).tolist() == pytest.approx([1.0] * 20, abs=1e-5)
    possible = scores[:, 3 : LONGEST + 1]
    assert likeliest_lengths(scores, LONGEST, 1)[:, 0].tolist() == (possible.argmax(dim=1) + 3).tolist()
    watched = Watched(model)
    found(watched, texts, MaskPredictRule(2))
    tried = [passes[0][0].shape for passes in canvases(watched)]
    assert sorted(length for rows, length in tried for _ in range(rows)) == sorted(
        (possible.argmax(dim=1) + 3).tolist()
    )


def test_lengths_without_room_for_a_token_or_beyond_the_canvas_are_never_tried() -> None:
    scores = torch.full((1, CLASSES), -5.0)
    scores[0, [0, 1, 2, LONGEST + 1]] = 0.0
    assert sorted(likeliest_lengths(scores, LONGEST, 100)[0].tolist()) == list(range(3, LONGEST + 1))


def test_the_wanted_texts_are_those_of_the_best_lengths(model: PromptedEncoder) -> None:
    texts = sources(10)
    one = found(model, texts, MaskPredictRule(3, length_beam=4))
    several = found(model, texts, MaskPredictRule(3, length_beam=4), 1, Reading(FRAME, n_best=3))
    plain = found(model, texts, MaskPredictRule(3, length_beam=4), 0, Reading(FRAME, n_best=3))
    for best, denoised, filled in zip(one, several, plain, strict=True):
        assert best.hypotheses == filled.hypotheses[:1]
        assert len(filled.hypotheses) == len(denoised.hypotheses) == 3
        assert [each.score for each in filled.hypotheses] == [each.score for each in denoised.hypotheses]
        assert [each.score for each in filled.hypotheses] == sorted(each.score for each in filled.hypotheses)[::-1]


def moved(model: PromptedEncoder) -> int:
    """Sentences whose text, score or rounds are others in some batch than alone; sources of one length."""
    total = 0
    rule, reading = MaskPredictRule(4, length_beam=2), Reading(FRAME, n_best=2)
    for length in (17,):
        texts = sources(12, length)
        alone = found(model, texts, rule, 1, reading, size=1)
        others = [found(model, texts, rule, 1, reading, size=12)]
        others.append(found(model, texts[::-1], rule, 1, reading, size=5)[::-1])
        total += sum(any(other[row] != alone[row] for other in others) for row in range(12))
    return total


@pytest.mark.parametrize("precision", ["fp32", "bf16", pytest.param("int8", marks=needs_int8)])
def test_neighbours_change_nothing(model: PromptedEncoder, precision: Precision) -> None:
    assert moved(ready(model, precision)) == 0


def test_without_care_neighbours_change_scores_in_fp32(model: PromptedEncoder) -> None:
    assert moved(ready(model, batch_independent=False)) > 0


def test_without_iterations_the_denoiser_writes_alone(model: PromptedEncoder) -> None:
    watched = Watched(model)
    results = found(watched, sources(5), MaskPredictRule(0), rounds=1)
    assert not watched.written
    assert all(len(one.rounds) == 1 for one in results)
    with pytest.raises(ValueError, match="nothing is written"):
        found(model, sources(2), MaskPredictRule(0))


def test_what_is_no_text_is_never_written(model: PromptedEncoder) -> None:
    loud = prompted_model(length_classes=CLASSES)
    with torch.no_grad():
        loud.output.bias[[BEGIN, PAD, END, MASK, 50]] = 18.0
    rule = MaskPredictRule(3)
    tempted = {token for one in found(loud, sources(10), rule) for round in one.rounds for token in round.path}
    assert {PAD, MASK, 50} & tempted, "the bias is too small to tempt"
    for one in found(loud, sources(10), rule, 0, Reading(FRAME, never=(PAD, MASK, 50))):
        assert not {BEGIN, PAD, END, MASK, 50} & {token for round in one.rounds for token in round.path}


def test_a_restricted_output_writes_as_if_all_else_were_forbidden(model: PromptedEncoder) -> None:
    kept = torch.tensor(sorted({BEGIN, END, BLANK, *range(20, 120)}))
    others = tuple(sorted({*range(VOCABULARY)} - {*kept.tolist()}))
    whole, rule = ready(model), MaskPredictRule(1)
    expected = found(whole, sources(12), rule, 2, Reading(FRAME, never=others))
    whole.output.restrict(VocabularySubset(kept, VOCABULARY))
    assert tokens_of(found(whole, sources(12), rule, 2)) == tokens_of(expected)


def test_what_cannot_be_had_is_refused(model: PromptedEncoder) -> None:
    with pytest.raises(ValueError, match="without a denoiser"):
        found(prompted_model(denoise=False, length_classes=CLASSES), sources(1), MaskPredictRule(2), rounds=1)
    with pytest.raises(ValueError, match="does not predict lengths"):
        found(prompted_model(), sources(1), MaskPredictRule(2))
    with pytest.raises(ValueError, match="0 or more iterations"):
        MaskPredictRule(-1)
    with pytest.raises(ValueError, match="no re-masking"):
        MaskPredictRule(2, "other")  # type: ignore[arg-type]
    assert mask_predict(PromptedCanvasModel(model), torch.zeros(0, 3).long(), torch.zeros(0, 3).bool()) == []

"""SGA for free generation (method card 3.5): targets, masks, and the three losses against their plain forms."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from anyglot.errors import UserError
from anyglot.models.config import CanvasConfig
from anyglot.models.prompted import PromptedEncoder
from anyglot.training.loop.freezing import enter_stage
from anyglot.training.methods.canvas import ctc_labels
from anyglot.training.methods.sga import SgaGeneration, SgaGenerationOptions
from anyglot.training.methods.sga.generation import FramedTargets
from support.tiny_sga import BLANK, MASK, Pieces, pairs, write_encoder

LENGTHS = ((6, 4), (3, 2), (5, 9), (2, 1))
LONGEST = 8
CANVAS = CanvasConfig(mask_id=MASK, blank_id=BLANK)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_encoder(tmp_path_factory.mktemp("start"))


def generation(start: str, **options: Any) -> tuple[SgaGeneration, PromptedEncoder]:
    plain = {"start": start, "prompt_length": 5, "longest": LONGEST, **options}
    method = SgaGeneration(SgaGenerationOptions.model_validate(plain))
    return method, method.build(Pieces(), seed=5)


def test_the_length_head_has_two_classes_more_than_positions(start: str) -> None:
    _, model = generation(start)
    assert model.length is not None
    assert model.length.weight.shape == (LONGEST + 2, model.config.encoder.stack.width)
    assert model.config.longest == LONGEST
    assert SgaGenerationOptions(start=start).longest == 48


def test_targets_are_framed_and_long_ones_cut_before_their_end() -> None:
    batch = pairs(LENGTHS)
    targets = FramedTargets.of(batch, CANVAS, LONGEST)
    assert targets.mask.sum(dim=1).tolist() == [6, 4, LONGEST, 3]
    assert targets.cut.tolist() == [False, False, True, False]
    for row, (_, words) in enumerate(LENGTHS):
        kept = min(words, LONGEST - 2)
        text = targets.tokens[row, targets.mask[row]].tolist()
        assert text == [0, *batch.target_output[row, :kept].tolist(), 2]
        assert targets.inner()[row].nonzero()[:, 0].tolist() == list(range(1, kept + 1))


def test_masks_hide_a_share_of_each_target_and_never_its_frame(start: str) -> None:
    method, _ = generation(start)
    inner = torch.zeros(400, 42, dtype=torch.bool)
    inner[:, 1:41] = True
    torch.manual_seed(1)
    masked = method._masked(inner, training=True)
    assert not bool((masked & ~inner).any())
    shares = masked.sum(dim=1) / 40
    # Of U(0, 1) what lies below 0.2 counts as 0.2: the mean is 0.2 * 0.2 + 0.8 * 0.6.
    assert float(shares.mean()) == pytest.approx(0.52, abs=0.04)
    assert 0.1 < float((shares < 0.3).float().mean()) < 0.45
    assert float(shares.max()) > 0.95
    assert torch.equal(method._masked(inner, training=False), inner)


def test_each_target_has_a_mask_at_least(start: str) -> None:
    method, _ = generation(start, least_masked=0.0)
    torch.manual_seed(1)
    single = torch.zeros(300, 3, dtype=torch.bool)
    single[:, 1] = True
    assert torch.equal(method._masked(single, training=True), single)


@torch.no_grad()
def test_the_losses_are_those_of_whole_logits(start: str) -> None:
    """In validation: all masked, no noise. Batches of one set of prompts, each part by torch's own function."""
    method, model = generation(start)
    model.eval()
    batch = pairs(LENGTHS)
    losses = method.losses(model, batch)
    targets = FramedTargets.of(batch, model.config.canvas, LONGEST)
    memory = model.read(batch.source, batch.source_mask)
    inner = targets.inner()
    logits = model.output(model.align(targets.tokens.masked_fill(inner, MASK), targets.mask, memory))
    asked, gold = logits[inner[targets.mask]], targets.tokens[inner]
    align = functional.cross_entropy(asked, gold, reduction="sum")
    # THUMT's smoothing: the mass goes to the others alone.
    logs = asked.log_softmax(dim=1)
    gold_logs = logs.gather(1, gold[:, None])[:, 0]
    share = 0.1 / (logs.shape[1] - 1)
    smoothed = -(0.9 * gold_logs + share * (logs.sum(dim=1) - gold_logs)).sum()
    assert model.length is not None
    length = functional.cross_entropy(model.length(memory.first), targets.mask.sum(dim=1), reduction="sum")
    written = targets.tokens.clone()
    written[inner] = asked.argmax(dim=1)
    doubled, wide = written.repeat_interleave(2, dim=1), targets.mask.repeat_interleave(2, dim=1)
    states = torch.zeros(*wide.shape, logs.shape[1])
    states[wide] = model.output(model.denoise(doubled, wide, memory)).log_softmax(dim=1)
    labels, counts = ctc_labels(targets.tokens[:, 1:], targets.mask[:, 1:], model.config.canvas)
    denoise = functional.ctc_loss(states.transpose(0, 1), labels, wide.sum(dim=1), counts, blank=BLANK, reduction="sum")
    tokens = batch.target_tokens
    expected = tokens * (smoothed / len(gold) + length / len(LENGTHS)) + denoise
    assert float(losses.total) == pytest.approx(float(expected), rel=1e-4)
    assert losses.tokens == tokens
    for name, value, count in (("align", align, len(gold)), ("length", length, 4), ("cut", 1.0, 4)):
        assert float(losses.parts[name]) == pytest.approx(float(value), rel=1e-4)
        assert int(losses.counts[name]) == count
    assert float(losses.parts["nll"]) == pytest.approx(float(denoise), rel=1e-4)


def test_without_a_denoiser_the_alignment_is_what_validation_judges(start: str) -> None:
    method, model = generation(start, denoise=False)
    losses = method.losses(model.eval(), pairs(LENGTHS))
    assert "denoise" not in losses.parts
    per_word = float(losses.parts["align"]) / int(losses.counts["align"])
    assert float(losses.parts["nll"]) / losses.tokens == pytest.approx(per_word, rel=1e-5)


def test_only_prompts_projections_and_length_head_move(start: str) -> None:
    method, model = generation(start)
    [stage] = method.stages()
    enter_stage(model, stage)
    torch.manual_seed(1)
    method.losses(model, pairs(LENGTHS)).total.backward()
    moving = {name for name, value in model.named_parameters() if value.grad is not None}
    assert moving == {name for name, value in model.named_parameters() if value.requires_grad}
    assert {name.split(".")[0] for name in moving} == {"prompts", "source_key", "source_value", "length"}
    assert all(
        bool(value.grad.abs().sum() > 0)
        for name, value in model.named_parameters()
        if "length" in name and value.grad is not None
    )


def test_the_denoiser_s_loss_does_not_reach_the_alignment_s_prompt(start: str) -> None:
    method, model = generation(start)
    batch = pairs(LENGTHS)
    targets = FramedTargets.of(batch, model.config.canvas, LONGEST)
    memory = model.read(batch.source, batch.source_mask)
    hidden = model.align(targets.tokens, targets.mask, memory)
    method._denoised(model, hidden, targets, memory).total.backward()
    assert model.prompts["align"].keys.grad is None
    assert model.prompts["encode"].keys.grad is not None


def test_a_canvas_longer_than_the_encoder_s_positions_is_refused(start: str) -> None:
    with pytest.raises(UserError, match="want a canvas of 96 positions"):
        generation(start, longest=48)
    generation(start, longest=32, denoise=False)


def test_a_few_steps_lower_the_loss(start: str) -> None:
    """Nothing is cut off from what trains."""
    method, model = generation(start)
    [stage] = method.stages()
    enter_stage(model, stage)
    batch = pairs(LENGTHS)
    optimiser = torch.optim.Adam([value for value in model.parameters() if value.requires_grad], lr=0.03)
    before = float(method.losses(model.eval(), batch).total)
    torch.manual_seed(1)
    for _ in range(8):
        optimiser.zero_grad()
        (method.losses(model.train(), batch).total / batch.target_tokens).backward()
        optimiser.step()
    assert float(method.losses(model.eval(), batch).total) < 0.9 * before

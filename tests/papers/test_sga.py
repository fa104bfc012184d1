"""SGA (sections 3 and 4; method card 3): one property for each of its equations and claims."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from anyglot.data.batch import TranslationBatch
from anyglot.errors import UserError
from anyglot.models.build import build_prompted_encoder
from anyglot.models.config import CanvasConfig, EmbeddingsConfig, EncoderConfig, PromptedEncoderConfig, StackConfig
from anyglot.models.empty import blank
from anyglot.models.prompted import PromptedEncoder, SourceMemory
from anyglot.training.loop.freezing import enter_stage
from support.tiny_sga import BLANK, LAYERS, MASK, Pieces, naive_write, pairs, sga, write_encoder


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_encoder(tmp_path_factory.mktemp("start"))


@pytest.fixture(scope="module")
def starts(start: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    other = write_encoder(tmp_path_factory.mktemp("norm-first"), norm_first=True)
    return {"post-norm": start, "pre-norm": other}


def sentence(batch: TranslationBatch, row: int) -> torch.Tensor:
    """The source of one row as the model reads it: no padding, no `</s>`."""
    return batch.source[row][batch.source_mask[row]][:-1]


def trained(layers: int, width: int, heads: int, *, denoise: bool = True) -> int:
    """How many values train over an encoder of XLM-R's vocabulary."""
    config = PromptedEncoderConfig(
        encoder=EncoderConfig(
            embeddings=EmbeddingsConfig(vocabulary_size=250_002, width=width, positions="learned", norm=True),
            stack=StackConfig(layers=layers, width=width, heads=heads, feedforward_width=4 * width, norm_first=False),
            language_head=True,
        ),
        canvas=CanvasConfig(mask_id=250_001, blank_id=6),
        denoise=denoise,
    )
    with blank():
        model = build_prompted_encoder(config)
    return sum(value.numel() for name, value in model.named_parameters() if not name.startswith("encoder."))


def test_the_paper_s_counts_of_trained_parameters() -> None:
    assert trained(12, 768, 12) == 8_259_075
    assert trained(24, 1024, 16) == 20_973_571
    assert round(trained(12, 768, 12, denoise=False) / 1e6, 1) == 5.9
    assert round(trained(24, 1024, 16, denoise=False) / 1e6, 1) == 14.7


@pytest.mark.parametrize("kind", ["post-norm", "pre-norm"])
@pytest.mark.parametrize("use", ["align", "denoise"])
def test_equations_1_to_6_equal_plain_attention(starts: dict[str, str], kind: str, use: str) -> None:
    _, model = sga(starts[kind])
    model.eval()
    with torch.no_grad():
        model.prompts["encode"].scale.fill_(1.7)
        model.prompts[use].scale.fill_(0.3)  # counts as 1
    batch = pairs()
    memory = model.read(batch.source, batch.source_mask)
    _, mask = model.canvas(memory)
    tokens = torch.randint(7, MASK, mask.shape)
    logits = model.output(getattr(model, use)(tokens, mask, memory)).split(mask.sum(dim=1).tolist())
    for row, found in enumerate(logits):
        expected = naive_write(model, sentence(batch, row), tokens[row][mask[row]], use)
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["post-norm", "pre-norm"])
def test_an_empty_prompt_and_no_source_give_the_encoder_back(starts: dict[str, str], kind: str) -> None:
    _, model = sga(starts[kind], prompt_length=0)
    model.eval()
    batch = pairs()
    memory = model.read(batch.source, batch.source_mask)
    nothing = SourceMemory(
        prefixes=tuple(
            dataclasses.replace(part, keys=part.keys[:, :, :0], values=part.values[:, :, :0], mask=part.mask[:, :0])
            for part in memory.prefixes
            if part.mask is not None
        ),
        first=memory.first,
        mask=memory.mask,
        chosen=None,
    )
    assert len(nothing.prefixes) == LAYERS
    hidden = model.align(batch.source, batch.source_mask, nothing)
    plain = model.encoder(batch.source, batch.source_mask).last
    expected = model.head.transform(plain[batch.source_mask])
    torch.testing.assert_close(hidden, expected, atol=1e-6, rtol=1e-5)


def test_reading_with_an_empty_prompt_is_encoding(start: str) -> None:
    _, model = sga(start, prompt_length=0, source_end=True)
    model.eval()
    batch = pairs()
    memory = model.read(batch.source, batch.source_mask)
    torch.testing.assert_close(memory.first, model.encoder(batch.source, batch.source_mask).last[:, 0])


def test_only_prompts_and_projections_move_and_the_encoder_gets_no_gradient_buffers(start: str) -> None:
    method, model = sga(start)
    before = {name: value.clone() for name, value in model.encoder.named_parameters()}
    enter_stage(model, method.stages()[0])
    optimizer = torch.optim.Adam([value for value in model.parameters() if value.requires_grad], lr=1e-2)
    losses = method.losses(model, pairs())
    losses.total.backward()
    assert all(value.grad is None for value in model.encoder.parameters())
    moving = {name for name, value in model.named_parameters() if value.grad is not None and bool(value.grad.any())}
    assert moving == {name for name, _ in model.named_parameters() if not name.startswith("encoder.")}
    optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in model.encoder.named_parameters())


def test_the_denoising_loss_reaches_the_encoding_unit_but_not_the_alignment(start: str) -> None:
    method, model = sga(start)
    enter_stage(model, method.stages()[0])
    losses = method.losses(model, pairs())
    (both,) = torch.autograd.grad(losses.total, [model.prompts["align"].keys])
    alone, alone_model = sga(start, denoise=False)
    alone_model.load_state_dict(model.state_dict(), strict=False)
    (align,) = torch.autograd.grad(alone.losses(alone_model, pairs()).total, [alone_model.prompts["align"].keys])
    torch.testing.assert_close(both, align, atol=1e-5, rtol=1e-4)
    shared = [model.prompts["encode"].keys, model.source_key.weight, model.source_value.weight]
    joint = torch.autograd.grad(method.losses(model, pairs()).total, shared)
    lone = torch.autograd.grad(
        alone.losses(alone_model, pairs()).total,
        [alone_model.prompts["encode"].keys, alone_model.source_key.weight, alone_model.source_value.weight],
    )
    assert all(float((one - other).abs().max()) > 1e-4 for one, other in zip(joint, lone, strict=True))


@pytest.mark.parametrize("frame", [True, False])
@torch.no_grad()
def test_equation_7_is_the_sum_of_two_ctc_losses(start: str, frame: bool) -> None:
    method, model = sga(start, frame=frame)
    model.eval()  # no noise, so the denoiser's input is known
    batch = pairs()
    losses = method.losses(model, batch)
    total = 0.0
    for row in range(3):
        source = sentence(batch, row)
        labels = batch.target_output[row][batch.target_mask[row]]
        labels = torch.cat([torch.tensor([0]), labels]) if frame else labels[:-1]
        aligned = naive_write(model, source, torch.full((2 * len(source),), MASK), "align")
        best = aligned.topk(2, dim=1).indices
        tokens = torch.where(best[:, 0] == BLANK, best[:, 1], best[:, 0])
        denoised = naive_write(model, source, tokens, "denoise")
        for logits in (aligned, denoised):
            total += float(
                functional.ctc_loss(
                    logits.log_softmax(dim=1)[:, None],
                    labels[None],
                    [len(logits)],
                    [len(labels)],
                    blank=BLANK,
                    reduction="sum",
                )
            )
    assert float(losses.total) == pytest.approx(total, rel=1e-4)
    assert losses.tokens == int(batch.target_mask.sum())


def test_a_canvas_is_twice_its_own_source_and_made_of_masks(start: str) -> None:
    _, model = sga(start)
    batch = pairs()
    tokens, mask = model.canvas(model.read(batch.source, batch.source_mask))
    assert mask.sum(dim=1).tolist() == [14, 8, 12]  # <s> and the words, twice
    assert (tokens[mask] == MASK).all() and (tokens[~mask] == 1).all()
    _, released = sga(start, canvas_of_batch=True)
    _, mask = released.canvas(released.read(batch.source, batch.source_mask))
    assert mask.sum(dim=1).tolist() == [14, 14, 14]


def written_alone_and_among_others(model: PromptedEncoder) -> tuple[torch.Tensor, torch.Tensor]:
    """What is written for the second sentence of a batch, by itself and beside longer ones."""
    batch = pairs()
    together = model(batch.source, batch.source_mask)[14 : 14 + 8]
    source = batch.source[1:2][:, batch.source_mask[1]]
    return model(source, torch.ones_like(source, dtype=torch.bool)), together


def test_source_padding_is_hidden(start: str) -> None:
    _, model = sga(start)
    alone, together = written_alone_and_among_others(model.train())
    torch.testing.assert_close(alone, together, atol=1e-6, rtol=1e-5)


def test_the_released_code_lets_padding_be_seen_in_training_only(start: str) -> None:
    _, model = sga(start, mask_source_padding=False)
    alone, together = written_alone_and_among_others(model.train())
    assert float((alone - together).abs().max()) > 1e-3
    alone, together = written_alone_and_among_others(model.eval())
    torch.testing.assert_close(alone, together, atol=1e-6, rtol=1e-5)


def test_the_end_of_the_source_is_not_read_unless_wanted(start: str) -> None:
    batch = pairs(((4, 3),))
    other = batch.source.clone()
    other[0, -1] = 9
    for wanted in (False, True):
        _, model = sga(start, source_end=wanted)
        one, two = (model(source, batch.source_mask) for source in (batch.source, other))
        assert torch.equal(one, two) is not wanted
        assert len(one) == (12 if wanted else 10)


def test_positions_are_those_the_encoder_was_trained_with_or_begin_at_row_0(start: str) -> None:
    _, model = sga(start)
    assert model.encoder.embeddings.positions is not None and model.encoder.embeddings.positions.offset == 2
    _, released = sga(start, positions="zero")
    assert released.encoder.embeddings.positions is not None and released.encoder.embeddings.positions.offset == 0
    assert released.config.encoder.embeddings.position_offset == 0  # so it is still when the model is loaded again
    batch = pairs()
    assert not torch.allclose(model(batch.source, batch.source_mask), released(batch.source, batch.source_mask))


@pytest.mark.parametrize("instead", ["second_best", "blank", "mask"])
def test_the_denoiser_reads_the_uncollapsed_best_with_something_else_for_blanks(start: str, instead: str) -> None:
    _, model = sga(start, blank_input=instead)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    tokens = model.next_input(torch.tensor([[8, 9], [8, 10], [BLANK, 11], [BLANK, 12]]), mask)
    for_blank = {"second_best": (11, 12), "blank": (BLANK, BLANK), "mask": (MASK, MASK)}[instead]
    assert tokens.tolist() == [[8, 8, for_blank[0]], [for_blank[1], 1, 1]]


def test_projections_may_begin_as_the_mean_of_the_encoder_s_own(start: str) -> None:
    _, model = sga(start, projections="encoder")
    attentions = [block.self_attention.inner for block in model.encoder.stack.blocks]
    mean = sum(attention.value.weight for attention in attentions) / LAYERS
    torch.testing.assert_close(model.source_value.weight, mean)
    assert not torch.equal(sga(start)[1].source_value.weight, mean)


def test_rows_use_the_prompts_of_their_group(start: str) -> None:
    _, model = sga(start, groups=["de-en", "en"])
    model.eval()
    batch = pairs()
    chosen = torch.tensor([1, 0, 1])
    mixed = model(batch.source, batch.source_mask, chosen).split([14, 8, 12])
    for group in (0, 1):
        alone = model(batch.source, batch.source_mask, torch.full((3,), group)).split([14, 8, 12])
        for row in range(3):
            assert torch.allclose(mixed[row], alone[row], atol=1e-5) is (int(chosen[row]) == group)


def test_groups_have_prompts_of_their_own_and_share_the_projections(start: str) -> None:
    _, one = sga(start)
    _, three = sga(start, groups=["de-en", "fr-en", "*"])
    sizes = [sum(value.numel() for value in model.prompts.parameters()) for model in (one, three)]
    assert sizes[1] == 3 * sizes[0]
    assert one.source_key.weight.shape == three.source_key.weight.shape


def test_a_target_longer_than_its_canvas_is_counted_and_gives_no_gradient(start: str) -> None:
    method, model = sga(start)
    enter_stage(model, method.stages()[0])
    fitting, with_long = pairs(((6, 4),)), pairs(((6, 4), (2, 9)))
    losses = method.losses(model, with_long)
    assert float(losses.parts["infeasible"]) == 1 and int(losses.counts["infeasible"]) == 2
    model.eval()
    alone, both = method.losses(model, fitting).total, method.losses(model, with_long).total
    assert torch.isfinite(both) and float(alone) > 0
    for _ in range(20):
        method.losses(model, pairs(((2, 9),)))  # validation stops no training
    model.train()
    for _ in range(15):
        method.losses(model, pairs(((2, 9),)))
    with pytest.raises(UserError, match=r"raise method\.canvas_factor"):
        method.losses(model, pairs(((2, 9),)))


def test_targets_that_hold_the_blank_within_are_told_of(start: str) -> None:
    method, model = sga(start)
    batch = pairs(((6, 6),) * 6)
    batch.target_output[:, 2] = BLANK
    with pytest.warns(UserWarning, match=r"14\.3% of the target tokens.*set method\.blank"):
        method.losses(model, batch)
    batch = pairs(((6, 6),) * 6)
    batch.target_output[:, 0] = BLANK  # in front of a sentence it is no loss
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method.losses(model, batch)


@torch.no_grad()
def test_unrolled_steps_judge_every_output_of_the_denoiser(start: str) -> None:
    once, model = sga(start)
    thrice, _ = sga(start, unrolled_steps=3)
    model.eval()
    batch = pairs()
    memory = model.read(batch.source, batch.source_mask)
    canvas, mask = model.canvas(memory)
    hidden, expected = model.align(canvas, mask, memory), []
    for _ in range(3):
        best = model.output(hidden).topk(2, dim=1).indices
        hidden = model.denoise(model.next_input(best, mask), mask, memory)
        expected.append(hidden)
    losses, single = thrice.losses(model, batch), once.losses(model, batch)
    assert float(losses.parts["align"]) == pytest.approx(float(single.parts["align"]))
    mean = float(losses.total - losses.parts["align"])
    outputs = [model.output(each).log_softmax(dim=1) for each in expected]
    judged = [
        sum(
            float(
                functional.ctc_loss(
                    part[:, None],
                    torch.cat([torch.tensor([0]), labels])[None],
                    [len(part)],
                    [len(labels) + 1],
                    blank=BLANK,
                    reduction="sum",
                )
            )
            for part, labels in zip(
                output.split(mask.sum(dim=1).tolist()),
                [row[kept] for row, kept in zip(batch.target_output, batch.target_mask, strict=True)],
                strict=True,
            )
        )
        for output in outputs
    ]
    assert mean == pytest.approx(sum(judged) / 3, rel=1e-4)


def test_an_encoder_without_a_head_cannot_write(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no language head"):
        sga(write_encoder(tmp_path, head=False))


def test_a_blank_that_is_no_piece_is_refused(start: str) -> None:
    with pytest.raises(UserError, match="no piece '§'"):
        sga(start, blank="§")


def test_a_tokenizer_without_a_mask_is_refused(start: str) -> None:
    method, _ = sga(start)
    with pytest.raises(UserError, match="no mask token"):
        method.build(Pieces(mask_id=None), seed=1)

"""SixT+, section 2, claim by claim, on a tiny random XLM-R-shaped encoder and a few real optimizer steps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from anyglot.data.sampling import temperature_weights
from anyglot.errors import UserError
from anyglot.models.build import build_encoder, dropped_skips
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.store import load_model, save_model
from anyglot.nn.embeddings import SinusoidalPositions, sinusoids
from anyglot.nn.feedforward import gelu, gelu_tanh
from anyglot.nn.residual import Residual
from anyglot.training.loop.freezing import enter_stage, set_modes
from anyglot.training.loop.optim import build_schedule
from anyglot.training.methods.baselines import FinetuneAll, FinetuneAllOptions
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import recipe_identity
from anyglot.training.recipe.static_configs import StubTokenizer
from support.tiny_sixt import DECODER, LAYERS, WIDTH, WORDS, batch, moved, optimise, sixt, values

# Section 2.1


def test_equation_1_sampling() -> None:
    sizes = [1_000_000, 50_000, 800]
    share = np.array(sizes) / sum(sizes)
    expected = share**0.2 / (share**0.2).sum()
    assert np.allclose(temperature_weights(sizes, 5.0), expected)


# Section 2.2, architecture


def test_encoder_input_decoder_input_and_output_are_one_matrix(start: str) -> None:
    _, model = sixt(start)
    tables = {id(model.encoder.embeddings.tokens.weight), id(model.decoder.embeddings.tokens.weight)}
    assert tables == {id(model.output.weight)}
    assert model.output.bias is None
    assert model.encoder.head is None


def test_decoder_is_prenorm_sinusoidal_and_scaled(start: str) -> None:
    _, model = sixt(start)
    assert model.decoder.embeddings.scale == math.sqrt(WIDTH)
    assert model.decoder.embeddings.norm is None
    assert isinstance(model.decoder.embeddings.positions, SinusoidalPositions)
    assert torch.equal(model.decoder.embeddings.positions(0, 1)[0], sinusoids(3, WIDTH)[2])
    assert model.decoder.stack.final_norm is not None
    assert model.encoder.stack.final_norm is None
    norms_first = [part.norm_first for part in model.decoder.modules() if isinstance(part, Residual)]
    assert norms_first == [True] * (3 * DECODER["layers"])
    assert {block.feedforward.inner.activation for block in model.decoder.stack.blocks} == {gelu_tanh}
    assert {block.feedforward.inner.activation for block in model.encoder.stack.blocks} == {gelu}


@pytest.mark.parametrize(("scale", "factor"), [("none", 1.0), (5, 5.0), (0.25, 0.25)])
def test_another_scale_of_what_the_decoder_reads(start: str, tmp_path: Path, scale: str | float, factor: float) -> None:
    """The table stays one; its rows are read times the factor, and so they are by the model once saved and opened."""
    decoder = {**DECODER, "scale": scale}
    _, model = sixt(start, decoder=decoder)
    assert model.decoder.embeddings.scale == factor and model.encoder.embeddings.scale == 1.0
    assert model.decoder.embeddings.tokens.weight is model.encoder.embeddings.tokens.weight is model.output.weight
    tokens = torch.tensor([[5, 9]])
    expected = factor * model.output.weight[tokens] + sinusoids(4, WIDTH)[2:]
    torch.testing.assert_close(model.eval().decoder.embeddings(tokens), expected)
    save_model(model, tmp_path)
    again, example = load_model(tmp_path).eval(), batch()
    given = (example.source, example.source_mask, example.target_input)
    assert torch.equal(again(*given), model(*given))


@pytest.mark.parametrize("scale", [0.0, -1.0, "half", float("nan")])
def test_a_scale_that_is_none_is_refused(start: str, scale: object) -> None:
    with pytest.raises(ValidationError, match="scale"):
        sixt(start, decoder={**DECODER, "scale": scale})


def test_paper_sizes_have_735_million_parameters() -> None:
    large = EncoderConfig(
        embeddings=EmbeddingsConfig(vocabulary_size=250_002, width=1024, positions="learned", norm=True),
        stack=StackConfig(layers=24, width=1024, heads=16, feedforward_width=4096, norm_first=False),
    )
    from anyglot.training.methods.translation import DecoderOptions, attach_decoder

    with torch.device("meta"):
        model = attach_decoder(build_encoder(large), DecoderOptions(), seed=1)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == 735.2


# Section 2.2, stage 1 (equation 2)


def test_stage_1_moves_the_decoder_layers_and_nothing_else(start: str) -> None:
    method, model = sixt(start)
    before = values(model)
    optimise(method, model, 0)
    changed = moved(before, values(model))
    assert changed == {name for name in before if name.startswith("decoder.stack.")}


@pytest.mark.parametrize("dropout", [True, False])
def test_frozen_encoder_runs_with_dropout_only_if_asked(start: str, dropout: bool) -> None:
    method, model = sixt(start, encoder_dropout=dropout)
    stage = method.stages()[0]
    enter_stage(model, stage)
    set_modes(model, stage)
    example = batch()
    first, second = (model.encode(example.source, example.source_mask).states for _ in range(2))
    assert torch.equal(first, second) is not dropout
    assert model.decoder.training


# Section 2.2, stage 2 (equation 3) and positional disentangling


def test_stage_2_moves_all_layers_but_no_embedding(start: str) -> None:
    method, model = sixt(start)
    before = values(model)
    optimise(method, model, 1)
    changed = moved(before, values(model))
    assert changed == {name for name in before if ".stack." in name}
    still = set(before) - changed
    assert still == {
        "encoder.embeddings.tokens.weight",
        "encoder.embeddings.positions.table.weight",
        "encoder.embeddings.norm.weight",
        "encoder.embeddings.norm.bias",
    }


def test_one_skip_is_dropped_in_stage_2_at_the_penultimate_layer(start: str) -> None:
    method, model = sixt(start)
    optimise(method, model, 0)
    assert dropped_skips(model) == ()
    optimise(method, model, 1)
    assert dropped_skips(model) == (f"encoder.stack.blocks.{LAYERS - 2}.self_attention",)


def test_dropping_the_skip_changes_that_block_alone_and_keeps_its_norm(start: str) -> None:
    _, model = sixt(start)
    model.eval()
    block = model.encoder.stack.blocks[LAYERS - 2]
    x = torch.randn(2, 5, WIDTH)
    with torch.no_grad():
        others = [other(x, mask=None) for other in model.encoder.stack.blocks if other is not block]
        attended = block.self_attention.inner(x, mask=None)
        with_skip = block(x, mask=None)
        block.self_attention.skip = False
        expected = block.feedforward(block.self_attention.norm(attended), block.feedforward.inner)
        assert torch.equal(block(x, mask=None), expected)
        assert not torch.allclose(with_skip, expected)
        again = [other(x, mask=None) for other in model.encoder.stack.blocks if other is not block]
    assert all(torch.equal(one, two) for one, two in zip(others, again, strict=True))


def test_disentangling_relaxes_the_tie_between_tokens_and_positions_of_the_states(start: str) -> None:
    """Without the skip a state no longer contains its own input: attending alike, all positions look alike."""
    _, model = sixt(start)
    model.eval()
    block = model.encoder.stack.blocks[LAYERS - 2]
    block.self_attention.skip = False
    torch.nn.init.zeros_(block.self_attention.inner.query.weight)  # attend alike from everywhere
    torch.nn.init.zeros_(block.self_attention.inner.query.bias)
    with torch.no_grad():
        states = block(torch.randn(1, 6, WIDTH), mask=None)
    assert torch.allclose(states, states[:, :1].expand_as(states), atol=1e-5)


def test_the_dropped_skip_is_still_dropped_at_test_time(start: str, tmp_path: Path) -> None:
    method, model = sixt(start)
    optimise(method, model, 1, steps=1)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert dropped_skips(again) == dropped_skips(model) != ()
    model.eval()
    example = batch()
    with torch.no_grad():
        one = model(example.source, example.source_mask, example.target_input)
        two = again(example.source, example.source_mask, example.target_input)
    assert torch.equal(one, two)


def test_disentangling_can_be_left_out_or_moved(start: str) -> None:
    assert sixt(start, disentangle=False)[0].stages()[1].edits == ()
    assert "blocks.1." in str(sixt(start, disentangled_layer=1)[0].stages()[1].edits[0])
    with pytest.raises(UserError, match="the layers 0 to 3"):
        sixt(start, disentangled_layer=4)[0].stages()


def test_stage_2_learning_rate_is_that_of_the_released_code() -> None:
    schedule = build_schedule(load_recipe("sixt/xlmr_large").stages["joint"])
    assert schedule(10) == pytest.approx(1e-4)
    assert schedule(1_000) == pytest.approx(1e-5)
    assert schedule(10_000) == pytest.approx(3.16e-6, rel=1e-2)


def test_stage_1_learning_rate_is_the_papers() -> None:
    schedule = build_schedule(load_recipe("sixt/xlmr_large").stages["decoder"])
    assert schedule(4_000) == pytest.approx(5e-4)
    assert schedule(100_000) == pytest.approx(1e-4)


def test_the_paper_recipes_batch_is_half_a_million_tokens_on_32_gpus() -> None:
    recipe = load_recipe("sixt/xlmr_large")
    for name, stage in recipe.stages.items():
        tokens = stage.batch_tokens or recipe.data.batch_tokens
        assert tokens * stage.accumulation * 32 == 524_288, name


# Equations 2 and 3, the likelihood


def test_loss_is_the_smoothed_likelihood_of_the_shifted_target(start: str) -> None:
    method, model = sixt(start)
    model.eval()
    example = batch()
    losses = method.losses(model, example)
    logits = model.output(model(example.source, example.source_mask, example.target_input))
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), example.target_output.flatten(), label_smoothing=0.1, reduction="sum"
    )
    assert losses.total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert losses.tokens == example.target_output.numel()


def test_a_target_token_does_not_see_later_ones(start: str) -> None:
    _, model = sixt(start)
    model.eval()
    example = batch()
    changed = example.target_input.clone()
    changed[:, 5:] = 9
    with torch.no_grad():
        one = model(example.source, example.source_mask, example.target_input)
        two = model(example.source, example.source_mask, changed)
    assert torch.allclose(one[:, :5], two[:, :5], atol=1e-6)
    assert not torch.allclose(one[:, 5:], two[:, 5:], atol=1e-3)


# Section 3.1, the baseline


def test_ft_all_is_the_same_network_with_every_parameter_moving(start: str) -> None:
    method = FinetuneAll(FinetuneAllOptions.model_validate({"start": start, "decoder": DECODER}))
    model = method.build(StubTokenizer(WORDS), seed=5)
    _, reference = sixt(start)
    assert {name: value.shape for name, value in values(model).items()} == {
        name: value.shape for name, value in values(reference).items()
    }
    before = values(model)
    optimise(method, model, 0)
    assert moved(before, values(model)) == set(before)


def test_any_loaded_encoder_can_be_the_start(start: str, tmp_path: Path) -> None:
    """Also the encoder of a model that was itself trained here."""
    method, model = sixt(start)
    optimise(method, model, 1, steps=1)
    save_model(model, tmp_path / "first")
    _, second = sixt(str(tmp_path / "first"), disentangle=False)
    assert torch.equal(
        second.encoder.stack.blocks[0].feedforward.inner.up.weight,
        model.encoder.stack.blocks[0].feedforward.inner.up.weight,
    )
    assert dropped_skips(second) == dropped_skips(model)


# Tables 3 and 4: what their recipes change, and that they change nothing else


def changes(name: str, base: str = "sixt/xlmr_large") -> set[str]:
    """Dotted keys in which two recipes differ."""
    one, two = (recipe_identity(load_recipe(each)) for each in (name, base))
    return {key for key in one.keys() | two.keys() if one.get(key) != two.get(key)} - {"name"}


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("sixt/xlmr_large_no_disentangling", "sixt/xlmr_large"),
        ("sixt/europarl_de_no_disentangling", "sixt/europarl_de"),
    ],
)
def test_table_4_differs_in_disentangling_alone(name: str, base: str) -> None:
    assert changes(name, base) == {"method.disentangle"}


def test_table_3_compares_equal_amounts_of_text() -> None:
    differing = changes("sixt/one_source_8m", "sixt/four_sources_8m")
    assert {key.split(".")[0] for key in differing} == {"data"}
    for name, sources in (("sixt/one_source_8m", ["de"]), ("sixt/four_sources_8m", ["de", "es", "fi", "ru"])):
        train = load_recipe(name).data.train
        assert [source.source for source in train] == sources  # type: ignore[union-attr]
        assert sum(source.limit or 0 for source in train) == 8_000_000


def test_stage_1_alone_leaves_the_encoder_with_all_its_skips() -> None:
    recipe = load_recipe("sixt/xlmr_large_stage_1")
    assert recipe.stages["joint"].updates == 0 and recipe.stages["decoder"].updates == 100_000
    assert changes("sixt/xlmr_large_stage_1") == {
        "method.disentangle",
        "method.encoder_dropout",
        "stages.joint.updates",
    }


def test_ft_all_sees_as_much_as_both_stages() -> None:
    recipe, sixt_plus = load_recipe("sixt/xlmr_large_ft_all"), load_recipe("sixt/xlmr_large")
    assert recipe.data == sixt_plus.data
    assert recipe.stages["all"].updates == sum(stage.updates for stage in sixt_plus.stages.values())
    assert recipe.method.decoder == sixt_plus.method.decoder  # type: ignore[attr-defined]

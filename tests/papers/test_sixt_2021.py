"""SixT (Chen et al., 2021; method cards 1.1 to 1.4): the decoder of its own that SixT+ left behind."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from anyglot.models.build import dropped_skips
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.store import load_model, save_model
from anyglot.nn.embeddings import LearnedPositions
from anyglot.nn.residual import Residual
from anyglot.training.methods.sixt import SixT
from anyglot.training.recipe.load import load_recipe
from support.tiny_sixt import DECODER, LAYERS, WIDTH, batch, moved, optimise, sixt, values

OWN = {**DECODER, "norm_first": False, "positions": "learned", "table": "own", "dropout": 0.3}
TABLE = "decoder.embeddings.tokens.weight"
POSITIONS = "decoder.embeddings.positions.table.weight"


@pytest.fixture
def first(start: str) -> tuple[SixT, EncoderDecoder]:
    return sixt(start, decoder=OWN)


def test_the_decoder_is_post_norm_with_learned_positions(first: tuple[SixT, EncoderDecoder]) -> None:
    model = first[1]
    assert model.decoder.stack.final_norm is None
    assert not any(part.norm_first for part in model.decoder.modules() if isinstance(part, Residual))
    assert isinstance(model.decoder.embeddings.positions, LearnedPositions)
    assert model.decoder.embeddings.scale == math.sqrt(WIDTH)
    assert model.decoder.embeddings.dropout.p == 0.3


def test_the_decoders_table_begins_as_the_encoders_and_is_another_one(first: tuple[SixT, EncoderDecoder]) -> None:
    model = first[1]
    own, encoders = model.decoder.embeddings.tokens.weight, model.encoder.embeddings.tokens.weight
    assert torch.equal(own, encoders)
    assert own is not encoders
    assert own.data_ptr() != encoders.data_ptr()
    assert model.output.weight is own  # decoder input = output projection


def test_stage_1_trains_layers_and_positions_but_no_table(first: tuple[SixT, EncoderDecoder]) -> None:
    method, model = first
    before = values(model)
    optimise(method, model, 0)
    changed = moved(before, values(model))
    assert changed == {name for name in before if name.startswith("decoder.stack.")} | {POSITIONS}


def test_stage_2_trains_the_decoders_table_and_leaves_the_encoders(first: tuple[SixT, EncoderDecoder]) -> None:
    method, model = first
    before = values(model)
    optimise(method, model, 1)
    changed = moved(before, values(model))
    assert changed == {name for name in before if ".stack." in name} | {POSITIONS, TABLE}
    assert dropped_skips(model) == (f"encoder.stack.blocks.{LAYERS - 2}.self_attention",)


def test_a_folder_keeps_both_tables(first: tuple[SixT, EncoderDecoder], tmp_path: Path) -> None:
    method, model = first
    optimise(method, model, 1, steps=1)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert isinstance(again, EncoderDecoder)
    assert again.output.weight is again.decoder.embeddings.tokens.weight
    assert not torch.equal(again.output.weight, again.encoder.embeddings.tokens.weight)
    example = batch()
    arguments = (example.source, example.source_mask, example.target_input)
    with torch.no_grad():
        assert torch.equal(again(*arguments), model.eval()(*arguments))


def test_where_first_values_come_from_is_told(first: tuple[SixT, EncoderDecoder], start: str) -> None:
    told = first[0].provenance()
    assert told["decoder.embeddings.positions.*"] == "fresh"
    assert told["decoder.embeddings.tokens.*"] == f"copied from the encoder's table of {start}"


def test_learned_positions_of_a_shared_table_are_trained_too(start: str) -> None:
    """They are fresh: left out of the first stage, as they once were here, they would stay noise."""
    method, model = sixt(start, decoder={**DECODER, "positions": "learned"})
    before = values(model)
    optimise(method, model, 0)
    assert POSITIONS in moved(before, values(model))


def test_the_recipe_is_the_releases() -> None:
    recipe = load_recipe("sixt/sixt_xlmr_base")
    decoder = recipe.method.decoder  # type: ignore[attr-defined]
    assert (decoder.norm_first, decoder.positions, decoder.table, decoder.dropout) == (False, "learned", "own", 0.3)
    assert (decoder.layers, decoder.heads, decoder.feedforward_width) == (12, 12, 3072)
    assert [(source.source, source.target) for source in recipe.data.train] == [("de", "en")]  # type: ignore[union-attr]
    assert recipe.vocabulary.target is not None and recipe.vocabulary.target.coverage == 1.0
    decoding, joint = recipe.stages["decoder"], recipe.stages["joint"]
    assert (decoding.updates, decoding.weight_decay) == (200_000, 0.01)
    assert (joint.updates, joint.weight_decay) == (30_000, 0.0)
    assert (recipe.validation.metric, recipe.validation.beams) == ("bleu", 5)
    for stage in recipe.stages.values():  # 32,768 tokens an update on the release's eight GPUs
        assert (stage.batch_tokens or recipe.data.batch_tokens) * stage.accumulation * 8 == 32_768

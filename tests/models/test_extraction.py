"""VECO taken apart (section 2.3): the encoder alone, and an encoder-decoder of copied blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from anyglot.errors import UserError
from anyglot.models.build import dropped_skips
from anyglot.models.config import EmbeddingsConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.extraction import copied_blocks, encoder_decoder_from, set_dropout, without_cross_attention
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.store import load_model, save_model
from anyglot.nn.attention import Memory
from support.model_builders import VOCABULARY, WIDTH, batch, encoder

LAYERS = 3


def veco(*, norm_first: bool = False, seed: int = 0, **changes: Any) -> Encoder:
    """A pretrained model: blocks with cross-attention, and the masked-language head."""
    stack = StackConfig(
        layers=LAYERS, width=WIDTH, heads=2, feedforward_width=12, norm_first=norm_first, cross_attention=True
    )
    return encoder(seed, stack=stack, family="xlm-roberta", language_head=True, **changes)


def mbert(seed: int = 0) -> Encoder:
    """No cross-attention, positions from row 0, two segments."""
    embeddings = EmbeddingsConfig(
        vocabulary_size=VOCABULARY,
        width=WIDTH,
        positions="learned",
        position_rows=12,
        position_offset=0,
        segments=2,
        norm=True,
    )
    return encoder(seed, embeddings=embeddings, family="bert", padding_id=0, pooler=True)


def parameters(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.named_parameters()}


@pytest.mark.parametrize("norm_first", [False, True])
def test_dropping_the_cross_attention_changes_no_state(norm_first: bool) -> None:
    whole, (tokens, mask) = veco(norm_first=norm_first), batch([6, 3])
    alone = without_cross_attention(whole)
    before, after = whole(tokens, mask, keep_states=True), alone(tokens, mask, keep_states=True)
    assert all(torch.equal(one, two) for one, two in zip(before.states or (), after.states or (), strict=True))
    assert whole.head is not None and alone.head is whole.head
    assert not alone.config.stack.cross_attention and alone.config.language_head
    assert not any("cross_attention" in name for name, _ in alone.named_parameters())


def test_the_encoder_alone_shares_its_tensors_and_leaves_the_model_whole() -> None:
    whole = veco()
    names = [name for name, _ in whole.named_parameters()]
    alone = dict(without_cross_attention(whole, keep_heads=False).named_parameters())
    assert [name for name, _ in whole.named_parameters()] == names and whole.config.stack.cross_attention
    own = dict(whole.named_parameters())
    assert all(value is own[name] for name, value in alone.items())
    assert not any(name.startswith("head.") for name in alone)
    with pytest.raises(ValueError, match="no cross-attention"):
        tokens, mask = batch([4])
        without_cross_attention(whole).cross(tokens, Memory(torch.zeros(1, 4, WIDTH), mask))


def test_a_folder_gives_the_encoder_alone_or_whole(tmp_path: Path) -> None:
    before, (tokens, mask) = veco(), batch([6, 3])
    save_model(before, tmp_path)
    alone = load_encoder(tmp_path)
    assert not alone.config.stack.cross_attention and alone.head is not None
    assert torch.equal(alone(tokens, mask).last, before(tokens, mask).last)
    for whole in (load_encoder(tmp_path, cross_attention=True), load_pretrained(tmp_path)):
        assert isinstance(whole, Encoder) and whole.config == before.config


@pytest.mark.parametrize(("blocks", "first"), [("last", 1), ("first", 0)])
@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_blocks_are_copies_of_the_encoders(blocks: Any, first: int, norm_first: bool) -> None:
    whole = veco(norm_first=norm_first)
    model = encoder_decoder_from(whole, layers=2, blocks=blocks)
    for place in range(2):
        origin, copy = whole.stack.blocks[first + place], model.decoder.stack.blocks[place]
        theirs, ours = dict(origin.named_parameters()), dict(copy.named_parameters())
        assert theirs.keys() == ours.keys() and any("cross_attention" in name for name in ours)
        for name, value in ours.items():
            assert torch.equal(value, theirs[name]) and value is not theirs[name], name
            assert value.data_ptr() != theirs[name].data_ptr()
    if norm_first:
        assert whole.stack.final_norm is not None and model.decoder.stack.final_norm is not None
        assert torch.equal(model.decoder.stack.final_norm.weight, whole.stack.final_norm.weight)
        assert model.decoder.stack.final_norm is not model.encoder.stack.final_norm


def test_embeddings_share_the_table_and_copy_the_rest() -> None:
    whole = veco()
    model = encoder_decoder_from(whole, layers=1)
    table = whole.embeddings.tokens.weight
    assert model.encoder.embeddings.tokens.weight is table
    assert model.decoder.embeddings.tokens.weight is table and model.output.weight is table
    assert model.output.bias is None and model.encoder.head is None
    for name in ("positions.table.weight", "norm.weight", "norm.bias"):
        one, two = model.encoder.embeddings.get_parameter(name), model.decoder.embeddings.get_parameter(name)
        assert torch.equal(one, two) and one is not two, name


def test_an_update_of_a_copy_leaves_its_origin() -> None:
    model = encoder_decoder_from(veco(), layers=2)
    before = parameters(model.encoder)
    with torch.no_grad():
        for name, value in model.decoder.named_parameters():
            if "tokens" not in name:
                value.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in model.encoder.named_parameters())


@pytest.mark.parametrize("norm_first", [False, True])
def test_with_all_blocks_the_decoder_is_veco_s_own_cross_pass(norm_first: bool) -> None:
    """Equation 6 with a causal mask, before and after the model is taken apart."""
    whole, (source, mask), (target, _) = veco(norm_first=norm_first), batch([6, 3]), batch([5, 5], seed=2)
    expected = whole.cross(target, Memory(whole(source, mask).last, mask)).last
    model = encoder_decoder_from(whole, layers=LAYERS)
    assert torch.equal(model(source, mask, target), expected)


def test_an_encoder_without_cross_attention_gets_a_fresh_one() -> None:
    origin = mbert()
    model = encoder_decoder_from(origin, layers=2, blocks="first", end_id=3)
    assert (model.config.padding_id, model.config.start_id, model.config.end_id) == (0, 3, 3)
    assert torch.equal(model.decoder.embeddings.segments.weight, origin.embeddings.segments.weight)
    assert model.decoder.embeddings.positions.offset == 0
    for place, block in enumerate(model.decoder.stack.blocks):
        for part in ("self_attention", "feedforward"):
            theirs = dict(origin.stack.blocks[place].get_submodule(part).named_parameters())
            assert all(torch.equal(value, theirs[name]) for name, value in block.get_submodule(part).named_parameters())
        weight = block.cross_attention.inner.query.weight
        assert 0.01 < float(weight.detach().std()) < 0.03
        assert float(block.cross_attention.norm.weight.detach().min()) == 1.0
    source, mask = batch([4, 2])
    target, _ = batch([3, 3])
    assert model(source, mask, target).shape == (2, 3, WIDTH)


def test_fresh_blocks_follow_the_seed_and_keep_the_embeddings() -> None:
    origin = veco()
    one, two, other = (encoder_decoder_from(origin, layers=5, blocks="fresh", seed=seed) for seed in (1, 1, 2))
    name = "decoder.stack.blocks.4.self_attention.inner.query.weight"
    assert torch.equal(one.get_parameter(name), two.get_parameter(name))
    assert not torch.equal(one.get_parameter(name), other.get_parameter(name))
    assert torch.equal(one.decoder.embeddings.norm.weight, origin.embeddings.norm.weight)


def test_the_seed_of_others_is_left_alone() -> None:
    whole = veco()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    encoder_decoder_from(whole, layers=1, blocks="fresh")
    assert torch.equal(torch.rand(3), expected)


def test_more_blocks_than_there_are() -> None:
    for blocks in ("last", "first"):
        with pytest.raises(UserError, match=r"4 blocks copied from an encoder of 3: ask for at most 3"):
            encoder_decoder_from(veco(), layers=4, blocks=blocks)  # type: ignore[arg-type]
    assert copied_blocks(24, 6, "last") == (18, 19, 20, 21, 22, 23)  # method card 2.2
    assert copied_blocks(24, 3, "first") == (0, 1, 2)
    assert copied_blocks(24, 30, "fresh") == ()


def test_a_dropped_skip_is_dropped_in_the_copy_too(tmp_path: Path) -> None:
    whole = veco(dropped_skips=("stack.blocks.1.cross_attention", "stack.blocks.2.self_attention"))
    source, mask = batch([6, 3])
    assert without_cross_attention(whole).config.dropped_skips == ("stack.blocks.2.self_attention",)
    model = encoder_decoder_from(whole, layers=LAYERS)
    assert dropped_skips(model) == (
        "encoder.stack.blocks.2.self_attention",
        "decoder.stack.blocks.1.cross_attention",
        "decoder.stack.blocks.2.self_attention",
    )
    expected = whole.cross(source, Memory(whole(source, mask).last, mask)).last
    assert torch.equal(model(source, mask, source), expected)
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert isinstance(again, EncoderDecoder) and torch.equal(again(source, mask, source), expected)


def test_the_scale_of_the_decoder() -> None:
    assert encoder_decoder_from(veco(), layers=1).decoder.embeddings.scale == 1.0
    scaled = encoder_decoder_from(veco(), layers=1, scale="sqrt")
    assert scaled.decoder.embeddings.scale == WIDTH**0.5 and scaled.encoder.embeddings.scale == 1.0


def test_a_folder_keeps_the_encoder_decoder(tmp_path: Path) -> None:
    model = encoder_decoder_from(veco(), layers=2)
    source, mask = batch([6, 3])
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert isinstance(again, EncoderDecoder) and again.config == model.config
    assert torch.equal(again(source, mask, source), model(source, mask, source))


def test_dropout_is_set_everywhere_and_told_in_the_config() -> None:
    whole = veco()
    set_dropout(whole, 0.3, 0.2)
    model = encoder_decoder_from(whole, layers=2)
    for config, stack in (
        (model.config.encoder.stack, model.encoder.stack),
        (model.config.decoder, model.decoder.stack),
    ):
        assert (config.dropout, config.attention_dropout) == (0.3, 0.2)
        for block in stack.blocks:
            assert block.self_attention.dropout.p == block.feedforward.dropout.p == 0.3
            assert block.self_attention.inner.dropout == 0.2
    assert model.encoder.embeddings.dropout.p == model.decoder.embeddings.dropout.p == 0.3
    before = whole.config
    set_dropout(whole, None, None)
    assert whole.config == before

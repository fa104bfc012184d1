"""VECO's pretraining (sections 2.1, 2.2 and 3; method card 2.1): one property for each of its equations and claims."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from anyglot.data.batch import IGNORED, SegmentBatch
from anyglot.errors import UserError
from anyglot.models.encoder import Encoder
from anyglot.models.store import save_model
from anyglot.nn.attention import Memory
from anyglot.training.loop.freezing import enter_stage
from anyglot.training.methods.base import Losses
from anyglot.training.methods.baselines.xlm import Xlm, XlmOptions
from anyglot.training.methods.veco import Veco, VecoOptions
from anyglot.training.methods.veco.pretraining import cross_passes, inner_passes, summed_terms
from support.naive_veco import NaiveVeco
from support.tiny_veco import LAYERS, SIZES, WIDTH, WORDS, Vocabulary, made, segments

FOUR = ("inner_first", "inner_second", "cross_second", "cross_first")


def terms(losses: Losses) -> dict[str, Tensor]:
    """The logged sums by the name of their term, without what the batch was of."""
    return {name.partition(".")[2]: value for name, value in losses.parts.items()}


def gradients(model: Encoder, loss: Tensor) -> dict[str, Tensor]:
    """Of every parameter; zeros where the loss does not depend on it."""
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    pairs = zip(named, found, named.values(), strict=True)
    return {name: torch.zeros_like(value) if grad is None else grad for name, grad, value in pairs}


def descend(model: Encoder) -> None:
    """A step down the gradient."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.sub_(1e-2 * parameter.grad)


def largest_difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.parametrize("pairs", [False, True], ids=["text", "pairs"])
def test_equation_8_and_tlm_equal_a_naive_reference(pairs: bool) -> None:
    method, model = made()
    batch = segments(pairs=pairs)
    losses, naive = method.losses(model, batch), NaiveVeco(model).terms(batch)
    assert set(terms(losses)) == set(naive) == {*FOUR, *(["translation"] if pairs else [])}
    for name, value in terms(losses).items():
        assert float(value) == pytest.approx(naive[name].item(), rel=1e-5), name
    whole = sum(naive.values(), torch.zeros(()))
    assert losses.total.item() == pytest.approx(whole.item(), rel=1e-5)
    assert largest_difference(gradients(model, losses.total), gradients(model, whole)) < 1e-4


def test_the_memory_gets_no_gradient_from_cs_mlm() -> None:
    """CS-MLM alone: our gradient is that of a reference that detaches the memory, and not of one that does not."""
    _, model = made()
    batch = segments(pairs=False)
    ours = gradients(model, summed_terms(model, batch, cross_passes(model, batch, inner_passes(model, batch))).total)
    detached, attached = (
        gradients(model, naive["cross_first"] + naive["cross_second"])
        for naive in (NaiveVeco(model, detach=detach).terms(batch) for detach in (True, False))
    )
    assert largest_difference(ours, detached) < 1e-4
    assert largest_difference(ours, attached) > 0.1


def test_no_state_of_an_encoder_pass_gets_a_gradient_from_cs_mlm() -> None:
    _, model = made()
    batch, met = segments(pairs=False), []

    def keep(module: Any, inputs: Any, output: Tensor) -> None:
        output.retain_grad()
        met.append(output)

    model.stack.blocks[1].register_forward_hook(keep)
    inner = inner_passes(model, batch)
    summed_terms(model, batch, cross_passes(model, batch, inner)).total.backward()
    assert [state.grad is None for state in met] == [True, True, False, False]


def test_both_roles_use_the_same_parameters_and_not_copies() -> None:
    """As many as an encoder and its cross-attentions; a CS-MLM step moves what the encoder role computes."""
    _, model = made()
    plain = Xlm(XlmOptions.model_validate(SIZES)).build(Vocabulary(), seed=5)
    own = sum(p.numel() for name, p in model.named_parameters() if ".cross_attention." not in name)
    assert own == sum(p.numel() for p in plain.parameters())
    batch = segments(pairs=False)
    before = model(batch.first, batch.first_mask).last.detach()
    summed_terms(model, batch, cross_passes(model, batch, inner_passes(model, batch))).total.backward()
    descend(model)
    assert not torch.allclose(model(batch.first, batch.first_mask).last, before, atol=1e-3)


def test_a_step_of_the_encoder_role_moves_the_decoder_role() -> None:
    _, model = made()
    batch = segments(pairs=False)
    memory = Memory(model(batch.first, batch.first_mask).last.detach(), batch.first_mask)
    before = model.cross(batch.second, memory).last.detach()
    summed_terms(model, batch, inner_passes(model, batch)).total.backward()
    descend(model)
    assert not torch.allclose(model.cross(batch.second, memory).last, before, atol=1e-3)


def test_the_encoder_role_passes_the_cross_attention_over() -> None:
    _, model = made()
    batch = segments(pairs=False)
    memory = Memory(model(batch.second, batch.second_mask).last, batch.second_mask)
    before, crossed = model(batch.first, batch.first_mask).last, model.cross(batch.first, memory).last
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".cross_attention." in name:
                parameter.add_(0.1)
    assert torch.equal(model(batch.first, batch.first_mask).last, before)
    assert not torch.allclose(model.cross(batch.first, memory).last, crossed, atol=1e-3)


def test_the_causal_mask_shows_a_position_itself_and_nothing_behind_it() -> None:
    _, model = made()
    tokens = torch.tensor([[0, 7, 9, 11, 5, 2]])
    everything = torch.ones_like(tokens, dtype=torch.bool)
    memory = Memory(model(tokens.flip(1), everything).last, everything)
    decoded, encoded = model.cross(tokens, memory).last, model(tokens, everything).last
    for place in range(tokens.shape[1]):
        changed = tokens.clone()
        changed[0, place] = 30
        moved = (model.cross(changed, memory).last - decoded).abs().amax(dim=(0, 2))
        assert float(moved[:place].sum()) < 1e-5 and float(moved[place:].min()) > 1e-3
        assert float((model(changed, everything).last - encoded).abs().amax(dim=(0, 2)).min()) > 1e-3


def test_every_memory_position_is_visible_to_every_query() -> None:
    _, model = made()
    tokens = torch.tensor([[0, 7, 9, 11, 2]])
    everything = torch.ones_like(tokens, dtype=torch.bool)
    states = model(tokens, everything).last.detach()
    decoded = model.cross(tokens, Memory(states, everything)).last
    for place in range(tokens.shape[1]):
        changed = states.clone()
        changed[0, place] += 1.0
        moved = (model.cross(tokens, Memory(changed, everything)).last - decoded).abs().amax(dim=(0, 2))
        assert float(moved.min()) > 1e-4


def test_padding_is_seen_by_no_pass() -> None:
    """Other tokens in the padding of both segments and of the joined row: every term stays."""
    method, model = made()
    batch = segments(pairs=True)
    filled = {
        name: getattr(batch, name).masked_fill(~getattr(batch, f"{name}_mask"), 17)
        for name in ("first", "second", "joined")
    }
    before, after = (terms(method.losses(model, each)) for each in (batch, dataclasses.replace(batch, **filled)))
    assert any(not torch.equal(filled[name], getattr(batch, name)) for name in ("first", "second"))
    assert all(float(after[name]) == pytest.approx(float(before[name]), rel=1e-6) for name in before)


def test_swapping_the_segments_swaps_the_terms() -> None:
    method, model = made()
    batch = segments(pairs=False)
    swapped = SegmentBatch(
        batch.second, batch.second_mask, batch.second_labels, batch.first, batch.first_mask, batch.first_labels
    )
    one, other = method.losses(model, batch), method.losses(model, swapped)
    for name, twin in (("inner_first", "inner_second"), ("cross_first", "cross_second")):
        assert float(terms(one)[name]) == pytest.approx(float(terms(other)[twin]), rel=1e-5)
        assert float(terms(one)[twin]) == pytest.approx(float(terms(other)[name]), rel=1e-5)
        assert float(terms(one)[name]) != pytest.approx(float(terms(one)[twin]), rel=1e-2)
    assert float(one.total) == pytest.approx(float(other.total), rel=1e-5)


def test_each_term_says_over_how_many_masked_tokens_it_is_summed() -> None:
    method, model = made()
    for batch, kind in ((segments(pairs=False), "text"), (segments(pairs=True), "pairs")):
        losses = method.losses(model, batch)
        first, second = (int((labels != IGNORED).sum()) for labels in (batch.first_labels, batch.second_labels))
        expected = dict(zip(FOUR, (first, second, second, first), strict=True))
        expected |= {"translation": first + second} if kind == "pairs" else {}
        assert {name: int(count) for name, count in losses.counts.items()} == {
            f"{kind}.{name}": count for name, count in expected.items()
        }
        assert losses.tokens == first + second and first != second


@pytest.fixture(scope="module")
def xlmr(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A random XLM-R of transformers, and its folder."""
    torch.manual_seed(2)
    config = transformers.XLMRobertaConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=42,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        initializer_range=0.3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        tie_word_embeddings=True,
    )
    theirs = transformers.XLMRobertaForMaskedLM(config).eval()
    folder = tmp_path_factory.mktemp("xlmr")
    theirs.save_pretrained(folder)
    return folder, theirs


def test_an_xlmr_is_given_back_before_training(xlmr: tuple[Path, Any]) -> None:
    """Section 3: all but the cross-attention begins as XLM-R: its states at every layer and its head's logits."""
    folder, theirs = xlmr
    model = Veco(VecoOptions(start=str(folder))).build(Vocabulary(), seed=5).eval()
    assert model.config.stack.cross_attention and model.head is not None
    batch = segments(pairs=False)
    with torch.no_grad():
        ours = model(batch.first, batch.first_mask, keep_states=True)
        expected = theirs(batch.first, attention_mask=batch.first_mask.long(), output_hidden_states=True)
        logits = model.head(ours.last)
    assert ours.states is not None
    for state, reference in zip(ours.states, expected.hidden_states, strict=True):
        assert float((state - reference)[batch.first_mask].abs().max()) < 1e-5
    assert float((logits - expected.logits)[batch.first_mask].abs().max()) < 1e-4


def test_a_start_without_a_masked_language_head_is_refused(xlmr: tuple[Path, Any], tmp_path: Path) -> None:
    xlmr[1].roberta.save_pretrained(tmp_path)
    for method in (Veco(VecoOptions(start=str(tmp_path))), Xlm(XlmOptions(start=str(tmp_path)))):
        with pytest.raises(UserError, match="has no masked-language head, so its pretraining cannot continue"):
            method.build(Vocabulary(), seed=5)


def test_a_veco_goes_on_with_the_cross_attention_it_has(tmp_path: Path) -> None:
    _, model = made()
    save_model(model, tmp_path)
    again = Veco(VecoOptions(start=str(tmp_path))).build(Vocabulary(), seed=9)
    assert all(torch.equal(again.get_parameter(name), value) for name, value in model.named_parameters())


def test_phase_one_moves_the_cross_attention_only(xlmr: tuple[Path, Any]) -> None:
    method = Veco(VecoOptions(start=str(xlmr[0])))
    model = method.build(Vocabulary(), seed=5)
    first, second = method.stages()
    enter_stage(model, first)
    assert {name for name, p in model.named_parameters() if p.requires_grad} == {
        name for name, _ in model.named_parameters() if ".cross_attention." in name
    }
    enter_stage(model, second)
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("pairs", [False, True], ids=["text", "pairs"])
def test_phase_one_has_the_gradient_of_the_whole_loss(pairs: bool, xlmr: tuple[Path, Any]) -> None:
    """Terms without a cross-attention are left out of it; the cross-attentions' gradient is that of equation 8."""
    method = Veco(VecoOptions(start=str(xlmr[0]), deviation=0.3))
    model = method.build(Vocabulary(), seed=5).eval()
    batch, found = segments(pairs=pairs), {}
    for stage in method.stages():
        enter_stage(model, stage)
        model.zero_grad()
        losses = method.losses(model, batch)
        losses.total.backward()
        crossing = {name: p.grad for name, p in model.named_parameters() if ".cross_attention." in name}
        found[stage.name] = set(terms(losses)), crossing
    alone, joint = found["cross_attention"], found["joint"]
    assert alone[0] == {"cross_first", "cross_second"} and joint[0] >= set(FOUR)
    assert max(float(grad.abs().max()) for grad in joint[1].values() if grad is not None) > 0.1
    for name, grad in joint[1].items():
        torch.testing.assert_close(alone[1][name], grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pairs", [False, True], ids=["text", "pairs"])
def test_xlm_is_mlm_on_text_and_tlm_on_pairs(pairs: bool) -> None:
    _, model = made()
    xlm = Xlm(XlmOptions.model_validate(SIZES))
    batch = segments(pairs=pairs)
    losses, naive = xlm.losses(model, batch), NaiveVeco(model).terms(batch)
    expected = ["translation"] if pairs else ["inner_first", "inner_second"]
    assert set(terms(losses)) == set(expected)
    whole = sum((naive[name] for name in expected), torch.zeros(()))
    assert losses.total.item() == pytest.approx(whole.item(), rel=1e-5)
    assert largest_difference(gradients(model, losses.total), gradients(model, whole)) < 1e-4
    # A weight for each masked token, as in VECO: neither method sees more of a batch than the other.
    assert losses.tokens == batch.target_tokens


def test_veco_and_xlm_begin_with_the_same_encoder() -> None:
    """Table 2 compares objectives: with one seed all they share starts from the same values."""
    method = Veco(VecoOptions.model_validate(SIZES))
    crossing, plain = method.build(Vocabulary(), 7), Xlm(XlmOptions.model_validate(SIZES)).build(Vocabulary(), 7)
    theirs = dict(crossing.named_parameters())
    assert all(torch.equal(theirs[name], value) for name, value in plain.named_parameters())

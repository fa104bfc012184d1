"""Encoder-decoder families equal transformers', whole, step by step, and as an encoder alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from anyglot.errors import UserError
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.weights.load import load_encoder, load_pretrained
from anyglot.weights.save import save_pretrained

from .references import ENCODER_DECODERS, LIMIT, VOCABULARY, make, saved, sentences

TOLERANCE = 2e-5
WHOLE = "ForConditionalGeneration"


def load(folder: Path) -> EncoderDecoder:
    model = load_pretrained(folder)
    assert isinstance(model, EncoderDecoder)
    return model


@pytest.mark.parametrize("family", ENCODER_DECODERS)
@pytest.mark.parametrize(("source", "target"), [([5], [3]), ([7, 3, 1], [2, 6, 4]), ([LIMIT, 2], [LIMIT, LIMIT])])
@pytest.mark.parametrize("scale", [True, False])
def test_states_and_logits_equal_transformers(
    family: str, source: list[int], target: list[int], scale: bool, tmp_path: Path
) -> None:
    reference = make(family, WHOLE, scale_embedding=scale)
    ours = load(saved(reference, tmp_path))
    tokens, mask = sentences(source)
    inputs, real = sentences(target, seed=2)
    with torch.no_grad():
        theirs = reference(
            input_ids=tokens, attention_mask=mask.long(), decoder_input_ids=inputs, output_hidden_states=True
        )
        encoded = ours.encoder(tokens, mask, keep_states=True)
        memory = ours.encode(tokens, mask)
        decoded = ours.decoder(inputs, memory, keep_states=True)
        logits = ours.output(decoded.last)
    for expected, found in zip(theirs.encoder_hidden_states, encoded.states, strict=True):
        torch.testing.assert_close(found[mask], expected[mask], atol=TOLERANCE, rtol=0)
    for expected, found in zip(theirs.decoder_hidden_states, decoded.states, strict=True):
        torch.testing.assert_close(found[real], expected[real], atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(logits[real], theirs.logits[real], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_step_by_step_equals_transformers(family: str, tmp_path: Path) -> None:
    reference = make(family, WHOLE)
    ours = load(saved(reference, tmp_path))
    tokens, mask = sentences([7, 3])
    inputs, _ = sentences([9, 9], seed=2)
    with torch.no_grad():
        expected = reference(input_ids=tokens, attention_mask=mask.long(), decoder_input_ids=inputs).logits
        memory, cache = ours.encode(tokens, mask), ours.new_cache()
        steps = [ours.decode(memory, inputs[:, i : i + 1], cache=cache) for i in range(inputs.shape[1])]
        found = ours.output(torch.cat(steps, dim=1))
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


def test_sinusoids_beyond_the_configured_limit(tmp_path: Path) -> None:
    reference = make("m2m_100", WHOLE)
    ours = load(saved(reference, tmp_path))
    tokens, mask = sentences([1100])
    with torch.no_grad():
        expected = reference.get_encoder()(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        torch.testing.assert_close(ours.encode(tokens, mask).states, expected, atol=TOLERANCE, rtol=0)


def test_output_bias_of_mbart(tmp_path: Path) -> None:
    reference = make("mbart", WHOLE)
    assert load(saved(reference, tmp_path / "zero")).output.bias is None
    reference.final_logits_bias = torch.randn(1, VOCABULARY)
    ours = load(saved(reference, tmp_path / "set"))
    assert ours.output.bias is not None and torch.equal(ours.output.bias, reference.final_logits_bias[0])
    tokens, mask = sentences([5])
    with torch.no_grad():
        expected = reference(input_ids=tokens, attention_mask=mask.long(), decoder_input_ids=tokens).logits
        torch.testing.assert_close(ours.output(ours(tokens, mask, tokens)), expected, atol=TOLERANCE, rtol=0)
    save_pretrained(ours, tmp_path / "back")
    assert torch.equal(load_file(tmp_path / "back/model.safetensors")["final_logits_bias"], reference.final_logits_bias)


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_encoder_alone(family: str, tmp_path: Path) -> None:
    reference = make(family, WHOLE)
    saved(reference, tmp_path)
    ours = load_encoder(tmp_path)
    tokens, mask = sentences([7, 3])
    with torch.no_grad():
        expected = reference.get_encoder()(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        torch.testing.assert_close(ours(tokens, mask).last[mask], expected[mask], atol=TOLERANCE, rtol=0)
    with pytest.raises(UserError, match="an encoder alone cannot be saved"):
        save_pretrained(ours, tmp_path / "no")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("family", ENCODER_DECODERS)
def test_round_trip_is_bit_equal_and_opens_without_complaint(family: str, tmp_path: Path) -> None:
    reference = make(family, WHOLE)
    first = saved(reference, tmp_path / "first")
    save_pretrained(load(first), tmp_path / "second")
    before, after = load_file(first / "model.safetensors"), load_file(tmp_path / "second/model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    back, report = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "second", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    state = back.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in reference.state_dict().items())
    keys = ("activation_function", "scale_embedding", "decoder_start_token_id", "max_position_embeddings")
    for key in keys:
        assert getattr(back.config, key) == getattr(reference.config, key), key


@pytest.mark.parametrize("family", ENCODER_DECODERS)
@pytest.mark.parametrize("kept", ["model.encoder.embed_tokens.weight", "lm_head.weight"])
def test_the_shared_table_may_stand_under_any_of_its_names(family: str, kept: str, tmp_path: Path) -> None:
    reference = make(family, WHOLE)
    saved(reference, tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tokens = tensors.pop("model.shared.weight")
    save_file({**tensors, kept: tokens}, file)
    for model in (load(tmp_path).encoder, load_encoder(tmp_path)):
        assert torch.equal(model.embeddings.tokens.weight, reference.get_input_embeddings().weight)

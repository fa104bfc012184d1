"""Encoder-decoder families equal transformers', whole, step by step, and as an encoder alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from anyglot.errors import UserError
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.save import save_pretrained
from support.reference_models import ENCODER_DECODERS, LIMIT, VOCABULARY, make, saved, sentences

TOLERANCE = 2e-5
WHOLE = {"mbart": "ForConditionalGeneration", "m2m_100": "ForConditionalGeneration", "marian": "MTModel"}


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
    reference = make(family, WHOLE[family], scale_embedding=scale)
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
    reference = make(family, WHOLE[family])
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
    reference = make("m2m_100", WHOLE["m2m_100"])
    ours = load(saved(reference, tmp_path))
    tokens, mask = sentences([1100])
    with torch.no_grad():
        expected = reference.get_encoder()(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        torch.testing.assert_close(ours.encode(tokens, mask).states, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("family", ["mbart", "marian"])
def test_output_bias(family: str, tmp_path: Path) -> None:
    reference = make(family, WHOLE[family])
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
    reference = make(family, WHOLE[family])
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
    reference = make(family, WHOLE[family])
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
    reference = make(family, WHOLE[family])
    saved(reference, tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tokens = tensors.pop("model.shared.weight")
    save_file({**tensors, kept: tokens}, file)
    encoders = [load(tmp_path).encoder]
    if (family, kept) != ("marian", "lm_head.weight"):  # which may be another table than the encoder's
        encoders.append(load_encoder(tmp_path))
    for model in encoders:
        assert torch.equal(model.embeddings.tokens.weight, reference.get_input_embeddings().weight)


def two_vocabularies(**changes: object) -> Any:
    """A Marian model with tables of its own for source and target."""
    settings = {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": VOCABULARY + 6, **changes}
    return make("marian", WHOLE["marian"], **settings)


@pytest.mark.parametrize("tied", [True, False])
def test_marian_with_two_vocabularies(tied: bool, tmp_path: Path) -> None:
    reference = two_vocabularies(tie_word_embeddings=tied)
    reference.final_logits_bias = torch.randn(1, VOCABULARY + 6)
    ours = load(saved(reference, tmp_path / "first"))
    assert (ours.output.weight is ours.decoder.embeddings.tokens.weight) == tied
    tokens, mask = sentences([7, 3])
    inputs = torch.randint(3, VOCABULARY + 6, (2, 5))
    with torch.no_grad():
        expected = reference(input_ids=tokens, attention_mask=mask.long(), decoder_input_ids=inputs).logits
        torch.testing.assert_close(ours.output(ours(tokens, mask, inputs)), expected, atol=TOLERANCE, rtol=0)
    save_pretrained(ours, tmp_path / "second")
    before, after = (load_file(tmp_path / place / "model.safetensors") for place in ("first", "second"))
    assert all(torch.equal(value, after[name]) for name, value in before.items()) and after.keys() == before.keys()
    back, report = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "second", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    with torch.no_grad():
        again = back.eval()(input_ids=tokens, attention_mask=mask.long(), decoder_input_ids=inputs).logits
    torch.testing.assert_close(again, expected, atol=TOLERANCE, rtol=0)


def test_encoder_of_a_marian_with_two_vocabularies(tmp_path: Path) -> None:
    reference = two_vocabularies()
    ours = load_encoder(saved(reference, tmp_path))
    tokens, mask = sentences([7, 3])
    with torch.no_grad():
        expected = reference.get_encoder()(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        torch.testing.assert_close(ours(tokens, mask).last[mask], expected[mask], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("activation", ["swish", "silu", "relu", "gelu"])
def test_marians_activations(activation: str, tmp_path: Path) -> None:
    reference = make("marian", WHOLE["marian"], activation_function=activation)
    ours = load(saved(reference, tmp_path))
    tokens, mask = sentences([6, 4])
    with torch.no_grad():
        expected = reference(input_ids=tokens, attention_mask=mask.long(), decoder_input_ids=tokens).logits[mask]
        torch.testing.assert_close(ours.output(ours(tokens, mask, tokens))[mask], expected, atol=TOLERANCE, rtol=0)


def test_marians_waves_far_out(tmp_path: Path) -> None:
    reference = make("marian", WHOLE["marian"], max_position_embeddings=1100)
    ours = load(saved(reference, tmp_path))
    tokens, mask = sentences([1100])
    with torch.no_grad():
        expected = reference.get_encoder()(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        torch.testing.assert_close(ours.encode(tokens, mask).states, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"normalize_before": True}, "normalize_before"),
        ({"normalize_embedding": True}, "normalize_embedding"),
        ({"static_position_embeddings": False}, "static_position_embeddings"),
        ({"tie_word_embeddings": False}, "unties the output matrix"),
        ({"activation_function": "mish"}, "mish"),
        ({"share_encoder_decoder_embeddings": False}, r"missing.*embed_tokens|no token embeddings"),
        ({"decoder_vocab_size": 9}, None),
        ({"pad_token_id": -1}, "pad_token_id"),
    ],
)
def test_what_marian_may_not_say(changes: dict[str, Any], said: str | None, tmp_path: Path) -> None:
    saved(make("marian", WHOLE["marian"]), tmp_path)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    if said is None:
        load(tmp_path)
        return
    with pytest.raises(UserError, match=said):
        load(tmp_path)


def test_a_config_as_the_hub_has_it(tmp_path: Path) -> None:
    """The keys that old Marian checkpoints carry and newer transformers no longer writes."""
    saved(make("marian", WHOLE["marian"]), tmp_path)
    file = tmp_path / "config.json"
    old = {
        "add_bias_logits": False,
        "add_final_layer_norm": False,
        "bad_words_ids": [[1]],
        "classif_dropout": 0.0,
        "extra_pos_embeddings": 0,
        "normalize_before": False,
        "normalize_embedding": False,
        "static_position_embeddings": True,
    }
    file.write_text(json.dumps(json.loads(file.read_text()) | old))
    load(tmp_path)

"""Encoder families equal transformers' in every layer, and convert both ways without loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from anyglot.errors import UserError
from anyglot.models.encoder import Encoder
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.save import save_pretrained
from support.reference_models import ENCODERS, LIMIT, make, saved, sentences

TOLERANCE = 2e-5


def assert_equal_states(reference: object, ours: Encoder, lengths: list[int]) -> None:
    tokens, mask = sentences(lengths, padding=ours.config.padding_id)
    with torch.no_grad():
        theirs = reference(input_ids=tokens, attention_mask=mask.long(), output_hidden_states=True)  # type: ignore[operator]
        out = ours(tokens, mask, keep_states=True)
    assert len(theirs.hidden_states) == len(out.states) == ours.config.stack.layers + 1
    for layer, (expected, found) in enumerate(zip(theirs.hidden_states, out.states, strict=True)):
        torch.testing.assert_close(found[mask], expected[mask], atol=TOLERANCE, rtol=0, msg=f"layer {layer}")


@pytest.mark.parametrize("family", ENCODERS)
@pytest.mark.parametrize("lengths", [[5], [7, 3, 1], [LIMIT, 2]])
def test_every_layer_equals_transformers(family: str, lengths: list[int], tmp_path: Path) -> None:
    reference = make(family, "Model")
    ours = load_encoder(saved(reference, tmp_path))
    assert_equal_states(reference, ours, lengths)
    assert ours.config.family == family and not ours.training


@pytest.mark.parametrize("family", ENCODERS)
def test_logits_equal_transformers(family: str, tmp_path: Path) -> None:
    reference = make(family, "ForMaskedLM")
    ours = load_encoder(saved(reference, tmp_path))
    assert ours.head is not None and ours.head.output.weight is ours.embeddings.tokens.weight
    tokens, mask = sentences([6, 4], padding=ours.config.padding_id)
    with torch.no_grad():
        expected = reference(input_ids=tokens, attention_mask=mask.long()).logits[mask]
        found = ours.head(ours(tokens, mask).last)[mask]
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("family", ENCODERS)
def test_pooler_equals_transformers(family: str, tmp_path: Path) -> None:
    reference = make(family, "Model")
    ours = load_encoder(saved(reference, tmp_path))
    tokens, mask = sentences([6, 4], padding=ours.config.padding_id)
    with torch.no_grad():
        expected = reference(input_ids=tokens, attention_mask=mask.long()).pooler_output
        assert ours.pooler is not None
        torch.testing.assert_close(ours.pooler(ours(tokens, mask).last), expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("activation", ["relu", "gelu_new", "gelu_pytorch_tanh"])
def test_activations_both_ways(activation: str, tmp_path: Path) -> None:
    reference = make("bert", "ForMaskedLM", hidden_act=activation)
    ours = load_encoder(saved(reference, tmp_path))
    save_pretrained(ours, tmp_path / "back")
    back = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "back").eval()
    tokens, mask = sentences([6, 4], padding=0)
    with torch.no_grad():
        expected = reference(input_ids=tokens, attention_mask=mask.long()).logits[mask]
        torch.testing.assert_close(ours.head(ours(tokens, mask).last)[mask], expected, atol=TOLERANCE, rtol=0)
        again = back(input_ids=tokens, attention_mask=mask.long()).logits[mask]
        torch.testing.assert_close(again, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("family", ENCODERS)
@pytest.mark.parametrize("suffix", ["Model", "ForMaskedLM"])
def test_round_trip_is_bit_equal_and_opens_without_complaint(family: str, suffix: str, tmp_path: Path) -> None:
    reference = make(family, suffix)
    first = saved(reference, tmp_path / "first")
    save_pretrained(load_pretrained(first), tmp_path / "second")
    before, after = load_file(first / "model.safetensors"), load_file(tmp_path / "second/model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    auto = transformers.AutoModel if suffix == "Model" else transformers.AutoModelForMaskedLM
    back, report = auto.from_pretrained(tmp_path / "second", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert type(back) is type(reference)
    state = back.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in reference.state_dict().items())
    for key in ("hidden_act", "layer_norm_eps", "max_position_embeddings", "pad_token_id", "type_vocab_size"):
        assert getattr(back.config, key) == getattr(reference.config, key), key


@pytest.mark.parametrize("family", ENCODERS)
def test_names_with_and_without_prefix(family: str, tmp_path: Path) -> None:
    """A bare model's weights under prefixed names, as fine-tuned checkpoints have them, and buffers of old versions."""
    reference = make(family, "Model")
    saved(reference, tmp_path)
    file = tmp_path / "model.safetensors"
    front = {"bert": "bert.", "roberta-prelayernorm": "roberta_prelayernorm."}.get(family, "roberta.")
    tensors = {front + name: value for name, value in load_file(file).items()}
    tensors[front + "embeddings.position_ids"] = torch.arange(LIMIT)[None]
    tensors["classifier.weight"] = torch.zeros(2, 12)
    save_file(tensors, file)
    assert_equal_states(reference, load_encoder(tmp_path), [5, 2])


def test_old_spelling_of_layer_norms(tmp_path: Path) -> None:
    reference = make("bert", "ForPreTraining")
    saved(reference, tmp_path)
    file = tmp_path / "model.safetensors"
    spelled = {}
    for name, value in load_file(file).items():
        if "LayerNorm" in name:
            name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
        spelled[name] = value
    save_file(spelled, file)
    ours = load_encoder(tmp_path)
    assert ours.head is not None and ours.pooler is not None
    assert_equal_states(reference, ours, [5, 2])


def test_tied_output_may_be_written_twice_but_not_differ(tmp_path: Path) -> None:
    saved(make("xlm-roberta", "ForMaskedLM"), tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tokens = tensors["roberta.embeddings.word_embeddings.weight"]
    save_file({**tensors, "lm_head.decoder.weight": tokens.clone()}, file)
    load_encoder(tmp_path)
    save_file({**tensors, "lm_head.decoder.weight": tokens + 1}, file)
    with pytest.raises(UserError, match="two different tensors"):
        load_encoder(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    reference = make("xlm-roberta", "Model").to(dtype)
    ours = load_encoder(saved(reference, tmp_path))
    assert {parameter.dtype for parameter in ours.parameters()} == {torch.float32}
    assert_equal_states(reference.float(), ours, [5, 2])


def test_shards(tmp_path: Path) -> None:
    reference = make("xlm-roberta", "Model")
    reference.save_pretrained(tmp_path, max_shard_size="8KB")
    assert not (tmp_path / "model.safetensors").exists()
    assert_equal_states(reference, load_encoder(tmp_path), [5, 2])
    index = tmp_path / "model.safetensors.index.json"
    names = json.loads(index.read_text())
    next(tmp_path.glob("model-00002*")).unlink()
    with pytest.raises(UserError, match="missing"):
        load_encoder(tmp_path)
    names["weight_map"]["pooler.dense.bias"] = "../elsewhere.safetensors"
    index.write_text(json.dumps(names))
    with pytest.raises(UserError, match=r"elsewhere\.safetensors"):
        load_encoder(tmp_path)

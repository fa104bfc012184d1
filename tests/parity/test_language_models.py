"""GPT-2 equals transformers' in every layer and converts both ways without loss, joined and sideways matrices too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from anyglot.errors import UserError
from anyglot.models.language import LanguageModel
from anyglot.models.pretrained.load import load_encoder, load_language_model, load_pretrained
from anyglot.models.pretrained.save import save_pretrained
from support.reference_models import LIMIT, VOCABULARY, randomise, saved, sentences

TOLERANCE = 1e-5
SETTINGS = {
    "vocab_size": VOCABULARY,
    "n_positions": LIMIT,
    "n_embd": 12,
    "n_layer": 3,
    "n_head": 3,
    "bos_token_id": 2,
    "eos_token_id": 2,
    "pad_token_id": 1,
}


def make(seed: int = 0, suffix: str = "LMHeadModel", **changes: Any) -> Any:
    config = transformers.GPT2Config(**{**SETTINGS, **changes})
    return randomise(getattr(transformers, "GPT2" + suffix)(config), seed).eval()


def logits(model: LanguageModel, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.output(model(tokens).last)
    return found


@pytest.mark.parametrize("lengths", [[5], [7, 3, 1], [LIMIT, 2]])
def test_every_layer_and_the_logits_equal_transformers(lengths: list[int], tmp_path: Path) -> None:
    reference = make()
    ours = load_language_model(saved(reference, tmp_path))
    tokens, mask = sentences(lengths)
    with torch.no_grad():
        theirs = reference(input_ids=tokens, attention_mask=mask.long(), output_hidden_states=True)
        states = ours(tokens, keep_states=True).states
    assert states is not None and len(states) == len(theirs.hidden_states) == 4
    for layer, (expected, found) in enumerate(zip(theirs.hidden_states, states, strict=True)):
        torch.testing.assert_close(found[mask], expected[mask], atol=TOLERANCE, rtol=0, msg=f"layer {layer}")
    torch.testing.assert_close(logits(ours, tokens)[mask], theirs.logits[mask], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("changes", [{"n_inner": 20}, {"activation_function": "gelu"}, {"layer_norm_epsilon": 1e-3}])
def test_settings_go_both_ways(changes: dict[str, Any], tmp_path: Path) -> None:
    reference = make(**changes)
    ours = load_language_model(saved(reference, tmp_path / "theirs"))
    save_pretrained(ours, tmp_path / "back")
    back = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "back").eval()
    tokens, _ = sentences([6, 6])
    with torch.no_grad():
        expected, again = reference(input_ids=tokens).logits, back(input_ids=tokens).logits
    torch.testing.assert_close(logits(ours, tokens), expected, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(again, expected, atol=TOLERANCE, rtol=0)


def test_round_trip_is_bit_equal_and_opens_without_complaint(tmp_path: Path) -> None:
    reference = make()
    first = saved(reference, tmp_path / "first")
    save_pretrained(load_pretrained(first), tmp_path / "second")  # type: ignore[arg-type]
    before, after = load_file(first / "model.safetensors"), load_file(tmp_path / "second/model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    back, report = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "second", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert type(back) is type(reference)
    for key in ("n_inner", "eos_token_id", "pad_token_id", "n_positions"):
        expected = 48 if key == "n_inner" else getattr(reference.config, key)  # none is four times the width
        assert getattr(back.config, key) == expected, key


def test_bare_models_and_old_buffers_are_read(tmp_path: Path) -> None:
    """Names without the head's prefix, causal masks that older versions stored, and the tied matrix twice."""
    reference = make()
    folder = saved(reference, tmp_path)
    stored = load_file(folder / "model.safetensors")
    bare = {name.removeprefix("transformer."): tensor for name, tensor in stored.items()}
    bare["h.0.attn.bias"] = torch.ones(1, 1, LIMIT, LIMIT)
    bare["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    bare["lm_head.weight"] = bare["wte.weight"].clone()
    save_file(bare, folder / "model.safetensors", metadata={"format": "pt"})
    tokens, _ = sentences([6])
    with torch.no_grad():
        expected = reference(input_ids=tokens).logits
    torch.testing.assert_close(logits(load_language_model(folder), tokens), expected, atol=TOLERANCE, rtol=0)


def test_a_joined_matrix_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = saved(make(), tmp_path)
    stored = load_file(folder / "model.safetensors")
    stored["transformer.h.1.attn.c_attn.weight"] = torch.zeros(12, 37)
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"stack\.blocks\.1\.self_attention\.inner\.query\.weight has shape \(13, 12\)"):
        load_pretrained(folder)


@pytest.mark.parametrize("key", ["scale_attn_by_inverse_layer_idx", "add_cross_attention"])
def test_other_arithmetic_is_refused(key: str, tmp_path: Path) -> None:
    folder = saved(make(), tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: True}))
    with pytest.raises(UserError, match=key):
        load_pretrained(folder)


def test_an_encoder_is_not_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="without an encoder"):
        load_encoder(saved(make(), tmp_path))

"""A model folder comes back bit-equal, or is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from anyglot.errors import UserError
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.store import is_model_folder, load_model, save_model
from support.model_builders import batch, encoder, model

MODELS = {
    "encoder": lambda: encoder(),
    "encoder with heads": lambda: encoder(language_head=True, pooler=True),
    "shared": lambda: model(),
    "apart": lambda: model(share_embeddings=False, tie_output=False, output_bias=True),
}


@pytest.mark.parametrize("kind", MODELS)
def test_round_trip(kind: str, tmp_path: Path) -> None:
    before = MODELS[kind]()
    save_model(before, tmp_path)
    after = load_model(tmp_path)
    assert is_model_folder(tmp_path) and type(after) is type(before) and not after.training
    assert after.config == before.config
    theirs = dict(after.named_parameters())
    assert [name for name, _ in before.named_parameters()] == list(theirs)
    assert all(torch.equal(value, theirs[name]) for name, value in before.named_parameters())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_edits_are_kept_and_follow_the_encoder(tmp_path: Path) -> None:
    before = model()
    before.encoder.stack.blocks[1].self_attention.skip = False
    save_model(before, tmp_path)
    source, mask = batch([5, 2])
    alone = load_encoder(tmp_path)
    assert alone.config.dropped_skips == ("stack.blocks.1.self_attention",)
    assert torch.equal(load_model(tmp_path).encode(source, mask).states, before.encode(source, mask).states)  # type: ignore[union-attr]
    assert torch.equal(alone(source, mask).last, before.encode(source, mask).states)
    save_model(alone, tmp_path / "alone")
    assert torch.equal(load_encoder(tmp_path / "alone")(source, mask).last, alone(source, mask).last)


def change(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_damage(tmp_path: Path) -> None:
    save_model(model(), tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    good, text = weights.read_bytes(), config.read_text()
    tensors = load_file(weights)

    def refused(said: str) -> None:
        with pytest.raises(UserError, match=said) as caught:
            load_model(tmp_path)
        assert "\n" not in str(caught.value)
        weights.write_bytes(good)
        config.write_text(text)

    weights.write_bytes(b"\xff" + good[1:])
    refused("damaged or not safetensors")
    weights.write_bytes(good[:-3])
    refused("damaged or not safetensors")
    weights.unlink()
    refused(r"holds no model\.safetensors")
    config.unlink()
    refused(r"holds no config\.json")
    name = "decoder.stack.final_norm.bias"
    save_file({key: value for key, value in tensors.items() if key != name}, weights)
    refused(f"1 tensors missing.*{name}")
    save_file({**tensors, "extra": torch.zeros(1)}, weights)
    refused("1 unexpected.*extra")
    save_file({**tensors, name: torch.zeros(9)}, weights)
    refused(rf"{name} has shape \(9,\)")
    change(tmp_path, unknown=1)
    refused("unknown")
    change(tmp_path, format="anyglot-9")
    refused("anyglot-1")
    change(tmp_path, padding_id="x")
    refused("padding_id")
    change(tmp_path, dropped_skips=["nowhere"])
    refused("nowhere")
    for content in ("", "[]", "{}", "[" * 100_000):
        config.write_text(content)
        refused(r"config\.json")
    load_model(tmp_path)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.integers(0, 1500), mask=st.integers(1, 255), name=st.sampled_from(["config.json", "model.safetensors"])
)
def test_a_flipped_byte_never_escapes_as_another_error(tmp_path: Path, position: int, mask: int, name: str) -> None:
    if not is_model_folder(tmp_path):
        save_model(encoder(), tmp_path)
    path = tmp_path / name
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[position % len(content)] ^= mask
    path.write_bytes(damaged)
    try:
        load_model(tmp_path)
    except UserError:
        pass
    finally:
        path.write_bytes(content)

"""A foreign folder is hostile: each thing wrong with it is one clear sentence."""

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
from anyglot.models.build import build_encoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.pretrained import locate
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.locate import tokenizer_source
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.store import save_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small XLM-R in transformers' format."""
    config = EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(vocabulary_size=11, width=4, positions="learned", position_rows=9, norm=True),
        stack=StackConfig(layers=2, width=4, heads=2, feedforward_width=8, norm_first=False),
    )
    save_pretrained(build_encoder(config), tmp_path)
    return tmp_path


def change(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "nllb-moe"}, "nllb-moe.*mixture of experts"),
        ({"model_type": "gpt_neox"}, "gpt_neox.*not supported"),
        ({"model_type": ["bert"]}, "not supported"),
        ({"model_type": None}, "names no model_type"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type.*relative_key"),
        ({"is_decoder": True}, "is_decoder"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"auto_map": {"AutoModel": "evil.Model"}}, "auto_map"),
        ({"hidden_act": "mish"}, "mish"),
        ({"hidden_size": "4"}, "hidden_size"),
        ({"hidden_size": True}, "hidden_size"),
        ({"hidden_size": 10**12}, "hidden_size"),
        ({"num_hidden_layers": -1}, "num_hidden_layers"),
        ({"num_attention_heads": 3}, "heads"),
        ({"layer_norm_eps": 0}, "layer_norm_eps"),
        ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob"),
        ({"vocab_size": None}, "vocab_size"),
        ({"vocab_size": 12}, "shape"),
        ({"hidden_size": 9_000_000, "num_attention_heads": 1}, "shape"),
        ({"num_hidden_layers": 3}, r"16 tensors are missing.*encoder\.layer\.2"),
        ({"num_hidden_layers": 1}, r"16 are unexpected.*encoder\.layer\.1"),
        ({"intermediate_size": 9}, "shape"),
        ({"max_position_embeddings": 10}, "shape"),
        ({"model_type": "mbart"}, "d_model"),
    ],
)
def test_config(folder: Path, changes: dict[str, Any], said: str) -> None:
    change(folder, **changes)
    with pytest.raises(UserError, match=said) as caught:
        load_pretrained(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, "\udcff", '{"model_type": 1e999}'])
def test_config_that_is_no_config(folder: Path, text: str) -> None:
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"config\.json"):
        load_pretrained(folder)


def test_unknown_keys_are_not_looked_at(folder: Path) -> None:
    change(folder, whatever={"x": 1}, architectures=["Foo"])
    load_pretrained(folder)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_never_escapes_as_another_error(folder: Path, data: st.DataObject) -> None:
    """Values may change unseen (transformers has no checksums), but nothing but UserError comes out."""
    path = folder / data.draw(st.sampled_from(["config.json", "model.safetensors"]))
    content = path.read_bytes()
    position = data.draw(st.integers(0, min(len(content), 2000) - 1))
    damaged = bytearray(content)
    damaged[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    try:
        load_pretrained(folder)
    except UserError:
        pass
    finally:
        path.write_bytes(content)


def test_truncated_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"model\.safetensors is damaged"):
        load_pretrained(folder)


def test_weights_of_another_family(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({"wte.weight": torch.zeros(11, 4)}, path)
    with pytest.raises(UserError, match="no token embeddings"):
        load_pretrained(folder)


def test_a_tensor_too_many(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({**load_file(path), "encoder.layer.0.adapter.weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match=r"1 are unexpected.*adapter"):
        load_pretrained(folder)


def test_integers_are_no_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "encoder.layer.0.output.dense.bias": torch.zeros(4, dtype=torch.int8)}, path)
    with pytest.raises(UserError, match="quantized"):
        load_pretrained(folder)


@pytest.mark.parametrize("content", ["{}", "[]", "x", '{"weight_map": []}', '{"weight_map": {"a": 3}}'])
def test_damaged_index(folder: Path, content: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(content)
    with pytest.raises(UserError, match="index"):
        load_pretrained(folder)


def test_an_empty_folder_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no config\.json"):
        load_pretrained(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is a file"):
        load_pretrained(tmp_path / "file")


def test_a_name_the_hub_does_not_give(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    for call in (load_pretrained, load_encoder, tokenizer_source):
        with pytest.raises(UserError, match=r"some/model.*hub failed.*ConnectionError.*local folder"):
            call("some/model")


def test_only_safe_files_are_fetched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[Any] = []

    def fetch(name: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((name, revision))
        assert not [pattern for pattern in allow_patterns if pattern.endswith((".bin", ".py", "*"))]
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert load_encoder("some/model", "v2").config.family == "xlm-roberta"
    assert asked == [("some/model", "v2")]
    assert "model.safetensors" in locate.MODEL_FILES


def test_tokenizer_source(folder: Path) -> None:
    with pytest.raises(UserError, match="holds no tokenizer"):
        tokenizer_source(folder)
    (folder / "sentencepiece.bpe.model").write_bytes(b"x")
    assert tokenizer_source(folder) == folder


def test_our_own_folders(tmp_path: Path, folder: Path) -> None:
    encoder = load_encoder(folder)
    save_model(encoder, tmp_path / "ours")
    again = load_encoder(tmp_path / "ours")
    assert all(torch.equal(one, other) for one, other in zip(encoder.parameters(), again.parameters(), strict=True))

"""Matrices are found under the right names in every family, and their spectra are numpy's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from anyglot.analysis.spectra import compare, distance, frobenius, measure, singular_values
from anyglot.analysis.weights import MATRICES, Place, find_weights
from anyglot.errors import UserError
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.store import save_model
from support.reference_models import make, saved

# What the papers' names are in transformers' modules, written out by hand.
BERT = {
    "K": "encoder.layer.{}.attention.self.key",
    "Q": "encoder.layer.{}.attention.self.query",
    "V": "encoder.layer.{}.attention.self.value",
    "Out": "encoder.layer.{}.attention.output.dense",
    "FC1": "encoder.layer.{}.intermediate.dense",
    "FC2": "encoder.layer.{}.output.dense",
}
BART = {
    "K": "{}.layers.{}.self_attn.k_proj",
    "Q": "{}.layers.{}.self_attn.q_proj",
    "V": "{}.layers.{}.self_attn.v_proj",
    "Out": "{}.layers.{}.self_attn.out_proj",
    "FC1": "{}.layers.{}.fc1",
    "FC2": "{}.layers.{}.fc2",
}
CROSS = {name: path.replace("self_attn", "encoder_attn") for name, path in BART.items() if "attn" in path}


def numpy_values(module):
    return np.linalg.svd(module.weight.detach().double().numpy(), compute_uv=False)


@pytest.mark.parametrize("family", ["xlm-roberta", "roberta", "xlm-roberta-xl", "roberta-prelayernorm", "bert"])
@pytest.mark.parametrize("suffix", ["Model", "ForMaskedLM"])
def test_every_matrix_of_an_encoder(family, suffix, tmp_path):
    model = make(family, suffix)
    bare = getattr(model, model.base_model_prefix, model)
    found = measure(find_weights(saved(model, tmp_path)))
    assert len(found.spectra) == 3 * len(MATRICES)
    for place, spectrum in found.spectra.items():
        module = bare.get_submodule(BERT[place.matrix].format(place.layer))
        assert place.side == "encoder" and place.part == ("feedforward" if "FC" in place.matrix else "self")
        np.testing.assert_allclose(spectrum.values, numpy_values(module), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("family", ["mbart", "m2m_100", "marian"])
def test_every_matrix_of_an_encoder_decoder(family, tmp_path):
    suffix = {"marian": "MTModel"}.get(family, "ForConditionalGeneration")
    model = make(family, suffix)
    found = measure(find_weights(saved(model, tmp_path)))
    assert len(found.spectra) == 3 * 6 + 2 * 10
    assert {place.column for place in found.spectra if place.side == "encoder"} == set(MATRICES)
    for place, spectrum in found.spectra.items():
        names = CROSS if place.part == "cross" else BART
        module = model.model.get_submodule(names[place.matrix].format(place.side, place.layer))
        np.testing.assert_allclose(spectrum.values, numpy_values(module), rtol=1e-7, atol=1e-9)
    norms = {place: each for place, each in found.gains.items() if place.side == "decoder" and place.layer == 0}
    gain = model.model.decoder.layers[0].encoder_attn_layer_norm.weight.detach().double()
    assert norms[Place("decoder", 0, "cross", "gains")].root_mean_square == pytest.approx(
        float(gain.square().mean().sqrt())
    )
    assert (Place("encoder", 3, "final", "gains") in found.gains) == (family != "marian")


def test_a_language_model_s_joined_matrix_is_taken_apart(tmp_path):
    import transformers

    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=30, n_positions=8, n_embd=12, n_layer=2, n_head=2)
    )
    found = measure(find_weights(saved(model, tmp_path)))
    assert len(found.spectra) == 12 and {place.side for place in found.spectra} == {"decoder"}
    attention = model.transformer.h[1].attn.c_attn.weight.detach().double().numpy()
    for matrix, part in zip("QKV", np.split(attention, 3, axis=1), strict=True):
        values = found.spectra[Place("decoder", 1, "self", matrix)].values
        np.testing.assert_allclose(values, np.linalg.svd(part, compute_uv=False), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("family, suffix", [("xlm-roberta", "ForMaskedLM"), ("mbart", "ForConditionalGeneration")])
def test_our_own_folder_has_the_spectra_of_what_it_was_made_from(family, suffix, tmp_path):
    theirs = saved(make(family, suffix), tmp_path / "theirs")
    save_model(load_pretrained(theirs), tmp_path / "ours")
    one, other = measure(find_weights(theirs)), measure(find_weights(tmp_path / "ours"))
    assert one.spectra.keys() == other.spectra.keys() and one.gains == other.gains
    compared = compare(one, other)
    assert all(change.distance == 0 for change in compared.changes.values()) and compared.remarks == ()


def test_an_encoder_taken_out_is_compared_with_the_whole(tmp_path):
    whole = saved(make("mbart", "ForConditionalGeneration"), tmp_path / "whole")
    save_model(load_encoder(whole), tmp_path / "encoder")
    compared = compare(measure(find_weights(tmp_path / "encoder")), measure(find_weights(whole)))
    distances = [c.distance for c in compared.changes.values() if c.distance is not None]
    assert len(distances) == 18 and not any(distances)
    assert any("decoder" in remark for remark in compared.remarks)
    assert any("20 matrices of whole have no partner in encoder" in remark for remark in compared.remarks)


@pytest.mark.parametrize("shape", [(30, 30), (40, 10), (10, 40), (7, 1)])
def test_singular_values_are_numpy_s(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    reference = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    found = singular_values(matrix)
    np.testing.assert_allclose(found, reference, rtol=1e-8)
    assert frobenius(matrix) == pytest.approx(np.linalg.norm(reference), rel=1e-12)
    np.testing.assert_allclose(found, torch.linalg.svdvals(matrix).numpy(), rtol=1e-4)


def test_a_singular_matrix_has_zeros_at_the_end():
    matrix = torch.outer(torch.arange(1.0, 6), torch.arange(1.0, 4))
    found = singular_values(matrix)
    assert found[0] == pytest.approx(np.sqrt(55 * 14)) and np.all(found[1:] < 1e-6) and np.all(found >= 0)


def test_norms_differ_by_at_most_the_distance():
    generator = torch.Generator().manual_seed(2)
    for trial in range(200):
        rows, columns = (int(torch.randint(1, 12, (), generator=generator)) for _ in range(2))
        a = torch.randn(rows, columns, generator=generator)
        b = a * (1 + trial % 7 / 7) + 0.1 * (trial % 3) * torch.randn(rows, columns, generator=generator)
        d = distance(singular_values(a), singular_values(b))
        assert abs(frobenius(a) - frobenius(b)) <= d + 1e-9
        assert d <= float(torch.linalg.norm(a - b)) + 1e-6  # Mirsky's theorem


def test_norms_alone_need_no_singular_values(tmp_path):
    weights = find_weights(saved(make("bert", "Model"), tmp_path))
    found = measure(weights, norms_only=True)
    full = measure(weights)
    for place, spectrum in found.spectra.items():
        assert spectrum.values is None and spectrum.spectral is None
        assert spectrum.norm == pytest.approx(np.linalg.norm(full.spectra[place].values), rel=1e-10)


def sharded(model, folder):
    model.save_pretrained(folder, max_shard_size="3KB")
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 3
    return index["weight_map"]


def test_shards_are_read_as_one(tmp_path):
    model = make("xlm-roberta", "Model")
    sharded(model, tmp_path / "shards")
    one, other = (measure(find_weights(folder)) for folder in (saved(model, tmp_path / "one"), tmp_path / "shards"))
    assert all(change.distance == 0 for change in compare(one, other).changes.values()) and len(other.spectra) == 18


def test_a_missing_shard_is_told_and_the_rest_compared(tmp_path):
    model = make("xlm-roberta", "Model")
    places = sharded(model, tmp_path / "shards")
    lost = places["encoder.layer.1.attention.self.key.weight"]
    (tmp_path / "shards" / lost).unlink()
    weights = find_weights(tmp_path / "shards")
    assert weights.missing == (lost,) and Place("encoder", 1, "self", "K") not in weights.matrices
    compared = compare(measure(find_weights(saved(model, tmp_path / "one"))), measure(weights))
    assert 0 < len(compared.changes) < 18 and all(change.distance == 0 for change in compared.changes.values())
    assert any(f"shards lacks {lost}" in remark for remark in compared.remarks)
    with pytest.raises(UserError, match="is missing"):
        load_pretrained(tmp_path / "shards")


def test_other_depth_width_and_family_are_told(tmp_path):
    base = measure(find_weights(saved(make("xlm-roberta", "Model"), tmp_path / "base")))
    deep = measure(find_weights(saved(make("xlm-roberta", "Model", num_hidden_layers=5), tmp_path / "deep")))
    wide = measure(find_weights(saved(make("bert", "Model", hidden_size=24), tmp_path / "wide")))
    compared = compare(base, deep)
    assert "The encoder of base has 3 layers, that of deep 5; what both have is compared" in compared.remarks
    assert sum(change.distance is not None for change in compared.changes.values()) == 18
    told = " ".join(compare(base, wide).remarks)
    assert "family xlm-roberta, wide of bert" in told and "another number of singular values" in told


def test_no_model_and_no_matrices_are_told(tmp_path):
    folder = saved(make("bert", "Model"), tmp_path / "bert")
    kept = {
        "embeddings.word_embeddings.weight": load_file(folder / "model.safetensors")[
            "embeddings.word_embeddings.weight"
        ]
    }
    save_file(kept, folder / "model.safetensors")
    with pytest.raises(UserError, match="holds no attention or feed-forward matrices"):
        find_weights(folder)
    (folder / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(UserError, match="not supported"):
        find_weights(folder)


PEAK = """
import sys
from pathlib import Path
from anyglot.analysis.spectra import measure
from anyglot.analysis.weights import find_weights

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

weights = find_weights(sys.argv[1])
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
measure(weights, norms_only=True)
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from Linux' /proc")
def test_a_checkpoint_larger_than_what_is_held(tmp_path):
    """300 MB of matrices are read; what is mapped into memory is given back on the way."""
    width, layers = 512, 24
    tensors = {"embeddings.word_embeddings.weight": torch.zeros(50, width)}
    for layer in range(layers):
        for matrix, path in BERT.items():
            shape = {"FC1": (4 * width, width), "FC2": (width, 4 * width)}.get(matrix, (width, width))
            tensors[path.format(layer) + ".weight"] = torch.full(shape, 0.01)
    save_file(tensors, tmp_path / "model.safetensors")
    config = {"model_type": "xlm-roberta", "vocab_size": 50, "hidden_size": width, "num_hidden_layers": layers,
              "num_attention_heads": 8, "intermediate_size": 4 * width, "max_position_embeddings": 10}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    size = (tmp_path / "model.safetensors").stat().st_size / 1024
    done = subprocess.run([sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert size > 250_000 and int(done.stdout) < 150_000, (size, done.stdout)

"""Vectors equal transformers' states, naively pooled, in every layer; they depend on their own text alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anyglot.embedding import Embedder, EmbeddingSettings
from anyglot.embedding.settings import POOLINGS, Pooling
from anyglot.errors import UserError
from embedding.tiny import LAYERS, LONG, SENTENCES, WIDTH, cosine_distance, hidden_states, pooled, write_xlmr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_xlmr(tmp_path_factory.mktemp("xlmr"))


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    return Embedder.from_pretrained(folder, device="cpu", precision="fp32")


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_layer_equals_transformers(folder: Path, embedder: Embedder, pooling: Pooling) -> None:
    settings = EmbeddingSettings(pooling=pooling)
    found = embedder.embed_layers(SENTENCES, ["embeddings", *range(LAYERS)], settings)
    assert found.shape == (LAYERS + 1, len(SENTENCES), WIDTH) and found.dtype == np.float32
    for row, text in enumerate(SENTENCES):
        expected = pooled(hidden_states(folder, text), pooling)
        np.testing.assert_allclose(found[:, row], expected, atol=3e-5, err_msg=text)


def test_one_layer_is_that_of_a_sweep(embedder: Embedder) -> None:
    sweep = embedder.embed_layers(SENTENCES)
    for layer in (*range(-LAYERS, LAYERS), "middle"):
        found = embedder.embed(SENTENCES, EmbeddingSettings(layer=layer))  # type: ignore[arg-type]
        assert np.array_equal(found, sweep[LAYERS // 2 if layer == "middle" else int(layer)])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_vector_does_not_depend_on_its_neighbours(folder: Path, precision: str, threads: int) -> None:
    embedder = Embedder.from_pretrained(folder, device="cpu", precision=precision)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        together = embedder.embed(SENTENCES, EmbeddingSettings(batch_tokens=10_000))
        small = embedder.embed(SENTENCES[::-1], EmbeddingSettings(batch_tokens=70))[::-1]
        alone = np.concatenate([embedder.embed([text]) for text in SENTENCES])
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(together, small)
    assert np.array_equal(together, alone)

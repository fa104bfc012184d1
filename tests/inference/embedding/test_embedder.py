"""Vectors equal transformers' states, naively pooled, in every layer; they depend on their own text alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from anyglot.inference.embedding.settings import POOLINGS, Pooling
from anyglot.models.build import build
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.store import save_model
from anyglot.text.tokenizer_training import train_tokenizer
from support.model_builders import randomised
from support.tiny_encoders import LAYERS, LONG, SENTENCES, WIDTH, cosine_distance, hidden_states, pooled, write_xlmr
from support.tiny_translators import TEXTS, encoder_config, write_model_folder


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
        if not embedder.batch_independent:
            pytest.skip("measured: it depends on them here, and a warning says so")
        together = embedder.embed(SENTENCES, EmbeddingSettings(batch_tokens=10_000))
        small = embedder.embed(SENTENCES[::-1], EmbeddingSettings(batch_tokens=70))[::-1]
        alone = np.concatenate([embedder.embed([text]) for text in SENTENCES[-4:]])
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(together, small)
    assert np.array_equal(together[-4:], alone)


def test_bf16_is_near_fp32(folder: Path, embedder: Embedder) -> None:
    coarse = Embedder.from_pretrained(folder, device="cpu", precision="bf16").embed_layers(SENTENCES)
    assert 1e-8 < cosine_distance(coarse, embedder.embed_layers(SENTENCES)) < 1e-2


def test_an_empty_text_is_zeros_and_counted(folder: Path) -> None:
    embedder = Embedder.from_pretrained(folder, device="cpu", precision="fp32")
    found = embedder.embed(["", "das Haus", " \t ", "Hund"])
    assert not found[[0, 2]].any() and found[[1, 3]].any(axis=1).all()
    assert (embedder.counts.texts, embedder.counts.empty, embedder.counts.computed) == (4, 2, 2)


def test_no_text_is_no_row(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, WIDTH)
    assert not embedder.embed(["", ""]).any()


def test_equal_texts_go_through_the_model_once(folder: Path) -> None:
    embedder = Embedder.from_pretrained(folder, device="cpu", precision="fp32")
    found = embedder.embed(["Hund", "das Haus", "Hund", "Hund"])
    assert embedder.counts.computed == 2
    assert np.array_equal(found[[0, 0]], found[2:])


def test_a_long_text_is_cut_to_the_limit_and_counted(folder: Path) -> None:
    embedder = Embedder.from_pretrained(folder, device="cpu", precision="fp32")
    text = LONG * 3
    for given, limit in ((10, 10), (512, 128)):
        found = embedder.embed_layers([text, "Hund"], None, EmbeddingSettings(max_length=given))
        np.testing.assert_allclose(found[:, 0], pooled(hidden_states(folder, text, limit), "mean")[1:], atol=3e-5)
    assert embedder.counts.cut == 2


def test_normalised_vectors_have_length_one(embedder: Embedder) -> None:
    plain, unit = (embedder.embed([*SENTENCES, ""], EmbeddingSettings(normalize=each)) for each in (False, True))
    np.testing.assert_allclose(np.linalg.norm(unit[:-1], axis=1), 1, atol=1e-6)
    assert not unit[-1].any()
    assert cosine_distance(plain[:-1], unit[:-1]) < 1e-6


def test_windows_change_nothing(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{text} {other}" for other in SENTENCES for text in SENTENCES * 4]
    whole = embedder.embed(texts)
    parts = list(embedder.stream(iter(texts), [0, -1, 0]))
    assert np.array_equal(parts[0][1], whole)
    assert np.array_equal(parts[0][0], parts[0][2])
    monkeypatch.setattr("anyglot.inference.embedding.embedder.WINDOW", 512)
    parts = list(embedder.stream(iter(texts), [-1]))
    assert [part.shape[1] for part in parts] == [512, len(texts) - 512]
    assert np.array_equal(np.concatenate([part[0] for part in parts]), whole)


def test_an_encoder_of_an_encoder_decoder_trained_here(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path)
    ours = Embedder.from_pretrained(folder, device="cpu", precision="fp32")
    model = load_encoder(folder)
    ids = ours.tokenizer.encode_source(["Das Haus ist alt."])
    with torch.no_grad():
        expected = model(torch.tensor(ids), torch.ones(1, len(ids[0]), dtype=torch.bool)).last.mean(dim=1).numpy()
    np.testing.assert_allclose(ours.embed(["Das Haus ist alt."]), expected, atol=1e-5)


def test_cross_attention_and_dropped_skips(tmp_path: Path) -> None:
    """VECO's blocks have a cross-attention, which is passed over; SixT+'s dropped skip stays dropped."""
    tokenizer = train_tokenizer(TEXTS * 5, 100, tmp_path, seed=1)
    config = encoder_config(tokenizer.vocabulary_size)
    changes = {"cross_attention": True, "layers": 3}
    config = config.model_copy(
        update={
            "stack": config.stack.model_copy(update=changes),
            "dropped_skips": ("stack.blocks.1.self_attention",),
        }
    )
    model = randomised(build(config), 3)
    save_model(model, tmp_path)
    texts = [text[:12] for text in TEXTS]  # 32 positions are all there are
    ids = tokenizer.encode_source(texts)
    found = Embedder.from_pretrained(tmp_path, device="cpu", precision="fp32").embed_layers(texts)
    for row, sentence in enumerate(ids):
        with torch.no_grad():
            mask = torch.ones(1, len(sentence), dtype=torch.bool)
            states = model(torch.tensor([sentence]), mask, keep_states=True).states
        expected = np.stack([state[0].mean(dim=0).numpy() for state in states[1:]])
        np.testing.assert_allclose(found[:, row], expected, atol=1e-5)


def test_one_text_instead_of_many_is_a_mistake(embedder: Embedder) -> None:
    with pytest.raises(TypeError, match=r"write \[text\]"):  # `embed` takes a text alone, this does not
        embedder.embed_layers("das Haus")


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = write_xlmr(tmp_path, layers=1)
    other = train_tokenizer([*TEXTS * 5, "xyz qwv jkp XYZ 0123456789"], 115, tmp_path / "other", seed=1)
    other.save(folder)
    with pytest.raises(UserError, match="of two models"):
        Embedder.from_pretrained(folder, device="cpu", precision="fp32")


def test_int8_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="does not run in int8"):
        Embedder.from_pretrained(folder, device="cpu", precision="int8")

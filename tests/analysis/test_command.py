"""`anyglot analyze` with tiny models of random weights: folders and sentences in, reports, tables and figures out."""

from __future__ import annotations

import builtins
import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from anyglot.analysis.cka import biased_cka, unbiased_cka
from anyglot.cli.analyze import analyze
from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder
from anyglot.reporting.elements import Bar, Bars, Curves, HeatMap, Line, Table
from anyglot.reporting.figures import draw_bars, draw_curves, draw_maps
from anyglot.reporting.latex import latex_escaped, latex_table
from support.tiny_encoders import LAYERS, write_xlmr
from support.tiny_translators import TEXTS

LINES = [" ".join(TEXTS[(row + step) % len(TEXTS)] for step in range(1 + row % 3)) for row in range(24)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    write_xlmr(folder / "lm")
    write_xlmr(folder / "continued", seed=1)
    write_xlmr(folder / "deep", seed=2, layers=6, width=32)
    return folder


@pytest.fixture
def texts(tmp_path):
    for name, lines in (("en", LINES), ("de", LINES[::-1])):
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    return f"en={tmp_path}/en,de={tmp_path}/de"


def command(*words):
    found = CliRunner().invoke(analyze, [str(word) for word in words])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def numbers(folder):
    return json.loads((folder / "numbers.json").read_text("utf-8"))


def test_cka_is_that_of_the_embedders_states(models, texts, tmp_path):
    out = tmp_path / "out"
    done = command("cka", models / "lm", models / "continued", "--texts", texts, "--sentences", 16, "--resamples", 50,
                   "--precision", "fp32", "--device", "cpu", "--all-layers", "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    found = numbers(out)
    from anyglot.analysis.samples import read_sample

    sample = read_sample(texts, sentences=16, seed=1)
    x, y = (
        Embedder.from_pretrained(models / name, "cpu", "fp32").embed_layers(
            sample.texts["en"], ["embeddings", *range(LAYERS)]
        )
        for name in ("lm", "continued")
    )
    for layer, each in enumerate(found["models"][0]["values"]["en"]):
        assert each["value"] == pytest.approx(unbiased_cka(x[layer], y[layer]), abs=1e-6)
        assert each["biased"] == pytest.approx(biased_cka(x[layer], y[layer]), abs=1e-6)
        assert each["low"] <= each["value"] <= each["high"]
    assert np.shape(found["every_layer"][0]["values"]) == (LAYERS + 1, LAYERS + 1)
    assert [each["title"] for each in found["languages"]] == ["Languages of lm", "Languages of continued"]
    assert "| embeddings |" in done.stdout and "inflated" in done.stderr
    for name in ("cka-between-models", "cka-between-languages", "cka-every-layer", "cka-by-layer"):
        assert (out / f"figures/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert ElementTree.parse(out / f"figures/{name}.svg").getroot().tag.endswith("svg")
    page = (out / "report.html").read_text("utf-8")
    assert "<svg" in page and "http://" not in page.replace("http://www.w3.org", "") and "src=" not in page
    assert (out / "tables/cka-lm-and-continued.tex").read_text("utf-8").startswith(r"\begin{table}")


def test_models_of_other_depth_and_width_are_compared_by_share(models, texts, tmp_path):
    done = command("cka", models / "lm", models / "deep", "--texts", texts, "--resamples", "0", "--no-figures",
                   "--out", tmp_path / "out")  # fmt: skip
    assert "lm has 4 layers and deep 6" in done.stderr and not (tmp_path / "out/figures").exists()
    assert len(numbers(tmp_path / "out")["models"][0]["values"]["en"]) == LAYERS + 1


def test_minibatches_estimate_the_same(models, texts, tmp_path):
    common = ("cka", models / "lm", models / "continued", "--texts", texts, "--no-figures")
    done = command(*common, "--minibatch", "12", "--resamples", "20", "--out", tmp_path / "batches")
    assert done.exit_code == 0
    command(*common, "--resamples", "0", "--out", tmp_path / "whole")
    batches, whole = (numbers(tmp_path / name)["models"][0] for name in ("batches", "whole"))
    assert batches["estimator"] == "unbiased, in minibatches of 12" and batches["sentences"] == 24
    for one, other in zip(batches["values"]["en"], whole["values"]["en"], strict=True):
        assert one["value"] == pytest.approx(other["value"], abs=0.35) and one["biased"] is None
    with pytest.raises(UserError, match="at least two of them; the sample has 24"):
        command(*common, "--minibatch", "13")


def test_separability_with_scores(models, texts, tmp_path):
    scores = tmp_path / "scores.tsv"
    scores.write_text("model\tlanguage\tscore\n" + "".join(
        f"{model}\tde\t{score}\n" for model, score in (("lm", 3), ("continued", 2), ("deep", 1), ("other", 9))
    ))  # fmt: skip
    done = command("separability", models / "lm", models / "continued", models / "deep", "--texts", texts,
                   "--scores", scores, "--resamples", "50", "--out", tmp_path / "out")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    table = json.loads((tmp_path / "out/tables/does-it-go-with-transfer.json").read_text())
    assert {row["n"] for row in table["rows"]} == {3} and len(table["rows"]) == 7
    assert all(row["rho"] is None or -1 <= row["rho"] <= 1 for row in table["rows"])
    assert (tmp_path / "out/figures/separability-at-the-last-layer.svg").is_file()
    scores.write_text("model\tscore\nxlm-r\t3\n")
    with pytest.raises(UserError, match="the scores are of xlm-r, the models are called lm"):
        command("separability", models / "lm", "--texts", texts, "--scores", scores, "--out", tmp_path / "x")


def test_spectra_of_a_base_and_a_model(models, tmp_path):
    done = command("spectra", models / "lm", models / "continued", models / "deep", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "| lm |" in done.stdout and "K ‖σ‖" in done.stdout
    assert "deep and cannot be compared" not in done.stderr and "another number of singular values" in done.stderr
    rows = json.loads((tmp_path / "out/tables/every-layer-of-the-encoder.json").read_text("utf-8"))["rows"]
    by_place = {(row["Layer"], row["Model"]): row for row in rows}
    assert len(rows) == 4 + 4 + 6 and by_place["0", "lm"]["K d"] is None
    for layer in range(4):
        base, own = by_place[str(layer), "lm"], by_place[str(layer), "continued"]
        for name in ("K", "Q", "V", "Out", "FC1", "FC2"):
            assert abs(base[f"{name} ‖σ‖"] - own[f"{name} ‖σ‖"]) <= own[f"{name} d"] + 1e-9
    assert (tmp_path / "out/figures/spectra-encoder.png").is_file()
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert "Last layer of the encoder (layer 3)" in page and "Gains of layer norms" in page


def test_one_model_and_the_same_model(models, tmp_path):
    import shutil

    assert command("spectra", models / "lm", "--out", tmp_path / "one", "--norms-only").exit_code == 0
    shutil.copytree(models / "lm", tmp_path / "copy")
    done = command("spectra", models / "lm", tmp_path / "copy", "--out", tmp_path / "two", "--no-figures")
    assert "copy and lm have the same singular values: are they one model?" in done.stderr


def test_mistakes_are_told_before_anything_is_computed(models, texts, tmp_path):
    with pytest.raises(UserError, match="given twice"):
        command("cka", models / "lm", models / "lm", "--texts", texts)
    with pytest.raises(UserError, match="at least 4 sentences and the sample has 3"):
        command("cka", models / "lm", "--texts", texts, "--sentences", "3", "--out", tmp_path / "out")
    with pytest.raises(UserError, match="no pooling 'max'"):
        command("cka", models / "lm", "--texts", texts, "--pooling", "max")
    with pytest.raises(UserError, match="nothing to compare"):
        command("cka", models / "lm", "--texts", f"en={tmp_path}/en", "--out", tmp_path / "out")
    with pytest.raises(UserError, match="There is no folder"):
        command("spectra", models / "lm", tmp_path / "nothing", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_matplotlib_one_sentence_says_what_to_do(models, texts, tmp_path, monkeypatch):
    whole = builtins.__import__

    def without(name, *rest, **further):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return whole(name, *rest, **further)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"anyglot\[plots\].*--no-figures"):
        command("spectra", models / "lm", "--out", tmp_path / "out")
    assert command("spectra", models / "lm", "--out", tmp_path / "out", "--no-figures").exit_code == 0


def test_help_has_examples():
    for verb in ("cka", "spectra", "separability"):
        assert "anyglot analyze " + verb in command(verb, "--help").stdout


def test_figures_hold_what_is_missing_and_are_the_same_twice(tmp_path):
    chart = HeatMap("A & <b>", "layer", ("emb", "0"), ("de", "ru"), ((0.5, None), (1.0, 0.0)), 0.0, 1.0, decimals=2)
    curves = Curves("c", "layer", "CKA", (Line("one", ((0.0, 1.0), (1.0, float("nan"))), dotted=True), Line("two", ())))
    bars = Bars("b", "d", (Bar("K", "m", 1.0, 0.5, 1.5), Bar("K", "n", 2.0), Bar("Q", "n", 1.0)), order=())
    contents = []
    for name in ("one", "two"):
        paths = [
            *draw_maps([chart] * 3, tmp_path / name / "maps", "language"),
            *draw_curves([curves], tmp_path / name / "curves"),
            *draw_bars(bars, tmp_path / name / "bars"),
        ]
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1] and all(contents[0])


def test_latex_escapes_and_rules():
    table = Table(
        "50 % of A_1", ("Model", "K ‖σ‖", "d"), (("a_b & c", 44.756, None), ("x^2", 48.28, 4.234)), "Note.", 2
    )
    text = latex_table(table, "tab:x")
    assert r"\begin{tabular}{lrr}" in text and r"a\_b \& c & 44.76 & -- \\" in text and r"x\textasciicircum{}2" in text
    assert r"Model & K $\|$$\sigma$$\|$ & d \\" in text and r"\caption{50 \% of A\_1. Note.}" in text
    assert [text.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1] and r"\label{tab:x}" in text
    assert latex_escaped("a\\{b}\n~") == r"a\textbackslash{}\{b\} \textasciitilde{}"

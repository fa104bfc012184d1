"""A study's report from what its steps really write: analyses of tiny models, and scores in the suite's own form."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from anyglot.analysis.run import StatesRequest, run_cka, run_separability, run_spectra
from anyglot.analysis.samples import read_sample
from anyglot.errors import UserError
from anyglot.evaluation.finetuning.results import LanguageScores, SeedResult
from anyglot.experiments.study.file import load_study
from anyglot.experiments.study.report import write_study_report
from anyglot.experiments.study.results import read_results
from anyglot.experiments.study.steps import steps_of
from anyglot.experiments.study.tables import average_table, base_maps, last_layer_table
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support.recipe_words import write_words

STUDY = """
study: reported
title: A reported study
variables: {updates: 3}
lists: {seed: [1, 2], model: [lm, m2m]}
steps:
  lm: {each: [seed], command: "anyglot train lm --out {out}"}
  m2m: {each: [seed], command: "anyglot train m2m {step:lm} --out {out}"}
  understanding: {each: [model, seed], command: "anyglot evaluate translation {step:{model}} --out {out}"}
  cka: {each: [seed], command: "anyglot analyze cka {step:lm} {step:m2m} --out {out}"}
  spectra: {each: [seed], command: "anyglot analyze spectra {step:lm} {step:m2m} --out {out}"}
  separability: {each: [seed], command: "anyglot analyze separability {step:lm} {step:m2m} --out {out}"}
  report: {after: ["*"], command: "anyglot study report --out {out}"}
report: {base: lm, continued: [m2m], conditions: {m2m: continued, lm: language model}}
"""

MODEL = """
name: model
method: {name: denoising, layers: 2, decoder_layers: 1, width: 32, heads: 2, feedforward_width: 64, positions: 40}
tokenizer: {train: {vocabulary_size: 36}}
data: {train: [{language: de, file: train.de}, {language: en, file: train.en}], max_length: 32, batch_tokens: 512,
       cache: cache}
stages: {pretrain: {updates: 1, learning_rate: 3e-2}}
runtime: {precision: fp32}
"""
SCORES = {"lm": (70.0, 72.0), "m2m": (60.0, 61.8)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study's folder with every step's results in it, and the report's input."""
    root = tmp_path_factory.mktemp("study")
    write_words(root, train=60)
    (root / "model.yaml").write_text(MODEL)
    (root / "study.yaml").write_text(STUDY)
    sample = read_sample(f"de={root}/train.de,en={root}/train.en", (), sentences=40, seed=1)
    for seed in (1, 2):
        for condition, rate in (("lm", 3e-2), ("m2m", 6e-2)):
            changes = [f"seed={seed}", f"stages.pretrain.learning_rate={rate}", "tokenizer.train.input_sentences=100"]
            run_recipe(load_recipe(root / "model.yaml", changes), root / f"{condition}-{seed}", quiet=True)
            _write_scores(root, condition, seed)
        models = {name: str(root / name) for name in (f"lm-{seed}", f"m2m-{seed}")}
        request = {"models": models, "sample": sample, "resamples": 0, "figures": False}
        run_cka(StatesRequest(out=root / f"cka-{seed}", **request), lambda line: None)  # type: ignore[arg-type]
        run_separability(StatesRequest(out=root / f"separability-{seed}", **request), lambda line: None)  # type: ignore[arg-type]
        run_spectra(models, root / f"spectra-{seed}", lambda line: None, figures=False)
    (root / "report").mkdir()
    (root / "report" / "input.json").write_text(json.dumps(manifest(root)))
    return root


def manifest(root: Path) -> Any:
    document = steps_of(load_study(str(root / "study.yaml")))[-1].document
    assert document is not None
    return document


def _write_scores(root: Path, condition: str, seed: int) -> None:
    value = SCORES[condition][seed - 1]
    languages = {
        "en": LanguageScores(100, {"accuracy": {"accuracy": value + 10}}, "hash"),
        "de": LanguageScores(100, {"accuracy": {"accuracy": value}}, "hash"),
    }
    found = SeedResult(f"{condition}-{seed}", "book_nli", seed, {}, languages)
    anchor = SeedResult("random", "book_nli", seed, {}, languages)
    folder = root / f"understanding-{condition}-{seed}"
    folder.mkdir()
    (folder / "scores.json").write_text(json.dumps([asdict(found), asdict(anchor)]))


def test_everything_is_read_back(study: Path) -> None:
    found = read_results(manifest(study), study)
    assert found.missing == ()
    assert found.base == "lm" and found.seeds == ("1", "2") and found.tasks == ("book_nli",)
    models = {(condition, seed) for condition in ("lm", "m2m") for seed in ("1", "2")}
    assert set(found.between) == set(found.apart) == set(found.spectra) == set(found.trainings) == models
    assert set(found.to_base) == {("m2m", "1"), ("m2m", "2")} and set(found.to_base["m2m", "1"]) == {"de", "en"}
    assert found.layers == ("embeddings", "0", "1") and len(found.apart["lm", "1"]) == 3
    own, base = found.spectra["m2m", "1"]["encoder", 1, "FC1"], found.spectra["lm", "1"]["encoder", 1, "FC1"]
    assert base.distance is None and own.distance is not None
    assert abs(own.norm - base.norm) <= own.distance + 1e-9  # method card 4.5
    assert ("decoder", 0, "cross K") in found.spectra["lm", "1"]
    assert len(found.scores) == 8  # of the models; the anchor's are left out


@pytest.mark.parametrize("older", [False, True])
def test_results_are_read_from_fields_and_of_older_ones_from_titles(study: Path, tmp_path: Path, older: bool) -> None:
    root = tmp_path / "study"
    shutil.copytree(study, root)
    for path in root.glob("cka-*/numbers.json"):
        document = json.loads(path.read_text())
        for found in (*document["models"], *document["languages"]):
            if older:
                assert len(found.pop("models")) in (1, 2)  # there was no such field
            else:
                found["title"] = "Under another heading"
        path.write_text(json.dumps(document))
    read, expected = read_results(manifest(study), root), read_results(manifest(study), study)
    assert read.missing == () and read.to_base == expected.to_base != {} and read.between == expected.between != {}


def test_tables_hold_means_over_seeds(study: Path) -> None:
    found = read_results(manifest(study), study)
    table = average_table(found)
    assert table.rows[0] == ("language model", "76.00 ± 1.41", "76.00 ± 1.41")
    row = dict(zip(last_layer_table(found).columns, last_layer_table(found).rows[1], strict=True))
    norms = [found.spectra["m2m", seed]["encoder", 1, "K"].norm for seed in ("1", "2")]
    assert row["K ‖σ‖"] == pytest.approx(sum(norms) / 2)
    [figure] = base_maps(found)
    assert figure.rows == ("de", "en") and figure.columns == ("emb", "0", "1")
    assert figure.values[0][0] == pytest.approx(sum(found.to_base["m2m", s]["de"][0] or 0 for s in ("1", "2")) / 2)


def test_the_report_says_what_the_numbers_say_in_every_form(study: Path) -> None:
    written = write_study_report(study / "report", study, figures=False)
    markdown, page = written.markdown.read_text(), written.html.read_text()
    told = "1 of 1 known from too few runs"
    assert told in markdown and told in page and "A reported study" in page
    assert "src=" not in page and "<link" not in page  # nothing is fetched
    for title in ("Table 1", "Table 2", "Table 4", "Table 5", "Effects", "Separability of languages"):
        assert title in markdown
    names = {path.name for path in (study / "report" / "tables").glob("*.tex")}
    assert any(name.startswith("table-2") for name in names) and any(name.startswith("effects") for name in names)
    numbers = json.loads((study / "report" / "numbers.json").read_text())
    effect = numbers["effects"][0]
    assert effect["differences"] == pytest.approx([-10, -10.2]) and effect["verdict"] == "too few runs"


def test_the_report_states_hashes_of_its_data_and_the_commits_of_its_steps(study: Path) -> None:
    for name in ("lm-1", "lm-2", "m2m-1"):
        (study / name / "step.json").write_text(json.dumps({"commit": "abc123" if name != "lm-2" else "def456"}))
    found = read_results(manifest(study), study)
    read = [json.loads((study / name / "run.json").read_text())["data"] for name in ("lm-1", "lm-2")]
    assert found.data == {"lm": tuple(read), "m2m": tuple(read)} and found.commits == {"abc123": 2, "def456": 1}
    facts = json.loads(write_study_report(study / "report", study, figures=False).json.read_text())["facts"]
    assert facts["Training data"] == f"{read[0][:12]}, {read[1][:12]} (lm, m2m)"
    assert facts["Test data"].endswith("(book_nli)") and facts["Commits of the steps"].startswith("abc123 (2 steps)")
    assert facts["Command"] == f"anyglot study run {study.name}/study.yaml"


def test_figures_are_written_where_they_are_wanted(study: Path) -> None:
    pytest.importorskip("matplotlib")
    write_study_report(study / "report", study, figures=True)
    names = {path.name for path in (study / "report" / "figures").iterdir()}
    for stem in ("figure-1-cka-with-the-base", "figure-2-cka-between-languages"):
        assert {f"{stem}.png", f"{stem}.svg"} <= names


def test_what_is_not_there_is_told_and_the_rest_is_reported(study: Path, tmp_path: Path) -> None:
    document = manifest(study)
    (tmp_path / "understanding-lm-1").mkdir()
    (tmp_path / "understanding-lm-1" / "scores.json").write_text("[{]")
    found = read_results(document, tmp_path)
    assert any(line.startswith("understanding-lm-1: scores.json cannot be read") for line in found.missing)
    assert any(line.startswith("cka-2: numbers.json cannot be read") for line in found.missing)
    with pytest.raises(UserError, match=r"input.json cannot be read"):
        write_study_report(tmp_path, tmp_path)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "input.json").write_text(json.dumps(document))
    with pytest.raises(UserError, match=r"no step in .* has results to report"):
        write_study_report(tmp_path / "report", tmp_path)


def test_a_condition_that_is_null_is_one_of_the_extended_study_only(study: Path) -> None:
    report = {"conditions": {"lm": "a", "o2m": None, "m2m": "b"}, "continued": ["o2m", "m2m"]}
    found = read_results({**manifest(study), "report": report}, study)
    assert found.conditions == {"lm": "a", "m2m": "b"} and found.continued == ("m2m",)


@pytest.mark.parametrize(
    "report, told",
    [
        ({"conditions": {"lm": "a"}}, "two or more"),
        ({"conditions": {"lm": "a", "m2m": "b"}, "base": "x"}, "report.base is x"),
        ({"conditions": {"lm": "a", "m2m": "b"}, "pairs": [["lm", "x"]]}, "report.pairs lists two conditions"),
    ],
)
def test_a_report_section_that_is_wrong_is_told(study: Path, report: Any, told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_results({**manifest(study), "report": report}, study)

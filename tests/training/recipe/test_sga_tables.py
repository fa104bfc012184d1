"""The scripts behind SGA's tables: every line's recipe is sound, steps come after what they need, figures add up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.schema import Recipe
from support.waiting import PATIENCE

SCRIPTS = Path(__file__).parents[3] / "benchmarks" / "sga_tables"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    names = ("prepare", "corpora", "lines", "tables", "run")
    kept = {name: sys.modules.pop(name, None) for name in names}  # other benchmarks have modules of these names
    modules = {name: __import__(name) for name in names}
    for name in names:
        del sys.modules[name]
    sys.modules.update({name: module for name, module in kept.items() if module is not None})
    return SimpleNamespace(**modules)


@pytest.fixture
def steps(scripts: SimpleNamespace, tmp_path: Path) -> dict[str, object]:
    sheet = tmp_path / "distilled-7" / "corpora.tsv"
    sheet.parent.mkdir()
    sheet.write_text("source\ttarget\tfile\tfile_2\nde\ten\ta.de\ta.en\n")
    found = scripts.lines.phrasebook_steps(scripts.corpora.phrasebook(300), tmp_path, 7)
    for make in (scripts.corpora.captions, scripts.corpora.verses):
        found |= scripts.lines.real_steps(make(tmp_path / "text", 300), tmp_path, 7, tmp_path / "encoder")
    return found


def recipe_of(step: object) -> Recipe:
    words = step.words  # type: ignore[attr-defined]
    changes = words[2 : words.index("--teacher") if "--teacher" in words else None]
    return load_recipe(words[1], changes)


def test_help_shows_an_example() -> None:
    told = subprocess.run(
        [sys.executable, str(SCRIPTS / "run.py"), "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert "--setting phrasebook" in told.stdout


def test_every_line_is_a_sound_recipe_and_scored_where_it_should_be(
    steps: dict[str, object], scripts: SimpleNamespace
) -> None:
    scored = {name for name, step in steps.items() if step.decodings}  # type: ignore[attr-defined]
    assert {*scripts.lines.PHRASEBOOK, *scripts.lines.ABLATIONS, "sga_distilled", "rounds"} <= scored
    assert {f"captions/{name}" for name in scripts.lines.CAPTIONS} <= scored
    assert {f"verses/{name}" for name in scripts.lines.VERSES} <= scored
    for name, step in steps.items():
        assert not step.words or recipe_of(step).stages, name  # type: ignore[attr-defined]


def test_all_systems_of_a_corpus_have_the_same_pairs(steps: dict[str, object]) -> None:
    pairs = recipe_of(steps["sga"]).data.train
    for name in ("transformer", "nat_ctc", "adapters", "mbart", "msp", "encoder_initialised_two_stage"):
        assert recipe_of(steps[name]).data.train == pairs, name
    assert recipe_of(steps["bilingual_de"]).data.train == pairs[:1]


def test_a_line_without_the_pairs_of_a_language_is_scored_on_it_as_zero_shot(
    steps: dict[str, object], scripts: SimpleNamespace, tmp_path: Path
) -> None:
    for name in ("sga_unseen", "transformer_unseen", "two_stage_unseen"):
        read = {source.source for source in recipe_of(steps[name]).data.train}  # type: ignore[union-attr]
        assert steps[name].languages == steps[name].unseen == ("ru",)  # type: ignore[attr-defined]
        assert read == {"de", "es"}
        row = scripts.tables._row(tmp_path, name, steps[name], (), SimpleNamespace(name="greedy"), None)
        assert (row["supervised"], row["zero_shot"]) == ([], ["ru"])


def test_a_step_comes_after_what_it_needs(steps: dict[str, object], scripts: SimpleNamespace) -> None:
    groups = scripts.run.with_needs(["nat_ctc_distilled", "sga"], steps)
    assert groups == [["encoder"], ["transformer", "sga"], ["distilled"], ["nat_ctc_distilled"]]


def test_an_override_of_all_stages_names_each(
    steps: dict[str, object], scripts: SimpleNamespace, tmp_path: Path
) -> None:
    work = scripts.run.Work(tmp_path, {7: steps}, ("stages.*.updates=3", "validation.every=9"))
    expanded = work._expanded(steps["encoder_initialised_two_stage"], 7)
    assert expanded == ["stages.decoder.updates=3", "stages.joint.updates=3", "validation.every=9"]


def test_what_fails_is_told_and_the_rest_is_done(scripts: SimpleNamespace) -> None:
    done = []

    def fails() -> None:
        raise RuntimeError("no such thing")

    assert scripts.run.side_by_side(1, [fails, lambda: done.append(1)]) == ["no such thing"]
    assert done == [1]


def test_tables_hold_means_over_languages_and_seeds(
    steps: dict[str, object], scripts: SimpleNamespace, tmp_path: Path
) -> None:
    def scores(name: str, seed: int, decoding: object) -> Path:
        return tmp_path / "scores" / f"{name}-{seed}-{decoding.name}"  # type: ignore[attr-defined]

    step = steps["sga"]
    for seed, better in ((7, 0.0), (8, 4.0)):
        run = tmp_path / f"sga-{seed}" / "run.json"
        run.parent.mkdir()
        run.write_text(json.dumps({"parameters": 12_345, "trained_parameters": 678}))
        for decoding, value in zip(step.decodings, (10.0, 16.0 + better), strict=True):  # type: ignore[attr-defined]
            rows = [[code, {"value": value + place}, 50.0] for place, code in enumerate(("de", "es", "ru"))]
            rows.append(["mean of 3", 99.0, 99.0])
            report = {"tables": [{"title": "Scores", "columns": ["Test", "BLEU", "chrF"], "rows": rows}]}
            folder = scores("sga", seed, decoding)
            folder.mkdir(parents=True)
            (folder / "report.json").write_text(json.dumps(report | {"signatures": []}))
    text = scripts.tables.write_tables(tmp_path, {"sga": (step, (7, 8, 9))}, scores)
    assert "| sga | rounds 0 | 2 | 11.00 ± 0.00 | 50.00 ± 0.00 | 678 | 12,345 |" in text
    assert "| sga | rounds 2 | 2 | 19.00 ± 2.83 | 50.00 ± 0.00 | 678 | 12,345 |" in text
    assert "| two rounds of denoising against alignment alone | 2 | +8.00 [-17.41, +33.41] | +0.00" in text
    assert "| sga | rounds 2 | 18.0 / 50.0 | 19.0 / 50.0 | 20.0 / 50.0 |" in text
    assert json.loads((tmp_path / "tables.json").read_text())["rows"][0]["scores"]["7"]["BLEU"]["de"] == 10.0

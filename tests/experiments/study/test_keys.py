"""A step's key changes when what it depends on changes, and only then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.experiments.study.file import load_study
from anyglot.experiments.study.keys import Contents, keys_of, recipe_content
from anyglot.experiments.study.steps import steps_of

STUDY = """
study: keys
variables: {data: DATA, rate: 1}
lists: {seed: [1, 2]}
steps:
  text: {command: "cut {file:{data}/*.txt} --out {out}"}
  lm: {each: [seed], command: "train {step:text} {recipe:RECIPE} seed={seed} --out {out}"}
  score: {each: [seed], reads: ["{file:{data}/tests}"], command: "score {step:lm} {path:{data}} --rate {rate}"}
"""
RECIPE = "# A comment.\nname: a\nextends: base.yaml\nstages: {x: {updates: 1}}\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "tests").mkdir(parents=True)
    (data / "a.txt").write_text("one\n")
    (data / "tests" / "t.tsv").write_text("1\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "base.yaml").write_text("name: base\nseed: 1\n")
    return tmp_path


def keys(place: Path, *overrides: str) -> dict[str, str | UserError]:
    text = STUDY.replace("DATA", str(place / "data")).replace("RECIPE", str(place / "recipe.yaml"))
    (place / "study.yaml").write_text(text)
    return keys_of(steps_of(load_study(str(place / "study.yaml"), overrides)), Contents())


def changed(before: dict[str, str | UserError], after: dict[str, str | UserError]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_a_changed_text_changes_all_that_reads_it(place: Path) -> None:
    before = keys(place)
    assert all(isinstance(key, str) for key in before.values()) and before["lm-1"] != before["lm-2"]
    (place / "data" / "a.txt").write_text("two\n")
    assert changed(before, keys(place)) == set(before)


def test_a_new_file_counts_where_the_pattern_names_it(place: Path) -> None:
    before = keys(place)
    (place / "data" / "notes.md").write_text("nothing\n")
    assert changed(before, keys(place)) == set()
    (place / "data" / "b.txt").write_text("more\n")
    assert changed(before, keys(place)) == set(before)


def test_a_changed_test_set_changes_the_scores_alone(place: Path) -> None:
    before = keys(place)
    (place / "data" / "tests" / "t.tsv").write_text("2\n")
    assert changed(before, keys(place)) == {"score-1", "score-2"}


def test_a_variable_changes_the_steps_that_use_it(place: Path) -> None:
    assert changed(keys(place), keys(place, "rate=2")) == {"score-1", "score-2"}


def test_another_list_of_seeds_leaves_the_steps_it_keeps(place: Path) -> None:
    before, after = keys(place), keys(place, "seed=[2, 3]")
    assert after["lm-2"] == before["lm-2"] and after["lm-3"] not in before.values()


def test_a_recipe_counts_by_what_it_says_and_so_does_the_one_it_extends(place: Path) -> None:
    before = keys(place)
    (place / "recipe.yaml").write_text(RECIPE.replace("A comment", "Another comment"))
    assert changed(before, keys(place)) == set()
    (place / "base.yaml").write_text("name: base\nseed: 2\n")
    assert changed(before, keys(place)) == {"lm-1", "lm-2", "score-1", "score-2"}


def test_where_things_lie_does_not_count(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    shutil.copytree(place, elsewhere)
    assert keys(place) == keys(elsewhere)


def test_what_is_missing_is_told_at_every_step_that_needs_it(place: Path) -> None:
    shutil.rmtree(place / "data" / "tests")
    found = keys(place)
    assert isinstance(found["lm-1"], str)
    assert isinstance(found["score-1"], UserError) and "tests is needed and not there" in str(found["score-1"])
    (place / "data" / "a.txt").unlink()
    found = keys(place)
    assert all(isinstance(found[name], UserError) for name in found)


def test_bundled_recipes_have_contents() -> None:
    assert recipe_content("study/m2m") != recipe_content("study/m2o")

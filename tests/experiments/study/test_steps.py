"""A study's file becomes steps in an order in which each follows what it reads, and every mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.experiments.study.file import bundled_studies, load_study
from anyglot.experiments.study.steps import Step, steps_of

STUDY = """
study: small
variables: {updates: 5, common: "rate={rate}", rate: 0.1}
lists: {seed: [1, 2], model: [lm, more]}
steps:
  text: {command: "write {out}"}
  lm: {each: [seed], command: "train {step:text}/a.txt seed={seed} 'data=[{sheet: x}]' {common} --out {out}"}
  more: {each: [seed], command: "train {step:lm} --updates {updates}"}
  score: {each: [model, seed], command: "score {step:{model}}"}
  report: {after: ["*"], command: "report"}
report: {conditions: {lm: a, more: b}}
"""


def written(folder: Path, text: str = STUDY, name: str = "small.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def steps(folder: Path, text: str = STUDY, overrides: tuple[str, ...] = ()) -> dict[str, Step]:
    return {step.name: step for step in steps_of(load_study(written(folder, text), overrides))}


def test_every_list_is_written_out_and_a_step_reads_the_one_of_its_own_values(tmp_path: Path) -> None:
    found = steps(tmp_path)
    assert list(found) == [
        *("text", "lm-1", "lm-2", "more-1", "more-2"),
        *("score-lm-1", "score-lm-2", "score-more-1", "score-more-2", "report"),
    ]
    assert [step.number for step in found.values()] == list(range(1, 11))
    assert found["more-2"].needs == ("lm-2",) and found["score-more-1"].needs == ("more-1",)
    assert found["score-lm-2"].words == ("score", "{step:lm-2}")
    assert set(found["report"].needs) == set(found) - {"report"}


def test_variables_may_hold_variables_and_other_braces_stay(tmp_path: Path) -> None:
    words = steps(tmp_path)["lm-1"].words
    assert words == ("train", "{step:text}/a.txt", "seed=1", "data=[{sheet: x}]", "rate=0.1", "--out", "{out}")


def test_settings_are_laid_over_variables_lists_and_dotted_keys(tmp_path: Path) -> None:
    found = steps(tmp_path, overrides=("rate=0.5", "seed=[7]", "steps.more.command=other {step:lm}"))
    assert "rate=0.5" in found["lm-7"].words and found["more-7"].words == ("other", "{step:lm-7}")
    assert "lm-1" not in found


def test_a_study_lies_over_the_one_it_extends(tmp_path: Path) -> None:
    written(tmp_path)
    top = (
        "extends: small.yaml\nstudy: top\nvariables: {updates: 9}\nsteps: {more: {command: 'm {step:lm} {updates}'}}\n"
    )
    study = load_study(written(tmp_path, top, "top.yaml"))
    found = {step.name: step for step in steps_of(study)}
    assert study.name == "top" and found["more-1"].words == ("m", "{step:lm-1}", "9")
    assert found["more-1"].values == {"seed": "1"}


def test_the_report_is_told_which_folder_is_what(tmp_path: Path) -> None:
    document = steps(tmp_path)["report"].document
    assert document is not None and document["report"] == {"conditions": {"lm": "a", "more": "b"}}
    assert {"name": "more-2", "template": "more", "values": {"seed": "2"}, "words": ["train", "{step:lm-2}", "--updates", "5"]} in document["steps"]  # noqa: E501  # fmt: skip


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("{step:text}/a.txt", "{step:texts}", "is no step above it"),
        ("{step:text}/a.txt", "{step:more}", "is no step above it"),  # a later one
        ("seed={seed}", "seed={sed}", "does not define"),
        ('"report"', '"report {step:lm}"', "is 2 steps"),
        ('each: [seed], command: "train {step:lm}', 'each: [size], command: "train {step:lm}', "the study's lists are"),
        ("rate: 0.1", "rate: '{common}'", "holds itself"),
        ('command: "write {out}"', 'commands: "write {out}"', "needs a command"),
        ('command: "write {out}"', 'command: "write {out}", needs: []', "unknown key 'needs'"),
        ("write {out}", "write '{out}", "no closing quotation"),
        ("lists: {seed", "lists: {rate: [1], seed", "both a variable and a list"),
        ("study: small", "jobs: 0\nstudy: small", "jobs is how many"),
        ("study: small", "name: small", "is no study"),
    ],
)  # fmt: skip
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in STUDY
    with pytest.raises(UserError, match=told):
        steps(tmp_path, STUDY.replace(old, new))


@pytest.mark.parametrize("override, told", [("ratte=1", "has no 'ratte'"), ("rate", "write key=value")])
def test_wrong_settings_are_told(tmp_path: Path, override: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        steps(tmp_path, overrides=(override,))


def test_a_study_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean study/mt_bridge_tiny"):
        load_study("study/mt_bridge_tny")


@pytest.mark.parametrize("name", sorted(bundled_studies()))
def test_bundled_studies_compare_with_equal_compute(name: str) -> None:
    study = load_study(name)
    assert steps_of(study)[-1].template == "report"
    variables = study.variables
    lm, more = int(variables["lm_updates"]), int(variables["more_updates"])
    templates = {step.template for step in steps_of(study)}
    assert "scratch" not in templates or int(variables["scratch_updates"]) == lm + more
    assert "sixt" not in templates or int(variables["sixt_first"]) + int(variables["sixt_second"]) == more
    conditions = {name for name, title in study.report["conditions"].items() if title is not None}
    assert set(study.lists["model"]) == conditions <= templates

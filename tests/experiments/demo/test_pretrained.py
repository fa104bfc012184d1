"""The course over a pretrained encoder: the whole road over a tiny one, killed on the way and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anyglot.experiments.demo.course import PRETRAINED
from anyglot.experiments.demo.run import Outcome
from anyglot.experiments.demo.unseen import unseen_sentences
from anyglot.inference.translation import Translator
from support import tiny_demo

ROOT = Path(__file__).resolve().parents[3]
Demo = tuple[Path, Outcome, list[str], dict[str, int]]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_demo.write_start(tmp_path_factory.mktemp("start"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, start: Path) -> Demo:
    """Killed outright while ft-all trains; then started again. With it: when SixT+'s model was written, and how far
    ft-all was.
    """
    out = tmp_path_factory.mktemp("demo") / "run"
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    program = "import sys, runpy; from support import deadly; deadly.die_after('*/ft-all/checkpoints/step-*')\n"
    program += "runpy.run_module('support.tiny_demo', run_name='__main__')"
    command = [sys.executable, "-c", program, str(out), str(start)]
    killed = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    assert not (out / "ft-all" / "run.json").exists()
    before = {
        "written": (out / "sixt" / "model.safetensors").stat().st_mtime_ns,
        "reached": max(saved(out / "ft-all")),
    }
    said: list[str] = []
    return out, tiny_demo.run(out, start, said.append), said, before


def saved(run: Path) -> list[int]:
    """Updates after which there is a whole checkpoint."""
    numbers = [path.name.partition("-")[2] for path in (run / "checkpoints").glob("step-*")]
    return [int(number) for number in numbers if number.isdecimal()]


def test_a_killed_demo_goes_on_where_it_was(demo: Demo) -> None:
    out, _, said, before = demo
    assert said[0] == f"going on with the demo in {out}, of which 4 steps are done"
    assert (out / "sixt" / "model.safetensors").stat().st_mtime_ns == before["written"]
    assert before["reached"] < json.loads((out / "ft-all" / "run.json").read_text())["updates"] == 16
    logged = [json.loads(line) for line in (out / "ft-all" / "metrics.jsonl").read_text().splitlines()]
    updates = [line["update"] for line in logged if line["kind"] == "train"]
    assert updates == sorted(set(updates)) and updates[-1] == 16
    record = json.loads((out / "demo.json").read_text())
    assert record["finished"] and record["starts"] == 2
    assert list(record["legs"]) == list(json.loads((out / "summary.json").read_text())["legs"])


def test_a_finished_demo_is_replaced_and_another_one_too(demo: Demo, tmp_path: Path, start: Path) -> None:
    """Only what is unfinished and of the same kind is gone on with."""
    from anyglot.experiments.demo.record import Record

    out = tmp_path / "run"
    Record.claimed(out, "this", print).save()
    (out / "model").write_text("half")
    assert Record.claimed(out, "this", print).starts == 2 and (out / "model").exists()
    assert Record.claimed(out, "that", print).starts == 1 and not (out / "model").exists()
    record = Record.claimed(out, "that", print)
    (out / "model").write_text("whole")
    record.save(finished=True)
    assert Record.claimed(out, "that", print).starts == 1 and not (out / "model").exists()


def test_summary_tells_of_all_systems_and_of_languages_beyond(demo: Demo) -> None:
    summary = json.loads((demo[0] / "summary.json").read_text())
    assert set(summary["supervised"]) == set(summary["ft_all_supervised"]) == {"de", "zh"}
    assert set(summary["zero_shot"]) == set(summary["scratch_zero_shot"]) == {"nl"}
    sentences = unseen_sentences()
    for key in ("unseen", "ft_all_unseen", "scratch_unseen"):
        assert summary[key]["sentences"] == len(sentences)
        assert summary[key]["languages"] == len({sentence.language for sentence in sentences}) >= 15
        assert 0 <= summary[key]["exact"] <= len(sentences)


def test_all_rivals_have_the_same_pairs_and_updates(demo: Demo) -> None:
    """In the course as it is shipped, and all of them learn from the same files."""
    from anyglot.training.recipe.load import load_recipe

    recipes = [load_recipe(leg.recipe) for leg in PRETRAINED.legs]
    assert len({sum(stage.updates for stage in recipe.stages.values()) for recipe in recipes}) == 1
    assert len({recipe.data for recipe in recipes}) == 1
    runs = [json.loads((demo[0] / leg.folder / "run.json").read_text()) for leg in PRETRAINED.legs]
    assert len({json.dumps(run["corpora"]) for run in runs}) == 1


def test_report_shows_every_sentence_beyond(demo: Demo) -> None:
    out, outcome, _, _ = demo
    page, markdown = outcome.page.read_text(), (out / "report.md").read_text()
    assert page.count("<svg") >= 4
    for sentence in unseen_sentences():
        assert sentence.text in page
    assert "Ft-all: Loss" in page and "From scratch: Loss" in page and "ft-all" in markdown


def test_the_translator_answers_as_was_printed(demo: Demo) -> None:
    out, outcome, _, _ = demo
    assert [example.language for example in outcome.examples] == ["de", "nl", "pl"]
    [example, *_] = outcome.examples
    translated = Translator.from_pretrained(out / "sixt").translate([example.text], source="de", target="en")
    assert translated == [example.output]


def test_the_table_of_test_sets_is_one_for_evaluate(demo: Demo) -> None:
    """It is what docs/evaluate.md gives to `--tests`."""
    from anyglot.evaluation.translation.table import read_tests

    tests = read_tests(demo[0] / "text" / "tests.yaml")
    assert [test.name for test in tests] == [result.test for result in demo[1].evaluation.results[::3]]
    assert all(Path(path).is_file() for test in tests for path in test.pairs.locations)


def test_states_are_not_left_behind_and_the_start_keeps_its_table(demo: Demo) -> None:
    out = demo[0]
    assert not (out / "cache" / "states").exists()
    rows = {name: Translator.from_pretrained(out / name).model.config.encoder.embeddings for name in ("sixt", "ft-all")}
    assert rows["sixt"].vocabulary_size == 1500 > rows["ft-all"].vocabulary_size

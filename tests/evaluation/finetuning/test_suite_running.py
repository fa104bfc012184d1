"""A suite from files to report: what is done is passed over, what changed is made again, what is missing left out."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.report import build_report, scoreboard, write_suite_report
from anyglot.evaluation.finetuning.requests import SuiteRequest, chosen_languages, settle
from anyglot.evaluation.finetuning.results import RESULT, SUMS, read_result, read_sums
from anyglot.evaluation.finetuning.search import GRIDS, Grid
from anyglot.evaluation.finetuning.suite import Outcome, run_suite, suite_names
from support import deadly
from support.suite_data import COUNTS, write_sets
from support.tiny_task_models import encoder_folder
from support.tiny_translators import TEXTS

TASKS = ("book_nli", "book_pos", "book_questions", "book_ranking", "book_choice")
QUICK = {"epochs": "2", "batch": "8", "max_length": "48", "learning_rate": "3e-3", "head_dropout": "0"}


def quiet(line: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return encoder_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sets(tmp_path_factory.mktemp("sets"))


def request(model: str, data: Path, out: Path, **changes: object) -> SuiteRequest:
    """A suite of all kinds of tasks, in seconds."""
    base = SuiteRequest((model,), TASKS, "", (), data, out, overrides=QUICK, resamples=50)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(model: str, data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SuiteRequest, Outcome]:
    """Every kind of task, two seeds, the anchors."""
    asked = request(
        model, data, tmp_path_factory.mktemp("out"), anchors=True, seeds=(1, 2), overrides={**QUICK, "epochs": "1"}
    )
    return asked, run_suite(asked, quiet)


def test_every_kind_of_task_is_trained_predicted_and_scored(whole: tuple[SuiteRequest, Outcome]) -> None:
    asked, outcome = whole
    assert tuple(outcome.tasks) == TASKS and not outcome.left_out
    assert outcome.systems == ("tiny", "random encoder", "bag of pieces")
    for (system, task), results in outcome.results.items():
        assert [result.seed for result, _ in results] == ([1] if system == "bag of pieces" else [1, 2])
        for result, folder in results:
            assert set(result.languages) == {"en", "de"}
            ending = "json" if task == "book_questions" else "tsv"
            assert (folder / "predictions" / f"test-de.{ending}").is_file()
            sums = read_sums(folder)
            assert {language for language, _ in sums} == {"en", "de"}
            assert all(len(values) == 1 + asked.resamples for values in sums.values())


def test_a_finished_suite_is_passed_over(whole: tuple[SuiteRequest, Outcome]) -> None:
    asked, outcome = whole
    before = {path: path.stat().st_mtime_ns for path in asked.out.rglob("*") if path.is_file()}
    said: list[str] = []
    again = run_suite(asked, said.append)
    assert again.kept == sum(map(len, outcome.results.values()))
    assert again.results == outcome.results
    assert before == {path: path.stat().st_mtime_ns for path in asked.out.rglob("*") if path.is_file()}
    assert any("kept from before" in line for line in said)


def test_the_report_says_how_each_number_was_made(whole: tuple[SuiteRequest, Outcome]) -> None:
    asked, outcome = whole
    table, page = write_suite_report(asked, outcome, "tiny", 1.0)
    text = (asked.out / "report.md").read_text("utf-8")
    report = json.loads((asked.out / "report.json").read_text("utf-8"))
    assert page.is_file() and "sd over seeds" in table and "Mean over 5 tasks" in table
    assert "accuracy of tags" in table and "legacy precision of bare tags (XGLUE's ACC)" in table
    titles = [part["title"] for part in report["tables"]]
    assert "Transfer gap" in titles and "random encoder minus tiny" in titles and "Trainings" in titles
    assert "p (Holm)" in text and "over the 15 comparisons of this table" in text
    (signature,) = [line for line in report["signatures"]["book_nli: accuracy"] if "system:tiny" in line]
    for part in (
        "protocol:own",
        "head:",
        "pooling:first",
        "select:english",
        "seeds:1+2",
        "data:",
        "commit:",
        "machine:",
    ):
        assert part in signature
    scores = json.loads((asked.out / "scores.json").read_text("utf-8"))
    assert len(scores) == sum(map(len, outcome.results.values()))


def test_means_in_the_report_are_those_of_the_results(whole: tuple[SuiteRequest, Outcome]) -> None:
    asked, outcome = whole
    board = scoreboard(asked, outcome)
    values = board.headline("tiny", "book_choice")
    assert values is not None
    points = [
        part.scores["accuracy"]["accuracy"]
        for result, _ in outcome.results["tiny", "book_choice"]
        for part in result.languages.values()
    ]
    assert values.mean()[0] == pytest.approx(sum(points) / 4)


def test_other_settings_train_again_and_another_test_set_only_scores_again(model: str, tmp_path: Path) -> None:
    data = write_sets(tmp_path / "sets")
    asked = request(model, data, tmp_path / "out", tasks=("book_nli",))
    folder = tmp_path / "out" / "tiny" / "book_nli" / "seed-1"
    run_suite(asked, quiet)
    first, trained = read_result(folder), (folder / "model" / "tuning.json").stat().st_mtime_ns

    test = data / "nli" / "test-de.tsv"
    test.write_text("".join(test.read_text("utf-8").splitlines(keepends=True)[:9]), "utf-8")
    assert run_suite(asked, quiet).kept == 0
    second = read_result(folder)
    assert first is not None and second is not None
    assert second.languages["de"].units == 9 and second.languages["en"] == first.languages["en"]
    assert (folder / "model" / "tuning.json").stat().st_mtime_ns == trained

    said: list[str] = []
    slower = dataclasses.replace(asked, overrides={**QUICK, "learning_rate": "1e-3"})
    assert run_suite(slower, said.append).kept == 0
    assert any("trained again" in line for line in said)
    assert (folder / "model" / "tuning.json").stat().st_mtime_ns != trained


def test_a_damaged_result_is_scored_again(model: str, data: Path, tmp_path: Path) -> None:
    asked = request(model, data, tmp_path / "out", tasks=("book_choice",))
    folder = tmp_path / "out" / "tiny" / "book_choice" / "seed-1"
    run_suite(asked, quiet)
    whole = (folder / RESULT).read_text("utf-8")
    for path, content in ((folder / SUMS, b"half"), (folder / RESULT, whole[: len(whole) // 2].encode())):
        path.write_bytes(content)
        assert read_result(folder) is None
        assert run_suite(asked, quiet).kept == 0
        assert read_result(folder) is not None


def test_a_task_without_files_is_told_and_left_out(model: str, data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    asked = request(model, data, tmp_path, tasks=("book_names", "book_choice"), languages=("de", "fr"))
    outcome = run_suite(asked, said.append)
    assert list(outcome.tasks) == ["book_choice"] and "book_names" in outcome.left_out
    assert any(line.startswith("book_names is left out: ") for line in said)
    assert "book_choice has no test set in fr" in said
    report = build_report(asked, outcome, "", 1.0)
    assert any(table.title == "Left out" and table.rows[0][0] == "book_names" for table in report.tables)
    with pytest.raises(UserError, match=r"no task could be scored; book_names: "):
        run_suite(request(model, data, tmp_path, tasks=("book_names",)), quiet)


def test_test_sets_without_labels_have_predictions_and_no_score(model: str, tmp_path: Path) -> None:
    data = write_sets(tmp_path / "sets")
    path = data / "choice" / "test-de.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in row.items() if k != "label"}) + "\n" for row in rows), "utf-8")
    outcome = run_suite(request(model, data, tmp_path / "out", tasks=("book_choice",)), quiet)
    ((result, folder),) = outcome.results["tiny", "book_choice"]
    assert result.unscored == ("de",) and list(result.languages) == ["en"]
    assert len((folder / "predictions" / "test-de.tsv").read_text("utf-8").splitlines()) == COUNTS["test"]


def test_a_search_reads_dev_sets_alone(model: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "anyglot.evaluation.finetuning.search.GRIDS", {**GRIDS, "two": Grid((1e-5, 3e-3), (2,), (8,), "here")}
    )
    asked = request(model, data, tmp_path / "out", tasks=("book_nli",), grid="two", seeds=(1, 2))
    outcome = run_suite(asked, quiet)
    trials = outcome.searches["tiny", "book_nli"]
    assert [trial.learning_rate for trial in trials] == [1e-5, 3e-3]
    chosen = max(trials, key=lambda trial: trial.score)
    for result, _ in outcome.results["tiny", "book_nli"]:
        assert result.made_from["settings"]["learning_rate"] == chosen.learning_rate
        # What the search found is what the training with its settings and the first seed finds.
        if result.seed == 1:
            assert result.facts["dev"][result.facts["epoch"] - 1]["score"] == pytest.approx(chosen.score)
    kept = sorted(path.name for path in (tmp_path / "out" / "tiny" / "book_nli" / "search").iterdir())
    assert [name for name in kept if name.endswith(".json")] == [name for name in kept if "made-from" not in name]
    titles = [table.title for table in build_report(asked, outcome, "", 1.0).tables]
    assert "Search: tiny, book_nli" in titles
    assert run_suite(asked, quiet).searches == outcome.searches


def test_few_shot_and_translations_given_train_on_more(model: str, data: Path, tmp_path: Path) -> None:
    few = request(model, data, tmp_path / "few", tasks=("book_nli",), setting="few-shot", few=4)
    ((result, _),) = run_suite(few, quiet).results["tiny", "book_nli"]
    assert "few de" in result.made_from["data"] and "4 examples" in result.facts["told"]["Trained on"]
    more = request(
        model, data, tmp_path / "more", tasks=("book_nli", "book_pos"), setting="translate-train", translated=data
    )
    for results in run_suite(more, quiet).results.values():
        assert "translated de" in results[0][0].made_from["data"]


def test_an_earlier_suite_is_compared_with(
    whole: tuple[SuiteRequest, Outcome], model: str, data: Path, tmp_path: Path
) -> None:
    asked, _ = whole
    other = request(model, data, tmp_path, tasks=("book_nli",), overrides={**QUICK, "epochs": "1"}, against=asked.out)
    tables = {table.title: table for table in build_report(other, run_suite(other, quiet), "", 1.0).tables}
    assert [row[2] for row in tables["tiny minus tiny before"].rows] == ["all", "de", "en"]
    empty = dataclasses.replace(other, against=tmp_path / "nothing")
    with pytest.raises(UserError, match="holds no results of a suite"):
        build_report(empty, run_suite(other, quiet), "", 1.0)


def test_retrieval_is_scored_by_its_own_protocol(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "tatoeba"
    folder.mkdir(parents=True)
    for code, lines in (("deu", TEXTS), ("eng", [text.upper() for text in TEXTS])):
        (folder / f"tatoeba.deu-eng.{code}").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    said: list[str] = []
    asked = request(model, tmp_path / "data", tmp_path / "out", tasks=("bucc", "tatoeba"))
    outcome = run_suite(asked, said.append)
    assert list(outcome.tasks) == ["tatoeba"] and "bucc" in outcome.left_out
    ((result, _),) = outcome.results["tiny", "tatoeba"]
    counted = result.languages["de"].scores["accuracy"]["accuracy"] * len(TEXTS) / 100
    assert counted == pytest.approx(round(counted)) and "retrieval:tatoeba" in result.facts["signature"]
    assert run_suite(asked, said.append).kept == 1
    table = build_report(asked, outcome, "", 1.0).tables[0]
    assert table.rows[0][:2] == ("tatoeba", "accuracy")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seeds": (1, 1)}, "--seeds needs different numbers"),
        ({"setting": "translate-train"}, "translate-train needs either translated training files"),
        ({"setting": "few-shot"}, "few-shot needs a number of examples"),
        ({"few": 3}, "few_shot was given but the setting is zero-shot"),
        ({"translator": "x"}, "translations were given but the setting is zero-shot"),
        ({"baseline": "x", "against": Path("y")}, "--baseline and --against were both given"),
        ({"overrides": {"speed": "1"}}, "--set speed names no setting of fine-tuning; there are learning_rate"),
        ({"overrides": {"batch": "1.5"}}, "batch is a whole number"),
        ({"overrides": {"learning_rate": "nan"}}, "learning_rate cannot be that"),
        ({"overrides": {"epochs": "0"}}, "epochs must be more than 0"),
        ({"overrides": {"head": "tall"}}, "it is one of xtreme, jiant"),
        ({"protocol": "xglue"}, "has no protocol 'xglue'; it has own"),
        ({"grid": "all"}, "there is no grid 'all'"),
        ({"models": ("no-such-model-here",)}, "no-such-model-here"),
        ({"data": Path("/no/such/folder")}, "is no folder"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_trained(
    model: str, data: Path, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence.replace("(", r"\(")):
        run_suite(dataclasses.replace(request(model, data, tmp_path / "out"), **changes), quiet)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_suites_and_tasks_by_name() -> None:
    assert suite_names("xtreme", ())[-2:] == ("bucc", "tatoeba")
    assert suite_names("xtreme", ("tatoeba", "xnli")) == ("xnli", "tatoeba")
    assert "tatoeba" not in suite_names("xglue", ())
    with pytest.raises(UserError, match="xglue has no task 'panx'"):
        suite_names("xglue", ("panx",))
    with pytest.raises(UserError, match="no task 'nothing'"):
        suite_names("", ("nothing",))


def test_protocols_decide_the_selection(model: str) -> None:
    from anyglot.evaluation.tasks.catalogue import TASKS as ALL

    def selection(task: str, protocol: str) -> str:
        asked = SuiteRequest((model,), (task,), "", (), None, Path(), protocol=protocol)
        return settle(asked, ALL[task], 1)[1].select

    assert selection("xnli", "xtreme") == selection("xnli", "jiant") == "english"
    assert selection("xnli", "xglue") == "mean" and selection("xquad", "xtreme") == "last"
    assert chosen_languages(ALL["xnli"], ("zh", "de"), ("de", "en", "zh")) == ("de", "zh")


@pytest.mark.slow
def test_a_killed_suite_goes_on_and_ends_with_the_same_scores(model: str, data: Path, tmp_path: Path) -> None:
    def command(out: Path) -> list[str]:
        sets = [word for key, value in QUICK.items() for word in ("--set", f"{key}={value}")]
        return [
            sys.executable,
            "-m",
            "anyglot.cli.main",
            "evaluate",
            model,
            *("--tasks", "book_nli,book_pos"),
            *("--data", str(data)),
            *("--out", str(out)),
            *("--resamples", "50"),
            *("--seeds", "1,2"),
            *sets,
        ]

    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command(tmp_path / "whole"), check=True, env=env, capture_output=True)
    first = tmp_path / "cut" / "tiny" / "book_nli" / "seed-1" / RESULT
    dying = deadly.command(f"*/book_nli/seed-1/{RESULT}", 1, *command(tmp_path / "cut")[3:])
    killed = subprocess.run(dying, env=env, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL and first.is_file()
    written = first.stat().st_mtime_ns
    done = subprocess.run(command(tmp_path / "cut"), check=True, env=env, capture_output=True, text=True)
    assert first.stat().st_mtime_ns == written and "kept from before" in done.stderr

    def scores(out: Path) -> list[object]:
        rows = json.loads((out / "scores.json").read_text("utf-8"))
        return [(row["system"], row["task"], row["seed"], row["languages"], row["made_from"]) for row in rows]

    assert scores(tmp_path / "cut") == scores(tmp_path / "whole")

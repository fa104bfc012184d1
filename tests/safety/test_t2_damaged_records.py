"""T2: a record that is damaged or of another kind is one sentence, or vouches for nothing; never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.finetune import logged_scores
from anyglot.evaluation.finetuning.record import find_record
from anyglot.evaluation.finetuning.results import read_result, read_sums
from anyglot.evaluation.translation.comet import read_answer
from anyglot.evaluation.translation.timing import parameters_of
from anyglot.experiments.demo.record import MARKER, Record
from anyglot.experiments.study.report import read_manifest
from anyglot.experiments.study.results import read_results
from anyglot.hub.record import read_record
from anyglot.inference.translation.jobs import Journal
from anyglot.models.pretrained.run_checkpoints import DamagedCheckpoint
from anyglot.models.pretrained.run_checkpoints import read_manifest as read_checkpoint
from anyglot.models.pretrained.unfinished_runs import opened
from anyglot.reporting.curves import curves_from_metrics
from anyglot.runtime.measurements import recalled
from anyglot.runtime.untrusted_files import parse_json
from anyglot.text.trimmed_record import Record as Trimmed
from anyglot.training.loop.averaging import choose_best, metric_of
from anyglot.training.loop.logs import MetricsLog
from anyglot.training.loop.state import Progress, read_generators
from anyglot.training.recipe.record import languages_read, told_of_source
from anyglot.training.recipe.run import corpora_of, prepare_tokenizer
from fuzz import jobs, records
from fuzz.jobs import JOBS
from fuzz.records import RECORDS

DEEP = "[" * 100_000
ODD = ("null", "[]", "3", '"x"', "{}", '{"best": null}', '{"best": [1]}', DEEP, '{"best": {"7": "x"}}', "\ufeff{}", "")


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("content", ODD, ids=lambda content: content[:12])
def test_t2_progress_of_a_checkpoint(tmp_path: Path, content: str) -> None:
    [reader] = (each for each in JOBS if each.name == "checkpoint, progress.json")
    path = write(reader.make(tmp_path), content)
    jobs.resealed(path)
    with pytest.raises(UserError):
        choose_best(tmp_path / "checkpoints", 1, highest=False)
    with pytest.raises(UserError):
        opened(tmp_path, ("sentencepiece.bpe.model",))
    with pytest.raises(UserError):
        Progress.read(path)


@pytest.mark.parametrize("content", [*ODD, '[{"python": 1}]', "[1]"], ids=lambda content: content[:12])
def test_t2_random_generators(tmp_path: Path, content: str) -> None:
    if content == "[]":
        assert read_generators(write(tmp_path / "random.json", content)) == []
        return
    with pytest.raises(UserError):
        read_generators(write(tmp_path / "random.json", content))


@pytest.mark.parametrize("metric", ["x", "[" * 5_000, "1", "NaN", ""], ids=lambda metric: metric[:6])
def test_t2_the_metric_in_a_manifest(tmp_path: Path, metric: str) -> None:
    [reader] = (each for each in JOBS if each.name == "checkpoint, manifest.json")
    path = reader.make(tmp_path)
    held = json.loads(path.read_text())
    held["identity"]["validation.metric"] = metric
    write(path, json.dumps(held))
    with pytest.raises(DamagedCheckpoint):
        read_checkpoint(path.parent)
    with pytest.raises(UserError):
        metric_of(tmp_path / "checkpoints")


def test_t2_metrics_of_any_line(tmp_path: Path) -> None:
    sound = '{"event": "train", "update": 1, "loss": 3.5}\n'
    path = write(
        tmp_path / "metrics.jsonl", f'{DEEP}\n{{"event": "train", "update": 1{"0" * 400}, "loss": 1}}\n{sound}'
    )
    [chart] = curves_from_metrics(path)
    assert chart.lines[0].points == ((1.0, 3.5),)
    for line in (DEEP, '{"update": 1e400}', '{"update": "1"}', "[]", '{"update": []}'):
        log = MetricsLog(write(path, f"{sound}{line}\n"), 5)
        log.close()
        assert path.read_text() == sound
    infinite = '{"kind": "validation", "score": 1, "score.de": 1e400}'
    for line in (DEEP, "[]", '{"kind": "validation", "score": "x"}', '{"score": 1}', infinite):
        with pytest.raises(UserError):
            logged_scores(write(path, line))


def test_t2_a_fine_tuning_that_skipped_an_update_is_read(tmp_path: Path) -> None:
    """The guard against numbers that nobody writes must not refuse what a training itself wrote."""
    skipped = json.dumps({"kind": "train", "update": 1, "loss": float("nan"), "gradient_norm": float("inf")})
    scored = json.dumps({"kind": "validation", "update": 2, "score": 61.5, "score.de": 50.0, "loss": 1.0})
    path = write(tmp_path / "metrics.jsonl", f"{skipped}\n{scored}\n")
    assert logged_scores(path) == ({"score": 61.5, "score.de": 50.0},)


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"source": 3}', '{"source": [[]]}'])
def test_t2_languages_of_a_start(tmp_path: Path, content: str) -> None:
    write(tmp_path / "languages.json", content)
    with pytest.raises(UserError):
        languages_read(tmp_path)


@pytest.mark.parametrize("content", ["[]", "3", DEEP, "x", '{"corpora": 3}', '{"corpora": [{}]}', '{"corpora": [[]]}'])
def test_t2_run_json(tmp_path: Path, content: str) -> None:
    write(tmp_path / "run.json", content)
    with pytest.raises(UserError):
        corpora_of(tmp_path)
    assert parameters_of(tmp_path) == (None, None)


def test_t2_what_a_run_says_of_its_source(tmp_path: Path) -> None:
    write(tmp_path / "run.json", '{"looks_at_source": true, "looks_at_source_from": "x", "parameters": -1}')
    assert told_of_source(tmp_path) is None and parameters_of(tmp_path) == (None, None)
    write(tmp_path / "run.json", '{"looks_at_source": true}')
    assert told_of_source(tmp_path) == "the decoder looks at its source"


@pytest.mark.parametrize("content", [DEEP, "x", '"\\ud800"', "[1"])
def test_t2_learned_json_vouches_for_nothing(tmp_path: Path, content: str) -> None:
    path = records.learned(tmp_path)
    write(path, content)
    told: list[str] = []
    prepare_tokenizer(records.learning(tmp_path), tmp_path, told.append)
    assert told == ["learning a tokenizer of 27 pieces"]


@pytest.mark.parametrize("content", [DEEP, '{"wanted": "w"}', '{"wanted": "w", "legs": 3, "seconds": 1, "starts": 1}'])
def test_t2_demo_json(tmp_path: Path, content: str) -> None:
    write(tmp_path / "demo" / MARKER, content)
    record = Record.claimed(tmp_path / "demo", "w", lambda line: None)
    assert (record.legs, record.starts) == ({}, 1)


@pytest.mark.parametrize("content", [DEEP, "[]", "x", "NaN"])
def test_t2_an_answer_of_comet(content: str) -> None:
    with pytest.raises(UserError, match="answer"):
        read_answer(content.encode())


def test_t2_remembered_precisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write(tmp_path / "anyglot" / "precision.json", '{"a": "bf16", "b": [], "c": 3}')
    assert recalled("precision")["a"] == "bf16"


@pytest.mark.parametrize("place", ["lines", "input_offset", "output_offset"])
@pytest.mark.parametrize("value", ["-1", '"2"', "1.0", "true", "1e300", "10000000000000000000000"])
def test_t2_a_journal_of_impossible_places(tmp_path: Path, place: str, value: str) -> None:
    held = {"format": "anyglot-translation-2", "work": {}, "lines": 0, "input_offset": 0, "output_offset": 0}
    path = write(tmp_path / "j.json", json.dumps(held).replace(f'"{place}": 0', f'"{place}": {value}'))
    with pytest.raises(UserError, match="journal"):
        Journal.load(path)


@pytest.mark.parametrize("change", ['"rows": -3', '"rows": 900', '"scripts": "Latin"', '"scripts": [1]', '"rows": 4.5'])
def test_t2_trimmed_json(tmp_path: Path, change: str) -> None:
    Trimmed(4, 9, ("Latin",), "0").save(tmp_path)
    key = change.partition(":")[0].strip('"')
    held = json.loads((tmp_path / "trimmed.json").read_text()) | json.loads(f"{{{change}}}")
    assert key in held
    write(tmp_path / "trimmed.json", json.dumps(held))
    with pytest.raises(UserError):
        Trimmed.load(tmp_path)


@pytest.mark.parametrize(
    "content", ["[]", "3", DEEP, '{"scores": [3]}', '{"scores": {}}', '{"scores": [[]], "task": 1}']
)
def test_t2_tuning_json(tmp_path: Path, content: str) -> None:
    write(tmp_path / "tuning.json", content)
    with pytest.raises(UserError, match="damaged"):
        find_record(tmp_path)


def test_t2_results_of_other_kinds_are_none(tmp_path: Path) -> None:
    [reader] = (each for each in RECORDS if each.name == "result.json")
    path = reader.make(tmp_path)
    assert read_result(tmp_path) is not None
    held = json.loads(path.read_text())
    for key, value in (
        ("system", []),
        ("task", {}),
        ("seed", "1"),
        ("unscored", [[]]),
        ("facts", 3),
        ("languages", []),
    ):
        write(path, json.dumps({**held, key: value}))
        assert read_result(tmp_path) is None, key
    for content in (b"", b"PK\x03\x04", b"x" * 40, (tmp_path / "resamples.npz").read_bytes()[:-30]):
        (tmp_path / "resamples.npz").write_bytes(content)
        with pytest.raises(UserError):
            read_sums(tmp_path)


def test_t2_reports_and_recipes_beside_a_model(tmp_path: Path) -> None:
    records.of_a_run(tmp_path)
    for content in (
        '{"tables": 3}',
        '{"tables": [{"title": "Scores"}]}',
        '{"tables": [{"title": "Scores", "columns": 1}]}',
    ):
        with pytest.raises(UserError):
            read_record(tmp_path, write(tmp_path / "report.json", content))
    for content in (
        "data: {train: [3, x]}",
        "data: {train: [{files: 3}]}",
        "method: {start: ~nobody/x}",
        "method: [1]",
    ):
        write(tmp_path / "recipe.yaml", content)
        assert read_record(tmp_path).method == "sixt"


@pytest.mark.parametrize("content", ["[]", "{}", '{"steps": [{}]}', '{"steps": 3}', '{"steps": [], "report": 3}', DEEP])
def test_t2_the_input_of_a_study_s_report(tmp_path: Path, content: str) -> None:
    write(tmp_path / "input.json", content)
    with pytest.raises(UserError):
        read_results(read_manifest(tmp_path), tmp_path)


def test_t2_half_a_character_is_no_document() -> None:
    with pytest.raises(ValueError, match="half a character"):
        parse_json('{"a": "\\ud83d"}')
    assert parse_json('{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


def test_t2_sentences_hold_no_control_characters(tmp_path: Path) -> None:
    error = UserError("a key \x1b[31m\x00\ud800 of " + "x" * 5_000)
    assert str(error).isascii() and str(error).isprintable() and len(str(error)) < 300

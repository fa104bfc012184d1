"""How fast systems translate: what is timed, on which sentences, and what the report tells of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from anyglot.cli.evaluate_translation import evaluate_translation
from anyglot.evaluation.translation import timing
from anyglot.evaluation.translation.table import TestSentences, TestSet, parse_tests, read_sentences
from anyglot.evaluation.translation.timing import (
    ALONE,
    BATCH,
    BATCHES,
    ROUNDS,
    WARM_UP,
    Timed,
    drawn,
    measure,
    parameters_of,
    speed_table,
)
from anyglot.reporting.provenance import Machine
from support.tiny_translators import write_model_folder

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(evaluate_translation)
MACHINE = Machine(processor="a processor", cores=4, threads=3, accelerator=None, versions="")
Made = tuple[tuple[TestSet, ...], dict[str, TestSentences]]


def made(folder: Path, *sizes: int) -> Made:
    """Test sets of so many sentences, each of as many words as its number says, modulo ten."""
    entries = []
    for number, size in enumerate(sizes):
        for side in ("de", "en"):
            lines = (" ".join([f"{side}{number}-{line}", *["x"] * (line % 10)]) for line in range(size))
            (folder / f"{number}.{side}").write_text("\n".join(lines) + "\n")
        entries.append({"name": f"set{number}", "source": "de", "target": ("en", "fr")[number % 2],
                        "files": [f"{number}.de", f"{number}.en"]})  # fmt: skip
    tests = parse_tests(entries, folder=folder, where="here")
    return tests, {test.name: read_sentences(test) for test in tests}


def test_every_system_meets_the_same_sentences_drawn_evenly_and_each_once(tmp_path: Path) -> None:
    tests, sentences = made(tmp_path, 400, 5, 400)
    chosen = drawn(tests, sentences, ALONE, seed=1)
    assert chosen == drawn(tests, sentences, ALONE, seed=1) != drawn(tests, sentences, ALONE, seed=2)
    assert len(set(chosen)) == len(chosen) == 17 + 5 + 16
    assert {(source, target) for source, target, _ in chosen} == {("de", "en"), ("de", "fr")}


def test_one_at_a_time_after_a_warm_up_and_then_so_many_of_a_length_and_direction(tmp_path: Path) -> None:
    tests, sentences = made(tmp_path, 300, 300)
    calls: list[tuple[int, str]] = []
    lengths: list[int] = []

    def translate(texts: list[str], source: str, target: str) -> None:
        calls.append((len(texts), target))
        lengths.append(max(map(len, texts)) - min(map(len, texts)))

    found = measure(Timed(translate, "fp32", "cpu"), tests, sentences, seed=1)
    assert [size for size, _ in calls[: WARM_UP + ALONE]] == [1] * (WARM_UP + ALONE)
    rest = calls[WARM_UP + ALONE :]
    assert len(rest) == 1 + ROUNDS * BATCHES and all(size == BATCH for size, _ in rest)
    assert {target for _, target in rest} == {"en", "fr"}
    assert max(lengths) < 20  # of sentences of 5 to 25 characters
    assert found.alone == ALONE and found.together == BATCH * BATCHES


def test_the_figures_are_those_of_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes 4 ms a call, and 40 in every fifth: median, percentile and throughput follow from it."""
    tests, sentences = made(tmp_path, 300)
    count, now = 0, 0.0
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now)

    def translate(texts: list[str], source: str, target: str) -> None:
        nonlocal count, now
        count += 1
        now += 0.04 if count % 5 == 0 else 0.004

    found = measure(Timed(translate, "fp32", "cpu"), tests, sentences, seed=1)
    assert (found.latency, found.slow) == (pytest.approx(4.0), pytest.approx(40.0))
    assert 0 < found.throughput <= BATCH * BATCHES / (7 * 0.004 + 0.04)  # one of eight batches at least is a fifth call


def test_the_table_stands_beside_quality_and_says_what_the_figures_depend_on(tmp_path: Path) -> None:
    tests, sentences = made(tmp_path, 2)
    timed = Timed(lambda texts, source, target: None, "bf16", "cpu", 1000, 10)
    found = measure(timed, tests, sentences, seed=1)
    table = speed_table({"one": found}, [], ["BLEU"], MACHINE)
    assert table.columns[:4] == ("Model", "mean BLEU", "Parameters", "Trained")
    [row] = table.rows
    assert row[:4] == ("one", None, 1000, 10) and row[-1] == "bf16"
    assert "alone:2|warm-up:3|batch:32|together:2|best-of:2|precision:bf16|device:cpu|threads:3" in table.note
    assert "a processor" in table.note and "3 threads" in table.note


@pytest.mark.parametrize("content", [None, "{", "[1]", '{"parameters": "many"}'])
def test_a_model_that_nobody_counted_has_no_count(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert parameters_of(tmp_path) == (None, None)


def test_the_command_tells_speed_in_every_form_of_the_report(tmp_path: Path) -> None:
    model = write_model_folder(tmp_path / "tiny")
    (model / "run.json").write_text(json.dumps({"parameters": 4321, "trained_parameters": 1234}))
    lines = {"de": ["Das Haus ist alt.", "Der Hund schläft."], "en": ["The house is old.", "The dog sleeps."]}
    for side, texts in lines.items():
        (tmp_path / f"a.{side}").write_text("\n".join(texts) + "\n")
    words = [model, "-s", "de", "-t", "en", "--input", tmp_path / "a.de", "--reference", tmp_path / "a.en"]
    words += ["--max-length", "6", "--precision", "fp32", "--device", "cpu", "--beam", "1", "--resamples", "10"]
    plain = CliRunner().invoke(app, [str(word) for word in (*words, "--out", tmp_path / "plain")])
    assert "Sentences/s" not in plain.stdout + (tmp_path / "plain" / "report.md").read_text()
    told = CliRunner().invoke(app, [str(word) for word in (*words, "--out", tmp_path / "out", "--latency")])
    assert told.stdout.startswith(plain.stdout.rstrip("\n")) and "| Sentences/s by 32 |" in told.stdout
    table = next(
        table
        for table in json.loads((tmp_path / "out" / "report.json").read_text())["tables"]
        if table["title"] == "Quality beside speed"
    )
    row = dict(zip(table["columns"], table["rows"][0], strict=True))
    assert row["Parameters"] == 4321 and row["Trained"] == 1234 and row["Precision"] == "fp32"
    assert min(row[name] for name in ("ms a sentence", "90th percentile", "Sentences/s by 32")) > 0
    threads = f"{torch.get_num_threads()} threads"
    for form in ("report.md", "report.html", "report.json"):
        text = (tmp_path / "out" / form).read_text()
        assert "Quality beside speed" in text and threads in text and "precision:fp32" in text, form

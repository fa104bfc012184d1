"""The course that pretrains an encoder, with next to no training: every step runs, its files say what they should."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.experiments.demo.course import FROM_SCRATCH
from anyglot.experiments.demo.run import Outcome, run_demo
from anyglot.experiments.demo.text import write_text
from anyglot.inference.translation import Translator
from anyglot.phrasebook.corpus import Phrasebook
from experiments.demo.small import COURSE, OVERRIDES


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome, list[str]]:
    out, said = tmp_path_factory.mktemp("demo") / "run", []
    return out, run_demo(out, seed=3, course=COURSE, say=said.append, overrides=OVERRIDES), said


def test_summary_has_every_language_where_it_belongs(demo: tuple[Path, Outcome, list[str]]) -> None:
    summary = json.loads((demo[0] / "summary.json").read_text())
    assert summary["seconds"] > 0
    assert set(summary["supervised"]) == {"de"}
    assert set(summary["zero_shot"]) == set(summary["scratch_zero_shot"]) == {"nl", "uk"}
    assert set(summary["zero_shot"]["nl"]) == {"bleu", "chrf"}
    mean = sum(scores["chrf"] for scores in summary["zero_shot"].values()) / 2
    assert summary["means"]["zero_shot"]["chrf"] == pytest.approx(mean, abs=0.02)


def test_report_and_models_are_usable(demo: tuple[Path, Outcome, list[str]]) -> None:
    out, outcome, said = demo
    page = outcome.page.read_text()
    assert "<svg" in page and "nl" in page
    assert len(outcome.evaluation.samples) == 10
    assert [line.split("] ")[1].split()[0] for line in said] == [
        "writing",
        "pretraining",
        "SixT+",
        "the",
        "translating",
    ]
    with pytest.warns(UserWarning, match="zero-shot"):
        translated = Translator.from_pretrained(out / "sixt").translate(["De hond slaapt."], source="nl", target="en")
    assert len(translated) == 1


def test_zero_shot_languages_have_no_parallel_text(demo: tuple[Path, Outcome, list[str]]) -> None:
    files = {path.name for path in (demo[0] / "text").glob("train.*")}
    assert files == {"train.de-en.de", "train.de-en.en"}


def test_no_sentence_is_scored_that_chose_the_settings(tmp_path: Path) -> None:
    """The first 200 test sentences of seed 1 did."""
    course = replace(FROM_SCRATCH, supervised=("de",), zero_shot=("nl",), monolingual=20, pairs=20)
    write_text(course, tmp_path, seed=1)
    chosen = [row["en"].text for row in Phrasebook(("en",), 1, course.level).parallel("test", 200)]
    scored = (tmp_path / "test.en.txt").read_text().splitlines()
    assert len(chosen) == len(scored) == len(set(scored)) == 200
    assert not set(chosen) & set(scored)


def test_no_two_languages_pretrain_on_the_same_sentences(tmp_path: Path) -> None:
    course = replace(FROM_SCRATCH, supervised=("de",), zero_shot=("nl",), monolingual=200, pairs=50, held_out=5)
    write_text(course, tmp_path, seed=1)
    book = Phrasebook(("en", "de"), 1, "beginner")
    english = [sentence.meaning.key() for sentence in book.sentences("train", 200, "en")]
    german = [sentence.meaning.key() for sentence in book.sentences("train", 200, "de")]
    assert english != german
    assert (tmp_path / "mono.en.txt").read_text().count("\n") == 200


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds no demo"):
        run_demo(tmp_path, seed=1, course=COURSE, say=lambda line: None)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"

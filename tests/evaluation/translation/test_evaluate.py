"""`anyglot.evaluate` with a tiny model of random weights: what it gives is what the command writes."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

import anyglot
from anyglot.cli.evaluate_translation import evaluate_translation
from anyglot.evaluation.translation.metrics import score
from support.tiny_translators import write_model_folder

SOURCES = ["Das Haus ist alt.", "Der Hund\nschläft.", "Die Katze sieht den Vogel."]
REFERENCES = ["The house is old.", "The dog sleeps.", "The cat sees the bird."]
SETTINGS = anyglot.SearchSettings(beam=2, max_length=20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_model_folder(tmp_path_factory.mktemp("models") / "tiny")


def evaluated(model: object, test_sets: object = None, **more: object) -> object:
    given = {"news": (SOURCES, REFERENCES, "de", "en")} if test_sets is None else test_sets
    where = {} if isinstance(model, anyglot.Translator) else {"device": "cpu"}
    return anyglot.evaluate(model, given, settings=SETTINGS, **{**where, **more})  # type: ignore[arg-type]


def test_scores_are_those_of_the_translations(model: Path) -> None:
    found = evaluated(model)
    translator = anyglot.Translator.from_pretrained(model, device="cpu")
    expected = translator.translate(SOURCES, source="de", target="en", beam=2, max_length=20)
    assert found.hypotheses == {"news": tuple(expected)} and found.model == "tiny" and found.skipped == ()
    for metric in ("BLEU", "chrF++"):
        assert found.scores["news"][metric] == score(metric, expected, REFERENCES, target="en")
    assert found.scores["news"]["chrF++"].low < found.scores["news"]["chrF++"].high
    again = evaluated(translator)
    assert again == found
    chosen = evaluated(translator, metrics=["chrf"], resamples=0).scores["news"]
    assert list(chosen) == ["chrF"] and chosen["chrF"].low == chosen["chrF"].value == chosen["chrF"].high


def test_the_command_and_the_function_are_one_road(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.de").write_text("\n".join(text.replace("\n", " ") for text in SOURCES) + "\n", "utf-8")
    (tmp_path / "a.en").write_text("\n".join(REFERENCES) + "\n", "utf-8")
    (tmp_path / "tests.yaml").write_text(
        "- {source: de, target: en, files: [a.de, a.en]}\n- {source: en, target: de, files: [a.en, a.de]}\n"
    )
    found = evaluated(model, tmp_path / "tests.yaml", out=tmp_path / "out")
    assert found.skipped == ("en-de",)
    app = typer.Typer()
    app.command()(evaluate_translation)
    words = [model, "--tests", tmp_path / "tests.yaml", "--beam", "2", "--max-length", "20", "--device", "cpu"]
    before = json.loads((tmp_path / "out/report.json").read_text("utf-8"))
    done = CliRunner().invoke(app, [str(word) for word in [*words, "--out", tmp_path / "out"]])
    assert done.exit_code == 0 and "translated before, kept" in done.stderr
    after = json.loads((tmp_path / "out/report.json").read_text("utf-8"))
    assert before["tables"] == after["tables"] and before["samples"] == after["samples"]
    row = dict(zip(after["tables"][0]["columns"], after["tables"][0]["rows"][0], strict=True))
    assert row["BLEU"]["value"] == found.scores["de-en"]["BLEU"].value


def test_a_model_changed_in_memory_is_not_taken_for_the_one_before(model: Path, tmp_path: Path) -> None:
    translator = anyglot.Translator.from_pretrained(model, device="cpu", precision="fp32")
    said: list[str] = []
    first = evaluated(translator, out=tmp_path)
    assert evaluated(translator, out=tmp_path, say=said.append) == first
    assert any("translated before, kept" in line for line in said)
    with torch.no_grad():
        translator.model.output.weight.neg_()
    assert evaluated(translator, out=tmp_path).hypotheses != first.hypotheses


def test_a_result_is_frozen_and_one_line(model: Path) -> None:
    pairs = (SOURCES, REFERENCES, "de", "en")
    found = evaluated(model, {"news": pairs, "a/b": pairs}, resamples=0)
    bleu, chrf = (found.scores["news"][metric] for metric in ("BLEU", "chrF++"))
    assert repr(found) == (
        f"EvaluationResult('tiny', mean of 2 test sets: BLEU {bleu.value:.1f}, chrF++ {chrf.value:.1f})"
    )
    one = repr(evaluated(model))
    assert one.startswith("EvaluationResult('tiny', news: BLEU ") and "\n" not in one
    told = found.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert (
        told["scores"]["a/b"]["BLEU"]["signature"] == bleu.signature
        and told["scores"]["a/b"]["BLEU"]["low"] == bleu.low
    )
    assert list(told["hypotheses"]["news"]) == list(found.hypotheses["news"])
    with pytest.raises(FrozenInstanceError):
        found.model = "other"
    with pytest.raises(TypeError):
        found.scores["news"] = {}


@pytest.mark.parametrize(
    ("test_sets", "more", "told"),
    [
        ({}, {}, "no test set"),
        ({"x": (SOURCES, REFERENCES[:2], "de", "en")}, {}, "'x' has 3 sources but 2 references"),
        ({"x": (SOURCES, REFERENCES, "de")}, {}, r"'x' must be \(sources, references"),
        ({"x": ("Das Haus", REFERENCES, "de", "en")}, {}, "sources of test set 'x' must be a sequence of texts"),
        ({"x": (SOURCES, REFERENCES, "qqq", "en")}, {}, "qqq"),
        ({"x": (SOURCES, REFERENCES, "en", "de")}, {}, "translates into en, zh, not into German"),
        ("nothing.yaml", {}, "nothing.yaml cannot be read"),
        (None, {"metrics": "BLEU"}, "metrics must be a sequence"),
        (None, {"metrics": ["BLUE"]}, "no metric 'BLUE'"),
        (None, {"metrics": []}, "names no metric"),
        (None, {"resamples": -1}, "resamples must lie between"),
    ],
)
def test_mistakes_are_one_sentence(model: Path, test_sets: object, more: dict[str, object], told: str) -> None:
    with pytest.raises(anyglot.UserError, match=told):
        evaluated(model, test_sets, **more)


def test_what_belongs_to_opening_is_refused_for_an_open_model(model: Path) -> None:
    translator = anyglot.Translator.from_pretrained(model, device="cpu")
    with pytest.raises(anyglot.UserError, match="a Translator has its own"):
        evaluated(translator, precision="fp32")
    with pytest.raises(anyglot.UserError, match="no-such-model"):
        evaluated("no-such-model")

"""`anyglot evaluate translation` with a tiny model of random weights: nonsense, but reproducible nonsense."""

import json
import shutil

import pytest
import torch
import typer
from typer.testing import CliRunner

from anyglot.cli.evaluate_translation import evaluate_translation
from anyglot.errors import UserError
from anyglot.inference.translation import Translator
from inference.generation.test_non_autoregressive import write_folder
from support.tiny_translators import write_model_folder

SOURCES = ["Das Haus ist alt.", "Der Hund schläft.", "Die Katze sieht den Vogel."]
REFERENCES = ["The house is old.", "The dog sleeps.", "The cat sees the bird."]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.set_num_threads(1)
    return write_model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.de").write_text("\n".join(SOURCES) + "\n", "utf-8")
    (tmp_path / "a.en").write_text("\n".join(REFERENCES) + "\n", "utf-8")
    return tmp_path


def command(*words):
    app = typer.Typer()
    app.command()(evaluate_translation)
    found = CliRunner().invoke(app, [str(word) for word in words])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def single(files, model, *more, out="out"):
    return command(model, "-s", "de", "-t", "en", "--input", files / "a.de", "--reference", files / "a.en",
                   "--out", files / out, "--max-length", "20", "--device", "cpu", *more)  # fmt: skip


def test_one_test_set_is_translated_scored_and_written_and_kept_for_the_next_time(model, files):
    first = single(files, model, "--beam", "2")
    assert first.exit_code == 0
    assert first.stdout.startswith("| Test | Pair | Kind | Sentences | BLEU | chrF++ |")
    assert "| de-en | de-en | supervised | 3 |" in first.stdout and "report:" in first.stderr
    translator = Translator.from_pretrained(model, device="cpu")
    expected = translator.translate(SOURCES, source="de", target="en", beam=2, max_length=20)
    assert (files / "out/hypotheses/tiny/de-en.txt").read_text("utf-8").split("\n")[:-1] == expected
    again = single(files, model, "--beam", "2")
    assert again.stdout == first.stdout and "translated before, kept" in again.stderr
    assert "translated before, kept" not in single(files, model, "--beam", "3").stderr


def test_a_table_and_a_baseline(model, files):
    other = shutil.copytree(model, files / "scratch")
    (files / "tests.yaml").write_text(
        "- {source: de, target: en, files: [a.de, a.en]}\n"
        "- {name: reversed, source: en, target: zho_Hans, files: [a.en, a.de]}\n"
    )
    found = command(model, "--tests", files / "tests.yaml", "--baseline", other, "--out", files / "out",
                    "--decoder", "greedy", "--max-length", "10", "--resamples", "20", "--device", "cpu")  # fmt: skip
    assert "BLEU tiny | BLEU scratch" in found.stdout and "mean of 1 | – | zero-shot" in found.stdout
    assert "+0.0 \\[+0.0, +0.0\\]" in found.stdout
    data = json.loads((files / "out/report.json").read_text("utf-8"))
    assert data["facts"]["Decoder"] == "greedy" and any("tok:zh" in line for line in data["signatures"]["BLEU"])
    assert data["samples"][0]["baseline"] == data["samples"][0]["output"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--source", "de"], "--target, --input, --reference is missing"),
        (["--tests", "t.yaml", "--source", "de"], "--tests was given together with --source"),
        (["--tests", "nothing.yaml"], "nothing.yaml cannot be read"),
        (["--source", "qqq", "--target", "en", "--input", "a", "--reference", "b"], "qqq"),
        (["--metrics", "BLUE", "--tests", "t.yaml"], "no metric 'BLUE'"),
        (["--beam", "0"], "beam must lie between"),
        (["--decoder", "dream"], "no decoder 'dream'"),
        (["--baseline", "other", "--against", "old"], "--baseline and --against were both given"),
        (["--against", "nowhere"], "nowhere is not there"),
    ],
)
def test_mistakes_are_told_before_any_model_is_loaded(words, told):
    with pytest.raises(UserError, match=told):
        command("no-such-model", *words)


def test_a_run_against_an_earlier_ones_translations(model, files):
    assert single(files, model, "--beam", "2", out="old").exit_code == 0
    found = single(files, model, "--decoder", "greedy", "--against", files / "old", "--resamples", "20")
    assert "BLEU tiny | BLEU tiny-2" in found.stdout and "BLEU tiny − baseline" in found.stdout
    data = json.loads((files / "out/report.json").read_text("utf-8"))
    table = next(table for table in data["tables"] if table["title"] == "Differences to the baseline")
    assert table["columns"][-2:] == ["p bootstrap", "p randomisation"] and len(table["rows"]) == 2
    # The JSON has the numbers in full.
    assert 0 < table["rows"][0][5]["p_bootstrap"] <= 1 and "low" in table["rows"][0][5]
    for name in ("report.md", "report.html"):
        assert "p randomisation" in (files / "out" / name).read_text("utf-8")
    (files / "a.de").write_text("\n".join(["Die Katze ist alt.", *SOURCES[1:]]) + "\n", "utf-8")
    with pytest.raises(UserError, match="made from other sentences than test set 'de-en'"):
        single(files, model, "--against", files / "old")


def test_w10_a_report_bears_the_name_of_the_model_that_was_evaluated(model, files):
    assert single(files, model, "--decoder", "greedy", out="old").exit_code == 0
    other = shutil.copytree(model, files / "scratch")
    for further, title in (
        (["--against", files / "old"], "Evaluation of tiny"),
        (["--baseline", other], "Evaluation of tiny"),
        (["--baseline", model], "Evaluation of tiny"),
        ([other, "--against", files / "old"], "Evaluation of tiny, scratch"),
    ):
        single(files, model, "--decoder", "greedy", "--resamples", "0", *further)
        assert json.loads((files / "out/report.json").read_text("utf-8"))["title"] == title
        assert f"# {title}\n" in (files / "out/report.md").read_text("utf-8")


def test_w10_settings_are_told_as_each_model_was_searched(model, files):
    def facts(*more):
        single(files, *more, "--resamples", "0")
        return json.loads((files / "out/report.json").read_text("utf-8"))["facts"]

    free = write_folder(files / "free", length_classes=18)  # its denoiser runs once where nobody says how often
    alone = facts(free)
    assert {name: alone[name] for name in ("Decoder", "Iterations", "Length beam", "Remasking", "Rounds")} == {
        "Decoder": "mask-predict",
        "Iterations": "4",
        "Length beam": "1",
        "Remasking": "paper",
        "Rounds": "1",
    }
    assert "Beam" not in alone and facts(free, "--rounds", "0")["Rounds"] == "0"
    ctc = write_folder(files / "ctc")
    assert facts(ctc)["Rounds"] == "2" and facts(ctc)["Beam"] == "1"
    words = facts(model)
    assert words["Decoder"] == "beam" and words["Beam"] == "5" and "Rounds" not in words
    both = facts(model, free)
    assert both["Decoder"] == "tiny: beam; free: mask-predict" and both["Beam"] == "tiny: 5"
    assert both["Rounds"] == "free: 1" and both["Max length"] == "20"


def test_off_target_translations_are_counted(model, files):
    pytest.importorskip("py3langid")
    single(files, model, "--decoder", "greedy", "--off-target", "--candidates", "de,en")
    data = json.loads((files / "out/report.json").read_text("utf-8"))
    table = next(table for table in data["tables"] if table["title"] == "Off-target")
    row = dict(zip(table["columns"], table["rows"][0], strict=True))
    assert row["Sentences"] + row["Short"] == 3 and row["Target"] == "en"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--candidates", "de"], "candidates was given without --off-target"),
        (["--comet-model", "x"], "comet_model was given without comet"),
        (["--comet", "nowhere/python"], "comet=nowhere/python cannot be run"),
    ],
)
def test_mistakes_about_further_measures_are_told_before_any_model_is_loaded(files, words, told):
    with pytest.raises(UserError, match=told):
        single(files, "no-such-model", *words)


def test_languages_models_and_files_that_do_not_fit_are_told(model, files):
    with pytest.raises(UserError, match="translates into en, zh, not into German"):
        command(model, "-s", "en", "-t", "de", "-i", files / "a.en", "-r", files / "a.de", "-o", files / "out")
    with pytest.raises(UserError, match="no-such-folder"):
        single(files, files / "no-such-folder")
    (files / "a.en").write_text("one\ntwo\n")
    with pytest.raises(UserError, match=r"3 lines, .* has 2;"):
        single(files, model)
    (files / "a.en").write_text("")
    with pytest.raises(UserError, match="empty"):
        single(files, model)
    (files / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file: file exists; choose another --out"):
        single(files, model, out="file")

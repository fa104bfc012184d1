"""`anyglot evaluate` with a tiny model of random weights: nonsense, but reproducible nonsense."""

import json
import shutil

import pytest
import torch
import typer
from typer.testing import CliRunner

from anyglot.cli.evaluate import evaluate
from anyglot.errors import UserError
from anyglot.translator import Translator
from translator.tiny import write_model_folder

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
    app.command()(evaluate)
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
        (["--tests", "nothing.yaml"], "nothing.yaml could not be read"),
        (["--source", "qqq", "--target", "en", "--input", "a", "--reference", "b"], "qqq"),
        (["--metrics", "BLUE", "--tests", "t.yaml"], "no metric 'BLUE'"),
        (["--beam", "0"], "beam must lie between"),
        (["--decoder", "dream"], "no decoder 'dream'"),
    ],
)
def test_mistakes_are_told_before_any_model_is_loaded(words, told):
    with pytest.raises(UserError, match=told):
        command("no-such-model", *words)


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
    with pytest.raises(UserError, match="no folder to write to"):
        single(files, model, out="file")

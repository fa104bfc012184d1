"""A run that has not ended is uploaded as the checkpoint that `translate` opens, and its card says that it is one."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
from typer.testing import CliRunner

import anyglot  # noqa: F401  (introduces our classes)
from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.hub.push import prepare, write
from anyglot.inference.translation import Translator
from anyglot.models.pretrained.run_checkpoints import checkpoint_folders
from anyglot.runtime.signals import Stopped
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from hub.test_push import RECIPE, card
from support import deadly
from support.recipe_words import write_words
from support.waiting import PATIENCE
from training.recipe.test_msp import LANGUAGE_MODEL, MSP
from training.recipe.test_unfinished import best_and_newest, holds, stopping

TEXTS = ["hund sieht katze", "mann isst brot"]
SAVING = """
data: {validation: [{source: de, target: en, files: [valid.de, valid.en]}]}
validation: {every: 4}
checkpoints: {every: 3, keep_last: 9}
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed when the checkpoint of update 9 had been written; 4 and 8 were validated."""
    root = tmp_path_factory.mktemp("secret_place")
    write_words(root, train=60, valid=8)
    (root / "words.yaml").write_text(RECIPE.replace("updates: 3", "updates: 12"))
    (root / "saving.yaml").write_text(f"extends: words.yaml\n{SAVING}")
    words = ["train", root / "saving.yaml", "--out", root / "translator", "--quiet"]
    done = subprocess.run(deadly.command("*/checkpoints/step-9", 1, *words), capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return root / "translator"


@pytest.fixture
def run(killed: Path, tmp_path: Path) -> Path:
    shutil.copytree(killed.parent, tmp_path / "root")
    return tmp_path / "root" / "translator"


def evaluate(model: Path, out: Path) -> Path:
    data = next(parent for parent in model.parents if (parent / "valid.de").exists())
    words = ["evaluate", str(model), "--out", str(out), "-s", "de", "-t", "en", "--metrics", "chrF"]
    done = CliRunner().invoke(app, [*words, "-i", str(data / "valid.de"), "-r", str(data / "valid.en")])
    assert done.exit_code == 0, done.output
    return out


def test_what_translate_opens_is_what_is_uploaded(run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    best, newest = best_and_newest(run)
    assert newest.name == "step-9" and best != newest and not (run / "config.json").exists()
    files = prepare(run, "me/words")
    assert f"{run} has not ended: the checkpoint of update {best.name[5:]} is taken" in caplog.text
    write(files, tmp_path / "upload")
    assert holds(tmp_path / "upload", best)
    assert set(files) == {
        "README.md",
        "config.json",
        "generation_config.json",
        "languages.json",
        "model.safetensors",
        "sentencepiece.bpe.model",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    said = [
        Translator.from_pretrained(place).translate(TEXTS, source="de", target="en")
        for place in (run, tmp_path / "upload")
    ]
    assert said[0] == said[1]
    theirs = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "upload")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "upload")
    theirs.generate(**tokenizer(TEXTS, return_tensors="pt", padding=True), max_new_tokens=4)


def test_the_card_says_that_it_is_a_checkpoint(run: Path) -> None:
    best, _ = best_and_newest(run)
    files = prepare(run, "me/words")
    _, text = card(files)
    assert f"It is the checkpoint of update {best.name[5:]}, not the model of a finished training." in text
    assert f"| Updates | {best.name[5:]} |" in text and "| Finished | no, a checkpoint |" in text
    assert "train.de, train.en" in text and "German (de)" in text and "it has no base" in text
    assert all(b"secret_place" not in content for content in files.values() if isinstance(content, bytes))


def test_a_checkpoint_may_be_named_before_and_after_the_end(run: Path) -> None:
    """Of a run that has ended the card tells its text and its seed, and not its end."""
    first = checkpoint_folders(run / "checkpoints")[0]
    assert "the checkpoint of update 3," in card(prepare(first, "me/words"))[1]
    assert run_recipe(load_recipe(run.parent / "saving.yaml"), run, resume=True, quiet=True)
    record = json.loads((run / "run.json").read_text())
    _, text = card(prepare(first, "me/words"))
    assert "the checkpoint of update 3," in text and record["corpora"][0]["hash"] in text and "| Updates | 3 |" in text
    assert record["finished"] not in text and f"| Target tokens | {record['target_tokens']:,} |" not in text
    (run / "checkpoint.json").write_text('{"update": "of somebody else"}')  # no word of ours: this model is the run's
    _, whole = card(prepare(run, "me/words"))
    assert "checkpoint" not in whole and "| Updates | 12 |" in whole and record["finished"] in whole


def test_scores_of_another_checkpoint_or_of_the_finished_run_are_refused(run: Path, tmp_path: Path) -> None:
    best, newest = best_and_newest(run)
    scores = evaluate(run, tmp_path / "scores")
    assert "| chrF |" in card(prepare(run, "me/words", None, scores))[1]
    of_newest = evaluate(newest, tmp_path / "newest")
    assert "| chrF |" in card(prepare(newest, "me/words", None, of_newest))[1]
    shutil.rmtree(best)  # as a run does that goes on and finds better ones
    told = r"not known to be of the checkpoint of update \d+: name the same finished run, or the same checkpoint"
    with pytest.raises(UserError, match=told):
        prepare(run, "me/words", None, scores)
    shutil.rmtree(of_newest / "hypotheses")
    with pytest.raises(UserError, match=told):
        prepare(newest, "me/words", None, of_newest)
    assert run_recipe(load_recipe(run.parent / "saving.yaml"), run, resume=True, quiet=True)
    with pytest.raises(UserError, match="not known to be of the finished run"):
        prepare(run, "me/words", None, scores)
    assert "| chrF |" in card(prepare(run, "me/words", None, evaluate(run, scores)))[1]


def test_the_command(run: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "anyglot.cli.main", "push", str(run), "me/words", "--dry-run"]
    done = subprocess.run([*words, "--out", str(tmp_path / "upload")], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and "has not ended: the checkpoint of update " in done.stderr, done.stderr
    assert "not the model of a finished training" in (tmp_path / "upload" / "README.md").read_text()
    (run / "README.md").write_text("mine")
    assert prepare(run, "me/words")["README.md"] == run / "README.md"
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match="is a run without a checkpoint yet; the first is written after update 3"):
        prepare(run, "me/words")


def test_a_kind_that_transformers_cannot_open_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_words(tmp_path, train=200, valid=12)
    (tmp_path / "language_model.yaml").write_text(LANGUAGE_MODEL.replace("updates: 300", "updates: 2"))
    (tmp_path / "msp.yaml").write_text(MSP)
    run_recipe(load_recipe(tmp_path / "language_model.yaml"), tmp_path / "language_model", quiet=True)
    run, settings = tmp_path / "run", [f"method.start={tmp_path / 'language_model'}", "validation.every=2"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("anyglot.training.loop.train.Step", stopping(2))
        run_recipe(load_recipe(tmp_path / "msp.yaml", settings), run, quiet=True)
    with pytest.raises(UserError, match=f"upload what `anyglot model average {run} --best 1` writes, for"):
        prepare(run, "me/words")

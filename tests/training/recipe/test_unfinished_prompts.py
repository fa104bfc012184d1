"""Prompts that are being trained go over their encoder before the run ends: its best checkpoint's, and that is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.hub.prompts import export_prompts
from anyglot.inference.translation import Translator
from anyglot.inference.translation.loading import fetch_prompts
from anyglot.models.pretrained.run_checkpoints import checkpoint_folders, read_tensors
from anyglot.runtime.signals import Stopped
from anyglot.training.recipe.averaged import average_run
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support.recipe_words import write_words
from training.recipe.test_base_models import ENCODER
from training.recipe.test_msp import LANGUAGE_MODEL, MSP
from training.recipe.test_sga import SGA
from training.recipe.test_unfinished import best_and_newest, stopping

TEXTS = ["hund sieht katze", "mann isst brot"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder, and `stopped`: a run of method sga over it with checkpoints of updates 2, 4 and 5 to 7."""
    folder = tmp_path_factory.mktemp("prompts")
    write_words(folder, train=200, valid=12)
    (folder / "encoder.yaml").write_text(ENCODER.replace("updates: 40", "updates: 4"))
    (folder / "sga.yaml").write_text(SGA)
    run_recipe(load_recipe(folder / "encoder.yaml"), folder / "encoder", quiet=True)
    settings = ["method.start=encoder", "checkpoints.keep_last=9", "stages.prompts.updates=50"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("anyglot.training.loop.train.Step", stopping(7))
        patch.chdir(folder)
        run_recipe(load_recipe(folder / "sga.yaml", settings), folder / "stopped", quiet=True)
    return folder


def opened(model: Path, prompts: Path) -> Translator:
    return Translator.from_pretrained(model, device="cpu", precision="fp32", prompts=prompts)


def test_prompts_of_a_stopped_run_are_those_of_its_best_checkpoint(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    """As its mean of one checkpoint is, as its export is, and as the run itself translates."""
    run, base = root / "stopped", root / "encoder"
    best, newest = best_and_newest(run)
    assert best != newest and not (run / "prompts").exists()
    translator = opened(base, run)
    (said,) = [
        record.getMessage() for record in caplog.records if record.name == "anyglot.models.pretrained.unfinished_runs"
    ]
    assert said.startswith(f"{run} has not ended: the checkpoint of update {best.name[5:]} is taken (loss ")
    own, saved = fetch_prompts(run), read_tensors(best / "model.safetensors")
    assert own.tensors and all(torch.equal(saved[name], tensor) for name, tensor in own.tensors.items())
    written = translator.translate(TEXTS, source="de", target="en")
    assert written == opened(base, run / "prompts").translate(TEXTS, source="de", target="en")
    assert written == Translator.from_pretrained(run, precision="fp32").translate(TEXTS, source="de", target="en")
    average_run(run, tmp_path / "mean", best=1)
    export_prompts(str(run), tmp_path / "exported")
    for other in (tmp_path / "mean" / "prompts", tmp_path / "exported"):
        assert opened(base, other).identity == translator.identity  # so a translation goes on by --resume
    assert translator.languages is not None and translator.languages.target == {"en"}
    assert not [warning for warning in recwarn if "another encoder" in str(warning.message)]
    assert not (run / "prompts").exists()  # nothing is written into a run that goes


def test_a_checkpoint_named_gives_its_own_and_they_take_the_others_place(root: Path) -> None:
    first, *_, newest = checkpoint_folders(root / "stopped" / "checkpoints")
    one = opened(root / "encoder", first)
    other = one.with_prompts(newest)
    for translator, checkpoint in ((one, first), (other, newest)):
        found = dict(translator.model.named_parameters())["prompts.align.keys"]
        assert torch.equal(found, read_tensors(checkpoint / "model.safetensors")["prompts.align.keys"])


def test_the_command_says_which(root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Path(shutil.copytree(root / "stopped", tmp_path / "run"))
    (tmp_path / "given").write_text("".join(f"{text}\n" for text in TEXTS))
    words = ["translate", str(root / "encoder"), "-s", "de", "-t", "en", "--prompts", str(run / "prompts")]
    done = CliRunner().invoke(app, [*words, "--input", str(tmp_path / "given"), "--output", str(tmp_path / "out")])
    assert done.exit_code == 0 and len((tmp_path / "out").read_text().splitlines()) == len(TEXTS)
    assert f"{run} has not ended: the checkpoint of update" in caplog.text
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match="is a run without a checkpoint yet; the first is written after update 2"):
        fetch_prompts(run)


def test_a_stopped_run_without_prompts_over_an_encoder_is_refused(root: Path, tmp_path: Path) -> None:
    """A language model's prompts are part of its model, and are translated with as that."""
    write_words(tmp_path, train=200, valid=12)
    (tmp_path / "language_model.yaml").write_text(LANGUAGE_MODEL.replace("updates: 300", "updates: 2"))
    (tmp_path / "msp.yaml").write_text(MSP)
    run_recipe(load_recipe(tmp_path / "language_model.yaml"), tmp_path / "language_model", quiet=True)
    settings = [f"method.start={tmp_path / 'language_model'}", "validation.every=2"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("anyglot.training.loop.train.Step", stopping(2))
        run_recipe(load_recipe(tmp_path / "msp.yaml", settings), tmp_path / "run", quiet=True)
    with pytest.raises(UserError, match=r"run is not made by prompts over an encoder \(method sga\), so it holds none"):
        fetch_prompts(tmp_path / "run")
    assert len(Translator.from_pretrained(tmp_path / "run").translate(TEXTS, source="de", target="en")) == len(TEXTS)

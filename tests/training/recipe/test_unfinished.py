"""A run that goes or was stopped is a model already: doors take its best checkpoint, or its newest, and say so."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder
from anyglot.inference.translation import Translator
from anyglot.models.pretrained import unfinished_runs
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.locate import local_folder
from anyglot.models.pretrained.run_checkpoints import FROZEN_WEIGHTS_FILE, checkpoint_folders, left_out, read_tensors
from anyglot.models.store import load_config, load_model
from anyglot.runtime.signals import Stopped
from anyglot.training.loop.step import Outcome, Step
from anyglot.training.recipe.averaged import average_run
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support.recipe_words import write_words
from support.waiting import PATIENCE, until
from training.recipe.test_run import MASKED, SIXT


def stopping(update: int) -> type[Step]:
    """A step that ends in SIGTERM when a run of one process has done so many updates."""
    done = count(1)

    class Stopping(Step):
        def __call__(self, *arguments: Any) -> Outcome:
            if next(done) == update:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__call__(*arguments)

    return Stopping


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder, and `stopped`: a translator's run with checkpoints of 3, 4, 5 (validated: 4 and 5), 6 and 7."""
    folder = tmp_path_factory.mktemp("unfinished")
    write_words(folder, train=300, valid=12)
    (folder / "encoder.yaml").write_text(MASKED)
    (folder / "sixt.yaml").write_text(SIXT)
    run_recipe(load_recipe(folder / "encoder.yaml"), folder / "encoder", quiet=True)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("anyglot.training.loop.train.Step", stopping(7))
        recipe = load_recipe(folder / "sixt.yaml", ["checkpoints.keep_last=9", "validation.metric=loss"])
        run_recipe(recipe, folder / "stopped", quiet=True)
    return folder


@pytest.fixture
def stopped(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root / "stopped", tmp_path / "stopped"))


def best_and_newest(run: Path) -> tuple[Path, Path]:
    folders = checkpoint_folders(run / "checkpoints")
    scores = json.loads((folders[-1] / "progress.json").read_text())["best"]
    judged = [folder for folder in folders if folder.name[5:] in scores]
    return min(judged, key=lambda folder: scores[folder.name[5:]]), folders[-1]


def holds(folder: Path, checkpoint: Path) -> bool:
    """Whether a folder's model is what a checkpoint holds, and whole."""
    saved, found = read_tensors(checkpoint / "model.safetensors"), dict(load_model(folder).named_parameters())
    return saved.keys() <= found.keys() and all(torch.equal(found[name], saved[name]) for name in saved)


def test_the_best_is_taken_and_said_once(stopped: Path, caplog: pytest.LogCaptureFixture) -> None:
    best, newest = best_and_newest(stopped)
    assert best != newest and not (stopped / "config.json").exists()
    folder = local_folder(stopped)
    assert local_folder(stopped) == folder and holds(folder, best)
    (said,) = [
        record.getMessage() for record in caplog.records if record.name == "anyglot.models.pretrained.unfinished_runs"
    ]
    assert said.startswith(f"{stopped} has not ended: the checkpoint of update {best.name[5:]} is taken (loss ")
    assert unfinished_runs.taken(folder) is not None and unfinished_runs.taken(folder)["update"] == int(best.name[5:])  # type: ignore[index]
    translator = Translator.from_pretrained(stopped, device="cpu", precision="fp32")
    assert len(translator.translate(["hund sieht katze"], source="de", target="en")) == 1
    assert translator.languages.pairs and Embedder.from_pretrained(stopped).embed(["hund"]).shape == (1, 16)


def test_with_no_validation_it_is_the_newest(stopped: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, newest = best_and_newest(stopped)
    for folder in checkpoint_folders(stopped / "checkpoints"):
        if folder != newest:
            shutil.rmtree(folder)
    assert holds(local_folder(stopped), newest)
    assert f"update {newest.name[5:]} is taken, which was not validated" in caplog.text


def test_a_checkpoint_is_a_model_too_before_and_after_the_end(stopped: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of either stage: of the first the network is not edited yet."""
    folders = checkpoint_folders(stopped / "checkpoints")
    for checkpoint in (folders[0], folders[-1]):
        assert holds(local_folder(checkpoint), checkpoint)
    configs = [load_config(local_folder(folder)) for folder in (folders[0], folders[-1])]
    assert [bool(config.dropped_skips) for config in configs] == [False, True]
    assert "has not ended" not in caplog.text


def test_a_damaged_one_gives_way_to_the_next(stopped: Path) -> None:
    best, _ = best_and_newest(stopped)
    with (best / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x7f")
    assert best.name not in str(local_folder(stopped))
    with pytest.raises(UserError, match=r"cannot be used: model\.safetensors is not what was written"):
        local_folder(best)
    copy = Path(shutil.copytree(stopped, stopped.with_name("copy")))  # what was opened before is held and still good
    for folder in checkpoint_folders(copy / "checkpoints"):
        (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=r"No checkpoint of the run .* can be used: step-"):
        local_folder(copy)


def test_what_is_held_outlives_the_checkpoint(stopped: Path) -> None:
    best, _ = best_and_newest(stopped)
    folder, kept = local_folder(stopped), read_tensors(best / "model.safetensors")
    shutil.rmtree(stopped)
    found = dict(load_pretrained(folder).named_parameters())
    assert all(torch.equal(found[name], kept[name]) for name in kept)


def forget(run: Path, *keys: str) -> None:
    """Make the checkpoints those of a version that did not know some keys of a recipe."""
    for path in run.glob("checkpoints/*/manifest.json"):
        manifest = json.loads(path.read_text())
        for key in keys:
            del manifest["identity"][key]
        path.write_text(json.dumps(manifest))


def test_a_run_of_a_version_without_a_key_goes_on_where_the_key_has_its_default(stopped: Path, root: Path) -> None:
    recipe = load_recipe(root / "sixt.yaml", ["checkpoints.keep_last=9", "validation.metric=loss"])
    forget(stopped, "method.decoder.scale", "method.memory.standardize", "method.start")
    with pytest.raises(UserError, match=r"cannot be resumed: method\.start was absent, now [^;]*\. Give"):
        run_recipe(recipe, stopped, resume=True, quiet=True)
    shutil.rmtree(stopped)
    shutil.copytree(root / "stopped", stopped)
    forget(stopped, "method.decoder.scale", "method.memory.standardize")
    assert run_recipe(recipe, stopped, resume=True, quiet=True)
    assert json.loads((stopped / "run.json").read_text())["updates"] > 7


def test_a_list_that_misses_the_only_checkpoint_is_made_again(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is listed entry by entry: between the old one's end and the new one's name there may be neither."""
    listed = unfinished_runs.checkpoint_folders
    calls = iter([True, True, False])
    monkeypatch.setattr(unfinished_runs, "checkpoint_folders", lambda root: [] if next(calls, False) else listed(root))
    assert holds(local_folder(stopped), best_and_newest(stopped)[0])


def test_checkpoints_that_vanish_while_they_are_read(stopped: Path) -> None:
    """A thread replaces the only checkpoint by a newer one all the time, as a run that keeps one does."""
    root, (_, newest) = stopped / "checkpoints", best_and_newest(stopped)
    template = Path(shutil.copytree(newest, stopped / "template"))
    for folder in checkpoint_folders(root):
        shutil.rmtree(folder)
    over = threading.Event()

    def go_on() -> None:
        number = 100
        while not over.wait(0.02):
            shutil.copytree(template, root / f"step-{number}.tmp")
            (root / f"step-{number}.tmp").rename(root / f"step-{number}")
            shutil.rmtree(root / f"step-{number - 1}", ignore_errors=True)
            number += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        until(lambda: checkpoint_folders(root), "the thread wrote a checkpoint")
        for _ in range(20):
            assert holds(local_folder(stopped), template)
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(("change", "update"), [([], 3), (["checkpoints.every=50"], 4), (["data.validation=[]"], 3)])
def test_before_the_first_checkpoint_it_is_told_when_it_comes(
    root: Path, tmp_path: Path, change: list[str], update: int
) -> None:
    plain = ["validation.metric=loss", "validation.sentences=0"]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="cut"):
        patch.setattr("anyglot.training.loop.train.Step", _cut)
        run_recipe(load_recipe(root / "sixt.yaml", [*plain, *change]), tmp_path / "run", quiet=True)
    with pytest.raises(UserError, match=rf"without a checkpoint yet; the first is written after update {update}\."):
        Translator.from_pretrained(tmp_path / "run")


def _cut(*arguments: object, **named: object) -> None:
    raise RuntimeError("cut")


def test_what_no_stage_trains_lies_beside_the_checkpoints_while_the_run_goes(root: Path, tmp_path: Path) -> None:
    """SixT+'s first stage alone: the encoder is in no checkpoint."""
    recipe = load_recipe(root / "sixt.yaml", ["stages.joint.updates=0", "stages.decoder.updates=8"])
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr("anyglot.training.loop.train.Step", stopping(5))
        run_recipe(recipe, run, quiet=True)
    checkpoint = checkpoint_folders(run / "checkpoints")[-1]
    assert left_out(checkpoint) and (run / "checkpoints" / FROZEN_WEIGHTS_FILE).is_file()
    encoder, start = load_encoder(run), load_encoder(root / "encoder")
    ours = dict(encoder.named_parameters())
    assert all(torch.equal(ours[name], tensor) for name, tensor in start.named_parameters() if name in ours)
    assert holds(local_folder(checkpoint), checkpoint)
    (run / "checkpoints" / FROZEN_WEIGHTS_FILE).rename(tmp_path / "aside")
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    with pytest.raises(UserError, match=r"unmoved\.safetensors is missing"):
        local_folder(copy)
    assert run_recipe(recipe, run, resume=True, quiet=True)
    assert not (run / "checkpoints" / FROZEN_WEIGHTS_FILE).exists()
    assert local_folder(run) == run
    last = checkpoint_folders(run / "checkpoints")[-1]
    assert holds(local_folder(last), last)  # the model has them now
    other = root / "encoder" / "model.safetensors"
    shutil.copyfile(other, copy / "checkpoints" / FROZEN_WEIGHTS_FILE)
    with pytest.raises(UserError, match="does not hold the frozen weights"):
        local_folder(copy)


def test_nothing_starts_from_a_run_that_has_not_ended(root: Path, tmp_path: Path) -> None:
    recipe = load_recipe(root / "sixt.yaml", [f"method.start={root / 'stopped'}"])
    with pytest.raises(UserError, match="is a run that has not ended, so what it holds changes"):
        run_recipe(recipe, tmp_path / "run", quiet=True)


def test_show_tells_the_model_and_evaluations_tell_the_checkpoint(
    stopped: Path, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    best, _ = best_and_newest(stopped)
    shown = CliRunner().invoke(app, ["model", "show", str(stopped)])
    assert shown.exit_code == 0 and "decoder.stack.blocks" in shown.output
    command = ["evaluate", "translation", str(stopped), "--out", str(tmp_path / "scores"), "-s", "de", "-t", "en"]
    command += ["-i", str(root / "valid.de"), "-r", str(root / "valid.en")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output[-2000:]
    assert f"the checkpoint of update {best.name[5:]} is taken" in caplog.text
    records = [json.loads(path.read_text()) for path in (tmp_path / "scores").rglob("*.json")]
    assert any(record.get("checkpoint", {}).get("update") == int(best.name[5:]) for record in records)


@pytest.mark.slow
def test_a_run_that_goes_is_translated_with(root: Path, tmp_path: Path) -> None:
    """A training in a process of its own, many updates long, and a translation beside it; both from the shell."""
    train = [
        sys.executable,
        "-m",
        "anyglot.cli.main",
        "train",
        str(root / "sixt.yaml"),
        "stages.decoder.updates=100000",
    ]
    train += ["checkpoints.every=20", "validation.every=20", "--out", str(tmp_path / "run"), "--quiet"]
    with subprocess.Popen(train, stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: checkpoint_folders(tmp_path / "run" / "checkpoints"), "its first checkpoint", process)
            translate = [sys.executable, "-m", "anyglot.cli.main", "translate", str(tmp_path / "run")]
            translate += ["-s", "de", "-t", "en"]
            done = subprocess.run(
                translate, input="hund sieht katze\n", capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == 1 and "has not ended: the checkpoint of update " in done.stderr


def test_training_may_start_from_a_checkpoint_by_name(root: Path, stopped: Path, tmp_path: Path) -> None:
    """Its tokenizer and its languages are the run's."""
    checkpoint = checkpoint_folders(stopped / "checkpoints")[0]
    finetune = {"name": "finetune", "start": str(checkpoint)}
    stages = {"all": {"updates": 1, "learning_rate": 1e-3}}
    recipe = load_recipe(root / "sixt.yaml", [f"method={json.dumps(finetune)}", f"stages={json.dumps(stages)}"])
    run_recipe(recipe, tmp_path / "run", quiet=True)
    languages = json.loads((tmp_path / "run" / "languages.json").read_text())
    assert languages["source"] == ["de", "en"]


def test_checkpoints_of_a_run_that_goes_have_a_mean(stopped: Path, tmp_path: Path) -> None:
    best, _ = best_and_newest(stopped)
    average_run(stopped, tmp_path / "mean", steps=[int(best.name[5:])])
    assert holds(tmp_path / "mean", best) and local_folder(tmp_path / "mean") == tmp_path / "mean"

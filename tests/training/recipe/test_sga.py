"""Method sga from a recipe that starts from a recipe: the folder holds its prompts alone, and so does an average's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from anyglot.errors import UserError
from anyglot.inference.translation import Translator
from anyglot.models.fingerprint import weights_fingerprint
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.run_checkpoints import (
    FROZEN_NAMES,
    MANIFEST,
    checkpoint_folders,
    read_document,
    read_manifest,
    read_tensors,
)
from anyglot.models.prompt_files import WEIGHTS, load_prompts, prompted
from anyglot.models.prompted import PromptedEncoder
from anyglot.models.store import load_model, save_model
from anyglot.training.loop.checkpoint import write_checkpoint
from anyglot.training.recipe.averaged import average_run
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support.recipe_words import write_words
from training.recipe.test_base_models import ENCODER

OWN = (MANIFEST, FROZEN_NAMES)
SGA = """
name: prompts
method: {name: sga, start: "recipe:encoder.yaml", prompt_length: 2}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 12
  batch_tokens: 128
  cache: cache
stages: {prompts: {updates: 8, learning_rate: 1e-2}}
validation: {every: 2}
checkpoints: {every: 2, keep_last: 2, keep_best: 3}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sga")
    write_words(root, train=200, valid=12)
    (root / "encoder.yaml").write_text(ENCODER.replace("updates: 40", "updates: 4"))
    (root / "sga.yaml").write_text(SGA)
    assert run_recipe(load_recipe(root / "sga.yaml"), root / "run", quiet=True)
    return root


def values(model: object) -> dict[str, Tensor]:
    assert isinstance(model, PromptedEncoder)
    return dict(model.named_parameters())


@pytest.mark.parametrize("averaged", [False, True])
def test_the_folder_holds_the_prompts_alone(folder: Path, tmp_path: Path, averaged: bool) -> None:
    """Over the start, which never moved, they are the model; of a mean of checkpoints too (the paper's five best)."""
    run = folder / "run"
    if averaged:
        chosen = average_run(run, tmp_path / "mean", best=3)
        run = tmp_path / "mean"
        name = "prompts.align.keys"
        mean = torch.stack([read_tensors(path / "model.safetensors")[name].double() for path in chosen]).mean(dim=0)
        torch.testing.assert_close(load_prompts(run).tensors[name], mean.float())
    whole = values(load_model(run))
    base = load_encoder(folder / "run" / "start")
    alone = values(prompted(base, load_prompts(run), "start", weights_fingerprint(base)))
    assert whole.keys() == alone.keys() and all(torch.equal(value, alone[name]) for name, value in whole.items())
    assert (run / "prompts" / WEIGHTS).stat().st_size < (run / "model.safetensors").stat().st_size
    assert json.loads((run / "prompts" / "languages.json").read_text())["pairs"] == ["de-en"]
    translators = [Translator.from_pretrained(run), Translator.from_pretrained(folder / "run" / "start", prompts=run)]
    texts = ["hund sieht katze", "mann isst brot"]
    one, other = (translator.translate(texts, source="de", target="en") for translator in translators)
    assert one == other


def test_the_best_of_the_checkpoints_are_chosen_by_validation(folder: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = {line["update"]: line["loss"] for line in lines if line["kind"] == "validation"}
    kept = {int(path.name[5:]) for path in checkpoint_folders(folder / "run" / "checkpoints")}
    best = sorted(kept, key=lambda update: losses[update])[:2]
    assert [int(path.name[5:]) for path in average_run(folder / "run", tmp_path / "mean", best=2)] == best


def test_checkpoints_hold_what_moves_and_are_resumed_to_the_same_bits(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    for step in checkpoint_folders(tmp_path / "run" / "checkpoints"):
        assert not any(name.startswith("encoder.") for name in read_tensors(step / "model.safetensors"))
    (tmp_path / "run" / "run.json").unlink()
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-8")
    assert run_recipe(load_recipe(folder / "sga.yaml"), tmp_path / "run", resume=True, quiet=True)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == (folder / "run" / "model.safetensors").read_bytes()


def test_a_start_that_has_changed_is_noticed_on_resuming(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    encoder = load_encoder(tmp_path / "run" / "start")
    with torch.no_grad():
        encoder.embeddings.tokens.weight[5, 0] += 1e-4
    save_model(encoder, tmp_path / "run" / "start")
    with pytest.raises(UserError, match="was trained over other frozen weights than its recipe's start has now"):
        run_recipe(load_recipe(folder / "sga.yaml"), tmp_path / "run", resume=True, quiet=True)


def test_checkpoints_of_earlier_versions_hold_everything_and_are_resumed(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    *_, before, last = checkpoint_folders(tmp_path / "run" / "checkpoints")
    shutil.rmtree(last)
    manifest = read_manifest(before)
    documents = {path.name: read_document(path) for path in before.glob("*.json") if path.name not in OWN}
    frozen = {f"encoder.{name}": value for name, value in load_encoder(folder / "run" / "start").named_parameters()}
    tensors = {path.name: read_tensors(path) for path in before.glob("*.safetensors")}
    tensors["model.safetensors"] |= {name: value.detach() for name, value in frozen.items()}
    facts = {"identity": manifest.identity, "metrics": manifest.metrics}
    write_checkpoint(before.parent, manifest.update, tensors=tensors, documents=documents, **facts)  # type: ignore[arg-type]
    assert run_recipe(load_recipe(folder / "sga.yaml"), tmp_path / "run", resume=True, quiet=True)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == (folder / "run" / "model.safetensors").read_bytes()

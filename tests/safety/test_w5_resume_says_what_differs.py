"""W5 and R2 for distil: another seed, shape, source or teacher is told, and a failure is in nobody's way."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.generation.settings import SearchSettings
from anyglot.training.recipe.distillation import BEGUN, Distillation, distil
from anyglot.training.recipe.load import load_recipe
from support.tiny_translators import write_model_folder

RECIPE = """
name: student
method:
  name: transformer
  encoder: {layers: 1, width: 16, heads: 2, feedforward_width: 16}
  decoder: {layers: 1, heads: 2, feedforward_width: 16}
tokenizer: TEACHER
data: {train: [{source: de, target: en, files: [a.de, a.en]}], max_length: 64, batch_tokens: 256}
stages: {all: {updates: 2, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""


@pytest.fixture
def place(whole_model: Path, tmp_path: Path) -> Path:
    (tmp_path / "a.de").write_text("das Haus\nder Hund\n")
    (tmp_path / "a.en").write_text("the house\nthe dog\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("TEACHER", str(whole_model)))
    return tmp_path


def asked(place: Path, teacher: Path, *overrides: str, resume: bool = False) -> Distillation:
    recipe = load_recipe(place / "recipe.yaml", overrides)
    settings = SearchSettings(beam=1, max_length=20)
    return Distillation(recipe, str(teacher), place / "out", settings, resume=resume, device="cpu", precision="fp32")


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("finished", [True, False])
def test_w5_distil(finished: bool, place: Path, whole_model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    distil(asked(place, whole_model))
    if not finished:
        (place / "out" / "recipe.yaml").unlink()
    before = content(place / "out")
    with pytest.raises(UserError, match=r"was begun with another distillation .*: seed was 1, now 2\. Give what it"):
        distil(asked(place, whole_model, "seed=2", resume=True))
    with pytest.raises(UserError, match=r": method\.decoder\.layers was 1, now 2\."):
        distil(asked(place, whole_model, "method.decoder.layers=2", resume=True))
    with pytest.raises(UserError, match="mix was False, now True"):
        distil(replace(asked(place, whole_model, resume=True), mix=True))
    other = write_model_folder(place / "other", seed=8)
    with pytest.raises(UserError, match=r"teacher was .*, now "):
        distil(asked(place, other, resume=True))
    with pytest.raises(UserError, match=r"teacher\.max_length was 20, now 30"):
        changed = SearchSettings(beam=1, max_length=30)
        distil(replace(asked(place, whole_model, resume=True), settings=changed))
    (place / "a.en").write_text("the house\nthe cat\n")
    with pytest.raises(UserError, match=r"data\.0\.de-en was [0-9a-f]{64}, now "):
        distil(asked(place, whole_model, resume=True))
    assert content(place / "out") == before
    (place / "a.en").write_text("the house\nthe dog\n")
    capfd.readouterr()
    distil(asked(place, whole_model, resume=True))
    assert (f"{place / 'out'} is finished" in capfd.readouterr().err) == finished
    assert (place / "out" / "recipe.yaml").exists()


def test_w5_a_folder_of_something_else(place: Path, whole_model: Path) -> None:
    (place / "out").mkdir()
    (place / "out" / "recipe.yaml").write_text("somebody's")
    for resume in (True, False):
        with pytest.raises(UserError, match="is not empty, and holds no distillation; name another folder"):
            distil(asked(place, whole_model, resume=resume))
    assert [path.name for path in (place / "out").iterdir()] == ["recipe.yaml"]


def test_r2_a_failed_distil_does_not_block_its_retry(place: Path, whole_model: Path) -> None:
    (place / "a.en").write_text("the house\n")  # a line too few, which is found when it is read to its end
    with pytest.raises(UserError, match="line"):
        distil(asked(place, whole_model))
    assert not (place / "out").exists()
    (place / "a.en").write_text("the house\nthe dog\n")
    distil(asked(place, whole_model))
    unbroken = content(place / "out")

    # Killed after it began and before it translated anything, and asked for something else.
    shutil.rmtree(place / "out")
    (place / "out" / "sources").mkdir(parents=True)
    (place / "out" / "sources" / "0.de-en.de").write_text("das Haus\n")
    (place / "out" / BEGUN).write_text("{}")
    distil(asked(place, whole_model))
    assert content(place / "out") == unbroken
    with pytest.raises(UserError, match="give `resume=True` to go on with the distillation in it"):
        distil(asked(place, whole_model))

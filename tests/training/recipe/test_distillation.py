"""Distillation: the pairs a teacher writes, the recipe over them, and going on after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from anyglot.data.corpus import ParallelSource
from anyglot.data.manifest import read_sheet
from anyglot.errors import UserError
from anyglot.inference.generation.settings import SearchSettings
from anyglot.inference.translation import Translator, jobs
from anyglot.training.recipe.distillation import Distillation, distil
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support import deadly
from support.tiny_translators import TEXTS, write_model_folder
from support.waiting import PATIENCE

RECIPE = """
name: student
method:
  name: transformer
  encoder: {layers: 1, width: 16, heads: 2, feedforward_width: 16}
  decoder: {layers: 1, heads: 2, feedforward_width: 16}
tokenizer: TEACHER
data:
  train: [{source: de, target: en, files: [a.de, a.en]}, {source: ru, target: en, file: b.tsv}]
  max_length: 64
  batch_tokens: 256
  cache: cache
stages: {all: {updates: 2, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""
GERMAN = [text for text in TEXTS if "ist" in text or "Die" in text or "Der" in text]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher, a recipe, and pairs of which two have an empty side."""
    root = tmp_path_factory.mktemp("distil")
    write_model_folder(root / "teacher")
    words = " ".join(GERMAN).split()
    german = [" ".join(words[n % 7 : n % 7 + 1 + n % 9]) for n in range(40)]
    english = [f"sentence {n}" for n in range(40)]
    german[5], english[9] = "", " "
    (root / "a.de").write_text("\n".join(german) + "\n")
    (root / "a.en").write_text("\n".join(english) + "\n")
    (root / "b.tsv").write_text("старый дом\tan old house\nкот спит\ta cat sleeps\n")
    (root / "recipe.yaml").write_text(RECIPE.replace("TEACHER", str(root / "teacher")))
    return root


def asked(folder: Path, out: Path, *, mix: bool = False, resume: bool = False, beam: int = 1) -> Distillation:
    settings = SearchSettings(beam=beam, max_length=40)
    recipe = load_recipe(folder / "recipe.yaml")
    return Distillation(recipe, str(folder / "teacher"), out, settings, mix=mix, resume=resume)


def content(folder: Path) -> dict[str, bytes]:
    """Every file but journals, whose offsets say nothing of their own, and what names the folder itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".journal.json")
    }


@pytest.fixture(scope="module")
def done(folder: Path) -> Path:
    distil(asked(folder, folder / "done"))
    return folder / "done"


def test_the_pairs_are_the_sources_and_what_the_teacher_says_to_them(folder: Path, done: Path) -> None:
    pairs = zip((folder / "a.de").read_text().splitlines(), (folder / "a.en").read_text().splitlines(), strict=True)
    sources = [source for source, target in pairs if source.strip() and target.strip()]
    assert len(sources) == 38
    translator = Translator.from_pretrained(folder / "teacher")
    outputs = translator.translate(sources, source="de", target="en", beam=1, max_length=40)
    kept = [(source, output) for source, output in zip(sources, outputs, strict=True) if output]
    recipe = load_recipe(done / "recipe.yaml")
    german, russian = recipe.data.train
    assert isinstance(german, ParallelSource) and isinstance(russian, ParallelSource)
    assert list(german.pairs()) == kept
    assert [source for source, _ in russian.pairs()] == ["старый дом", "кот спит"]
    told = json.loads((done / "distilled.json").read_text())
    assert told["corpora"][0] == {"name": "de-en", "pairs": len(kept), "empty": 38 - len(kept)}
    assert told["identity"] == translator.identity and told["beam"] == 1


def test_the_recipe_is_the_same_but_for_name_and_pairs_and_trains(folder: Path, done: Path, tmp_path: Path) -> None:
    before, after = (load_recipe(place / "recipe.yaml").document() for place in (folder, done))
    assert after.pop("name") == "student-distilled" and before.pop("name") == "student"
    assert after["data"].pop("train") != before["data"].pop("train")
    assert after == before
    shutil.copytree(done, tmp_path / "moved")  # pairs are found beside the recipe, wherever that is
    assert run_recipe(load_recipe(tmp_path / "moved" / "recipe.yaml"), tmp_path / "run", quiet=True)


def test_mixing_keeps_the_recipes_own_pairs(folder: Path, done: Path, tmp_path: Path) -> None:
    distil(asked(folder, tmp_path / "mixed", mix=True))
    own = load_recipe(folder / "recipe.yaml").data.train
    assert load_recipe(tmp_path / "mixed" / "recipe.yaml").data.train[2:] == own
    assert len(read_sheet(tmp_path / "mixed" / "corpora.tsv")) == 4
    assert (tmp_path / "mixed" / "text" / "0.de-en.en").read_bytes() == (done / "text" / "0.de-en.en").read_bytes()


def test_sentences_without_a_translation_are_left_out_and_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    distil(asked(folder, out))
    output = out / "sources" / "0.de-en.out"
    lines = output.read_text().split("\n")
    lines[3] = " " * len(lines[3].encode())  # a teacher's silence, of the same size, so that the journal fits
    output.write_text("\n".join(lines))
    (out / "recipe.yaml").unlink()
    capsys.readouterr()
    distil(asked(folder, out, resume=True))
    source = (out / "sources" / "0.de-en.de").read_text().splitlines()
    [german, _] = load_recipe(out / "recipe.yaml").data.train
    assert isinstance(german, ParallelSource)
    assert [pair[0] for pair in german.pairs()] == source[:3] + source[4:]
    assert json.loads((out / "distilled.json").read_text())["corpora"][0]["empty"] == 1
    assert "37 pairs; 1 without a translation are left out" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_killed_and_resumed_it_is_the_same(
    folder: Path, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "WINDOW_LINES", 4)
    distil(asked(folder, tmp_path / "unbroken", beam=5))
    out = tmp_path / "out"
    options = ["--teacher", folder / "teacher", "--out", out, "--beam", "5", "--max-length", "40"]
    journal = out / "sources" / "0.de-en.out.journal.json"
    # The journal is written at the start, and after every window of four lines.
    command = deadly.command(f"*/{journal.name}", 3, "distil", folder / "recipe.yaml", *options, number=number)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TRANSLATE_WINDOW": "4"}
    killed = subprocess.run(command, capture_output=True, env=environment, timeout=PATIENCE, check=False)
    told = killed.stderr
    assert killed.returncode == (143 if number == signal.SIGTERM else -9), told.decode()
    assert 8 <= json.loads(journal.read_bytes())["lines"] < 38
    assert not (out / "recipe.yaml").exists() and b"Traceback" not in told
    distil(asked(folder, out, resume=True, beam=5))
    assert content(out) == content(tmp_path / "unbroken")
    distil(asked(folder, out, resume=True, beam=5))  # nothing is left to do, and nothing is done
    assert content(out) == content(tmp_path / "unbroken")


def test_mistakes_are_told(folder: Path, done: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not empty; give `resume=True`"):
        distil(asked(folder, done))
    text = load_recipe(
        "tiny/masked_language", [f"data.train=[{{language: de, file: {folder / 'a.de'}}}]", "data.validation=[]"]
    )
    with pytest.raises(UserError, match="learns from more than sentence pairs"):
        distil(Distillation(text, str(folder / "teacher"), tmp_path / "text", SearchSettings()))
    backwards = load_recipe(
        folder / "recipe.yaml",
        [f"data.train=[{{source: en, target: fr, files: [{folder / 'a.en'}, {folder / 'a.de'}]}}]"],
    )
    with pytest.raises(UserError, match="not into French"):
        distil(Distillation(backwards, str(folder / "teacher"), tmp_path / "back", SearchSettings()))
    assert not (tmp_path / "back").exists()
    (done / "recipe.yaml").rename(done / "kept.yaml")
    try:
        with pytest.raises(UserError, match=r"was begun with another distillation .*: teacher\.beam was 1, now 3\."):
            distil(asked(folder, done, resume=True, beam=3))
    finally:
        (done / "kept.yaml").rename(done / "recipe.yaml")

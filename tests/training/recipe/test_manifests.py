"""Recipes that name data sheets, and the road from a folder of corpora to a run's recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyglot.cli.manifest import manifest
from anyglot.data.corpus import MonolingualSource, ParallelSource
from anyglot.errors import UserError
from anyglot.training.recipe.load import load_recipe, save_recipe

RECIPE = """
name: tiny
method: {name: veco, layers: 1, width: 8, heads: 2, feedforward_width: 8}
tokenizer: {train: {vocabulary_size: 100}}
data:
  train:
    - {language: de, file: before.txt}
    - {sheet: lists/corpora.tsv, limit: 50}
    - {language: fr, file: after.txt, limit: 3}
  validation: [{sheet: lists/held_out.tsv}]
stages:
  cross_attention: {updates: 0, learning_rate: 1}
  joint: {updates: 1, learning_rate: 1}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "lists").mkdir()
    lines = ["source\ttarget\tlanguage\tfile\tfile_2\tlimit", "de\ten\t\t../a.de\t../a.en\t7"]
    lines += ["# a remark", "\t\tru\tphrasebook:sentences=5\t", "ru\ten\t\tb.tsv"]
    (tmp_path / "lists" / "corpora.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "lists" / "held_out.tsv").write_text("language\tfile\nde\t/abs/held_out.txt\n")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path / "r.yaml"


def test_a_sheet_becomes_the_corpora_it_lists(recipe: Path, tmp_path: Path) -> None:
    data = load_recipe(recipe).data
    lists = tmp_path / "lists"
    assert data.train == (
        MonolingualSource(language="de", file=str(tmp_path / "before.txt")),
        ParallelSource(source="de", target="en", files=(f"{lists}/../a.de", f"{lists}/../a.en"), limit=7),
        MonolingualSource(language="ru", file="phrasebook:sentences=5", limit=50),
        ParallelSource(source="ru", target="en", file=str(lists / "b.tsv"), limit=50),
        MonolingualSource(language="fr", file=str(tmp_path / "after.txt"), limit=3),
    )
    assert data.validation == (MonolingualSource(language="de", file="/abs/held_out.txt"),)


def test_the_saved_recipe_lists_every_corpus(recipe: Path, tmp_path: Path) -> None:
    loaded = load_recipe(recipe)
    save_recipe(loaded, tmp_path / "run.yaml")
    (tmp_path / "lists" / "corpora.tsv").unlink()
    assert load_recipe(tmp_path / "run.yaml") == loaded
    assert "sheet" not in (tmp_path / "run.yaml").read_text()


def test_mistakes_are_told_with_sheet_and_line_and_with_the_lines_of_what_stands_around(
    recipe: Path, tmp_path: Path
) -> None:
    corpora = tmp_path / "lists" / "corpora.tsv"
    lines = corpora.read_text().replace("\t7", "\t-7").replace("ru\ten", "xqz\ten")
    corpora.write_text(lines)
    recipe.write_text(RECIPE.replace("limit: 3", "limt: 3"))
    with pytest.raises(UserError) as error:
        load_recipe(recipe)
    told = str(error.value)
    assert f"{corpora}, line 2: data.train.1.limit: input should be greater than 0" in told
    assert f"{corpora}, line 5: data.train.3.source: unknown language code 'xqz'" in told
    assert f"{recipe}, line 9: data.train.4.limt is not a known key; did you mean limit?" in told
    assert "3 mistakes" in told


def test_a_hundred_mistakes_of_one_kind_are_not_all_told(recipe: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"xqz\t{number}.txt" for number in range(100))
    (tmp_path / "lists" / "corpora.tsv").write_text(f"language\tfile\n{rows}\n")
    with pytest.raises(UserError) as error:
        load_recipe(recipe)
    assert "has 100 mistakes" in str(error.value) and "and 60 more." in str(error.value)
    assert len(str(error.value).splitlines()) == 42


def test_a_sheet_may_come_by_override_and_from_an_extended_recipe(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "own.tsv").write_text("language\tfile\nfi\tx.txt\n")
    monkeypatch.chdir(here)
    data = load_recipe(recipe, ["data.train=[{sheet: own.tsv}]"]).data
    assert data.train == (MonolingualSource(language="fi", file=str(here / "x.txt")),)
    child = here / "child.yaml"
    child.write_text("extends: ../r.yaml\nname: child\n")
    for one, other in zip(load_recipe(child).data.train, load_recipe(recipe).data.train, strict=True):
        assert one.name == other.name
        assert [Path(place).resolve() for place in one.locations] == [
            Path(place).resolve() for place in other.locations
        ]
    with pytest.raises(UserError, match=r"No such file: .*gone\.tsv"):
        load_recipe(recipe, ["data.train=[{sheet: gone.tsv}]"])


def test_a_bundled_recipe_may_be_named_as_in_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_recipe("recipes/veco/tiny_pretrain.yaml") == load_recipe("veco/tiny_pretrain")
    with pytest.raises(UserError, match=r"did you mean veco/tiny_pretrain\?"):
        load_recipe("recipes/veco/tiny-pretrian.yaml")


def test_a_folder_of_corpora_becomes_a_sheet_that_a_recipe_reads(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "corpora"
    folder.mkdir()
    for name in ("t.en-de.en", "t.en-de.de", "fr-en.tsv", "mono.uk.txt", "notes.md"):
        (folder / name).write_text("x\n")
    (tmp_path / "link").symlink_to(tmp_path / "lists", target_is_directory=True)
    manifest(folder, tmp_path / "link" / "corpora.tsv", "en")
    told = capsys.readouterr().out
    assert "2 corpora of sentence pairs, 1 of text" in told and "notes.md (its name tells no languages)" in told
    recipe.write_text(RECIPE.replace("lists/corpora", "link/corpora"))
    train = load_recipe(recipe).data.train
    assert [source.name for source in train] == ["de", "fr-en", "de-en", "uk", "fr"]
    assert all(Path(place).is_file() for source in train[1:4] for place in source.locations)
    manifest(folder, folder / "corpora.tsv", None)
    manifest(folder, folder / "corpora.tsv", None)
    assert "corpora.tsv (" not in capsys.readouterr().out, "the sheet itself is no corpus"
    with pytest.raises(UserError, match="none of the 0 files"):
        (tmp_path / "empty").mkdir()
        manifest(tmp_path / "empty", tmp_path / "x.tsv", None)

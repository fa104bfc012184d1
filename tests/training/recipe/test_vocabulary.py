"""`vocabulary.target` in a recipe: chosen, checked against the data, trained with, remembered by the folder."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from anyglot.errors import UserError
from anyglot.inference.translation import Translator
from anyglot.models.build import build
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.store import load_model, save_model
from anyglot.runtime.signals import Stopped
from anyglot.text.tokenizer import Tokenizer, load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.text.vocabulary import choose_by_scripts
from anyglot.training.recipe.averaged import average_run
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from anyglot.training.recipe.vocabulary import output_rows

WORDS = {"хунд": "dog", "катце": "cat", "манн": "man", "зиет": "sees", "исст": "eats", "брот": "bread"}

RECIPE = """
name: translator
method: {name: sixt, start: encoder, decoder: {layers: 1, heads: 2, feedforward_width: 16}}
data:
  train: [{source: ru, target: en, files: [train.ru, train.en]}]
  validation: [{source: ru, target: en, files: [valid.ru, valid.en]}]
  max_length: 32
  batch_tokens: 256
  cache: cache
vocabulary: {target: {}}
stages:
  decoder: {updates: 3, learning_rate: 3e-3}
  joint: {updates: 3, learning_rate: 1e-3}
validation: {every: 3, sentences: 2, beams: 2}
checkpoints: {every: 2}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs in two scripts, a random encoder, a recipe, and the model it trained."""
    root = tmp_path_factory.mktemp("vocabulary")
    draw = random.Random(1)
    for split, count in (("train", 150), ("valid", 8)):
        source = [" ".join(draw.choices(list(WORDS), k=draw.randint(2, 6))) for _ in range(count)]
        target = [" ".join(WORDS[word] for word in line.split()) for line in source]
        if split == "train":
            source.append("катце исст")
            target.append("zebra eats")
        (root / f"{split}.ru").write_text("\n".join(source) + "\n")
        (root / f"{split}.en").write_text("\n".join(target) + "\n")
    tokenizer = train_tokenizer([root / "train.ru", root / "train.en"], 48, root / "encoder", character_coverage=1.0)
    table = EmbeddingsConfig(
        vocabulary_size=tokenizer.vocabulary_size, width=16, positions="learned", position_rows=40, norm=True
    )
    stack = StackConfig(layers=2, width=16, heads=2, feedforward_width=16, norm_first=False)
    torch.manual_seed(1)
    save_model(build(EncoderConfig(embeddings=table, stack=stack)), root / "encoder")
    (root / "recipe.yaml").write_text(RECIPE)
    assert run_recipe(load_recipe(root / "recipe.yaml"), root / "run", quiet=True)
    return root


def rows_of(run: Path) -> set[int]:
    model = load_model(run)
    assert isinstance(model, EncoderDecoder) and model.output.rows is not None
    return set(model.output.rows.ids.tolist())


def target_tokens(folder: Path, tokenizer: Tokenizer) -> set[int]:
    return {id for ids in tokenizer.encode((folder / "train.en").read_text().splitlines()) for id in ids}


def test_the_run_writes_the_tokens_of_its_targets_only(folder: Path) -> None:
    tokenizer = Tokenizer.load(folder / "run")
    assert rows_of(folder / "run") == target_tokens(folder, tokenizer) | {0, 1, 2, 3, tokenizer.mask_id}
    translator = Translator.from_pretrained(folder / "run", "cpu")
    assert translator.model.output.size == len(rows_of(folder / "run")) < tokenizer.vocabulary_size
    for translation in translator.translate(["хунд зиет катце"] * 2, source="ru", target="en", max_length=6):
        assert not re.search("[а-я]", translation)


def test_the_table_itself_stays_whole(folder: Path) -> None:
    """Sources are read with all of it, and stage two leaves it as it was."""
    before, after = load_model(folder / "encoder"), load_model(folder / "run")
    assert isinstance(after, EncoderDecoder)
    assert torch.equal(after.output.weight, before.embeddings.tokens.weight)  # type: ignore[union-attr]


def test_a_stopped_run_goes_on_with_its_vocabulary_and_no_other(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anyglot.training.loop import train

    recipe, run = load_recipe(folder / "recipe.yaml"), tmp_path / "run"
    count = train.Run._count

    def stopping(self: train.Run, outcome: Any) -> None:
        count(self, outcome)
        if self.progress.update == 4:
            self.save(None)
            raise Stopped(15)

    with monkeypatch.context() as patch:
        patch.setattr(train.Run, "_count", stopping)
        with pytest.raises(Stopped):
            run_recipe(recipe, run, quiet=True)
    with pytest.raises(UserError, match="vocabulary"):
        other = load_recipe(folder / "recipe.yaml", ["vocabulary.target={scripts: [Latin]}"])
        run_recipe(other, run, resume=True, quiet=True)
    assert run_recipe(recipe, run, resume=True, quiet=True)
    assert rows_of(run) == rows_of(folder / "run")


def test_an_average_keeps_the_restriction(folder: Path, tmp_path: Path) -> None:
    average_run(folder / "run", tmp_path / "average", last=2)
    assert rows_of(tmp_path / "average") == rows_of(folder / "run")


def test_a_target_outside_is_refused_with_token_and_sentence(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(folder / "recipe.yaml", ["vocabulary.target={minimum_count: 5}"])
    with pytest.raises(UserError, match=r"train\.en: the sentence 'zebra eats' holds '▁', .*outside=unknown"):
        run_recipe(recipe, tmp_path / "run", quiet=True)


def test_words_of_validation_text_alone_are_kept_too(folder: Path, tmp_path: Path) -> None:
    """They used to be refused, with the vocabulary that the data itself had chosen: no real validation text passed."""
    (tmp_path / "valid.en").write_text("dog sees\nquokka\n")
    (tmp_path / "valid.ru").write_text("хунд зиет\nкатце\n")
    files = f"[{tmp_path / 'valid.ru'}, {tmp_path / 'valid.en'}]"
    recipe = load_recipe(folder / "recipe.yaml", [f"data.validation=[{{source: ru, target: en, files: {files}}}]"])
    tokenizer = load_tokenizer(folder / "encoder")
    rows = output_rows(recipe, tokenizer, lambda line: None)
    assert rows is not None and set(tokenizer.encode(["quokka"])[0]) <= set(rows.ids.tolist())


def test_by_choice_it_is_learned_as_unknown_and_counted(folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    recipe = load_recipe(folder / "recipe.yaml", ["vocabulary.target={minimum_count: 5, outside: unknown}"])
    assert run_recipe(recipe, tmp_path / "run", quiet=True, say=told.append)
    [line] = [line for line in told if "output vocabulary" in line]
    lost = target_tokens(folder, Tokenizer.load(folder / "run")) - rows_of(tmp_path / "run")
    found = re.search(r"([0-9]+) of [0-9]+ target tokens .* learned as <unk>", line)
    assert found is not None and lost and int(found[1]) >= len(lost)


@pytest.mark.parametrize("way", ["scripts", "file", "files"])
def test_other_ways_to_choose(folder: Path, tmp_path: Path, way: str) -> None:
    tokenizer = load_tokenizer(folder / "encoder")
    latin = choose_by_scripts(["Latin"], tokenizer)
    latin.save(tmp_path / "latin.json")
    value = {"scripts": "[Latin]", "file": str(tmp_path / "latin.json"), "files": f"[{folder / 'train.en'}]"}[way]
    recipe = load_recipe(folder / "recipe.yaml", [f"vocabulary.target={{{way}: {value}}}"])
    chosen = output_rows(recipe, tokenizer, lambda line: None)
    expected = rows_of(folder / "run") if way == "files" else set(latin.ids.tolist())
    assert chosen is not None and set(chosen.ids.tolist()) == expected and chosen.unknown is None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("{scripts: [Elvish]}", "no script 'Elvish'"),
        ("{scripts: [Latin], files: [a.txt]}", "files and scripts each choose a vocabulary"),
        ("{scripts: [Latin], coverage: 0.9}", "scripts chooses without one"),
        ("{coverage: 0}", "coverage"),
        ("{outsde: unknown}", "outside"),
    ],
)
def test_mistakes_in_the_recipe(folder: Path, target: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe(folder / "recipe.yaml", [f"vocabulary.target={target}"])


def test_only_translation_has_a_target(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "masked.yaml").write_text(
        "name: x\nmethod: {name: masked_language}\ntokenizer: {train: {vocabulary_size: 30}}\n"
        "data: {train: [{language: en, file: a.txt}]}\nvocabulary: {target: {}}\n"
        "stages: {pretrain: {updates: 1, learning_rate: 1}}\n"
    )
    with pytest.raises(UserError, match="restricts what a translation is written with"):
        load_recipe(tmp_path / "masked.yaml")


CONTINUED = """
name: continued
method: {name: continued, start: run}
data:
  train: [{source: ru, target: en, files: [more.ru, more.en]}]
  max_length: 32
  batch_tokens: 256
  cache: cache
stages: {all: {updates: 1, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""


def test_a_target_that_the_start_cannot_write_is_told_before_training(folder: Path, tmp_path: Path) -> None:
    """It used to end in a ValueError out of the loss, after the model was built."""
    (folder / "more.ru").write_text("хунд зиет\nкатце исст\n")
    (folder / "more.en").write_text("dog sees\nкатце eats\n")
    (folder / "continued.yaml").write_text(CONTINUED)
    with pytest.raises(UserError, match=r"more\.en: the sentence 'катце eats' holds .* the start .*/run.* writes"):
        run_recipe(load_recipe(folder / "continued.yaml"), tmp_path / "run", quiet=True)
    for cure in ("vocabulary.target={}", "vocabulary.target={outside: unknown}"):
        assert run_recipe(load_recipe(folder / "continued.yaml", [cure]), tmp_path / cure, quiet=True)
    (folder / "more.en").write_text("dog sees\ncat eats\n")
    assert run_recipe(load_recipe(folder / "continued.yaml"), tmp_path / "within", quiet=True)
    assert rows_of(tmp_path / "within") == rows_of(folder / "run")

"""mBART's two steps as recipes: restoring text, then translating; and other projects' checkpoints, tokens included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.inference.translation import Translator
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.store import load_model
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.outline import outline
from anyglot.training.recipe.run import run_recipe
from support import foreign_translators
from support.recipe_words import WORDS, write_words

PRETRAIN = """
name: restorer
method:
  name: denoising
  layers: 1
  decoder_layers: 1
  width: 32
  heads: 2
  feedforward_width: 64
  positions: 40
  dropout: 0.0
  attention_dropout: 0.0
tokenizer: {train: {vocabulary_size: 36}}
data:
  train: [{language: de, file: train.de}, {language: en, file: train.en}]
  validation: [{language: de, file: valid.de}]
  max_length: 32
  batch_tokens: 512
  cache: cache
stages: {pretrain: {updates: 12, learning_rate: 3e-3}}
validation: {every: 6}
runtime: {precision: fp32}
"""

FINETUNE = """
name: translator
method: {name: finetune, start: restorer, dropout: 0.0, attention_dropout: 0.0, label_smoothing: 0.1}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 32
  batch_tokens: 512
  cache: cache
stages: {all: {updates: 30, learning_rate: 3e-3, clip_norm: 1.0}}
validation: {every: 15, sentences: 4, metric: chrf}
runtime: {precision: fp32}
"""

FOREIGN = """
name: foreign
method: {name: finetune, start: FOLDER, dropout: 0.0}
data:
  train: [{source: de, target: en, files: [text.de, text.en]}, {source: de, target: fr, files: [text.de, text.fr]}]
  validation: [{source: de, target: fr, files: [text.de, text.fr]}]
  max_length: 60
  batch_tokens: 1024
  cache: cache
stages: {all: {updates: 2, learning_rate: 1e-4}}
validation: {every: 2, sentences: 2, beams: 1}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora, recipes, and a model that was taught to restore text."""
    root = tmp_path_factory.mktemp("mbart")
    write_words(root, train=400, valid=16)
    (root / "restorer.yaml").write_text(PRETRAIN)
    (root / "translator.yaml").write_text(FINETUNE)
    assert run_recipe(load_recipe(root / "restorer.yaml"), root / "restorer", quiet=True)
    return root


def test_what_learned_to_restore_learns_to_translate(folder: Path) -> None:
    assert run_recipe(load_recipe(folder / "translator.yaml"), folder / "translator", quiet=True)
    lines = map(json.loads, (folder / "translator" / "metrics.jsonl").read_text().splitlines())
    first, last = (line for line in lines if line["kind"] == "validation")
    assert last["loss"] < first["loss"] - 0.05 and "shuffled_source_loss" in last
    translator = Translator.from_pretrained(folder / "translator")
    [found] = translator.translate(["hund sieht katze"], source="de", target="en")
    assert found and set(found.split()) <= set(WORDS.values())  # English, though it restored German as well before
    languages = json.loads((folder / "translator" / "languages.json").read_text())
    assert languages["pairs"] == ["de-en"] and "language_tokens" not in languages


def test_fine_tuning_begins_with_the_pretrained_values_and_other_dropout(folder: Path) -> None:
    recipe = load_recipe(folder / "translator.yaml", ["stages.all.updates=0", "method.dropout=0.25"])
    run_recipe(recipe, folder / "begun", quiet=True)
    begun, pretrained = load_model(folder / "begun"), load_model(folder / "restorer")
    ours, theirs = begun.state_dict(), pretrained.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert isinstance(begun, EncoderDecoder)
    assert begun.config.decoder.dropout == begun.config.encoder.stack.dropout == 0.25
    assert begun.decoder.embeddings.dropout.p == begun.encoder.embeddings.dropout.p == 0.25
    assert pretrained.config.decoder.dropout == 0.0


def test_a_model_that_only_restores_says_that_it_cannot_translate(folder: Path) -> None:
    translator = Translator.from_pretrained(folder / "restorer")
    with pytest.raises(UserError, match="never trained to translate"):
        translator.translate(["hund"], source="de", target="en")


def test_restoring_goes_on_from_its_own_model(folder: Path) -> None:
    start = f"method.start={folder / 'restorer'}"
    recipe = load_recipe(folder / "restorer.yaml", [start, "stages.pretrain.updates=1", "tokenizer=null"])
    assert run_recipe(recipe, folder / "further", quiet=True)
    assert json.loads((folder / "further" / "languages.json").read_text())["target"] == []


def test_several_targets_need_a_projection_which_pretraining_may_give(folder: Path) -> None:
    both = (
        "data.train=[{source: de, target: en, files: [train.de, train.en]},"
        "{source: en, target: de, files: [train.en, train.de]}]"
    ).replace("train.", f"{folder}/train.")
    with pytest.raises(UserError, match="neither language tokens nor target projections"):
        run_recipe(load_recipe(folder / "translator.yaml", [both]), folder / "none", quiet=True)
    listed = "method.target_languages=[de, en]"
    with pytest.raises(UserError, match=r"has no target projections, but method.target_languages is de, en"):
        run_recipe(load_recipe(folder / "translator.yaml", [both, listed]), folder / "none", quiet=True)
    pretraining = load_recipe(folder / "restorer.yaml", [listed, "stages.pretrain.updates=2"])
    assert run_recipe(pretraining, folder / "projected", quiet=True)
    overrides = [both, f"method.start={folder / 'projected'}", "stages.all.updates=2"]
    with pytest.raises(UserError, match=r"projections for de, en, but method.target_languages is empty"):
        run_recipe(load_recipe(folder / "translator.yaml", overrides), folder / "none", quiet=True)
    assert run_recipe(load_recipe(folder / "translator.yaml", [*overrides, listed]), folder / "many", quiet=True)
    translator = Translator.from_pretrained(folder / "many")
    assert len(translator.translate(["hund", "dog"], source="de", target=["en", "de"])) == 2


def test_the_outline_drops_nothing_of_the_model_it_starts_from(folder: Path) -> None:
    found = outline(load_recipe(folder / "translator.yaml"))
    assert found.dropped == () and all(part.trained == (part.parameters,) for part in found.parts)


@pytest.mark.parametrize(
    "name", ["mbart50", pytest.param("mbart", marks=pytest.mark.slow), pytest.param("marian", marks=pytest.mark.slow)]
)
def test_a_run_from_a_checkpoint_with_language_tokens_keeps_them_and_so_does_the_next(
    name: str, tmp_path: Path
) -> None:
    start = foreign_translators.write(name, tmp_path / name)
    for code in ("de", "en", "fr"):
        (tmp_path / f"text.{code}").write_text("\n".join(foreign_translators.sentences(code, 8)) + "\n")
    (tmp_path / "recipe.yaml").write_text(FOREIGN.replace("FOLDER", str(start)))
    assert run_recipe(load_recipe(tmp_path / "recipe.yaml"), tmp_path / "run", quiet=True)
    before, after = Translator.from_pretrained(start), Translator.from_pretrained(tmp_path / "run")
    texts = foreign_translators.sentences("de", 3)
    for target in ("en", "fr"):
        source, wanted = after.framing.source("de"), after.framing.target(target)
        assert after.framing.start(wanted) == before.framing.start(before.framing.target(target))
        encoded = before.framing.encode(texts, before.framing.source("de"), [before.framing.target(target)] * 3)
        assert after.framing.encode(texts, source, [wanted] * 3) == encoded
        assert len(after.translate(texts, source="de", target=target, decoder="greedy", max_length=40)) == 3
    with pytest.warns(UserWarning, match="zero-shot"):
        after.check_languages("fr", "en")
    further = load_recipe(
        tmp_path / "recipe.yaml", [f"method.start={tmp_path / 'run'}"]
    )  # and so does what starts there
    assert run_recipe(further, tmp_path / "further", quiet=True)
    assert json.loads((tmp_path / "further" / "languages.json").read_text())["language_tokens"] is True


def test_a_start_that_cannot_write_is_refused(folder: Path, tmp_path: Path) -> None:
    encoder = """
name: encoder
method: {name: masked_language, layers: 1, width: 16, heads: 2, feedforward_width: 16, positions: 40}
tokenizer: {train: {vocabulary_size: 24}}
data: {train: [{language: de, file: train.de}], max_length: 32, batch_tokens: 128, cache: cache}
stages: {pretrain: {updates: 1, learning_rate: 1e-3}}
"""
    (folder / "encoder.yaml").write_text(encoder)
    run_recipe(load_recipe(folder / "encoder.yaml"), folder / "encoder", quiet=True)
    recipe = load_recipe(folder / "translator.yaml", [f"method.start={folder / 'encoder'}"])
    with pytest.raises(UserError, match="of the kind 'encoder', not an encoder-decoder"):
        run_recipe(recipe, tmp_path / "run", quiet=True)

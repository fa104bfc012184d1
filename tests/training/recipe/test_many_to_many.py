"""Many-to-many from phrasebook text to translations, through recipe, both stages, folder and door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.translation import Translator
from anyglot.phrasebook.corpus import Phrasebook
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe

PAIRS = 16
ENCODER = """
name: encoder
method:
  {name: masked_language, layers: 2, width: 48, heads: 4, feedforward_width: 96, positions: 48, norm_first: true,
   deviation: 0.1, dropout: 0.0, attention_dropout: 0.0}
tokenizer: {train: {vocabulary_size: 150, character_coverage: 1.0}}
data:
  train: [{language: en, file: en.txt}, {language: de, file: de.txt}, {language: es, file: es.txt}]
  max_length: 48
  batch_tokens: 512
  pack: false
  cache: cache
stages: {pretrain: {updates: 30, learning_rate: 2.0e-3}}
runtime: {precision: fp32}
"""
SIXT = """
name: many
method:
  name: sixt
  start: encoder
  disentangle: false
  encoder_dropout: false
  label_smoothing: 0.0
  target_languages: [en, de, es]
  decoder: {layers: 2, heads: 4, feedforward_width: 96, dropout: 0.0}
data:
  train:
    - {source: en, target: de, files: [en.txt, de.txt]}
    - {source: en, target: es, files: [en.txt, es.txt]}
  validation:
    - {source: en, target: de, files: [en.txt, de.txt]}
    - {source: en, target: es, files: [en.txt, es.txt]}
  max_length: 48
  batch_tokens: 768
  cache: cache
stages:
  decoder: {updates: 150, learning_rate: 4.0e-3, warmup_updates: 20, clip_norm: 2.0}
  joint: {updates: 90, learning_rate: 2.0e-3, schedule: linear, clip_norm: 2.0}
validation: {every: 1000, sentences: 8, metric: bleu}
checkpoints: {every: 1000}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few beginner's sentences in three languages, by heart, and a model that read them."""
    folder = tmp_path_factory.mktemp("many")
    rows = list(Phrasebook(("en", "de", "es"), 3, "beginner").parallel("train", PAIRS))
    for code in ("en", "de", "es"):
        (folder / f"{code}.txt").write_text("".join(f"{row[code].text}\n" for row in rows))
    (folder / "encoder.yaml").write_text(ENCODER)
    (folder / "many.yaml").write_text(SIXT)
    run_recipe(load_recipe(folder / "encoder.yaml"), folder / "encoder", quiet=True)
    run_recipe(load_recipe(folder / "many.yaml"), folder / "model", quiet=True)
    return folder


def test_one_sentence_is_translated_into_two_languages(root: Path) -> None:
    """The source says nothing of the target: only the projection can."""
    translator = Translator.from_pretrained(root / "model", precision="fp32")
    text = {code: (root / f"{code}.txt").read_text().splitlines() for code in ("en", "de", "es")}
    for target in ("de", "es"):
        found = translator.translate(text["en"], source="en", target=target, beam=2)
        right = sum(one == other for one, other in zip(found, text[target], strict=True))
        assert right >= 0.8 * PAIRS, f"{right} of {PAIRS} right into {target}"


def test_validation_translates_each_set_into_its_language(root: Path) -> None:
    lines = [json.loads(line) for line in (root / "model" / "metrics.jsonl").read_text().splitlines()]
    last = [line for line in lines if line["kind"] == "validation"][-1]
    assert last["bleu.en-de"] > 60 and last["bleu.en-es"] > 60


def test_pairs_into_a_language_that_is_not_listed_are_refused_before_training(root: Path) -> None:
    with pytest.raises(UserError, match=r"data has pairs into es, but method\.target_languages lists en, de"):
        load_recipe(root / "many.yaml", ["method.target_languages=[en, de]"])


def test_two_targets_without_a_projection_are_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r"data has pairs into de, es, but without method\.target_languages"):
        load_recipe(root / "many.yaml", ["method.target_languages=[]"])


def test_a_language_listed_twice_in_two_spellings_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match="a language stands twice in en, de, es, de"):
        load_recipe(root / "many.yaml", ["method.target_languages=[en, de, es, deu_Latn]"])

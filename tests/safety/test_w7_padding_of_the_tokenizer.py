"""W7: a config whose padding token is not the tokenizer's, as multilingual-e5-small's (0, which is <s>, for 1)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

import anyglot.hub  # noqa: F401  (registers our classes with transformers)
from anyglot.hub.export import export_anyglot
from anyglot.hub.push import prepare
from anyglot.hub.trimming.choice import VocabularySpecification
from anyglot.hub.trimming.folder import trim
from anyglot.inference.translation import Translator
from anyglot.models.build import build_encoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.store import load_config, load_model, save_model
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support.recipe_words import write_words

SIXT = """
name: translator
method: {name: sixt, start: encoder, decoder: {layers: 1, heads: 2, feedforward_width: 16}}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  max_length: 32
  batch_tokens: 128
  cache: cache
stages: {decoder: {updates: 2, learning_rate: 3e-3}, joint: {updates: 2, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora, an encoder as E5's (BERT's form, XLM-R's tokenizer, padding 0), and a translator trained over it."""
    root = tmp_path_factory.mktemp("e5")
    write_words(root, train=60, valid=4)
    start = root / "encoder"
    tokenizer = train_tokenizer([root / "train.de", root / "train.en"], 30, start, seed=1)
    config = EncoderConfig(
        family="bert",
        embeddings=EmbeddingsConfig(
            vocabulary_size=tokenizer.vocabulary_size + 5,
            width=16,
            positions="learned",
            position_rows=34,
            position_offset=0,
            segments=2,
            norm=True,
        ),
        stack=StackConfig(layers=2, width=16, heads=2, feedforward_width=16, norm_first=False),
        padding_id=0,
    )
    save_pretrained(build_encoder(config), start)
    (root / "sixt.yaml").write_text(SIXT)
    assert run_recipe(load_recipe(root / "sixt.yaml"), root / "run", quiet=True)
    return root


def test_w7_a_run_writes_the_tokenizers_padding(folder: Path) -> None:
    assert json.loads((folder / "encoder" / "config.json").read_text())["pad_token_id"] == 0
    config: Any = load_config(folder / "run")
    assert load_tokenizer(folder / "run").pad_id == 1
    assert (config.padding_id, config.encoder.padding_id) == (1, 1)
    for checkpoint in (folder / "run" / "checkpoints").glob("step-*/config.json"):
        assert json.loads(checkpoint.read_text())["padding_id"] == 1


def test_w7_generate_takes_one_row_without_padding(folder: Path) -> None:
    """`<s>` in front of a row is no padding, with and without a mask; and padding is what is never written."""
    shell = AutoModelForSeq2SeqLM.from_pretrained(folder / "run")
    row = torch.tensor(load_tokenizer(folder / "run").encode_source(["hund sieht katze"]))
    bare = shell.generate(row, max_new_tokens=8)
    masked = shell.generate(row, attention_mask=torch.ones_like(row), max_new_tokens=8)
    assert torch.equal(bare, masked)
    assert shell.config.pad_token_id == 1
    assert shell.generation_config.suppress_tokens == [1]


def test_w7_a_search_silences_the_tokenizers_padding(folder: Path, tmp_path: Path) -> None:
    """Also in a folder that an older version wrote, whose config still names an ordinary piece."""
    model = load_model(folder / "run")
    model.config = model.config.model_copy(update={"padding_id": 7})
    load_tokenizer(folder / "run").save(tmp_path)
    save_model(model, tmp_path)
    translator = Translator.from_pretrained(tmp_path, device="cpu", precision="fp32")
    never = translator.searching.prompt(["en"], [()]).never
    assert 1 in never and 7 not in never


def test_w7_every_folder_made_of_it_has_the_tokenizers_padding(folder: Path, tmp_path: Path) -> None:
    """Taken apart, trimmed, and made ready for the hub."""
    export_anyglot(str(folder / "encoder"), tmp_path / "apart", "encoder")
    made: Any = load_config(tmp_path / "apart")
    assert made.padding_id == 1
    trim(str(folder / "encoder"), tmp_path / "trimmed", VocabularySpecification(texts=(folder / "train.de",)))
    assert json.loads((tmp_path / "trimmed" / "config.json").read_text())["pad_token_id"] == 1
    older = tmp_path / "older"
    model = load_model(folder / "run")
    model.config = model.config.model_copy(update={"padding_id": 0})
    load_tokenizer(folder / "run").save(older)
    save_model(model, older)
    files = prepare(older, "owner/name")
    config, generation = files["config.json"], files["generation_config.json"]
    assert isinstance(config, bytes) and isinstance(generation, bytes)
    assert json.loads(config)["padding_id"] == 1
    assert json.loads(generation)["pad_token_id"] == 1

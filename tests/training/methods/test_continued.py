"""Continued pretraining: stages freeze what they say, languages are told, and scratch has the start's shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.inference.translation import Translator
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.store import load_model
from anyglot.text.tokenizer import load_tokenizer
from anyglot.training.loop.freezing import enter_stage
from anyglot.training.methods.continued import Continued, ContinuedOptions
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support import foreign_translators
from support.recipe_words import WORDS, write_words

PRETRAIN = """
name: restorer
method: {name: denoising, layers: 2, decoder_layers: 1, width: 32, heads: 2, feedforward_width: 64, positions: 40,
         dropout: 0.0, attention_dropout: 0.0, target_languages: [en, de]}
tokenizer: {train: {vocabulary_size: 36}}
data: {train: [{language: de, file: train.de}, {language: en, file: train.en}], max_length: 32, batch_tokens: 512,
       cache: cache}
stages: {pretrain: {updates: 10, learning_rate: 3e-3}}
runtime: {precision: fp32}
"""

CONTINUE = """
name: continued
method: {name: continued, start: restorer, target_languages: [en, de], label_smoothing: 0.0}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}, {source: en, target: de, files: [train.en, train.de]}]
  max_length: 32
  batch_tokens: 512
  cache: cache
stages: {all: {updates: 80, learning_rate: 5e-3, clip_norm: 1.0}}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Corpora, recipes, and a language model of two languages."""
    root = tmp_path_factory.mktemp("continued")
    write_words(root, train=400)
    (root / "restorer.yaml").write_text(PRETRAIN)
    (root / "continued.yaml").write_text(CONTINUE)
    assert run_recipe(load_recipe(root / "restorer.yaml"), root / "restorer", quiet=True)
    return root


def options(folder: Path, **changes: object) -> ContinuedOptions:
    return ContinuedOptions(start=str(folder / "restorer"), target_languages=("en", "de"), **changes)  # type: ignore[arg-type]


def test_many_to_many_writes_the_language_that_is_asked_for(folder: Path) -> None:
    assert run_recipe(load_recipe(folder / "continued.yaml"), folder / "m2m", quiet=True)
    translator = Translator.from_pretrained(folder / "m2m")
    english, german = translator.translate(["hund sieht katze", "dog sees cat"], source="de", target=["en", "de"])
    assert english and set(english.split()) <= set(WORDS.values())
    assert german and set(german.split()) <= set(WORDS)
    languages = json.loads((folder / "m2m" / "languages.json").read_text())
    assert languages["pairs"] == ["de-en", "en-de"] and "language_tokens" not in languages


@pytest.mark.parametrize("source, target", [("de", "en"), ("en", "de")])
def test_many_to_one_and_one_to_many_are_what_the_data_says(folder: Path, source: str, target: str) -> None:
    files = f"[{folder}/train.{source}, {folder}/train.{target}]"
    one = f"data.train=[{{source: {source}, target: {target}, files: {files}}}]"
    out = folder / f"{source}-{target}"
    assert run_recipe(load_recipe(folder / "continued.yaml", [one, "stages.all.updates=2"]), out, quiet=True)
    assert json.loads((out / "languages.json").read_text())["pairs"] == [f"{source}-{target}"]


def test_several_targets_are_refused_where_nothing_tells_them_apart(folder: Path) -> None:
    bare = load_recipe(folder / "restorer.yaml", ["method.target_languages=[]", "stages.pretrain.updates=1"])
    run_recipe(bare, folder / "bare", quiet=True)
    changes = [f"method.start={folder / 'bare'}", "method.target_languages=[]"]
    with pytest.raises(UserError, match="neither language tokens nor target projections"):
        run_recipe(load_recipe(folder / "continued.yaml", changes), folder / "none", quiet=True)


def test_another_projects_checkpoint_is_framed_by_its_language_tokens(tmp_path: Path) -> None:
    start = foreign_translators.write("mbart50", tmp_path / "mbart50")
    tokenizer = load_tokenizer(start)
    method = Continued(ContinuedOptions(start=str(start)))
    frames = method.frames(tokenizer)
    tokens = tokenizer.language_tokens
    assert tokens is not None and method.start.uses_language_tokens
    frame = frames("de", "en")
    assert frame.front == (tokens.ids["de_DE"],) and frame.start[-1] == tokens.ids["en_XX"]
    assert frames("de", "fr").start[-1] == tokens.ids["fr_XX"]  # many-to-many: the target is told by its token


def moved(method: Continued, model: EncoderDecoder, stage: int) -> set[str]:
    """Names of the parameters that one optimizer step of a stage changes."""
    enter_stage(model, method.stages()[stage])
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    tokens = torch.tensor([[0, 5, 6, 7, 2]])
    mask = torch.ones_like(tokens, dtype=torch.bool)
    hidden = model(tokens, mask, tokens, torch.tensor([0]))
    model.output(hidden).logsumexp(-1).sum().backward()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    optimizer.step()
    return {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("first, alone", [("decoder", "decoder.stack."), ("cross_attention", ".cross_attention.")])
def test_the_first_stage_moves_the_decoder_only_and_the_second_all_but_embeddings(
    folder: Path, first: str, alone: str
) -> None:
    method = Continued(options(folder, first_stage=first, freeze="embeddings"))
    model = method.build(load_tokenizer(folder / "restorer"), 1)
    assert [stage.name for stage in method.stages()] == ["decoder", "joint"]
    changed = moved(method, model, 0)
    assert changed and all(alone in name or name.startswith("target_projection.") for name in changed)
    changed = moved(method, model, 1)
    assert any(name.startswith("encoder.stack.") for name in changed)
    assert any(name.startswith("decoder.stack.") for name in changed)
    assert not any("embeddings" in name for name in changed)


def test_without_options_everything_moves_at_once(folder: Path) -> None:
    method = Continued(options(folder))
    model = method.build(load_tokenizer(folder / "restorer"), 1)
    assert [stage.name for stage in method.stages()] == ["all"]
    changed = moved(method, model, 0)
    assert "encoder.embeddings.tokens.weight" in changed and any(name.startswith("target_proj") for name in changed)


def test_disentangling_drops_the_skip_of_the_penultimate_layer_when_the_encoder_begins_to_train(folder: Path) -> None:
    method = Continued(options(folder, first_stage="decoder", disentangle=True))
    method.build(load_tokenizer(folder / "restorer"), 1)
    first, second = method.stages()
    assert first.edits == () and str(second.edits[0]).endswith("encoder.stack.blocks.0.self_attention")
    with pytest.raises(UserError, match="disentangled_layer is 7"):
        Continued(options(folder, disentangle=True, disentangled_layer=7)).stages()


def test_scratch_has_the_starts_shape_and_the_first_values_of_the_language_model(folder: Path) -> None:
    tokenizer = load_tokenizer(folder / "restorer")
    fresh = Continued(options(folder, values="fresh")).build(tokenizer, 1)
    start = load_model(folder / "restorer")
    assert isinstance(start, EncoderDecoder) and fresh.config == start.config
    shapes = {name: value.shape for name, value in start.named_parameters()}
    assert {name: value.shape for name, value in fresh.named_parameters()} == shapes
    run_recipe(load_recipe(folder / "restorer.yaml", ["stages.pretrain.updates=0"]), folder / "begun", quiet=True)
    begun = dict(load_model(folder / "begun").named_parameters())
    assert all(torch.equal(value, begun[name]) for name, value in fresh.named_parameters())
    other = dict(Continued(options(folder, values="fresh")).build(tokenizer, 2).named_parameters())
    assert not torch.equal(other["encoder.embeddings.tokens.weight"], begun["encoder.embeddings.tokens.weight"])


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"values": "fresh", "freeze": "embeddings"}, "nothing pretrained to keep"),
        ({"values": "fresh", "first_stage": "decoder"}, "nothing pretrained to keep"),
        ({"disentangled_layer": 1}, "no effect without disentangle"),
        ({"target_languages": ["en", "en"]}, "stands twice"),
    ],
)
def test_options_that_contradict_each_other_are_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ContinuedOptions.model_validate({"name": "continued", "start": "x", **changes})


@pytest.mark.parametrize("name", ["pretrain", "more", "m2m", "m2o", "o2m", "scratch", "sixt"])
def test_the_studys_recipes_all_train_one_shape(name: str) -> None:
    from anyglot.training.recipe.outline import outline

    found = outline(load_recipe(f"study/{name}"))
    expected = outline(load_recipe("study/pretrain"))
    assert sum(part.parameters for part in found.parts) == sum(part.parameters for part in expected.parts)

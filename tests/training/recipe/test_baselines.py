"""SGA's baselines from recipe to translation: the Transformer with CTC, and adapters on a multilingual Transformer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.hub.export import export_ctranslate2, export_transformers
from anyglot.hub.push import prepare
from anyglot.hub.trimming.choice import VocabularySpecification
from anyglot.hub.trimming.folder import trim
from anyglot.inference.translation import Translator
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.store import load_model
from anyglot.phrasebook.corpus import Phrasebook
from anyglot.training.recipe.averaged import average_run
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe

PAIRS = 8
DATA = """
data:
  train:
    - {source: de, target: en, files: [de.txt, en.txt]}
    - {source: de, target: es, files: [de.txt, es.txt]}
  validation:
    - {source: de, target: en, files: [de.txt, en.txt]}
    - {source: de, target: es, files: [de.txt, es.txt]}
  max_length: 48
  batch_tokens: 768
  cache: cache
validation: {every: 1000, sentences: 8, metric: bleu}
checkpoints: {every: 1000}
runtime: {precision: fp32}
"""
SIZES = """
  encoder: {layers: 2, width: 48, heads: 4, feedforward_width: 96, dropout: 0.0}
  decoder: {layers: 2, heads: 4, feedforward_width: 96, dropout: 0.0}
  target_languages: [en, es]
"""
NAT = f"""
name: nat
tokenizer: {{train: {{vocabulary_size: 100, character_coverage: 1.0}}}}
method:
  name: nat_ctc
  canvas_factor: 3
  canvas_input: copy
{SIZES}
stages: {{all: {{updates: 130, learning_rate: 5.0e-3, warmup_updates: 20, clip_norm: 1.0}}}}
{DATA}
"""
MULTILINGUAL = f"""
name: multilingual
tokenizer: {{train: {{vocabulary_size: 100, character_coverage: 1.0}}}}
method:
  name: transformer
  label_smoothing: 0.0
{SIZES}
stages: {{all: {{updates: 50, learning_rate: 4.0e-3, warmup_updates: 10, clip_norm: 1.0}}}}
{DATA}
"""
ADAPTERS = f"""
name: adapters
method:
  name: adapters
  start: multilingual
  label_smoothing: 0.0
  groups: [de-en, es]
  bottleneck: 64
  target_languages: [en, es]
stages: {{adapters: {{updates: 80, learning_rate: 6.0e-3, warmup_updates: 10, clip_norm: 1.0}}}}
{DATA}
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("baselines")
    rows = list(Phrasebook(("en", "de", "es"), 3, "beginner").parallel("train", PAIRS))
    for code in ("en", "de", "es"):
        (folder / f"{code}.txt").write_text("".join(f"{row[code].text}\n" for row in rows))
    for name, text in (("nat", NAT), ("multilingual", MULTILINGUAL), ("adapters", ADAPTERS)):
        (folder / f"{name}.yaml").write_text(text)
        run_recipe(load_recipe(folder / f"{name}.yaml"), folder / name, quiet=True)
    return folder


def last_validation(root: Path, model: str) -> dict[str, float]:
    lines = [json.loads(line) for line in (root / model / "metrics.jsonl").read_text().splitlines()]
    found: dict[str, float] = [line for line in lines if line["kind"] == "validation"][-1]
    return found


def right(root: Path, model: str, target: str, **settings: object) -> int:
    """Sentences that are translated as they were learned."""
    german, wanted = ((root / f"{code}.txt").read_text().splitlines() for code in ("de", target))
    translator = Translator.from_pretrained(root / model, precision="fp32")
    found = translator.translate(german, source="de", target=target, **settings)  # type: ignore[arg-type]
    return sum(one == other for one, other in zip(found, wanted, strict=True))


def test_what_was_learned_is_translated_into_both_languages(root: Path) -> None:
    assert right(root, "nat", "en") + right(root, "nat", "es") > 1.5 * PAIRS


def test_the_adapters_learn_where_the_translator_stands_still(root: Path) -> None:
    before, after = last_validation(root, "multilingual"), last_validation(root, "adapters")
    assert after["loss.de-en"] < 0.6 * before["loss.de-en"] and after["loss.de-es"] < 0.6 * before["loss.de-es"]


def test_the_translator_under_the_adapters_has_not_moved(root: Path) -> None:
    before, after = (dict(load_model(root / name).named_parameters()) for name in ("multilingual", "adapters"))
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert {name.split(".")[-2] for name in after.keys() - before.keys()} == {"adapter"}


def test_validation_translates(root: Path) -> None:
    """By the adapters of its direction, and by the row of its target language."""
    found = last_validation(root, "nat")
    assert found["bleu.de-en"] > 50 and found["bleu.de-es"] > 50
    before, after = last_validation(root, "multilingual"), last_validation(root, "adapters")
    assert after["chrf"] > before["chrf"] + 10
    assert all("shuffled_source_loss" in last_validation(root, model) for model in ("nat", "multilingual", "adapters"))


def test_infeasible_pairs_are_logged_per_sentence(root: Path) -> None:
    lines = [json.loads(line) for line in (root / "nat" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= line["infeasible"] < 0.5 for line in lines if line["kind"] == "train")


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_directions_in_one_call_keep_their_adapters(root: Path, precision: str) -> None:
    """Two groups in one batch, beside each direction by itself."""
    translator = Translator.from_pretrained(root / "adapters", precision=precision)
    german = (root / "de.txt").read_text().splitlines()[:4]
    mixed = translator.translate([*german, *german], source="de", target=["en"] * 4 + ["es"] * 4)
    assert mixed[:4] == translator.translate(german, source="de", target="en")
    assert mixed[4:] == translator.translate(german, source="de", target="es")


def test_a_direction_without_an_adapter_is_refused(root: Path) -> None:
    translator = Translator.from_pretrained(root / "adapters", precision="fp32")
    with pytest.raises(UserError, match="has adapters for de-en, es, none for es-en"):
        translator.translate(["Hola."], source="es", target="en")


def test_checkpoints_are_averaged(root: Path, tmp_path: Path) -> None:
    for model in ("nat", "adapters"):
        out = average_run(root / model, tmp_path / model, last=1)
        assert out is not None and (tmp_path / model / "model.safetensors").is_file()


def test_the_encoder_alone_has_no_adapters(root: Path) -> None:
    base, alone = load_encoder(str(root / "multilingual")), load_encoder(str(root / "adapters"))
    tokens = torch.tensor([[0, 9, 12, 2]])
    mask = torch.ones_like(tokens, dtype=torch.bool)
    assert torch.equal(alone(tokens, mask).last, base(tokens, mask).last)


def test_adapters_start_from_what_they_can(root: Path, tmp_path: Path) -> None:
    for start, told in (("nat", "of the kind 'parallel-encoder-decoder'"), ("adapters", "has adapters already")):
        recipe = load_recipe(root / "adapters.yaml", [f"method.start={root / start}"])
        with pytest.raises(UserError, match=told):
            run_recipe(recipe, tmp_path / start, quiet=True)
    recipe = load_recipe(root / "adapters.yaml", ["method.target_languages=[]", "method.groups=[en, es]"])
    with pytest.raises(UserError, match=r"set method\.target_languages to \[en, es\]"):
        run_recipe(recipe, tmp_path / "languages", quiet=True)


def test_other_engines_refuse_in_a_sentence(root: Path, tmp_path: Path) -> None:
    for model, told in (("nat", "write word by word, and this is none"), ("adapters", "its blocks have no adapters")):
        with pytest.raises(UserError, match=told):
            export_ctranslate2(str(root / model), tmp_path / "out")
    with pytest.raises(UserError, match="adapters that a sentence's languages choose"):
        export_transformers(str(root / "adapters"), tmp_path / "out")
    for model, told in (("nat", "of the kind 'parallel-encoder-decoder'"), ("adapters", "has adapters")):
        with pytest.raises(UserError, match=told):
            prepare(root / model, "me/model")
    with pytest.raises(UserError, match="tables cannot be trimmed"):
        trim(str(root / "nat"), tmp_path / "out", VocabularySpecification(scripts=("Latin",)))
    assert not (tmp_path / "out").exists() and isinstance(load_model(root / "adapters"), EncoderDecoder)

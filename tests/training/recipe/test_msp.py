"""Methods causal_language and msp from recipes: one starts the other, resumes to the same bits, and translates."""

from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from anyglot.data.batch import TextBatch
from anyglot.data.build import build_loader
from anyglot.errors import UserError
from anyglot.inference.translation import SearchSettings, Translator
from anyglot.models.language import LanguageModel, PromptedLanguageModel
from anyglot.models.precision import multiplies_int8
from anyglot.models.pretrained.load import load_language_model
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.store import load_model
from anyglot.runtime.signals import Stopped
from anyglot.text.tokenizer import load_tokenizer
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.outline import outline
from anyglot.training.recipe.run import run_recipe
from support import training_traces
from support.recipe_words import write_words

LANGUAGE_MODEL = """
name: language-model
method:
  {name: causal_language, layers: 3, width: 64, heads: 4, feedforward_width: 128, positions: 24, deviation: 0.12,
   dropout: 0.0, attention_dropout: 0.0}
tokenizer: {train: {vocabulary_size: 36}}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 24
  batch_tokens: 512
  pack: false
  cache: cache
stages: {pretrain: {updates: 300, learning_rate: 5e-3, warmup_updates: 30, schedule: linear, clip_norm: 1.0}}
validation: {every: 150}
runtime: {precision: fp32}
"""

MSP = """
name: prompts
method: {name: msp, start: "recipe:language_model.yaml", prompt_length: 8, dropout: 0.0, attention_dropout: 0.0}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 16
  batch_tokens: 512
  cache: cache
stages: {prompts: {updates: 100, learning_rate: 2e-2, warmup_updates: 20, schedule: linear}}
validation: {every: 50, sentences: 8, metric: chrf}
checkpoints: {every: 50}
tracking: {log_every: 20}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("msp")
    write_words(root, train=5000, valid=24)
    (root / "language_model.yaml").write_text(LANGUAGE_MODEL)
    (root / "msp.yaml").write_text(MSP)
    assert run_recipe(load_recipe(root / "msp.yaml"), root / "run", quiet=True)
    return root


def measured(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == "validation"]


def test_the_language_model_is_the_frozen_part_to_the_bit(folder: Path) -> None:
    start, run = load_model(folder / "run" / "start"), load_model(folder / "run")
    assert isinstance(start, LanguageModel) and isinstance(run, PromptedLanguageModel)
    frozen = dict(run.language_model.named_parameters())
    assert all(torch.equal(value, frozen[name]) for name, value in start.named_parameters())


def test_prompts_turn_the_language_model_to_translating(folder: Path) -> None:
    """Of seven words, all equally frequent, each costs whoever does not look at the source log 7."""
    lines = (folder / "valid.en").read_text().splitlines()
    words = sum(len(line.split()) for line in lines)
    tokens = sum(len(ids) + 1 for ids in load_tokenizer(folder / "run").encode(lines))
    assert "shuffled_source_loss" in measured(folder / "run")[-1]
    assert measured(folder / "run")[-1]["loss"] < 0.7 * math.log(7) * words / tokens


def test_the_source_is_what_it_translates(folder: Path) -> None:
    translator = Translator.from_pretrained(folder / "run", precision="fp32")
    texts = (folder / "valid.de").read_text().splitlines()
    found = translator.translate(texts, source="de", target="en")
    assert len(found) == len(texts) and len(set(found)) > len(texts) // 3


@pytest.mark.parametrize("decoder", ["greedy", "beam", "sample"])
def test_every_search_gives_a_text_the_same_whatever_is_beside_it(folder: Path, decoder: str) -> None:
    """Scores bit for bit: batches are of one length, so nothing is padded."""
    texts = [*(folder / "valid.de").read_text().splitlines()[:8], "hund", ""]
    options = {
        "decoder": decoder,
        **({"n_best": 3} if decoder != "greedy" else {}),
        **({"seed": 3} if decoder == "sample" else {}),
    }
    settings = SearchSettings(**options, max_length=10)  # type: ignore[arg-type]
    translator = Translator.from_pretrained(folder / "run", precision="fp32")
    together = translator.translate_n_best(texts, source="de", target="en", settings=settings)
    for text, expected in zip(texts, together, strict=True):
        [alone] = translator.translate_n_best([text], source="de", target="en", settings=settings)
        assert [(one.text, one.score) for one in alone] == [(one.text, one.score) for one in expected]


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_coarser_numbers_translate_alike(folder: Path, precision: str) -> None:
    if precision == "int8" and not multiplies_int8(torch.device("cpu")):
        pytest.skip("this processor has no int8 products")
    texts = (folder / "valid.de").read_text().splitlines()[:12]
    exact, coarse = (
        Translator.from_pretrained(folder / "run", precision=kind).translate(texts, source="de", target="en", beam=2)
        for kind in ("fp32", precision)
    )
    assert sum(one == other for one, other in zip(exact, coarse, strict=True)) >= len(texts) // 2


def test_a_forced_beginning_is_kept(folder: Path) -> None:
    translator = Translator.from_pretrained(folder / "run", precision="fp32")
    [found] = translator.translate(["hund sieht haus"], source="de", target="en", prefixes=["cat sees"])
    assert found.startswith("cat sees")


def test_a_stopped_run_resumes_to_the_same_bits(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = f"method.start={folder / 'run' / 'start'}"
    short = [start, "stages.prompts.updates=6", "validation.every=3", "checkpoints.every=2"]
    recipe = load_recipe(folder / "msp.yaml", short)
    assert run_recipe(recipe, tmp_path / "unbroken", quiet=True)
    with monkeypatch.context() as patch:
        patch.setattr("anyglot.training.loop.train.Step", _stopping_step(3))
        with pytest.raises(Stopped):
            run_recipe(recipe, tmp_path / "run", quiet=True)
    assert run_recipe(recipe, tmp_path / "run", resume=True, quiet=True)
    one, two = tmp_path / "unbroken", tmp_path / "run"
    assert (one / "model.safetensors").read_bytes() == (two / "model.safetensors").read_bytes()
    assert training_traces.metrics(one) == training_traces.metrics(two)


def test_the_language_model_opens_in_transformers_and_comes_back(folder: Path, tmp_path: Path) -> None:
    import transformers

    model = load_language_model(folder / "run" / "start")
    save_pretrained(model, tmp_path / "theirs")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "theirs").eval()
    tokens = torch.tensor([[0, 5, 6, 7, 2]])
    with torch.no_grad():
        torch.testing.assert_close(model.output(model(tokens).last), theirs(tokens).logits, atol=1e-5, rtol=0)
    again = load_language_model(tmp_path / "theirs")
    assert all(torch.equal(value, again.get_parameter(name)) for name, value in model.named_parameters())


def test_text_is_batched_as_it_is(folder: Path) -> None:
    recipe = load_recipe(folder / "language_model.yaml")
    tokenizer = load_tokenizer(folder / "run" / "start")
    batch = next(iter(build_loader(recipe.data, "text", tokenizer, seed=1).epoch(0)))
    assert isinstance(batch, TextBatch)
    for row, mask in zip(batch.tokens, batch.mask, strict=True):
        real = row[mask].tolist()
        assert real[0] == tokenizer.begin_id and real[-1] == tokenizer.end_id
        assert (row[~mask] == tokenizer.pad_id).all() and tokenizer.mask_id not in real
    assert batch.target_tokens == int(batch.mask.sum()) - len(batch)


def test_the_outline_knows_what_moves_before_anything_is_trained(folder: Path) -> None:
    shown = outline(load_recipe(folder / "msp.yaml"))
    trained = {part.name: part.trained[0] for part in shown.parts if part.trained[0]}
    assert trained == {"prompts.*.keys": 3 * 3 * 8 * 64, "prompts.*.values": 3 * 3 * 8 * 64, "prompts.*.scale": 3}
    assert not shown.dropped and shown.memory[0].activations > 0


def test_mgpt_with_prompts_of_128_is_the_papers_19_million() -> None:
    shown = outline(load_recipe("msp/mgpt"))
    assert sum(part.trained[0] for part in shown.parts) == 18_874_371


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("method.groups=[]", "leaves nothing to train"),
        ("method.groups=[xx-yy]", "no group"),
        ("method.reading_stages=3", "too few for 3 reading stages"),
        ("data.max_length=32", "24 positions"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(folder: Path, tmp_path: Path, change: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        start = f"method.start={folder / 'run' / 'start'}"
        run_recipe(load_recipe(folder / "msp.yaml", [start, change]), tmp_path / "run", quiet=True)


def test_a_language_model_alone_does_not_translate(folder: Path) -> None:
    with pytest.raises(UserError, match="train prompts for it first"):
        Translator.from_pretrained(folder / "run" / "start")


def test_directions_without_prompts_are_refused_by_name(folder: Path, tmp_path: Path) -> None:
    start = f"method.start={folder / 'run' / 'start'}"
    recipe = load_recipe(folder / "msp.yaml", [start, "method.groups=[de-en]", "stages.prompts.updates=1"])
    assert run_recipe(recipe, tmp_path / "run", quiet=True)
    translator = Translator.from_pretrained(tmp_path / "run", precision="fp32")
    assert translator.translate(["hund"], source="de", target="en") != [""]
    with pytest.raises(UserError, match="prompts for de-en, none for fr-en"):
        translator.translate(["chien"], source="fr", target="en")


def _stopping_step(update: int) -> type:
    """A step during whose update of this number the signal to stop arrives."""
    from anyglot.training.loop.step import Step

    class Stopping(Step):
        taken = 0

        def __call__(self, batches: list[Any], rate: float) -> Any:
            Stopping.taken += 1
            if Stopping.taken == update:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().__call__(batches, rate)

    return Stopping

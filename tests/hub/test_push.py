"""A finished run becomes an upload: what is in it, what the card says, and how it reaches the hub."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import anyglot.hub  # noqa: F401  (registers our classes with transformers)
from anyglot.errors import UserError
from anyglot.evaluation.translation.metrics import score
from anyglot.evaluation.translation.results import Result, score_table
from anyglot.hub.card import CardMetadata
from anyglot.hub.push import prepare, upload, write
from anyglot.inference.translation import Translator
from anyglot.models.store import load_model
from anyglot.reporting.elements import Report
from anyglot.reporting.report import write_report
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from support.hub_endpoint import endpoint
from support.recipe_words import write_words

SAID, REFERENCES = ["the dog eats the old bread", "b cat", "d"], ["the dog eats the new bread", "b cat", "c"]
RECIPE = """
name: words
method:
  name: transformer
  encoder: {layers: 1, width: 16, heads: 2, feedforward_width: 16}
  decoder: {layers: 1, heads: 2, feedforward_width: 16}
tokenizer: {train: {vocabulary_size: 30}}
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  max_length: 32
  batch_tokens: 128
stages: {all: {updates: 3, learning_rate: 1e-3}}
runtime: {precision: fp32}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    root = tmp_path_factory.mktemp("secret_place")
    write_words(root, train=60)
    (root / "words.yaml").write_text(RECIPE)
    assert run_recipe(load_recipe(root / "words.yaml"), root / "translator", quiet=True, command="anyglot train here")
    return root / "translator"


@pytest.fixture(scope="module")
def scores(run: Path) -> Path:
    """The folder of an evaluation of it and a baseline."""
    results = [
        Result(
            test,
            model,
            "de",
            "en",
            kind,
            3,
            {m: score(m, said, REFERENCES, target="en")},
        )
        for model, said in (("translator", SAID), ("old", ["x", "y", "z"]))
        for test, kind in (("de-en", "supervised"), ("news", "zero-shot"))
        for m in ("BLEU",)
    ]
    report = Report("Scores", tables=(score_table(results, ["BLEU"]),), facts={"Data hash": "abc123"})
    write_report(run.parent / "scores", report)
    return run.parent / "scores"


def card(files: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The YAML and the text of an upload's card."""
    _, front, text = files["README.md"].decode().split("---\n", 2)
    return yaml.safe_load(front), text


def test_only_the_model_is_uploaded(run: Path) -> None:
    files = prepare(run, "me/words")
    assert set(files) == {
        "README.md",
        "config.json",
        "generation_config.json",
        "languages.json",
        "model.safetensors",
        "sentencepiece.bpe.model",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_an_upload_works_on_both_sides(run: Path, tmp_path: Path) -> None:
    write(prepare(run, "me/words"), tmp_path / "upload")
    ours, theirs = Translator.from_pretrained(run), AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "upload")
    again = Translator.from_pretrained(tmp_path / "upload")
    texts = ["hund sieht katze", "mann isst brot", "katze isst hund sieht mann"]
    said = ours.translate(texts, source="de", target="en", beam=5, max_length=12)
    assert again.translate(texts, source="de", target="en", beam=5, max_length=12) == said
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "upload")
    with torch.no_grad():
        written = theirs.generate(**tokenizer(texts, return_tensors="pt", padding=True), max_new_tokens=4)
    assert not set(theirs.generation_config.suppress_tokens) & set(written[:, 1:].flatten().tolist()) - {1}
    assert {0, 1, len(tokenizer) - 1} <= set(theirs.generation_config.suppress_tokens)
    config = json.loads((tmp_path / "upload" / "config.json").read_text())
    assert config["architectures"] == ["AnyglotForConditionalGeneration"] and config["model_type"] == "anyglot"
    assert load_model(tmp_path / "upload").config == load_model(run).config


def test_the_card_tells_what_was_written_down(run: Path, scores: Path) -> None:
    stated = CardMetadata(licence="apache-2.0", data_licences={"de-en": "cc-by-2.0"})
    front, text = card(prepare(run, "me/words", stated, scores))
    assert front["language"] == ["de", "en"] and front["license"] == "apache-2.0"
    assert front["pipeline_tag"] == "translation" and front["metrics"] == ["bleu"]
    record = json.loads((run / "run.json").read_text())
    assert record["corpora"][0]["hash"] in text and record["data"] in text and record["recipe"] in text
    assert "cc-by-2.0" in text and "train.de, train.en" in text
    assert "German (de)" in text and "Translates into: English (en)" in text
    assert "|case:mixed|eff:no|tok:13a|smooth:exp|" in text and "abc123" in text
    digest = hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
    assert digest in text and "it has no base" in text
    assert "zero-shot" in text and "## Limits" in text


def test_the_card_of_a_model_into_several_languages_tells_what_it_had_into_each(run: Path, tmp_path: Path) -> None:
    many = shutil.copytree(run, tmp_path / "many", ignore=shutil.ignore_patterns("checkpoints"))
    told = {"source": ["de", "en", "fr"], "target": ["de", "en", "fr"], "pairs": ["de-en", "fr-en", "en-de"]}
    (many / "languages.json").write_text(json.dumps(told))
    _, text = card(prepare(many, "me/words"))
    assert "into English: German (de), French (fr)" in text
    assert "into German: English (en)" in text and "into French: none" in text


def test_the_card_has_the_scores_of_this_model_only(run: Path, scores: Path) -> None:
    front, _ = card(prepare(run, "me/words", None, scores))
    results = front["model-index"][0]["results"]
    expected = score(
        "BLEU", ["the dog eats the old bread", "b cat", "d"], ["the dog eats the new bread", "b cat", "c"], target="en"
    )
    assert [entry["metrics"][0]["value"] for entry in results] == [round(expected.value, 2)] * 2
    assert 1 < expected.value < 99
    assert [entry["dataset"]["name"] for entry in results] == ["de-en", "news"]


def test_the_hub_can_read_the_card(run: Path, scores: Path) -> None:
    read = ModelCard(prepare(run, "me/words", CardMetadata("mit"), scores)["README.md"].decode())  # type: ignore[union-attr]
    assert read.data.license == "mit" and read.data.language == ["de", "en"]
    assert len(read.data.eval_results) == 2 and read.data.eval_results[0].metric_type == "bleu"


def test_what_nobody_stated_is_not_stated(run: Path) -> None:
    front, text = card(prepare(run, "me/words"))
    assert front["license"] == "unknown" and "model-index" not in front and "base_model" not in front
    assert "| Licence of this model | not stated |" in text
    assert "| de-en | train.de, train.en | not stated |" in text
    assert "None were given with this card." in text


def test_a_bare_model_folder_has_a_card_too(run: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "sentencepiece.bpe.model", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    front, text = card(prepare(tmp_path, "me/words"))
    assert "language" not in front
    assert "Nobody wrote down which languages it knows." in text
    assert "Nobody wrote down what it was trained on." in text
    assert "| Licence of its base | not stated |" in text


def test_no_path_of_this_machine_is_told(run: Path, scores: Path) -> None:
    for name, content in prepare(run, "me/words", None, scores).items():
        told = content if isinstance(content, bytes) else content.read_bytes()
        assert b"secret_place" not in told and b"anyglot train here" not in told, name


def test_a_base_of_the_hub_is_named(run: Path, tmp_path: Path) -> None:
    for path in run.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["method"] = {"name": "sixt", "start": "FacebookAI/xlm-roberta-base"}
    recipe["data"]["train"][0] = {"source": "de", "target": "en", "file": "hf:wmt/wmt14?config=de-en"}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    front, text = card(
        prepare(tmp_path, "me/words", CardMetadata(base_licence="mit", data_licences={"wmt/wmt14": "own"}))
    )
    assert front["base_model"] == "FacebookAI/xlm-roberta-base" and front["datasets"] == ["wmt/wmt14"]
    assert "| Licence of its base | mit |" in text and "| de-en | wmt/wmt14 | own |" in text


def test_a_card_written_by_hand_is_kept(run: Path, tmp_path: Path) -> None:
    write(prepare(run, "me/words"), tmp_path / "upload")
    (tmp_path / "upload" / "README.md").write_text("mine")
    kept = prepare(tmp_path / "upload", "me/words")["README.md"]
    assert isinstance(kept, Path) and kept.read_text() == "mine"


def test_an_upload_reaches_the_hub_whole(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    files = prepare(run, "me/words")
    with endpoint() as (address, received):
        place = upload(files, "me/words", token="hf_secret", endpoint=address, message="First words")
    assert place == f"{address}/me/words"
    assert received.created == [{"name": "words", "organization": "me", "visibility": "private"}]
    assert [commit["summary"] for commit in received.commits] == ["First words"]
    assert received.tokens <= {"Bearer hf_secret", ""} and "Bearer hf_secret" in received.tokens
    assert received.cards == [files["README.md"].decode()]  # type: ignore[union-attr]
    assert received.files == {
        name: content if isinstance(content, bytes) else content.read_bytes() for name, content in files.items()
    }


def test_transformers_push_to_hub_uploads_with_a_card(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    model = AutoModelForSeq2SeqLM.from_pretrained(run)
    model.generation_config.num_beams = 3
    with endpoint() as (address, received):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        model.push_to_hub("me/words", token="hf_secret", stated=CardMetadata("mit"))
    assert set(received.files) == set(prepare(run, "me/words"))
    assert b"license: mit" in received.files["README.md"] and b"## Training data" in received.files["README.md"]
    assert json.loads(received.files["generation_config.json"])["num_beams"] == 3
    assert {0, 1} <= set(json.loads(received.files["generation_config.json"])["suppress_tokens"])


def test_a_refused_upload_is_one_sentence(run: Path) -> None:
    files = prepare(run, "me/words")
    with endpoint(forbidden=True) as (address, received), pytest.raises(UserError, match="upload to me/words failed"):
        upload(files, "me/words", token="hf_secret", endpoint=address)
    assert not received.files


def test_without_a_network_it_is_one_sentence(run: Path) -> None:
    with pytest.raises(UserError, match="check the network") as caught:
        upload({"README.md": b"x"}, "me/words", token="hf_secret", endpoint="http://127.0.0.1:9")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a/b/c", "me/wo rds", "me/../words", "me/words.git", "-me/words"])
def test_a_name_no_repository_can_have_is_refused(run: Path, name: str) -> None:
    with pytest.raises(UserError, match="no name of a repository"):
        prepare(run, name)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no model folder"):
        prepare(tmp_path, "me/words")


def test_damaged_weights_are_not_offered(run: Path, tmp_path: Path) -> None:
    for path in run.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = (run / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[:-100])
    with pytest.raises(UserError, match="damaged"):
        prepare(tmp_path, "me/words")


def test_scores_of_another_model_are_refused(run: Path, tmp_path: Path) -> None:
    bleu = score("BLEU", ["a"], ["a"], target="en")
    results = [Result("t", name, "de", "en", None, 1, {"BLEU": bleu}) for name in ("other", "third")]
    write_report(tmp_path, Report("Scores", tables=(score_table(results, ["BLEU"]),)))
    with pytest.raises(UserError, match="no scores of a model called 'translator'"):
        prepare(run, "me/words", None, tmp_path)


def test_an_upload_does_not_overwrite_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        write({"README.md": b"x"}, tmp_path)


def test_markup_in_names_stays_text(run: Path, scores: Path) -> None:
    _, text = card(prepare(run, "me/words", CardMetadata(licence="x | y\n# z <script>"), scores))
    assert "| Licence of this model | x \\| y # z &lt;script> |" in text

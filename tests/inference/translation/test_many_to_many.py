"""A many-to-many model behind the door: the target language picks the projection, for each text its own."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from anyglot.errors import UserError
from anyglot.inference.translation import Translator
from anyglot.models.build import build
from anyglot.models.config import EncoderDecoderConfig
from anyglot.models.initialize import initialise_fairseq
from anyglot.models.store import load_config, save_model
from support.tiny_translators import TEXTS, write_model_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny translator with projections into English and Chinese, which write differently."""
    place = write_model_folder(tmp_path_factory.mktemp("many") / "model")
    config = load_config(place)
    assert isinstance(config, EncoderDecoderConfig)
    torch.manual_seed(5)
    model = build(config.model_copy(update={"target_languages": ("zh", "en")}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(3.0 if "attention" in name or "feedforward" in name else 1.0)
        initialise_fairseq(model.target_projection)  # type: ignore[arg-type, union-attr]
        model.target_projection.weight.mul_(4)  # type: ignore[union-attr, operator]
    save_model(model, place)
    return place


def test_the_target_decides_what_is_written(folder: Path) -> None:
    translator = Translator.from_pretrained(folder, precision="fp32")
    english = translator.translate(TEXTS[:3], source="de", target="en", max_length=12)
    chinese = translator.translate(TEXTS[:3], source="de", target="zh", max_length=12)
    assert all(one != other for one, other in zip(english, chinese, strict=True))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_mixed_targets_in_one_call_equal_a_call_for_each(folder: Path, precision: str) -> None:
    translator = Translator.from_pretrained(folder, precision=precision)
    targets = ["en", "zh", "zh", "en"]
    mixed = translator.translate(TEXTS[:4], source="de", target=targets, max_length=12)
    alone = [
        translator.translate([text], source="de", target=target, max_length=12)[0]
        for text, target in zip(TEXTS[:4], targets, strict=True)
    ]
    assert mixed == alone


def test_a_target_without_a_projection_is_refused_by_name(folder: Path) -> None:
    translator = Translator.from_pretrained(folder, precision="fp32")
    with pytest.raises(UserError, match=r"en, zh, not (in|)to Finnish \(fi\)"):
        translator.translate(["Das Haus"], source="de", target="fi")


def test_the_list_of_languages_cannot_promise_what_the_projection_lacks(folder: Path, tmp_path: Path) -> None:
    generous = shutil.copytree(folder, tmp_path / "generous")
    told = json.loads((folder / "languages.json").read_text())
    (generous / "languages.json").write_text(json.dumps(told | {"target": ["en", "ru", "zh"]}))
    with pytest.raises(UserError, match=r"projections for the target languages en, zh, not for Russian \(ru\)"):
        Translator.from_pretrained(generous, precision="fp32").translate(["Das Haus"], source="de", target="ru")

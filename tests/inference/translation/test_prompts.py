"""Prompts alone make a translator of any copy of their encoder; several sets in one process share it."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

from anyglot.cli.export import export
from anyglot.cli.translate import translate
from anyglot.errors import UserError
from anyglot.inference.translation import Translator
from anyglot.models.build import build_encoder
from anyglot.models.precision import multiplies_int8
from anyglot.models.prompt_files import save_prompts
from anyglot.models.store import save_model
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.training.methods.sga import Sga, SgaOptions
from support.tiny_translators import TEXTS, encoder_config, write_model_folder

SOURCES = [*TEXTS[:3], "", "der hund und die katze", "alt"]


def write_base(folder: Path, seed: int) -> Path:
    """An encoder with a language head and its tokenizer."""
    tokenizer = train_tokenizer(TEXTS * 5, 100, folder, seed=1)
    torch.manual_seed(seed)
    encoder = build_encoder(encoder_config(tokenizer.vocabulary_size).model_copy(update={"language_head": True}))
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(3.0)
    save_model(encoder, folder)
    return folder


def write_run(folder: Path, base: Path, target: str, seed: int, **options: object) -> Path:
    """What a run of method sga leaves behind."""
    from anyglot.text.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(base)
    method = Sga(SgaOptions.model_validate({"start": str(base), "prompt_length": 3, **options}))
    model = method.build(tokenizer, seed)
    with torch.no_grad():
        for prompt in model.prompts.values():
            prompt.scale.mul_(4.0)  # type: ignore[operator]
    save_model(model, folder)
    tokenizer.save(folder)
    save_prompts(model, folder / "prompts")
    languages = {"source": ["de", target], "supervised": ["de"], "target": [target], "pairs": [f"de-{target}"]}
    for place in (folder, folder / "prompts"):
        (place / "languages.json").write_text(json.dumps(languages))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder, another of the same shape, and two runs over the first."""
    root = tmp_path_factory.mktemp("prompts")
    write_base(root / "base", seed=1)
    write_base(root / "other", seed=2)
    write_run(root / "en", root / "base", "en", seed=3)
    write_run(root / "zh", root / "base", "zh", seed=4, positions="zero", canvas_factor=1)
    return root


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(translate)
    app.command()(export)
    return app


def opened(path: Path, precision: str = "fp32", prompts: Path | None = None) -> Translator:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Translator.from_pretrained(path, device="cpu", precision=precision, prompts=prompts)


def texts(translator: Translator, target: str) -> list[str]:
    return translator.translate(SOURCES, source="de", target=target, rounds=1)


def storages(translator: Translator) -> set[int]:
    encoder = translator.model.encoder
    assert isinstance(encoder, nn.Module)
    return {tensor.data_ptr() for tensor in (*encoder.parameters(), *encoder.buffers())}


PRECISIONS = ["fp32", "bf16", *(["int8"] if multiplies_int8(torch.device("cpu")) else [])]


def test_prompts_over_their_base_translate_as_the_run(folder: Path) -> None:
    whole = opened(folder / "en")
    expected = texts(whole, "en")
    assert len(set(expected)) > 3 and expected[3] == ""
    for base in (folder / "base", folder / "zh"):  # another run over the same encoder will do
        alone = opened(base, prompts=folder / "en" / "prompts")
        assert texts(alone, "en") == expected
        assert alone.languages is not None and alone.languages.target == {"en"}
        assert alone.identity != whole.identity


@pytest.mark.parametrize("precision", PRECISIONS)
def test_sets_of_prompts_share_the_memory_of_one_base(folder: Path, precision: str) -> None:
    """Prepared in any precision; and each set translates as it does alone, before and after the other was loaded."""
    first = opened(folder / "base", precision, folder / "en")
    expected = texts(opened(folder / "en", precision), "en"), texts(opened(folder / "zh", precision), "zh")
    assert texts(first, "en") == expected[0]
    second = first.with_prompts(folder / "zh")
    assert texts(second, "zh") == expected[1]
    assert texts(first, "en") == expected[0]
    back = second.with_prompts(folder / "en" / "prompts")
    assert texts(back, "en") == expected[0]
    shared = storages(first)
    for other in (second, back):
        assert storages(other) <= shared
        assert other.identity not in (first.identity, "") and other.counts.texts == len(SOURCES)


def test_a_vocabulary_holds_for_every_set(folder: Path, tmp_path: Path) -> None:
    from anyglot.text.tokenizer import load_tokenizer
    from anyglot.text.vocabulary import choose_by_scripts

    choose_by_scripts(["Latin"], load_tokenizer(folder / "base")).save(tmp_path / "latin.json")
    first = Translator.from_pretrained(
        folder / "base", device="cpu", precision="fp32", vocabulary=tmp_path / "latin.json", prompts=folder / "en"
    )
    second = first.with_prompts(folder / "zh")
    sizes = [translator.model.output.size for translator in (first, second)]
    assert sizes[0] == sizes[1] < len(first.model.output.weight)
    assert opened(folder / "en").with_prompts(folder / "zh").model.output.rows is None


def test_another_base_is_doubted_and_another_shape_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="were trained over another encoder than"):
        doubtful = Translator.from_pretrained(folder / "other", device="cpu", precision="fp32", prompts=folder / "en")
    write_run(tmp_path / "run", folder / "other", "en", seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what the encoder is counts, not what the first prompts were made for
        doubtful.with_prompts(tmp_path / "run")
    with pytest.warns(UserWarning, match="were trained over another encoder than"):
        opened(folder / "en", "bf16").with_prompts(tmp_path / "run")
    wider = write_model_folder(tmp_path / "translator")
    with pytest.raises(UserError, match="translator has no language head"):
        Translator.from_pretrained(wider, prompts=folder / "en")
    document = json.loads((folder / "en" / "prompts" / "prompts.json").read_text())
    document["config"]["encoder"]["stack"]["layers"] = 2
    shutil.copytree(folder / "en" / "prompts", tmp_path / "deeper")
    (tmp_path / "deeper" / "prompts.json").write_text(json.dumps(document))
    told = r"do not fit .*: they were trained over an encoder of layers 2, not 1"
    with pytest.raises(UserError, match=told):
        Translator.from_pretrained(folder / "base", prompts=tmp_path / "deeper")
    with pytest.raises(UserError, match=told):
        opened(folder / "en", "bf16").with_prompts(tmp_path / "deeper")


def test_only_an_encoder_with_prompts_is_given_others(folder: Path, tmp_path: Path) -> None:
    translator = Translator.from_pretrained(write_model_folder(tmp_path / "translator"))
    with pytest.raises(UserError, match="is not made by prompts over an encoder"):
        translator.with_prompts(folder / "en")


def test_the_commands(folder: Path, tmp_path: Path, app: typer.Typer) -> None:
    """Exported, then put over a copy of the base; a doubt is told on stderr and the translation made."""
    out = tmp_path / "exported"
    done = CliRunner().invoke(app, ["export", str(folder / "en"), "--to", "prompts", "--out", str(out)])
    assert done.exit_code == 0 and "prompts for *" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == [
        "hashes.json",
        "languages.json",
        "prompts.json",
        "prompts.safetensors",
    ]
    (tmp_path / "given").write_text("".join(line + "\n" for line in SOURCES))
    for base, doubtful in (("base", False), ("other", True)):
        files = ["--input", str(tmp_path / "given"), "--output", str(tmp_path / base)]
        options = ["--prompts", str(out), "-s", "de", "-t", "en", "--rounds", "1", "--precision", "fp32", *files]
        told = CliRunner().invoke(app, ["translate", str(folder / base), *options])
        assert told.exit_code == 0 and ("warning: the prompts in" in told.stderr) == doubtful
    assert (tmp_path / "base").read_text().splitlines() == texts(opened(folder / "en"), "en")
    assert len((tmp_path / "other").read_text().splitlines()) == len(SOURCES)
    for arguments, reason in (
        (
            ["export", str(folder / "base"), "--to", "prompts", "--out", str(tmp_path / "x")],
            "not made by prompts over an encoder",
        ),
        (["export", str(folder / "en"), "--to", "prompts", "--out", str(out)], "exists already"),
        (
            ["export", str(folder / "en"), "--to", "prompts", "--part", "model", "-o", str(tmp_path / "x")],
            "--part is not",
        ),
        (
            ["translate", str(folder / "base"), "--prompts", str(folder / "base"), "-s", "de", "-t", "en"],
            "no prompts in it",
        ),
    ):
        failed = CliRunner().invoke(app, arguments)
        assert isinstance(failed.exception, UserError) and reason in str(failed.exception)
    assert not (tmp_path / "x").exists()

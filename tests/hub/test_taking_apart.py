"""Parts of a model as folders: what `anyglot model export` takes out computes what it computed inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from typer.testing import CliRunner

import anyglot.hub  # noqa: F401  (registers our classes with transformers)
from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.hub.export import export_anyglot, export_ctranslate2, export_transformers
from anyglot.inference.translation import Translator
from anyglot.models.build import build_encoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.store import load_model, save_model
from anyglot.nn.attention import Memory
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from support import foreign_translators
from support.hub_builders import randomised
from support.tiny_translators import TEXTS

LAYERS, WIDTH = 3, 16


def write(folder: Path, **stack: Any) -> Path:
    """The folder of a pretrained VECO: tokenizer, languages, blocks with cross-attention, language head."""
    tokenizer = train_tokenizer(TEXTS * 5, 100, folder, seed=1)
    config = EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(
            vocabulary_size=tokenizer.vocabulary_size, width=WIDTH, positions="learned", position_rows=66, norm=True
        ),
        stack=StackConfig(
            **{
                "layers": LAYERS,
                "width": WIDTH,
                "heads": 2,
                "feedforward_width": 24,
                "norm_first": False,
                "cross_attention": True,
            }
            | stack
        ),
        language_head=True,
    )
    save_model(randomised(build_encoder(config), 0).eval(), folder)
    (folder / "languages.json").write_text(json.dumps({"source": ["de", "en"], "supervised": [], "target": []}))
    return folder


@pytest.fixture(scope="module")
def veco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write(tmp_path_factory.mktemp("parts") / "veco")


def encoder_in(folder: Path) -> Encoder:
    model = load_model(folder)
    assert isinstance(model, Encoder)
    return model


def batch(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    rows = load_tokenizer(folder).encode_source(TEXTS[:3])
    mask = torch.arange(max(map(len, rows)))[None] < torch.tensor([len(row) for row in rows])[:, None]
    tokens = torch.ones_like(mask, dtype=torch.int64)
    tokens[mask] = torch.tensor([id for row in rows for id in row])
    return tokens, mask


@pytest.mark.parametrize(
    ("norm_first", "named"), [(False, "XLMRobertaForMaskedLM"), (True, "RobertaPreLayerNormForMaskedLM")]
)
def test_the_encoder_for_transformers(norm_first: bool, named: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "veco", norm_first=norm_first)
    export_transformers(str(folder), tmp_path / "out", part="encoder", say=lambda line: None)
    assert json.loads((tmp_path / "out/config.json").read_text())["architectures"] == [named]
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(tmp_path / "out").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    given = tokenizer(TEXTS[:3], return_tensors="pt", padding=True)
    tokens, mask = given["input_ids"], given["attention_mask"].bool()
    ours = encoder_in(folder)
    with torch.no_grad():
        found = theirs(**given, output_hidden_states=True)
        expected = ours(tokens, mask, keep_states=True)
        assert ours.head is not None
        torch.testing.assert_close(found.logits[mask], ours.head(expected.last)[mask], atol=3e-5, rtol=0)
    for one, two in zip(found.hidden_states, expected.states or (), strict=True):
        torch.testing.assert_close(one[mask], two[mask], atol=2e-5, rtol=0)


@pytest.mark.parametrize("auto", [transformers.AutoModel, transformers.AutoModelForMaskedLM])
def test_auto_classes_open_the_whole_model_and_lose_nothing(auto: Any, veco: Path, tmp_path: Path) -> None:
    """The cross-attention is carried along and passed over."""
    shell, report = auto.from_pretrained(veco, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    tokens, mask = batch(veco)
    ours = encoder_in(veco)
    with torch.no_grad():
        expected = ours(tokens, mask)
        if auto is transformers.AutoModel:
            assert torch.equal(shell(tokens, mask.long()).last_hidden_state, expected.last)
        else:
            assert ours.head is not None
            assert torch.equal(shell(tokens, mask.long()).logits, ours.head(expected.last))
    shell.save_pretrained(tmp_path)
    again = encoder_in(tmp_path)
    assert again.config == ours.config
    assert all(torch.equal(value, again.get_parameter(name)) for name, value in ours.named_parameters())


def test_the_encoder_as_a_folder_of_ours(veco: Path, tmp_path: Path) -> None:
    export_anyglot(str(veco), tmp_path / "out", "encoder")
    ours, whole, (tokens, mask) = encoder_in(tmp_path / "out"), encoder_in(veco), batch(veco)
    assert not ours.config.stack.cross_attention and ours.head is not None
    assert torch.equal(ours(tokens, mask).last, whole(tokens, mask).last)
    assert load_tokenizer(tmp_path / "out").fingerprint == load_tokenizer(veco).fingerprint
    assert json.loads((tmp_path / "out/languages.json").read_text())["source"] == ["de", "en"]


@pytest.mark.parametrize(("layers", "blocks", "copied"), [(2, "last", [1, 2]), (2, "first", [0, 1]), (5, "fresh", [])])
def test_the_encoder_decoder(layers: int, blocks: Any, copied: list[int], veco: Path, tmp_path: Path) -> None:
    export_anyglot(str(veco), tmp_path / "out", "encoder-decoder", layers, blocks)
    model, whole = load_model(tmp_path / "out"), encoder_in(veco)
    assert isinstance(model, EncoderDecoder) and len(model.decoder.stack.blocks) == layers
    for place, origin in enumerate(copied):
        theirs = dict(whole.stack.blocks[origin].named_parameters())
        mine = dict(model.decoder.stack.blocks[place].named_parameters())
        assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in theirs)
    record = json.loads((tmp_path / "out/export.json").read_text())
    assert (record["decoder_layers"], record["copied_blocks"]) == (layers, copied)
    with pytest.raises(UserError, match="was never trained to translate"):
        Translator.from_pretrained(tmp_path / "out", device="cpu").translate(TEXTS[:1], source="de", target="en")


def test_all_blocks_are_the_default_of_a_small_model_and_its_own_decoder(veco: Path, tmp_path: Path) -> None:
    export_anyglot(str(veco), tmp_path / "out", "encoder-decoder")
    model, whole, (tokens, mask) = load_model(tmp_path / "out"), encoder_in(veco), batch(veco)
    assert isinstance(model, EncoderDecoder)
    expected = whole.cross(tokens, Memory(whole(tokens, mask).last, mask)).last
    assert torch.equal(model(tokens, mask, tokens), expected)


def test_any_other_encoder_gets_a_decoder_too(tmp_path: Path) -> None:
    """One of transformers' own folders, and the encoder of a translator."""
    folder = write(tmp_path / "ours", cross_attention=False)
    save_pretrained(encoder_in(folder), tmp_path / "theirs")
    load_tokenizer(folder).save(tmp_path / "theirs")
    export_anyglot(str(tmp_path / "theirs"), tmp_path / "one", "encoder-decoder", 2)
    export_anyglot(str(tmp_path / "one"), tmp_path / "two", "encoder-decoder", 1, "first")
    one, two = load_model(tmp_path / "one"), load_model(tmp_path / "two")
    assert isinstance(one, EncoderDecoder) and isinstance(two, EncoderDecoder)
    name = "stack.blocks.0.feedforward.inner.up.weight"
    assert torch.equal(two.decoder.get_parameter(name), one.encoder.get_parameter(name))
    assert "de" in json.loads((tmp_path / "one/languages.json").read_text())["source"]


@pytest.mark.parametrize("name", ["nllb", "mbart50", "marian"])
def test_the_encoders_of_other_translators(name: str, tmp_path: Path) -> None:
    """Waves or learned positions, scaled tables, another end token: the decoder computes as the encoder's blocks do."""
    folder = foreign_translators.write(name, tmp_path / name)
    export_anyglot(str(folder), tmp_path / "out", "encoder-decoder", 1, "first")
    model, tokenizer = load_model(tmp_path / "out"), load_tokenizer(folder)
    assert isinstance(model, EncoderDecoder) and model.config.end_id == tokenizer.end_id
    inside, outside = model.encoder.embeddings, model.decoder.embeddings
    assert inside.scale == outside.scale != 1.0
    tokens = torch.arange(4, 12)[None]
    with torch.no_grad():
        assert torch.equal(inside(tokens), outside(tokens))
        mask = torch.ones_like(tokens, dtype=torch.bool)
        assert torch.isfinite(model(tokens, mask, tokens)).all()
    for part in ("self_attention", "feedforward"):
        theirs = dict(model.encoder.stack.blocks[0].get_submodule(part).named_parameters())
        ours = model.decoder.stack.blocks[0].get_submodule(part)
        assert all(torch.equal(value, theirs[each]) for each, value in ours.named_parameters())


def test_what_cannot_be_taken_out(veco: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`part=encoder` exports it without, `to=anyglot`"):
        export_transformers(str(veco), tmp_path / "no")
    with pytest.raises(UserError, match="4 blocks copied from an encoder of 3"):
        export_anyglot(str(veco), tmp_path / "no", "encoder-decoder", 4)
    with pytest.raises(UserError, match="no part 'model' for anyglot: choose one of encoder, encoder-decoder"):
        export_anyglot(str(veco), tmp_path / "no", "model")
    with pytest.raises(UserError, match="no part 'encoder-decoder' for transformers"):
        export_transformers(str(veco), tmp_path / "no", part="encoder-decoder")
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="exists already"):
        export_anyglot(str(veco), tmp_path / "there", "encoder")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_an_encoder_alone_translates_nothing(veco: Path, tmp_path: Path) -> None:
    """One sentence each."""
    said = "is an encoder and cannot translate: train a translator from it first"
    with pytest.raises(UserError, match=said):
        Translator.from_pretrained(veco)
    with pytest.raises(UserError, match=said):
        export_ctranslate2(str(veco), tmp_path / "no")
    text = tmp_path / "text"
    text.write_text("Das Haus ist alt.\n")
    common = ["--source", "de", "--target", "en", "--input", str(text)]
    for verb in (
        ["translate", str(veco), *common],
        ["evaluate", "translation", str(veco), *common, "--reference", str(text), "--out", str(tmp_path / "scores")],
    ):
        wrong = CliRunner().invoke(app, verb)
        assert isinstance(wrong.exception, UserError) and said in str(wrong.exception), wrong.output
    assert not (tmp_path / "no").exists()


def test_the_command(veco: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    base = ["model", "export", str(veco), "--out", str(tmp_path / "out")]
    options = ["--part", "encoder-decoder", "--decoder-layers", "2", "--decoder-blocks", "first"]
    done = runner.invoke(app, [*base, "--to", "anyglot", *options])
    assert done.exit_code == 0 and "encoder-decoder of" in done.output
    (tmp_path / "out").rename(tmp_path / "first")
    done = runner.invoke(app, [*base, "--to", "transformers", "--part", "encoder"])
    assert done.exit_code == 0 and "written and compared" in done.output
    (tmp_path / "out").rename(tmp_path / "second")
    for wanted, said in (
        (["--to", "anyglot"], "add --part encoder or --part encoder-decoder"),
        (["--to", "anyglot", "--part", "encoder", "--decoder-layers", "2"], "are for --part encoder-decoder"),
        (["--to", "anyglot", "--part", "encoder-decoder", "--decoder-blocks", "middle"], "no 'middle' blocks"),
        (["--to", "transformers", "--decoder-layers", "2"], "--decoder-layers is for --to anyglot"),
        (["--to", "anyglot", "--part", "encoder", "--family", "bert"], "--family is for --to transformers"),
    ):
        wrong = runner.invoke(app, [*base, *wanted])
        assert isinstance(wrong.exception, UserError) and said in str(wrong.exception), wrong.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_show_pictures_what_an_encoder_is_taken_apart_into(veco: Path) -> None:
    shown = CliRunner().invoke(app, ["model", "show", str(veco)]).stdout
    names = ("tokens", "cross_attention ", "head.dense")
    row = {name.strip(): line for line in shown.splitlines() for name in names if name in line}
    assert "decoder: a copy" in row["cross_attention"] and "dropped" in row["cross_attention"]
    assert "share it" in row["tokens"] and "kept" in row["head.dense"] and "dropped" in row["head.dense"]

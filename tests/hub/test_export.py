"""Exports compute what the model computes, in the other engine, or are refused and leave nothing behind."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import ctranslate2
import pytest
import torch
import transformers
from sentencepiece import SentencePieceProcessor
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.hub.ctranslate2_spec import limits
from anyglot.hub.export import export_ctranslate2, export_transformers
from anyglot.hub.parity import TOLERANCE, cases, compare
from anyglot.inference.translation import Translator
from anyglot.models.build import build_encoder_decoder, drop_skips
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, EncoderDecoderConfig, StackConfig
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.restrict import restrict_output
from anyglot.models.store import load_model, save_model
from anyglot.text.tokenizer_training import train_tokenizer
from support import foreign_translators
from support.tiny_translators import TEXTS

WIDTH = 16


def sixt(folder: Path, **changes: Any) -> Path:
    """SixT+'s build: post-norm XLM-R below, pre-norm decoder with waves and tanh GELU above, one table."""
    tokenizer = train_tokenizer(TEXTS * 5, 100, folder, seed=1)
    encoder = EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(
            vocabulary_size=tokenizer.vocabulary_size,
            width=WIDTH,
            positions="learned",
            position_rows=66,
            segments=1,
            norm=True,
        ),
        stack=StackConfig(layers=3, width=WIDTH, heads=2, feedforward_width=24, norm_first=False),
    )
    decoder = StackConfig(
        layers=2,
        width=WIDTH,
        heads=4,
        feedforward_width=40,
        norm_first=True,
        cross_attention=True,
        activation="gelu_tanh",
    )
    settings: dict[str, Any] = {
        "encoder": encoder,
        "decoder_embeddings": EmbeddingsConfig(
            vocabulary_size=tokenizer.vocabulary_size, width=WIDTH, positions="sinusoidal", norm=False, scale="sqrt"
        ),
        "decoder": decoder,
        **changes,
    }
    model = build_encoder_decoder(EncoderDecoderConfig(**settings))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            center = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(center + 0.4 * torch.randn(parameter.shape, generator=generator))
    save_model(model, folder)
    (folder / "languages.json").write_text(json.dumps({"source": ["de"], "supervised": ["de"], "target": ["en", "fr"]}))
    return folder


def whole(folder: Path) -> EncoderDecoder:
    model = load_model(folder)
    assert isinstance(model, EncoderDecoder)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return sixt(tmp_path_factory.mktemp("export") / "sixt")


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_export_of_docs_runs_and_translates_alike(folder: Path, tmp_path: Path) -> None:
    """As docs/export.md shows it: SentencePiece and CTranslate2 alone."""
    out = tmp_path / "out"
    parity = export_ctranslate2(str(folder), out, sentences=30, say=lambda line: None)
    assert parity.largest <= TOLERANCE and parity.equal + parity.ties == parity.sentences == 30
    assert left_behind(tmp_path) == ["out"]
    files = {"model.bin", "config.json", "sentencepiece.bpe.model", "languages.json", "export.json"}
    assert files <= set(left_behind(out))

    pieces = SentencePieceProcessor(model_file=str(out / "sentencepiece.bpe.model"))
    engine = ctranslate2.Translator(str(out), intra_threads=1)
    tokens = [["<s>", *pieces.encode(text, out_type=str), "</s>"] for text in TEXTS[:3]]
    special = [["<s>"], ["<pad>"], ["<mask>"]]
    results = engine.translate_batch(tokens, beam_size=1, max_decoding_length=60, suppress_sequences=special)
    translations = [pieces.decode(result.hypotheses[0]).strip() for result in results]
    ours = Translator.from_pretrained(folder, device="cpu", precision="fp32")
    assert ours.translate(TEXTS[:3], source="de", target="en", decoder="greedy", max_length=60) == translations
    assert len(set(translations)) > 1


@pytest.mark.parametrize("name", ["mbart50", "mbart", "m2m_100", "nllb", "nllb_legacy", "marian", "marian_separate"])
def test_other_peoples_models(name: str, tmp_path: Path) -> None:
    parity = export_ctranslate2(
        str(foreign_translators.write(name, tmp_path / name)), tmp_path / "out", say=lambda line: None
    )
    assert parity.equal + parity.ties == parity.sentences >= 50
    assert parity.tokens > 500 and parity.largest <= TOLERANCE


@pytest.mark.parametrize(
    "changes",
    [
        {"tie_output": False},
        {"share_embeddings": False, "output_bias": True},
        {"output_bias": True, "start_id": 0},
    ],
)
def test_other_builds(changes: dict[str, Any], tmp_path: Path) -> None:
    parity = export_ctranslate2(
        str(sixt(tmp_path / "model", **changes)), tmp_path / "out", sentences=20, say=lambda line: None
    )
    assert parity.equal + parity.ties == 20


def test_a_restricted_output_becomes_a_small_target_vocabulary(folder: Path, tmp_path: Path) -> None:
    model = whole(folder)
    kept = torch.tensor([2, 3, *range(5, 60)])
    restrict_output(model, kept, "test")
    small = tmp_path / "small"
    sixt(small)
    save_model(model, small)
    parity = export_ctranslate2(str(small), tmp_path / "out", sentences=20, say=lambda line: None)
    assert parity.equal + parity.ties == parity.sentences
    assert len(json.loads((tmp_path / "out" / "target_vocabulary.json").read_text())) == len(kept)


@pytest.mark.parametrize("threads", [1, 2])
def test_bits_the_comparison_leaves_torch_its_threads(folder: Path, tmp_path: Path, threads: int) -> None:
    """CTranslate2 sets them for the whole process; trainings after an export took another number than before."""
    torch.set_num_threads(threads)
    try:
        export_ctranslate2(str(folder), tmp_path / "out", sentences=5, say=lambda line: None)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(1)


def test_quantised(folder: Path, tmp_path: Path) -> None:
    export_ctranslate2(str(folder), tmp_path / "whole", sentences=5, say=lambda line: None)
    export_ctranslate2(str(folder), tmp_path / "out", quantization="int8", sentences=5, say=lambda line: None)
    assert (tmp_path / "out/model.bin").stat().st_size < 0.9 * (tmp_path / "whole/model.bin").stat().st_size
    engine = ctranslate2.Translator(str(tmp_path / "out"), intra_threads=1)
    assert engine.translate_batch([["<s>", "▁", "</s>"]])[0].hypotheses
    with pytest.raises(UserError, match="no quantization 'int4'"):
        export_ctranslate2(str(folder), tmp_path / "no", quantization="int4")


def test_a_factor_of_its_own_on_token_vectors_is_exported(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    shutil.copytree(folder, path)
    document = json.loads((path / "config.json").read_text())
    document["decoder_embeddings"]["scale"] = 1.5
    (path / "config.json").write_text(json.dumps(document))
    parity = export_ctranslate2(str(path), tmp_path / "out", sentences=10, say=lambda line: None)
    assert parity.largest <= TOLERANCE and parity.equal + parity.ties == parity.sentences == 10


@pytest.mark.parametrize("place", ["encoder.stack.blocks.1.self_attention", "decoder.stack.blocks.0.feedforward"])
def test_a_dropped_skip_is_refused_with_the_reason(place: str, folder: Path, tmp_path: Path) -> None:
    model = whole(folder)
    drop_skips(model, (place,))
    path = sixt(tmp_path / "model")
    save_model(model, path)
    with pytest.raises(UserError, match=rf"no flag for a dropped skip, and this model drops that of {place}"):
        export_ctranslate2(str(path), tmp_path / "out")
    assert left_behind(tmp_path) == ["model"]


def test_a_target_projection_is_refused(tmp_path: Path) -> None:
    path = sixt(tmp_path / "model", target_languages=("en", "fr"))
    with pytest.raises(UserError, match="no layer between encoder and decoder"):
        export_ctranslate2(str(path), tmp_path / "out")
    assert left_behind(tmp_path) == ["model"]


@pytest.mark.parametrize("own, fits", [(1e-12, True), (0.5, False)])
def test_of_two_epsilons_one_is_taken_if_that_changes_nothing(
    own: float, fits: bool, folder: Path, tmp_path: Path
) -> None:
    """E5's encoder has 1e-12 and the decoder over it 1e-5; a half is another model than 1e-5."""
    decoder = whole(folder).config.decoder.model_copy(update={"epsilon": own})
    model = str(sixt(tmp_path / "model", decoder=decoder))
    if not fits:
        with pytest.raises(UserError, match=r"one epsilon of layer norms, and this model has 0\.5 and 1e-05"):
            export_ctranslate2(model, tmp_path / "out", sentences=4)
        return
    export_ctranslate2(model, tmp_path / "out", sentences=4)
    assert json.loads((tmp_path / "out" / "export.json").read_text())["epsilon"] in (own, 1e-5)


@pytest.mark.parametrize("change", ["activation", "position", "scale", "norm", "one weight"])
def test_the_comparison_finds_what_is_wrong(change: str, folder: Path, tmp_path: Path) -> None:
    """An export is compared with a model that differs from it in one thing."""
    export_ctranslate2(str(folder), tmp_path / "out", sentences=2, say=lambda line: None)
    other = Translator.from_pretrained(folder, device="cpu", precision="fp32")
    model = other.model
    with torch.no_grad():
        if change == "activation":
            for block in model.decoder.stack.blocks:
                block.feedforward.inner.activation = model.encoder.stack.blocks[0].feedforward.inner.activation
        elif change == "position":
            model.encoder.embeddings.positions.offset = 1
        elif change == "scale":
            model.encoder.embeddings.scale = 4.0
        elif change == "norm":
            model.encoder.embeddings.norm.bias[0] += 0.1
        else:
            model.decoder.stack.blocks[1].cross_attention.inner.value.weight[3, 5] += 0.2
    with pytest.raises(UserError, match=r"differs from this one: by .* Nothing was written"):
        compare(other, tmp_path / "out", cases(other, 20, limits(model)), starts_itself=True)


def test_what_cannot_be_exported_at_all(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="exists already"):
        export_ctranslate2(str(folder), tmp_path / "there")
    save_model(whole(folder).encoder, tmp_path / "encoder")
    with pytest.raises(UserError, match="is an encoder and cannot translate"):
        export_ctranslate2(str(tmp_path / "encoder"), tmp_path / "out")
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(UserError, match=r"pip install anyglot\[fast\]"):
        export_ctranslate2(str(folder), tmp_path / "out")
    assert left_behind(tmp_path) == ["encoder", "there"]


def test_the_encoder_for_transformers(folder: Path, tmp_path: Path) -> None:
    export_transformers(str(folder), tmp_path / "out", part="encoder", say=lambda line: None)
    model = transformers.AutoModel.from_pretrained(tmp_path / "out").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    batch = tokenizer(TEXTS[:1], return_tensors="pt")
    with torch.no_grad():
        expected = model(**batch).last_hidden_state
        found = whole(folder).encoder(batch["input_ids"], batch["attention_mask"].bool()).last
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=0)


def test_what_transformers_cannot_express(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`part=encoder` exports its encoder"):
        export_transformers(str(folder), tmp_path / "out")
    with pytest.raises(UserError, match="no part 'decoder'"):
        export_transformers(str(folder), tmp_path / "out", part="decoder")
    model = whole(folder)
    drop_skips(model, ("encoder.stack.blocks.1.self_attention",))
    path = sixt(tmp_path / "model")
    save_model(model, path)
    with pytest.raises(UserError, match=r"drops the skip of stack\.blocks\.1\.self_attention"):
        export_transformers(str(path), tmp_path / "out", part="encoder")
    assert left_behind(tmp_path) == ["model"]


@pytest.mark.parametrize("name", ["mbart50", "m2m_100", "marian_separate"])
def test_a_family_goes_back_to_transformers(name: str, tmp_path: Path) -> None:
    source = foreign_translators.write(name, tmp_path / name)
    export_transformers(str(source), tmp_path / "out", say=lambda line: None)
    before = Translator.from_pretrained(source, device="cpu").translate(TEXTS[:2], source="de", target="fr", beam=2)
    after = Translator.from_pretrained(tmp_path / "out", device="cpu")
    assert after.translate(TEXTS[:2], source="de", target="fr", beam=2) == before


def test_the_command(folder: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    out = str(tmp_path / "out")
    done = runner.invoke(app, ["model", "export", str(folder), "--to", "ctranslate2", "--out", out, "--sentences", "6"])
    assert done.exit_code == 0, done.output
    assert "6 of 6 greedy translations equal" in done.output
    for options, said in (
        (["--to", "onnx"], "no engine 'onnx'"),
        (["--to", "ctranslate2", "--part", "encoder"], "whole translators"),
        (["--to", "transformers", "--quantization", "int8"], "for --to ctranslate2"),
    ):
        wrong = runner.invoke(app, ["model", "export", str(folder), "--out", str(tmp_path / "no"), *options])
        assert isinstance(wrong.exception, UserError) and said in str(wrong.exception)
    assert left_behind(tmp_path) == ["out"]

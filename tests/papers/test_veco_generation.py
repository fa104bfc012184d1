"""VECO for generation (sections 2.3, 5.1, 5.2; method card 2.2): a translator out of the pretrained model's blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from anyglot.errors import UserError
from anyglot.evaluation.translation.metrics import score
from anyglot.hub.export import export_ctranslate2
from anyglot.inference.translation import Translator
from anyglot.models.build import build_encoder
from anyglot.models.config import EmbeddingsConfig, EncoderConfig, StackConfig
from anyglot.models.encoder import Encoder
from anyglot.models.encoder_decoder import EncoderDecoder
from anyglot.models.initialize import initialise_bert
from anyglot.models.store import load_model, save_model
from anyglot.nn.attention import Attention, Memory
from anyglot.nn.residual import Residual
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.training.loop.optim import build_schedule
from anyglot.training.methods import METHODS
from anyglot.training.methods.sixt import SixT, SixTOptions
from anyglot.training.methods.veco import VecoTranslation, VecoTranslationOptions
from anyglot.training.recipe.averaged import average_run
from anyglot.training.recipe.extraction import PartUsage, fates
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.outline import outline
from anyglot.training.recipe.run import run_recipe
from support.tiny_sixt import DECODER, batch, moved, optimise, values
from support.tiny_translators import TEXTS

LAYERS, WIDTH = 4, 32


def write_start(folder: Path, **stack: Any) -> str:
    """A pretrained model with its tokenizer, every weight random."""
    tokenizer = train_tokenizer(TEXTS * 5, 100, folder, seed=1)
    config = EncoderConfig(
        family="xlm-roberta",
        embeddings=EmbeddingsConfig(
            vocabulary_size=tokenizer.vocabulary_size, width=WIDTH, positions="learned", position_rows=66, norm=True
        ),
        stack=StackConfig(
            **{"layers": LAYERS, "width": WIDTH, "heads": 4, "feedforward_width": 48, "norm_first": False} | stack
        ),
        language_head=True,
    )
    torch.manual_seed(3)
    encoder = build_encoder(config)
    initialise_bert(encoder, 0.1)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_model(encoder, folder)
    return str(folder)


@pytest.fixture
def veco(tmp_path: Path) -> str:
    return write_start(tmp_path / "veco", cross_attention=True)


@pytest.fixture
def xlmr(tmp_path: Path) -> str:
    return write_start(tmp_path / "xlmr")


def made(start: str, **options: Any) -> tuple[VecoTranslation, EncoderDecoder]:
    settings = {"start": start, "decoder": {"layers": 2}, **options}
    method = VecoTranslation(VecoTranslationOptions.model_validate(settings))
    return method, method.build(load_tokenizer(start), seed=5)


def pretrained(start: str) -> Encoder:
    model = load_model(start)
    assert isinstance(model, Encoder)
    return model


@pytest.mark.parametrize(("blocks", "origins"), [("last", (2, 3)), ("first", (0, 1))])
def test_the_decoder_begins_as_the_first_or_last_blocks(blocks: str, origins: tuple[int, ...], veco: str) -> None:
    model, whole = made(veco, decoder={"layers": 2, "blocks": blocks})[1], pretrained(veco)
    for block, origin in zip(model.decoder.stack.blocks, origins, strict=True):
        theirs = dict(whole.stack.blocks[origin].named_parameters())
        ours = dict(block.named_parameters())
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in theirs)
    encoder = dict(model.encoder.named_parameters())
    assert all(torch.equal(value, whole.get_parameter(name)) for name, value in encoder.items())
    assert not any("cross_attention" in name or name.startswith("head.") for name in encoder)


def test_a_decoder_of_all_blocks_is_the_pretrained_one(veco: str) -> None:
    """What CS-MLM trained is what fine-tuning starts with."""
    model, whole, example = made(veco, decoder={"layers": LAYERS})[1].eval(), pretrained(veco), batch()
    with torch.no_grad():
        memory = Memory(whole(example.source, example.source_mask).last, example.source_mask)
        expected = whole.cross(example.target_input, memory).last
        assert torch.equal(model(example.source, example.source_mask, example.target_input), expected)


def test_all_moves_and_copies_part_from_their_origins(veco: str) -> None:
    method, model = made(veco)
    before = values(model)
    assert [stage.trains for stage in method.stages()] == [("*",)]
    optimise(method, model, 0, steps=1)  # type: ignore[arg-type]
    after = values(model)
    # A key's bias adds the same to all of a query's scores, so softmax gives it no gradient but rounding.
    still = {name for name in before if name not in moved(before, after) and "key.bias" not in name}
    assert not still
    for name in ("self_attention.inner.query.weight", "feedforward.inner.up.weight", "feedforward.norm.weight"):
        assert not torch.equal(after[f"encoder.stack.blocks.3.{name}"], after[f"decoder.stack.blocks.1.{name}"])
    assert model.output.weight is model.encoder.embeddings.tokens.weight is model.decoder.embeddings.tokens.weight


def test_random_initialisation_has_the_shape_and_nothing_else(veco: str) -> None:
    """Table 4, "Randomly Initialize"."""
    fresh = made(veco, encoder="fresh", decoder={"layers": 2, "blocks": "fresh"})[1]
    begun = made(veco)[1]
    ours, theirs = values(fresh), values(begun)
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
    assert all(not torch.equal(ours[name], theirs[name]) for name in ours)
    assert all(0.01 < float(value.std()) < 0.03 for name, value in ours.items() if name.endswith("inner.up.weight"))
    again = made(veco, encoder="fresh", decoder={"layers": 2, "blocks": "fresh"})[1]
    assert all(torch.equal(value, ours[name]) for name, value in values(again).items())
    with pytest.raises(ValueError, match=r"no pretrained blocks to copy.*set decoder\.blocks to fresh"):
        made(veco, encoder="fresh")


def test_the_row_of_xlm_r_has_fresh_cross_attentions(xlmr: str) -> None:
    method, model = made(xlmr)
    whole = pretrained(xlmr)
    name = "feedforward.inner.up.weight"
    assert torch.equal(model.decoder.stack.blocks[0].get_parameter(name), whole.stack.blocks[2].get_parameter(name))
    cross = model.decoder.stack.blocks[0].cross_attention
    assert 0.015 < float(cross.inner.query.weight.detach().std()) < 0.025
    assert method.provenance()["decoder.stack.blocks.*.cross_attention.*"] == "fresh"
    plain = made(xlmr, decoder={"layers": 2, "blocks": "fresh"})[1]
    assert not torch.equal(plain.decoder.stack.blocks[0].get_parameter(name), whole.stack.blocks[2].get_parameter(name))


def test_the_released_scripts_regularise_both_sides(veco: str) -> None:
    model = made(veco, dropout=0.3, attention_dropout=0.2)[1]
    assert {part.dropout.p for part in model.modules() if isinstance(part, Residual)} == {0.3}
    assert {part.dropout for part in model.modules() if isinstance(part, Attention)} == {0.2}
    assert VecoTranslationOptions(start="x").label_smoothing == 0.2


def test_more_blocks_than_the_encoder_has(veco: str) -> None:
    with pytest.raises(UserError, match="5 blocks copied from an encoder of 4: ask for at most 4, or for fresh ones"):
        made(veco, decoder={"layers": 5})
    assert len(made(veco, decoder={"layers": 5, "blocks": "fresh"})[1].decoder.stack.blocks) == 5


def test_sixt_and_others_take_the_encoder_out_of_a_veco_folder(veco: str) -> None:
    method = SixT(SixTOptions.model_validate({"start": veco, "decoder": DECODER}))
    model, whole, example = method.build(load_tokenizer(veco), seed=5).eval(), pretrained(veco), batch()
    with torch.no_grad():
        states = model.encode(example.source, example.source_mask).states
        assert torch.equal(states, whole(example.source, example.source_mask).last)
    assert not any("cross_attention" in name for name, _ in model.encoder.named_parameters())


def write_mbert(folder: Path) -> str:
    """One of transformers' own folders: a BERT, whose sentences end with [SEP]."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[MASK]", "das", "haus", "ist", "alt", "[SEP]"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    transformers.BertTokenizer.from_pretrained(folder).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
    )
    transformers.BertForMaskedLM(config).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("kind", ["veco_translation", "sixt"])
def test_translations_end_with_the_end_token_of_the_start(kind: str, tmp_path: Path) -> None:
    """Models once ended with XLM-R's, whatever the tokenizer: over mBERT they never ended."""
    start = write_mbert(tmp_path / "mbert")
    tokenizer = load_tokenizer(start)
    options = {"start": start, "decoder": {"layers": 1} if kind == "veco_translation" else DECODER}
    method = METHODS[kind](METHODS[kind].Options.model_validate({"name": kind, **options}))
    model = method.build(tokenizer, seed=1)
    assert isinstance(model, EncoderDecoder)
    assert model.config.start_id == model.config.end_id == tokenizer.end_id == 8
    assert model.config.padding_id == 0


RECIPE = """
name: translator
method: {{name: veco_translation, start: {start}, decoder: {{layers: 2}}, dropout: 0.0, attention_dropout: 0.0}}
data:
  train: [{{source: de, target: en, files: [text.de, text.en]}}]
  max_length: 48
  batch_tokens: 256
  cache: cache
stages: {{all: {{updates: 200, learning_rate: 5.0e-3, schedule: polynomial, warmup_updates: 10, clip_norm: 1.0}}}}
checkpoints: {{every: 20, keep_last: 3, keep_best: 0}}
runtime: {{precision: fp32}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model fine-tuned until it knows three sentences by heart."""
    root = tmp_path_factory.mktemp("generation")
    start = write_start(root / "veco", cross_attention=True, norm_first=True)
    (root / "text.de").write_text("\n".join(TEXTS[:3] * 12) + "\n")
    (root / "text.en").write_text("\n".join(TEXTS[3:6] * 12) + "\n")
    (root / "recipe.yaml").write_text(RECIPE.format(start=start))
    run_recipe(load_recipe(root / "recipe.yaml"), root / "run", quiet=True)
    return root


def test_a_run_is_averaged_and_translates(run: Path, tmp_path: Path) -> None:
    """Section 5.1: the mean of the last checkpoints, beam search of five."""
    chosen = average_run(run / "run", tmp_path / "mean", last=3)
    assert [folder.name for folder in chosen] == ["step-160", "step-180", "step-200"]
    translator = Translator.from_pretrained(tmp_path / "mean", device="cpu", precision="fp32")
    written = translator.translate(TEXTS[:3], source="de", target="en", beam=5)
    assert score("chrF", written, TEXTS[3:6], target="en").value > 90


def test_its_translator_runs_in_ctranslate2(run: Path, tmp_path: Path) -> None:
    parity = export_ctranslate2(str(run / "run"), tmp_path / "out", sentences=12, say=lambda line: None)
    assert parity.equal + parity.ties == parity.sentences == 12


def test_the_outline_tells_what_is_copied_and_what_is_dropped(run: Path) -> None:
    found = outline(load_recipe(run / "recipe.yaml"))
    parts = {part.name: part for part in found.parts}
    start = run / "veco"
    assert parts["decoder.stack.blocks.*.cross_attention"].origin.splitlines() == [
        f"block 0: copied from block 2 of {start}",
        f"block 1: copied from block 3 of {start}",
    ]
    assert parts["encoder.stack.blocks.*.self_attention"].origin == f"loaded from {start}"
    assert parts["decoder.embeddings.positions.table"].origin == f"copied from {start}"
    assert parts["decoder.stack.final_norm"].origin == f"copied from {start}"
    assert parts["encoder.embeddings.tokens"].shared == ("decoder.embeddings.tokens", "output")
    assert [name for name, _ in found.dropped] == [
        "stack.blocks.*.cross_attention",
        "head.dense",
        "head.norm",
        "head.output",
    ]
    assert dict(found.dropped)["stack.blocks.*.cross_attention"] == LAYERS * (4 * WIDTH * (WIDTH + 1) + 2 * WIDTH)
    trained = sum(parameter.numel() for parameter in load_model(run / "run").parameters())
    assert sum(part.parameters for part in found.parts) == trained == sum(part.trained[0] for part in found.parts)


def test_the_outline_of_random_initialisation(run: Path) -> None:
    changes = ["method.encoder=fresh", "method.decoder.blocks=fresh"]
    found = outline(load_recipe(run / "recipe.yaml", changes))
    assert {part.origin for part in found.parts} == {"fresh"}


def test_what_becomes_of_a_folder_s_parts(run: Path) -> None:
    told = fates(pretrained(str(run / "veco")).config)
    assert told["embeddings.tokens"] == PartUsage("kept", "encoder, decoder and output share it")
    assert told["stack.blocks.*.self_attention"] == PartUsage("kept", "encoder; decoder: a copy")
    assert told["stack.blocks.*.cross_attention"] == PartUsage("dropped", "decoder: a copy")
    assert told["head.dense"] == PartUsage("kept", "dropped")


def test_one_target_language_a_model(run: Path) -> None:
    with pytest.raises(UserError, match=r"pairs into en, fr.* train a model for each"):
        load_recipe(
            run / "recipe.yaml",
            ["data.validation=[{source: de, target: fr, files: [a, b]}]"],
        )


def test_the_recipes_are_the_papers() -> None:
    german, french = load_recipe("veco/en_de"), load_recipe("veco/en_fr")
    for recipe, target, tokens, dropouts in ((german, "de", 65_536, (0.3, 0.1)), (french, "fr", 262_144, (0.1, 0.0))):
        method, stage = recipe.method, recipe.stages["all"]
        assert [(source.source, source.target) for source in recipe.data.train] == [("en", target)]  # type: ignore[union-attr]
        assert (method.decoder.layers, method.decoder.blocks) == (6, "last")  # type: ignore[attr-defined]
        assert (method.dropout, method.attention_dropout) == dropouts  # type: ignore[attr-defined]
        assert method.label_smoothing == 0.2  # type: ignore[attr-defined]
        assert recipe.data.batch_tokens * stage.accumulation * 8 == tokens
        assert (recipe.checkpoints.every, recipe.checkpoints.keep_last) == (5_000, 10)
        assert recipe.data.max_length - 2 == 250
        rate = build_schedule(stage)
        assert rate(8_000) == pytest.approx(5e-5) and rate(16_000) == pytest.approx(1e-4)
        assert rate(58_000) == pytest.approx(5e-5) and rate(100_000) == 0.0
        assert (stage.clip_norm, stage.betas, stage.weight_decay) == (0.1, (0.9, 0.999), 0.01)

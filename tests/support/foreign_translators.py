"""Tiny folders of other people's translation models: transformers' own classes, random weights, phrasebook pieces."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer

from anyglot.phrasebook import Phrasebook

LANGUAGES = ["de", "en", "fr", "ru"]
COUNT = 60
SIZES: dict[str, Any] = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 64,
    "scale_embedding": True,
}
# Seeds of weights, and weights of the end token, under which outputs differ from each other and end.
FOLDERS: dict[str, tuple[int, float]] = {
    "mbart50": (5, 2.0),
    "mbart": (7, 4.0),
    "m2m_100": (6, 2.0),
    "nllb": (9, 4.0),
    "nllb_legacy": (9, 4.0),
    "marian": (9, 4.0),
    "marian_pair": (1, 4.0),
    "marian_separate": (5, 4.0),
}


def sentences(language: str = "de", count: int = COUNT) -> list[str]:
    """Phrasebook sentences."""
    return [row[language].text for row in Phrasebook(LANGUAGES, seed=3).parallel("test", count)]


def _pieces(languages: Sequence[str], kind: str = "unigram", size: int = 400) -> bytes:
    rows = Phrasebook(LANGUAGES, seed=1).parallel("train", 150)
    text = [row[language].text for row in rows for language in languages]
    written = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(text),
        model_writer=written,
        model_type=kind,
        vocab_size=size,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        minloglevel=2,
        num_threads=1,
    )
    return written.getvalue()


def write(name: str, folder: Path) -> Path:
    """One of FOLDERS: config.json, weights and the tokenizer's files, all written by transformers."""
    folder.mkdir(parents=True, exist_ok=True)
    if name.startswith("marian"):
        return _write_marian(name, folder)
    if name in ("mbart50", "mbart"):
        (folder / "sentencepiece.bpe.model").write_bytes(_pieces(LANGUAGES))
        kind = transformers.MBart50Tokenizer if name == "mbart50" else transformers.MBartTokenizer
        tokenizer: Any = kind.from_pretrained(str(folder))
        model_class, config_class = transformers.MBartForConditionalGeneration, transformers.MBartConfig
    elif name == "m2m_100":
        model = _pieces(LANGUAGES)
        (folder / "sentencepiece.bpe.model").write_bytes(model)
        (folder / "vocab.json").write_text(json.dumps(_numbered(["<s>", "<pad>", "</s>", "<unk>"], [model])))
        tokenizer = transformers.M2M100Tokenizer.from_pretrained(str(folder))
        model_class, config_class = transformers.M2M100ForConditionalGeneration, transformers.M2M100Config
    else:
        (folder / "sentencepiece.bpe.model").write_bytes(_pieces(LANGUAGES, kind="bpe"))
        converted = transformers.NllbTokenizer.from_pretrained(str(folder))
        learned = json.loads(converted.backend_tokenizer.to_str())["model"]
        learned["vocab"].pop("<mask>", None)
        merges = [tuple(pair) for pair in learned["merges"]]
        legacy = name == "nllb_legacy"
        tokenizer = transformers.NllbTokenizer(vocab=learned["vocab"], merges=merges, legacy_behaviour=legacy)
        model_class, config_class = transformers.M2M100ForConditionalGeneration, transformers.M2M100Config
    tokenizer.save_pretrained(str(folder))
    rows = 1 + max([*tokenizer.get_vocab().values(), *getattr(tokenizer, "lang_code_to_id", {}).values()])
    config = config_class(**SIZES, vocab_size=rows, decoder_start_token_id=2, pad_token_id=1, eos_token_id=2)
    _save(model_class(config), folder, *FOLDERS[name], end=2)
    return folder


def _write_marian(name: str, folder: Path) -> Path:
    source, target = _pieces(["de", "en"]), _pieces(["fr", "ru", "en"], size=450)
    (folder / "source.spm").write_bytes(source)
    (folder / "target.spm").write_bytes(target)
    codes = [] if name == "marian_pair" else [">>fra<<", ">>rus<<", ">>eng<<", ">>por_BR<<", ">>por<<"]
    separate = name == "marian_separate"
    vocabularies = [_numbered(["</s>", "<unk>", *codes], [source] if separate else [source, target], ["<pad>"])]
    options: dict[str, Any] = {}
    if separate:
        vocabularies.append(_numbered(["</s>", "<unk>"], [target], []))
        # Both tables are padded to one size, so that the padding's id is the same in both.
        largest = max(map(len, vocabularies))
        del vocabularies[0]["<pad>"]
        for vocabulary in vocabularies:
            for filler in range(len(vocabulary), largest):
                vocabulary[f"madeupword{filler}"] = filler
            vocabulary["<pad>"] = largest
        (folder / "target_vocab.json").write_text(json.dumps(vocabularies[1]))
        options = {"separate_vocabs": True, "target_vocab_file": str(folder / "target_vocab.json")}
    (folder / "vocab.json").write_text(json.dumps(vocabularies[0]))
    tokenizer = transformers.MarianTokenizer(
        str(folder / "source.spm"),
        str(folder / "target.spm"),
        str(folder / "vocab.json"),
        source_lang="deu",
        target_lang="fra" if name == "marian_pair" else "mul",
        **options,
    )
    tokenizer.save_pretrained(str(folder))
    pad = vocabularies[0]["<pad>"]
    config = transformers.MarianConfig(
        **SIZES,
        vocab_size=len(vocabularies[0]),
        decoder_vocab_size=len(vocabularies[-1]),
        share_encoder_decoder_embeddings=not separate,
        activation_function="swish",
        pad_token_id=pad,
        decoder_start_token_id=pad,
        eos_token_id=0,
        forced_eos_token_id=0,
    )
    model = transformers.MarianMTModel(config)
    model.generation_config.bad_words_ids = [[pad]]
    model.generation_config.renormalize_logits = True
    _save(model, folder, *FOLDERS[name], end=0)
    return folder


def _numbered(first: list[str], models: list[bytes], last: Sequence[str] = ()) -> dict[str, int]:
    """Ids for specials and the pieces of SentencePiece models, each piece once."""
    names = dict.fromkeys(first)
    for model in models:
        processor = SentencePieceProcessor(model_proto=model)
        names |= dict.fromkeys(processor.IdToPiece(id) for id in range(3, processor.GetPieceSize()))
    return {name: id for id, name in enumerate([*names, *last])}


def _save(model: Any, folder: Path, seed: int, liking: float, *, end: int) -> None:
    """Weights far from zero, so that outputs depend on inputs, and a liking for the end token, so that they end."""
    model.generation_config.forced_eos_token_id = None
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                scale = 1.5 if "encoder_attn" in name else 0.5
                center = 1.0 if "norm" in name and name.endswith("weight") else 0.0
                parameter.copy_(center + scale * torch.randn(parameter.shape, generator=generator))
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.copy_(0.3 * torch.randn(model.final_logits_bias.shape, generator=generator))
            model.final_logits_bias[0, end] = liking
        else:
            model.get_input_embeddings().weight[end].mul_(liking)
    model.eval().save_pretrained(str(folder))

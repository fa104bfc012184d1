"""From a file of the format E5S1 to a transformers folder: a BERT in float32 with XLM-R's tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from sentencepiece import SentencePieceNormalizer, SentencePieceProcessor
from sentencepiece import sentencepiece_model_pb2 as sentencepiece_model
from torch import Tensor

from anyglot.errors import UserError
from anyglot.models.pretrained.e5s1 import E5S1, FIRST_PIECES, Sizes
from anyglot.models.pretrained.foreign import CONFIG
from anyglot.models.pretrained.tensor_files import WHOLE

SENTENCEPIECE = "sentencepiece.bpe.model"
TOKENIZER_CONFIG = "tokenizer_config.json"
# SentencePiece's numbers of kinds: a piece of text is 1.
_UNKNOWN, _CONTROL, _NORMAL = 2, 3, 1
_UNIGRAM = 1

_EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def unpack(file: Path, folder: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Write config, tokenizer and weights (float32) into a folder that exists.

    Args:
        progress: Called with the tensors done and the tensors there are.

    Raises:
        UserError: The file is damaged.
        OSError: The folder cannot be written.
    """
    packed = E5S1(file)
    _write_json(folder / CONFIG, _config(packed.sizes))
    (folder / SENTENCEPIECE).write_bytes(_sentencepiece(packed, file))
    _write_json(folder / TOKENIZER_CONFIG, _tokenizer_config(packed.sizes))
    tensors: dict[str, Tensor] = {}
    names = packed.sizes.shapes()
    for done, name in enumerate(names):
        tensors[_transformers_name(name)] = torch.from_numpy(packed.tensor(name))
        if progress is not None:
            progress(done + 1, len(names))
    try:
        save_file(tensors, folder / WHOLE, {"format": "pt"})
    except SafetensorError as error:  # the library wraps what the operating system says, a full disk among it
        raise OSError(f"{WHOLE}: {error}") from error


def _transformers_name(name: str) -> str:
    if name in _EMBEDDINGS:
        return f"embeddings.{_EMBEDDINGS[name]}"
    layer, part, kind = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_PARTS[part]}.{'weight' if kind == 'w' else 'bias'}"


def _config(sizes: Sizes) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": sizes.width,
        "initializer_range": 0.02,
        "intermediate_size": sizes.feedforward,
        "layer_norm_eps": sizes.epsilon,
        "max_position_embeddings": sizes.positions,
        "model_type": "bert",
        "num_attention_heads": sizes.heads,
        "num_hidden_layers": sizes.layers,
        # As upstream has it; the tokenizer pads with 1, and the mask hides what is padded.
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "tokenizer_class": "XLMRobertaTokenizer",
        "type_vocab_size": sizes.segments,
        "vocab_size": sizes.rows,
    }


def _tokenizer_config(sizes: Sizes) -> dict[str, Any]:
    return {
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "mask_token": "<mask>",
        "model_max_length": sizes.positions,
        "pad_token": "<pad>",
        "sep_token": "</s>",
        "tokenizer_class": "XLMRobertaTokenizer",
        "unk_token": "<unk>",
    }


def _sentencepiece(packed: E5S1, file: Path) -> bytes:
    """The SentencePiece model: <unk> <s> </s>, then the pieces; it normalizes by its own rule nmt_nfkc, as XLM-R's."""
    model = sentencepiece_model.ModelProto()
    rule = sentencepiece_model.ModelProto.FromString(
        SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_model_proto()
    )
    model.normalizer_spec.CopyFrom(rule.normalizer_spec)
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = True
    model.normalizer_spec.escape_whitespaces = True
    first = len(FIRST_PIECES)
    pieces = [("<unk>", 0.0, _UNKNOWN), ("<s>", 0.0, _CONTROL), ("</s>", 0.0, _CONTROL)]
    pieces += [
        (piece, score, _NORMAL)
        for piece, score in zip(packed.pieces[first:-1], packed.scores[first:-1].tolist(), strict=True)
    ]
    model.trainer_spec.model_type = _UNIGRAM
    model.trainer_spec.vocab_size = len(pieces)
    for piece, score, kind in pieces:
        model.pieces.add(piece=piece, score=score, type=kind)
    written: bytes = model.SerializeToString()
    try:
        SentencePieceProcessor().LoadFromSerializedProto(written)
    except RuntimeError as error:
        raise UserError(f"{file} holds pieces that SentencePiece refuses ({error}). Fetch it again.") from None
    return written


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

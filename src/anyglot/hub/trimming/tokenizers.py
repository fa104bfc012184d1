"""A Unigram tokenizer that knows fewer pieces and gives them new numbers.

A segmentation is the most probable one among those the vocabulary allows. One whose pieces are all kept therefore stays
the most probable when others leave, if unknown characters stay as improbable as they were: their penalty hangs on the
rarest piece, which is why that piece is always kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2

from anyglot.errors import UserError
from anyglot.runtime.files import write_bytes, write_text
from anyglot.runtime.untrusted_files import DAMAGE, LARGE, number, read_bytes, read_json, understood
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import MODEL_FILE, Tokenizer, load_tokenizer
from anyglot.text.vocabulary import Vocabulary, with_specials

TOKENIZER_JSON = "tokenizer.json"
# Files that say something about tokens without numbering them.
_COMPANIONS = ("tokenizer_config.json", "special_tokens_map.json")
_NORMAL = 1  # SentencePiece's type of an ordinary piece; others are specials, bytes and the user's own
_UNIGRAM = 1
_SHIFT = 1  # XLM-R's ids are SentencePiece's plus one


def completed(vocabulary: Vocabulary, tokenizer: TextTokenizer, folder: Path) -> Vocabulary:
    """The vocabulary with what a tokenizer cannot do without: pieces that are no ordinary ones, and the rarest piece.

    Args:
        folder: Where the tokenizer's files are.

    Raises:
        UserError: The tokenizer is no Unigram one.
    """
    if isinstance(tokenizer, Tokenizer):
        pieces = _proto(folder).pieces
        scores = {id + _SHIFT: piece.score for id, piece in enumerate(pieces) if piece.type == _NORMAL}
        needed = [id + _SHIFT for id, piece in enumerate(pieces) if piece.type != _NORMAL]
    else:
        with understood(folder / TOKENIZER_JSON, "copy the tokenizer again"):
            scores = {id: number(score) for id, (_, score) in enumerate(_document(folder)["model"]["vocab"])}
        needed = []
    if not scores or not all(map(math.isfinite, scores.values())):
        raise UserError(f"the tokenizer in {folder} has no pieces, or scores that are no numbers: copy it again.")
    rarest = min(scores, key=lambda id: (scores[id], id))
    return with_specials(np.asarray([*vocabulary.ids.tolist(), *needed, rarest], dtype=np.int64), tokenizer)


def write_trimmed(tokenizer: TextTokenizer, folder: Path, vocabulary: Vocabulary, out: Path) -> TextTokenizer:
    """Write the tokenizer of `folder` with the kept pieces only into `out`, and load it from there.

    Raises:
        UserError: The tokenizer is no Unigram one, or does not come back as it was meant.
    """
    if isinstance(tokenizer, Tokenizer):
        Tokenizer(_trimmed_proto(folder, vocabulary)).save(out)
    else:
        _write_json(folder, vocabulary, out)
    trimmed = load_tokenizer(out)
    kept = vocabulary.ids.tolist()
    if trimmed.vocabulary_size != len(kept) or trimmed.pieces(range(len(kept))) != tokenizer.pieces(kept):
        raise UserError("this model's tokenizer cannot be trimmed: its files hold more than a list of pieces.")
    return trimmed


def differing(
    texts: Sequence[str], tokenizer: TextTokenizer, trimmed: TextTokenizer, vocabulary: Vocabulary
) -> tuple[int, int]:
    """How many texts have kept pieces only, and how many of these the two tokenizers segment differently."""
    whole = different = 0
    kept = np.zeros(vocabulary.full_size, dtype=np.bool_)
    kept[vocabulary.ids] = True
    for before, after in zip(tokenizer.encode(texts), trimmed.encode(texts), strict=True):
        if before and bool(kept[before].all()):
            whole += 1
            different += vocabulary.compact(before).tolist() != after
    return whole, different


def _proto(folder: Path) -> Any:
    path = folder / MODEL_FILE if folder.is_dir() else folder
    model = sentencepiece_model_pb2.ModelProto()
    try:
        model.ParseFromString(read_bytes(path))
    except (OSError, DecodeError) as error:
        raise UserError(f"{path} cannot be read as a SentencePiece model: {error}.") from None
    if model.trainer_spec.model_type != _UNIGRAM:
        raise UserError(f"{path} is no Unigram model; pieces of other models are built from each other and cannot go.")
    return model


def _trimmed_proto(folder: Path, vocabulary: Vocabulary) -> bytes:
    model = _proto(folder)
    inside = [id - _SHIFT for id in vocabulary.ids.tolist() if 4 <= id < len(model.pieces) + _SHIFT]
    pieces = [*model.pieces[:3], *(model.pieces[place] for place in inside)]
    kept = [sentencepiece_model_pb2.ModelProto.SentencePiece.FromString(piece.SerializeToString()) for piece in pieces]
    del model.pieces[:]
    model.pieces.extend(kept)
    model.trainer_spec.vocab_size = len(kept)
    model.DiscardUnknownFields()  # such as samples of how the full model segments, checked when it is loaded
    content: bytes = model.SerializeToString()
    return content


def _document(folder: Path) -> dict[str, Any]:
    path = folder / TOKENIZER_JSON
    try:
        document = read_json(path, LARGE)
        if document["model"]["type"] != "Unigram" or document["model"].get("byte_fallback"):
            raise KeyError
        if not all(isinstance(piece, str) for piece, _ in document["model"]["vocab"]):
            raise KeyError
    except FileNotFoundError:
        raise UserError(
            f"the tokenizer in {folder} cannot be trimmed: only Unigram ones can, of {MODEL_FILE} or {TOKENIZER_JSON}."
        ) from None
    except DAMAGE:
        raise UserError(f"{path} is no Unigram tokenizer, and only those can be trimmed.") from None
    found: dict[str, Any] = document
    return found


def _write_json(folder: Path, vocabulary: Vocabulary, out: Path) -> None:
    document = _document(folder)
    place = {id: number for number, id in enumerate(vocabulary.ids.tolist())}
    with understood(folder / TOKENIZER_JSON, "copy the tokenizer again"):
        _renumber(document, place)
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / TOKENIZER_JSON, json.dumps(document, ensure_ascii=False))
    for name in _COMPANIONS:
        if (folder / name).is_file():
            write_bytes(out / name, read_bytes(folder / name))


def _renumber(document: dict[str, Any], place: dict[int, int]) -> None:
    model = document["model"]
    model["vocab"] = [entry for id, entry in enumerate(model["vocab"]) if id in place]
    model["unk_id"] = place[model["unk_id"]]
    document["added_tokens"] = [
        {**token, "id": place[token["id"]]} for token in document.get("added_tokens", []) if token["id"] in place
    ]
    specials = (document.get("post_processor") or {}).get("special_tokens", {})
    for special in specials.values():
        special["ids"] = [place[id] for id in special["ids"]]

"""Trimmed tokenizers segment what they can as before, in SentencePiece's file and in transformers' JSON."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from transformers import AutoModelForMaskedLM, AutoTokenizer, XLMRobertaConfig, XLMRobertaForMaskedLM

from anyglot.errors import UserError
from anyglot.hub.trimming import VocabularySpecification, trim
from anyglot.hub.trimming.tokenizers import completed, differing, write_trimmed
from anyglot.models.encoder import Encoder
from anyglot.models.pretrained.load import load_pretrained
from anyglot.text.protocols import TextTokenizer
from anyglot.text.tokenizer import MODEL_FILE, Tokenizer, load_tokenizer
from anyglot.text.trimmed_record import unreadable_texts
from anyglot.text.vocabulary import Vocabulary, with_specials
from anyglot.text.wrapped_tokenizer import WrappedTokenizer

Pair = tuple[TextTokenizer, TextTokenizer, Vocabulary]


@pytest.fixture(scope="module", params=["sentencepiece", "json"])
def pair(request: pytest.FixtureRequest, full: Path, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A tokenizer, the same with a random half of its pieces, and which these are."""
    folder = full
    if request.param == "json":
        folder = tmp_path_factory.mktemp("json")
        AutoTokenizer.from_pretrained(full).save_pretrained(folder)
        assert not (folder / MODEL_FILE).exists()
    tokenizer = load_tokenizer(folder)
    assert isinstance(tokenizer, WrappedTokenizer if request.param == "json" else Tokenizer)
    half = np.asarray(random.Random(2).sample(range(tokenizer.vocabulary_size), 450))
    vocabulary = completed(with_specials(half, tokenizer), tokenizer, folder)
    return tokenizer, write_trimmed(tokenizer, folder, vocabulary, tmp_path_factory.mktemp("out")), vocabulary


def test_special_tokens_and_pieces_keep_their_order(pair: Pair) -> None:
    tokenizer, trimmed, vocabulary = pair
    ids = range(len(vocabulary))
    assert trimmed.vocabulary_size == len(vocabulary)
    assert trimmed.pieces(ids) == tokenizer.pieces(vocabulary.ids.tolist())
    for name in ("begin_id", "pad_id", "end_id", "unknown_id", "mask_id"):
        assert getattr(trimmed, name) == vocabulary.compact([getattr(tokenizer, name)])[0]
    assert trimmed.mask_id == len(vocabulary) - 1
    assert trimmed.special_ids == tuple(vocabulary.compact(tokenizer.special_ids))
    assert trimmed.fingerprint != tokenizer.fingerprint


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_texts_of_kept_pieces_are_segmented_as_before(pair: Pair, data: st.DataObject) -> None:
    tokenizer, trimmed, vocabulary = pair
    words = [id for id in vocabulary.ids.tolist() if id not in {*tokenizer.special_ids, tokenizer.unknown_id}]
    ids = data.draw(st.lists(st.sampled_from(words), max_size=25))
    [text] = tokenizer.decode([ids])
    whole, different = differing([text], tokenizer, trimmed, vocabulary)
    assert different == 0
    if whole:
        assert trimmed.decode(trimmed.encode([text])) == tokenizer.decode(tokenizer.encode([text]))


def test_many_texts_were_whole(pair: Pair) -> None:
    tokenizer, trimmed, vocabulary = pair
    draw = random.Random(4)
    rows = [draw.sample(vocabulary.ids.tolist()[4:-1], 4) for _ in range(500)]
    whole, different = differing(tokenizer.decode(rows), tokenizer, trimmed, vocabulary)
    assert whole > 100 and different == 0


def test_the_rarest_piece_stays(pair: Pair, full: Path) -> None:
    """The penalty of an unknown character hangs on it."""
    tokenizer, _, vocabulary = pair
    processor = SentencePieceProcessor(model_file=str(full / MODEL_FILE))
    lowest = min(processor.GetScore(piece) for piece in range(3, processor.GetPieceSize()))
    kept = tokenizer.pieces(vocabulary.ids.tolist()[4:-1])
    assert min(processor.GetScore(processor.PieceToId(piece)) for piece in kept) == lowest


def test_what_is_no_unigram_model_is_refused(tmp_path: Path) -> None:
    text = ["das haus ist alt", "the house is old", "ein hund schläft"] * 10
    with (tmp_path / MODEL_FILE).open("wb") as stream:
        SentencePieceTrainer.train(
            sentence_iterator=iter(text), model_writer=stream, model_type="bpe", vocab_size=40, minloglevel=2
        )
    tokenizer = load_tokenizer(tmp_path)
    with pytest.raises(UserError, match="no Unigram model"):
        completed(with_specials(np.arange(10), tokenizer), tokenizer, tmp_path)


def test_unreadable_characters_are_counted(trimmed: tuple[Path, object]) -> None:
    small = load_tokenizer(trimmed[0])
    texts = ["", "Das Haus ist alt.", "старый дом", "Das дом ist alt."]
    assert unreadable_texts(texts, small) == [0, 0, 9, 3]


@pytest.fixture(scope="module", params=["sentencepiece", "json"])
def foreign(request: pytest.FixtureRequest, full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small XLM-R as transformers writes it."""
    folder = tmp_path_factory.mktemp("xlmr")
    torch.manual_seed(1)
    config = XLMRobertaConfig(
        vocab_size=900, hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
        max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    XLMRobertaForMaskedLM(config).save_pretrained(folder)
    if request.param == "json":
        AutoTokenizer.from_pretrained(full).save_pretrained(folder)
    else:
        load_tokenizer(full).save(folder)
    return folder


def test_a_trimmed_xlmr_opens_in_transformers_with_the_same_logits(
    foreign: Path, texts: dict[str, Path], tmp_path: Path
) -> None:
    report = trim(str(foreign), tmp_path / "small", VocabularySpecification(texts=(texts["ru"],)))
    assert report.scripts == ("Cyrillic",) and report.rows < 500
    whole, small = (AutoModelForMaskedLM.from_pretrained(place).eval() for place in (foreign, tmp_path / "small"))
    full_tokenizer, tokenizer = (AutoTokenizer.from_pretrained(place) for place in (foreign, tmp_path / "small"))
    assert len(tokenizer) == report.rows
    [line] = texts["ru"].read_text().splitlines()[:1]
    before, after = full_tokenizer(line, return_tensors="pt"), tokenizer(line, return_tensors="pt")
    pieces = full_tokenizer.convert_ids_to_tokens(before["input_ids"][0])
    assert tokenizer.convert_ids_to_tokens(after["input_ids"][0]) == pieces
    kept = full_tokenizer.convert_tokens_to_ids(tokenizer.convert_ids_to_tokens(list(range(report.rows))))
    with torch.no_grad():
        expected, found = whole(**before).logits[..., kept], small(**after).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    ours = load_pretrained(tmp_path / "small")
    assert isinstance(ours, Encoder) and ours.head is not None
    with torch.no_grad():
        logits = ours.head(ours(after["input_ids"], torch.ones_like(after["input_ids"], dtype=torch.bool)).last)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)

"""Offsets say where tokens stand in the text as it was, whatever it is written in and whatever normalization did."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings

from anyglot.errors import UserError
from anyglot.text.offsets import aligned, check_found, widened, within
from anyglot.text.protocols import TextTokenizer
from support.tiny_tokenizers import LINES, WORDS, bert, fast, m2m, plain, sentencepiece, texts

TOKENIZERS: dict[str, Callable[[], TextTokenizer]] = {
    "sentencepiece": sentencepiece,
    "fast": fast,
    "bert": bert,
    "slow": m2m,
}


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=120, deadline=None)
@given(text=texts)
@example(text="a\x00b\nc \ud800\udc00 😀é ")
@example(text="  das  Haus ist ﬁn ﷺ")
@example(text="▁the")
def test_ids_are_encodes_and_offsets_run_through_the_text(name: str, text: str) -> None:
    tokenizer = TOKENIZERS[name]()
    [(ids, offsets)] = tokenizer.encode_with_offsets([text])
    assert ids == tokenizer.encode([text])[0] and len(offsets) == len(ids)
    last = 0, 0
    for start, end in offsets:
        assert 0 <= start <= end <= len(text)
        assert last[0] <= start and last[1] <= end
        last = start, end


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_batch_is_its_texts_one_by_one(name: str) -> None:
    tokenizer = TOKENIZERS[name]()
    batch = ["das alte Haus", "", "บ้าน หลัง", "古い家は川の近く", "\ud800 x"]
    assert tokenizer.encode_with_offsets(batch) == [tokenizer.encode_with_offsets([text])[0] for text in batch]
    assert tokenizer.encode_with_offsets([]) == []


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize(
    "text", [*LINES[:-1], LINES[6].replace(" ", ""), "  das   Haus\u3000Straße  ", "größer gro\u0308ßer"]
)
def test_a_known_piece_is_spelt_as_its_characters(name: str, text: str) -> None:
    """Up to case, accents' composition and the marks of word boundaries."""
    tokenizer = TOKENIZERS[name]()
    [(ids, offsets)] = tokenizer.encode_with_offsets([text])
    seen = 0
    for id, piece, (start, end) in zip(ids, tokenizer.pieces(ids), offsets, strict=True):
        content = plain(piece.strip("▁").removeprefix("##"))
        if content and id != tokenizer.unknown_id:
            assert content == plain(text[start:end])
            seen += 1
    assert seen > 0


@pytest.mark.parametrize("name", ["sentencepiece", "fast", "slow"])
def test_every_character_of_a_known_text_is_in_a_token(name: str) -> None:
    text = " ".join(WORDS)
    [(_, offsets)] = TOKENIZERS[name]().encode_with_offsets([text])
    covered = {index for start, end in offsets for index in range(start, end)}
    assert {index for index, letter in enumerate(text) if letter != " "} <= covered


def test_pieces_of_one_character_share_its_offsets() -> None:
    pieces, raw = ["▁", "f", "i", "▁", "n"], [(0, 0), (0, 0), (0, 1), (1, 2), (2, 3)]
    assert widened(pieces, raw) == [(0, 0), (0, 1), (0, 1), (1, 2), (2, 3)]
    text = "x ﷺ y"
    [(_, offsets)] = sentencepiece().encode_with_offsets([text])
    assert (2, 3) in offsets and all(start < end for start, end in offsets[1:])


def test_marks_that_a_tokenizer_drops_stay_with_their_letter() -> None:
    """Of BERT's uncased tokenizers, which drop vowel signs of Thai and Hindi with the accents."""
    text = "อยู่ है e\u0301"
    [(_, offsets)] = bert().encode_with_offsets([text])
    assert "".join(text[start:end] for start, end in offsets) == text.replace(" ", "")


def test_whatever_a_library_gives_is_put_in_order() -> None:
    assert within([(2, 1), (0, 9), (-4, 3)], 5) == [(2, 2), (2, 5), (2, 5)]
    assert within([], 5) == []


def test_pieces_are_looked_for_behind_an_unknown_one() -> None:
    offsets, known, lost = aligned("Größe 漢字 Haus x", ["▁", "grö", "##ße", None, "▁Haus", "zzz", "▁x"])
    assert offsets == [(0, 0), (0, 3), (3, 5), (5, 9), (9, 13), (13, 14), (14, 15)]
    assert (known, lost) == (5, 1)


def test_tokens_that_are_spelt_otherwise_are_refused() -> None:
    _, known, lost = aligned("房子", ["æ", "Ī", "¿"])
    with pytest.raises(UserError, match="3 of 3 are spelt otherwise"):
        check_found(known, lost)
    check_found(0, 0)
    check_found(4, 2)

"""Any bytes make one clean line; a line too long is cut without losing a character that is not a space."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.text.lines import check_length, clean, read_line
from anyglot.text.sentences import halve, joiner, split_sentences, split_to_fit

TEXT = st.text(max_size=200)


@given(st.binary(max_size=200))
def test_any_bytes_are_one_line(raw: bytes) -> None:
    line = read_line(raw)
    assert len(line.text.splitlines()) <= 1
    assert line.text == line.text.strip()
    line.text.encode("utf-8")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        assert line.damaged and "\ufffd" in line.text
    else:
        assert not line.damaged


@given(st.text(alphabet=st.characters(), max_size=100))
def test_clean_is_idempotent(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a\x00b", "a b"),
        (b"a\x0bb\x0cc\rd\x1ee\x85f".replace(b"\x85", "\x85".encode()), "a b c d e f"),
        ("a\u2028b\u2029c".encode(), "a b c"),
        ("\ufeffHallo".encode(), "Hallo"),
        (b"caf\xe9", "caf\ufffd"),
        (b" \t ", ""),
        ("नमस्\u200dते".encode(), "नमस्\u200dते"),
    ],
)
def test_what_becomes_of_odd_characters(raw: bytes, text: str) -> None:
    assert read_line(raw).text == text


def test_lone_surrogates_are_replaced() -> None:
    assert clean("a\ud800b").encode("utf-8")


def test_the_limit_counts_characters_and_names_the_line() -> None:
    check_length("ж".encode() * 10, 3, 10)
    with pytest.raises(UserError, match=r"line 3 has 11 characters, more than the limit of 10"):
        check_length("ж".encode() * 11, 3, 10)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("approx. ten houses. The end", ["approx. ten houses.", "The end"]),
        ("Version 3.11 is out. Yes.", ["Version 3.11 is out.", "Yes."]),
        ("这是一。那是二！三？", ["这是一。", "那是二！", "三？"]),
        ("「はい。」と言った。終わり。", ["「はい。」", "と言った。", "終わり。"]),
        ("यह एक है। वह दो है।", ["यह एक है।", "वह दो है।"]),
        ("Wirklich?! „Ja.“ Gut …", ["Wirklich?!", "„Ja.“", "Gut …"]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(text=TEXT, limit=st.integers(1, 30))
def test_pieces_fit_and_nothing_is_lost(text: str, limit: int) -> None:
    pieces = split_to_fit(text, lambda texts: [len(piece) <= limit for piece in texts])
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert _dense("".join(pieces)) == _dense(text)


@given(text=st.text(alphabet="ab ,.。", max_size=80), limit=st.integers(3, 20))
def test_pieces_of_sentences_fit(text: str, limit: int) -> None:
    pieces = split_to_fit(text, lambda texts: [len(piece) <= limit for piece in texts])
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert _dense("".join(pieces)) == _dense(text)


def test_cuts_prefer_commas_then_spaces_and_keep_marks_on_their_letters() -> None:
    assert halve("the red house, the small green door") == ["the red house,", "the small green door"]
    assert halve("the red house the small green door") == ["the red house the", "small green door"]
    assert halve("abcdef") == ["abc", "def"]
    assert halve("abc\u0301def") == ["abc\u0301", "def"]
    assert halve("a") == ["a"]


def test_a_hundred_thousand_characters_are_cut_quickly() -> None:
    calls = 0

    def fits(texts: list[str]) -> list[bool]:
        nonlocal calls
        calls += len(texts)
        return [len(piece) <= 100 for piece in texts]

    pieces = split_to_fit("x" * 100_000, fits)
    assert "".join(pieces) == "x" * 100_000
    assert calls < 5 * len(pieces)


def test_what_joins_pieces() -> None:
    assert [joiner(code) for code in ("en", "zh", "zh-Hant", "ja", "th", "ko")] == [" ", "", "", "", "", " "]


def _dense(text: str) -> str:
    return re.sub(r"\s", "", text)

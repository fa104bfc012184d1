"""What a user reads of a mistake: one sentence that a terminal can show, whatever the input held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyglot.errors import UserError


@pytest.mark.parametrize(
    "key", ["a" * 9_000, "a\x1cb" * 5_000, "\x85" * 5_000, "\u2028x" * 5_000], ids=["plain", "1c", "85", "2028"]
)
def test_a_damaged_word_is_cut_whatever_it_is_made_of(key: str) -> None:
    """Separators that count as spaces were written out after long words had been looked for: 20,003 characters."""
    told = str(UserError(f"'{key}' is no override; write key=value."))
    assert len(told) < 300 and told.endswith("write key=value.")


@given(st.text(max_size=50), st.integers(1, 1_000))
def test_no_sentence_is_longer_than_twenty_thousand_characters(text: str, times: int) -> None:
    told = str(UserError(f"{text} " * times))
    assert len(told) <= 20_000 and not any(character in told for character in "\x00\x1b\x1c\x7f\x85\u2028\u202e")

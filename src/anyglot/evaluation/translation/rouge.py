"""ROUGE-L (Lin, 2004): how much of the words two sentences have in common in the same order.

Of a sentence it is the F-score, precision and recall alike, of their longest common subsequence of words; of a set the
mean of its sentences, as rouge-score computes it. Words are told apart by Unicode, where rouge-score's own rule knows
the letters a to z alone and so gives identical Hindi sentences 0.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Sequence

VERSION = "1"
# Scripts written without spaces, by the first word of their characters' names; each character is a word.
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")


def rouge_l(hypothesis: str, reference: str) -> float:
    """ROUGE-L of one sentence, 0 to 100; two sentences without a word have none in common: 0."""
    first, second = words(hypothesis), words(reference)
    common = longest_common(first, second)
    return 200.0 * common / (len(first) + len(second)) if common else 0.0


def words(text: str) -> list[str]:
    """Runs of letters, marks and digits in lower case; of scripts without spaces each letter with its marks."""
    found: list[str] = []
    before = ""  # what the last character was: "", "word" or "alone"
    for character in unicodedata.normalize("NFC", text).lower():
        kind = unicodedata.category(character)[0]
        if kind not in "LMN":
            before = ""
            continue
        if kind == "M" and before:
            found[-1] += character
            continue
        alone = unicodedata.name(character, "").startswith(_WITHOUT_SPACES)
        if before == "word" and not alone:
            found[-1] += character
        else:
            found.append(character)
        before = "alone" if alone else "word"
    return found


def longest_common(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence.

    A row of the usual table at a time, as bits of one number (Hyyrö, 2004): a bit is 0 where the length grows.
    """
    full = (1 << len(first)) - 1
    places: dict[Hashable, int] = {}
    for number, item in enumerate(first):
        places[item] = places.get(item, 0) | 1 << number
    row = full
    for item in second:
        matched = row & places.get(item, 0)
        row = (row + matched | row - matched) & full
    return len(first) - row.bit_count()

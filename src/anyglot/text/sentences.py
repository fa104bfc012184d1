"""Lines too long for a model: into sentences, then at commas, at whitespace, at last between characters."""

import re
import unicodedata
from collections.abc import Callable, Sequence

# Marks that end a sentence only before whitespace: Latin, Arabic, Urdu, Armenian, Ethiopic, Devanagari.
_SPACED_END = r"[.!?…؟۔։።।॥]+[\"'“”’»)\]]*(?=\s)"
# Marks that always do: Chinese and Japanese write no space after them.
_FULL_WIDTH_END = r"[。！？｡]+[」』”’）】》]*"
_SENTENCE_END = re.compile(f"(?:{_SPACED_END}|{_FULL_WIDTH_END})\\s*")
_CLAUSE_END = re.compile(r"[,;:،؛](?=\s)|[，、；：]|(?<=\s)[–—](?=\s)")
_WHITESPACE = re.compile(r"\s+")

# Languages written without spaces between sentences.
_UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my", "yue", "bo", "dz"})
_UNSPACED_ISO3 = frozenset({"zho", "cmn", "jpn", "tha", "lao", "khm", "mya", "yue", "bod", "dzo"})


def joiner(language: str) -> str:
    """What stands between the translated pieces of a line: nothing in Chinese, Japanese, Thai and their like."""
    return "" if re.split("[-_]", language)[0] in _UNSPACED | _UNSPACED_ISO3 else " "


def split_sentences(text: str) -> list[str]:
    """Cut a text after its sentences. A full stop before a lower-case word ends none (`approx. ten`)."""
    pieces: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        if "." in match.group() and text[end : end + 1].islower():
            continue
        pieces.append(text[start:end].strip())
        start = end
    pieces.append(text[start:].strip())
    return [piece for piece in pieces if piece]


def split_to_fit(text: str, fits: Callable[[Sequence[str]], list[bool]]) -> list[str]:
    """Cut a text into pieces the model takes: at sentence ends, and what is still too long in halves.

    Args:
        text: One line.
        fits: Says of each text whether the model takes it whole.

    Returns:
        At least one piece for a text that is not blank. A single character always counts as fitting.
    """
    pieces = split_sentences(text)
    fitting = fits(pieces)
    while not all(fitting):
        parts: list[str] = []
        known: list[bool] = []
        for piece, whole in zip(pieces, fitting, strict=True):
            halves = [piece] if whole else halve(piece)
            parts += halves
            known += [whole or len(halves) == 1] * len(halves)
        unsure = [index for index, sure in enumerate(known) if not sure]
        for index, verdict in zip(unsure, fits([parts[index] for index in unsure]), strict=True):
            known[index] = verdict
        pieces, fitting = parts, known
    return pieces


def halve(text: str) -> list[str]:
    """Cut a text near its middle: at a clause mark, else at whitespace, else between two characters.

    Marks count only in the middle half, so both parts shrink by a quarter at least. A combining mark is not torn from
    its letter. A single character comes back as it is.
    """
    length = len(text)
    if length < 2:
        return [text]
    low, high = length // 4, length - length // 4
    for pattern in (_CLAUSE_END, _WHITESPACE):
        ends = [match.end() for match in pattern.finditer(text, low, high)]
        halves = _cut(text, min(ends, key=lambda end: abs(2 * end - length))) if ends else []
        if len(halves) == 2:
            return halves
    middle = length // 2
    while middle < length - 1 and _continues(text[middle]):
        middle += 1
    return _cut(text, middle)


def _cut(text: str, place: int) -> list[str]:
    return [part for part in (text[:place].strip(), text[place:].strip()) if part]


def _continues(character: str) -> bool:
    """Whether the character belongs to the one before it: combining marks, joiners, variation selectors."""
    return unicodedata.category(character).startswith("M") or character in "\u200c\u200d"

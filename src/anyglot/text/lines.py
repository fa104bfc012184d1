"""From any bytes to one clean line of text, and never to two."""

import unicodedata
from dataclasses import dataclass

from anyglot.errors import UserError

MAX_CHARACTERS = 200_000
REPLACEMENT = "\ufffd"

_SPACE = {
    code: " " for code in range(0x110) if unicodedata.category(chr(code)) == "Cc"
}  # NUL, tabs, carriage returns, ...
_CLEANING: dict[int, str | None] = {**_SPACE, 0x2028: " ", 0x2029: " ", 0xFEFF: None}


@dataclass(frozen=True)
class Line:
    """A line as read: its clean text, and whether its bytes were not UTF-8."""

    text: str
    damaged: bool


def clean(text: str) -> str:
    """Put text on one line: control characters and Unicode's line and paragraph separators become spaces.

    Byte order marks go, lone surrogates become U+FFFD, outer whitespace is stripped.
    """
    if not text.isascii():
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _has_surrogate(text) else text
    return text.translate(_CLEANING).strip()


def _has_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def read_line(raw: bytes) -> Line:
    """Decode one line (without its newline); bytes that are not UTF-8 become U+FFFD."""
    try:
        return Line(clean(raw.decode("utf-8")), damaged=False)
    except UnicodeDecodeError:
        return Line(clean(raw.decode("utf-8", "replace")), damaged=True)


def check_length(raw: bytes, number: int, max_characters: int) -> None:
    """Refuse a line with more than `max_characters` characters.

    Args:
        raw: The line's bytes.
        number: What the line is called in the message, from 1.
        max_characters: The limit.
    """
    if len(raw) <= max_characters:
        return  # a character takes at least a byte
    characters = len(raw.decode("utf-8", "replace"))
    if characters > max_characters:
        raise too_long(number, characters, max_characters)


def too_long(number: int, characters: int, max_characters: int) -> UserError:
    """The error for a line over the limit."""
    return UserError(
        f"line {number} has {characters:,} characters, more than the limit of {max_characters:,}: "
        "split it, or raise max_characters."
    )

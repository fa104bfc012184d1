"""Scripts by Unicode's script property: what a character, a token or a language is written in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

import regex

from anyglot.errors import UserError
from anyglot.text.languages import language

# ISO 15924 code -> Unicode's name: the scripts of all languages this package knows, and a few more.
SCRIPTS = {
    "Latn": "Latin",
    "Cyrl": "Cyrillic",
    "Grek": "Greek",
    "Armn": "Armenian",
    "Geor": "Georgian",
    "Hebr": "Hebrew",
    "Arab": "Arabic",
    "Syrc": "Syriac",
    "Thaa": "Thaana",
    "Nkoo": "Nko",
    "Deva": "Devanagari",
    "Beng": "Bengali",
    "Guru": "Gurmukhi",
    "Gujr": "Gujarati",
    "Orya": "Oriya",
    "Taml": "Tamil",
    "Telu": "Telugu",
    "Knda": "Kannada",
    "Mlym": "Malayalam",
    "Sinh": "Sinhala",
    "Olck": "Ol_Chiki",
    "Thai": "Thai",
    "Laoo": "Lao",
    "Khmr": "Khmer",
    "Mymr": "Myanmar",
    "Tibt": "Tibetan",
    "Mong": "Mongolian",
    "Ethi": "Ethiopic",
    "Tfng": "Tifinagh",
    "Cher": "Cherokee",
    "Cans": "Canadian_Aboriginal",
    "Hani": "Han",
    "Hira": "Hiragana",
    "Kana": "Katakana",
    "Bopo": "Bopomofo",
    "Hang": "Hangul",
    "Yiii": "Yi",
}
# What ISO 15924 has one code for and Unicode several names.
_MIXED = {
    "Hans": ("Han", "Bopomofo"),
    "Hant": ("Han", "Bopomofo"),
    "Jpan": ("Han", "Hiragana", "Katakana"),
    "Kore": ("Hangul", "Han"),
}
OTHER = "Other"
_ANY = regex.compile("|".join(rf"(?P<{name}>\p{{Script={name}}})" for name in SCRIPTS.values()))
_NONE = regex.compile(r"\p{Script=Common}|\p{Script=Inherited}|\p{Script=Unknown}")


@cache
def script_of(character: str) -> str | None:
    """Unicode's name of a character's script; None for those of no script (digits, punctuation, combining accents).

    A script that is not in `SCRIPTS` is "Other".
    """
    if _NONE.fullmatch(character):
        return None
    found = _ANY.fullmatch(character)
    return OTHER if found is None else str(found.lastgroup)


def scripts_of(names: Iterable[str]) -> frozenset[str]:
    """Unicode's names of scripts given by name or ISO 15924 code, in any case.

    Raises:
        UserError: A script nobody knows.
    """
    found: set[str] = set()
    for name in names:
        wanted = name.strip().casefold().replace(" ", "_")
        for code, unicode_names in (*((code, (one,)) for code, one in SCRIPTS.items()), *_MIXED.items()):
            if wanted in (code.casefold(), *(each.casefold() for each in unicode_names if len(unicode_names) == 1)):
                found.update(unicode_names)
                break
        else:
            raise UserError(f"There is no script '{name}' here; known are {', '.join(SCRIPTS.values())}.")
    return frozenset(found)


def scripts_of_languages(codes: Sequence[str]) -> frozenset[str]:
    """The scripts languages are written in.

    Raises:
        UserError: A language nobody knows.
    """
    return scripts_of(language(code).script for code in codes)


@lru_cache(maxsize=1 << 20)
def is_written_in(text: str, scripts: frozenset[str]) -> bool:
    """Whether no character of the text belongs to another script than these."""
    return all((script := script_of(character)) is None or script in scripts for character in text)

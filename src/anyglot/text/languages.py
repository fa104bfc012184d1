"""One language, however it is spelt: ISO 639-1/-3, BCP-47, FLORES (deu_Latn), mBART (de_DE) or XLM-R's list."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache

import langcodes
from langcodes.data_dicts import LIKELY_SUBTAGS, MACROLANGUAGES

from anyglot.errors import UserError
from anyglot.runtime.arguments import text
from anyglot.text.language_table import (
    FLORES_ISO3,
    FLORES_SCRIPTS,
    FURTHER_CODES,
    MBART_CODES,
    OF_A_COUNTRY,
    OWN_SPELLINGS,
    SCRIPT_STYLES,
    SYNONYMS,
    USUAL_SCRIPTS,
    XLMR_CODES,
)

_SHAPE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,4}")
_NO_LANGUAGE = frozenset({"und", "mul", "mis", "zxx"})


@dataclass(frozen=True, order=True)
class Language:
    """A language and the script it is written in.

    Attributes:
        code: Canonical code: the shortest BCP-47 tag, with the script only where it is not the usual one (`de`, `zh`,
            `zh-Hant`, `ceb`). Countries are dropped: `pt_BR` and `pt` are one language here.
        name: English name.
        script: ISO 15924 code, such as `Latn`.
        iso3: ISO 639-3 code (the macrolanguage's where the canonical code names one).
    """

    code: str
    name: str
    script: str
    iso3: str

    @property
    def flores(self) -> str:
        """The code FLORES-200 and NLLB use, such as `deu_Latn`."""
        iso3 = FLORES_ISO3.get(self.code.partition("-")[0], self.iso3)
        return f"{iso3}_{FLORES_SCRIPTS.get(self.script, self.script)}"

    @property
    def mbart(self) -> str | None:
        """The language token of mBART-50, such as `de_DE`; None for a language mBART-50 has not seen."""
        return _mbart_codes().get(self.code)

    def __str__(self) -> str:
        return self.code


def language(code: str, *, names: bool = True) -> Language:
    """The language a code of any common scheme names, or its English name.

    Args:
        names: Whether a name such as "German" is taken; not where a word of a file's name may be one by chance.

    Raises:
        UserError: Nothing is known under this code; the sentence names the nearest known one. Or it is no text.
    """
    given = text("a language code", code)
    return _language((_names().get(given.strip().lower()) if names else None) or given)


@lru_cache(maxsize=4096)
def _language(code: str) -> Language:
    spelling = code.strip()
    if _SHAPE.fullmatch(spelling) is None:
        raise _unknown(code)
    # mBART's XX is no country; langcodes wants hyphens only by convention but refuses some underscored private parts.
    tag = OWN_SPELLINGS.get(spelling.lower(), spelling).replace("_", "-")
    tag = re.sub(r"-XX\b", "", tag, flags=re.IGNORECASE)
    try:
        parsed = langcodes.Language.get(tag)
        primary = SYNONYMS.get(parsed.language or "", parsed.language or "")
        if not primary or primary in _NO_LANGUAGE or not parsed.is_valid():
            raise _unknown(code)
        if (of_country := OF_A_COUNTRY.get((primary, parsed.territory or ""))) is not None:
            primary, name, usual_script = of_country
            iso3, territory = primary, None
        else:
            usual_script = _usual_script(primary)
            name = str(langcodes.Language.get(primary).language_name())
            iso3, territory = str(langcodes.Language.get(primary).to_alpha3()), parsed.territory
    except LookupError as error:  # includes langcodes' LanguageTagError
        raise _unknown(code) from error
    except ValueError as error:
        raise _unknown(code) from error
    if name.startswith("Unknown language"):
        raise _unknown(code)
    script = parsed.script or _script_in(primary, territory) or usual_script
    if script == "Hani" and usual_script in ("Hans", "Hant"):
        script = usual_script
    if usual_script in (script, SCRIPT_STYLES.get(script)):
        return Language(primary, name, usual_script, iso3)
    script = SCRIPT_STYLES.get(script, script)
    script_name = langcodes.Language.make(script=script).script_name()
    return Language(f"{primary}-{script}", f"{name} ({script_name})", script, iso3)


def _usual_script(primary: str) -> str:
    """The script a language is written in where none is named: a macrolanguage's where nobody knows its member's."""
    if primary in USUAL_SCRIPTS:
        return USUAL_SCRIPTS[primary]
    if primary not in LIKELY_SUBTAGS and primary in MACROLANGUAGES:
        return _usual_script(MACROLANGUAGES[primary])
    return str(langcodes.Language.get(primary).maximize().script or "Latn")


def _script_in(primary: str, territory: str | None) -> str | None:
    """The script a language is written in in a country, where one is known for just that country: zh-TW, pa-PK."""
    if territory is None or f"{primary}-{territory}" not in LIKELY_SUBTAGS:
        return None
    script = langcodes.Language.make(language=primary, territory=territory).maximize().script
    return None if script is None else str(script)


@cache
def known_languages() -> tuple[Language, ...]:
    """The languages of the checkpoints this package loads, by code. `language` accepts every other ISO 639 code too."""
    codes = {*XLMR_CODES, *FURTHER_CODES, *MBART_CODES}
    return tuple(sorted({_language(code) for code in codes}))


@cache
def _names() -> dict[str, str]:
    """English name in small letters -> code; a code that looks like another language's name stays a code."""
    found = {known.name.lower(): known.code for known in reversed(known_languages())}
    return {name: code for name, code in found.items() if _SHAPE.fullmatch(name) is None}


@cache
def _mbart_codes() -> dict[str, str]:
    return {_language(code).code: code for code in MBART_CODES}


def _unknown(code: str) -> UserError:
    """The error for a code that names nothing, with the nearest spelling that does."""
    spellings: dict[str, str] = {}
    for short in (*XLMR_CODES, *FURTHER_CODES):
        known = _language(short)
        for spelling in (known.name.lower(), known.flores.lower(), known.iso3, known.code.lower()):
            spellings[spelling] = f"'{known.code}' ({known.name})"
    wanted = code.strip().lower()
    near = get_close_matches(wanted, list(spellings), n=1, cutoff=0.6)
    near = near or get_close_matches(re.split(r"[_-]", wanted)[0], list(spellings), n=1, cutoff=0.5)
    hint = f"did you mean {spellings[near[0]]}?" if near else "`anyglot list languages` shows the known ones."
    return UserError(f"Unknown language code {code[:40]!r}: {hint}")

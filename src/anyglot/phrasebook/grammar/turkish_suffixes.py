"""How Turkish suffixes attach: vowel harmony, voicing, buffers and the apostrophe; nouns in six cases, verbs.

What the rules cannot tell the lexicon gives: `soft`, the stem before a vowel (kurt, kurd-; şehir, şehr-), `say`, how
a foreign word is spoken where it is not spelt so (Google, gugıl), `harmony=front` (saat, saati), `compound=yes` for
nouns that end in the possessive (buzdolabı, buzdolabında) with their `plural`, `accusative` and `plural_accusative`
for what is washed as one's own (ellerini), and `aorist=high` for verbs (alır).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Case = Literal["nominative", "accusative", "dative", "locative", "ablative", "genitive"]

VOWELS = "aıoueiöüâ"
BACK = "aıouâ"
ROUNDED = "ouöü"
VOICELESS = "fstkçşhpx"
SOFTENED = {"k": "ğ", "p": "b", "ç": "c"}  # t, too, but only in some words: those the lexicon has


class Conjugation(NamedTuple):
    """The third person of a verb; each pair is affirmative and negative."""

    progressive: tuple[str, str]
    past_progressive: tuple[str, str]
    aorist: tuple[str, str]
    past: tuple[str, str]


def last_vowel(word: str) -> str:
    """The vowel that harmony looks back to."""
    return next((letter for letter in reversed(word.lower()) if letter in VOWELS), "e")


def low(word: str) -> str:
    """The vowel of a low suffix: a or e."""
    return "a" if last_vowel(word) in BACK else "e"


def high(word: str) -> str:
    """The vowel of a high suffix: ı, i, u or ü."""
    vowel = last_vowel(word)
    if vowel in BACK:
        return "u" if vowel in ROUNDED else "ı"
    return "ü" if vowel in ROUNDED else "i"


def ends_in_vowel(word: str) -> bool:
    """Whether a vowel suffix needs a buffer."""
    return word[-1].lower() in VOWELS


def stop(word: str) -> str:
    """The first consonant of the suffixes in d: t after a voiceless consonant."""
    return "t" if word[-1].lower() in VOICELESS else "d"


def syllables(word: str) -> int:
    """Every vowel is a syllable."""
    return sum(1 for letter in word.lower() if letter in VOWELS)


def softened(noun: str) -> str:
    """The stem before a vowel: kitap, kitab-; çocuk, çocuğ-; words of one syllable keep their consonant."""
    if noun[-1] in SOFTENED and noun[-2] in VOWELS and syllables(noun) > 1:
        return noun[:-1] + SOFTENED[noun[-1]]
    return noun


def was(word: str) -> str:
    """The past of a predicate: eskiydi, yorgundu, açtı."""
    return word + ("y" if ends_in_vowel(word) else "") + stop(word) + high(word)


def decline(lemma: str, features: Mapping[str, str], proper: bool) -> tuple[dict[Case, str], dict[Case, str]]:
    """The case forms in the singular and in the plural; proper names have no plural but an apostrophe."""
    if features.get("compound"):
        return _compound_forms(lemma), _compound_forms(features.get("plural", lemma))
    if proper:
        spoken = features.get("say", lemma)
        suffixes = _case_suffixes(spoken, spoken, spoken)
        return {case: f"{lemma}'{suffix}" if suffix else lemma for case, suffix in suffixes.items()}, {}
    soft = features.get("soft") or softened(lemma)
    model = "e" if features.get("harmony") == "front" else soft
    hard = _case_suffixes(lemma, soft, model)
    singular: dict[Case, str] = {
        case: (soft if suffix and (suffix[0] in VOWELS) else lemma) + suffix for case, suffix in hard.items()
    }
    many = lemma + ("ler" if low(model) == "e" else "lar")
    plural: dict[Case, str] = {case: many + suffix for case, suffix in _case_suffixes(many, many, many).items()}
    singular["accusative"] = features.get("accusative", singular["accusative"])
    plural["accusative"] = features.get("plural_accusative", plural["accusative"])
    return singular, plural


def conjugate(lemma: str, features: Mapping[str, str]) -> Conjugation:
    """The forms of a verb from its infinitive, which may be of two words (yardım etmek)."""
    light, _, infinitive = lemma.rpartition(" ")
    stem = infinitive[:-3]
    soft = features.get("soft") or (stem[:-1] + "d" if stem.endswith("et") else stem)
    if ends_in_vowel(stem):
        kept = stem[:-1]
        progressive = (kept + high(kept) if syllables(kept) else stem[:-1] + "i") + "yor"
        aorist = stem + "r"
    else:
        progressive = soft + high(soft) + "yor"
        takes_low = soft != stem or (syllables(stem) == 1 and features.get("aorist") != "high")
        aorist = soft + (low(soft) if takes_low else high(soft)) + "r"
    vowel = low(stem)
    denied = stem + "m" + high(stem) + "yor"
    past = stem + stop(stem) + high(stem)
    forms = Conjugation(
        (progressive, denied),
        (progressive + "du", denied + "du"),
        (aorist, f"{stem}m{vowel}z"),
        (past, f"{stem}m{vowel}d{high(vowel)}"),
    )
    if not light:
        return forms
    return Conjugation(*((f"{light} {said}", f"{light} {denied}") for said, denied in forms))


def _case_suffixes(hard: str, soft: str, model: str) -> dict[Case, str]:
    """The suffixes by case; `hard` is what precedes a consonant, `soft` a vowel, `model` gives the harmony."""
    buffered = ends_in_vowel(soft)
    consonant, narrow, broad = stop(hard), high(model), low(model)
    return {
        "nominative": "",
        "accusative": ("y" if buffered else "") + narrow,
        "dative": ("y" if buffered else "") + broad,
        "locative": consonant + broad,
        "ablative": consonant + broad + "n",
        "genitive": ("n" if buffered else "") + narrow + "n",
    }


def _compound_forms(possessed: str) -> dict[Case, str]:
    """A possessive puts n before every case: buzdolabını, buzdolabında."""
    narrow, broad = high(possessed), low(possessed)
    return {
        "nominative": possessed,
        "accusative": possessed + "n" + narrow,
        "dative": possessed + "n" + broad,
        "locative": possessed + "nd" + broad,
        "ablative": possessed + "nd" + broad + "n",
        "genitive": possessed + "n" + narrow + "n",
    }

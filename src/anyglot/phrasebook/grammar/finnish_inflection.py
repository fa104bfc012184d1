"""How Finnish words inflect: vowel harmony, consonant gradation, nouns and adjectives in nine cases, verbs.

What the rules cannot tell is given as principal parts, by name: `genitive`, `partitive`, `illative`, `plural` (the
partitive plural), `strong` (the vowel stem in the strong grade) and `plural_weak` (the plural stem of the local
cases) of nominals, `stem`, `past`, `negative` and `participle` of verbs; `gradation=no` and `harmony=front` correct
the rules themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Case = Literal[
    "nominative", "genitive", "partitive", "inessive", "elative", "illative", "adessive", "ablative", "allative"
]
# The cases built on the weak stem, with the ending (a becomes ä by harmony).
WEAK_CASE_ENDINGS: dict[Case, str] = {
    "inessive": "ssa",
    "elative": "sta",
    "adessive": "lla",
    "ablative": "lta",
    "allative": "lle",
}
VOWELS = "aeiouyäö"
# The strong consonants before the last vowel and what they become when the last syllable closes.
GRADATION = {
    "kk": "k",
    "pp": "p",
    "tt": "t",
    "mp": "mm",
    "nt": "nn",
    "nk": "ng",
    "lt": "ll",
    "rt": "rr",
    "ht": "hd",
}
SINGLE_GRADATION = {"t": "d", "p": "v", "k": ""}
UNGRADED_AFTER = frozenset("sthdcbgf")  # juusto, itkeä, Delhi: nothing changes after these
BY_HARMONY = str.maketrans("aou", "äöy")


class Nominal(NamedTuple):
    """A noun, name or adjective in all cases."""

    singular: Mapping[Case, str]
    plural: Mapping[Case, str]


class Conjugation(NamedTuple):
    """The forms of a verb; each pair is singular and plural, third person."""

    present: tuple[str, str]
    past: tuple[str, str]
    negative: str  # after ei in the present
    participle: tuple[str, str]  # after ei in the past


def is_front(word: str) -> bool:
    """Vowel harmony: the last vowel that is not neutral decides, which is that of the last part of a compound."""
    for letter in reversed(word.lower()):
        if letter in "aou":
            return False
        if letter in "äöy":
            return True
    return True


def weakened(stem: str) -> str:
    """A stem that ends in a single vowel, in the weak grade: katu, kadu; lintu, linnu; kokki, koki."""
    if len(stem) < 3 or stem[-2] in VOWELS:
        return stem
    before, vowel = stem[:-1], stem[-1]
    if before[-2:] in GRADATION:
        return before[:-2] + GRADATION[before[-2:]] + vowel
    if before[-1] in SINGLE_GRADATION and before[-2].lower() not in UNGRADED_AFTER:
        return before[:-1] + SINGLE_GRADATION[before[-1]] + vowel
    return stem


def syllables(word: str) -> int:
    """The number of vowel groups, which is near enough: the rules only ask whether there are more than two."""
    return sum(1 for i, letter in enumerate(word) if letter in VOWELS and (i == 0 or word[i - 1] not in VOWELS))


def ends_long(stem: str) -> bool:
    """Whether the stem ends in a long vowel: huonee-, puu-."""
    return len(stem) > 1 and stem[-1] == stem[-2] and stem[-1] in VOWELS


def decline(lemma: str, features: Mapping[str, str]) -> Nominal:
    """All case forms of a nominal."""
    front = features.get("harmony") == "front" or is_front(lemma)
    strong, weak = _vowel_stems(lemma, features)
    partitive = features.get("partitive") or _harmonised(*_partitive(lemma, strong, features), front)
    singular: dict[Case, str] = {
        "nominative": lemma,
        "genitive": weak + "n",
        "partitive": partitive,
        "illative": features.get("illative") or _illative(strong),
    }
    many = features.get("plural") or _harmonised(*_partitive_plural(lemma, strong, weak), front)
    plural_weak = features.get("plural_weak") or _plural_weak(many, features.get("gradation") != "no")
    plural: dict[Case, str] = {
        "nominative": weak + "t",
        "genitive": features.get("genitive_plural") or _genitive_plural(many),
        "partitive": many,
        "illative": _illative_plural(many, singular["illative"]),
    }
    for case, ending in WEAK_CASE_ENDINGS.items():
        singular[case] = _harmonised(weak, ending, front)
        plural[case] = _harmonised(plural_weak, ending, front)
    return Nominal(singular, plural)


def conjugate(lemma: str, features: Mapping[str, str]) -> Conjugation:
    """The verb forms that the phrasebook needs, by the four common types of the infinitive."""
    front = is_front(lemma)
    before = lemma[:-2]
    doubled = False  # whether the third person singular just is the stem: syö, avaa
    if lemma[-2] in VOWELS:  # nukkua
        stem = features.get("stem") or lemma[:-1]
        negative, past, participle = weakened(stem), _past(stem), stem + _harmonised("", "n", front)
    elif lemma[-2] == "d":  # syödä
        stem, doubled = features.get("stem") or before, before[-1] in VOWELS
        negative, past, participle = weakened(stem), _diphthong_past(stem), before + "n"
    elif lemma[-3:-1] == "st" or lemma[-2] == lemma[-3]:  # pestä, tulla
        stem = features.get("stem") or before + "e"
        negative, past = stem, stem[:-1] + "i"
        participle = before + ("s" if lemma[-2] == "t" else lemma[-2])
    else:  # avata, siivota
        short = features.get("stem") or before
        stem = _harmonised(short, "a", front)
        doubled = ends_long(stem)
        negative, past, participle = stem, short + "si", before + "nn"
    negative = features.get("negative") or negative
    past = features.get("past") or past
    singular = features.get("participle") or _harmonised(participle, "ut", front)
    vat = _harmonised("", "vat", front)
    present = stem if doubled else stem + stem[-1]
    return Conjugation((present, stem + vat), (past, past + vat), negative, (singular, singular[:-2] + "eet"))


def _harmonised(stem: str, ending: str, front: bool) -> str:
    return stem + (ending.translate(BY_HARMONY) if front else ending)


def _vowel_stems(lemma: str, features: Mapping[str, str]) -> tuple[str, str]:
    """The vowel stems in the strong and the weak grade."""
    genitive = features.get("genitive")
    if genitive:
        weak = genitive[:-1]
        if lemma[-1] not in VOWELS:
            return weak, weak
        strong = lemma[:-1] + "e" if lemma[-1] == "i" and weak[-1] == "e" else lemma
        return features.get("strong") or strong, weak
    if lemma.endswith("nen"):
        return lemma[:-3] + "se", lemma[:-3] + "se"
    if lemma[-1] == "e" and not ends_long(lemma):
        return lemma + "e", lemma + "e"
    if lemma[-1] not in VOWELS:  # foreign: Madrid, Madridin
        return lemma + "i", lemma + "i"
    return lemma, lemma if features.get("gradation") == "no" else weakened(lemma)


def _partitive(lemma: str, strong: str, features: Mapping[str, str]) -> tuple[str, str]:
    """Stem and ending of the partitive singular."""
    if lemma.endswith("nen"):
        return lemma[:-3] + "s", "ta"
    if lemma[-1] not in VOWELS:
        return (lemma, "ta") if features.get("genitive") else (lemma + "i", "a")
    if strong == lemma + "e":
        return lemma, "tta"
    if lemma[-1] == "i" and strong[-1] == "e" and strong[-2] in "lrnh":
        return strong[:-1], "ta"
    if ends_long(lemma) or lemma[-2:] in ("io", "iö", "eo", "oi"):
        return lemma, "ta"
    return strong, "a"


def _illative(strong: str) -> str:
    if not ends_long(strong):
        return strong + strong[-1] + "n"
    return strong + ("seen" if syllables(strong) > 1 else f"h{strong[-1]}n")


def _illative_plural(partitive: str, singular: str) -> str:
    """Taloihin, koiriin, museoihin, huoneisiin."""
    if partitive[-3:-1] == "it":
        return partitive[:-2] + ("siin" if singular.endswith("seen") else "hin")
    return partitive[:-2] + "ihin" if partitive[-2] == "j" else partitive[:-1] + "in"


def _partitive_plural(lemma: str, strong: str, weak: str) -> tuple[str, str]:
    """Stem and ending of the partitive plural."""
    last = strong[-1]
    if ends_long(strong) or strong[-2:] in ("ye", "ea", "eä"):
        return strong[:-1], "ita"
    if last == "e":
        if lemma[-1] == "e":  # nukkeja
            return strong, "ja"
        return (lemma, "a") if lemma[-1] == "i" else (strong[:-1], "ia")
    if last == "i":
        worn = syllables(strong) > 2 and strong[-2] == "r" and not ends_long(strong[:-2])  # naapureita, insinöörejä
        return strong[:-1] + "e", "ita" if worn else "ja"
    if last in "aä":
        if strong[-3:] in ("ija", "ijä"):
            return strong[:-1], "oita"
        if syllables(strong) > 2:
            return (weak[:-1], "oita") if strong[-3:] in ("kka", "kkä") else (strong[:-1], "ia")
        first = next(letter for letter in strong.lower() if letter in VOWELS)
        return strong[:-1], "oja" if last == "a" and first in "aei" else "ia"
    if strong[-2] in "ie":
        return strong, "ita"
    return (weak, "ita") if strong.endswith("kko") and syllables(strong) > 2 else (strong, "ja")


def _plural_weak(partitive: str, graded: bool) -> str:
    """The plural stem of the local cases: laseja, lasei-; tyttöjä, tytöi-; koiria, koiri-; huoneita, huonei-."""
    if partitive[-3:-1] == "it":
        return partitive[:-2]
    if partitive[-2] == "j":
        stem = partitive[:-2]
        return (weakened(stem) if graded else stem) + "i"
    return weakened(partitive[:-1]) if graded else partitive[:-1]


def _genitive_plural(partitive: str) -> str:
    if partitive[-3:-1] == "it":
        return partitive[:-2] + "den"
    return partitive[:-3] + "ien" if partitive[-3:-1] == "ej" else partitive[:-1] + "en"


def _past(stem: str) -> str:
    """The past of a stem with a short last vowel: nukkui, luki, antoi, osti."""
    if stem[-1] in "ouyö":
        return stem + "i"
    first = next(letter for letter in stem if letter in VOWELS)
    rounded = stem[-1] == "a" and first == "a" and syllables(stem) == 2
    return stem[:-1] + ("oi" if rounded else "i")


def _diphthong_past(stem: str) -> str:
    """The past of a one-syllable stem: joi, söi, myi, ui."""
    if stem[-1] == "i":
        return stem
    return stem[:-2] + stem[-1] + "i"

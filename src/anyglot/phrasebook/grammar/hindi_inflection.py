"""Hindi inflection: nouns in two cases and numbers, adjectives in -ा, participles that agree in gender and number."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from anyglot.phrasebook.lexicon import Entry

IRREGULAR_PERFECTIVES = {
    "जा": ("गया", "गए", "गई", "गईं"),
    "कर": ("किया", "किए", "की", "कीं"),
    "दे": ("दिया", "दिए", "दी", "दीं"),
    "ले": ("लिया", "लिए", "ली", "लीं"),
    "पी": ("पिया", "पिए", "पी", "पीं"),
}


class Agreement(NamedTuple):
    """What an adjective or a participle agrees with."""

    feminine: bool
    plural: bool


MASCULINE_SINGULAR = Agreement(False, False)


class NounForms(NamedTuple):
    """The last word of a noun: direct and oblique, singular and plural."""

    direct: str
    oblique: str
    direct_plural: str
    oblique_plural: str


def noun_forms(entry: Entry) -> NounForms:
    """The declension by gender and ending; what the entry gives goes before the rule."""
    word = entry.lemma.rpartition(" ")[2]
    if entry.proper or "product" in entry.traits:
        return NounForms(word, word, word, word)
    feminine = entry["gender"] == "f"
    oblique, plural, oblique_plural = word, word, word + "ों"
    if word.endswith(("ी", "ई")):
        short = word[:-1] + ("ि" if word.endswith("ी") else "इ")
        plural, oblique_plural = (short + "याँ" if feminine else word), short + "यों"
    elif word.endswith("ू"):
        oblique_plural = word[:-1] + "ुओं"
    elif word.endswith("ा") and feminine:
        plural, oblique_plural = word + "एँ", word + "ओं"
    elif word.endswith("ा"):
        oblique = plural = word[:-1] + "े"
        oblique_plural = word[:-1] + "ों"
    elif word.endswith("ो"):
        oblique_plural = word
    elif word.endswith(("ु", "ँ")):
        oblique_plural = word + "ओं"
    elif feminine:
        plural = word + "ें"
    return NounForms(
        word,
        entry.get("oblique", oblique),
        entry.get("plural", plural),
        entry.get("oblique_plural", oblique_plural),
    )


@lru_cache(maxsize=2048)
def adjective_form(lemma: str, feminine: bool, other_than_direct_singular: bool) -> str:
    """छोटा, छोटे, छोटी; नया, नए, नई; of two words (थका हुआ) each; the rest does not inflect."""
    words = []
    for word in lemma.split():
        if word.endswith(("या", "आ")):
            stem = word.removesuffix("या") if word.endswith("या") else word[:-1]
            word = stem + "ई" if feminine else (stem + "ए" if other_than_direct_singular else word)
        elif word.endswith("ा"):
            word = word[:-1] + "ी" if feminine else (word[:-1] + "े" if other_than_direct_singular else word)
        words.append(word)
    return " ".join(words)


@lru_cache(maxsize=1024)
def perfective(stem: str, agreement: Agreement) -> str:
    """देखा, देखे, देखी, देखीं; after a vowel खाया, खाए, खाई, खाईं."""
    position = 2 * agreement.feminine + agreement.plural
    if stem in IRREGULAR_PERFECTIVES:
        return IRREGULAR_PERFECTIVES[stem][position]
    after_vowel = stem.endswith(("ा", "ो", "आ", "ए"))
    return stem + (("या", "ए", "ई", "ईं") if after_vowel else ("ा", "े", "ी", "ीं"))[position]


@lru_cache(maxsize=1024)
def imperfective(stem: str, agreement: Agreement, alone: bool = False) -> str:
    """देखता, देखते, देखती; without a copula after it the feminine plural is nasal: देखतीं."""
    if agreement.feminine:
        return stem + ("तीं" if agreement.plural and alone else "ती")
    return stem + ("ते" if agreement.plural else "ता")


def continuous(agreement: Agreement) -> str:
    """रहा, रहे, रही."""
    return "रही" if agreement.feminine else ("रहे" if agreement.plural else "रहा")


def copula(agreement: Agreement, past: bool) -> str:
    """है, हैं; था, थे, थी, थीं."""
    if not past:
        return "हैं" if agreement.plural else "है"
    return ("था", "थे", "थी", "थीं")[2 * agreement.feminine + agreement.plural]

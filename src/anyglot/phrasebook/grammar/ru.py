"""Russian: the endings of nouns, adjectives and verbs, and the little words; the sentence is in `slavic`."""

from __future__ import annotations

from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Token
from anyglot.phrasebook.grammar.slavic import Forms, Slavic
from anyglot.phrasebook.lexicon import Entry
from anyglot.phrasebook.meaning import Entity

VELARS = "гкх"
SIBILANTS = "жшчщ"
VOWELS = "аеёиоуыэюя"
CASES = ("nom", "gen", "dat", "ins", "loc")

# Adjective endings: stem type -> agreement -> endings in the order of CASES; the feminine accusative comes last.
HARD = {
    "m": ["ый", "ого", "ому", "ым", "ом"],
    "n": ["ое", "ого", "ому", "ым", "ом"],
    "f": ["ая", "ой", "ой", "ой", "ой", "ую"],
    "pl": ["ые", "ых", "ым", "ыми", "ых"],
}
SOFT = {
    "m": ["ий", "его", "ему", "им", "ем"],
    "n": ["ее", "его", "ему", "им", "ем"],
    "f": ["яя", "ей", "ей", "ей", "ей", "юю"],
    "pl": ["ие", "их", "им", "ими", "их"],
}


class Russian(Slavic):
    """See the module's first line."""

    language: ClassVar[str] = "ru"
    comma_before: ClassVar[frozenset[str]] = frozenset({"and", "but"})
    copula: ClassVar[Forms] = {"m": "был", "f": "была", "n": "было", "pl": "были"}
    past_predicate: ClassVar[str] = "ins"
    few_adjective: ClassVar[Forms] = {"m": "gen", "n": "gen", "f": "nom", "pl": "gen"}
    absent: ClassVar[tuple[Token, ...]] = (Token("нет", "VERB"),)
    was_absent: ClassVar[tuple[Token, ...]] = (Token("не", "PART"), Token("было", "AUX"))
    alternating: ClassVar[frozenset[str]] = frozenset({"в", "с"})

    def gender(self, entry: Entry, lemma: str) -> str:
        """By the ending, or for a soft sign and men in -а from the lexicon."""
        given = entry.get("gender") or ("m" if "male" in entry.traits else "f" if "female" in entry.traits else "")
        ending = lemma[-1]
        return given or ("f" if ending in "ая" else "n" if ending in "оеё" else "m")

    def decline(self, entry: Entry, lemma: str) -> tuple[Forms, Forms]:
        """By declension class, with the exceptions of the lexicon."""
        if entry.get("declension") == "none":
            return dict.fromkeys(CASES, lemma), dict.fromkeys(CASES, lemma)
        if entry.get("declension") == "adjective":
            forms = self.adjective(lemma)
            return forms[self.gender(entry, lemma)], forms["pl"]
        if entry.get("plural_only") and lemma == entry.lemma:
            return {}, self._plural(entry, lemma, lemma[:-1])
        gender = self.gender(entry, lemma)
        if lemma[-1] in "ьй" or lemma[-1] in VOWELS:
            stem = entry.get("stem") or lemma[:-1]
        else:
            stem = entry.get("stem") or lemma
        if lemma[-1] in "ая":
            singular = self._first(lemma, stem, entry.get("end") == "yes")
        elif gender == "f":
            singular = dict(zip(CASES, (lemma, stem + "и", stem + "и", lemma + "ю", stem + "и"), strict=True))
            singular["acc"] = lemma
        else:
            singular = self._second(lemma, stem, entry.get("end") == "yes")
        for case in CASES:
            singular[case] = entry.get(case) or singular[case]
        return singular, self._plural(entry, lemma, stem)

    def _first(self, lemma: str, stem: str, end: bool) -> Forms:
        """Nouns in -а and -я."""
        if lemma.endswith("а"):
            genitive = "и" if stem[-1] in VELARS + SIBILANTS else "ы"
            instrumental = "ей" if stem[-1] in SIBILANTS + "ц" and not end else "ой"
            endings = ("а", genitive, "е", instrumental, "е")
        else:
            dative = "и" if stem.endswith("и") else "е"
            endings = ("я", "и", dative, "ёй" if end else "ей", dative)
        forms = {case: stem + ending for case, ending in zip(CASES, endings, strict=True)}
        return forms | {"acc": stem + ("у" if lemma.endswith("а") else "ю")}

    def _second(self, lemma: str, stem: str, end: bool) -> Forms:
        """Masculines and neuters."""
        if lemma[-1] in "ьй" or (lemma[-1] == "е" and stem[-1] not in SIBILANTS + "ц"):
            endings = ("я", "ю", "ём" if end else "ем", "е")
        else:
            endings = ("а", "у", "ем" if stem[-1] in SIBILANTS + "ц" and not end else "ом", "е")
        return {"nom": lemma} | {case: stem + ending for case, ending in zip(CASES[1:], endings, strict=True)}

    def _plural(self, entry: Entry, lemma: str, stem: str) -> Forms:
        """The genitive goes by class, the other cases by the nominative."""
        last = lemma[-1]
        if entry.get("plural_only") and lemma == entry.lemma:
            nominative = lemma
        elif last in "ое":
            nominative = stem + ("а" if last == "о" or stem[-1] in SIBILANTS + "ц" else "я")
        else:
            nominative = stem + ("и" if last in "ьйя" or stem[-1] in VELARS + SIBILANTS else "ы")
        if lemma == entry.lemma:
            nominative = entry.get("plural") or nominative
        base, vowel = nominative[:-1], nominative[-1]
        oblique = base + ("я" if vowel == "я" or (vowel == "и" and base[-1] not in VELARS + SIBILANTS) else "а")
        forms = {"nom": nominative, "dat": oblique + "м", "ins": oblique + "ми", "loc": oblique + "х"}
        forms["gen"] = self._plural_genitive(last, base, self.gender(entry, lemma), entry.get("end") == "yes")
        for case in CASES[1:]:
            forms[case] = entry.get("plural_" + case) or forms[case]
        return forms

    def _plural_genitive(self, last: str, base: str, gender: str, end: bool) -> str:
        if last in "ао":
            return base
        if last == "я":
            return base + ("й" if base[-1] in VOWELS else "ь")
        if last in "ье" or base[-1] in SIBILANTS:
            return base + ("ей" if base[-1] != "ц" else "")
        if last == "й":
            return base + "ев"
        return base + ("ев" if base[-1] == "ц" and not end else "ов")

    def few_form(self, entry: Entry, singular: Forms, plural: Forms) -> str:
        """The genitive singular; of adjectives the plural: 2 рабочих, 2 ванные."""
        if entry.get("declension") == "adjective":
            return plural[self.few_adjective[self.gender(entry, entry.lemma)]]
        return singular["gen"] if singular else plural["gen"]

    def adjective(self, lemma: str) -> dict[str, Forms]:
        """Hard, soft (синий), after к г х (тихий) and after ж ш ч щ (свежий); -ой has the stress."""
        stem, stressed = lemma[:-2], lemma.endswith("ой")
        if lemma[-1] == "я":
            stem, stressed = lemma[:-2], False
        table = SOFT if lemma.endswith("ий") and stem[-1] not in VELARS + SIBILANTS else HARD
        if stem[-1] in SIBILANTS and not stressed:
            table = SOFT
        forms: dict[str, Forms] = {}
        for agreement, endings in table.items():
            words = [stem + self._spelt(stem, ending) for ending in endings]
            forms[agreement] = dict(zip((*CASES, "acc"), words, strict=False))
        if stressed:
            forms["m"]["nom"] = lemma
        return forms

    def _spelt(self, stem: str, ending: str) -> str:
        """No ы after к г х ж ш ч щ, no я and ю after ж ш ч щ."""
        if stem[-1] in VELARS + SIBILANTS and ending[0] == "ы":
            return "и" + ending[1:]
        if stem[-1] in SIBILANTS and ending in ("яя", "юю"):
            return "ая" if ending == "яя" else "ую"
        return ending

    def short_forms(self, masculine: str, stem: str = "") -> Forms:
        """Открыт, открыта, открыто, открыты."""
        stem = stem or masculine
        return {"m": masculine, "f": stem + "а", "n": stem + "о", "pl": stem + "ы"}

    def past_forms(self, past: str, stem: str) -> Forms:
        """Купил, купила; помог, помогла; вернулся, вернулась."""
        if past.endswith("ся"):
            stem = past[:-2]
            return {"m": past, "f": stem + "ась", "n": stem + "ось", "pl": stem + "ись"}
        stem = stem or past
        return {"m": past, "f": stem + "а", "n": stem + "о", "pl": stem + "и"}

    def denied_in_genitive(self, patient: Entity) -> bool:
        """Не читает книг, не пьёт молока; but не читает книгу."""
        return not patient.definite and (patient.plural or "mass" in self.lexicon[patient.concept].traits)

    def situated(self, agreement: str, past: bool) -> list[Token]:
        """Находится and its past."""
        if past:
            return [Token(self.past_forms("находился", "")[agreement], "VERB")]
        return [Token("находятся" if agreement == "pl" else "находится", "VERB")]

    def alternate(self, before: str, word: str, after: str) -> str:
        """Во Франции, со школой: before two consonants that begin alike."""
        first, second = after[0].lower(), after[1:2]
        clash = "вф" if word == "в" else "сзшж"
        return word + "о" if first in clash and second not in VOWELS + "ь" else word


GRAMMAR = Russian

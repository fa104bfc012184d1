"""Ukrainian: the endings, and the little words that change with the sounds around them; the rest is in `slavic`."""

from __future__ import annotations

from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Token
from anyglot.phrasebook.grammar.slavic import Forms, Slavic
from anyglot.phrasebook.lexicon import Entry
from anyglot.phrasebook.meaning import Entity

SIBILANTS = "жчшщ"
VOWELS = "аеєиіїоуюяaeiou"  # also those that brands begin with
SOFTENED = {"к": "ц", "г": "з", "х": "с"}  # рука, руці
CASES = ("nom", "gen", "dat", "ins", "loc")

# Adjective endings by agreement, in the order of CASES; the feminine accusative comes last.
HARD = {
    "m": ("ий", "ого", "ому", "им", "ому"),
    "n": ("е", "ого", "ому", "им", "ому"),
    "f": ("а", "ої", "ій", "ою", "ій", "у"),
    "pl": ("і", "их", "им", "ими", "их"),
}
SOFT = {
    "m": ("ій", "ього", "ьому", "ім", "ьому"),
    "n": ("є", "ього", "ьому", "ім", "ьому"),
    "f": ("я", "ьої", "ій", "ьою", "ій", "ю"),
    "pl": ("і", "іх", "ім", "іми", "іх"),
}


class Ukrainian(Slavic):
    """See the module's first line."""

    language: ClassVar[str] = "uk"
    comma_before: ClassVar[frozenset[str]] = frozenset({"and", "but"})
    copula: ClassVar[Forms] = {"m": "був", "f": "була", "n": "було", "pl": "були"}
    past_predicate: ClassVar[str] = "nom"
    few_adjective: ClassVar[Forms] = {"m": "nom", "n": "nom", "f": "nom", "pl": "gen"}
    absent: ClassVar[tuple[Token, ...]] = (Token("немає", "VERB"),)
    was_absent: ClassVar[tuple[Token, ...]] = (Token("не", "PART"), Token("було", "AUX"))
    alternating: ClassVar[frozenset[str]] = frozenset({"у", "з", "йде", "йдуть", "вчора", "влітку", "взимку", "вранці"})

    def gender(self, entry: Entry, lemma: str) -> str:
        """By the ending, or for a soft sign and men in -а and -о from the lexicon."""
        given = entry.get("gender") or ("m" if "male" in entry.traits else "f" if "female" in entry.traits else "")
        ending = lemma[-1]
        return given or ("f" if ending in "ая" else "n" if ending in "ое" else "m")

    def decline(self, entry: Entry, lemma: str) -> tuple[Forms, Forms]:
        """By declension class, with the exceptions of the lexicon."""
        if entry.get("declension") == "none":
            return dict.fromkeys(CASES, lemma), dict.fromkeys(CASES, lemma)
        if entry.get("declension") == "adjective":
            forms = self.adjective(lemma)
            return forms[self.gender(entry, lemma)], forms["pl"]
        if entry.get("plural_only"):
            return {}, self._plural(entry, lemma, lemma, "f")
        gender = self.gender(entry, lemma)
        ends_in_consonant = lemma[-1] not in "ьй" and lemma[-1] not in VOWELS
        stem = entry.get("stem") or (lemma if ends_in_consonant else lemma[:-1])
        if lemma[-1] in "ая":
            singular = self._first(lemma, stem)
        elif gender == "f":
            singular = {"gen": stem + "і", "dat": stem + "і", "acc": lemma, "ins": entry.get("ins"), "loc": stem + "і"}
        else:
            singular = self._second(entry, lemma, stem)
        singular["nom"] = lemma
        return singular, self._plural(entry, lemma, stem, gender)

    def _first(self, lemma: str, stem: str) -> Forms:
        """Nouns in -а and -я."""
        if lemma.endswith("я"):
            vowel, instrumental = ("ї", "єю") if stem[-1] in VOWELS else ("і", "ею")
            endings = (vowel, vowel, instrumental, vowel)
        elif stem[-1] in SIBILANTS:
            endings = ("і", "і", "ею", "і")
        else:
            endings = ("и", "і", "ою", "і")
        softened = stem[:-1] + SOFTENED.get(stem[-1], stem[-1])
        genitive, dative, instrumental, locative = endings
        accusative = stem + ("ю" if lemma.endswith("я") else "у")
        return {
            "gen": stem + genitive,
            "dat": softened + dative,
            "acc": accusative,
            "ins": stem + instrumental,
            "loc": softened + locative,
        }

    def _second(self, entry: Entry, lemma: str, stem: str) -> Forms:
        """Masculines and neuters."""
        animate = "animate" in entry.traits or entry.category == "name"
        rounded = entry.get("genitive") == "у"
        if lemma.endswith("й"):
            dative, instrumental, locative, soft = "єві" if animate else "ю", "єм", "ї", True
        else:
            soft = lemma[-1] in "ье" or entry.get("soft") == "yes"
            mixed = soft or stem[-1] in SIBILANTS
            dative = ("еві" if mixed else "ові") if animate else "ю" if soft else "у"
            instrumental, locative = "ем" if mixed else "ом", "у" if stem[-1] in "кгх" else "і"
        genitive = ("ю" if soft else "у") if rounded else ("я" if soft else "а")
        return {"gen": stem + genitive, "dat": stem + dative, "ins": stem + instrumental, "loc": stem + locative}

    def _plural(self, entry: Entry, lemma: str, stem: str, gender: str) -> Forms:
        """The genitive goes by class, the other cases by the nominative."""
        last = lemma[-1]
        soft = last in "ья" or entry.get("soft") == "yes" or stem[-1] in SIBILANTS
        if entry.get("plural_only"):
            nominative = lemma
        elif gender == "n":
            nominative = stem + ("я" if last == "е" else "а")
        elif last == "й" or (last == "я" and stem[-1] in VOWELS):
            nominative = stem + "ї"
        else:
            nominative = stem + ("і" if soft or (gender == "f" and last not in "ая") else "и")
        nominative = entry.get("plural") or nominative
        base, vowel = nominative[:-1], nominative[-1]
        oblique = base + ("я" if vowel in "яї" or (vowel == "і" and base[-1] not in SIBILANTS) else "а")
        if last == "я":
            genitive = stem + ("й" if stem[-1] in VOWELS else "ь")
        elif last in "ао" and (gender != "m" or last == "а"):
            genitive = base
        else:
            genitive = stem + ("їв" if last == "й" else "ів")
        return {
            "nom": nominative,
            "gen": entry.get("plural_gen") or genitive,
            "dat": oblique + "м",
            "ins": entry.get("plural_ins") or oblique + "ми",
            "loc": oblique + "х",
        }

    def few_form(self, entry: Entry, singular: Forms, plural: Forms) -> str:
        """The nominative plural; what has no singular is counted in the genitive."""
        return entry.get("few") or plural["nom" if singular else "gen"]

    def adjective(self, lemma: str) -> dict[str, Forms]:
        """Hard (новий) and soft (синій)."""
        stem = lemma[:-1] if lemma.endswith("а") else lemma[:-2]
        table = SOFT if lemma.endswith("ій") else HARD
        return {
            agreement: dict(zip((*CASES, "acc"), (stem + ending for ending in endings), strict=False))
            for agreement, endings in table.items()
        }

    def short_forms(self, masculine: str, stem: str = "") -> Forms:
        """Ready, which some adjectives have instead of the long form: готов, готова."""
        stem = stem or masculine
        return {"m": masculine, "f": stem + "а", "n": stem + "о", "pl": stem + "і"}

    def past_forms(self, past: str, stem: str) -> Forms:
        """Купив, купила; допоміг, допомогла; повернувся, повернулася."""
        reflexive = "ся" if past.endswith("ся") else ""
        bare = past.removesuffix("ся")
        stem = stem or bare.removesuffix("в") + "л"
        return {
            "m": past,
            "f": stem + "а" + reflexive,
            "n": stem + "о" + reflexive,
            "pl": stem + "и" + reflexive,
        }

    def denied_in_genitive(self, patient: Entity) -> bool:
        """Не відчинила вікна, не має книг; but не бачить маму."""
        return patient.plural or not self._nouns[patient.concept].animate

    def situated(self, agreement: str, past: bool) -> list[Token]:
        """Розташований, with the copula in the past."""
        be = [Token(self.copula[agreement], "AUX")] if past else []
        return [*be, Token(self.adjective("розташований")[agreement]["nom"], "ADJ")]

    def alternate(self, before: str, word: str, after: str) -> str:
        """No run of vowels and no run of consonants: в and у, з, із and зі, йде and іде, вчора and учора."""
        after_vowel = before[-1:] in VOWELS and before != ""
        if word[0] == "й":
            return word if after_vowel else "і" + word[1:]
        follower = after.lower()
        if word == "у":
            if follower[0] in "вф" or follower[:2] in ("св", "тв", "хв") or follower.startswith("льв"):
                return "у"
            return "в" if after_vowel or follower[0] in VOWELS else "у"
        if word == "з":
            cluster = follower[1:2] not in VOWELS
            if follower[0] in "сзшщ" and cluster:
                return "зі"
            return "із" if follower[0] in "сзшщчцж" or (cluster and not after_vowel) else "з"
        return word if after_vowel else "у" + word[1:]


GRAMMAR = Ukrainian

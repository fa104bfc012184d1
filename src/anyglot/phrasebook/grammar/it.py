"""Italian: articles by sound and gender, articulated prepositions, partitives, avere or essere in the compound past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Token
from anyglot.phrasebook.grammar.romance import Forms, Noun, Pair, Romance, Verb, Words
from anyglot.phrasebook.meaning import Clause

VOWELS = frozenset("aeiouàèéìòùh")  # an h is silent (l'hotel)
# by the sound of the next word: plain consonant, s with a consonant (and z, gn, ps ...), vowel
DEFINITE = {
    ("m", False): ("il", "lo", "l'"),
    ("f", False): ("la", "la", "l'"),
    ("m", True): ("i", "gli", "gli"),
    ("f", True): ("le", "le", "le"),
}
INDEFINITE = {"m": ("un", "uno", "un"), "f": ("una", "una", "un'")}
MELTED = {"a": "a", "da": "da", "di": "de", "in": "ne", "su": "su"}  # what a preposition becomes before an article
ESSERE: tuple[Pair, Pair] = (("è", "sono"), ("era", "erano"))
AVERE: tuple[Pair, Pair] = (("ha", "hanno"), ("aveva", "avevano"))
STARE: tuple[Pair, Pair] = (("sta", "stanno"), ("stava", "stavano"))


def sound_of(word: str) -> int:
    """0 for a plain consonant, 1 for those that want lo, 2 for a vowel."""
    word = word.lower()
    if word[0] in VOWELS:
        return 2
    impure = word[0] in "zxy" or word.startswith(("gn", "ps", "pn")) or (word[0] == "s" and word[1] not in VOWELS)
    return 1 if impure else 0


def melted(preposition: str, article: str) -> str:
    """in + il = nel, di + l' = dell', su + gli = sugli."""
    if article == "il":
        return MELTED[preposition] + "l"
    return MELTED[preposition] + (article if article in ("i", "gli") else "l" + article)


class Italian(Romance):
    """See the module's first line."""

    language: ClassVar[str] = "it"
    copulas: ClassVar[Mapping[str, tuple[Pair, Pair]]] = {
        **dict.fromkeys(("essential", "temporary", "location", "fixed"), ESSERE),
        "have": AVERE,
    }

    def plural_noun(self, word: str) -> str:
        """-o and -e to -i, -a to -e, with h for the sound of c and g; the rest does not change."""
        stem, last = word[:-1], word[-1]
        if last not in "aeo":
            return word
        if last == "a":
            if word.endswith(("cia", "gia")) and word[-4] not in VOWELS:
                return word[:-2] + "e"
            return stem + ("he" if stem[-1] in "cg" else "e")
        if last == "o" and stem[-1] in "cg":
            return stem + "hi"
        return stem if stem[-1] == "i" else stem + "i"

    def inflected_adjective(self, lemma: str, feminine: str, gender: str, plural: bool) -> str:
        """-o and -a; -e for both genders; blu never changes."""
        form = lemma[:-1] + "a" if gender == "f" and lemma.endswith("o") else lemma
        return self.plural_noun(form) if plural else form

    def conjugated(self, infinitive: str, features: Mapping[str, str]) -> Forms:
        """The present, imperfect, participle and gerund."""
        stem, first = infinitive[:-3], infinitive.endswith("are")
        present = features.get("present", stem + ("a" if first else "e"))
        present_plural = features.get("present_plural") or (present + "no" if first else present[:-1] + "ono")
        imperfect = features.get("imperfect", infinitive[:-2] + "va")
        return Forms(
            (present, present_plural),
            (imperfect, imperfect + "no"),
            participle=features.get("participle", stem + {"a": "ato", "e": "uto", "i": "ito"}[infinitive[-3]]),
            gerund=features.get("gerund", stem + ("ando" if first else "endo")),
        )

    def article(self, kind: str, noun: Noun, plural: bool, words: list[Token]) -> list[Token]:
        """il, un, nessun and what they become; the partitive for indefinite plurals and mass nouns."""
        if kind == "bare":
            return []
        gender, sound = noun.genders[plural], sound_of(words[0].text)
        definite = DEFINITE[gender, plural][sound]
        if kind == "definite":
            return [Token(definite, "DET")]
        if plural or noun.mass:
            return [Token(melted("di", definite), "DET")]
        return [Token(("ness" if kind == "negated" else "") + INDEFINITE[gender][sound], "DET")]

    def indefinite_kind(self, clause: Clause, noun: Noun, plural: bool) -> str:
        """ha bevuto del latte, but: beve latte ogni giorno, non ha bevuto latte."""
        if not plural and not noun.mass:
            return "negated" if clause.negated else "indefinite"
        without = (clause.negated or clause.aspect == "habitual") and not self.verb_of(clause).preposition
        return "bare" if without else "indefinite"

    def before_noun(self, adjective: str, gender: str, plural: bool, noun: str) -> str:
        """bel, bello, bell', bei, begli; buon and buono."""
        sound = sound_of(noun)
        if adjective in ("bello", "bella") and sound == 2:
            return "bell'"
        if adjective == "bello":
            return "bel" if sound == 0 else "bello"
        if adjective == "belli":
            return "bei" if sound == 0 else "begli"
        return "buon" if adjective == "buono" and sound != 1 else adjective

    def prepositional(self, words: Words, phrase: list[Token]) -> list[Token]:
        """nel, alla, dall'; ad before an a."""
        last, first = words[-1].text, phrase[0].text
        if last in MELTED and phrase[0].upos == "DET" and first in ("il", "lo", "l'", "la", "i", "gli", "le"):
            return [*words[:-1], Token(melted(last, first), "ADP"), *phrase[1:]]
        if last == "a" and first[0] in "aA":
            return [*words[:-1], Token("ad", "ADP"), *phrase]
        return [*words, *phrase]

    def completed(self, clause: Clause, verb: Verb) -> list[Token]:
        """The compound past; with essere the participle agrees with the subject."""
        plural, participle = clause.agent.plural, verb.forms.participle
        if verb.features.get("auxiliary") != "essere":
            return [Token(AVERE[0][plural], "AUX"), Token(participle, "VERB")]
        gender = self.gender_of(clause.agent)
        agreeing = self.inflected_adjective(participle, "", gender, plural)
        return [Token(ESSERE[0][plural], "AUX"), Token(agreeing, "VERB")]

    def progressive(self, verb: Verb, past: bool, plural: bool) -> list[Token]:
        """stare and the gerund."""
        return [Token(STARE[past][plural], "AUX"), Token(verb.forms.gerund, "VERB")]

    def negate(self, words: list[Token]) -> list[Token]:
        """non before the verb."""
        return [Token("non", "PART"), *words]

    def connective_before(self, connective: str, word: str) -> list[Token]:
        """e becomes ed before an e."""
        words = self.conjoin(connective)
        return [*words[:-1], Token("ed", "CCONJ")] if connective == "and" and word[0] in "eE" else words


GRAMMAR = Italian

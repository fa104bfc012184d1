"""Portuguese, European where the varieties differ: ser, estar and ficar, estar a with the infinitive, no, ao, da."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Token
from anyglot.phrasebook.grammar.romance import Forms, Noun, Pair, Romance, Verb, Words
from anyglot.phrasebook.meaning import Clause

DEFINITE = {("m", False): "o", ("f", False): "a", ("m", True): "os", ("f", True): "as"}
INDEFINITE = {("m", False): "um", ("f", False): "uma", ("m", True): "uns", ("f", True): "umas"}
MELTED = {
    "a": {"o": "ao", "a": "à", "os": "aos", "as": "às"},
    "de": {"o": "do", "a": "da", "os": "dos", "as": "das"},
    "em": {"o": "no", "a": "na", "os": "nos", "as": "nas", "um": "num", "uma": "numa"},
}
# the endings that change in the plural, the longer ones first
PLURAL_ENDINGS = (
    ("vel", "veis"),
    ("ão", "ões"),
    ("el", "éis"),
    ("ol", "óis"),
    ("al", "ais"),
    ("ul", "uis"),
    ("m", "ns"),
)
ESTAR: tuple[Pair, Pair] = (("está", "estão"), ("estava", "estavam"))


class Portuguese(Romance):
    """See the module's first line."""

    language: ClassVar[str] = "pt"
    copulas: ClassVar[Mapping[str, tuple[Pair, Pair]]] = {
        "essential": (("é", "são"), ("era", "eram")),
        "temporary": ESTAR,
        "location": ESTAR,
        "fixed": (("fica", "ficam"), ("ficava", "ficavam")),
        "have": (("tem", "têm"), ("tinha", "tinham")),
    }

    def plural_noun(self, word: str) -> str:
        """Vowel + s, r and z + es, and the nasals and l as they do."""
        for singular, plural in PLURAL_ENDINGS:
            if word.endswith(singular):
                return word.removesuffix(singular) + plural
        return word + ("es" if word[-1] in "rz" else "s")

    def inflected_adjective(self, lemma: str, feminine: str, gender: str, plural: bool) -> str:
        """-o and -a; most others have one form for both genders."""
        form = lemma
        if gender == "f":
            form = feminine or (lemma[:-1] + "a" if lemma.endswith("o") else lemma)
        return self.plural_noun(form) if plural else form

    def conjugated(self, infinitive: str, features: Mapping[str, str]) -> Forms:
        """The present, imperfect and preterite; their irregular forms from the features."""
        stem, vowel = infinitive[:-2], infinitive[-2]
        first = vowel == "a"
        present = features.get("present", stem + ("a" if first else "e"))
        imperfect = features.get("imperfect", stem + ("ava" if first else "ia"))
        return Forms(
            (present, features.get("present_plural") or present + ("em" if present.endswith("z") else "m")),
            (imperfect, imperfect + "m"),
            (
                features.get("past", stem + {"a": "ou", "e": "eu", "i": "iu"}[vowel]),
                features.get("past_plural", stem + {"a": "aram", "e": "eram", "i": "iram"}[vowel]),
            ),
        )

    def article(self, kind: str, noun: Noun, plural: bool, words: list[Token]) -> list[Token]:
        """o, um, nenhum and their feminines."""
        cell = (noun.genders[plural], plural)
        if kind == "definite":
            return [Token(DEFINITE[cell], "DET")]
        if kind == "bare" or noun.mass:
            return []
        return [Token(("nenh" if kind == "negated" else "") + INDEFINITE[cell], "DET")]

    def prepositional(self, words: Words, phrase: list[Token]) -> list[Token]:
        """no, ao, da and the like."""
        if phrase[0].upos == "DET":
            contraction = MELTED.get(words[-1].text, {}).get(phrase[0].text)
            if contraction is not None:
                return [*words[:-1], Token(contraction, "ADP"), *phrase[1:]]
        return [*words, *phrase]

    def completed(self, clause: Clause, verb: Verb) -> list[Token]:
        """The preterite."""
        return [Token(verb.forms.past[clause.agent.plural], "VERB")]

    def progressive(self, verb: Verb, past: bool, plural: bool) -> list[Token]:
        """estar a and the infinitive."""
        return [Token(ESTAR[past][plural], "AUX"), Token("a", "ADP"), Token(verb.infinitive, "VERB")]

    def negate(self, words: list[Token]) -> list[Token]:
        """não before the verb."""
        return [Token("não", "PART"), *words]


GRAMMAR = Portuguese

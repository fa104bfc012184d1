"""Spanish: ser and estar, the personal a, le and les before the verb, al and del, el agua."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Token
from anyglot.phrasebook.grammar.romance import Forms, Noun, Pair, Romance, Verb, Words
from anyglot.phrasebook.meaning import Clause, Entity

ARTICLES: dict[str, dict[tuple[str, bool], str]] = {
    "definite": {("m", False): "el", ("f", False): "la", ("m", True): "los", ("f", True): "las"},
    "indefinite": {("m", False): "un", ("f", False): "una", ("m", True): "unos", ("f", True): "unas"},
    "negated": {("m", False): "ningún", ("f", False): "ninguna", ("m", True): "ningunos", ("f", True): "ningunas"},
}
STRESSED = {"la": "el", "una": "un", "ninguna": "ningún"}  # el agua, un hacha
CONTRACTIONS = {("a", "el"): "al", ("de", "el"): "del"}
SHORTENED = {"bueno": "buen", "malo": "mal"}
IRREGULAR_PLURALS = {"joven": "jóvenes"}
UNACCENTED = str.maketrans("áéíóú", "aeiou")
ESTAR: tuple[Pair, Pair] = (("está", "están"), ("estaba", "estaban"))


class Spanish(Romance):
    """See the module's first line."""

    language: ClassVar[str] = "es"
    copulas: ClassVar[Mapping[str, tuple[Pair, Pair]]] = {
        "essential": (("es", "son"), ("era", "eran")),
        "temporary": ESTAR,
        "location": ESTAR,
        "fixed": ESTAR,
        "have": (("tiene", "tienen"), ("tenía", "tenían")),
    }

    def plural_noun(self, word: str) -> str:
        """Vowel + s, consonant + es; an accent that the new syllable makes needless goes (jardín, jardines)."""
        if word in IRREGULAR_PLURALS:
            return IRREGULAR_PLURALS[word]
        if word.endswith("z"):
            return word[:-1] + "ces"
        if word[-1] in "aeiouáéó":
            return word + "s"
        if word[-1] in "ns":
            return word[:-2] + word[-2].translate(UNACCENTED) + word[-1] + "es"
        return word + "es"

    def inflected_adjective(self, lemma: str, feminine: str, gender: str, plural: bool) -> str:
        """-o and -a; all others have one form for both genders."""
        form = feminine or (lemma[:-1] + "a" if lemma.endswith("o") else lemma) if gender == "f" else lemma
        return self.plural_noun(form) if plural else form

    def conjugated(self, infinitive: str, features: Mapping[str, str]) -> Forms:
        """The present, imperfect, preterite and gerund; their irregular singulars from the features."""
        stem, ending = infinitive[:-2], infinitive[-2:]
        first = ending == "ar"
        present = features.get("present", stem + ("a" if first else "e"))
        imperfect = features.get("imperfect", stem + ("aba" if first else "ía"))
        past = features.get("past", stem + ("ó" if first else "ió"))
        past_plural = features.get("past_plural") or past[:-1] + ("aron" if first else "eron")
        return Forms(
            (present, present + "n"),
            (imperfect, imperfect + "n"),
            (past, past_plural),
            gerund=features.get("gerund", stem + ("ando" if first else "iendo")),
        )

    def article(self, kind: str, noun: Noun, plural: bool, words: list[Token]) -> list[Token]:
        """el, un, ningún and their feminines; the masculine ones right before a stressed a."""
        if kind not in ARTICLES or (kind != "definite" and noun.mass):
            return []
        word = ARTICLES[kind][noun.genders[plural], plural]
        if "stressed" in noun.features and words[0].upos == "NOUN":
            word = STRESSED.get(word, word)
        return [Token(word, "DET")]

    def before_noun(self, adjective: str, gender: str, plural: bool, noun: str) -> str:
        """un buen libro."""
        return SHORTENED.get(adjective, adjective)

    def prepositional(self, words: Words, phrase: list[Token]) -> list[Token]:
        """al and del."""
        contraction = CONTRACTIONS.get((words[-1].text, phrase[0].text))
        if contraction is not None:
            return [*words[:-1], Token(contraction, "ADP"), *phrase[1:]]
        return [*words, *phrase]

    def completed(self, clause: Clause, verb: Verb) -> list[Token]:
        """The preterite."""
        return [Token(verb.forms.past[clause.agent.plural], "VERB")]

    def progressive(self, verb: Verb, past: bool, plural: bool) -> list[Token]:
        """estar and the gerund."""
        return [Token(ESTAR[past][plural], "AUX"), Token(verb.forms.gerund, "VERB")]

    def negate(self, words: list[Token]) -> list[Token]:
        """no before the verb and its pronouns."""
        return [Token("no", "PART"), *words]

    def clitic(self, clause: Clause, verb: Verb) -> list[Token]:
        """le and les announce the recipient; se belongs to the verb."""
        if clause.recipient is not None:
            return [Token("les" if clause.recipient.plural else "le", "PRON")]
        return super().clitic(clause, verb)

    def object_preposition(self, clause: Clause, verb: Verb, patient: Entity) -> str:
        """Persons take a, unless they are indefinite plurals; animals if they are definite or dear to the verb."""
        if verb.preposition:
            return verb.preposition
        traits = self.lexicon[patient.concept].traits
        if "animate" not in traits or (patient.plural and not patient.definite and patient.count is None):
            return ""
        if "human" in traits:
            return "a"
        animals = verb.features.get("animals", "definite")
        return "a" if animals == "always" or (animals == "definite" and patient.definite) else ""

    def connective_before(self, connective: str, word: str) -> list[Token]:
        """y becomes e before the sound of i."""
        words = self.conjoin(connective)
        if connective == "and" and word.lower().startswith(("i", "hi")) and not word.lower().startswith("hie"):
            return [*words[:-1], Token("e", "CCONJ")]
        return words


GRAMMAR = Spanish

"""Swedish: verb second, the article at the end of the noun (and in front of an adjective too), ingen or inte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag
from anyglot.phrasebook.grammar.posture import Posture, posture_of
from anyglot.phrasebook.lexicon import Entry, Lexicon
from anyglot.phrasebook.meaning import Clause, Entity

VOWELS = "aeiouyåäö"
POSTURE_VERBS: dict[Posture, tuple[str, str]] = {  # present and past
    "be": ("är", "var"),
    "lie": ("ligger", "låg"),
    "stand": ("står", "stod"),
    "sit": ("sitter", "satt"),
    "hang": ("hänger", "hängde"),
    "inside": ("ligger", "låg"),
    "contained": ("är", "var"),
    "built": ("ligger", "låg"),
}
DENIALS = {"ingen": ("ingen", "inget", "inga"), "någon": ("någon", "något", "några")}  # common, neuter, plural
INTE = Token("inte", "PART")


class Noun(NamedTuple):
    """The four forms of a noun."""

    singular: str
    definite: str
    plural: str
    plural_definite: str
    neuter: bool
    tag: str


class Adjective(NamedTuple):
    """En röd, ett rött, den röda, röda."""

    common: str
    neuter: str
    definite: str
    plural: str


def noun_forms(entry: Entry) -> Noun:
    """The forms by rule, where the lexicon does not give them."""
    lemma, plural, neuter = entry.lemma, entry.get("plural"), entry["article"] == "ett"
    ending = "t" if neuter else "n"
    definite = entry.get("definite") or lemma + (ending if lemma[-1] in VOWELS else "e" + ending)
    if plural.endswith("are"):
        plural_definite = plural[:-1] + "na"
    elif plural == lemma or not plural.endswith(("r", "n")):
        plural_definite = plural + "en"
    else:
        plural_definite = plural + ("na" if plural.endswith("r") else "a")
    plural_definite = entry.get("plural_definite") or plural_definite
    return Noun(lemma, definite, plural, plural_definite, neuter, noun_tag(entry))


class Swedish(Grammar):
    """See the module's first line."""

    language: ClassVar[str] = "sv"
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {"noun": ("article",), "verb": ("present", "past")}

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        self._nouns: dict[tuple[str, str], Noun] = {}  # (concept, verb or relation, or "")
        for entry in lexicon.entries("noun"):
            self._nouns[entry.concept, ""] = noun_forms(entry)
            for feature, value in entry.features.items():
                if feature.startswith("as_"):
                    article, singular, definite, plural, plural_definite = value.split()
                    other = Noun(singular, definite, plural, plural_definite, article == "ett", noun_tag(entry))
                    self._nouns[entry.concept, feature[3:]] = other
        self._adjectives: dict[tuple[str, str], Adjective] = {}  # (adjective, noun or class of nouns, or "")
        for entry in lexicon.entries("adjective"):
            definite = entry.get("definite", entry.lemma + "a")
            neuter = entry.get("neuter", entry.lemma + "t")
            self._adjectives[entry.concept, ""] = Adjective(
                entry.lemma, neuter, definite, entry.get("plural", definite)
            )
            for feature, value in entry.features.items():
                if feature not in ("definite", "neuter", "plural"):
                    common, neuter, definite = value.split()
                    self._adjectives[entry.concept, feature] = Adjective(common, neuter, definite, definite)

    def clause(self, clause: Clause) -> list[Token]:
        """The finite verb comes second; the time opens the sentence or closes it."""
        time = self.time_tokens(clause)
        agent, verb = self.noun_phrase(clause.agent), self.finite(clause)
        if clause.time_first:
            return [*time, verb, *agent, *self.rest(clause)]
        return [*agent, verb, *self.rest(clause), *time]

    def rest(self, clause: Clause) -> list[Token]:
        """Inte, the verb's particle, objects, place or predicate."""
        verb = self.lexicon[clause.verb] if clause.verb else None
        patient = clause.patient
        if verb is None or patient is None:
            words = [INTE] if clause.negated else []
            if clause.property:
                words.append(Token(self.predicate(clause.property, clause.agent), "ADJ"))
            return words + self.place(clause)
        particle, preposition = verb.get("particle"), verb.get("preposition")
        before = [Token(word, "ADP") for word in (particle, preposition) if word]
        denied = ""
        if clause.negated and not patient.definite:
            # "Läser ingen bok", but "letar inte efter någon bok".
            denied = "någon" if before else "ingen"
        words = [INTE] if clause.negated and denied != "ingen" else []
        words += before
        objects = self.noun_phrase(patient, clause.verb or "", denied)
        if clause.recipient is not None:
            recipient, to = self.noun_phrase(clause.recipient), verb.get("recipient")
            objects = [*objects, Token(to, "ADP"), *recipient] if to else recipient + objects
        words += objects
        if last := verb.get("particle_last"):
            words += [Token(word, "PRON" if word == "sig" else "ADP") for word in last.split()]
        return words + self.place(clause)

    def finite(self, clause: Clause) -> Token:
        """Present or preterite, the same for all persons and numbers."""
        past = clause.tense == "past"
        if clause.verb is None:
            posture: Posture = "be"
            if clause.place is not None:
                place = self.lexicon[clause.place.entity.concept]
                posture = posture_of(self.lexicon[clause.agent.concept], clause.place.relation, place)
            form = POSTURE_VERBS[posture][past]
            return Token(form, "AUX" if form in POSTURE_VERBS["be"] else "VERB")
        verb = self.lexicon[clause.verb]
        if clause.patient is not None:
            patient = self.lexicon[clause.patient.concept]
            if other := verb.get(patient.concept) or verb.get(patient.group):
                return Token(other.split()[past], "VERB")
        return Token(verb["past" if past else "present"], "VERB")

    def place(self, clause: Clause) -> list[Token]:
        """Preposition and noun phrase."""
        if clause.place is None:
            return []
        relation, entity = clause.place.relation, clause.place.entity
        own = self.lexicon[entity.concept].get(relation)
        return [Token(own or self.lexicon[relation].lemma, "ADP"), *self.noun_phrase(entity, relation)]

    def noun_phrase(self, entity: Entity, role: str = "", denied: str = "") -> list[Token]:
        """Article, ingen, någon or digits; adjective; noun."""
        entry = self.lexicon[entity.concept]
        if entry.proper:
            return [Token(entry.lemma, "PROPN")]
        noun = self._nouns.get((entity.concept, role)) or self._nouns[entity.concept, ""]
        words: list[Token] = []
        if entity.count is not None:
            words.append(Token(str(entity.count), "NUM"))
        elif denied:
            words.append(Token(DENIALS[denied][2 if entity.plural else noun.neuter], "DET"))
        elif entity.definite and entity.property:
            words.append(Token("de" if entity.plural else "det" if noun.neuter else "den", "DET"))
        elif not (entity.definite or entity.plural or "mass" in entry.traits):
            words.append(Token("ett" if noun.neuter else "en", "DET"))
        if entity.property:
            words.append(Token(self.attribute(entity, noun.neuter), "ADJ"))
        if entity.plural:
            form = noun.plural_definite if entity.definite else noun.plural
        else:
            form = noun.definite if entity.definite else noun.singular
        return [*words, Token(form, noun.tag)]

    def adjective_for(self, adjective: str, noun: str) -> Adjective:
        """The word for a property of this noun."""
        adjectives = self._adjectives
        return (
            adjectives.get((adjective, noun))
            or adjectives.get((adjective, self.lexicon[noun].group))
            or adjectives[adjective, ""]
        )

    def attribute(self, entity: Entity, neuter: bool) -> str:
        """The adjective before its noun."""
        adjective = self.adjective_for(entity.property or "", entity.concept)
        if entity.plural:
            return adjective.plural
        if entity.definite:
            return adjective.definite
        return adjective.neuter if neuter else adjective.common

    def predicate(self, adjective: str, subject: Entity) -> str:
        """The adjective after the copula, agreeing in gender and number."""
        forms = self.adjective_for(adjective, subject.concept)
        if subject.plural:
            return forms.plural
        noun = self._nouns.get((subject.concept, ""))
        return forms.neuter if noun is not None and noun.neuter else forms.common


GRAMMAR = Swedish

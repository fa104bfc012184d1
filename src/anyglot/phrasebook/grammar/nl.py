"""Dutch: verb second, de and het, geen or niet, verbs of posture, particles before the place, er."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag, phrase
from anyglot.phrasebook.grammar.posture import Posture, posture_of
from anyglot.phrasebook.lexicon import Entry, Lexicon
from anyglot.phrasebook.meaning import Clause, Entity

# (present singular, present plural, past singular, past plural)
BE = ("is", "zijn", "was", "waren")
LIE = ("ligt", "liggen", "lag", "lagen")
STAND = ("staat", "staan", "stond", "stonden")
SIT = ("zit", "zitten", "zat", "zaten")
HANG = ("hangt", "hangen", "hing", "hingen")
POSTURE_VERBS: dict[Posture, tuple[str, str, str, str]] = {
    "be": BE,
    "lie": LIE,
    "stand": STAND,
    "sit": SIT,
    "hang": HANG,
    "inside": SIT,
    "contained": SIT,
    "built": STAND,
}


class Noun(NamedTuple):
    """The forms of a noun; the plural of a mass noun is empty."""

    singular: str
    plural: str
    neuter: bool
    tag: str


class Dutch(Grammar):
    """See the module's first line."""

    language: ClassVar[str] = "nl"
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {"noun": ("article",), "verb": ("present", "past")}

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        self._nouns: dict[tuple[str, str | None], Noun] = {}  # (concept, verb or relation, or None)
        for entry in lexicon.entries("noun"):
            tag = noun_tag(entry)
            self._nouns[entry.concept, None] = Noun(entry.lemma, entry.get("plural"), entry["article"] == "het", tag)
            for feature, value in entry.features.items():
                if feature.startswith("as_"):
                    singular, article, plural = value.split()
                    self._nouns[entry.concept, feature[3:]] = Noun(singular, plural, article == "het", tag)

    def clause(self, clause: Clause) -> list[Token]:
        """The finite verb comes second; the time opens the sentence or stands in the middle field."""
        agent = self.noun_phrase(clause.agent)
        verb = self.finite(clause)
        if not clause.time_first:
            return [*agent, verb, *self.rest(clause, self.time_tokens(clause))]
        # An indefinite subject after the verb is announced by er, unless an object follows.
        announced = not clause.agent.definite and clause.kind in ("intransitive", "motion")
        there = [Token("er", "ADV")] if announced else []
        return [*self.time_tokens(clause), verb, *there, *agent, *self.rest(clause, [])]

    def rest(self, clause: Clause, time: list[Token]) -> list[Token]:
        """Objects, time, niet, the verb's particle, and the place or predicate at the very end."""
        verb = self.lexicon[clause.verb] if clause.verb else None
        words = self.noun_phrase(clause.recipient) if clause.recipient is not None else []
        particle = verb.get("particle") if verb else ""
        negation = self.negation(verb) if clause.negated else []
        patient = clause.patient
        if patient is None:
            words += [*time, *negation]
        elif verb and (preposition := verb.get("preposition")):
            words += [*time, *negation, Token(preposition, "ADP"), *self.noun_phrase(patient)]
        elif clause.negated and patient.definite:
            # What is known comes before the time, so that niet can follow: "zag het schip gisteren niet".
            words += [*self.noun_phrase(patient, clause.verb), *time, *negation]
        else:
            words += [*time, *self.noun_phrase(patient, clause.verb, negated=clause.negated)]
        if particle:
            words.append(Token(*particle.split()))
        if clause.property:
            words.append(Token(self.adjective(clause.property, clause.agent), "ADJ"))
        return words + self.place(clause)

    def negation(self, verb: Entry | None) -> list[Token]:
        """Niet; a verb whose particle is a noun has geen in front of that ("geeft geen les")."""
        if verb is not None and (article := verb.get("negation")):
            return [Token(article, "DET")]
        return [Token("niet", "PART")]

    def finite(self, clause: Clause) -> Token:
        """Present or preterite, agreeing with the subject."""
        plural, past = clause.agent.plural, clause.tense == "past"
        if clause.verb is None:
            forms = BE
            if clause.place is not None:
                agent, place = self.lexicon[clause.agent.concept], self.lexicon[clause.place.entity.concept]
                forms = POSTURE_VERBS[posture_of(agent, clause.place.relation, place)]
            return Token(forms[2 * past + plural], "AUX" if forms is BE else "VERB")
        verb = self.lexicon[clause.verb]
        if not past:
            return Token(verb.lemma if plural else verb["present"], "VERB")
        return Token((verb.get("past_plural") or verb["past"] + "n") if plural else verb["past"], "VERB")

    def place(self, clause: Clause) -> list[Token]:
        """Preposition and noun phrase; fixed phrases do without the article: "op school", "naar zee"."""
        if clause.place is None:
            return []
        relation, entity = clause.place.relation, clause.place.entity
        noun = self.lexicon[entity.concept]
        bare = "" if entity.property or entity.plural else noun.get("bare_" + relation)
        if bare:
            return [Token(bare, "ADP"), Token(noun.lemma, "NOUN")]
        own = noun.get(relation)
        entry = self.lexicon[relation]
        words = phrase(entry) if not own and entry.get("pos") else [Token(own or entry.lemma, "ADP")]
        return words + self.noun_phrase(entity, relation)

    def noun_phrase(self, entity: Entity, role: str | None = None, negated: bool = False) -> list[Token]:
        """Article, geen or digits; adjective; noun."""
        entry = self.lexicon[entity.concept]
        if entry.proper:
            return [Token(entry.lemma, "PROPN")]
        noun = self._nouns.get((entity.concept, role)) or self._nouns[entity.concept, None]
        words: list[Token] = []
        if entity.count is not None:
            words.append(Token(str(entity.count), "NUM"))
        elif entity.definite:
            words.append(Token("het" if noun.neuter and not entity.plural else "de", "DET"))
        elif negated:
            words.append(Token("geen", "DET"))
        elif not entity.plural and "mass" not in entry.traits:
            words.append(Token("een", "DET"))
        if entity.property:
            # Only the indefinite neuter singular is without -e: een groot huis, koud water.
            short = noun.neuter and not entity.definite and not entity.plural
            words.append(Token(self.attribute(self.lexicon[entity.property], entry, short), "ADJ"))
        words.append(Token(noun.plural if entity.plural else noun.singular, noun.tag))
        return words

    def attribute(self, adjective: Entry, noun: Entry, short: bool) -> str:
        """The adjective before its noun."""
        if other := adjective.get(noun.group) or adjective.get("attributive"):
            return other if short else other + "e"
        return adjective.lemma if short else adjective.get("inflected") or adjective.lemma + "e"

    def adjective(self, adjective: str, subject: Entity) -> str:
        """The uninflected adjective after the copula."""
        entry = self.lexicon[adjective]
        return entry.get(self.lexicon[subject.concept].group) or entry.lemma


GRAMMAR = Dutch

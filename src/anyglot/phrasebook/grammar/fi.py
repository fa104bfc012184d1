"""Finnish: total and partitive objects, three local series in two sets of cases, postpositions, the negative verb."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag
from anyglot.phrasebook.grammar.finnish_inflection import Case, Conjugation, Nominal, conjugate, decline
from anyglot.phrasebook.lexicon import Entry, Lexicon
from anyglot.phrasebook.meaning import Clause, Entity, Meaning, Place

# What one can be in, and what one is on or at.
LOCAL_CASES: dict[str, dict[str, Case]] = {
    "inner": {"at": "inessive", "to": "illative", "from": "elative"},
    "outer": {"at": "adessive", "to": "allative", "from": "ablative"},
}
# Postpositions follow the genitive and have the three directions themselves.
POSTPOSITIONS: dict[str, dict[str, str]] = {
    "alla": {"at": "alla", "to": "alle", "from": "alta"},
    "takana": {"at": "takana", "to": "taakse", "from": "takaa"},
    "vieressä": {"at": "vieressä", "to": "viereen", "from": "vierestä"},
    "edessä": {"at": "edessä", "to": "eteen", "from": "edestä"},
    "yläpuolella": {"at": "yläpuolella", "to": "yläpuolelle", "from": "yläpuolelta"},
    "yllä": {"at": "yllä", "to": "ylle", "from": "yltä"},
    "lähellä": {"at": "lähellä", "to": "lähelle", "from": "läheltä"},
    "päällä": {"at": "päällä", "to": "päälle", "from": "päältä"},
    "välissä": {"at": "välissä", "to": "väliin", "from": "välistä"},
}
COPULA = Conjugation(("on", "ovat"), ("oli", "olivat"), "ole", ("ollut", "olleet"))
NEGATIVE_VERB = ("ei", "eivät")
JOINED_NEGATIVE_VERB = ("eikä", "eivätkä")  # and + not


@cache
def regular_nominal(lemma: str) -> Nominal:
    """A word that stands in for another, declined by rule."""
    return decline(lemma, {})


@cache
def regular_verb(lemma: str) -> Conjugation:
    """A verb that stands in for another, conjugated by rule."""
    return conjugate(lemma, {})


class Finnish(Grammar):
    """See the module's first line."""

    language: ClassVar[str] = "fi"
    comma_before: ClassVar[frozenset[str]] = frozenset({"and", "but"})
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {"relation": ("series",)}

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        self._nominals: dict[str, Nominal] = {}
        self._verbs: dict[str, Conjugation] = {}
        for entry in lexicon.entries():
            if entry.category == "verb":
                self._verbs[entry.concept] = conjugate(entry.lemma, entry.features)
            elif entry.proper or entry.category in ("noun", "adjective"):
                self._nominals[entry.concept] = decline(entry.lemma, entry.features)

    def realise(self, meaning: Meaning) -> list[Token]:
        """A negated second clause is joined by eikä, which is and with the negative verb in one."""
        second = meaning.second
        if second is None or meaning.connective != "and" or not second.negated:
            return super().realise(meaning)
        joined = Token(JOINED_NEGATIVE_VERB[second.agent.plural], "CCONJ")
        words = [*self.clause(meaning.first), Token(",", "PUNCT"), joined, *self.words(second, joined=True)]
        return [*self.capitalised(words), Token(self.full_stop, "PUNCT")]

    def clause(self, clause: Clause) -> list[Token]:
        """Subject, verb, time, recipient, object, place; the time may open the sentence."""
        return self.words(clause, joined=False)

    def words(self, clause: Clause, joined: bool) -> list[Token]:
        """The clause, without its negative verb where that has been said before it."""
        time = self.time_tokens(clause)
        words = self.noun_phrase(clause.agent, "nominative") + self.verb_group(clause, joined)
        words = time + words if clause.time_first else words + time
        if clause.recipient is not None:
            words += self.noun_phrase(clause.recipient, "allative")
        if clause.patient is not None and clause.verb:
            words += self.object(clause, clause.patient, self.lexicon[clause.verb])
        if clause.property:
            words.append(self.predicate(clause.property, clause.agent))
        if clause.place is not None:
            direction = self.lexicon[clause.verb].get("place", "at") if clause.verb else "at"
            words += self.place(clause.place, direction)
        return words

    def verb_group(self, clause: Clause, joined: bool) -> list[Token]:
        """The finite verb, or the negative verb and what follows it; a counted subject has the singular."""
        forms, tag = COPULA, "AUX"
        plural = clause.agent.plural and clause.agent.count is None
        if clause.verb is not None:
            forms, tag = self.verb(clause), "VERB"
        past = clause.tense == "past"
        if not clause.negated:
            return [Token((forms.past if past else forms.present)[plural], tag)]
        main = Token(forms.participle[plural] if past else forms.negative, tag)
        return [main] if joined else [Token(NEGATIVE_VERB[plural], "AUX"), main]

    def verb(self, clause: Clause) -> Conjugation:
        """The verb; some agents and patients have one of their own (the sun paistaa, a room one siivoaa)."""
        name = clause.verb or ""
        own = self.lexicon[(clause.patient or clause.agent).concept].get("verb_" + name)
        return regular_verb(own) if own else self._verbs[name]

    def object(self, clause: Clause, patient: Entity, verb: Entry) -> list[Token]:
        """The patient in the case that the verb wants, else total or partitive."""
        entry = self.lexicon[patient.concept]
        government = verb.get("object")
        if government in ("at", "to"):
            if "human" in entry.traits or entry.category == "name":
                if government == "to":
                    return self.noun_phrase(patient, "allative")
                return [*self.noun_phrase(patient, "genitive"), Token("luona", "ADP")]
            return self.noun_phrase(patient, LOCAL_CASES[entry.get("local", "inner")][government])
        case: Case
        if government == "partitive" or self.is_partial(clause, patient, entry, verb):
            case = "partitive"
        else:
            case = "nominative" if patient.plural else "genitive"
        words = self.noun_phrase(patient, case, clause.verb)
        if worn := verb.get("worn"):
            return [Token(entry.get("worn", worn), "ADV"), *words]
        return words

    def is_partial(self, clause: Clause, patient: Entity, entry: Entry, verb: Entry) -> bool:
        """Not done, not yet done, or not of a whole: the object is partitive."""
        if clause.negated or (clause.aspect == "ongoing" and patient.count is None and not verb.get("punctual")):
            return True
        return not patient.definite and patient.count is None and (patient.plural or "mass" in entry.traits)

    def predicate(self, adjective: str, subject: Entity) -> Token:
        """Partitive of what is a mass or many, else nominative; some have an adverb here (auki, rikki)."""
        entry, noun = self.lexicon[adjective], self.lexicon[subject.concept]
        adverb = entry.get("predicate")
        if adverb and entry.get("literal") != subject.concept:
            return Token(adverb, "ADV")
        forms = self.adjective(adjective, noun)
        if subject.plural:
            return Token(forms.plural["nominative" if "pair" in noun.traits else "partitive"], "ADJ")
        return Token(forms.singular["partitive" if "mass" in noun.traits else "nominative"], "ADJ")

    def place(self, place: Place, direction: str) -> list[Token]:
        """A local case or a postposition, as the relation or the noun itself has it."""
        noun = self.lexicon[place.entity.concept]
        relation = place.relation
        if relation in ("at", "to", "from"):
            if relation != "at":
                direction = relation
            series = noun.get("local", "inner")
        else:
            series = noun.get(relation) or self.lexicon[relation]["series"]
        if series in LOCAL_CASES:
            return self.noun_phrase(place.entity, LOCAL_CASES[series][direction])
        return [*self.noun_phrase(place.entity, "genitive"), Token(POSTPOSITIONS[series][direction], "ADP")]

    def noun_phrase(self, entity: Entity, case: Case, verb: str | None = None) -> list[Token]:
        """Digits, adjective, noun; after digits the singular, which is partitive where it were nominative."""
        entry = self.lexicon[entity.concept]
        forms = self._nominals[entity.concept]
        if verb is not None and (other := entry.get("as_" + verb)):
            forms = regular_nominal(other)
        words: list[Token] = []
        plural = entity.plural
        if entity.count is not None:
            words.append(Token(str(entity.count), "NUM"))
            plural = False
            case = "partitive" if case == "nominative" else case
        if entity.property:
            adjective = self.adjective(entity.property, entry)
            words.append(Token((adjective.plural if plural else adjective.singular)[case], "ADJ"))
        words.append(Token((forms.plural if plural else forms.singular)[case], noun_tag(entry)))
        return words

    def adjective(self, adjective: str, noun: Entry) -> Nominal:
        """The adjective; some nouns and groups have one of their own (a dark cloud is tumma, a forest pimeä)."""
        own = noun.get(adjective) or self.lexicon[adjective].get(noun.group)
        return regular_nominal(own) if own else self._nominals[adjective]


GRAMMAR = Finnish

"""English: a/an, do-support, the progressive, and a fixed subject-verb-object-place-time order."""

from __future__ import annotations

from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag, phrase
from anyglot.phrasebook.lexicon import Entry
from anyglot.phrasebook.meaning import Clause, Entity

VOWELS = "aeiou"


def plural_of(noun: Entry) -> str:
    """The plural form: irregular from the lexicon, else by the spelling rules."""
    lemma = noun.lemma
    if plural := noun.get("plural"):
        return plural
    if lemma.endswith("y") and lemma[-2] not in VOWELS:
        return lemma[:-1] + "ies"
    return lemma + ("es" if lemma.endswith(("s", "x", "ch", "sh")) else "s")


def third_person(verb: str) -> str:
    """The third person singular present."""
    if verb.endswith("y") and verb[-2] not in VOWELS:
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "ch", "sh", "o")) else "s")


def past_of(verb: Entry) -> str:
    """The simple past: irregular from the lexicon, else -ed."""
    lemma = verb.lemma
    if past := verb.get("past"):
        return past
    if lemma.endswith("y") and lemma[-2] not in VOWELS:
        return lemma[:-1] + "ied"
    return lemma + ("d" if lemma.endswith("e") else "ed")


def ing_of(verb: Entry) -> str:
    """The present participle."""
    lemma = verb.lemma
    return verb.get("ing") or (lemma[:-1] if lemma.endswith("e") else lemma) + "ing"


class English(Grammar):
    """See the module's first line."""

    language: ClassVar[str] = "en"

    def clause(self, clause: Clause) -> list[Token]:
        """Time first or last, place before it."""
        time = self.time_tokens(clause)
        words = self.noun_phrase(clause.agent) + self.predicate(clause)
        return time + words if clause.time_first else words + time

    def predicate(self, clause: Clause) -> list[Token]:
        """Verb, objects and place, or copula and complement."""
        place = self.place(clause)
        if clause.verb is None:
            adjective = [Token(self.lexicon[clause.property].lemma, "ADJ")] if clause.property else []
            return [self.copula(clause), *self.negation(clause), *adjective, *place]
        verb = self.lexicon[clause.verb]
        words = self.verb_group(clause, verb)
        if preposition := verb.get("preposition"):
            words.append(Token(preposition, "ADP"))
        for entity in (clause.recipient, clause.patient):
            if entity is not None:
                words += self.noun_phrase(entity)
        return words + place

    def verb_group(self, clause: Clause, verb: Entry) -> list[Token]:
        """The finite verb with what negation and the progressive add to it."""
        if clause.aspect == "ongoing":
            return [self.copula(clause), *self.negation(clause), Token(ing_of(verb), "VERB")]
        past = clause.tense == "past"
        if clause.negated:
            auxiliary = "did" if past else ("do" if clause.agent.plural else "does")
            return [Token(auxiliary, "AUX"), *self.negation(clause), Token(verb.lemma, "VERB")]
        if past:
            return [Token(past_of(verb), "VERB")]
        return [Token(verb.lemma if clause.agent.plural else third_person(verb.lemma), "VERB")]

    def copula(self, clause: Clause) -> Token:
        """The form of be that agrees with the subject."""
        if clause.tense == "past":
            return Token("were" if clause.agent.plural else "was", "AUX")
        return Token("are" if clause.agent.plural else "is", "AUX")

    def negation(self, clause: Clause) -> list[Token]:
        """The particle, if the clause is negated."""
        return [Token("not", "PART")] if clause.negated else []

    def place(self, clause: Clause) -> list[Token]:
        """A preposition (some are the noun's own choice) and its noun phrase."""
        if clause.place is None:
            return []
        relation = clause.place.relation
        own = self.lexicon[clause.place.entity.concept].get(relation)
        words = [Token(own, "ADP")] if own else self.preposition(relation)
        return words + self.noun_phrase(clause.place.entity)

    def preposition(self, relation: str) -> list[Token]:
        """The words of a relation."""
        entry = self.lexicon[relation]
        return phrase(entry) if entry.get("pos") else [Token(entry.lemma, "ADP")]

    def noun_phrase(self, entity: Entity) -> list[Token]:
        """Article or digits, adjective, noun."""
        entry = self.lexicon[entity.concept]
        if entry.proper:
            return [Token(entry.lemma, "PROPN")]
        words = [Token(self.lexicon[entity.property].lemma, "ADJ")] if entity.property else []
        words.append(Token(plural_of(entry) if entity.plural else entry.lemma, noun_tag(entry)))
        if entity.count is not None:
            return [Token(str(entity.count), "NUM"), *words]
        if entity.definite:
            return [Token("the", "DET"), *words]
        if entity.plural or "mass" in entry.traits:
            return words
        # By letter, which is by sound for every word of this lexicon.
        return [Token("an" if words[0].text[0].lower() in VOWELS else "a", "DET"), *words]


GRAMMAR = English

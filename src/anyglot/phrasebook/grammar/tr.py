"""Turkish: the verb last, accusative of what is definite, possessive relations (masanın altında), no copula."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag
from anyglot.phrasebook.grammar.turkish_suffixes import Case, Conjugation, conjugate, decline, was
from anyglot.phrasebook.lexicon import Entry, Lexicon
from anyglot.phrasebook.meaning import Clause, Entity, Place

Declension = tuple[dict[Case, str], dict[Case, str]]

DIRECTION_CASES: dict[str, Case] = {"at": "locative", "to": "dative", "from": "ablative"}
# What a relational noun ends in: masanın altında, altına, altından.
RELATION_ENDINGS = {"at": "nda nde", "to": "na ne", "from": "ndan nden"}
OBLIQUE_OBJECTS: dict[str, Case] = {"accusative": "accusative", "dative": "dative"}


@cache
def regular_noun(lemma: str) -> Declension:
    """A noun that stands in for another, declined by rule."""
    return decline(lemma, {}, proper=False)


@cache
def regular_verb(lemma: str) -> Conjugation:
    """A verb that stands in for another, conjugated by rule."""
    return conjugate(lemma, {})


class Turkish(Grammar):
    """See the module's first line."""

    language: ClassVar[str] = "tr"
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        self._nouns: dict[str, Declension] = {}
        self._verbs: dict[str, Conjugation] = {}
        for entry in lexicon.entries():
            if entry.category == "verb":
                self._verbs[entry.concept] = conjugate(entry.lemma, entry.features)
            elif entry.proper or entry.category == "noun":
                self._nouns[entry.concept] = decline(entry.lemma, entry.features, noun_tag(entry) == "PROPN")

    def capitalised(self, tokens: list[Token]) -> list[Token]:
        """The capital of i is İ."""
        first = tokens[0]
        if first.upos != "PROPN" and first.text.startswith("i"):
            return [Token("İ" + first.text[1:], first.upos), *tokens[1:]]
        return super().capitalised(tokens)

    def clause(self, clause: Clause) -> list[Token]:
        """Subject, time, place, objects, verb or predicate; the time may open the sentence."""
        time = self.time_tokens(clause)
        agent = self.noun_phrase(clause.agent, "nominative")
        words = time + agent if clause.time_first else agent + time
        if clause.verb is None:
            return words + self.predicate(clause)
        verb = self.lexicon[clause.verb]
        place = self.place(clause.place, clause.agent, verb.get("place", "at")) if clause.place is not None else []
        patient = self.object(clause, clause.patient, verb) if clause.patient is not None else []
        if clause.recipient is not None:
            place += self.noun_phrase(clause.recipient, "dative")
        complement = clause.recipient is not None or verb.get("place")
        # What is known comes first: "kitabı çocuğa verdi", but "çocuğa bir kitap verdi".
        if complement and clause.patient is not None and clause.patient.definite:
            return [*words, *patient, *place, *self.finite(clause)]
        return [*words, *place, *patient, *self.finite(clause)]

    def predicate(self, clause: Clause) -> list[Token]:
        """Adjective or place; the past and the negation are said on it or after it."""
        words: list[Token] = []
        if clause.property:
            words = self.adjective(clause.property, self.lexicon[clause.agent.concept])
        elif clause.place is not None:
            words = self.place(clause.place, clause.agent, "at")
        past = clause.tense == "past"
        if clause.negated:
            return [*words, Token("değildi" if past else "değil", "AUX")]
        if past:
            words[-1] = Token(was(words[-1].text), words[-1].upos)
        return words

    def finite(self, clause: Clause) -> list[Token]:
        """The verb; a plural subject that is said has the singular."""
        name = clause.verb or ""
        # Some patients and agents have a verb of their own: fish one tutar, birds öter.
        own = self.lexicon[(clause.patient or clause.agent).concept].get("verb_" + name)
        forms = regular_verb(own) if own else self._verbs[name]
        if clause.tense == "past":
            pair = forms.past_progressive if clause.aspect == "state" else forms.past
        elif clause.aspect == "habitual" and (clause.time or not self.lexicon[name].get("present")):
            pair = forms.aorist
        else:
            pair = forms.progressive
        *light, verb = pair[clause.negated].split()
        return [*(Token(word, "NOUN") for word in light), Token(verb, "VERB")]

    def object(self, clause: Clause, patient: Entity, verb: Entry) -> list[Token]:
        """The case of the verb, else accusative of what is definite; what is neither is bare."""
        case = OBLIQUE_OBJECTS.get(verb.get("object"))
        if case is None:
            case = "accusative" if patient.definite else "nominative"
        return self.noun_phrase(patient, case, clause)

    def place(self, place: Place, agent: Entity, direction: str) -> list[Token]:
        """A case of the noun, or its genitive and a relational noun."""
        noun = self.lexicon[place.entity.concept]
        relation = place.relation
        if relation in ("to", "from"):
            direction = relation
        series = noun.get(relation) or self.lexicon[relation].get("noun")
        if not series or series == "case" or (relation == "at" and not self.is_living(agent)):
            return self.noun_phrase(place.entity, DIRECTION_CASES[direction])
        back, front = RELATION_ENDINGS[direction].split()
        relational = series + (back if series[-1] in "ıu" else front)
        return [*self.noun_phrase(place.entity, "genitive"), Token(relational, "ADP")]

    def is_living(self, agent: Entity) -> bool:
        """Who is "at the river" is on its bank; a boat there is on the water."""
        entry = self.lexicon[agent.concept]
        return entry.category == "name" or "animate" in entry.traits

    def noun_phrase(self, entity: Entity, case: Case, clause: Clause | None = None) -> list[Token]:
        """Digits, adjective, bir, noun; `clause` is given for its patient, which may be bare."""
        entry = self.lexicon[entity.concept]
        forms = self._nouns[entity.concept]
        words: list[Token] = []
        plural = entity.plural and entity.count is None
        single = not (entity.definite or entity.plural or "mass" in entry.traits)
        if clause is not None:
            if other := entry.get(f"as_{clause.verb}"):
                forms = regular_noun(other)
            if case == "nominative" and not entity.property:
                # Kinds of things are bare ("kitap okuyor"), and so is what there is none of ("mektup yazmadı").
                plural = plural and "animate" in entry.traits and not clause.negated
                single = single and not clause.negated
        if entity.count is not None:
            words.append(Token(str(entity.count), "NUM"))
        if entity.property:
            words += self.adjective(entity.property, entry)
        if single:
            words.append(Token("bir", "DET"))
        text = forms[plural][case]
        if " " not in text:
            words.append(Token(text, noun_tag(entry)))
            return words
        return words + [Token(word, "NOUN") for word in text.split()]

    def adjective(self, adjective: str, noun: Entry) -> list[Token]:
        """The adjective; some nouns and groups have one of their own (kırık glasses, bozuk phones)."""
        entry = self.lexicon[adjective]
        text = noun.get(adjective) or entry.get(noun.group) or entry.lemma
        return [Token(word, "ADJ") for word in text.split()]


GRAMMAR = Turkish

"""German: verb second, four-way agreement in the noun phrase, three cases, kein or nicht."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag, phrase
from anyglot.phrasebook.lexicon import Entry
from anyglot.phrasebook.meaning import Clause, Entity

# case -> ending by gender ("pl" for all genders in the plural)
DEFINITE = {
    "nom": {"m": "der", "n": "das", "f": "die", "pl": "die"},
    "acc": {"m": "den", "n": "das", "f": "die", "pl": "die"},
    "dat": {"m": "dem", "n": "dem", "f": "der", "pl": "den"},
}
# ein and kein; ein has no plural
INDEFINITE_ENDING = {
    "nom": {"m": "", "n": "", "f": "e", "pl": "e"},
    "acc": {"m": "en", "n": "", "f": "e", "pl": "e"},
    "dat": {"m": "em", "n": "em", "f": "er", "pl": "en"},
}
ADJECTIVE_ENDING = {
    "weak": {
        "nom": {"m": "e", "n": "e", "f": "e", "pl": "en"},
        "acc": {"m": "en", "n": "e", "f": "e", "pl": "en"},
        "dat": {"m": "en", "n": "en", "f": "en", "pl": "en"},
    },
    "mixed": {
        "nom": {"m": "er", "n": "es", "f": "e", "pl": "en"},
        "acc": {"m": "en", "n": "es", "f": "e", "pl": "en"},
        "dat": {"m": "en", "n": "en", "f": "en", "pl": "en"},
    },
    "strong": {
        "nom": {"m": "er", "n": "es", "f": "e", "pl": "e"},
        "acc": {"m": "en", "n": "es", "f": "e", "pl": "e"},
        "dat": {"m": "em", "n": "em", "f": "er", "pl": "en"},
    },
}
CONTRACTIONS = {
    ("in", "dem"): "im",
    ("an", "dem"): "am",
    ("bei", "dem"): "beim",
    ("von", "dem"): "vom",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
    ("in", "das"): "ins",
    ("an", "das"): "ans",
}
ALWAYS_DATIVE = frozenset({"zu", "aus", "von", "bei", "nach"})


class German(Grammar):
    """See the module's first line."""

    language: ClassVar[str] = "de"
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {"noun": ("gender",), "verb": ("present", "past")}

    def clause(self, clause: Clause) -> list[Token]:
        """The finite verb comes second; the time opens the sentence or stands in the middle field."""
        agent = self.noun_phrase(clause.agent, "nom")
        verb = self.finite(clause)
        if clause.time_first:
            return [*self.time_tokens(clause), verb, *agent, *self.rest(clause, [])]
        return [*agent, verb, *self.rest(clause, self.time_tokens(clause))]

    def rest(self, clause: Clause, time: list[Token]) -> list[Token]:
        """Objects, time, nicht, place or predicate, and the verb's particle at the very end."""
        verb = self.lexicon[clause.verb] if clause.verb else None
        words = self.noun_phrase(clause.recipient, "dat") if clause.recipient is not None else []
        takes_kein = clause.negated and clause.patient is not None and not clause.patient.definite
        patient: list[Token] = []
        if clause.patient is not None:
            case = verb.get("object", "acc") if verb else "acc"
            patient = self.noun_phrase(clause.patient, case, negated=takes_kein)
        if clause.negated and not takes_kein:
            # What is known comes before the time, so that nicht can follow: "sah das Schiff gestern nicht".
            words += [*patient, *time, Token("nicht", "PART")]
        else:
            words += [*time, *patient]
        words += self.place(clause)
        if clause.property:
            words.append(Token(self.lexicon[clause.property].lemma, "ADJ"))
        if verb and (particle := verb.get("particle")):
            words.append(Token(particle, "ADP"))
        return words

    def finite(self, clause: Clause) -> Token:
        """Present or preterite, agreeing with the subject."""
        plural = clause.agent.plural
        if clause.verb is None:
            forms = ("war", "waren") if clause.tense == "past" else ("ist", "sind")
            return Token(forms[plural], "AUX")
        verb = self.lexicon[clause.verb]
        if clause.tense == "past":
            past = verb["past"]
            return Token(past + ("" if not plural else "n" if past.endswith("e") else "en"), "VERB")
        return Token(verb.get("plural", verb.lemma) if plural else verb["present"], "VERB")

    def place(self, clause: Clause) -> list[Token]:
        """Preposition and noun phrase: the accusative only says where to."""
        if clause.place is None:
            return []
        relation, entity = clause.place.relation, clause.place.entity
        own = self.lexicon[entity.concept].get(relation)
        entry = self.lexicon[relation]
        words = phrase(entry) if not own and entry.get("pos") else [Token(own or entry.lemma, "ADP")]
        preposition = words[-1].text
        case = "acc" if relation == "to" and preposition not in ALWAYS_DATIVE else "dat"
        noun_phrase = self.noun_phrase(entity, case)
        contraction = CONTRACTIONS.get((preposition, noun_phrase[0].text))
        if contraction is not None:
            return [*words[:-1], Token(contraction, "ADP"), *noun_phrase[1:]]
        return words + noun_phrase

    def noun_phrase(self, entity: Entity, case: str, negated: bool = False) -> list[Token]:
        """Article, kein or digits; adjective; noun: all agreeing in gender, number and case."""
        entry = self.lexicon[entity.concept]
        if entry.proper:
            article = [Token(DEFINITE[case][entry["article"]], "DET")] if entry.get("article") else []
            return [*article, Token(entry.lemma, "PROPN")]
        agreement = "pl" if entity.plural else entry["gender"]
        bare = entity.plural or "mass" in entry.traits
        words: list[Token] = []
        declension = "strong"
        if entity.count is not None:
            words.append(Token(str(entity.count), "NUM"))
        elif entity.definite:
            words.append(Token(DEFINITE[case][agreement], "DET"))
            declension = "weak"
        elif negated or not bare:
            words.append(Token(("kein" if negated else "ein") + INDEFINITE_ENDING[case][agreement], "DET"))
            declension = "mixed"
        if entity.property:
            adjective = self.lexicon[entity.property]
            ending = ADJECTIVE_ENDING[declension][case][agreement]
            words.append(Token(adjective.get("stem", adjective.lemma) + ending, "ADJ"))
        words.append(Token(self.noun(entry, entity.plural, case), noun_tag(entry)))
        return words

    def noun(self, entry: Entry, plural: bool, case: str) -> str:
        """The inflected noun."""
        if not plural:
            return entry.lemma if case == "nom" else entry.get("oblique", entry.lemma)
        form = entry["plural"]
        return form + "n" if case == "dat" and not form.endswith(("n", "s")) else form


GRAMMAR = German

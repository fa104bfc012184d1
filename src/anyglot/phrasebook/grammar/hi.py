"""Hindi: the verb last, postpositions after the oblique case, and ने: what was done agrees with what it was done to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar, NamedTuple

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag, phrase
from anyglot.phrasebook.grammar.hindi_inflection import (
    MASCULINE_SINGULAR,
    Agreement,
    NounForms,
    adjective_form,
    continuous,
    copula,
    imperfective,
    noun_forms,
    perfective,
)
from anyglot.phrasebook.lexicon import Entry, Lexicon
from anyglot.phrasebook.meaning import Clause, Entity, Place

NE, KO, NOT = Token("ने", "ADP"), Token("को", "ADP"), Token("नहीं", "PART")
POSTPOSITIONS = frozenset(["का", "की", "के", "को", "से"])
STEMS_WITHOUT_NE = frozenset(["मिल", "ला", "जा"])  # transitive in meaning only: वह कॉफ़ी लाया
PREFIX_TAGS = {"बंद": "ADJ", "साफ़": "ADJ", "ठीक": "ADJ", "खो": "VERB", "ले": "VERB"}  # others are nouns


class Form(NamedTuple):
    """The parts of a verb's `form`: "खोल", "बंद कर", "की मदद:f कर", "यात्रा:f कर"."""

    marker: str  # the postposition of the object
    prefix: str
    light: str  # the noun that the verb agrees with
    light_agreement: Agreement
    stem: str


@lru_cache(maxsize=512)
def parse_form(text: str) -> Form:
    """Read the notation of the lexicon's `form`."""
    *before, stem = text.split()
    marker = before.pop(0) if before and before[0] in POSTPOSITIONS else ""
    word, _, gender = before[0].partition(":") if before else ("", "", "")
    light = word if gender else ""
    return Form(marker, "" if gender else word, light, Agreement(gender == "f", False), stem)


@lru_cache(maxsize=64)
def postposition(text: str) -> tuple[Token, ...]:
    """The words of a simple or a compound postposition."""
    return tuple(Token(word, "ADP") for word in text.split())


class Hindi(Grammar):
    """See the module's first line."""

    language: ClassVar[str] = "hi"
    full_stop: ClassVar[str] = "।"
    required: ClassVar[Mapping[str, tuple[str, ...]]] = {"noun": ("gender",), "verb": ("form",)}

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        self._noun_forms: dict[str, NounForms] = {}

    def clause(self, clause: Clause) -> list[Token]:
        """Subject and time in either order, then place, recipient, object, verb."""
        time = self.time_tokens(clause)
        if clause.verb is None:
            agent, rest = self.noun_phrase(clause.agent), self.description(clause)
        else:
            agent, rest = self.action(clause, self.lexicon[clause.verb])
        return [*time, *agent, *rest] if clause.time_first else [*agent, *time, *rest]

    def description(self, clause: Clause) -> list[Token]:
        """Place or agreeing adjective before the copula."""
        agreement = self.agreement(clause.agent)
        words = self.place(clause.place)
        if clause.property is not None:
            words = self.adjective(clause.property, clause.agent, agreement.feminine, agreement.plural)
        negation = [NOT] if clause.negated else []
        return [*words, *negation, Token(copula(agreement, clause.tense == "past"), "AUX")]

    def action(self, clause: Clause, verb: Entry) -> tuple[list[Token], list[Token]]:
        """The subject in its case, and all that follows it."""
        form = self.form(clause, verb)
        patient, unmarked = self.patient(clause, verb, form)
        completed = clause.aspect == "completed"
        controller = self.agreement(clause.agent)
        case: list[Token] = []
        if verb.get("subject") == "को" and clause.patient is not None:
            case, controller = [KO], self.agreement(clause.patient)
        elif completed and form.stem not in STEMS_WITHOUT_NE and (clause.patient is not None or form.light):
            case = [NE]
            controller = MASCULINE_SINGULAR
            if form.light:
                controller = form.light_agreement
            elif unmarked and clause.patient is not None:
                controller = self.agreement(clause.patient)
        recipient: list[Token] = []
        if clause.recipient is not None:
            marker = postposition(verb.get("recipient", "को"))
            recipient = [*self.noun_phrase(clause.recipient, oblique=True), *marker]
        place = self.goal(clause, verb) if clause.kind == "motion" else self.place(clause.place)
        words = [*place, *recipient, *patient, *self.verb_group(clause, verb, form, controller)]
        return [*self.noun_phrase(clause.agent, oblique=bool(case)), *case], words

    def form(self, clause: Clause, verb: Entry) -> Form:
        """The word for the verb with this object (or subject, of verbs without): the noun's own or its group's."""
        target = self.lexicon[(clause.patient or clause.agent).concept]
        own = target.get(verb.concept) or verb.get(target.group)
        if clause.negated:
            own = own or verb.get("negated")
        return parse_form(own or verb["form"])

    def patient(self, clause: Clause, verb: Entry, form: Form) -> tuple[list[Token], bool]:
        """The object, and whether it stands without postposition: persons take को, animals when definite."""
        entity = clause.patient
        if entity is None:
            return [], False
        traits = self.lexicon[entity.concept].traits
        marker = form.marker
        known_animal = "animate" in traits and entity.definite and verb.get("marked") != "never"
        if not marker and clause.recipient is None and ("human" in traits or known_animal):
            marker = "को"
        bare = clause.aspect == verb.get("bare")
        words = self.noun_phrase(entity, oblique=bool(marker), negated=clause.negated, bare=bare)
        return ([*words, Token(marker, "ADP")], False) if marker else (words, True)

    def verb_group(self, clause: Clause, verb: Entry, form: Form, controller: Agreement) -> list[Token]:
        """What belongs to the verb, the negation, the participle and the copula."""
        words = [Token(form.light, "NOUN")] if form.light else []
        if form.prefix:
            words.append(Token(form.prefix, PREFIX_TAGS.get(form.prefix, "NOUN")))
        if clause.negated:
            words.append(NOT)
        if clause.aspect == "completed":
            return [*words, Token(perfective(form.stem, controller), "VERB")]
        past = clause.tense == "past"
        auxiliary = Token(copula(controller, past), "AUX")
        if clause.aspect == "ongoing":
            if participle := verb.get("ongoing"):
                first, *others = participle.split()
                return [*words, Token(first, "VERB"), *(Token(word, "AUX") for word in others), auxiliary]
            return [*words, Token(form.stem, "VERB"), Token(continuous(controller), "AUX"), auxiliary]
        alone = clause.negated and not past  # नहीं खाता: the copula goes
        participle = imperfective(form.stem, controller, alone)
        return [*words, Token(participle, "VERB"), *([] if alone else [auxiliary])]

    def goal(self, clause: Clause, verb: Entry) -> list[Token]:
        """Where to or from: the verb's postposition, or for mere going the noun's own, often none."""
        place = clause.place
        if place is None:
            return []
        goal = verb.get(f"{self.lexicon[clause.agent.concept].group}_goal") or verb.get("goal")
        return self.place(place) if not goal else [*self.noun_phrase(place.entity, oblique=True), *postposition(goal)]

    def place(self, place: Place | None) -> list[Token]:
        """The noun and the postposition of the relation, or its own."""
        if place is None:
            return []
        own = self.lexicon[place.entity.concept].get(place.relation, self.lexicon[place.relation].lemma)
        words = self.noun_phrase(place.entity, oblique=True)
        return words if own == "-" else [*words, *postposition(own)]

    def agreement(self, entity: Entity) -> Agreement:
        """The gender and the number of an entity; names of women are feminine, all other proper names masculine."""
        entry = self.lexicon[entity.concept]
        if entry.proper:
            return Agreement(entry.group == "female", False)
        return Agreement(entry["gender"] == "f", entity.plural)

    def adjective(self, concept: str, entity: Entity, feminine: bool, inflected: bool) -> list[Token]:
        """The adjective for this noun, agreeing; हुआ of थका हुआ is its auxiliary."""
        lemma = self.lexicon[entity.concept].get(concept, self.lexicon[concept].lemma)
        first, *others = adjective_form(lemma, feminine, inflected).split()
        return [Token(first, "ADJ"), *(Token(word, "AUX") for word in others)]

    def noun_phrase(
        self, entity: Entity, oblique: bool = False, negated: bool = False, bare: bool = False
    ) -> list[Token]:
        """एक, digits or (of what is not) कोई; adjective; noun."""
        entry = self.lexicon[entity.concept]
        if entry.proper:
            return [Token(entry.lemma, "PROPN")]
        forms = self._noun_forms.get(entity.concept)
        if forms is None:
            forms = self._noun_forms[entity.concept] = noun_forms(entry)
        words: list[Token] = []
        if entity.count is not None:
            words.append(Token(str(entity.count), "NUM"))
        elif not (entity.definite or entity.plural or bare or "mass" in entry.traits):
            words.append(Token(("किसी" if oblique else "कोई") if negated else "एक", "DET"))
        if entity.property:
            words += self.adjective(entity.property, entity, entry["gender"] == "f", oblique or entity.plural)
        if " " in entry.lemma:
            words += phrase(entry)[:-1]
        words.append(Token(forms[2 * entity.plural + oblique], noun_tag(entry)))
        return words


GRAMMAR = Hindi

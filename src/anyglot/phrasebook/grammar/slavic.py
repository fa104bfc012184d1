"""What Russian and Ukrainian share: no articles, six cases, a past that agrees in gender, no copula in the present.

The time stands between subject and verb. A completed act is perfective, an ongoing or habitual one imperfective
(the verb's `past` against its `present` and `habitual`). The genitive says what is not there, what is done to nothing
of the kind, and of what one drank some. A language brings its endings along, its numerals and its little words.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from anyglot.phrasebook.grammar.contract import Grammar, Token, noun_tag, phrase
from anyglot.phrasebook.lexicon import Entry, Lexicon
from anyglot.phrasebook.meaning import Clause, Entity, Place

Forms = dict[str, str]  # by case (nom gen dat acc ins loc, and loc2 of nouns), or by agreement (m f n pl)

NOT = Token("не", "PART")
SLOTS = (  # what a verb may have, also for one kind of patient ("animate_past"); the longest names first
    *("habitual_plural", "ongoing_object", "past_stem", "partitive"),
    *("habitual", "present", "plural", "object", "past"),
)
NOT_SITUATED = frozenset({"sun", "moon", "star", "cloud", "stone", "door", "window"})  # of all the places


class Noun(NamedTuple):
    """The forms of a noun; `agreement` is m, f, n or, if it has no singular, pl; `few` is what follows 2, 3, 4."""

    singular: Forms
    plural: Forms
    few: str
    agreement: str
    animate: bool
    tag: str


class Adjective(NamedTuple):
    """The long forms by agreement and case, and the short ones, if the predicate is short now (and was in the past)."""

    long: dict[str, Forms]
    short: Forms | None
    short_past: bool


class Frame(NamedTuple):
    """A verb with one kind of patient: the presents (singular, plural), the past, and the case of the object."""

    ongoing: tuple[str, str]
    habitual: tuple[str, str]
    past: Forms
    object: str
    ongoing_object: str
    partitive: bool


class Slavic(Grammar):
    """See the module's first lines."""

    required: ClassVar[Mapping[str, tuple[str, ...]]] = {"verb": ("present", "plural", "past")}
    copula: ClassVar[Forms]  # "was" by agreement
    past_predicate: ClassVar[str]  # the case of an adjective after it
    few_adjective: ClassVar[Forms]  # its case after 2, 3, 4, by agreement
    absent: ClassVar[tuple[Token, ...]]  # "there is no", in front of the place
    was_absent: ClassVar[tuple[Token, ...]]
    alternating: ClassVar[frozenset[str]]  # words whose form depends on the sounds around them

    def __init__(self, lexicon: Lexicon) -> None:
        super().__init__(lexicon)
        nouns = [entry for entry in lexicon.entries() if entry.category == "noun" or entry.proper]
        self._nouns = {entry.concept: self._noun(entry, entry.lemma) for entry in nouns}
        # What one counts instead is a thing: "съел 3 рыбы" although "видит рыб".
        counted = [entry for entry in nouns if entry.get("counted")]
        self._counted = {e.concept: self._noun(e, e["counted"])._replace(animate=False) for e in counted}
        self._adjectives: dict[tuple[str, str], Adjective] = {}  # (adjective, concept or class of the noun)
        for entry in lexicon.entries("adjective"):
            long, short = self.adjective(entry.lemma), entry.get("short")
            forms = self.short_forms(*short.split()) if short else None
            if forms and (plural := entry.get("short_plural")):
                forms["pl"] = plural
            self._adjectives[entry.concept, ""] = Adjective(long, forms, entry.get("short_past") != "no")
            for noun, other in entry.features.items():
                if not noun.startswith("short"):
                    lemma, _, stem = other.partition("/")
                    forms = self.short_forms(stem) if stem else None
                    self._adjectives[entry.concept, noun] = Adjective(self.adjective(lemma), forms, True)
        self._frames = {entry.concept: self._frames_of(entry) for entry in lexicon.entries("verb")}

    @abstractmethod
    def decline(self, entry: Entry, lemma: str) -> tuple[Forms, Forms]:
        """Singular and plural; the accusative only where it is neither the nominative nor the genitive."""

    @abstractmethod
    def gender(self, entry: Entry, lemma: str) -> str:
        """m, f or n."""

    @abstractmethod
    def few_form(self, entry: Entry, singular: Forms, plural: Forms) -> str:
        """The noun after 2, 3 and 4."""

    @abstractmethod
    def adjective(self, lemma: str) -> dict[str, Forms]:
        """The long forms by agreement and case; without the accusatives that are nominative or genitive."""

    @abstractmethod
    def short_forms(self, masculine: str, stem: str = "") -> Forms:
        """The short forms by agreement; `stem` if a vowel of the masculine drops out."""

    @abstractmethod
    def past_forms(self, past: str, stem: str) -> Forms:
        """The past by agreement, from its masculine and, unless empty, the irregular stem of the rest."""

    @abstractmethod
    def denied_in_genitive(self, patient: Entity) -> bool:
        """Whether a negated verb has this object in the genitive."""

    @abstractmethod
    def situated(self, agreement: str, past: bool) -> list[Token]:
        """How a house or a lake "is" somewhere."""

    @abstractmethod
    def alternate(self, before: str, word: str, after: str) -> str:
        """The variant of one of `alternating` that fits between its neighbours ("" at an end)."""

    def _noun(self, entry: Entry, lemma: str) -> Noun:
        singular, plural = self.decline(entry, lemma)
        agreement = "pl" if entry.get("plural_only") and lemma == entry.lemma else self.gender(entry, lemma)
        animate = "animate" in entry.traits or entry.category == "name" or bool(entry.get("animate"))
        few = self.few_form(entry, singular, plural)
        for forms, like_genitive in ((singular, animate and agreement == "m"), (plural, animate)):
            if forms:
                forms.setdefault("acc", forms["gen" if like_genitive else "nom"])
                forms["loc2"] = forms["loc"]
        if locative := entry.get("locative"):
            singular["loc2"] = locative
        return Noun(singular, plural, few, agreement, animate, noun_tag(entry))

    def _frames_of(self, entry: Entry) -> dict[str, Frame]:
        """Patient class or concept -> frame; "" is any other."""
        slots: dict[str, dict[str, str]] = {"": {}}
        for feature, value in entry.features.items():
            slot = next(name for name in SLOTS if feature == name or feature.endswith("_" + name))
            slots.setdefault(feature.removesuffix(slot).rstrip("_"), {})[slot] = value
        frames = {}
        for key, own in slots.items():
            have = slots[""] | own
            of_habit = own if "present" in own else have
            of_stem = own if "past" in own else have
            singular, plural = have["present"], have["plural"]
            case = have.get("object", "acc")
            frames[key] = Frame(
                ongoing=(singular, plural),
                habitual=(of_habit.get("habitual", singular), of_habit.get("habitual_plural", plural)),
                past=self.past_forms(have["past"], of_stem.get("past_stem", "")),
                object=case,
                ongoing_object=have.get("ongoing_object", case),
                partitive="partitive" in have,
            )
        return frames

    def clause(self, clause: Clause) -> list[Token]:
        """Subject, time, verb, objects, place; or the time first, and then an indefinite subject after its verb."""
        time = self.time_tokens(clause)
        if clause.verb is None:
            subject, verb, rest = self.state(clause)
        else:
            subject, verb, rest = self.action(clause)
        if not clause.time_first:
            words = [*subject, *time, *verb, *rest]
        elif clause.kind == "intransitive" and not clause.agent.definite:
            words = [*time, *verb, *subject, *rest]
        else:
            words = [*time, *subject, *verb, *rest]
        for position, word in enumerate(words):
            if word.text in self.alternating:
                before = words[position - 1].text if position else ""
                after = words[position + 1].text if position + 1 < len(words) else ""
                words[position] = Token(self.alternate(before, word.text, after), word.upos)
        return words

    def action(self, clause: Clause) -> tuple[list[Token], list[Token], list[Token]]:
        """Subject; verb; objects and place."""
        frame = self.frame(clause)
        agreement = self.agreement(clause.agent)
        if clause.tense == "past":
            finite = frame.past[agreement]
        else:
            finite = (frame.habitual if clause.aspect == "habitual" else frame.ongoing)[agreement == "pl"]
        verb = [NOT, Token(finite, "VERB")] if clause.negated else [Token(finite, "VERB")]
        rest = self.noun_phrase(clause.recipient, "dat") if clause.recipient is not None else []
        if clause.patient is not None:
            preposition, _, case = self.object_case(clause, clause.patient, frame).rpartition(" ")
            rest = [*rest, Token(preposition, "ADP")] if preposition else rest
            rest = rest + self.noun_phrase(clause.patient, case)
        return self.noun_phrase(clause.agent, "nom"), verb, rest + self.place(clause.place)

    def frame(self, clause: Clause) -> Frame:
        """The frame of the verb for its patient, or for a journey (far or not)."""
        assert clause.verb is not None
        frames = self._frames[clause.verb]
        other = clause.patient or (clause.place.entity if clause.kind == "motion" and clause.place else None)
        if len(frames) == 1 or other is None:
            return frames[""]
        entry = self.lexicon[other.concept]
        far = entry.category in ("city", "country") or bool(entry.get("far"))
        group = entry.group if entry.category == "noun" else entry.category
        wider = "far" if far else "animate" if self._nouns[other.concept].animate else ""
        return frames.get(entry.concept) or frames.get(group) or frames.get(wider) or frames[""]

    def object_case(self, clause: Clause, patient: Entity, frame: Frame) -> str:
        """The case of the patient, if it takes one with a preposition in front."""
        case = frame.ongoing_object if clause.aspect == "ongoing" else frame.object
        if case != "acc":
            return case
        if clause.negated:
            return "gen" if self.denied_in_genitive(patient) else "acc"
        some = frame.partitive and clause.tense == "past" and not patient.definite
        return "gen" if some and "mass" in self.lexicon[patient.concept].traits else "acc"

    def state(self, clause: Clause) -> tuple[list[Token], list[Token], list[Token]]:
        """Subject; copula or what stands for it; property or place."""
        agreement, past = self.agreement(clause.agent), clause.tense == "past"
        denied = [NOT] if clause.negated else []
        be = [Token(self.copula[agreement], "AUX")] if past else []
        if clause.property is not None:
            return self.noun_phrase(clause.agent, "nom"), [*denied, *be], [self.predicate(clause, agreement)]
        entry, place = self.lexicon[clause.agent.concept], self.place(clause.place)
        if "place" in entry.traits and entry.concept not in NOT_SITUATED:
            return self.noun_phrase(clause.agent, "nom"), [*denied, *self.situated(agreement, past)], place
        if clause.negated:
            return self.noun_phrase(clause.agent, "gen"), list(self.was_absent if past else self.absent), place
        return self.noun_phrase(clause.agent, "nom"), be, place

    def predicate(self, clause: Clause, agreement: str) -> Token:
        """The adjective after the copula, short where that is what one says."""
        adjective = self.adjective_for(clause.property or "", clause.agent.concept)
        past = clause.tense == "past"
        if adjective.short is not None and (adjective.short_past or not past):
            return Token(adjective.short[agreement], "ADJ")
        return Token(adjective.long[agreement][self.past_predicate if past else "nom"], "ADJ")

    def place(self, place: Place | None) -> list[Token]:
        """Preposition and noun phrase; the noun may have a preposition, and a case with it, of its own."""
        if place is None:
            return []
        relation = self.lexicon[place.relation]
        own, _, case = self.lexicon[place.entity.concept].get(place.relation).partition(" ")
        words = phrase(relation) if not own and relation.get("pos") else [Token(own or relation.lemma, "ADP")]
        case = case or relation["case"]
        return words + self.noun_phrase(place.entity, "loc2" if case == "loc" else case)

    def agreement(self, entity: Entity) -> str:
        """What a verb or adjective agrees with."""
        return "pl" if entity.plural else self._nouns[entity.concept].agreement

    def adjective_for(self, adjective: str, noun: str) -> Adjective:
        """The word for a property of this noun."""
        adjectives = self._adjectives
        return (
            adjectives.get((adjective, noun))
            or adjectives.get((adjective, self.lexicon[noun].group))
            or adjectives[adjective, ""]
        )

    def noun_phrase(self, entity: Entity, case: str) -> list[Token]:
        """Digits, adjective, noun; after digits the nominative and accusative make way for what they govern."""
        noun = self._nouns[entity.concept]
        words: list[Token] = []
        form = agreement = ""
        if entity.count is not None:
            noun = self._counted.get(entity.concept, noun)
            words.append(Token(str(entity.count), "NUM"))
            if case == "acc" and noun.animate:
                case = "gen"
            elif case in ("nom", "acc") and 2 <= entity.count % 10 <= 4 and not 12 <= entity.count % 100 <= 14:
                form, case, agreement = noun.few, self.few_adjective[noun.agreement], "pl"
            elif case in ("nom", "acc"):
                case = "gen"
        forms = noun.plural if entity.plural or noun.agreement == "pl" else noun.singular
        if entity.property is not None:
            agreement = agreement or ("pl" if forms is noun.plural else noun.agreement)
            words.append(Token(self.attribute(entity.property, entity.concept, agreement, case, noun.animate), "ADJ"))
        words.append(Token(form or forms[case], noun.tag))
        return words

    def attribute(self, adjective: str, noun: str, agreement: str, case: str, animate: bool) -> str:
        """The adjective before a noun."""
        forms = self.adjective_for(adjective, noun).long[agreement]
        if case == "acc":
            return forms.get("acc") or forms["gen" if animate and agreement in ("m", "pl") else "nom"]
        return forms["loc" if case == "loc2" else case]

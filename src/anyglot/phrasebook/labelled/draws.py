"""Where the items come from: meanings of one split, and other words that fit where one word stood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from random import Random
from typing import TypeVar

from anyglot.errors import UserError
from anyglot.phrasebook.catalogue import load_catalogue
from anyglot.phrasebook.labelled.items import Slot
from anyglot.phrasebook.levels import level_named, restricted
from anyglot.phrasebook.meaning import Clause, Entity, Meaning, Place
from anyglot.phrasebook.preferences import Preferences, Table
from anyglot.phrasebook.sampler import MeaningSampler, split_of

# split of the labelled sets -> split of the meanings
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
GIVE_UP_AFTER = 20_000  # meanings looked at for one that will do
STOCK = 15_000
TELLING = 2  # words of a topic in a sentence that tells it
TRIES = 60  # for one that lies in the split: a held-out split has a tenth of all meanings

T = TypeVar("T")


@lru_cache
def preferences(level: str) -> Preferences:
    """What goes with what at a level."""
    return Preferences(restricted(load_catalogue(), level_named(level)))


@lru_cache(maxsize=2)
def stock(seed: int, level: str) -> tuple[Meaning, ...]:
    """Meanings of one clause, of all splits, to look up rare kinds of them without drawing until one comes."""
    sampler = MeaningSampler(f"{seed} labelled", level)
    drawn = islice(sampler.every_split(), STOCK)
    return tuple(Meaning(meaning.first, topic=meaning.topic) for meaning in drawn)


def concepts_of(clause: Clause) -> set[str]:
    """The participants and the place."""
    return {entity.concept for entity in clause.entities()}


def _is_apart(clause: Clause, taken: set[str]) -> bool:
    return clause.verb not in taken and not concepts_of(clause) & taken


def value(clause: Clause, slot: Slot) -> str | None:
    """What fills a slot, as a concept; the year counts as the time it is said with."""
    if slot == "agent":
        return clause.agent.concept
    if slot == "verb":
        return clause.verb
    if slot == "patient":
        return clause.patient.concept if clause.patient else None
    if slot == "place":
        return clause.place.entity.concept if clause.place else None
    return clause.time


class Draws:
    """A deterministic source for one task and split: a stream of meanings and a stream of choices."""

    def __init__(self, seed: int, task: str, split: str, level: str) -> None:
        if split not in SPLITS:
            raise UserError(f"the labelled sets have no split '{split}'; they have {', '.join(SPLITS)}.")
        self.level = level_named(level)
        self.level_name = level
        self.any_topic = next(iter(preferences(level).catalogue.topics))
        self.split = SPLITS[split]
        self.random = Random(f"anyglot labelled {seed} {task} {split}")
        self.prefer = preferences(level)
        self.concepts = self.prefer.catalogue.concepts
        self._where = f"the {split} set of '{task}' at the level '{level}'"
        self._names = Table({concept.name: 1.0 for concept in self.prefer.catalogue.of("name")})
        self._stock = partial(stock, seed, level)
        self._kinds: dict[str, list[Meaning]] = {}
        self._stream = MeaningSampler(f"{seed} labelled {task}", level).stream(self.split, unique=False)

    def meaning(self, accept: Callable[[Meaning], bool]) -> Meaning:
        """The next meaning of the split that will do."""
        for _, meaning in zip(range(GIVE_UP_AFTER), self._stream, strict=False):
            if accept(meaning):
                return meaning
        raise UserError(f"the phrasebook finds no more sentences for {self._where}; ask for fewer items.")

    def single(self, accept: Callable[[Clause], bool]) -> Meaning:
        """The next meaning of one clause that will do."""
        return self.meaning(lambda meaning: meaning.second is None and accept(meaning.first))

    def like(self, kind: str, accept: Callable[[Clause], bool]) -> Meaning | None:
        """A clause of some kind (`accept` decides, once for each `kind`) about other people, of any split.

        Args:
            kind: The name under which what was accepted is kept.
        """
        if kind not in self._kinds:
            self._kinds[kind] = [meaning for meaning in self._stock() if accept(meaning.first)]
        if not self._kinds[kind]:
            return None
        meaning = self.one_of(self._kinds[kind])
        return replace(meaning, first=self._renamed(meaning.first))

    def beside(self, taken: set[str]) -> Meaning:
        """A clause of the split about other people and things than those, doing something else than a verb of those."""

        def other() -> Meaning | None:
            return self.like("any", lambda _: True)

        made = self.found(other, lambda m: _is_apart(m.first, taken) and self.inside(m), GIVE_UP_AFTER)
        assert made is not None  # the split has a tenth of all there is
        return made

    def about(self, topic: str) -> Meaning:
        """A clause of the split with two words of a topic's own, drawn while that topic was talked about."""
        words = self.prefer.catalogue.topics[topic]
        nouns = words.nouns | {place.partition("/")[2] for place in words.places}

        def is_telling(meaning: Meaning) -> bool:
            clause = meaning.first
            return len(concepts_of(clause) & nouns) + (clause.verb in words.verbs) >= TELLING

        kind = f"about {topic}"
        if kind not in self._kinds:
            self._kinds[kind] = [m for m in self._stock() if m.topic == topic and is_telling(m)]
        made = self.found(lambda: self.like(kind, lambda _: True), self.inside, GIVE_UP_AFTER)
        assert made is not None
        return made

    def _renamed(self, clause: Clause) -> Clause:
        """The clause with another name wherever it has one."""
        taken = concepts_of(clause)
        made: dict[str, Entity] = {}
        for slot in ("agent", "recipient", "patient"):
            entity: Entity | None = getattr(clause, slot)
            name = self.other_name(taken) if self.is_name(entity) else None
            if name is not None:
                made[slot] = Entity(name)
                taken.add(name)
        return replace(clause, **made) if made else clause  # type: ignore[arg-type]

    def inside(self, meaning: Meaning) -> bool:
        """Whether a meaning belongs to the split."""
        return split_of(meaning) == self.split

    def found(self, make: Callable[[], T | None], good: Callable[[T], bool], tries: int = TRIES) -> T | None:
        """The first of several attempts that is good, or None."""
        for _ in range(tries):
            made = make()
            if made is not None and good(made):
                return made
        return None

    def said(self, make: Callable[[], Clause | None], topic: str, tries: int = TRIES) -> Meaning | None:
        """The first of several clauses whose meaning lies in the split."""

        def whole() -> Meaning | None:
            clause = make()
            return None if clause is None else Meaning(clause, topic=topic)

        return self.found(whole, self.inside, tries)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.random.random() < probability

    def one_of(self, options: Sequence[T]) -> T:
        """Any of some options, all alike likely."""
        return options[int(self.random.random() * len(options))]

    def from_table(self, table: Table, taken: set[str]) -> str | None:
        """A draw of a table that is not taken; of "relation/concept" the concept counts."""
        for _ in range(8 if table else 0):
            name = table.draw(self.random.random())
            if name not in taken and name.partition("/")[2] not in taken:
                return name
        return None

    def is_name(self, entity: Entity | None) -> bool:
        """Whether someone is called by name."""
        return entity is not None and self.concepts[entity.concept].category == "name"

    def other_name(self, taken: set[str]) -> str | None:
        """Another person's name."""
        return self.from_table(self._names, taken)

    def place(self, name: str) -> Place:
        """The place behind "relation/concept"."""
        relation, _, concept = name.partition("/")
        return Place(relation, Entity(concept))

    def times(self, clause: Clause) -> list[str]:
        """The times, years aside, that a clause of action or location can have besides its own."""
        verb = clause.verb or ""
        stative = bool(verb) and self.prefer.catalogue.verbs[verb].aspect == "state"
        if clause.kind == "property" or (clause.negated and clause.aspect == "habitual"):
            return []
        if clause.kind == "location" and {"place", "unique"} & self.concepts[clause.agent.concept].traits:
            return []
        return [
            name
            for name, frame in self.prefer.catalogue.times.items()
            if frame.tense == clause.tense
            and clause.aspect in frame.aspects
            and name not in ("in_year", clause.time)
            and (verb in frame.verbs or not frame.verbs)
            and verb not in frame.excluded_verbs
            and not (stative and not frame.verbs)
        ]

    def changed(self, clause: Clause, slots: Sequence[Slot], topic: str, taken: set[str]) -> Clause | None:
        """The clause with other fillers in some slots, none of them taken, or None where there are none."""
        made: Clause | None = clause
        for slot in ("agent", "verb", "patient", "place", "time"):
            if made is not None and slot in slots and (slot == "verb" or value(clause, slot) is not None):
                made = self._change(made, slot, topic, taken | concepts_of(made), "patient" in slots)
        return made

    def _change(self, clause: Clause, slot: str, topic: str, taken: set[str], new_patient: bool) -> Clause | None:
        if slot == "agent":
            return self.with_other_agent(clause, topic, taken)
        if slot == "verb":
            return self._with_other_verb(clause, topic, taken, keeps_patient=not new_patient)
        if slot == "patient":
            return self._with_other_patient(clause, topic, taken)
        if slot == "place":
            return self._with_other_place(clause, topic, taken)
        times = [time for time in self.times(clause) if time not in taken]
        return replace(clause, time=self.one_of(times), year=None) if times else None

    def with_other_agent(self, clause: Clause, topic: str, taken: set[str]) -> Clause | None:
        """Someone or something else of the same sort that can do the same."""
        concept = self.concepts[clause.agent.concept]
        if concept.category == "name":
            name = self.other_name(taken)
            return replace(clause, agent=Entity(name)) if name else None
        others = [
            other.name
            for other in self.prefer.catalogue.of(concept.category, concept.group)
            if other.name not in taken and self._suits(other.name, clause, topic)
        ]
        if not others:
            return None
        other = self.one_of(others)
        traits = self.concepts[other].traits
        plural = clause.agent.plural and not {"mass", "unique", "product"} & traits
        fits = clause.agent.property in self.prefer.adjectives(other).items
        return replace(clause, agent=Entity(other, plural, property=clause.agent.property if fits else None))

    def _suits(self, agent: str, clause: Clause, topic: str) -> bool:
        if clause.kind == "property":
            return clause.property in self.prefer.adjectives(agent).items
        if clause.kind == "location":
            place = clause.place
            return place is not None and f"{place.relation}/{place.entity.concept}" in (
                self.prefer.locations(topic, agent).items
            )
        return clause.verb in self.prefer.verbs(topic, clause.kind, agent).items

    def _with_other_verb(self, clause: Clause, topic: str, taken: set[str], keeps_patient: bool) -> Clause | None:
        if clause.verb is None:
            return clause
        verbs = self.prefer.catalogue.verbs
        old = verbs[clause.verb]
        options = [
            verb
            for verb in self.prefer.verbs(topic, clause.kind, clause.agent.concept).items
            if verb != clause.verb
            and verb not in taken
            and verbs[verb].aspect == old.aspect
            and verbs[verb].path == old.path
            and verbs[verb].place == old.place
            and self._allows(verb, clause.time)
            and (not keeps_patient or self._takes(verb, clause, topic))
        ]
        if not options:
            return None
        return replace(clause, verb=self.one_of(options))

    def _allows(self, verb: str, time: str | None) -> bool:
        if time is None:
            return True
        frame = self.prefer.catalogue.times[time]
        return (verb in frame.verbs or not frame.verbs) and verb not in frame.excluded_verbs

    def _takes(self, verb: str, clause: Clause, topic: str) -> bool:
        patient = clause.patient
        return patient is None or patient.concept in self.prefer.patients(topic, verb, clause.agent.concept).items

    def _with_other_patient(self, clause: Clause, topic: str, taken: set[str]) -> Clause | None:
        if clause.verb is None or clause.patient is None:
            return clause
        name = self.from_table(self.prefer.patients(topic, clause.verb, clause.agent.concept), taken)
        if name is None or (clause.place is not None and "place" in self.concepts[name].traits):
            return None  # nobody cleans a kitchen in a room
        return replace(clause, patient=self.patient_like(name, clause.patient))

    def patient_like(self, name: str, model: Entity) -> Entity:
        """Another thing, in the number and definiteness of a thing where it has those."""
        concept = self.concepts[name]
        if concept.category != "noun" or "unique" in concept.traits:
            return Entity(name)
        single = bool({"mass", "product"} & concept.traits)
        return Entity(name, plural=model.plural and not single, definite=model.definite and model.count is None)

    def _with_other_place(self, clause: Clause, topic: str, taken: set[str]) -> Clause | None:
        if clause.place is None:
            return clause
        agent = clause.agent.concept
        if clause.kind == "motion" and clause.verb is not None:
            name = self.from_table(self.prefer.patients(topic, clause.verb, agent), taken)
            return replace(clause, place=Place(clause.place.relation, Entity(name))) if name else None
        if clause.kind == "location":
            table = self.prefer.locations(topic, agent)
        else:
            table = self.prefer.places(topic, clause.verb or "", agent)
        name = self.from_table(table, taken)
        return replace(clause, place=self.place(name)) if name else None

"""Draws meanings: deterministic for a seed, topical in runs, and split by what they say.

A split is a range of the hash of a meaning's skeleton, so the splits are disjoint for any seed and any count. In
held-out splits no skeleton comes twice; in training, meanings recur as often as their probability has it, as
sentences do in real text.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Literal, cast

from anyglot.errors import UserError
from anyglot.phrasebook.catalogue import load_catalogue
from anyglot.phrasebook.levels import level_named, restricted
from anyglot.phrasebook.meaning import Aspect, Clause, Entity, Kind, Meaning, Place, Tense
from anyglot.phrasebook.preferences import Preferences, Table

SPLIT_SHARES: dict[str, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
COUNTS = (2, 3, 4, 5, 6, 10, 7, 8, 9, 12, 20, 15, 30, 100, 50)
COUNT_TABLE = Table({str(count): 1.0 / (rank + 1) for rank, count in enumerate(COUNTS)})
LAST_YEAR_OF_THE_WORLD = 2024  # years are drawn back from here, the recent ones more often

RUN_END = 0.15  # after any sentence; a topic holds for some seven sentences
SAME_AGENT = 0.3  # that the talk goes on about someone mentioned before in the run
GIVE_UP_AFTER = 5000  # draws in vain for one sentence: the split is exhausted

# What one does not buy, build or steal every day, and what one may well do with it every day.
MAJOR = frozenset({"building", "nature", "vehicle", "product"})
EVERYDAY = frozenset({"see", "hear", "drive", "use", "wash", "clean", "visit", "open", "close", "draw", "paint"})

# verb class -> aspects in the present (see lexicon/verbs.yaml)
PRESENT_ASPECTS: dict[str, tuple[Aspect, ...]] = {
    "event": ("ongoing", "habitual"),
    "activity": ("ongoing", "habitual"),
    "state": ("state",),
    "simple": ("state", "habitual"),
}


@lru_cache
def _preferences(level: str) -> Preferences:
    """The tables of a level, shared by all samplers: they only depend on the data."""
    return Preferences(restricted(load_catalogue(), level_named(level)))


def split_of(meaning: Meaning) -> str:
    """The one split that a meaning belongs to."""
    digest = blake2b(meaning.skeleton().encode("utf-8"), digest_size=8).digest()
    position = int.from_bytes(digest, "big") / 2**64
    for split, share in SPLIT_SHARES.items():
        position -= share
        if position < 0:
            return split
    return next(iter(SPLIT_SHARES))


class MeaningSampler:
    """An endless stream of meanings for one seed; the state is the current topic and who was mentioned."""

    def __init__(self, seed: int | str, level: str = "full") -> None:
        self._level = level_named(level)
        self._prefer = _preferences(level)
        self._kinds = Table(self._level.kinds)
        catalogue = self._prefer.catalogue
        self._concepts = catalogue.concepts
        self._verbs = catalogue.verbs
        self._times = catalogue.times
        self._topics = Table({name: 1.0 / (rank + 2) for rank, name in enumerate(catalogue.topics)})
        self._time_tables: dict[tuple[str, str, str], Table] = {}
        self._uniform = Random(f"anyglot phrasebook {seed}").random
        self._topic = ""
        self._mentioned: list[Entity] = []
        self._start_run()

    def stream(self, split: str, unique: bool | None = None) -> Iterator[Meaning]:
        """Meanings of one split, without end; `unique` (by default in held-out splits) drops repeated ones.

        A unique stream ends when nothing new turns up any more.
        """
        if split not in SPLIT_SHARES:
            raise UserError(f"unknown split {split!r}: the phrasebook has {', '.join(SPLIT_SHARES)}")
        drop_repeated = split != "train" if unique is None else unique
        seen: set[str] = set()
        while True:
            if self._uniform() < RUN_END:
                self._start_run()
            for _ in range(GIVE_UP_AFTER):
                meaning = self._draw()
                if split_of(meaning) != split:
                    continue
                if not drop_repeated:
                    break
                skeleton = meaning.skeleton()
                if skeleton not in seen:
                    seen.add(skeleton)
                    break
            else:
                return
            self._mention(meaning)
            yield meaning

    def every_split(self) -> Iterator[Meaning]:
        """Meanings of all splits as they come, without end."""
        while True:
            if self._uniform() < RUN_END:
                self._start_run()
            meaning = self._draw()
            self._mention(meaning)
            yield meaning

    def _start_run(self) -> None:
        self._topic = self._topics.draw(self._uniform())
        self._mentioned = []

    def _mention(self, meaning: Meaning) -> None:
        agent = meaning.first.agent
        if agent.count is None and agent not in self._mentioned:
            known = Entity(agent.concept, plural=agent.plural)  # once mentioned, it is known: definite
            self._mentioned = [known, *self._mentioned][:3]

    def _draw(self) -> Meaning:
        first = self._clause(allow_time=True)
        if self._uniform() >= self._level.two_clauses:
            return Meaning(first, topic=self._topic)
        second = self._clause(allow_time=False)
        if second.agent.concept == first.agent.concept or second.tense != first.tense:
            return Meaning(first, topic=self._topic)
        connective: Literal["and", "but"] = "but" if first.negated != second.negated else "and"
        return Meaning(first, connective, second, self._topic)

    def _clause(self, allow_time: bool) -> Clause:
        kind = self._kinds.draw(self._uniform())
        if kind == "property":
            return self._property_clause(allow_time)
        if kind == "location":
            return self._location_clause(allow_time)
        return self._action_clause(cast(Kind, kind), allow_time)

    def _action_clause(self, kind: Kind, allow_time: bool) -> Clause:
        uniform = self._uniform
        negated = uniform() < self._level.negated
        agent = self._agent(kind, negated)
        verb = self._prefer.verbs(self._topic, kind, agent.concept).draw(uniform())
        frame = self._verbs[verb]
        tense: Tense = "past" if uniform() < 0.5 else "present"
        aspect = self._aspect(frame.aspect, tense)
        taken = [agent.concept]
        patient = recipient = place = None
        if kind in ("transitive", "ditransitive"):
            name = self._other(self._prefer.patients(self._topic, verb, agent.concept), taken)
            if aspect == "habitual" and verb not in EVERYDAY and self._concepts[name].group in MAJOR:
                aspect = "state" if frame.aspect == "simple" else "ongoing"
            patient = self._patient(name, negated, aspect, definite_only=frame.aspect == "state")
            taken.append(name)
        if kind == "ditransitive":
            name = self._other(self._prefer.recipients(self._topic, verb), taken)
            recipient = Entity(name, plural=self._countable(name) and uniform() < 0.2)
        elif kind == "motion":
            goal = self._other(self._prefer.patients(self._topic, verb, agent.concept), taken)
            place = Place(frame.path, self._place_entity(goal))
        else:
            place = self._adjunct_place(verb, agent.concept, taken, 0.5 if kind == "intransitive" else 0.3)
        # "Not every day" and "every day not" are told apart in ways of their own in every language: neither is said.
        timeless = not allow_time or (negated and aspect == "habitual")
        time, year = (None, None) if timeless else self._time(tense, aspect, verb, 0.5)
        first = time is not None and uniform() < self._level.fronted_time
        return Clause(
            kind, agent, verb, tense, aspect, negated, patient, recipient, None, place, time, year, time_first=first
        )

    def _property_clause(self, allow_time: bool) -> Clause:
        uniform = self._uniform
        subject = self._subject("property")
        is_name = self._concepts[subject.concept].category == "name"
        adjective = self._prefer.adjectives(subject.concept, temporary_only=is_name).draw(uniform())
        tense: Tense = "past" if uniform() < 0.3 else "present"
        time = None
        if allow_time and "temporary" in self._concepts[adjective].traits:
            time, _ = self._time(tense, "state", "", 0.4)
        first = time is not None and uniform() < self._level.fronted_time
        negated = uniform() < self._level.negated
        return Clause(
            "property", subject, None, tense, negated=negated, property=adjective, time=time, time_first=first
        )

    def _location_clause(self, allow_time: bool) -> Clause:
        uniform = self._uniform
        subject = self._subject("location")
        name = self._other(self._prefer.locations(self._topic, subject.concept), [subject.concept])
        relation, _, concept = name.partition("/")
        place = Place(relation, self._place_entity(concept))
        tense: Tense = "past" if uniform() < 0.35 else "present"
        movable = not {"place", "unique"} & self._concepts[subject.concept].traits
        time, _ = self._time(tense, "state", "", 0.3) if allow_time and movable else (None, None)
        first = time is not None and uniform() < self._level.fronted_time
        negated = uniform() < self._level.negated
        return Clause("location", subject, None, tense, negated=negated, place=place, time=time, time_first=first)

    def _aspect(self, verb_class: str, tense: str) -> Aspect:
        if tense == "past":
            return "state" if verb_class == "state" else "completed"
        aspects = PRESENT_ASPECTS[verb_class]
        if len(aspects) == 1 or not self._level.habitual:
            return aspects[0]
        return aspects[0] if self._uniform() < 0.5 else aspects[1]

    def _other(self, table: Table, taken: list[str]) -> str:
        """A draw that repeats nobody in the clause."""
        for _ in range(1000):
            name = table.draw(self._uniform())
            if name not in taken and name.partition("/")[2] not in taken:
                return name
        raise ValueError(f"the phrasebook data leave no choice besides {', '.join(taken)}")

    def _countable(self, name: str) -> bool:
        concept = self._concepts[name]
        return concept.category == "noun" and not {"mass", "unique", "product"} & concept.traits

    def _known(self, kind: str) -> Entity | None:
        """Someone mentioned before in the run, if the talk goes on about them."""
        if not self._mentioned or self._uniform() >= SAME_AGENT:
            return None
        entity = self._mentioned[int(self._uniform() * len(self._mentioned))]
        if kind == "property":
            return entity if self._prefer.adjectives(entity.concept) else None
        if kind == "location":
            return entity if self._prefer.locations(self._topic, entity.concept) else None
        return entity if self._prefer.verbs(self._topic, kind, entity.concept) else None

    def _agent(self, kind: Kind, negated: bool) -> Entity:
        known = self._known(kind)
        if known is not None:
            return known
        uniform = self._uniform
        name = self._prefer.agents(self._topic, kind).draw(uniform())
        if not self._countable(name):
            return Entity(name)
        adjective = self._attribute(name, 0.15)
        choice, level = uniform(), self._level
        if choice < level.definite_agent or negated:
            return Entity(name, property=adjective)
        if choice < level.definite_agent + level.plural_agent:
            return Entity(name, plural=True, property=adjective)
        if choice < level.definite_agent + level.plural_agent + level.indefinite_agent:
            return Entity(name, definite=False, property=adjective)
        return self._counted(name, adjective)

    def _counted(self, name: str, adjective: str | None) -> Entity:
        count = int(COUNT_TABLE.draw(self._uniform()))
        return Entity(name, plural=True, definite=False, property=adjective, count=count)

    def _subject(self, kind: str) -> Entity:
        known = self._known(kind)
        if known is not None:
            return known
        name = self._prefer.subjects(self._topic, kind).draw(self._uniform())
        plural = self._countable(name) and self._uniform() < (0.7 if "pair" in self._concepts[name].traits else 0.25)
        return Entity(name, plural=plural)

    def _patient(self, name: str, negated: bool, aspect: str, definite_only: bool) -> Entity:
        uniform = self._uniform
        concept = self._concepts[name]
        if concept.category != "noun" or "unique" in concept.traits:
            return Entity(name)
        # "Anna loves dogs" is definite in half of the languages; states are only told of definite things.
        definite = definite_only or uniform() < self._level.definite_patient
        if "product" in concept.traits:
            return Entity(name, definite=definite)
        adjective = self._attribute(name, 0.3)
        if "mass" in concept.traits:
            return Entity(name, definite=definite, property=adjective)
        pair = "pair" in concept.traits
        if (
            not definite
            and not negated
            and aspect != "habitual"
            and uniform() < (0.1 if pair else self._level.counted_patient)
        ):
            return self._counted(name, adjective)
        plural = uniform() < (0.85 if pair else 0.27)
        return Entity(name, plural=plural, definite=definite, property=adjective)

    def _attribute(self, noun: str, probability: float) -> str | None:
        if self._uniform() >= probability * self._level.attributed:
            return None
        table = self._prefer.adjectives(noun)
        return table.draw(self._uniform()) if table else None

    def _place_entity(self, name: str) -> Entity:
        if self._concepts[name].category != "noun":
            return Entity(name)
        return Entity(name, property=self._attribute(name, 0.08))

    def _adjunct_place(self, verb: str, agent: str, taken: list[str], probability: float) -> Place | None:
        said = self._verbs[verb].place
        if said == "never" or (not said and self._uniform() >= probability * self._level.placed):
            return None
        table = self._prefer.places(self._topic, verb, agent)
        if not table:
            return None
        relation, _, concept = table.draw(self._uniform()).partition("/")
        if concept in taken:
            return None  # nobody paints the wall on the wall
        return Place(relation, self._place_entity(concept))

    def _time(self, tense: str, aspect: str, verb: str, probability: float) -> tuple[str | None, int | None]:
        if self._uniform() >= probability * self._level.timed:
            return None, None
        key = (tense, aspect, verb)
        table = self._time_tables.get(key)
        if table is None:
            stative = verb != "" and self._verbs[verb].aspect == "state"
            table = self._time_tables[key] = Table(
                {
                    name: frame.weight
                    for name, frame in self._times.items()
                    if frame.tense == tense
                    and (name != "in_year" or self._level.years)
                    and aspect in frame.aspects
                    and (verb in frame.verbs or not frame.verbs)
                    and verb not in frame.excluded_verbs
                    and not (stative and not frame.verbs)  # one does not love on Monday
                }
            )
        if not table:
            return None, None
        time = table.draw(self._uniform())
        if time != "in_year":
            return time, None
        return time, LAST_YEAR_OF_THE_WORLD - int(70 * self._uniform() ** 2)


def sample_meanings(seed: int | str, split: str, count: int, unique: bool | None = None) -> Iterator[Meaning]:
    """The first `count` meanings of a split for a seed; fewer only if a unique split is exhausted."""
    for _, meaning in zip(range(count), MeaningSampler(seed).stream(split, unique), strict=False):
        yield meaning

"""Weighted tables of what goes with what, built from the catalogue when first asked for and then kept."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable
from itertools import accumulate

from anyglot.phrasebook.catalogue import Catalogue, Weights

TOPIC_BOOST = 10.0
HABIT_SHARE = 0.6  # of what a noun does, how much is its own rather than its class's
PAIR_SHARE = 0.75  # the same for what it does it to
# How much of all talk is about a class, for clauses without a verb to choose their subject.
CLASS_MASS: Weights = {
    "person": 5, "animal": 4, "food": 3, "beverage": 2, "greenery": 1.5, "object": 5, "furniture": 2.5, "vehicle": 2.5,
    "clothing": 2, "building": 4, "nature": 3, "product": 0.5,
}  # fmt: skip


class Table:
    """A weighted choice that a single uniform number settles."""

    __slots__ = ("_cumulative", "_total", "items")

    def __init__(self, weights: Weights) -> None:
        kept = [(item, weight) for item, weight in weights.items() if weight > 0]
        self.items = [item for item, _ in kept]
        self._cumulative = list(accumulate(weight for _, weight in kept))
        self._total = self._cumulative[-1] if kept else 0.0

    def __bool__(self) -> bool:
        return bool(self.items)

    def draw(self, uniform: float) -> str:
        """The item that a number in [0, 1) falls on."""
        return self.items[bisect(self._cumulative, uniform * self._total)]


def _normalised(weights: Weights, mass: float) -> Weights:
    total = sum(weights.values())
    return {item: mass * weight / total for item, weight in weights.items()} if total else {}


def _mixed(parts: Iterable[Weights]) -> Weights:
    mixed: Weights = {}
    for part in parts:
        for item, weight in part.items():
            mixed[item] = mixed.get(item, 0.0) + weight
    return mixed


class Preferences:
    """The tables, by topic, verb and agent. A person's name stands for itself but behaves like any person."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._tables: dict[tuple[str, ...], Table] = {}
        self._members: dict[str, Weights] = {}
        self._verbs_of_kind = {
            kind: [concept.name for concept in catalogue.of("verb", kind)]
            for kind in ("intransitive", "transitive", "ditransitive", "motion")
        }

    def agents(self, topic: str, kind: str) -> Table:
        """Who acts in a clause of this kind."""
        return self._kept(("agents", topic, kind), lambda: self._agent_weights(topic, kind))

    def verbs(self, topic: str, kind: str, agent: str) -> Table:
        """What the agent does; empty where it never does anything of this kind."""
        agent = self._stand_in(agent)
        return self._kept(("verbs", topic, kind, agent), lambda: self._verb_weights(topic, kind, agent))

    def patients(self, topic: str, verb: str, agent: str) -> Table:
        """What the agent does it to, or the goal or source of a motion."""
        agent = self._stand_in(agent)
        return self._kept(("patients", topic, verb, agent), lambda: self._patient_weights(topic, verb, agent))

    def recipients(self, topic: str, verb: str) -> Table:
        """Who gets it."""
        return self._kept(
            ("recipients", topic, verb),
            lambda: self._expanded(self.catalogue.verbs[verb].recipients, topic),
        )

    def places(self, topic: str, verb: str, agent: str) -> Table:
        """Where the agent does it, as "relation/concept"."""
        agent = self._stand_in(agent)
        return self._kept(("places", topic, verb, agent), lambda: self._place_weights(topic, verb, agent))

    def subjects(self, topic: str, kind: str) -> Table:
        """What a property or location clause is about."""
        return self._kept(("subjects", topic, kind), lambda: self._subject_weights(topic, kind))

    def locations(self, topic: str, subject: str) -> Table:
        """Where a thing or person is, as "relation/concept"."""
        subject = self._stand_in(subject)
        return self._kept(("locations", topic, subject), lambda: self._location_weights(topic, subject))

    def adjectives(self, noun: str, temporary_only: bool = False) -> Table:
        """What a noun is said to be; of a person by name only what may change."""
        noun = self._stand_in(noun)
        return self._kept(
            ("adjectives", noun, str(temporary_only)), lambda: self._adjective_weights(noun, temporary_only)
        )

    def _kept(self, key: tuple[str, ...], build: Callable[[], Weights]) -> Table:
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = Table(build())
        return table

    def _stand_in(self, agent: str) -> str:
        return "name" if self.catalogue.concepts[agent].category == "name" else agent

    def _group(self, agent: str) -> tuple[str, str]:
        """The keys under which an agent may stand in a verb's preferences."""
        if agent == "name":
            return ("name", "name")
        concept = self.catalogue.concepts[agent]
        return (agent, concept.group if concept.category == "noun" else concept.category)

    def _boost(self, topic: str, noun: str) -> float:
        return TOPIC_BOOST if noun in self.catalogue.topics[topic].nouns else 1.0

    def _member_weights(self, key: str) -> Weights:
        if key not in self._members:
            members = self.catalogue.members(key)
            self._members[key] = _normalised({concept.name: concept.frequency for concept in members}, 1.0)
        return self._members[key]

    def _expanded(self, preferences: Weights, topic: str) -> Weights:
        """Preferences for classes shared out among their members, those of the topic first."""
        return _mixed(
            {name: weight * share * self._boost(topic, name) for name, share in self._member_weights(key).items()}
            for key, weight in preferences.items()
        )

    def _agent_weights(self, topic: str, kind: str) -> Weights:
        topic_verbs = self.catalogue.topics[topic].verbs
        parts = []
        for verb in self._verbs_of_kind[kind]:
            mass = self.catalogue.concepts[verb].frequency * (3.0 if verb in topic_verbs else 1.0)
            parts.append(_normalised(self._expanded(self.catalogue.verbs[verb].agents, topic), mass))
        return _mixed(parts)

    def _verb_weights(self, topic: str, kind: str, agent: str) -> Weights:
        topic_verbs = self.catalogue.topics[topic].verbs
        own, group = self._group(agent)
        general: Weights = {}
        for verb in self._verbs_of_kind[kind]:
            frame = self.catalogue.verbs[verb]
            # A class preference must not make a lion a typical runner and a typical singer alike: named concepts
            # weigh by themselves, members of a class by the class.
            liking = frame.agents.get(own, 0.0) + (frame.agents.get(group, 0.0) if group != own else 0.0)
            boost = 3.0 if verb in topic_verbs else 1.0
            if liking:
                general[verb] = liking * boost * self.catalogue.concepts[verb].frequency
        habits = self.catalogue.habits.get(agent)
        habitual = {
            verb: weight
            for verb, (weight, _) in (habits.does.items() if habits else ())
            if self.catalogue.verbs[verb].kind == kind
        }
        return _mixed([_normalised(general, 1.0 - HABIT_SHARE), _normalised(habitual, HABIT_SHARE)])

    def _patient_weights(self, topic: str, verb: str, agent: str) -> Weights:
        general = self._expanded(self.catalogue.verbs[verb].patients, topic)
        habits = self.catalogue.habits.get(agent)
        paired: Weights = habits.does[verb][1] if habits and verb in habits.does else {}
        return _mixed([_normalised(general, 1.0 - PAIR_SHARE), _normalised(paired, PAIR_SHARE)])

    def _place_weights(self, topic: str, verb: str, agent: str) -> Weights:
        habits = self.catalogue.habits.get(agent)
        parts = [_normalised(self._expanded_places(habits.places), 0.2)] if habits else []
        # Only people go where the verb or the talk takes them: a cow does not eat at the restaurant.
        if agent == "name" or "human" in self.catalogue.concepts[agent].traits:
            own = self.catalogue.verbs[verb].places
            parts.append(_normalised(self._expanded_places(own), 0.4))
            if not own or verb in self.catalogue.topics[topic].verbs:
                parts.append(_normalised(self._expanded_places(self.catalogue.topics[topic].places), 0.3))
        if verb != "work":
            parts = [{place: w for place, w in part.items() if not self._is_company(place)} for part in parts]
        return _mixed(parts)

    def _is_company(self, place: str) -> bool:
        return self.catalogue.concepts[place.partition("/")[2]].category == "company"

    def _expanded_places(self, places: Weights) -> Weights:
        expanded: Weights = {}
        for place, weight in places.items():
            if "/" in place:
                expanded[place] = weight
            else:
                for name, share in self._member_weights(place).items():
                    expanded[f"at/{name}"] = weight * share
        return expanded

    def _subject_weights(self, topic: str, kind: str) -> Weights:
        weights: Weights = {}
        for name, habits in self.catalogue.habits.items():
            concept = self.catalogue.concepts[name]
            usable = habits.places if kind == "location" else habits.adjectives
            if usable:
                members = self._member_weights(concept.group)
                weights[name] = CLASS_MASS[concept.group] * members[name] * self._boost(topic, name)
        share = 0.25 * sum(weights.values())
        weights.update({name: share * weight for name, weight in self._member_weights("name").items()})
        return weights

    def _location_weights(self, topic: str, subject: str) -> Weights:
        if subject == "name":
            return self._expanded_places({**self.catalogue.topics[topic].places, "any_city": 5.0, "any_country": 2.0})
        habits = self.catalogue.habits.get(subject)
        return self._expanded_places(habits.places) if habits else {}

    def _adjective_weights(self, noun: str, temporary_only: bool) -> Weights:
        if noun == "name":
            weights = dict(self.catalogue.class_adjectives["person"])
        elif noun not in self.catalogue.habits:
            return {}
        else:
            group = self.catalogue.concepts[noun].group
            weights = _mixed(
                [
                    _normalised(self.catalogue.habits[noun].adjectives, 0.7),
                    _normalised(self.catalogue.class_adjectives[group], 0.3),
                ]
            )
        if temporary_only:
            concepts = self.catalogue.concepts
            weights = {name: weight for name, weight in weights.items() if "temporary" in concepts[name].traits}
        return weights

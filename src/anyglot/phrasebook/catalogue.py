"""The language-neutral concepts and their preferences, read from the data files beside the lexicons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

Category = Literal["noun", "verb", "adjective", "time", "relation", "connective", "name", "city", "country", "company"]

PROPER_CATEGORIES: frozenset[str] = frozenset({"name", "city", "country", "company"})
LEXICON_FOLDER = Path(__file__).parent / "lexicon"

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one reads ten times as fast

Weights = dict[str, float]


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept that every language has an entry for.

    `group` is the semantic class of a noun, the clause kind of a verb, the gender of a person's name; `traits` are
    those of the class and of the concept: animate, human, mass, unique, pair, product, place; female, male for names;
    temporary for adjectives; to, from for motion verbs.
    """

    name: str
    category: Category
    group: str
    traits: frozenset[str]
    frequency: float


@dataclass(frozen=True, slots=True)
class NounHabits:
    """What a noun is said to be, where it is, and what it does: verb -> (weight, patients or goals)."""

    adjectives: Weights
    places: Weights
    does: dict[str, tuple[float, Weights]]


@dataclass(frozen=True, slots=True)
class VerbFrame:
    """The selectional preferences of a verb; the keys are concepts, noun classes or name lists."""

    kind: str
    aspect: str
    agents: Weights
    patients: Weights
    recipients: Weights
    places: Weights
    path: str
    place: str


@dataclass(frozen=True, slots=True)
class TimeFrame:
    """The tense, the aspects and (unless empty) the only verbs that a time adverbial goes with, or does not."""

    tense: str
    aspects: frozenset[str]
    weight: float
    verbs: frozenset[str]
    excluded_verbs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Topic:
    """The concepts that come up while a topic holds."""

    places: Weights
    verbs: frozenset[str]
    nouns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything language-neutral that the sampler and the lexicons need."""

    concepts: dict[str, Concept]
    habits: dict[str, NounHabits]
    verbs: dict[str, VerbFrame]
    times: dict[str, TimeFrame]
    topics: dict[str, Topic]
    class_adjectives: dict[str, Weights]

    def of(self, category: str, group: str | None = None) -> list[Concept]:
        """The concepts of a category (and group), in the order of the data files."""
        return [
            concept
            for concept in self.concepts.values()
            if concept.category == category and (group is None or concept.group == group)
        ]

    def members(self, key: str) -> list[Concept]:
        """The concepts a preference key stands for: itself, the nouns of a class, or the names of a list."""
        if key in self.concepts:
            return [self.concepts[key]]
        key = key.removeprefix("any_")
        return [c for c in self.concepts.values() if key == c.category or (c.category == "noun" and key == c.group)]

    def places_of(self, relation: str) -> list[str]:
        """The concepts that occur after a relation: what a language writer has to give a preposition or case for."""
        found: dict[str, None] = {}
        for place in self._all_places():
            if place.startswith(f"{relation}/"):
                found[place.partition("/")[2]] = None
            elif relation == "at" and "/" not in place:
                found.update(dict.fromkeys(concept.name for concept in self.members(place)))
        for frame in self.verbs.values():
            if frame.path == relation:
                found.update(dict.fromkeys(c.name for key in frame.patients for c in self.members(key)))
                for habits in self.habits.values():
                    for verb, (_, goals) in habits.does.items():
                        if self.verbs[verb] is frame:
                            found.update(dict.fromkeys(goals))
        return list(found)

    def _all_places(self) -> Iterable[str]:
        for habits in self.habits.values():
            yield from habits.places
        for frame in self.verbs.values():
            yield from frame.places
        for topic in self.topics.values():
            yield from topic.places


def parse_weights(text: str) -> Weights:
    """Read "milk:9 water:3 tea" as {"milk": 9, "water": 3, "tea": 1}."""
    weights: Weights = {}
    for item in text.split():
        name, _, weight = item.partition(":")
        weights[name] = float(weight or 1)
    return weights


def _zipf(rank: int, offset: float = 1.5) -> float:
    """Zipf-Mandelbrot: the offset keeps the very first from swallowing the rest of a short list."""
    return 1.0 / (rank + offset)


def _parse_does(text: str) -> dict[str, tuple[float, Weights]]:
    habits: dict[str, tuple[float, Weights]] = {}
    for part in text.split("|"):
        verb, _, patients = part.strip().partition(" ")
        if verb:
            name, _, weight = verb.partition(":")
            habits[name] = (float(weight or 1), parse_weights(patients))
    return habits


def _add(
    concepts: dict[str, Concept], name: str, category: Category, group: str, traits: frozenset[str], frequency: float
) -> None:
    if name in concepts:
        raise ValueError(f"the concept {name} is both a {concepts[name].category} and a {category}")
    concepts[name] = Concept(name, category, group, traits, frequency)


def _read_nouns(
    data: dict[str, Any], concepts: dict[str, Concept], habits: dict[str, NounHabits]
) -> dict[str, Weights]:
    class_adjectives: dict[str, Weights] = {}
    for group, shared in data["classes"].items():
        class_adjectives[group] = parse_weights(shared["adjectives"])
        for rank, (name, row) in enumerate(data[group].items()):
            traits = frozenset(shared["traits"]) | frozenset(row.get("traits", ()))
            _add(concepts, name, "noun", group, traits, _zipf(rank))
            habits[name] = NounHabits(
                parse_weights(row.get("adjectives", "")),
                parse_weights(row.get("places", "")),
                _parse_does(row.get("does", "")),
            )
    return class_adjectives


def _read_verbs(data: dict[str, Any], concepts: dict[str, Concept]) -> dict[str, VerbFrame]:
    verbs: dict[str, VerbFrame] = {}
    for kind, rows in data.items():
        for rank, (name, row) in enumerate(rows.items()):
            path = row.get("path", "")
            _add(concepts, name, "verb", kind, frozenset({path} - {""}), _zipf(rank, 4.0))
            verbs[name] = VerbFrame(
                kind=kind,
                aspect=row["aspect"],
                agents=parse_weights(row["agents"]),
                patients=parse_weights(row.get("patients", "")),
                recipients=parse_weights(row.get("recipients", "")),
                places=parse_weights(row.get("places", "")),
                path=path,
                place=row.get("place", ""),
            )
    return verbs


def _read_properties(data: dict[str, Any], concepts: dict[str, Concept]) -> dict[str, TimeFrame]:
    for group, names in data["adjectives"].items():
        for rank, name in enumerate(names):
            _add(concepts, name, "adjective", group, frozenset({group} - {"plain"}), _zipf(rank))
    times: dict[str, TimeFrame] = {}
    for name, row in data["times"].items():
        _add(concepts, name, "time", row["tense"], frozenset(), float(row["weight"]))
        aspects = row.get("aspects", ["completed", "state"])
        times[name] = TimeFrame(
            row["tense"],
            frozenset(aspects),
            float(row["weight"]),
            frozenset(row.get("verbs", "").split()),
            frozenset(row.get("except", "").split()),
        )
    for name in data["relations"]:
        _add(concepts, name, "relation", "", frozenset(), 1.0)
    for name in data["connectives"]:
        _add(concepts, name, "connective", "", frozenset(), 1.0)
    return times


def _read_names(data: dict[str, Any], concepts: dict[str, Concept]) -> None:
    for gender in ("female", "male"):
        for rank, name in enumerate(data[gender]):
            _add(concepts, name, "name", gender, frozenset({gender, "animate", "human"}), _zipf(rank))
    categories: tuple[Category, ...] = ("city", "country", "company")
    for category in categories:
        for rank, name in enumerate(data[category]):
            # A city is also a noun ("the city"), hence the ids of proper names keep their capital letter.
            _add(concepts, name, category, category, frozenset({"place"}), _zipf(rank))


def _check(catalogue: Catalogue) -> None:
    """Refuse data that names a concept which does not exist: a typo would otherwise be a silent loss."""
    used: list[str] = []
    for name, habits in catalogue.habits.items():
        used += habits.adjectives
        used += [place.partition("/")[2] or place for place in habits.places]
        for verb, (_, patients) in habits.does.items():
            if verb not in catalogue.verbs:
                raise ValueError(f"{name} does {verb}, which is not a verb of the catalogue")
            used += patients
    for frame in catalogue.verbs.values():
        used += [*frame.agents, *frame.patients, *frame.recipients]
        used += [place.partition("/")[2] or place for place in frame.places]
    for topic in catalogue.topics.values():
        used += [*topic.nouns, *topic.verbs]
        used += [place.partition("/")[2] or place for place in topic.places]
    if ambiguous := sorted(set(catalogue.class_adjectives) & set(catalogue.concepts)):
        raise ValueError(f"these are both noun classes and concepts: {', '.join(ambiguous)}")
    unknown = sorted({name for name in used if not catalogue.members(name)})
    if unknown:
        raise ValueError(f"the phrasebook data name unknown concepts: {', '.join(unknown)}")


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """Read the data files once."""
    data = {
        name: yaml.load((LEXICON_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"), Loader=_LOADER)
        for name in ("nouns", "verbs", "properties", "names", "topics")
    }
    concepts: dict[str, Concept] = {}
    habits: dict[str, NounHabits] = {}
    class_adjectives = _read_nouns(data["nouns"], concepts, habits)
    verbs = _read_verbs(data["verbs"], concepts)
    times = _read_properties(data["properties"], concepts)
    _read_names(data["names"], concepts)
    topics = {
        name: Topic(parse_weights(row["places"]), frozenset(row["verbs"].split()), frozenset(row["nouns"].split()))
        for name, row in data["topics"].items()
    }
    catalogue = Catalogue(concepts, habits, verbs, times, topics, class_adjectives)
    _check(catalogue)
    return catalogue

"""How rich the talk is: everything the phrasebook can say, or a beginner's share of it.

The beginner's level is for models that have minutes to learn. It keeps to a few topics and their words, and leaves
unsaid what some language leaves unmarked, so that a translation is determined by its source: things are definite
unless counted, and what happens now is happening, not habit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from anyglot.errors import UserError
from anyglot.phrasebook.catalogue import Catalogue, Concept, NounHabits, Topic, VerbFrame, Weights


@dataclass(frozen=True)
class Level:
    """Probabilities of what may be said, and which topics and how many names there are.

    Args:
        kinds: Share of each clause kind.
        topics: Topics talked about; None for all. Words of no such topic are left out.
        names: Person names in use, of each gender, and cities; None for all.
        two_clauses: Of a second clause.
        negated: Of a negation.
        fronted_time: Of a time expression to open the sentence.
        timed: Factor on the probability of a time expression.
        years: Whether years are named.
        habitual: Whether habits are told in the present beside what is going on.
        definite_agent, plural_agent, indefinite_agent: Of the agent's forms; the rest is counted.
        definite_patient: Of a definite patient.
        counted_patient: Of a count on an indefinite patient.
        attributed: Factor on the probability of an adjective before a noun.
        placed: Factor on the probability of a place.
    """

    kinds: Weights
    topics: tuple[str, ...] | None = None
    names: int | None = None
    two_clauses: float = 0.1
    negated: float = 0.12
    fronted_time: float = 0.35
    timed: float = 1.0
    years: bool = True
    habitual: bool = True
    definite_agent: float = 0.55
    plural_agent: float = 0.18
    indefinite_agent: float = 0.19
    definite_patient: float = 0.4
    counted_patient: float = 0.22
    attributed: float = 1.0
    placed: float = 1.0


LEVELS: dict[str, Level] = {
    "full": Level(
        kinds={
            "transitive": 0.38,
            "intransitive": 0.17,
            "location": 0.16,
            "property": 0.13,
            "motion": 0.09,
            "ditransitive": 0.07,
        }
    ),
    "beginner": Level(
        kinds={"transitive": 0.45, "intransitive": 0.2, "location": 0.2, "property": 0.15},
        topics=("kitchen", "farm", "garden"),
        names=8,
        two_clauses=0.0,
        negated=0.1,
        fronted_time=0.0,
        timed=0.3,
        years=False,
        habitual=False,
        definite_agent=0.75,
        plural_agent=0.15,
        indefinite_agent=0.0,
        definite_patient=0.8,
        counted_patient=1.0,
        attributed=0.6,
        placed=0.6,
    ),
}


def level_named(name: str) -> Level:
    """The level of a name."""
    if name not in LEVELS:
        raise UserError(f"the phrasebook has no level '{name}'; it has {', '.join(LEVELS)}.")
    return LEVELS[name]


def restricted(catalogue: Catalogue, level: Level) -> Catalogue:
    """The catalogue without the words that no topic of the level has.

    Kept are the topics' nouns, the places and verbs that go with them, all adjectives and times, and the first names
    and cities. Whoever names a dropped word in a preference loses that preference.
    """
    if level.topics is None:
        return catalogue
    topics = {name: catalogue.topics[name] for name in level.topics}
    words: set[str] = set()
    for topic in topics.values():
        words |= topic.nouns | {_noun(place) for place in topic.places}
    verbs_wanted = frozenset().union(*(topic.verbs for topic in topics.values()))

    def kept(concept: Concept) -> bool:
        if concept.category == "noun":
            return concept.name in words
        return concept.category not in ("country", "company") or level.names is None

    concepts = {name: concept for name, concept in catalogue.concepts.items() if kept(concept)}
    if level.names is not None:
        concepts = _first_names(concepts, level.names)
    smaller = replace(catalogue, concepts=concepts, topics=topics)
    usable = _usable(smaller)
    verbs = {
        name: frame
        for name, frame in ((name, _frame(frame, usable)) for name, frame in catalogue.verbs.items())
        if frame.agents and (frame.patients or frame.kind == "intransitive") and name in verbs_wanted
    }
    concepts = {name: concept for name, concept in concepts.items() if concept.category != "verb" or name in verbs}
    habits = {name: _habits(habit, concepts, verbs) for name, habit in catalogue.habits.items() if name in concepts}
    topics = {
        name: Topic(_places(topic.places, usable), topic.verbs & verbs.keys(), topic.nouns & concepts.keys())
        for name, topic in topics.items()
    }
    return replace(smaller, concepts=concepts, habits=habits, verbs=verbs, topics=topics)


def _noun(place: str) -> str:
    """The concept of "relation/concept", or the key itself."""
    return place.partition("/")[2] or place


def _first_names(concepts: dict[str, Concept], count: int) -> dict[str, Concept]:
    seen: dict[str, int] = {}
    kept: dict[str, Concept] = {}
    for name, concept in concepts.items():
        if concept.category in ("name", "city"):
            seen[concept.group] = seen.get(concept.group, 0) + 1
            if seen[concept.group] > count:
                continue
        kept[name] = concept
    return kept


def _usable(catalogue: Catalogue) -> Callable[[str], bool]:
    """Whether a preference key still stands for anything."""
    known: dict[str, bool] = {}

    def usable(key: str) -> bool:
        if key not in known:
            known[key] = bool(catalogue.members(key))
        return known[key]

    return usable


def _places(places: Weights, usable: Callable[[str], bool]) -> Weights:
    return {place: weight for place, weight in places.items() if usable(_noun(place))}


def _frame(frame: VerbFrame, usable: Callable[[str], bool]) -> VerbFrame:
    def among(weights: Weights) -> Weights:
        return {key: weight for key, weight in weights.items() if usable(key)}

    return replace(
        frame,
        agents=among(frame.agents),
        patients=among(frame.patients),
        recipients=among(frame.recipients),
        places=_places(frame.places, usable),
    )


def _habits(habits: NounHabits, concepts: Collection[str], verbs: Collection[str]) -> NounHabits:
    return NounHabits(
        adjectives=habits.adjectives,
        places={place: weight for place, weight in habits.places.items() if _noun(place) in concepts},
        does={
            verb: (weight, {name: share for name, share in patients.items() if name in concepts})
            for verb, (weight, patients) in habits.does.items()
            if verb in verbs
        },
    )

"""Choice: what was the cause, what the effect? Two choices of which a premise decides.

Every rule sets up two like situations, each with its cause and its effect, and then tells one of them: either choice
would have been right with the other's premise, so that the choices alone say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from anyglot.phrasebook.labelled.draws import Draws, concepts_of
from anyglot.phrasebook.labelled.items import ChoiceItem
from anyglot.phrasebook.meaning import Clause, Entity, Meaning, Place

# What becomes of a thing when that is done to it.
RESULTS: Mapping[str, str] = {"wash": "is_clean", "clean": "is_clean", "open": "is_open", "close": "closed",
                              "break": "broken", "cook": "hot"}  # fmt: skip
OPPOSITES: Mapping[str, str] = {"open": "close", "close": "open"}
# What people do in a mood.
MOODS: Mapping[str, tuple[str, ...]] = {
    "sad": ("cry",),
    "happy": ("laugh", "dance", "sing"),
    "tired": ("sleep", "rest"),
    "hungry": ("eat",),
}
GIVING = ("give", "bring")
CONSUMED: Mapping[str, str] = {"food": "eat", "beverage": "drink"}
READABLE = ("book", "letter", "newspaper")


class Course(NamedTuple):
    """A cause and its effect."""

    cause: Clause
    effect: Clause


Rule = Callable[[Draws], tuple[Course, Course] | None]


def choice_items(draws: Draws) -> Iterator[ChoiceItem]:
    """Items without end; causes and effects, first and second choices take turns."""
    rules = _rules(draws)
    turns: list[tuple[Literal["cause", "effect"], int]] = []
    while True:
        turns = turns or draws.random.sample((("cause", 0), ("cause", 1), ("effect", 0), ("effect", 1)), 4)
        courses = draws.one_of(rules)(draws)
        if courses is None:
            continue
        question, label = turns[-1]
        told = int(draws.chance(0.5))
        premise = Meaning(courses[told].effect if question == "cause" else courses[told].cause)
        # Of two alike sides one is told; the right choice is on that side, wherever it stands.
        order = (told, 1 - told) if label == 0 else (1 - told, told)
        choices = [Meaning(courses[i].cause if question == "cause" else courses[i].effect) for i in order]
        if draws.inside(pair_of(choices[0], choices[1])):
            turns.pop()
            yield ChoiceItem(premise, (choices[0], choices[1]), question, label)


def pair_of(first: Meaning, second: Meaning) -> Meaning:
    """Two choices as one meaning, in either order the same: it decides the split.

    Were it the premise, the premises of a pair would fall into different splits, and what the training split says of
    the pair would be wrong in the test split.
    """
    one, other = sorted((first.first, second.first), key=lambda clause: clause.key())
    return Meaning(one, "and", other)


def _rules(draws: Draws) -> tuple[Rule, ...]:
    kinds = draws.level.kinds
    rules: tuple[Rule, ...] = (_moods, _things)
    if "ditransitive" in kinds:
        rules = (*rules, _gifts)
    if "motion" in kinds:
        rules = (*rules, _journeys, _hiding)
    if "open" in draws.prefer.catalogue.verbs:
        rules = (*rules, _opposites)
    return rules


def _plain(clause: Clause) -> Clause:
    """As it was, once: no time, no place beside the point."""
    return replace(clause, tense="past", aspect="completed", negated=False, time=None, year=None, time_first=False)


def _done(kind: Literal["intransitive", "transitive"], agent: Entity, verb: str, patient: Entity | None) -> Clause:
    return Clause(kind, agent, verb, "past", "completed", patient=patient)


def _became(entity: Entity, property: str) -> Clause:
    return Clause("property", entity, None, "past", property=property)


def _definite(entity: Entity) -> Entity:
    return Entity(entity.concept, plural=entity.plural and entity.count is None)


def _person(draws: Draws, clause: Clause) -> bool:
    agent = clause.agent
    return "human" in draws.concepts[agent.concept].traits and agent.definite and not agent.plural


def _moods(draws: Draws) -> tuple[Course, Course] | None:
    """Who was sad cried, who was hungry ate."""
    meaning = draws.like("person", lambda clause: _person(draws, clause))
    if meaning is None:
        return None
    agent = Entity(meaning.first.agent.concept)
    known = [mood for mood, verbs in MOODS.items() if any(verb in draws.prefer.catalogue.verbs for verb in verbs)]
    one, other = draws.random.sample(known, 2)
    return _mood(draws, agent, one), _mood(draws, agent, other)


def _mood(draws: Draws, agent: Entity, mood: str) -> Course:
    verb = draws.one_of([verb for verb in MOODS[mood] if verb in draws.prefer.catalogue.verbs])
    if verb != "eat":
        return Course(_became(agent, mood), _done("intransitive", agent, verb, None))
    name = draws.prefer.patients(draws.any_topic, verb, agent.concept).draw(draws.random.random())
    return Course(_became(agent, mood), _done("transitive", agent, verb, Entity(name)))


def _things(draws: Draws) -> tuple[Course, Course] | None:
    """What was washed was clean; another thing was not washed."""
    meaning = draws.like("result", lambda clause: clause.verb in RESULTS and _person(draws, clause))
    if meaning is None:
        return None
    clause = meaning.first
    assert clause.verb is not None and clause.patient is not None
    name = draws.from_table(
        draws.prefer.patients(meaning.topic, clause.verb, clause.agent.concept), concepts_of(clause)
    )
    if name is None:
        return None
    first = _definite(clause.patient)
    second = _definite(draws.patient_like(name, first))
    return _result(clause, clause.verb, first), _result(clause, clause.verb, second)


def _opposites(draws: Draws) -> tuple[Course, Course] | None:
    """What was opened was open, what was closed was closed."""
    meaning = draws.like("opposite", lambda clause: clause.verb in OPPOSITES and _person(draws, clause))
    if meaning is None:
        return None
    clause = meaning.first
    assert clause.verb is not None and clause.patient is not None
    patient = _definite(clause.patient)
    verb = OPPOSITES[clause.verb]
    if patient.concept not in draws.prefer.patients(meaning.topic, verb, clause.agent.concept).items:
        return None
    return _result(clause, clause.verb, patient), _result(clause, verb, patient)


def _result(clause: Clause, verb: str, patient: Entity) -> Course:
    agent = Entity(clause.agent.concept)
    return Course(_done("transitive", agent, verb, patient), _became(patient, RESULTS[verb]))


def _gifts(draws: Draws) -> tuple[Course, Course] | None:
    """Who was given the cake ate it."""

    def usable(clause: Clause) -> bool:
        return clause.verb in GIVING and _person(draws, clause) and _use(draws, clause.patient) is not None

    meaning = draws.like("gift", usable)
    if meaning is None:
        return None
    clause = _plain(meaning.first)
    agent, recipient, patient = clause.agent, clause.recipient, clause.patient
    assert recipient is not None and patient is not None
    use = _use(draws, patient)
    if use is None or "human" not in draws.concepts[recipient.concept].traits:
        return None
    agent, recipient, patient = Entity(agent.concept), Entity(recipient.concept), _definite(patient)
    given = replace(clause, agent=agent, recipient=recipient, patient=patient, place=None)
    returned = replace(given, agent=recipient, recipient=agent)
    return (
        Course(given, _done("transitive", recipient, use, patient)),
        Course(returned, _done("transitive", agent, use, patient)),
    )


def _use(draws: Draws, patient: Entity | None) -> str | None:
    """What one does with a thing once one has it."""
    if patient is None:
        return None
    if patient.concept in READABLE:
        return "read"
    return CONSUMED.get(draws.concepts[patient.concept].group)


def _journeys(draws: Draws) -> tuple[Course, Course] | None:
    """Who went to the market was at the market."""

    def usable(clause: Clause) -> bool:
        goes = clause.kind == "motion" and clause.place is not None and clause.place.relation == "to"
        return goes and _person(draws, clause)

    meaning = draws.like("journey", usable)
    if meaning is None:
        return None
    clause = replace(_plain(meaning.first), agent=Entity(meaning.first.agent.concept))
    other = draws.changed(clause, ("place",), meaning.topic, set())
    if other is None:
        return None
    return _journey(clause), _journey(other)


def _journey(clause: Clause) -> Course:
    assert clause.place is not None
    place = Place("at", Entity(clause.place.entity.concept))
    going = replace(clause, place=Place("to", place.entity))
    return Course(going, Clause("location", clause.agent, None, "past", place=place))


def _hiding(draws: Draws) -> tuple[Course, Course] | None:
    """What was hidden under the bed was under the bed."""
    meaning = draws.like("hide", lambda made: made.verb == "hide" and _person(draws, made))
    if meaning is None:
        return None
    clause = replace(_plain(meaning.first), agent=Entity(meaning.first.agent.concept))
    assert clause.patient is not None
    clause = replace(clause, patient=_definite(clause.patient))
    table = draws.prefer.places(meaning.topic, "hide", clause.agent.concept)
    places = [name for name in table.items if not name.startswith("at/")]
    pair = draws.random.sample(places, 2) if len(places) > 1 else []
    if not pair or any(name.partition("/")[2] in concepts_of(clause) for name in pair):
        return None
    first, second = (_hidden(clause, draws.place(name)) for name in pair)
    return first, second


def _hidden(clause: Clause, place: Place) -> Course:
    assert clause.patient is not None
    return Course(replace(clause, place=place), Clause("location", clause.patient, None, "past", place=place))

"""Paraphrase: the same said in another order, against the same words with the roles exchanged (as in PAWS).

Both classes reorder; only who does what to whom differs, so that neither the words that two texts share nor either
text alone tells them apart. (Where words inflect for their role, the inflected form does differ.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

from anyglot.phrasebook.labelled.draws import Draws, concepts_of
from anyglot.phrasebook.labelled.items import PairItem, Text
from anyglot.phrasebook.meaning import Clause, Entity, Meaning, Place

CONVERSES = {"behind": "in_front_of", "in_front_of": "behind"}
PERSON_VERBS = ("see", "know", "love", "help", "visit", "call", "hear", "teach", "feed", "find")
ATTEMPTS = 400

Pair = tuple[Text, Text]


def paraphrase_items(draws: Draws) -> Iterator[PairItem]:
    """Items without end, the labels balanced in every run of two."""
    joined = draws.level.two_clauses > 0
    ways: tuple[Callable[[Draws, bool], Pair | None], ...] = (_two_sentences, _converse)
    if joined:
        ways = (_two_clauses, _two_clauses, _exchanged, _two_clauses_in_time, _converse)
    labels: list[bool] = []
    while True:
        labels = labels or draws.random.sample((True, False), 2)
        same = labels.pop()
        # Whether a way works out does not depend on the label: no way, and no first text, leans to one.
        way = draws.one_of(ways)
        pair = draws.found(lambda: way(draws, same), lambda made: draws.inside(made[0][0]), ATTEMPTS)  # noqa: B023
        if pair is None:
            labels.append(same)
            continue
        yield PairItem(*pair, str(int(same)))


def _with_agent(clause: Clause, agent: Entity) -> Clause:
    return replace(clause, agent=agent)


def _two(draws: Draws, timed: bool) -> tuple[Clause, Clause, str] | None:
    """Two clauses that can exchange their agents: both about people by name, or about things of one sort."""
    first = draws.like(f"exchanged {timed}", lambda clause: _can_be_exchanged(draws, clause, timed))
    if first is None:
        return None
    clause = first.first
    if draws.is_name(clause.agent):
        other = draws.like(f"named {clause.tense}", lambda made: _is_named(draws, made, clause.tense))
        parallel = other is not None and _is_parallel(clause, other.first)
        return (clause, other.first, first.topic) if other is not None and parallel else None
    made = draws.with_other_agent(clause, first.topic, concepts_of(clause))
    if made is None:
        return None
    second = _other_predicate(draws, made, clause)
    return (clause, second, first.topic) if second is not None else None


def _can_be_exchanged(draws: Draws, clause: Clause, timed: bool) -> bool:
    if timed:
        return clause.time is not None and draws.is_name(clause.agent) and not clause.negated
    if clause.time is not None or clause.agent.count is not None or not clause.agent.definite:
        return False
    return draws.is_name(clause.agent) or (clause.kind in ("property", "location") and not clause.agent.property)


def _is_named(draws: Draws, clause: Clause, tense: str) -> bool:
    return clause.time is None and clause.tense == tense and draws.is_name(clause.agent)


def _is_parallel(clause: Clause, other: Clause) -> bool:
    """Whether another clause shares nothing with one, neither what is done nor with whom."""
    other_does = (other.verb, other.property) != (clause.verb, clause.property) or clause.kind == "location"
    return other_does and not concepts_of(other) & concepts_of(clause)


def _other_predicate(draws: Draws, clause: Clause, model: Clause) -> Clause | None:
    """Another property or place that suits both agents."""
    agents = (clause.agent.concept, model.agent.concept)
    if clause.kind == "property":
        first, second = (draws.prefer.adjectives(agent).items for agent in agents)
        shared = [name for name in first if name in second and name != model.property]
        return replace(clause, property=draws.one_of(shared)) if shared else None
    first, second = (draws.prefer.locations(draws.any_topic, agent).items for agent in agents)
    own = model.place.entity.concept if model.place else ""
    shared = [name for name in first if name in second and name.partition("/")[2] not in (own, *agents)]
    return replace(clause, place=draws.place(draws.one_of(shared))) if shared else None


def _joined(first: Clause, second: Clause, topic: str) -> Text:
    connective: Literal["and", "but"] = "and" if first.negated == second.negated else "but"
    return (Meaning(first, connective, second, topic),)


def _two_clauses(draws: Draws, same: bool) -> Pair | None:
    """A is old and B is new. -> B is new and A is old. | B is old and A is new. | A is new and B is old."""
    two = _two(draws, timed=False)
    if two is None:
        return None
    first, second, topic = two
    text = _joined(first, second, topic)
    if same:
        return text, _joined(second, first, topic)
    swapped = (_with_agent(first, second.agent), _with_agent(second, first.agent))
    one, other = swapped if draws.chance(0.5) else swapped[::-1]
    return text, _joined(one, other, topic)


def _two_sentences(draws: Draws, same: bool) -> Pair | None:
    """The same with two sentences, for a level that joins none."""
    pair = _two_clauses(draws, same)
    if pair is None:
        return None
    return _apart(pair[0]), _apart(pair[1])


def _apart(text: Text) -> Text:
    return tuple(Meaning(clause, topic=text[0].topic) for clause in text[0].clauses())


def _two_clauses_in_time(draws: Draws, same: bool) -> Pair | None:
    """Yesterday A slept and B worked. -> A slept yesterday and B worked. | B slept yesterday and A worked."""
    two = _two(draws, timed=True)
    if two is None:
        return None
    first, second, topic = two
    text = _joined(first, second, topic)
    turned = replace(first, time_first=not first.time_first)
    if same:
        return text, _joined(turned, second, topic)
    return text, _joined(_with_agent(turned, second.agent), _with_agent(second, first.agent), topic)


def _exchanged(draws: Draws, same: bool) -> Pair | None:
    """Yesterday A saw B. -> A saw B yesterday. | B saw A yesterday."""

    def usable(clause: Clause) -> bool:
        person = clause.kind == "ditransitive" or clause.verb in PERSON_VERBS
        return person and clause.time is not None and draws.is_name(clause.agent)

    meaning = draws.like("exchanged roles", usable)
    if meaning is None:
        return None
    clause = meaning.first
    other = clause.recipient if clause.kind == "ditransitive" else clause.patient
    if not draws.is_name(other):
        name = draws.other_name(concepts_of(clause))
        if name is None:
            return None
        other = Entity(name)
    assert other is not None
    clause = _between(clause, clause.agent, other)
    turned = replace(clause, time_first=not clause.time_first)
    if not same:
        turned = _between(turned, other, clause.agent)
    return (Meaning(clause, topic=meaning.topic),), (Meaning(turned, topic=meaning.topic),)


def _between(clause: Clause, agent: Entity, other: Entity) -> Clause:
    if clause.kind == "ditransitive":
        return replace(clause, agent=agent, recipient=other)
    return replace(clause, agent=agent, patient=other)


def _converse(draws: Draws, same: bool) -> Pair | None:
    """A is behind B. -> B is in front of A. | B is behind A. | A is in front of B."""

    def usable(clause: Clause) -> bool:
        if clause.kind != "location" or clause.negated or clause.time is not None or clause.agent.plural:
            return False
        assert clause.place is not None
        ends = (draws.concepts[clause.agent.concept], draws.concepts[clause.place.entity.concept])
        return all(end.category == "noun" and "unique" not in end.traits for end in ends)

    meaning = draws.like("beside something", usable)
    if meaning is None:
        return None
    clause = meaning.first
    assert clause.place is not None
    other = Entity(clause.place.entity.concept)
    relation = draws.one_of(tuple(CONVERSES))
    clause = replace(clause, place=Place(relation, other))
    turned = replace(clause, agent=other, place=Place(CONVERSES[relation], clause.agent))
    if not same:
        turned = replace(turned, place=Place(relation, clause.agent))
        if draws.chance(0.5):
            turned = replace(clause, place=Place(CONVERSES[relation], other))
    return (Meaning(clause, topic=meaning.topic),), (Meaning(turned, topic=meaning.topic),)

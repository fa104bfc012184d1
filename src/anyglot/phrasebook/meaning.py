"""The typed meaning behind a sentence: who does what to whom, with which properties, where, when.

A meaning says nothing about words: every language realises the same one. What a language does not mark (Russian
has no articles, Chinese no tense) it leaves unsaid, so two meanings may read alike; `Meaning.skeleton` leaves out
exactly the distinctions that some language drops, and splits are drawn on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["intransitive", "transitive", "ditransitive", "motion", "property", "location"]
Tense = Literal["present", "past"]
Aspect = Literal["ongoing", "habitual", "completed", "state"]

KINDS: tuple[Kind, ...] = ("intransitive", "transitive", "ditransitive", "motion", "property", "location")


@dataclass(frozen=True, slots=True)
class Entity:
    """A participant or a place: a proper name or a noun with its number, definiteness and at most one adjective.

    `count` is written in digits; a counted noun is plural and indefinite. A mass noun is never plural; indefinite
    it is bare ("milk", "du lait"). Proper names are definite singulars without an adjective.
    """

    concept: str
    plural: bool = False
    definite: bool = True
    property: str | None = None
    count: int | None = None

    def key(self) -> str:
        """The canonical text of the entity."""
        number = str(self.count) if self.count else ("pl" if self.plural else "sg")
        return f"{self.concept}.{number}.{'def' if self.definite else 'indef'}.{self.property or ''}"

    def skeleton(self) -> str:
        """The entity without number and definiteness, which Chinese or Russian may not show."""
        return f"{self.concept}.{self.count or ''}.{self.property or ''}"


@dataclass(frozen=True, slots=True)
class Place:
    """A spatial relation and what it relates to; `to` and `from` are only for motion."""

    relation: str
    entity: Entity


@dataclass(frozen=True, slots=True)
class Clause:
    """One predication.

    agent      who does it; of a property or location clause: what is described
    verb       None in property and location clauses
    property   the predicative adjective of a property clause
    place      the goal or source in a motion clause, the predicate in a location clause, else an optional adjunct
    year       the digits, only with the time `in_year`
    time_first the time expression opens the sentence
    """

    kind: Kind
    agent: Entity
    verb: str | None = None
    tense: Tense = "present"
    aspect: Aspect = "state"
    negated: bool = False
    patient: Entity | None = None
    recipient: Entity | None = None
    property: str | None = None
    place: Place | None = None
    time: str | None = None
    year: int | None = None
    time_first: bool = False

    def key(self) -> str:
        """The canonical text of the clause; two clauses are equal exactly if their keys are."""
        place = f"{self.place.relation}:{self.place.entity.key()}" if self.place else ""
        return (
            f"{self.kind}({self.verb or ''}|{self.tense}|{self.aspect}|{'not' if self.negated else ''}"
            f"|{self.agent.key()}|{self.patient.key() if self.patient else ''}"
            f"|{self.recipient.key() if self.recipient else ''}|{self.property or ''}|{place}"
            f"|{self.time or ''}{self.year or ''}|{'first' if self.time_first else ''})"
        )

    def skeleton(self) -> str:
        """The clause without tense, aspect, order, number and definiteness."""
        place = f"{self.place.relation}:{self.place.entity.skeleton()}" if self.place else ""
        return (
            f"{self.kind}({self.verb or ''}|{'not' if self.negated else ''}|{self.agent.skeleton()}"
            f"|{self.patient.skeleton() if self.patient else ''}|{self.recipient.skeleton() if self.recipient else ''}"
            f"|{self.property or ''}|{place}|{self.time or ''}{self.year or ''})"
        )

    def entities(self) -> Iterator[Entity]:
        """Every participant and the place, in a fixed order."""
        for entity in (self.agent, self.recipient, self.patient):
            if entity is not None:
                yield entity
        if self.place is not None:
            yield self.place.entity


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a sentence says: one clause, or two joined by `and` or `but`; the topic is where it was drawn."""

    first: Clause
    connective: Literal["and", "but"] | None = None
    second: Clause | None = None
    topic: str = field(default="", compare=False)

    def clauses(self) -> tuple[Clause, ...]:
        """The one or two clauses, in order."""
        return (self.first,) if self.second is None else (self.first, self.second)

    def key(self) -> str:
        """The canonical text of the meaning (the topic is no part of it)."""
        if self.second is None:
            return self.first.key()
        return f"{self.first.key()} {self.connective} {self.second.key()}"

    def skeleton(self) -> str:
        """What decides the split: the meaning less the distinctions that some language does not mark."""
        if self.second is None:
            return self.first.skeleton()
        return f"{self.first.skeleton()} {self.connective} {self.second.skeleton()}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into an equal meaning."""
        row: dict[str, Any] = {"first": _clause_to_json(self.first)}
        if self.second is not None:
            row["connective"] = self.connective
            row["second"] = _clause_to_json(self.second)
        if self.topic:
            row["topic"] = self.topic
        return row

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Meaning:
        """The inverse of `to_json`."""
        second = row.get("second")
        return cls(
            first=_clause_from_json(row["first"]),
            connective=row.get("connective"),
            second=None if second is None else _clause_from_json(second),
            topic=row.get("topic", ""),
        )


def _entity_to_json(entity: Entity) -> dict[str, Any]:
    row: dict[str, Any] = {"concept": entity.concept, "plural": entity.plural, "definite": entity.definite}
    if entity.property is not None:
        row["property"] = entity.property
    if entity.count is not None:
        row["count"] = entity.count
    return row


def _clause_to_json(clause: Clause) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": clause.kind, "agent": _entity_to_json(clause.agent)}
    if clause.verb is not None:
        row["verb"] = clause.verb
    row.update(tense=clause.tense, aspect=clause.aspect, negated=clause.negated)
    if clause.patient is not None:
        row["patient"] = _entity_to_json(clause.patient)
    if clause.recipient is not None:
        row["recipient"] = _entity_to_json(clause.recipient)
    if clause.property is not None:
        row["property"] = clause.property
    if clause.place is not None:
        row["place"] = {"relation": clause.place.relation, "entity": _entity_to_json(clause.place.entity)}
    if clause.time is not None:
        row["time"] = clause.time
    if clause.year is not None:
        row["year"] = clause.year
    if clause.time_first:
        row["time_first"] = True
    return row


def _clause_from_json(row: dict[str, Any]) -> Clause:
    values = dict(row)
    for part in ("agent", "patient", "recipient"):
        if part in values:
            values[part] = Entity(**values[part])
    if "place" in values:
        values["place"] = Place(values["place"]["relation"], Entity(**values["place"]["entity"]))
    return Clause(**values)

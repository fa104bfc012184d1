"""What cannot be true at once: properties and places that rule each other out."""

from __future__ import annotations

from dataclasses import replace

from anyglot.phrasebook.labelled.draws import Draws
from anyglot.phrasebook.meaning import Clause


def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())


# Properties of which a thing has at most one.
_RIVALS: tuple[frozenset[str], ...] = tuple(
    _words(line)
    for line in (
        "small big",
        "new old",
        "aged young",
        "good bad",
        "beautiful ugly",
        "red white black green blue yellow brown grey",
        "expensive cheap",
        "long short",
        "heavy light",
        "fast slow",
        "interesting boring",
        "rich poor",
        "wide narrow",
        "soft hard",
        "sweet sour",
        "happy sad",
        "cold hot",
        "cold warm",
        "is_clean dirty",
        "dry wet",
        "full empty",
        "is_open closed",
        "bright dark",
    )
)
# Places none of which is a part of another: who is at one is not at another.
_APART: dict[str, frozenset[str]] = {
    "at": _words(
        "kitchen garden bathroom cellar school hospital office station church museum airport cinema theatre bakery "
        "bank stable forest factory library port market"
    ),
    "in": _words("pocket cupboard oven fridge river lake sea bus plane"),
    "on": _words("table bed sofa chair shelf roof wall carpet tree"),
}
_SIDES = frozenset({"on", "under", "behind", "in_front_of", "above"})  # of one thing, at most one of these
_LARGE = ("city", "country")


def other_properties(draws: Draws, clause: Clause) -> list[str]:
    """The properties that the agent may have instead of the one it is said to have."""
    likely = draws.prefer.adjectives(clause.agent.concept).items
    return [
        other
        for other in likely
        if any({other, clause.property} <= rivals for rivals in _RIVALS) and other != clause.property
    ]


def are_apart(draws: Draws, first: str, second: str) -> bool:
    """Whether nothing is at both of two places, given as "relation/concept"."""
    relation, _, concept = first.partition("/")
    other_relation, _, other = second.partition("/")
    if concept == other:
        return relation != other_relation and {relation, other_relation} <= _SIDES
    if relation != other_relation:
        return False
    category = draws.concepts[concept].category
    if relation == "at" and category in _LARGE:
        return draws.concepts[other].category == category
    return {concept, other} <= _APART.get(relation, frozenset())


def rival(draws: Draws, clause: Clause) -> Clause | None:
    """The clause with an alternative that rules it out (another colour, another place), affirmed; None if it has none.

    Only what holds now is ruled out: properties, where something is, where someone lives. What was in one place may
    have been in another.
    """
    if clause.tense != "present":
        return None
    affirmed = replace(clause, negated=False)
    if clause.property is not None:
        others = other_properties(draws, clause)
        return replace(affirmed, property=draws.one_of(others)) if others else None
    lives = clause.verb == "live"
    if clause.place is None or not (clause.kind == "location" or lives):
        return None
    here = f"{clause.place.relation}/{clause.place.entity.concept}"
    agent = clause.agent.concept
    locations, living = draws.prefer.locations, draws.prefer.places
    table = living(draws.any_topic, "live", agent) if lives else locations(draws.any_topic, agent)
    places = [name for name in table.items if are_apart(draws, here, name)]
    return replace(affirmed, place=draws.place(draws.one_of(places))) if places else None

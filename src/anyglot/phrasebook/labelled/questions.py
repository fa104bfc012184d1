"""Questions: a context of sentences in the past and a question about one slot of one of them.

Each of the other sentences has an answer of the same sort. One has the same verb, another the same agent or the same
things, so that the answer takes more than a kind of word or a place in the context.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from anyglot.errors import UserError
from anyglot.phrasebook.labelled.draws import Draws, value
from anyglot.phrasebook.labelled.items import QuestionItem, Slot
from anyglot.phrasebook.meaning import Clause, Entity, Meaning

SLOTS: tuple[Slot, ...] = ("agent", "patient", "place", "time")
NOT_ASKED = frozenset(
    {"search", "know", "love", "live", "hide", "throw"}
)  # say their place or patient in ways of their own
OTHERS: dict[Slot, tuple[tuple[Slot, ...], ...]] = {
    "agent": (("agent", "patient", "place"), ("agent", "verb"), ("agent", "verb", "patient", "place")),
    "patient": (("agent", "patient"), ("verb", "patient"), ("agent", "verb", "patient")),
    "place": (("agent", "place"), ("verb", "patient", "place"), ("agent", "verb", "patient", "place")),
    "time": (("agent", "time"), ("verb", "patient", "time"), ("agent", "verb", "patient", "time")),
}


def question_items(draws: Draws) -> Iterator[QuestionItem]:
    """Items without end, the slots that are asked for in turn."""
    due: list[Slot] = []
    while True:
        due = due or draws.random.sample(SLOTS, len(SLOTS))
        item = _question(draws, due[-1])
        if item is not None:
            due.pop()
            yield item


def _question(draws: Draws, slot: Slot) -> QuestionItem | None:
    found = draws.like(slot, lambda clause: _can_be_asked(draws, clause, slot))
    if found is None:
        raise UserError(f"the phrasebook's level '{draws.level_name}' has no sentence to ask for a {slot} of.")
    clause = found.first
    if slot != "time":
        clause = replace(clause, time=None, year=None, time_first=False)
    asked = Meaning(clause, topic=found.topic)
    if not draws.inside(asked):
        return None
    used = {value(clause, slot) or ""}
    context = [asked]
    for slots in OTHERS[slot]:
        other = draws.said(lambda: _other(draws, clause, slot, slots, found.topic, used), found.topic)  # noqa: B023
        if other is None:
            return None
        used.add(value(other.first, slot) or "")
        context.append(other)
    draws.random.shuffle(context)
    return QuestionItem(tuple(context), context.index(asked), slot)


def _can_be_asked(draws: Draws, clause: Clause, slot: Slot) -> bool:
    plain = clause.tense == "past" and not clause.negated and draws.is_name(clause.agent)
    if not plain or value(clause, slot) is None or clause.kind not in ("transitive", "intransitive", "location"):
        return False
    if clause.verb in NOT_ASKED or clause.time == "in_year":
        return False
    return slot != "patient" or not _is_person(draws, clause.patient)


def _is_person(draws: Draws, entity: Entity | None) -> bool:
    return entity is not None and "human" in draws.concepts[entity.concept].traits


def _answers(clause: Clause, model: Clause, asked: Slot) -> bool:
    """Whether a sentence would answer the question about another too: only what is asked for differs."""
    rest: tuple[Slot, ...] = ("agent", "verb", "patient", "place")
    return all(value(clause, slot) == value(model, slot) for slot in rest if slot != asked)


def _other(
    draws: Draws, clause: Clause, asked: Slot, slots: tuple[Slot, ...], topic: str, used: set[str]
) -> Clause | None:
    """A sentence with other fillers in some slots, nobody and nothing of them used as an answer before."""
    if clause.verb is None:
        slots = (
            "agent",
            "place",
            *(slot for slot in slots if slot == "time"),
        )  # who was at one place was not at another
    made = draws.changed(clause, slots, topic, used)
    if made is None or made.verb in NOT_ASKED or _answers(made, clause, asked):
        return None
    if "time" not in slots or made.verb == clause.verb:
        return made
    return replace(made, time_first=draws.chance(draws.level.fronted_time))

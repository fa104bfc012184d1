"""Ranking: documents for a query, graded by how much of what is asked for they have.

A query has four slots: who, does what, to what, where. A document has nought to four of them, other fillers in the
rest; each query has one document of each grade. What a document is about says nothing about its grade by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from anyglot.errors import UserError
from anyglot.phrasebook.labelled.draws import Draws, concepts_of
from anyglot.phrasebook.labelled.items import GRADES, DocumentItem, Slot
from anyglot.phrasebook.meaning import Clause, Meaning

SLOTS: tuple[Slot, ...] = ("agent", "verb", "patient", "place")


def ranking_items(draws: Draws) -> Iterator[DocumentItem]:
    """Documents without end, the `len(GRADES)` of a query one after another."""
    asked: set[tuple[str, ...]] = set()
    while True:
        model = draws.like("query", _can_be_asked)
        if model is None:
            raise UserError(f"the phrasebook's level '{draws.level_name}' has no sentence to make a query of.")
        # Its slots are filled anew like those of the documents: else the usual word would tell the grade.
        query = draws.said(lambda: _refilled(draws, model), model.topic)  # noqa: B023
        if query is None:
            continue
        fillers = tuple(sorted(concepts_of(query.first)))
        documents = None if fillers in asked else _documents(draws, query)
        if documents is not None:
            asked.add(fillers)
            yield from documents


def _refilled(draws: Draws, model: Meaning) -> Clause | None:
    return draws.changed(model.first, SLOTS, model.topic, set())


def _can_be_asked(clause: Clause) -> bool:
    full = clause.kind == "transitive" and clause.place is not None and clause.time is None
    plain = not clause.negated and clause.agent.definite and clause.agent.count is None
    return full and plain and all(entity.property is None and entity.count is None for entity in clause.entities())


def _documents(draws: Draws, query: Meaning) -> list[DocumentItem] | None:
    documents: list[DocumentItem] = []
    for grade in range(len(GRADES)):
        meaning = draws.found(lambda: _document(draws, query, grade), draws.inside)  # noqa: B023
        if meaning is None:
            return None
        clause = meaning.first
        snippet = [meaning, draws.beside(concepts_of(clause) | concepts_of(query.first) | {query.first.verb or ""})]
        draws.random.shuffle(snippet)
        title = Meaning(replace(clause, place=None), topic=query.topic)
        documents.append(DocumentItem(query, title, tuple(snippet), grade))
    draws.random.shuffle(documents)
    return documents


def _document(draws: Draws, query: Meaning, grade: int) -> Meaning | None:
    """The query's clause with all but `grade` of its slots filled otherwise."""
    changed = draws.random.sample(SLOTS, len(SLOTS) - grade)
    made = draws.changed(query.first, changed, query.topic, concepts_of(query.first))
    return None if made is None else Meaning(made, topic=query.topic)

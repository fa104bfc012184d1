"""Topic, parts of speech and names: what a sentence carries with it needs only to be chosen."""

from __future__ import annotations

from collections.abc import Iterator

from anyglot.phrasebook.labelled.draws import GIVE_UP_AFTER, Draws, concepts_of
from anyglot.phrasebook.labelled.items import TextItem
from anyglot.phrasebook.meaning import Clause, Meaning

SENTENCES = 3  # of a text with a topic
KINDS: tuple[tuple[str, ...], ...] = (("name",), ("city", "country"), ("company",))
PROPER = frozenset(category for kind in KINDS for category in kind)
NAMELESS = 0.1  # of the sentences in the set of names name nobody and nothing


def topic_items(draws: Draws) -> Iterator[TextItem]:
    """Texts of three sentences about one topic, the topics balanced; each sentence has two words of the topic's own."""
    topics = list(draws.prefer.catalogue.topics)
    due: list[str] = []
    while True:
        due = due or draws.random.sample(topics, len(topics))
        topic = due.pop()
        text: list[Meaning] = []
        while len(text) < SENTENCES:
            meaning = draws.about(topic)
            if meaning not in text:
                text.append(meaning)
        yield TextItem(tuple(text), topic)


def tagged_items(draws: Draws) -> Iterator[TextItem]:
    """Sentences as the phrasebook draws them."""
    while True:
        yield TextItem((draws.meaning(lambda _: True),))


def named_items(draws: Draws) -> Iterator[TextItem]:
    """Sentences with a person, a place and a company in turn (often with others besides), and some with no name."""
    kinds = [kind for kind in KINDS if any(draws.prefer.catalogue.of(category) for category in kind)]
    due: list[tuple[str, ...]] = []
    while True:
        due = due or draws.random.sample(kinds, len(kinds))
        kind: tuple[str, ...] = () if draws.chance(NAMELESS) else due.pop()
        made = draws.found(lambda: _naming(draws, kind), draws.inside, GIVE_UP_AFTER)  # noqa: B023
        assert made is not None  # the split has a tenth of all there is
        yield TextItem((made,))


def _naming(draws: Draws, kind: tuple[str, ...]) -> Meaning | None:
    def accept(clause: Clause) -> bool:
        categories = {draws.concepts[concept].category for concept in concepts_of(clause)}
        return bool(categories & set(kind)) if kind else not categories & PROPER

    return draws.like(f"naming {kind}", accept)

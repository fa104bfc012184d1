"""The beginner's level: fewer words, nothing that a language leaves unsaid, and the same guarantees as the full one."""

from __future__ import annotations

from itertools import islice

import pytest

from anyglot.errors import UserError
from anyglot.phrasebook.catalogue import load_catalogue
from anyglot.phrasebook.corpus import Phrasebook
from anyglot.phrasebook.languages import known_languages
from anyglot.phrasebook.levels import LEVELS, level_named, restricted
from anyglot.phrasebook.sampler import MeaningSampler, split_of


def beginner(count: int, split: str = "train") -> list[object]:
    return list(islice(MeaningSampler(5, "beginner").stream(split), count))


def test_full_level_is_the_whole_catalogue() -> None:
    assert restricted(load_catalogue(), LEVELS["full"]) is load_catalogue()


def test_beginner_words_are_those_of_its_topics() -> None:
    level = LEVELS["beginner"]
    smaller = restricted(load_catalogue(), level)
    assert set(smaller.topics) == set(level.topics or ())
    assert len(smaller.concepts) < 0.6 * len(load_catalogue().concepts)
    assert len(smaller.of("name")) == 2 * (level.names or 0)
    for meaning in beginner(2000):
        for clause in meaning.clauses():
            used = [entity.concept for entity in clause.entities()] + [clause.verb, clause.property, clause.time]
            assert {word for word in used if word} <= smaller.concepts.keys()


def test_beginner_sentences_leave_nothing_to_guess() -> None:
    meanings = beginner(3000)
    assert all(meaning.second is None for meaning in meanings)
    clauses = [meaning.first for meaning in meanings]
    assert not any(clause.aspect == "habitual" or clause.year for clause in clauses)
    assert all(clause.agent.definite or clause.agent.count for clause in clauses)
    assert {clause.kind for clause in clauses} == set(LEVELS["beginner"].kinds)


@pytest.mark.parametrize("language", known_languages())
def test_every_language_says_the_beginner_sentences_apart(language: str) -> None:
    rows = Phrasebook([language], 2, "beginner").parallel("train", 1500)
    said: dict[str, set[str]] = {}
    for row in rows:
        said.setdefault(row[language].text, set()).add(row[language].meaning.skeleton())
    mixed = [text for text, meanings in said.items() if len(meanings) > 1]
    assert len(mixed) <= 0.01 * len(said), mixed[:5]


def test_splits_stay_disjoint() -> None:
    assert all(split_of(meaning) == "test" for meaning in beginner(200, "test"))
    train = {meaning.skeleton() for meaning in beginner(3000)}
    assert train.isdisjoint(meaning.skeleton() for meaning in beginner(200, "test"))


def test_unknown_level_is_the_users_slip() -> None:
    with pytest.raises(UserError, match="full, beginner"):
        level_named("poetic")

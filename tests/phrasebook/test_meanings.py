"""The meanings themselves: deterministic, disjoint across splits, and far from uniform."""

from __future__ import annotations

import itertools
import json
import math
import random
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.phrasebook import Meaning, Phrasebook
from anyglot.phrasebook.catalogue import load_catalogue
from anyglot.phrasebook.sampler import SPLIT_SHARES, sample_meanings, split_of
from phrasebook.counting import calls_of

CALLS = 700  # of functions a meaning: three times what it takes, a quarter of a millisecond


@pytest.fixture(scope="module")
def meanings() -> list[Meaning]:
    return list(sample_meanings(0, "train", 20000))


def test_same_seed_same_meanings() -> None:
    assert [m.key() for m in sample_meanings(7, "train", 300)] == [m.key() for m in sample_meanings(7, "train", 300)]
    assert [m.key() for m in sample_meanings(7, "train", 50)] != [m.key() for m in sample_meanings(8, "train", 50)]


def test_determinism_across_processes() -> None:
    """Hash randomisation must not leak in."""
    code = "from anyglot.phrasebook.sampler import sample_meanings as s; print([m.key() for m in s(1, 'test', 40)])"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@settings(max_examples=10, deadline=None)
@given(st.integers(min_value=0, max_value=2**32), st.integers(min_value=0, max_value=2**32))
def test_splits_are_disjoint_for_any_seeds(one: int, other: int) -> None:
    keys = {split: {m.skeleton() for m in sample_meanings(one, split, 60)} for split in SPLIT_SHARES}
    keys_too = {split: {m.skeleton() for m in sample_meanings(other, split, 60)} for split in SPLIT_SHARES}
    for split in SPLIT_SHARES:
        for another in set(SPLIT_SHARES) - {split}:
            assert not keys[split] & keys_too[another]


def test_split_of_what_is_drawn() -> None:
    for split in SPLIT_SHARES:
        assert {split_of(meaning) for meaning in sample_meanings(2, split, 100)} == {split}


def test_held_out_meanings_are_unique() -> None:
    drawn = list(sample_meanings(0, "validation", 1000))
    assert len({meaning.key() for meaning in drawn}) == 1000


def test_unknown_split() -> None:
    with pytest.raises(UserError, match="train, validation, test"):
        next(sample_meanings(0, "dev", 1))


def test_json_round_trip(meanings: list[Meaning]) -> None:
    for meaning in meanings[:2000]:
        again = Meaning.from_json(json.loads(json.dumps(meaning.to_json())))
        assert again == meaning and again.topic == meaning.topic and again.key() == meaning.key()


def test_equal_keys_mean_equal_meanings(meanings: list[Meaning]) -> None:
    by_key = {meaning.key(): meaning for meaning in meanings}
    assert all(by_key[meaning.key()] == meaning for meaning in meanings)
    assert len(set(meanings)) == len(by_key)


def test_what_the_grammars_rely_on(meanings: list[Meaning]) -> None:
    """The guarantees of docs/phrasebook.md."""
    concepts = load_catalogue().concepts
    for meaning in meanings:
        for clause in meaning.clauses():
            named = [entity.concept for entity in clause.entities()]
            assert len(set(named)) == len(named)
            assert (clause.verb is None) == (clause.kind in ("property", "location"))
            assert (clause.patient is not None) == (clause.kind in ("transitive", "ditransitive"))
            assert (clause.year is not None) == (clause.time == "in_year")
            assert clause.agent.definite or clause.agent.count or not clause.agent.plural
            if clause.negated:
                assert all(entity.count is None for entity in clause.entities()) and clause.agent.definite
                assert clause.aspect != "habitual" or clause.time is None
            if clause.kind in ("property", "location"):
                assert clause.agent.definite and clause.agent.property is None and clause.aspect == "state"
            if clause.recipient is not None:
                assert clause.recipient.definite and clause.recipient.property is None
            if clause.place is not None:
                assert clause.place.entity.definite and not clause.place.entity.plural
            for entity in clause.entities():
                concept = concepts[entity.concept]
                if concept.category != "noun":
                    assert entity.definite and not entity.plural and entity.property is None
                if {"mass", "unique", "product"} & concept.traits:
                    assert not entity.plural and entity.count is None
                assert entity.count is None or (entity.plural and not entity.definite and entity.count > 1)


def test_every_concept_occurs() -> None:
    seen: Counter[str] = Counter()
    for meaning in sample_meanings("all", "train", 60000):
        for clause in meaning.clauses():
            seen.update(entity.concept for entity in clause.entities())
            seen.update(entity.property for entity in clause.entities() if entity.property)
            seen.update(part for part in (clause.verb, clause.property, clause.time) if part)
            if clause.place:
                seen[clause.place.relation] += 1
    unsaid = {c.name for c in load_catalogue().concepts.values() if c.category != "connective"} - set(seen)
    assert unsaid == set()


def test_frequencies_are_zipfian(meanings: list[Meaning]) -> None:
    """Between ranks 5 and 150 the log frequency falls roughly linearly with the log rank."""
    counts = Counter(e.concept for m in meanings for c in m.clauses() for e in c.entities())
    ranked = [count for _, count in counts.most_common()]
    slope = math.log(ranked[149] / ranked[4]) / math.log(150 / 5)
    assert -1.4 < slope < -0.5
    assert sum(ranked[:25]) > 0.25 * sum(ranked)


def _mutual_information(pairs: list[tuple[str, str]]) -> float:
    joint, left, right = Counter(pairs), Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    total = len(pairs)
    return sum(n / total * math.log2(n * total / (left[a] * right[b])) for (a, b), n in joint.items())


def test_verbs_select_their_objects(meanings: list[Meaning]) -> None:
    clauses = [clause for meaning in meanings for clause in meaning.clauses()]
    for pairs in (
        [(c.verb, c.patient.concept) for c in clauses if c.verb and c.patient],
        [(c.agent.concept, c.verb) for c in clauses if c.verb and c.agent.concept.islower()],
        [(c.agent.concept, c.place.entity.concept) for c in clauses if c.kind == "location" and c.place],
        [(c.agent.concept, c.property) for c in clauses if c.property],
    ):
        objects = [b for _, b in pairs]
        random.Random(0).shuffle(objects)
        shuffled = [(a, b) for (a, _), b in zip(pairs, objects, strict=True)]
        assert _mutual_information(pairs) > _mutual_information(shuffled) + 0.5


def test_topics_hold_over_adjacent_sentences(meanings: list[Meaning]) -> None:
    same = sum(a.topic == b.topic for a, b in itertools.pairwise(meanings)) / len(meanings)
    assert same > 0.8
    agents = [meaning.first.agent.concept for meaning in meanings]
    again = sum(a in agents[max(0, i - 5) : i] for i, a in enumerate(agents)) / len(agents)
    assert again > 0.2


def test_languages_see_different_meanings() -> None:
    book = Phrasebook(["en", "de"], 0)
    english = {s.meaning.key() for s in book.sentences("train", 1000, "en")}
    german = [s.meaning.key() for s in book.sentences("train", 1000, "de")]
    assert sum(key in english for key in german) < 100


def test_sampling_speed() -> None:
    list(sample_meanings("warm", "train", 2000))
    assert calls_of(lambda: list(sample_meanings("speed", "train", 4000))) / 4000 < CALLS

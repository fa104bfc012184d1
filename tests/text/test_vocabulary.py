"""Choosing tokens: by count, by coverage, by script; both numberings; the file."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.text.scripts import is_written_in, script_of, scripts_of, scripts_of_languages
from anyglot.text.tokenizer import Tokenizer
from anyglot.text.tokenizer_training import train_tokenizer
from anyglot.text.vocabulary import (
    Vocabulary,
    choose_by_counts,
    choose_by_scripts,
    count_tokens,
    coverage,
    single_characters,
    with_specials,
    written_scripts,
)

GERMAN = ["Das Haus ist alt, und 3 Hunde schlafen.", "Der Hund sieht das Haus!", "Ein neues Buch."]
OTHERS = ["старый дом стоит у реки", "老房子在河边。", "ひらがなとカタカナ", "το παλιό σπίτι"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    return train_tokenizer([*GERMAN, *OTHERS] * 3, 71, folder, seed=1, character_coverage=1.0)


def ids_in(texts: list[str], tokenizer: Tokenizer) -> set[int]:
    return {id for ids in tokenizer.encode(texts) for id in ids}


@given(
    kept=st.sets(st.integers(0, 40), min_size=1),
    asked=st.lists(st.integers(0, 40), max_size=10),
)
def test_there_and_back(kept: set[int], asked: list[int]) -> None:
    vocabulary = Vocabulary(np.asarray(sorted(kept)), 41, "t")
    places = np.arange(len(kept))
    assert vocabulary.compact(vocabulary.full(places)).tolist() == places.tolist()
    assert vocabulary.holds(asked).tolist() == [id in kept for id in asked]
    if all(id in kept for id in asked):
        assert vocabulary.full(vocabulary.compact(asked)).tolist() == asked
    else:
        with pytest.raises(ValueError, match="is not kept"):
            vocabulary.compact(asked)


@given(kept=st.sets(st.integers(0, 300), min_size=1), data=st.data())
@settings(max_examples=50)
def test_the_file_gives_the_same_back(kept: set[int], data: st.DataObject, tmp_path_factory, tokenizer) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("file") / "v.json"
    vocabulary = Vocabulary(np.asarray(sorted(kept)), 301, tokenizer.fingerprint)
    vocabulary.save(path)
    again = Vocabulary.load(path, tokenizer)
    assert again.ids.tolist() == sorted(kept) and again.full_size == 301
    assert again.fingerprint == vocabulary.fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "x"}, "no vocabulary of this package"),
        ({"runs": [[0, 10**15]]}, "damaged"),
        ({"runs": [[5, 9], [0, 2]]}, "damaged"),
        ({"runs": "abc"}, "damaged"),
        ({"full_size": None}, "damaged"),
        ({"runs": [[0, 3]]}, "its content and its hash differ"),
        ({"tokenizer": "another"}, "hash differ"),
    ],
)
def test_a_damaged_file_is_refused(
    tokenizer: Tokenizer, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "v.json"
    with_specials(np.asarray([7, 8]), tokenizer).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=message):
        Vocabulary.load(path, tokenizer)
    path.write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        Vocabulary.load(path, tokenizer)


def test_a_file_of_another_tokenizer_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    Vocabulary(np.arange(9), tokenizer.vocabulary_size, "other").save(tmp_path / "v.json")
    with pytest.raises(UserError, match="made for another tokenizer"):
        Vocabulary.load(tmp_path / "v.json", tokenizer)


def test_from_a_text_come_its_tokens_and_the_special_ones(tokenizer: Tokenizer) -> None:
    chosen = choose_by_counts(count_tokens(GERMAN, tokenizer.encode, tokenizer), tokenizer)
    assert set(chosen.ids) == ids_in(GERMAN, tokenizer) | {0, 1, 2, 3, tokenizer.mask_id}
    found = coverage(chosen, GERMAN, tokenizer)
    assert (found.sentences, found.lost, found.damaged, found.token_share) == (3, 0, 0, 1.0)


@given(counts=st.lists(st.integers(0, 6), min_size=4, max_size=4), percent=st.integers(1, 100))
@settings(max_examples=80)
def test_coverage_takes_the_fewest_tokens_that_suffice(tokenizer, counts: list[int], percent: int) -> None:  # type: ignore[no-untyped-def]
    """Against all subsets of four tokens."""
    total = sum(counts)
    if not total:
        return
    table = np.zeros(tokenizer.vocabulary_size, dtype=np.int64)
    table[10:14] = counts
    chosen = [id for id in choose_by_counts(table, tokenizer, share=percent / 100).ids.tolist() if 10 <= id < 14]
    sizes = [size for size in range(5) for some in combinations(counts, size) if 100 * sum(some) >= percent * total]
    assert len(chosen) == min(sizes)
    assert 100 * sum(counts[id - 10] for id in chosen) >= percent * total


def test_rare_tokens_may_be_left_out(tokenizer: Tokenizer) -> None:
    counts = count_tokens(GERMAN, tokenizer.encode, tokenizer)
    chosen = choose_by_counts(counts, tokenizer, minimum=2)
    assert set(chosen.ids) == set(np.flatnonzero(counts >= 2)) | {0, 1, 2, 3, tokenizer.mask_id}
    found = coverage(chosen, [*GERMAN, ""], tokenizer)
    assert found.lost == counts[counts == 1].sum() > 0 and found.damaged == 3 == found.sentences
    assert found.token_share == 1 - found.lost / found.tokens and found.sentence_share == 0


def test_by_script_comes_what_has_no_letter_of_another(tokenizer: Tokenizer) -> None:
    chosen = choose_by_scripts(["Latin"], tokenizer)
    assert ids_in(GERMAN, tokenizer) <= set(chosen.ids)
    for id in set(range(4, tokenizer.mask_id)) - set(chosen.ids):
        [piece] = tokenizer.pieces([id])
        assert any(script_of(character) not in (None, "Latin") for character in piece)
    signs = {id for id in ids_in(["3 , . 。"], tokenizer) if id != tokenizer.unknown_id}
    assert signs and signs <= set(choose_by_scripts(["Cyrillic"], tokenizer).ids)


def test_single_characters_spell_every_word_of_the_script(tokenizer: Tokenizer) -> None:
    spelled = set(tokenizer.pieces(single_characters(["Cyrillic"], tokenizer)))
    assert set("старыйдомиукеи") <= spelled and "▁" in spelled and "a" not in spelled


def test_scripts_of_a_text(tokenizer: Tokenizer) -> None:
    counts = count_tokens([*GERMAN * 50, "дом"], tokenizer.encode, tokenizer)
    assert written_scripts(counts, tokenizer) == ("Latin",)  # one word in hundreds is a name
    counts = count_tokens([*GERMAN, *OTHERS], tokenizer.encode, tokenizer)
    assert written_scripts(counts, tokenizer) == ("Cyrillic", "Greek", "Han", "Hiragana", "Katakana", "Latin")


@pytest.mark.parametrize(
    ("character", "script"),
    [
        *[("a", "Latin"), ("ß", "Latin"), ("ж", "Cyrillic"), ("猫", "Han"), ("が", "Hiragana"), ("ह", "Devanagari")],
        *[(sign, None) for sign in "1 ,。▁\u0301€🙂"],
        ("\U00010900", "Other"),
    ],
)
def test_script_of_a_character(character: str, script: str | None) -> None:
    assert script_of(character) == script


def test_scripts_by_name_code_and_language() -> None:
    assert scripts_of(["latin", "CYRL", " Greek"]) == {"Latin", "Cyrillic", "Greek"}
    assert scripts_of(["Jpan"]) == {"Han", "Hiragana", "Katakana"}
    assert scripts_of_languages(["de", "uk", "ko", "zh-Hant"]) == {"Latin", "Cyrillic", "Hangul", "Han", "Bopomofo"}
    assert is_written_in("▁été, 3!", frozenset({"Latin"})) and not is_written_in("aж", frozenset({"Latin"}))
    with pytest.raises(UserError, match=r"no script 'Runic'.*Latin, Cyrillic"):
        scripts_of(["Runic"])


def test_no_text_and_wrong_numbers(tokenizer: Tokenizer) -> None:
    counts = count_tokens(["", "  "], tokenizer.encode, tokenizer)
    with pytest.raises(UserError, match="no text to choose"):
        choose_by_counts(counts, tokenizer)
    for wrong in ({"share": 0.0}, {"share": 1.1}, {"minimum": 0}):
        with pytest.raises(UserError, match="coverage must lie"):
            choose_by_counts(counts + 1, tokenizer, **wrong)  # type: ignore[arg-type]

"""Phrasebook text by address."""

from pathlib import Path

import pytest

from anyglot.data import phrasebook_text
from anyglot.data.corpus import MonolingualSource, ParallelSource, content_hash, read_monolingual, read_parallel
from anyglot.data.phrasebook_text import Passage, parse_address
from anyglot.data.store import tokenise
from anyglot.errors import UserError
from anyglot.phrasebook.corpus import Phrasebook
from anyglot.text.tokenizer import Tokenizer

ADDRESS = "phrasebook:sentences=12&level=beginner&seed=3"


def test_a_language_has_sentences_of_its_own() -> None:
    book = Phrasebook(["de", "en"], 3, "beginner")
    german, _ = read_monolingual(MonolingualSource(language="deu", file=ADDRESS))
    assert german == [sentence.text for sentence in book.sentences("train", 12, "de")]
    later, _ = read_monolingual(MonolingualSource(language="de", file=f"{ADDRESS}&offset=5&split=test", limit=4))
    assert later == [sentence.text for sentence in book.sentences("test", 4, "de", offset=5)]


def test_a_pair_says_the_same_on_both_sides() -> None:
    book = Phrasebook(["de", "en"], 3, "beginner")
    source = ParallelSource(source="de", target="en", file=f"{ADDRESS}&offset=7")
    german, english, skipped = read_parallel(source)
    rows = list(book.parallel("train", 12, offset=7))
    assert (german, english) == ([row["de"].text for row in rows], [row["en"].text for row in rows])
    assert skipped == 0
    turned = read_parallel(ParallelSource(source="en", target="de", file=f"{ADDRESS}&offset=7"))
    assert turned[:2] == (english, german)


def test_the_hash_is_the_texts_and_the_cache_knows_it(tokenizer: Tokenizer, tmp_path: Path) -> None:
    source = MonolingualSource(language="de", file=ADDRESS)
    spelt_otherwise = MonolingualSource(language="de", file="phrasebook:seed=3&level=beginner&sentences=12&split=train")
    other = MonolingualSource(language="de", file=ADDRESS.replace("seed=3", "seed=4"))
    assert content_hash(source) == content_hash(spelt_otherwise) != content_hash(other)
    assert content_hash(source) != content_hash(MonolingualSource(language="es", file=ADDRESS))
    first = tokenise(source, tokenizer, tmp_path)
    assert len(first) == 12 and tokenise(spelt_otherwise, tokenizer, tmp_path).key == first.key
    assert len(list(tmp_path.iterdir())) == 1


def test_text_is_generated_once_in_a_process(tokenizer: Tokenizer, tmp_path: Path) -> None:
    source = MonolingualSource(language="de", file="phrasebook:sentences=9&seed=123456")
    before = phrasebook_text._generated.cache_info()
    assert list(source.sentences()) == list(source.sentences())
    tokenise(source, tokenizer, tmp_path)
    after = phrasebook_text._generated.cache_info()
    assert after.misses - before.misses == 1 and after.hits > before.hits


def test_an_address_is_no_path(tmp_path: Path) -> None:
    assert MonolingualSource(language="de", file=ADDRESS).resolved(tmp_path).file == ADDRESS
    assert ParallelSource(source="de", target="en", file=ADDRESS).resolved(tmp_path).file == ADDRESS
    assert parse_address(ADDRESS) == Passage(12, "train", "beginner", 3, 0)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("phrasebook:", "does not say how much text; add sentences=20000"),
        ("phrasebook:split=train", "does not say how much text"),
        ("phrasebook:sentences=0", "sentences=0 is no text"),
        ("phrasebook:sentences=-5", "no whole number from 0"),
        ("phrasebook:sentences=many", "no whole number from 0"),
        ("phrasebook:sentences=9999999999", "no whole number from 0 to 999,999,999"),
        ("phrasebook:sentences=5&seed=1.5", "seed='1.5' is no whole number"),
        ("phrasebook:sentences=5&split=dev", "unknown split 'dev'; the phrasebook has train, validation, test"),
        ("phrasebook:sentences=5&level=hard", "no level 'hard'"),
        ("phrasebook:sentences=5&sed=1", "is not understood; write phrasebook:sentences=20000"),
        ("phrasebook:sentences=5&sentences=6", "is not understood"),
        ("phrasebook:5", "is not understood"),
    ],
)
def test_addresses_that_make_no_sense_are_told(address: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        parse_address(address)
    assert told in str(error.value)
    with pytest.raises(ValueError, match="phrasebook"):
        MonolingualSource(language="de", file=address)


def test_languages_it_does_not_speak_are_refused_when_a_recipe_is_read() -> None:
    with pytest.raises(ValueError, match="the phrasebook does not speak sw; it speaks de, en"):
        MonolingualSource(language="sw", file=ADDRESS)
    with pytest.raises(ValueError, match="does not speak ja"):
        ParallelSource(source="de", target="ja", file=ADDRESS)
    with pytest.raises(ValueError, match="named twice"):
        ParallelSource(source="de", target="de", file=ADDRESS)
    with pytest.raises(ValueError, match="columns belongs to a"):
        ParallelSource(source="de", target="en", file=ADDRESS, columns=(0, 1))

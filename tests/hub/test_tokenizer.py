"""Our tokenizer in transformers: the same ids and the same texts."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer, XLMRobertaTokenizer

from anyglot.hub.tokenizer import never_written, tokenizer_files
from anyglot.phrasebook.corpus import Phrasebook, known_languages
from anyglot.text.tokenizer import Tokenizer, load_tokenizer
from anyglot.text.tokenizer_training import train_tokenizer

LANGUAGES = sorted(known_languages())
SPELT = "</s> <mask> <pad>"
ODD = ["", "  ", "a  b", "  lead", "trail  ", "tab\tx", "new\nline", "ﬁ ①", "日本語 テスト", "e\u0301", "\u200b zero"]
ODD += ["ｆｕｌｌ", "👍🏽 ok", "a" * 300, "\u2581x \u2581 y", "İstanbul", "\u00a0nbsp\u3000wide"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = [row[code].text for row in Phrasebook(LANGUAGES, seed=0).parallel("train", 60) for code in LANGUAGES]
    train_tokenizer(texts, 1000, folder)
    return folder


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rows = Phrasebook(LANGUAGES, seed=0).parallel("test", 40)
    return [row[code].text for row in rows for code in LANGUAGES] + ODD


@pytest.fixture(scope="module")
def whole(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files of an upload."""
    written = tmp_path_factory.mktemp("whole")
    for name, content in tokenizer_files(folder).items():
        (written / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    return written


@pytest.mark.parametrize("kind", ["folder", "whole"])
def test_ids_are_ours(kind: str, texts: list[str], request: pytest.FixtureRequest) -> None:
    place: Path = request.getfixturevalue(kind)
    theirs = XLMRobertaTokenizer.from_pretrained(place)
    ours = Tokenizer.load(place)
    assert len(theirs) == ours.vocabulary_size and theirs.mask_token_id == ours.mask_id
    assert theirs(texts).input_ids == ours.encode_source(texts)


def test_a_spelt_special_token_is_text_to_us_and_special_to_them(whole: Path) -> None:
    """The one difference there is: it is told in the documentation, and this is where it would be seen to go."""
    ours, theirs = Tokenizer.load(whole), AutoTokenizer.from_pretrained(whole)
    specials = set(ours.special_ids)
    assert not specials & set(ours.encode([SPELT])[0])
    for options in ({}, {"split_special_tokens": True}):
        assert specials & set(theirs(SPELT, add_special_tokens=False, **options).input_ids)


def test_texts_come_back_alike(whole: Path, texts: list[str]) -> None:
    ours, theirs = Tokenizer.load(whole), AutoTokenizer.from_pretrained(whole)
    ids = [sequence for sequence in ours.encode(texts) if ours.unknown_id not in sequence]
    assert len(ids) > 300
    assert theirs.batch_decode(ids, skip_special_tokens=True) == ours.decode(ids)


def test_the_conversion_does_not_change_how_we_read_the_folder(folder: Path, whole: Path) -> None:
    assert isinstance(load_tokenizer(whole), Tokenizer)
    assert load_tokenizer(whole).fingerprint == load_tokenizer(folder).fingerprint


def test_what_transformers_saves_we_open(whole: Path, texts: list[str], tmp_path: Path) -> None:
    AutoTokenizer.from_pretrained(whole).save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path).encode_source(texts) == load_tokenizer(whole).encode_source(texts)


def test_no_special_token_but_the_end_may_be_written(folder: Path) -> None:
    assert never_written(Tokenizer.load(folder), 2, 1003) == [0, 1, 999, 1000, 1001, 1002]

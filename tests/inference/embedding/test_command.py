"""`anyglot embed`: a row for each line, whatever comes in; resumed after a kill; one sentence for each mistake."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from anyglot.cli.main import app
from anyglot.errors import UserError
from anyglot.inference.embedding import Embedder, EmbeddingSettings, embedder, output
from anyglot.inference.embedding.command import Work, mean_path, run
from support.holder import holder
from support.tiny_encoders import LAYERS, SENTENCES, WIDTH, write_xlmr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_xlmr(tmp_path_factory.mktemp("xlmr"))


@pytest.fixture(scope="module")
def expected(folder: Path) -> np.ndarray:
    return Embedder.from_pretrained(folder, device="cpu", precision="fp32").embed(SENTENCES)


@pytest.fixture
def work(folder: Path, tmp_path: Path) -> Work:
    text = tmp_path / "text"
    text.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    output = tmp_path / "out" / "text.npy"
    output.parent.mkdir()
    return Work(str(folder), text, output, device="cpu", precision="fp32")


def left(work: Work) -> list[str]:
    return sorted(path.name for path in work.output.parent.iterdir())


def test_rows_are_the_vectors_of_the_lines(work: Work, expected: np.ndarray) -> None:
    run(work)
    found = np.load(work.output, mmap_mode="r")
    assert found.dtype == np.float32 and np.array_equal(found, expected)
    assert left(work) == ["text.npy"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_in_is_a_row_out_for_any_bytes(work: Work, end: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    lines = [b"\xef\xbb\xbfHund", b"", b"das \xff Haus", "a\u2028b\x0bc".encode(), b"\0", b"   ", b"Hund"]
    assert work.input is not None
    work.input.write_bytes(end.join(lines))
    run(work)
    found = np.load(work.output)
    assert len(found) == len(lines)
    assert np.array_equal(found[0], found[-1])
    assert not found[[1, 5]].any() and found[[2, 3]].any(axis=1).all()
    told = capfd.readouterr().err
    assert "not UTF-8, read as U+FFFD: 1" in told
    assert f"rows are zeros: {int((~found.any(axis=1)).sum())}" in told


def test_packed_text_and_standard_input(work: Work, folder: Path, expected: np.ndarray) -> None:
    assert work.input is not None
    packed = work.input.with_name("text.gz")
    packed.write_bytes(gzip.compress(work.input.read_bytes()))
    run(replace(work, input=packed))
    assert np.array_equal(np.load(work.output), expected)
    words = ["embed", str(folder), "-o", str(work.output), "--device", "cpu", "--precision", "fp32", "--no-cache"]
    done = CliRunner().invoke(app, [*words, "--layer", "-2"], input=work.input.read_bytes())
    assert done.exit_code == 0, done.output
    embedder = Embedder.from_pretrained(folder, device="cpu", precision="fp32")
    assert np.array_equal(np.load(work.output), embedder.embed(SENTENCES, EmbeddingSettings(layer=LAYERS - 2)))


def test_parquet_holds_rows_hashes_and_vectors(work: Work, expected: np.ndarray) -> None:
    work = replace(work, output=work.output.with_suffix(".parquet"), normalize=True)
    run(work)
    table = parquet.read_table(work.output)
    assert table.column("row").to_pylist() == list(range(len(SENTENCES)))
    hashes = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in SENTENCES]
    assert table.column("text_hash").to_pylist() == hashes
    found = np.array(table.column("vector").to_pylist(), dtype=np.float32)
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)
    assert left(work) == ["text.parquet"]


def test_centring_takes_away_the_mean_and_writes_it(work: Work, expected: np.ndarray) -> None:
    assert work.input is not None
    work.input.write_text("\n".join([*SENTENCES[:5], "", *SENTENCES[5:]]), encoding="utf-8")
    run(replace(work, center=True))
    mean = np.load(mean_path(work.output))
    np.testing.assert_allclose(mean, expected.astype(np.float64).mean(axis=0), rtol=1e-12)
    found = np.load(work.output)
    assert not found[5].any()  # an empty line has no vector to move, and none in the mean
    assert np.array_equal(np.delete(found, 5, axis=0), (expected - mean).astype(np.float32))
    other = replace(work, output=work.output.with_name("other.npy"), center_from=mean_path(work.output), normalize=True)
    run(other)
    unit = np.delete(np.load(other.output), 5, axis=0)
    moved = expected - mean
    np.testing.assert_allclose(unit, moved / np.linalg.norm(moved, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_presets_and_scaled_layers(work: Work, folder: Path, pooling: str) -> None:
    name = "veco" if pooling == "mean" else "xtreme-bucc"
    with pytest.raises(UserError, match=f"`preset={name}` means layer .* of 24, and this encoder has 4 layers"):
        run(replace(work, preset=name))
    assert left(work) == []
    run(replace(work, preset=name, layer="scaled"))
    embedder = Embedder.from_pretrained(folder, device="cpu", precision="fp32")
    layer = 2  # layers 18 and 19 of 24 are the 19th and 20th: 3.2 and 3.3 of 4
    wanted = embedder.embed(SENTENCES, EmbeddingSettings(layer=layer, pooling=pooling))  # type: ignore[arg-type]
    assert np.array_equal(np.load(work.output), wanted)


def different(count: int) -> list[str]:
    """So many texts that are tokenised differently."""
    words = sorted({word for text in SENTENCES for word in text.split()})
    triples = itertools.product(words, repeat=3)
    return [" ".join(triple) for triple in itertools.islice(triples, count)]


def test_memory_does_not_grow_with_the_text(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedder, "WINDOW", 512)
    monkeypatch.setattr(output, "_BLOCK", 512)
    peaks = []
    assert work.input is not None
    for lines in (1024, 4096):
        work.input.write_text("\n".join(different(lines)), encoding="utf-8")
        tracemalloc.start()
        run(replace(work, layer="0", center=True))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert np.load(work.output, mmap_mode="r").shape == (lines, WIDTH)
    assert peaks[1] - peaks[0] < (4096 - 1024) * WIDTH * 4 / 4  # a quarter of the additional vectors


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from anyglot.inference.embedding import embedder as door
from anyglot.inference.embedding import command as work
model, text, out, cache, batches = sys.argv[1:]
made, left = door.vectors_of, [int(batches)]

def counted(*arguments):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return made(*arguments)

door.vectors_of = counted
work.run(work.Work(model, Path(text), Path(out), batch_tokens=100, device="cpu", precision="fp32", cache=Path(cache)))
"""


def test_a_killed_run_goes_on_where_it_was_and_ends_bit_equal(work: Work, folder: Path) -> None:
    texts = different(150)
    assert work.input is not None
    work.input.write_text("\n".join(texts), encoding="utf-8")
    cache = work.output.with_name("cache")
    words = [work.model, work.input, work.output, cache]
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, words), "7"], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not work.output.exists() and work.output.with_name("text.npy.partial").exists()
    embedder = Embedder.from_pretrained(folder, device="cpu", precision="fp32", cache=cache)
    again = embedder.embed(texts, EmbeddingSettings(batch_tokens=100))
    unbroken = Embedder.from_pretrained(folder, device="cpu", precision="fp32")
    whole = unbroken.embed(texts, EmbeddingSettings(batch_tokens=100))
    assert embedder.counts.remembered > 0
    assert embedder.counts.remembered + embedder.counts.computed == unbroken.counts.computed
    assert embedder.counts.tokens <= unbroken.counts.tokens - 6 * 70  # seven batches were not computed again
    assert np.array_equal(again, whole)
    run(replace(work, cache=cache))
    assert np.array_equal(np.load(work.output), whole)
    assert left(work) == ["cache", "text.npy"]


def test_two_runs_do_not_write_one_file(work: Work) -> None:
    with holder(work.output) as pid, pytest.raises(UserError, match=f"is being written by process {pid} "):
        run(work)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layer": "4"}, "no layer 4: this encoder has 4 layers, 0 to 3"),
        ({"layer": "top"}, "no layer 'top'"),
        ({"layer": "scaled"}, "give `preset`"),
        ({"preset": "laser"}, "no preset 'laser'"),
        ({"pooling": "max"}, "no pooling 'max'"),
        ({"center": True, "center_from": Path("x.npy")}, "exclude each other"),
        ({"center_from": Path("nowhere.npy")}, "no file nowhere.npy"),
        ({"output": Path("vectors.txt")}, "neither .npy nor .parquet"),
        ({"output": Path("nowhere/vectors.npy")}, "no folder nowhere"),
        ({"input": Path("nowhere.txt")}, "nowhere.txt"),
        ({"model": "./nowhere"}, "nowhere"),
        ({"precision": "fp8"}, "no precision 'fp8'"),
        ({"device": "abacus"}, "no device 'abacus'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(work: Work, changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        run(replace(work, **changes))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert left(work) == []


@pytest.mark.parametrize("content", ["", "\n\n  \n"])
def test_no_text_is_refused(work: Work, content: str) -> None:
    assert work.input is not None
    work.input.write_text(content)
    with pytest.raises(UserError, match=r"is empty|has no text"):
        run(work)
    assert left(work) == []


def test_a_mean_of_another_width_is_refused(work: Work) -> None:
    other = work.output.with_name("other.npy")
    np.save(other, np.zeros(WIDTH + 1))
    with pytest.raises(UserError, match=f"not one vector of {WIDTH} numbers"):
        run(replace(work, center_from=other))


def test_the_cache_is_off_or_somewhere_but_not_both(work: Work) -> None:
    words = ["embed", work.model, "-o", "x.npy", "--cache", "c", "--no-cache"]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, UserError) and "exclude each other" in str(done.exception)


def test_texts_on_the_command_line(folder: Path, expected: np.ndarray, tmp_path: Path) -> None:
    asked = ["embed", str(folder), "--device", "cpu", "--precision", "fp32", "-o", str(tmp_path / "two.npy")]
    result = CliRunner().invoke(app, [*asked, SENTENCES[0], SENTENCES[1]])
    assert result.exit_code == 0, result.output
    assert np.array_equal(np.load(tmp_path / "two.npy"), expected[:2])
    refused = CliRunner().invoke(app, [*asked, SENTENCES[0], "-i", "file"])
    assert isinstance(refused.exception, UserError) and "texts and --input are two inputs" in str(refused.exception)

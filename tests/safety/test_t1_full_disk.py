"""T1: a disk that is full is one sentence with the path, from whatever writes, and nothing half-written stays."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from anyglot.data.manifest import write_sheet
from anyglot.errors import UserError
from anyglot.hub.export import export_anyglot
from anyglot.hub.push import write as write_upload
from anyglot.hub.trimming import VocabularySpecification, trim
from anyglot.inference.embedding.output import VectorFile, save_mean
from anyglot.inference.translation.jobs import Journal
from anyglot.models.pretrained.load import load_encoder, load_pretrained
from anyglot.models.pretrained.save import save_pretrained
from anyglot.models.store import save_model
from anyglot.phrasebook.corpus import write_phrasebook
from anyglot.phrasebook.labelled import write_labelled
from anyglot.reporting.elements import Report
from anyglot.reporting.report import write_report
from anyglot.runtime.files import disk_errors, refused, whole_file, whole_folder, write_tensors
from anyglot.text.tokenizer import load_tokenizer
from anyglot.text.vocabulary import Vocabulary
from anyglot.training.loop.checkpoint import write_checkpoint, write_document
from anyglot.training.loop.logs import MetricsLog
from anyglot.training.recipe.averaged import average_run
from support.tiny_sga import sga, write_encoder

ROOM = 2000


@contextmanager
def little_room() -> Iterator[None]:
    """No file may have more bytes than ROOM; the error of a write beyond differs from a full disk's in its number."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture(scope="module")
def run(whole_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two checkpoints."""
    folder = tmp_path_factory.mktemp("run") / "run"
    load_tokenizer(whole_model).save(folder)
    config = json.loads((whole_model / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config))
    for update in (1, 2):
        write_checkpoint(
            folder / "checkpoints",
            update,
            tensors={"model.safetensors": load_file(whole_model / "model.safetensors")},
            documents={"config.json": config},
            identity={},
            metrics={},
        )
    return folder


def _checkpoint(out: Path, model: Path) -> None:
    tensors = {"model.safetensors": load_file(model / "model.safetensors")}
    write_checkpoint(out, 1, tensors=tensors, documents={}, identity={}, metrics={})


def _vectors(out: Path) -> None:
    with VectorFile(out.with_suffix(".npy"), 64) as file:
        file.append(np.ones((100, 64), dtype=np.float32), [])


def _table(out: Path) -> None:
    with VectorFile(out.with_suffix(".parquet"), 64) as file:
        file.append(np.ones((100, 64), dtype=np.float32), ["text"] * 100)


def _vocabulary(out: Path) -> None:
    Vocabulary(np.arange(0, 4000, 2, dtype=np.int64), 4000, "x").save(out)


def _report(out: Path) -> None:
    write_report(out, Report("title", facts={f"fact {number}": "value" for number in range(200)}))


def _metrics(out: Path) -> None:
    log = MetricsLog(out, 0)
    for update in range(1000):
        log.write({"update": update})


WRITERS: dict[str, Callable[[Path, Path, Path], object]] = {
    "save_model": lambda out, model, run: save_model(load_pretrained(model), out),
    "tokenizer": lambda out, model, run: load_tokenizer(model).save(out),
    "average": lambda out, model, run: average_run(run, out, last=2),
    "trim": lambda out, model, run: trim(str(model), out, VocabularySpecification(scripts=("Latin",))),
    "export": lambda out, model, run: export_anyglot(str(model), out, "encoder"),
    "push": lambda out, model, run: write_upload({"a": b"small", "model": model / "model.safetensors"}, out),
    "checkpoint": lambda out, model, run: _checkpoint(out, model),
    "document": lambda out, model, run: write_document(out, ["x"] * 2000),
    "phrasebook": lambda out, model, run: write_phrasebook(out, ["en", "de"], {"train": 400}),
    "labelled": lambda out, model, run: write_labelled(out, ["en"], {"train": 60, "dev": 0, "test": 0}),
    "vocabulary": lambda out, model, run: _vocabulary(out),
    "sheet": lambda out, model, run: write_sheet(out, [{"language": "de", "file": "x" * 3000}]),
    "report": lambda out, model, run: _report(out),
    "vectors": lambda out, model, run: _vectors(out),
    "parquet": lambda out, model, run: _table(out),
    "mean": lambda out, model, run: save_mean(out, np.zeros(1000)),
    "journal": lambda out, model, run: Journal({"work": "x" * 3000}).save(out),
}


@pytest.mark.parametrize("name", WRITERS)
def test_t1_a_writer_without_room_says_so_and_leaves_nothing(
    name: str, whole_model: Path, run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"file too large|no space left on device") as told, little_room():
        WRITERS[name](out, whole_model, run)
    assert str(out) in str(told.value) and "\n" not in str(told.value), told.value
    assert ".tmp" not in str(told.value), told.value
    left = [path for path in tree(tmp_path) if (tmp_path / path).is_file()]
    assert left == [], left
    if name in ("average", "trim", "export", "push", "phrasebook", "labelled"):
        assert tree(tmp_path) == []


def test_t1_prompts_and_the_metrics_of_a_run(tmp_path: Path) -> None:
    from anyglot.models.prompt_files import save_prompts

    _, model = sga(write_encoder(tmp_path / "base"))
    before = tree(tmp_path)
    with pytest.raises(UserError, match=r"cannot write .*prompts\.safetensors: file too large"), little_room():
        save_prompts(model, tmp_path)
    assert tree(tmp_path) == before
    base = load_encoder(str(tmp_path / "base"))
    with pytest.raises(UserError, match=r"cannot write .*model\.safetensors: file too large"), little_room():
        save_pretrained(base, tmp_path)
    assert tree(tmp_path) == before
    with pytest.raises(UserError, match=r"cannot write .*metrics\.jsonl: file too large"), little_room():
        _metrics(tmp_path / "metrics.jsonl")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "no space left on device"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "disk quota exceeded"),
        (SafetensorError("Error while serializing: I/O error: x (os error 28)"), "no space left on device"),
        (Exception("No space left on device (os error 28)"), "no space left on device"),  # of tokenizers
        (OSError("1000 requested and 12 written"), "no space left on device"),  # of numpy
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), None),
        (ValueError("something else"), None),
    ],
)
def test_t1_what_a_disk_says_is_known_whatever_says_it(error: Exception, told: str | None, tmp_path: Path) -> None:
    assert refused(error) == told
    expected = type(error) if told is None else UserError
    with pytest.raises(expected) as found, disk_errors(tmp_path / "file"):
        raise error
    if told is not None:
        assert str(found.value).startswith(f"cannot write {tmp_path / 'file'}: {told}; ")


def test_t1_an_error_takes_away_what_was_begun(tmp_path: Path) -> None:
    (tmp_path / ".there.tmp").mkdir()  # as a kill leaves it
    (tmp_path / ".there.tmp" / "old").touch()
    with whole_folder(tmp_path / "there") as folder:
        (folder / "new").touch()
    assert tree(tmp_path) == ["there", "there/new"]
    with pytest.raises(KeyboardInterrupt), whole_folder(tmp_path / "gone") as folder:
        (folder / "part").touch()
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "file") as stream:
        stream.write(b"part")
        raise KeyboardInterrupt
    with pytest.raises(RuntimeError, match="share memory"):
        write_tensors(tmp_path / "tensors", {"a": (zeros := torch.zeros(2)), "b": zeros})
    assert tree(tmp_path) == ["there", "there/new"]


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.is_char_device(), reason="no /dev/full here")
@pytest.mark.parametrize("words", ["list languages", "list recipes"])
def test_t1_standard_output_that_is_full(words: str) -> None:
    with FULL.open("wb") as full:
        command = [sys.executable, "-m", "anyglot.cli.main", *words.split()]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "anyglot: cannot write standard output: no space left on device; free some space, or name another place, and "
        "run it again.\n"
    )

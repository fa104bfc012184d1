"""Readers of what a run, a job or a cache goes on with: checkpoints, journals, stripes, vectors, states."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from anyglot.data.store import tokenise
from anyglot.errors import UserError
from anyglot.evaluation.retrieval import mining_job
from anyglot.evaluation.retrieval.mining_text import read_sentences as read_mined
from anyglot.evaluation.retrieval.mining_vectors import GivenVectors
from anyglot.evaluation.retrieval.search import Stripe
from anyglot.inference.embedding.output import load_mean, save_mean
from anyglot.inference.translation.jobs import FileJob, Journal, inspect_input
from anyglot.models.pretrained.copies import find_copy, new_copy
from anyglot.models.pretrained.known_models import STARTS
from anyglot.models.pretrained.run_checkpoints import DamagedCheckpoint, file_hash, verify
from anyglot.models.pretrained.tensor_files import Checkpoint
from anyglot.models.pretrained.unfinished_runs import frozen_weights_of, opened
from anyglot.models.store import load_config
from anyglot.runtime.tensor_store import StateStore, sentence_key
from anyglot.training.loop.averaging import average, choose_best, metric_of
from anyglot.training.loop.checkpoint import write_checkpoint
from anyglot.training.loop.state import Progress
from fuzz.folders import copied
from fuzz.forms import BINARY, JSON, NPY, SAFETENSORS
from fuzz.running import Reader
from fuzz.written import cache, pair, whole
from support.tiny_tokenizers import sentencepiece

START = next(iter(STARTS.values()))


# Checkpoints of a run


def _checkpoint(folder: Path) -> Path:
    copied("ours", "config.json")(folder)
    config = json.loads((folder / "config.json").read_text())
    with Checkpoint(folder) as held:
        tensors = {name: held.tensor(name).clone() for name in held.names}
    moved = {name: tensor for name, tensor in tensors.items() if "embeddings" not in name}
    progress = dataclasses.asdict(Progress(update=7, tokens=70, metrics={"loss": 1.5}, best={"7": 1.5}))
    step = write_checkpoint(
        folder / "checkpoints",
        7,
        tensors={"model.safetensors": tensors, "optimizer.safetensors": moved},
        documents={"config.json": config, "progress.json": progress, "unmoved.json": {"names": [], "key": ""}},
        identity={"validation.metric": '"loss"', "seed": "1"},
        metrics={"loss": 1.5},
    )
    for name in ("config.json", "model.safetensors"):
        (folder / name).unlink()
    (folder / "recipe.yaml").write_text("name: x\ncheckpoints: {every: 5, keep_best: 1}\n")
    return step


def _in_checkpoint(name: str) -> Callable[[Path], Path]:
    return lambda folder: _checkpoint(folder) / name


def resealed(path: Path) -> Path:
    """Let the manifest vouch for the file, so that its content is reached; returns the run."""
    manifest = path.parent / "manifest.json"
    held = json.loads(manifest.read_text())
    held["files"][path.name] = [path.stat().st_size, file_hash(path)]
    manifest.write_text(json.dumps(held))
    return path.parent.parent.parent


def _progress(path: Path) -> Any:
    run = resealed(path)
    best = choose_best(run / "checkpoints", 1, highest=False)
    place = opened(run, ("sentencepiece.bpe.model",))
    return [each.name for each in best], (place / "config.json").is_file(), Progress.read(path)


def _is_progress(value: Any) -> None:
    best, there, progress = value
    assert best == ["step-7"] and there
    assert all(whole(getattr(progress, name)) for name in ("stage", "stage_update", "update", "skipped", "tokens"))
    assert all(whole(each) for each in progress.place) and isinstance(progress.best, dict)


def _unmoved(path: Path) -> Any:
    run = resealed(path)
    return sorted(frozen_weights_of(path.parent, run))


def _manifest(path: Path) -> Any:
    run = path.parent.parent.parent
    found = verify(path.parent)
    return found, metric_of(run / "checkpoints"), load_config(opened(run, ("sentencepiece.bpe.model",)))


def _is_manifest(value: Any) -> None:
    found, metric, _ = value
    assert whole(found.update) and metric in ("loss", "bleu", "chrf")
    assert all(whole(size) and len(digest) == 64 for size, digest in found.files.values())


def _mean(path: Path) -> Any:
    resealed(path)
    return {name: tuple(tensor.shape) for name, tensor in average([path.parent, path.parent])}


def _copy_of_start(folder: Path) -> Path:
    with cache(folder):
        (folder / "anyglot" / "models").mkdir(parents=True)
        with new_copy(START, {"origin": "x"}) as made_at:
            (made_at / "config.json").write_text("{}\n")
    return folder / "anyglot" / "models" / START.name / "manifest.json"


def _copy(path: Path) -> Any:
    with cache(path.parents[3]):
        return find_copy(START)


# Jobs


def _journal(folder: Path) -> Path:
    source = folder / "in.txt"
    source.write_text("a\nb\nc\n")
    job = FileJob(source, folder / "out.txt", inspect_input(source, 1_000))
    job.prepare(False, {"model": "m", "beam": 5})
    (folder / "sound.partial").write_text("A\n")
    journal = Journal({"input": job.facts.sha256, "model": "m", "beam": 5}, 1, 2, 2)
    journal.save(job.journal_path)
    return job.journal_path


def _translate_on(path: Path) -> Any:
    folder = path.parent
    shutil.copy(folder / "sound.partial", folder / "out.txt.partial")
    (folder / "out.txt").unlink(missing_ok=True)
    job = FileJob(folder / "in.txt", folder / "out.txt", inspect_input(folder / "in.txt", 1_000))
    job.prepare(True, {"model": "m", "beam": 5})
    job.run(lambda window, first: [line.upper() + b"\n" for line in window])
    return (folder / "out.txt").read_bytes()


def _is_translated(content: bytes) -> None:
    assert content == b"A\nB\nC\n"


ASKED = {"text a": "x", "k": 4}


def _mining(folder: Path) -> Path:
    job = mining_job.opened(folder / "work", ASKED, lambda: {"block": 7}, overwrite=False)
    job.write(0, _stripe())
    return folder / "work" / "job.json"


def _stripe() -> Stripe:
    ids = np.arange(6, dtype=np.int64).reshape(3, 2)
    part = torch.arange(3)
    return Stripe(ids.astype(np.float32), ids, (part, part, part.float()), part)


def _mining_on(path: Path) -> Any:
    job = mining_job.opened(path.parent, ASKED, lambda: {"block": 7}, overwrite=False)
    return dict(job.facts)


def _is_job(facts: Any) -> None:
    assert facts.items() >= ASKED.items()


def _striped(folder: Path) -> Path:
    return _mining(folder).with_name("stripe-0.npz")


def _read_stripe(path: Path) -> Any:
    job = mining_job.opened(path.parent, ASKED, lambda: {"block": 7}, overwrite=False)
    found = job.read(0)
    return (
        None if found is None else [part.tolist() for part in (found.scores, found.ids, *found.found, found.overflowed)]
    )


def _is_stripe(value: Any) -> None:
    if value is not None:
        scores, ids, rows, columns, coarse, _ = value
        assert np.shape(scores) == np.shape(ids) and len(rows) == len(columns) == len(coarse)


VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


def _vectors(folder: Path) -> Path:
    np.save(folder / "a.npy", VECTORS)
    (folder / "a.txt").write_text("one\ntwo\nthree\n")
    return folder / "a.npy"


def _read_vectors(path: Path) -> Any:
    job: Any = None
    sentences = read_mined(path.with_name("a.txt"), own_ids=False)
    side = GivenVectors((path, path)).side(job, 0, sentences)
    return side.take(slice(0, 3)).tolist()


def _are_vectors(rows: Any) -> None:
    assert len(rows) == 3 and np.isfinite(rows).all() and all(len(row) == len(rows[0]) > 0 for row in rows)


def _centre(folder: Path) -> Path:
    save_mean(folder / "x.mean.npy", np.arange(4, dtype=np.float64))
    return folder / "x.mean.npy"


def _is_mean(row: Any) -> None:
    assert len(row) == 4 and np.isfinite(row).all()


KEYS = [sentence_key(np.array([number])) for number in range(3)]


def _states(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        store = StateStore(folder / "store", 4, torch.float32)
        store.add(KEYS, [torch.full((number + 1, 4), float(number)) for number in range(3)])
        store.close()
        return folder / "store" / name

    return make


def _read_states(path: Path) -> Any:
    store = StateStore(path.parent, 4, torch.float32)
    states, known = store.read(KEYS, 3)
    return [
        (row[: number + 1].tolist() if there else None)
        for number, (row, there) in enumerate(zip(states, known, strict=True))
    ]


def _are_states(rows: Any) -> None:
    assert all(row is None or row == [[float(number)] * 4] * (number + 1) for number, row in enumerate(rows))


def _tokenised(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "a.de").write_text("das alte Haus\nder Hund\n")
        (folder / "a.en").write_text("the old house\nthe dog\n")
        found = tokenise(pair(folder), sentencepiece(), folder / "cache")
        return folder / "cache" / found.key / name

    return make


def _read_tokens(path: Path) -> Any:
    folder = path.parents[2]
    path.parent.mkdir(exist_ok=True)
    found = tokenise(pair(folder), sentencepiece(), folder / "cache")
    return [[side[number].tolist() for number in range(len(side))] for side in found.sides]


def _are_tokens(sides: Any) -> None:
    assert sides == [
        sentencepiece().encode(rows) for rows in (["das alte Haus", "der Hund"], ["the old house", "the dog"])
    ]


JOBS: tuple[Reader, ...] = (
    Reader(
        "checkpoint, manifest.json",
        JSON,
        _in_checkpoint("manifest.json"),
        _manifest,
        _is_manifest,
        (UserError, DamagedCheckpoint),
    ),
    Reader(
        "checkpoint, progress.json",
        JSON,
        _in_checkpoint("progress.json"),
        _progress,
        _is_progress,
        (UserError, DamagedCheckpoint),
    ),
    Reader(
        "checkpoint, unmoved.json",
        JSON,
        _in_checkpoint("unmoved.json"),
        _unmoved,
        lambda names: None,
        (UserError, DamagedCheckpoint),
    ),
    Reader(
        "checkpoint, averaging",
        SAFETENSORS,
        _in_checkpoint("model.safetensors"),
        _mean,
        bool,
        (UserError, DamagedCheckpoint),
    ),
    Reader("fetched copy, manifest.json", JSON, _copy_of_start, _copy, bool),
    Reader("translation, journal", JSON, _journal, _translate_on, _is_translated),
    Reader("mining, job.json", JSON, _mining, _mining_on, _is_job),
    Reader("mining, stripe", BINARY, _striped, _read_stripe, _is_stripe),
    Reader("vectors, .npy", NPY, _vectors, _read_vectors, _are_vectors),
    Reader("vectors, mean", NPY, _centre, lambda path: load_mean(path, 4).tolist(), _is_mean),
    Reader("state store, index", BINARY, _states("index-0.bin"), _read_states, _are_states),
    Reader("state store, states", BINARY, _states("states-0.bin"), _read_states, _are_states),
    Reader("corpus cache, entry.json", JSON, _tokenised("entry.json"), _read_tokens, _are_tokens),
    Reader("corpus cache, tokens", NPY, _tokenised("tokens-0.npy"), _read_tokens, _are_tokens),
)

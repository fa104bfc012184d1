"""Readers of what runs, jobs, evaluations and studies write of themselves."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from anyglot.data.corpus import ParallelSource
from anyglot.data.state_store import StateStore, sentence_key
from anyglot.data.store import tokenise
from anyglot.demonstration.record import MARKER
from anyglot.demonstration.record import Record as DemoRecord
from anyglot.embedding.output import load_mean, save_mean
from anyglot.errors import UserError
from anyglot.evaluation.comet import read_answer
from anyglot.evaluation.curves import curves_from_metrics
from anyglot.evaluation.earlier import Earlier, read_earlier
from anyglot.evaluation.hypotheses import record_path, translated
from anyglot.evaluation.table import TestSet, read_sentences
from anyglot.evaluation.timing import parameters_of
from anyglot.hub.record import read_record as read_model_record
from anyglot.models.probe import remembered
from anyglot.models.store import load_config
from anyglot.recipe.load import load_recipe
from anyglot.recipe.record import told_of_source
from anyglot.recipe.run import corpora_of, prepare_tokenizer
from anyglot.retrieval import mining_job
from anyglot.retrieval.mining_text import read_sentences as read_mined
from anyglot.retrieval.mining_vectors import GivenVectors
from anyglot.retrieval.search import Stripe
from anyglot.study.results import read_results
from anyglot.tasks.catalogue import task_named
from anyglot.tasks.examples import TextExample
from anyglot.training.averaging import average, choose_best, metric_of
from anyglot.training.checkpoint import write_checkpoint
from anyglot.training.logs import MetricsLog
from anyglot.training.state import Progress
from anyglot.translator.jobs import FileJob, Journal, inspect_input
from anyglot.understanding.record import TuningRecord, find_record
from anyglot.understanding.results import LanguageScores, SeedResult, read_result, read_sums, write_result
from anyglot.understanding.running import known_score
from anyglot.understanding.translated import made
from anyglot.understanding.tuning import logged_scores
from anyglot.weights.checkpoint import Checkpoint
from anyglot.weights.copies import find_copy, new_copy
from anyglot.weights.index import offers_of
from anyglot.weights.run_checkpoints import DamagedCheckpoint, file_hash, verify
from anyglot.weights.runs import opened, unmoved_of
from anyglot.weights.starts import STARTS
from fuzz.folders import copied
from fuzz.forms import BINARY, JSON, JSON_LINES, NPY, SAFETENSORS, YAML, Form
from fuzz.running import Reader
from tasks.tiny_tokenizers import sentencepiece

START = next(iter(STARTS.values()))


def _written(folder: Path, name: str, document: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: object, lowest: int = 0) -> bool:
    return type(value) is int and value >= lowest


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


def _resealed(path: Path) -> Path:
    """Let the manifest vouch for the file, so that its content is reached; returns the run."""
    manifest = path.parent / "manifest.json"
    held = json.loads(manifest.read_text())
    held["files"][path.name] = [path.stat().st_size, file_hash(path)]
    manifest.write_text(json.dumps(held))
    return path.parent.parent.parent


def _progress(path: Path) -> Any:
    run = _resealed(path)
    best = choose_best(run / "checkpoints", 1, highest=False)
    place = opened(run, ("sentencepiece.bpe.model",))
    return [each.name for each in best], (place / "config.json").is_file(), Progress.read(path)


def _is_progress(value: Any) -> None:
    best, there, progress = value
    assert best == ["step-7"] and there
    assert all(_whole(getattr(progress, name)) for name in ("stage", "stage_update", "update", "skipped", "tokens"))
    assert all(_whole(each) for each in progress.place) and isinstance(progress.best, dict)


def _unmoved(path: Path) -> Any:
    run = _resealed(path)
    return sorted(unmoved_of(path.parent, run))


def _manifest(path: Path) -> Any:
    run = path.parent.parent.parent
    found = verify(path.parent)
    return found, metric_of(run / "checkpoints"), load_config(opened(run, ("sentencepiece.bpe.model",)))


def _is_manifest(value: Any) -> None:
    found, metric, _ = value
    assert _whole(found.update) and metric in ("loss", "bleu", "chrf")
    assert all(_whole(size) and len(digest) == 64 for size, digest in found.files.values())


def _mean(path: Path) -> Any:
    _resealed(path)
    return {name: tuple(tensor.shape) for name, tensor in average([path.parent, path.parent])}


def _copy_of_start(folder: Path) -> Path:
    with _cache(folder):
        (folder / "anyglot" / "models").mkdir(parents=True)
        with new_copy(START, {"origin": "x"}) as made_at:
            (made_at / "config.json").write_text("{}\n")
    return folder / "anyglot" / "models" / START.name / "manifest.json"


@contextmanager
def _cache(folder: Path) -> Iterator[None]:
    with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(folder)}):
        yield


def _copy(path: Path) -> Any:
    with _cache(path.parents[3]):
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
    job.close()
    return folder / "work" / "job.json"


def _stripe() -> Stripe:
    ids = np.arange(6, dtype=np.int64).reshape(3, 2)
    part = torch.arange(3)
    return Stripe(ids.astype(np.float32), ids, (part, part, part.float()), part)


def _mining_on(path: Path) -> Any:
    job = mining_job.opened(path.parent, ASKED, lambda: {"block": 7}, overwrite=False)
    job.close()
    return dict(job.facts)


def _is_job(facts: Any) -> None:
    assert facts.items() >= ASKED.items()


def _striped(folder: Path) -> Path:
    return _mining(folder).with_name("stripe-0.npz")


def _read_stripe(path: Path) -> Any:
    job = mining_job.opened(path.parent, ASKED, lambda: {"block": 7}, overwrite=False)
    job.close()
    found = job.read(0)
    return None if found is None else [part.tolist() for part in (found.scores, found.ids, *found.found, found.crowded)]


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
        found = tokenise(_pair(folder), sentencepiece(), folder / "cache")
        return folder / "cache" / found.key / name

    return make


def _pair(folder: Path) -> ParallelSource:
    return ParallelSource(source="de", target="en", files=(str(folder / "a.de"), str(folder / "a.en")))


def _read_tokens(path: Path) -> Any:
    folder = path.parents[2]
    path.parent.mkdir(exist_ok=True)
    found = tokenise(_pair(folder), sentencepiece(), folder / "cache")
    return [[side[number].tolist() for number in range(len(side))] for side in found.sides]


def _are_tokens(sides: Any) -> None:
    assert sides == [
        sentencepiece().encode(rows) for rows in (["das alte Haus", "der Hund"], ["the old house", "the dog"])
    ]


# Records of a run


def _run(folder: Path) -> Path:
    copied("ours", "config.json")(folder)
    (folder / "recipe.yaml").write_text(
        json.dumps({"method": {"name": "sixt", "start": "own/er"}, "data": {"train": []}})
    )
    run = {"method": "sixt", "parameters": 120, "trained_parameters": 60, "looks_at_source": True}
    run |= {"looks_at_source_from": 20, "corpora": [{"name": "de-en", "hash": "0" * 64}], "seconds": 1.5}
    return _written(folder, "run.json", run)


def _read_run(path: Path) -> Any:
    record = read_model_record(path.parent)
    return told_of_source(path.parent), parameters_of(path.parent), record.method, corpora_of(path.parent)


def _is_run(value: Any) -> None:
    told, parameters, method, corpora = value
    assert all(count is None or _whole(count) for count in parameters)
    assert (told is None or isinstance(told, str)) and (method is None or isinstance(method, str))
    assert all(isinstance(digest, str) for digest in corpora)


def _saved_recipe(folder: Path) -> Path:
    _run(folder)
    train = [
        {"source": "de", "target": "en", "files": ["a.de", "a.en"]},
        {"language": "de", "file": "hf:own/er?split=x"},
    ]
    return _written(folder, "recipe.yaml", {"method": {"name": "sixt", "start": "own/er"}, "data": {"train": train}})


def _read_saved_recipe(path: Path) -> Any:
    record = read_model_record(path.parent)
    return record.base, record.method, tuple(record.corpora)


def _is_saved_recipe(value: Any) -> None:
    base, method, corpora = value
    assert all(each is None or isinstance(each, str) for each in (base, method))
    assert all(isinstance(each, str) for corpus in corpora for each in (corpus.name, corpus.origin))


def _report(folder: Path) -> Path:
    _run(folder)
    cell = {"name": "BLEU", "value": 12.5, "low": 11.0, "high": 14.0, "sentences": 200, "signature": "x"}
    table = {"title": "Scores", "columns": ["Test set", "Pair", "Kind", "BLEU"], "rows": [["t", "de-en", None, cell]]}
    return _written(folder, "report.json", {"tables": [table], "facts": {"Data hash": "0"}})


def _read_report(path: Path) -> Any:
    record = read_model_record(path.parent, path)
    return [dataclasses.astuple(score) for score in record.scores], record.data_hash


def _is_report(value: Any) -> None:
    scores, _ = value
    for test, pair, kind, sentences, metric, *numbers, signature in scores:
        assert all(isinstance(each, str) for each in (test, pair, metric, signature)) and _whole(sentences)
        assert (kind is None or isinstance(kind, str)) and all(map(_finite, numbers))


EVENTS = [
    {"event": "train", "stage": "a", "update": 1, "loss": 3.5},
    {"event": "validation", "stage": "a", "update": 2, "loss": 3.0, "bleu": 1.0, "looks_at_source": True},
    {"event": "train", "stage": "b", "update": 3, "loss": 2.5},
]


def _metrics(folder: Path) -> Path:
    path = folder / "metrics.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    return path


def _read_metrics(path: Path) -> Any:
    curves = curves_from_metrics(path)
    log = MetricsLog(path, 2)
    log.close()
    return curves, len(path.read_bytes().splitlines())


def _are_curves(value: Any) -> None:
    curves, _ = value
    assert all(
        math.isfinite(each) for chart in curves for line in chart.lines for point in line.points for each in point
    )


def _tuning_log(folder: Path) -> Path:
    rows = [{"kind": "validation", "update": 5, "score": 70.0, "score.de": 70.0}, {"kind": "train", "update": 6}]
    path = folder / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _are_scores(rows: Any) -> None:
    assert all(isinstance(name, str) and _finite(value) for row in rows for name, value in row.items())


def _tuning(folder: Path) -> Path:
    settings = {"learning_rate": 2e-5, "epochs": 3, "batch": 32, "max_length": 128, "warmup": 0.0, "warmup_updates": 0}
    settings |= {"weight_decay": 0.0, "head": "xtreme", "stride": 128, "long": "windows"}
    record = TuningRecord(
        "xnli", {"seed": "1"}, settings, 2, ({"score": 69.5}, {"score": 70.5}), 30, 100, 900, 3.5, "fp32", "0"
    )
    return _written(folder, "tuning.json", record.document())


def _read_tuning(path: Path) -> Any:
    found = find_record(path.parent)
    return found, None if found is None else found.protocol


def _is_tuning(value: Any) -> None:
    found, protocol = value
    assert isinstance(found.task, str) and _whole(found.epoch, 1) and _whole(found.updates) and _whole(found.tokens)
    assert all(_finite(score) for row in found.scores for score in row.values()) and _finite(found.seconds)
    assert _finite(protocol.learning_rate) and _whole(protocol.epochs, 1) and protocol.long in ("cut", "windows")


def _result(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        languages = {"de": LanguageScores(100, {"accuracy": {"accuracy": 70.0}}, "hash")}
        write_result(folder, SeedResult("m", "xnli", 1, {"a": 1}, languages), {("de", "accuracy"): np.ones((3, 1))})
        return folder / name

    return make


def _read_result(path: Path) -> Any:
    return read_result(path.parent)


def _is_result(found: Any) -> None:
    if found is not None:
        assert isinstance(found.system, str) and isinstance(found.task, str) and _whole(found.seed)
        assert all(_whole(part.units) for part in found.languages.values())
        assert all(_finite(v) for p in found.languages.values() for each in p.scores.values() for v in each.values())


def _read_sums(path: Path) -> Any:
    return {key: values.tolist() for key, values in read_sums(path.parent).items()}


def _are_sums(found: Any) -> None:
    assert all(np.ndim(values) == 2 for values in found.values())


def _known(folder: Path) -> Path:
    return _written(folder, "known.json", {"key": "k", "score": 70.5, "epoch": 2})


def _is_score(value: Any) -> None:
    assert value is None or _finite(value)


def _learned(folder: Path) -> Path:
    (folder / "a.txt").write_text("ein altes Haus steht am Fluss\nder Hund schläft\n" * 20)
    prepare_tokenizer(_learning(folder), folder, lambda line: None)
    return folder / "tokenizer" / "learned.json"


def _learning(folder: Path) -> Any:
    given = {
        "name": "x",
        "method": {"name": "denoising", "layers": 1, "decoder_layers": 1, "width": 8, "heads": 2},
        "tokenizer": {"train": {"vocabulary_size": 27, "files": [str(folder / "a.txt")]}},
        "data": {"train": [{"language": "de", "file": "a.txt"}]},
        "stages": {"pretrain": {"updates": 1, "learning_rate": 0.01}},
    }
    return load_recipe(_written(folder, "recipe.yaml", given))


def _learn(path: Path) -> Any:
    return prepare_tokenizer(_learning(path.parents[1]), path.parents[1], lambda line: None).vocabulary_size


def _is_size(size: Any) -> None:
    assert size == 27 + 2


def _demo(folder: Path) -> Path:
    record = DemoRecord(folder / "demo", "wanted", lambda line: None, {"a": 1.5}, 3.0, 2)
    (folder / "demo").mkdir()
    record.save()
    return folder / "demo" / MARKER


def _demo_on(path: Path) -> Any:
    if not (path.parent / "text.txt").exists():
        (path.parent / "text.txt").write_text("x")
    record = DemoRecord.claimed(path.parent, "wanted", lambda line: None)
    return record.legs, record.earlier >= 0, record.starts


def _is_demo(value: Any) -> None:
    legs, sound, starts = value
    assert all(isinstance(name, str) and _finite(each) for name, each in legs.items()) and sound and _whole(starts, 1)


# Evaluations


def _test_set(folder: Path) -> TestSet:
    (folder / "a.de").write_text("eins\nzwei\n")
    (folder / "a.en").write_text("one\ntwo\n")
    return TestSet(name="t", pairs=_pair(folder))


def _hypotheses(folder: Path) -> Path:
    texts = read_sentences(_test_set(folder))
    facts = {"input": texts.input_hash, "source": "de", "target": "en"}
    translated(folder / "t.txt", facts, 2, lambda: ["ONE", "TWO"])
    return record_path(folder / "t.txt")


def _again(path: Path) -> Any:
    texts = read_sentences(_test_set(path.parent))
    facts = {"input": texts.input_hash, "source": "de", "target": "en"}
    return translated(path.with_name("t.txt"), facts, 2, lambda: ["ONE", "TWO"])[0]


def _are_lines(lines: Any) -> None:
    assert lines == ["ONE", "TWO"]


def _earlier(path: Path) -> Any:
    test = _test_set(path.parent)
    found = read_earlier(Earlier("x", path.with_name("t.txt")), [test], {"t": read_sentences(test)})
    return found.lines["t"]


def _comet(folder: Path) -> Path:
    return _written(folder, "answer.json", {"scores": [0.5, 0.25], "versions": {"comet": "2"}, "model_sha256": "0"})


def _is_answer(answer: Any) -> None:
    assert isinstance(answer, dict)


def _memory(folder: Path) -> Path:
    return _written(folder, "anyglot/precision.json", {"machine": "bf16"})


def _read_memory(path: Path) -> Any:
    with _cache(path.parents[1]):
        return remembered()


def _is_memory(known: Any) -> None:
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in known.items())


def _page(folder: Path) -> Path:
    file = {"filename": "a.whl", "url": "../a.whl", "hashes": {"sha256": "0" * 64}, "size": 12}
    return _written(folder, "page.json", {"files": [file, {**file, "filename": "b.whl"}]})


def _offers(path: Path) -> Any:
    page = path.read_bytes()
    base = "https://example.org/simple/a/"
    return offers_of(page, "application/vnd.pypi.simple.v1+json", base), offers_of(page, "text/html", base)


def _are_offers(value: Any) -> None:
    for offer in (*value[0].values(), *value[1].values()):
        assert isinstance(offer.url, str) and (offer.sha256 is None or isinstance(offer.sha256, str))
        assert offer.size is None or _whole(offer.size)


EXAMPLES = [TextExample("0", ("one", "two"), "neutral"), TextExample("1", ("three", "four"), "entailment")]


def _translations(folder: Path) -> Path:
    _translated(folder)
    return folder / "de.jsonl"


def _translated(folder: Path) -> list[Any]:
    def translate(texts: Sequence[str], code: str) -> list[str]:
        return [text.upper() for text in texts]

    task = task_named("xnli")
    found = made(task, lambda: iter(EXAMPLES), "0", ("de",), folder, "m", translate, lambda line: None)  # type: ignore[arg-type]
    return list(found.opener("de")())


def _are_examples(found: Any) -> None:
    assert [example.texts for example in found] == [("ONE", "TWO"), ("THREE", "FOUR")]
    assert [example.label for example in found] == ["neutral", "entailment"]


# Studies


def _study(document: Any) -> Callable[[Path], Path]:
    return lambda folder: _written(folder, "input.json", document)


STUDY_INPUT = {
    "study": "x",
    "title": "X",
    "report": {
        "base": "lm",
        "continued": ["m2m"],
        "conditions": {"lm": "language model", "m2m": "continued"},
        "pairs": [],
    },
    "steps": [
        {"name": "lm-1", "template": "lm", "words": ["anyglot", "train"], "values": {"seed": "1"}},
        {"name": "m2m-1", "template": "m2m", "words": ["anyglot", "train"], "values": {"seed": "1"}},
        {"name": "scores", "template": "scores", "words": ["anyglot", "evaluate"], "values": {}},
        {"name": "cka", "template": "cka", "words": ["anyglot", "analyze", "cka"], "values": {}},
        {"name": "spectra", "template": "spectra", "words": ["anyglot", "analyze", "spectra"], "values": {}},
        {"name": "apart", "template": "apart", "words": ["anyglot", "analyze", "separability"], "values": {}},
    ],
}
SCORES = [
    {"system": f"{name}-1", "task": "xnli", "languages": {"de": {"units": 9, "scores": {"a": {"a": 7.5}}, "data": "0"}}}
    for name in ("lm", "m2m")
]
CKA = {
    "models": [{"title": "lm-1 and m2m-1", "layers": ["0", "1"], "values": {"de": [{"value": 0.5}, {"value": None}]}}],
    "languages": [{"title": "Languages of lm-1", "layers": ["0", "1"], "values": {"de-en": [{"value": 0.5}] * 2}}],
}
MATRIX = {"side": "encoder", "layer": 1, "matrix": "K", "attention": "self", "norm": 2.5}
SPECTRA = {
    "changes": [{"model": "m2m-1", "distances": [{"side": "encoder", "layer": 1, "matrix": "K", "d": 0.5}]}],
    "models": [{"model": "lm-1", "matrices": [MATRIX]}, {"model": "m2m-1", "matrices": [MATRIX]}],
}
APART = {"models": [{"model": "lm-1", "layers": ["0"], "values": [{"variance": {"language": 0.2}, "accuracy": 90.0}]}]}
RUN = {"metrics": {"loss": 2.5}, "data": "0", "updates": 5, "target_tokens": 50, "seconds": 1.5}


def _step(place: str, document: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        _written(folder, "input.json", STUDY_INPUT)
        return _written(folder, f"{place}", document)

    return make


def _read_study(path: Path) -> Any:
    root = path.parent if path.name == "input.json" else path.parents[1]
    found = read_results(json.loads((root / "input.json").read_text()), root)
    return dataclasses.asdict(dataclasses.replace(found, missing=()))


def _read_manifest(path: Path) -> Any:
    from anyglot.study.report import read_manifest

    manifest = read_manifest(path.parent)
    found = read_results(manifest, path.parent)
    return dataclasses.asdict(dataclasses.replace(found, missing=()))


def _are_results(found: Any) -> None:
    assert all(_finite(score["value"]) and _whole(score["units"]) for score in found["scores"])
    assert all(_whole(each["updates"]) and _finite(each["seconds"]) for each in found["trainings"].values())
    rows = [row for part in ("to_base", "between") for each in found[part].values() for row in each.values()]
    assert all(value is None or _finite(value) for row in rows for value in row)
    assert all(_finite(each["accuracy"]) for row in found["apart"].values() for each in row)
    assert all(_finite(each["norm"]) for row in found["spectra"].values() for each in row.values())
    assert all(isinstance(layer, str) for layer in found["layers"]) and isinstance(found["title"], str)


Make = Callable[[Path], Path]
Read = Callable[[Path], Any]


def _reader(name: str, form: Form, make: Make, read: Read, check: Callable[[Any], None]) -> Reader:
    return Reader(name, form, make, read, check, (UserError, DamagedCheckpoint))


RECORDS: tuple[Reader, ...] = (
    _reader("checkpoint, manifest.json", JSON, _in_checkpoint("manifest.json"), _manifest, _is_manifest),
    _reader("checkpoint, progress.json", JSON, _in_checkpoint("progress.json"), _progress, _is_progress),
    _reader("checkpoint, unmoved.json", JSON, _in_checkpoint("unmoved.json"), _unmoved, lambda names: None),
    _reader("checkpoint, averaging", SAFETENSORS, _in_checkpoint("model.safetensors"), _mean, bool),
    _reader("fetched copy, manifest.json", JSON, _copy_of_start, _copy, bool),
    _reader("translation, journal", JSON, _journal, _translate_on, _is_translated),
    _reader("mining, job.json", JSON, _mining, _mining_on, _is_job),
    _reader("mining, stripe", BINARY, _striped, _read_stripe, _is_stripe),
    _reader("vectors, .npy", NPY, _vectors, _read_vectors, _are_vectors),
    _reader("vectors, mean", NPY, _centre, lambda path: load_mean(path, 4).tolist(), _is_mean),
    _reader("state store, index", BINARY, _states("index-0.bin"), _read_states, _are_states),
    _reader("state store, states", BINARY, _states("states-0.bin"), _read_states, _are_states),
    _reader("corpus cache, entry.json", JSON, _tokenised("entry.json"), _read_tokens, _are_tokens),
    _reader("corpus cache, tokens", NPY, _tokenised("tokens-0.npy"), _read_tokens, _are_tokens),
    _reader("run.json", JSON, _run, _read_run, _is_run),
    _reader("recipe.yaml of a run", YAML, _saved_recipe, _read_saved_recipe, _is_saved_recipe),
    _reader("report.json", JSON, _report, _read_report, _is_report),
    _reader("metrics.jsonl", JSON_LINES, _metrics, _read_metrics, _are_curves),
    _reader("metrics.jsonl, fine-tuning", JSON_LINES, _tuning_log, lambda path: logged_scores(path), _are_scores),
    _reader("tuning.json", JSON, _tuning, _read_tuning, _is_tuning),
    _reader("result.json", JSON, _result("result.json"), _read_result, _is_result),
    _reader("resamples.npz", BINARY, _result("resamples.npz"), _read_sums, _are_sums),
    _reader("search, dev score", JSON, _known, lambda path: known_score(path, "k"), _is_score),
    _reader("learned.json", JSON, _learned, _learn, _is_size),
    _reader("demo.json", JSON, _demo, _demo_on, _is_demo),
    _reader("hypotheses, record", JSON, _hypotheses, _again, _are_lines),
    _reader("hypotheses, --against", JSON, _hypotheses, _earlier, _are_lines),
    _reader("COMET's answer", JSON, _comet, lambda path: read_answer(path.read_bytes()), _is_answer),
    _reader("precision.json", JSON, _memory, _read_memory, _is_memory),
    _reader("package index", JSON, _page, _offers, _are_offers),
    _reader("translated training set", JSON_LINES, _translations, lambda path: _translated(path.parent), _are_examples),
    _reader("study, input.json", JSON, _study(STUDY_INPUT), _read_manifest, _are_results),
    _reader("study, scores.json", JSON, _step("scores/scores.json", SCORES), _read_study, _are_results),
    _reader("study, cka", JSON, _step("cka/numbers.json", CKA), _read_study, _are_results),
    _reader("study, spectra", JSON, _step("spectra/numbers.json", SPECTRA), _read_study, _are_results),
    _reader("study, separability", JSON, _step("apart/numbers.json", APART), _read_study, _are_results),
    _reader("study, run.json", JSON, _step("lm-1/run.json", RUN), _read_study, _are_results),
    _reader("study, step.json", JSON, _step("lm-1/step.json", {"key": "k", "commit": "0"}), _read_study, _are_results),
)

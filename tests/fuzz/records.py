"""Readers of what runs and evaluations write of themselves."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anyglot.evaluation.finetuning.finetune import logged_scores
from anyglot.evaluation.finetuning.record import TuningRecord, find_record
from anyglot.evaluation.finetuning.results import LanguageScores, SeedResult, read_result, read_sums, write_result
from anyglot.evaluation.finetuning.suite import known_score
from anyglot.evaluation.finetuning.translated import made
from anyglot.evaluation.tasks.catalogue import task_named
from anyglot.evaluation.tasks.examples import TextExample
from anyglot.evaluation.translation.comet import read_answer
from anyglot.evaluation.translation.existing import Earlier, read_earlier
from anyglot.evaluation.translation.hypotheses import record_path, translated
from anyglot.evaluation.translation.table import TestSet, read_sentences
from anyglot.evaluation.translation.timing import parameters_of
from anyglot.experiments.demo.record import MARKER
from anyglot.experiments.demo.record import Record as DemoRecord
from anyglot.hub.record import read_record as read_model_record
from anyglot.models.pretrained.package_index import offers_of
from anyglot.reporting.curves import curves_from_metrics
from anyglot.runtime.measurements import recalled
from anyglot.training.loop.logs import MetricsLog
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.record import told_of_source
from anyglot.training.recipe.run import corpora_of, prepare_tokenizer
from fuzz.folders import copied
from fuzz.forms import BINARY, JSON, JSON_LINES, YAML
from fuzz.running import Reader
from fuzz.written import cache, finite, pair, whole, written

# Records of a run


def of_a_run(folder: Path) -> Path:
    copied("ours", "config.json")(folder)
    (folder / "recipe.yaml").write_text(
        json.dumps({"method": {"name": "sixt", "start": "own/er"}, "data": {"train": []}})
    )
    run = {"method": "sixt", "parameters": 120, "trained_parameters": 60, "looks_at_source": True}
    run |= {"looks_at_source_from": 20, "corpora": [{"name": "de-en", "hash": "0" * 64}], "seconds": 1.5}
    return written(folder, "run.json", run)


def _read_run(path: Path) -> Any:
    record = read_model_record(path.parent)
    return told_of_source(path.parent), parameters_of(path.parent), record.method, corpora_of(path.parent)


def _is_run(value: Any) -> None:
    told, parameters, method, corpora = value
    assert all(count is None or whole(count) for count in parameters)
    assert (told is None or isinstance(told, str)) and (method is None or isinstance(method, str))
    assert all(isinstance(digest, str) for digest in corpora)


def _saved_recipe(folder: Path) -> Path:
    of_a_run(folder)
    train = [
        {"source": "de", "target": "en", "files": ["a.de", "a.en"]},
        {"language": "de", "file": "hf:own/er?split=x"},
    ]
    return written(folder, "recipe.yaml", {"method": {"name": "sixt", "start": "own/er"}, "data": {"train": train}})


def _read_saved_recipe(path: Path) -> Any:
    record = read_model_record(path.parent)
    return record.base, record.method, tuple(record.corpora)


def _is_saved_recipe(value: Any) -> None:
    base, method, corpora = value
    assert all(each is None or isinstance(each, str) for each in (base, method))
    assert all(isinstance(each, str) for corpus in corpora for each in (corpus.name, corpus.origin))


def _report(folder: Path) -> Path:
    of_a_run(folder)
    cell = {"name": "BLEU", "value": 12.5, "low": 11.0, "high": 14.0, "sentences": 200, "signature": "x"}
    table = {"title": "Scores", "columns": ["Test set", "Pair", "Kind", "BLEU"], "rows": [["t", "de-en", None, cell]]}
    return written(folder, "report.json", {"tables": [table], "facts": {"Data hash": "0"}})


def _read_report(path: Path) -> Any:
    record = read_model_record(path.parent, path)
    return [dataclasses.astuple(score) for score in record.scores], record.data_hash


def _is_report(value: Any) -> None:
    scores, _ = value
    for test, languages, kind, sentences, metric, *numbers, signature in scores:
        assert all(isinstance(each, str) for each in (test, languages, metric, signature)) and whole(sentences)
        assert (kind is None or isinstance(kind, str)) and all(map(finite, numbers))


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
    assert all(isinstance(name, str) and finite(value) for row in rows for name, value in row.items())


def _tuning(folder: Path) -> Path:
    settings = {"learning_rate": 2e-5, "epochs": 3, "batch": 32, "max_length": 128, "warmup": 0.0, "warmup_updates": 0}
    settings |= {"weight_decay": 0.0, "head": "xtreme", "stride": 128, "long": "windows"}
    record = TuningRecord(
        "xnli", {"seed": "1"}, settings, 2, ({"score": 69.5}, {"score": 70.5}), 30, 100, 900, 3.5, "fp32", "0"
    )
    return written(folder, "tuning.json", record.document())


def _read_tuning(path: Path) -> Any:
    found = find_record(path.parent)
    return found, None if found is None else found.protocol


def _is_tuning(value: Any) -> None:
    found, protocol = value
    assert isinstance(found.task, str) and whole(found.epoch, 1) and whole(found.updates) and whole(found.tokens)
    assert all(finite(score) for row in found.scores for score in row.values()) and finite(found.seconds)
    assert finite(protocol.learning_rate) and whole(protocol.epochs, 1) and protocol.long in ("cut", "windows")


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
        assert isinstance(found.system, str) and isinstance(found.task, str) and whole(found.seed)
        assert all(whole(part.units) for part in found.languages.values())
        assert all(finite(v) for p in found.languages.values() for each in p.scores.values() for v in each.values())


def _read_sums(path: Path) -> Any:
    return {key: values.tolist() for key, values in read_sums(path.parent).items()}


def _are_sums(found: Any) -> None:
    assert all(np.ndim(values) == 2 for values in found.values())


def _known(folder: Path) -> Path:
    return written(folder, "known.json", {"key": "k", "score": 70.5, "epoch": 2})


def _is_score(value: Any) -> None:
    assert value is None or finite(value)


def learned(folder: Path) -> Path:
    (folder / "a.txt").write_text("ein altes Haus steht am Fluss\nder Hund schläft\n" * 20)
    prepare_tokenizer(learning(folder), folder, lambda line: None)
    return folder / "tokenizer" / "learned.json"


def learning(folder: Path) -> Any:
    given = {
        "name": "x",
        "method": {"name": "denoising", "layers": 1, "decoder_layers": 1, "width": 8, "heads": 2},
        "tokenizer": {"train": {"vocabulary_size": 27, "files": [str(folder / "a.txt")]}},
        "data": {"train": [{"language": "de", "file": "a.txt"}]},
        "stages": {"pretrain": {"updates": 1, "learning_rate": 0.01}},
    }
    return load_recipe(written(folder, "recipe.yaml", given))


def _learn(path: Path) -> Any:
    return prepare_tokenizer(learning(path.parents[1]), path.parents[1], lambda line: None).vocabulary_size


def _is_size(size: Any) -> None:
    assert size == 27


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
    assert all(isinstance(name, str) and finite(each) for name, each in legs.items()) and sound and whole(starts, 1)


# Evaluations


def _test_set(folder: Path) -> TestSet:
    (folder / "a.de").write_text("eins\nzwei\n")
    (folder / "a.en").write_text("one\ntwo\n")
    return TestSet(name="t", pairs=pair(folder))


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
    return written(folder, "answer.json", {"scores": [0.5, 0.25], "versions": {"comet": "2"}, "model_sha256": "0"})


def _is_answer(answer: Any) -> None:
    assert isinstance(answer, dict)


def _memory(folder: Path) -> Path:
    return written(folder, "anyglot/precision.json", {"machine": "bf16"})


def _read_memory(path: Path) -> Any:
    with cache(path.parents[1]):
        return recalled("precision")


def _is_memory(known: Any) -> None:
    assert all(isinstance(key, str) for key in known)


def _page(folder: Path) -> Path:
    file = {"filename": "a.whl", "url": "../a.whl", "hashes": {"sha256": "0" * 64}, "size": 12}
    return written(folder, "page.json", {"files": [file, {**file, "filename": "b.whl"}]})


def _offers(path: Path) -> Any:
    page = path.read_bytes()
    base = "https://example.org/simple/a/"
    return offers_of(page, "application/vnd.pypi.simple.v1+json", base), offers_of(page, "text/html", base)


def _are_offers(value: Any) -> None:
    for offer in (*value[0].values(), *value[1].values()):
        assert isinstance(offer.url, str) and (offer.sha256 is None or isinstance(offer.sha256, str))
        assert offer.size is None or whole(offer.size)


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


RECORDS: tuple[Reader, ...] = (
    Reader("run.json", JSON, of_a_run, _read_run, _is_run),
    Reader("recipe.yaml of a run", YAML, _saved_recipe, _read_saved_recipe, _is_saved_recipe),
    Reader("report.json", JSON, _report, _read_report, _is_report),
    Reader("metrics.jsonl", JSON_LINES, _metrics, _read_metrics, _are_curves),
    Reader("metrics.jsonl, fine-tuning", JSON_LINES, _tuning_log, lambda path: logged_scores(path), _are_scores),
    Reader("tuning.json", JSON, _tuning, _read_tuning, _is_tuning),
    Reader("result.json", JSON, _result("result.json"), _read_result, _is_result),
    Reader("resamples.npz", BINARY, _result("resamples.npz"), _read_sums, _are_sums),
    Reader("search, dev score", JSON, _known, lambda path: known_score(path, "k"), _is_score),
    Reader("learned.json", JSON, learned, _learn, _is_size),
    Reader("demo.json", JSON, _demo, _demo_on, _is_demo),
    Reader("hypotheses, record", JSON, _hypotheses, _again, _are_lines),
    Reader("hypotheses, --against", JSON, _hypotheses, _earlier, _are_lines),
    Reader("COMET's answer", JSON, _comet, lambda path: read_answer(path.read_bytes()), _is_answer),
    Reader("precision.json", JSON, _memory, _read_memory, _is_memory),
    Reader("package index", JSON, _page, _offers, _are_offers),
    Reader("translated training set", JSON_LINES, _translations, lambda path: _translated(path.parent), _are_examples),
)

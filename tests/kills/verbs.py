"""The verbs that are killed, each on data so small that a run takes a second or two."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kills.harness import Verb
from support import training_traces
from support.tiny_translators import TEXTS, write_model_folder

WORDS = {
    "hund": "dog", "katze": "cat", "mann": "man", "sieht": "sees", "isst": "eats", "brot": "bread", "haus": "house",
}  # fmt: skip
TRAIN = """
name: trained
method:
  name: transformer
  encoder: {layers: 1, width: 16, heads: 2, feedforward_width: 24, dropout: 0.1}
  decoder: {layers: 1, heads: 2, feedforward_width: 24, dropout: 0.1}
tokenizer: model
data:
  train: [{source: de, target: en, files: [train.de, train.en]}]
  validation: [{source: de, target: en, files: [valid.de, valid.en]}]
  max_length: 32
  batch_tokens: 192
  cache: cache/corpora
stages: {all: {updates: 24, learning_rate: 3e-3, clip_norm: 1.0, accumulation: 2}}
validation: {every: 8}
checkpoints: {every: 3, keep_last: 2}
runtime: {precision: fp32}
tracking: {log_every: 1}
"""
STUDY = """
study: killed
steps:
  train: {command: "anyglot train ROOM/train.yaml --out {out}", resume: --resume, says: a training}
  translate:
    command: "anyglot translate {step:train} -s de -t en -i ROOM/short.de -o {out}/out.txt --decoder greedy"
"""
TESTS = """
- {name: one, source: de, target: en, files: [short.de, short.en]}
- {name: two, source: de, target: zh, files: [short.de, short.en]}
- {name: three, source: ru, target: en, files: [short.de, short.en]}
- {name: four, source: en, target: en, files: [short.en, short.de]}
"""


def prepare(room: Path) -> None:
    """A tiny translator with random weights, texts, vectors, recipes and tables."""
    write_model_folder(room / "model")
    write_model_folder(room / "encoder", encoder_only=True)
    draw = random.Random(1)
    for name, count in (("train", 200), ("valid", 8), ("short", 12)):
        german = [draw.choices(list(WORDS), k=draw.randint(2, 6)) for _ in range(count)]
        (room / f"{name}.de").write_text("\n".join(" ".join(line) for line in german) + "\n")
        (room / f"{name}.en").write_text("\n".join(" ".join(WORDS[word] for word in line) for line in german) + "\n")
    pieces = " ".join(TEXTS).split()
    (room / "long.de").write_text("".join(" ".join(draw.choices(pieces, k=1 + n % 7)) + "\n" for n in range(60)))
    rng = np.random.default_rng(5)
    for name, rows in (("a", 120), ("b", 90)):
        np.save(room / f"{name}.npy", rng.standard_normal((rows, 16)).astype(np.float32))
        (room / f"{name}.txt").write_text("".join(f"{name} {row}\n" for row in range(rows)))
    (room / "train.yaml").write_text(TRAIN)
    pairs = "files: [short.de, short.en]"
    (room / "distil.yaml").write_text(TRAIN.replace("files: [train.de, train.en]", pairs).replace("trained", "student"))
    (room / "tests.yaml").write_text(TESTS)
    (room / "study.yaml").write_text(STUDY.replace("ROOM", str(room)))


def _text(*words: str) -> list[str]:
    return [*words, "--max-length", "12", "--device", "cpu", "--precision", "fp32"]


def _lines_of(journals: str) -> Callable[[Path], int]:
    """Lines that journals tell of."""

    def lines(place: Path) -> int:
        return sum(json.loads(journal.read_text())["lines"] for journal in place.glob(journals))

    return lines


def _updates(log: str) -> Callable[[Path], int]:
    """Updates that a training's log tells of, in whole lines."""

    def updates(place: Path) -> int:
        path = place / log
        told = path.read_text().splitlines(keepends=True) if path.exists() else []
        return sum('"train"' in line for line in told if line.endswith("\n"))

    return updates


def _trained(folder: Path) -> dict[str, Any]:
    found = {
        f"{name}/{part}": value
        for name, parts in training_traces.state(folder).items()
        for part, value in parts.items()
    }
    return {**found, "model": (folder / "model.safetensors").read_bytes(), "metrics": training_traces.metrics(folder)}


def _file(name: str) -> Callable[[Path], Mapping[str, Any]]:
    return lambda place: {name: (place / name).read_bytes()}


def _report(place: Path) -> dict[str, Any]:
    """Translations, and the report without its facts, which tell time and place."""
    out = place / "out"
    report = json.loads((out / "report.json").read_text())
    report.pop("facts")
    return {"report": report, **{path.name: path.read_bytes() for path in sorted(out.rglob("*.txt"))}}


def _distilled(place: Path) -> dict[str, Any]:
    """Every file but journals, whose offsets say nothing of their own."""
    paths = (path for path in sorted((place / "out").rglob("*")) if path.is_file())
    return {
        str(path.relative_to(place)): path.read_bytes() for path in paths if not path.name.endswith(".journal.json")
    }


def _studied(place: Path) -> dict[str, Any]:
    out = place / "out"
    return {**_trained(out / "train"), "translated": (out / "translate" / "out.txt").read_bytes()}


VERBS = {
    verb.name: verb
    for verb in (
        Verb(
            "train",
            lambda room, place: ["train", str(room / "train.yaml"), "--quiet", "--out", str(place / "out")],
            ("--resume",),
            _updates("out/metrics.jsonl"),
            lambda place: (place / "out" / "run.json").exists(),
            lambda place: _trained(place / "out"),
        ),
        Verb(
            "translate",
            lambda room, place: _text(
                "translate", "model", "-s", "de", "-t", "en", "-i", "long.de", "-o", str(place / "out.txt")
            ),
            ("--resume",),
            _lines_of("*.journal.json"),
            lambda place: (place / "out.txt").exists(),
            _file("out.txt"),
        ),
        Verb(
            "embed",
            lambda room, place: [
                "embed", "encoder", "-i", "long.de", "-o", str(place / "out.npy"), "--cache", str(place / "vectors"),
                "--batch-tokens", "40", "--max-length", "24", "--device", "cpu", "--precision", "fp32",
            ],
            (),
            lambda place: sum(path.stat().st_size for path in (place / "vectors").rglob("*") if path.is_file()),
            lambda place: (place / "out.npy").exists(),
            _file("out.npy"),
        ),
        Verb(
            "mine",
            lambda room, place: [
                "mine", "a.txt", "b.txt", "--vectors-a", "a.npy", "--vectors-b", "b.npy", "--block", "3",
                "-o", str(place / "pairs.tsv"),
            ],
            (),
            lambda place: len(list(place.glob("pairs.tsv.work/stripe-*.npz"))),
            lambda place: (place / "pairs.tsv").exists(),
            _file("pairs.tsv"),
        ),
        Verb(
            "evaluate",
            lambda room, place: _text(
                "evaluate", "model", "--tests", "tests.yaml", "--out", str(place / "out"), "--resamples", "20"
            ),
            (),
            lambda place: len(list((place / "out").rglob("hypotheses/*/*.json"))),
            lambda place: (place / "out" / "report.json").exists(),
            _report,
        ),
        Verb(
            "distil",
            lambda room, place: _text(
                "distil", "distil.yaml", "--teacher", "model", "--out", str(place / "out"), "--decoder", "greedy"
            ),
            ("--resume",),
            _lines_of("out/sources/*.journal.json"),
            lambda place: (place / "out" / "recipe.yaml").exists(),
            _distilled,
        ),
        Verb(
            "study",
            lambda room, place: ["study", "run", str(room / "study.yaml"), "--out", str(place / "out")],
            (),
            _updates("out/train/metrics.jsonl"),
            lambda place: (place / "out" / "translate" / "step.json").exists(),
            _studied,
            group=True,
        ),
    )
}  # fmt: skip

"""Readers of a study's folder: what its report is told, and what its steps found."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anyglot.experiments.study.results import read_results
from fuzz.forms import JSON
from fuzz.running import Reader
from fuzz.written import finite, whole, written

# Studies


def _study(document: Any) -> Callable[[Path], Path]:
    return lambda folder: written(folder, "input.json", document)


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
        written(folder, "input.json", STUDY_INPUT)
        return written(folder, f"{place}", document)

    return make


def _read_study(path: Path) -> Any:
    root = path.parent if path.name == "input.json" else path.parents[1]
    found = read_results(json.loads((root / "input.json").read_text()), root)
    return dataclasses.asdict(dataclasses.replace(found, missing=()))


def _read_manifest(path: Path) -> Any:
    from anyglot.experiments.study.report import read_manifest

    manifest = read_manifest(path.parent)
    found = read_results(manifest, path.parent)
    return dataclasses.asdict(dataclasses.replace(found, missing=()))


def _are_results(found: Any) -> None:
    assert all(finite(score["value"]) and whole(score["units"]) for score in found["scores"])
    assert all(whole(each["updates"]) and finite(each["seconds"]) for each in found["trainings"].values())
    rows = [row for part in ("to_base", "between") for each in found[part].values() for row in each.values()]
    assert all(value is None or finite(value) for row in rows for value in row)
    assert all(finite(each["accuracy"]) for row in found["apart"].values() for each in row)
    assert all(finite(each["norm"]) for row in found["spectra"].values() for each in row.values())
    assert all(isinstance(layer, str) for layer in found["layers"]) and isinstance(found["title"], str)


STUDIES: tuple[Reader, ...] = (
    Reader("study, input.json", JSON, _study(STUDY_INPUT), _read_manifest, _are_results),
    Reader("study, scores.json", JSON, _step("scores/scores.json", SCORES), _read_study, _are_results),
    Reader("study, cka", JSON, _step("cka/numbers.json", CKA), _read_study, _are_results),
    Reader("study, spectra", JSON, _step("spectra/numbers.json", SPECTRA), _read_study, _are_results),
    Reader("study, separability", JSON, _step("apart/numbers.json", APART), _read_study, _are_results),
    Reader("study, run.json", JSON, _step("lm-1/run.json", RUN), _read_study, _are_results),
    Reader("study, step.json", JSON, _step("lm-1/step.json", {"key": "k", "commit": "0"}), _read_study, _are_results),
)

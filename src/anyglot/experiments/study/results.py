"""What a study's steps have written, read back: scores, similarities, spectra, separability, trainings.

Every part may be missing: a report tells what there is. Models are known by condition and seed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.experiments.study.folder import StepFolder
from anyglot.runtime.untrusted_files import DAMAGE, LARGE, number, read_json, text_of, whole_number

Model = tuple[str, str]
"""Condition and seed."""
Matrix = tuple[str, int, str]
"""Side, layer, name."""


@dataclass(frozen=True)
class Score:
    """A model's score on one language of a task, in per cent: the task's first metric."""

    model: Model
    task: str
    language: str
    metric: str
    value: float
    units: int


@dataclass(frozen=True)
class Scale:
    """Norm of a matrix's singular values, and the distance of the sorted values to the base model's."""

    norm: float
    distance: float | None


@dataclass(frozen=True)
class Apart:
    """How far languages lie apart at one layer: their share of the variance, and a probe's accuracy; in per cent."""

    share: float | None
    accuracy: float


@dataclass(frozen=True)
class Training:
    """What a model's training took."""

    updates: int
    tokens: int
    seconds: float
    loss: float | None


@dataclass(frozen=True)
class Results:
    """All that was found.

    Attributes:
        conditions: Name -> what the report calls it, in order; the first is the base.
        seeds: In order.
        continued: Those that were continued on translation all at once, as the paper's models.
        control: The base with as many further updates of its own objective; None: there is none.
        pairs: Further comparisons of two conditions.
        layers: Names of the layers that similarity and separability are told of.
        to_base: Model -> language -> CKA with the base model of its seed, by layer.
        between: Model -> pair of languages -> CKA, by layer.
        data: Condition -> hash of what it was trained on; several where its seeds read different data.
        tests: Task -> hash of its test sets in all languages.
        commits: Commit -> how many steps were run from it.
        missing: Steps whose results could not be read, and why.
    """

    title: str
    conditions: Mapping[str, str]
    train_language: str
    seeds: tuple[str, ...]
    continued: tuple[str, ...] = ()
    control: str | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    scores: tuple[Score, ...] = ()
    layers: tuple[str, ...] = ()
    to_base: Mapping[Model, Mapping[str, tuple[float | None, ...]]] = field(default_factory=dict)
    between: Mapping[Model, Mapping[str, tuple[float | None, ...]]] = field(default_factory=dict)
    spectra: Mapping[Model, Mapping[Matrix, Scale]] = field(default_factory=dict)
    apart: Mapping[Model, tuple[Apart, ...]] = field(default_factory=dict)
    trainings: Mapping[Model, Training] = field(default_factory=dict)
    data: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tests: Mapping[str, str] = field(default_factory=dict)
    commits: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The condition that others are compared with."""
        return next(iter(self.conditions))

    @property
    def tasks(self) -> tuple[str, ...]:
        """In order of appearance."""
        return tuple(dict.fromkeys(score.task for score in self.scores))

    def models(self) -> Iterator[Model]:
        """Every condition with every seed."""
        return ((condition, seed) for condition in self.conditions for seed in self.seeds)


def read_results(manifest: Mapping[str, Any], root: Path) -> Results:
    """Read a study's folder.

    Args:
        manifest: What the study tells the step that follows all others (`steps._manifest`).

    Raises:
        UserError: The study's `report` section is at fault.
    """
    section = manifest.get("report") or {}
    conditions = _conditions(section)
    models = {
        step["name"]: (step["template"], step["values"].get("seed", "1"))
        for step in manifest["steps"]
        if step["template"] in conditions
    }
    control = str(section.get("control"))
    seeds = tuple(dict.fromkeys(seed for _, seed in models.values()))
    reader = _Reader(root, models, conditions)
    for step in manifest["steps"]:
        reader.read(step)
    return Results(
        title=str(manifest.get("title", manifest.get("study", "study"))),
        conditions=conditions,
        train_language=str(section.get("train_language", "en")),
        seeds=seeds,
        continued=tuple(str(name) for name in section.get("continued", []) if str(name) in conditions),
        control=control if control in conditions else None,
        pairs=tuple((str(a), str(b)) for a, b in section.get("pairs", [])),
        scores=tuple(reader.scores),
        layers=reader.layers,
        to_base=reader.to_base,
        between=reader.between,
        spectra=reader.spectra,
        apart=reader.apart,
        trainings=reader.trainings,
        data={name: tuple(found) for name, found in reader.data.items()},
        tests={task: _digest(hashes) for task, hashes in reader.tests.items()},
        commits=reader.commits,
        missing=tuple(reader.missing),
    )


def _conditions(section: Mapping[str, Any]) -> dict[str, str]:
    conditions = section.get("conditions")
    if isinstance(conditions, dict):  # null: one of the extended study that this one lacks
        conditions = {name: title for name, title in conditions.items() if title is not None}
    if not isinstance(conditions, dict) or len(conditions) < 2:
        raise UserError("the study's report section needs conditions, two or more: the name of a step, and a title.")
    named = {str(name): str(title) for name, title in conditions.items()}
    base = str(section.get("base", next(iter(named))))
    if base not in named:
        raise UserError(f"report.base is {base:.80}, but report.conditions lists {', '.join(named)}.")
    for name in ("pairs", "continued"):
        if not isinstance(section.get(name, []), list):
            raise UserError(f"report.{name} is a list; found {section[name]!r:.80}.")
    for pair in section.get("pairs", []):
        if not isinstance(pair, list) or len(pair) != 2 or not set(map(str, pair)) <= set(named):
            raise UserError(f"report.pairs lists two conditions each, such as [sixt, m2m]; found {pair!r:.80}.")
    return {base: named[base], **{name: title for name, title in named.items() if name != base}}


class _Reader:
    """Collects what the steps of a study have written."""

    def __init__(self, root: Path, models: Mapping[str, Model], conditions: Mapping[str, str]) -> None:
        self._root, self._models, self._conditions = root, models, conditions
        self.scores: list[Score] = []
        self.layers: tuple[str, ...] = ()
        self.to_base: dict[Model, dict[str, tuple[float | None, ...]]] = {}
        self.between: dict[Model, dict[str, tuple[float | None, ...]]] = {}
        self.spectra: dict[Model, dict[Matrix, Scale]] = {}
        self.apart: dict[Model, tuple[Apart, ...]] = {}
        self.trainings: dict[Model, Training] = {}
        self.data: dict[str, dict[str, None]] = {}
        self.tests: dict[str, dict[str, str]] = {}
        self.commits: Counter[str] = Counter()
        self.missing: list[str] = []

    def read(self, step: Mapping[str, Any]) -> None:
        """Read what a step of a known kind has written; its kind shows in its command."""
        name, words = step["name"], tuple(step["words"])
        folder = self._root / name
        kinds = {
            ("anyglot", "evaluate"): ("scores.json", self._scores),
            ("anyglot", "analyze", "cka"): ("numbers.json", self._cka),
            ("anyglot", "analyze", "spectra"): ("numbers.json", self._spectra),
            ("anyglot", "analyze", "separability"): ("numbers.json", self._apart),
        }
        for start, (file, take) in kinds.items():
            if words[: len(start)] == start:
                self._take(folder / file, name, take)
        if name in self._models:
            self._take(folder / "run.json", name, lambda data: self._training(self._models[name], data))
        record = StepFolder(folder).record() or {}
        if "commit" in record:
            self.commits[str(record["commit"])] += 1

    def _take(self, path: Path, name: str, take: Any) -> None:
        try:
            take(read_json(path, LARGE, finite=False))
        except (FileNotFoundError, UserError) as error:
            told = str(error) if isinstance(error, UserError) else str(error.strerror)
            self.missing.append(f"{name}: {path.name} cannot be read ({told})")
        except (*DAMAGE, StopIteration) as error:
            self.missing.append(f"{name}: {path.name} is not understood ({type(error).__name__}: {error})")

    def _scores(self, data: Any) -> None:
        for result in data:
            model = self._models.get(result["system"])
            if model is None:
                continue  # an anchor, or a model beside the study
            for code, part in result["languages"].items():
                metric, values = next(iter(part["scores"].items()))
                value = next(iter(values.values()))
                units = whole_number(part["units"])
                self.scores.append(Score(model, text_of(result["task"]), code, metric, number(value), units))
                self.tests.setdefault(result["task"], {})[code] = text_of(part["data"])

    def _cka(self, data: Any) -> None:
        base = next(iter(self._conditions))
        for found in data["models"]:
            one, other = _compared(found, " and ")
            if self._models.get(one, ("",))[0] == base and other in self._models:
                self.to_base[self._models[other]] = self._rows(found)
        for found in data["languages"]:
            label = _compared(found, " of ")[-1]
            if label in self._models:
                self.between[self._models[label]] = self._rows(found)

    def _rows(self, found: Any) -> dict[str, tuple[float | None, ...]]:
        rows = {row: tuple(_value(each["value"]) for each in values) for row, values in found["values"].items()}
        layers = tuple(map(text_of, found["layers"]))
        if any(len(row) != len(layers) for row in rows.values()):
            raise ValueError("a row has another number of layers")
        self.layers = layers
        return rows

    def _spectra(self, data: Any) -> None:
        distances: dict[tuple[str, Matrix], float | None] = {}
        for change in data["changes"]:
            for row in change["distances"]:
                distances[change["model"], (row["side"], row["layer"], row["matrix"])] = _value(row["d"])
        for found in data["models"]:
            model = self._models.get(found["model"])
            if model is None:
                continue
            scales = {}
            for row in found["matrices"]:
                name = f"cross {row['matrix']}" if row["attention"] == "cross" else row["matrix"]
                place = (text_of(row["side"]), whole_number(row["layer"]), name)
                scales[place] = Scale(number(row["norm"]), distances.get((found["model"], place)))
            self.spectra[model] = scales

    def _apart(self, data: Any) -> None:
        for found in data["models"]:
            model = self._models.get(found["model"])
            if model is not None:
                self.layers = self.layers or tuple(map(text_of, found["layers"]))
                self.apart[model] = tuple(_apart_of(each) for each in found["values"])

    def _training(self, model: Model, data: Any) -> None:
        loss = (data.get("metrics") or {}).get("loss")
        self.data.setdefault(model[0], {})[str(data["data"])] = None
        self.trainings[model] = Training(
            whole_number(data["updates"]),
            whole_number(data["target_tokens"]),
            number(data["seconds"]),
            None if loss is None else number(loss, finite=False),
        )


def _compared(found: Any, between: str) -> tuple[str, str]:
    """The models a CKA result is of: the two that were compared, or "" and the one whose languages were."""
    models = found.get("models")
    if models is None:  # written before there was such a field, and said in the title alone
        one, _, other = text_of(found["title"]).partition(between)
        return one, other
    *first, last = map(text_of, models)
    return "".join(first), last


def _apart_of(each: Any) -> Apart:
    variance = each["variance"]
    return Apart(None if variance is None else 100 * number(variance["language"]), number(each["accuracy"]))


def _value(value: Any) -> float | None:
    return None if value is None else number(value)


def _digest(hashes: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(hashes.items())).encode()).hexdigest()


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known; None if none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

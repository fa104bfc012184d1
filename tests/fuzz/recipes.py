"""Readers of YAML: recipes, what they extend, overrides, tables of test sets, and studies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anyglot.evaluation.translation.table import read_tests
from anyglot.experiments.study.file import is_study, load_study
from anyglot.experiments.study.results import read_results
from anyglot.experiments.study.steps import steps_of
from anyglot.training.recipe.load import load_recipe, save_recipe
from fuzz.forms import ROWS, YAML
from fuzz.running import Reader

RECIPE = {
    "name": "x",
    "seed": 3,
    "method": {"name": "sixt", "start": "encoder", "decoder": {"layers": 1, "heads": 2, "feedforward_width": 16}},
    "tokenizer": {"train": {"vocabulary_size": 60}},
    "data": {
        "train": [
            {"source": "de", "target": "en", "files": ["a.de", "a.en"], "limit": 10},
            {"source": "fr", "target": "en", "file": "b.tsv", "columns": [0, 1]},
        ],
        "max_length": 32,
        "batch_tokens": 128,
    },
    "stages": {"decoder": {"updates": 4, "learning_rate": 0.003}, "joint": {"updates": 2, "learning_rate": 0.001}},
    "checkpoints": {"every": 2, "keep_last": 1},
    "runtime": {"precision": "fp32"},
}
TESTS = [
    {"source": "de", "target": "en", "files": ["a.de", "a.en"]},
    {"name": "fr", "source": "fr", "target": "en", "file": "a.tsv", "columns": [0, 1]},
]
STUDY = {
    "study": "x",
    "title": "X",
    "variables": {"updates": 3, "languages": "de,en", "both": "{languages},{updates}"},
    "lists": {"seed": [1, 2], "model": ["lm", "m2m"]},
    "jobs": 2,
    "steps": {
        "lm": {"each": ["seed"], "command": "anyglot train lm --out {out} stages.a.updates={updates}"},
        "m2m": {"each": ["seed"], "command": "anyglot train m2m {step:lm} --out {out} {both}", "resume": "--resume"},
        "cka": {
            "each": ["seed"],
            "command": "anyglot analyze cka {step:lm} {step:m2m} --out {out}",
            "reads": ["{file:a}"],
        },
        "report": {"after": ["*"], "command": "anyglot study report --out {out}"},
    },
    "report": {"base": "lm", "continued": ["m2m"], "conditions": {"lm": "language model", "m2m": "continued"}},
}


def _written(name: str, document: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_text(json.dumps(document))
        return path

    return make


def _recipe(path: Path) -> Any:
    recipe = load_recipe(path)
    saved = path.with_name("saved.yaml")
    save_recipe(recipe, saved)
    assert load_recipe(saved) == recipe
    return recipe


def _is_recipe(recipe: Any) -> None:
    assert isinstance(recipe.name, str) and type(recipe.seed) is int and recipe.data.train


def _extended(folder: Path) -> Path:
    (folder / "middle.yaml").write_text("extends: below.yaml\nseed: 5\n")
    (folder / "top.yaml").write_text("extends: middle.yaml\nname: top\n")
    return _written("below.yaml", RECIPE)(folder)


def _read_extended(path: Path) -> Any:
    recipe = load_recipe(path.with_name("top.yaml"))
    assert recipe.name == "top" and recipe.seed == 5
    return recipe


def _override(folder: Path) -> Path:
    _written("recipe.yaml", RECIPE)(folder)
    return _written("override", RECIPE["stages"])(folder)


def _read_override(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:  # no argument that a shell passes on
        text = "{}"
    return load_recipe(path.with_name("recipe.yaml"), [f"stages={text}"])


def _read_keys(path: Path) -> Any:
    """The whole text as an override, key and value, as a shell passes it on."""
    return load_recipe(
        path.with_name("recipe.yaml"), [path.read_bytes().replace(b"\0", b"").decode("utf-8", "surrogateescape")]
    )


def _keys(folder: Path) -> Path:
    _written("recipe.yaml", RECIPE)(folder)
    path = folder / "override"
    path.write_text("data.train.0.limit=5")
    return path


def _are_tests(tests: Any) -> None:
    assert tests and len({test.file_name for test in tests}) == len(tests)
    assert all("/" not in test.file_name for test in tests)


def _study(path: Path) -> Any:
    assert isinstance(is_study(path), bool)
    study = load_study(str(path))
    steps = steps_of(study)
    for step in steps:
        if step.document is not None:
            read_results(step.document, path.parent)
    return study, steps


def _is_study(value: Any) -> None:
    study, steps = value
    assert isinstance(study.title, str) and study.jobs >= 1 and len({step.name for step in steps}) == len(steps)
    assert all(isinstance(word, str) for step in steps for word in step.words)


RECIPES: tuple[Reader, ...] = (
    Reader("recipe", YAML, _written("recipe.yaml", RECIPE), _recipe, _is_recipe, lines=True),
    Reader("recipe, extended", YAML, _extended, _read_extended, _is_recipe, lines=True),
    Reader("recipe, override's value", YAML, _override, _read_override, _is_recipe, lines=True),
    Reader("recipe, override", ROWS, _keys, _read_keys, _is_recipe, lines=True),
    Reader("table of test sets", YAML, _written("tests.yaml", TESTS), read_tests, _are_tests),
    Reader("study", YAML, _written("study.yaml", STUDY), _study, _is_study),
)

"""A page's command with a few updates, a few sentences and small shapes in place of hours: the same verb and options.

Names of the hub are not rewritten: a folder of that spelling comes first, and `workplace.py` makes small ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anyglot.training.recipe.command_line_corpora import given_data
from anyglot.training.recipe.document import Document, bundled_recipes, read_document
from docs.parsing import read

SIZES = {"width": 32, "heads": 4, "feedforward_width": 32, "layers": 4, "decoder_layers": 2, "bottleneck": 8}
FEW = 2
"""Updates of a stage, unless more checkpoints are to be averaged."""
TEXTS = ("de", "en", "es", "ru")
MATCHED = ["runs/lm", "runs/m2m", "runs/o2m", "runs/continued"]
_FIXED = {
    "evaluate tasks": ["--set", "max_updates=2", "--set", "resamples=20", "--discard-models", "--precision", "fp32"],
    "evaluate tatoeba": ["--set", "resamples=20", "--no-cache"],
    "evaluate bucc": ["--set", "resamples=20", "--no-cache"],
    "evaluate translation": ["--set", "resamples=20", "--set", "max_length=12"],
    "translate": ["--max-length", "12"],
    "data phrasebook": ["--sentences", "20", "--held-out", "8"],
    "study text": ["--limit", "40", "--validation", "4", "--sample", "4"],
}
"""Options that go behind those of a verb's every command."""


def smaller(arguments: Sequence[str], updates: int = FEW) -> list[str]:
    """The arguments to run here.

    Args:
        updates: Of every stage of a training; each leaves a checkpoint.
    """
    understood = read(arguments, whole=True)
    assert understood is not None
    verb, values = understood
    words = [word.replace("step-3000", f"step-{FEW}").replace("sentences=1000", "sentences=20") for word in arguments]
    if "--minibatch" in words:
        words[words.index("--minibatch") + 1] = "8"
    if "runs/*" in words:  # the shell's part
        place = words.index("runs/*")
        words[place : place + 1] = MATCHED
    if verb == "model average" and "--step" in words:
        words[words.index("--step") + 1] = str(FEW)
    recipe = values.get("recipe") or values.get("recipe_or_model")
    if verb in ("train", "data distill") or (verb == "model show" and recipe in bundled_recipes()):
        given = given_data(values.get("train") or [], values.get("validation") or [])
        overrides = list(values["overrides"] or ())
        own = {override.partition("=")[0] for override in overrides}
        own |= {"data.train", "data.validation"} if given else set()
        words += small_overrides(read_document(recipe, overrides, given), own, updates)
        if verb == "data distill":
            words += ["--max-length", "12"]
    if verb == "evaluate tasks" and values["suite"] == "phrasebook":
        words += ["--data", "labelled"]
    return [*words, *_FIXED.get(verb, ())]


def small_overrides(document: Document, own: set[str], updates: int) -> list[str]:
    """`KEY=VALUE` for what makes a recipe long or large, and for data, unless they are the page's own."""
    values = document.values
    every = "checkpoints.every=1 checkpoints.keep_last=20 checkpoints.keep_best=20 validation.every=1"
    size = "runtime.precision=fp32 data.cache=cache data.max_length=40 data.batch_tokens=128 validation.max_batches=1"
    found = [every.split(), size.split(), _method(values["method"], ""), _stages(values["stages"], updates)]
    if isinstance(values.get("tokenizer"), dict):
        found.append(["tokenizer.train.vocabulary_size=150", "tokenizer.train.input_sentences=200"])
    data = values["data"]
    if "data.train" not in own:
        found.append([f"data.train=[{', '.join(map(_corpus, data['train']))}]"])
    if data.get("validation") and "data.validation" not in own:
        found.append([f"data.validation=[{_corpus(data['validation'][0])}]"])
    if data.get("bilingual"):
        found.append(["data.bilingual.max_length=32", "data.bilingual.batch_tokens=128"])
    return [one for part in found for one in part]


def _method(values: dict[str, Any], inside: str) -> list[str]:
    found = [f"method.{inside}{key}={SIZES[key]}" for key in values if key in SIZES]
    for key, value in values.items():
        if isinstance(value, dict):
            found += _method(value, f"{inside}{key}.")
    start = values.get("start")
    if isinstance(start, str) and start.startswith("recipe:"):
        found.append(f"method.start=starts/{start.removeprefix('recipe:')}")
    return found


def _stages(values: dict[str, Any], updates: int) -> list[str]:
    found = []
    for name, stage in values.items():
        small = {"updates": min(updates, int(stage["updates"])), "warmup_updates": 1, "accumulation": 1}
        small |= {"batch_tokens": 128} if "batch_tokens" in stage else {}
        found += [f"stages.{name}.{key}={value}" for key, value in small.items()]
    return found


def _corpus(source: dict[str, Any]) -> str:
    """The languages that the recipe says, of text that is here."""

    def file(language: str) -> str:
        return str(Path("small") / f"{language if language in TEXTS else 'de'}.txt")

    if "language" in source:
        return f"{{language: {source['language']}, file: {file(source['language'])}}}"
    both = (source["source"], source["target"])
    return f"{{source: {both[0]}, target: {both[1]}, files: [{', '.join(map(file, both))}]}}"

"""What a suite is asked to do, and what is settled from it before anything is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.settings import Selection, TuningSettings
from anyglot.evaluation.tasks.task import Head, Protocol, Task
from anyglot.stats.scores import RESAMPLES, SEED
from anyglot.text.languages import language

Setting = Literal["zero-shot", "translate-train", "few-shot"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)
SETTINGS: tuple[Setting, ...] = get_args(Setting)

SELECTION_OF: Mapping[str, Selection] = MappingProxyType(
    {"own": "english", "xtreme": "english", "jiant": "english", "xglue": "mean"}
)
"""What each protocol chooses the epoch by (method card 6.1; 4.2 for Unicoder's, which XGLUE's numbers come from)."""

_PROTOCOL_OF: Mapping[str, str] = MappingProxyType({"xtreme": "xtreme", "xglue": "xglue"})


@dataclass(frozen=True)
class SuiteRequest:
    """What to train and score.

    Args:
        models: Folders or hub names of encoders, or of models that have one.
        tasks: Names in `TASKS`.
        suite: The suite they were named by, or "" where they were named one by one.
        languages: Test languages, canonical; empty for all that a task has.
        data: Folder of the tasks' official files, "hub", or None to write the phrasebook's labelled sets.
        out: Everything is written below it.
        seeds: A model is trained once with each.
        setting: zero-shot: on the training language alone. translate-train: on its translations too. few-shot: on a
            few examples of each target language too.
        train_language: Whose training set is used.
        translated: Of translate-train: a folder with translated training files in the tasks' own layout.
        translator: Of translate-train: a model that makes them.
        few: Of few-shot: examples of each target language.
        selection: Which epoch's weights are kept; None: what the protocol says.
        protocol: Name of a protocol, or "" for the suite's own.
        overrides: "learning_rate" to "1e-5" and the like: fields of `Protocol` and of `TuningSettings`.
        grid: Name of the grid to search (`search.GRIDS`), or "".
        anchors: Whether a random encoder and a bag of pieces are scored beside the models.
        baseline: A model of `models` that the others are compared with, or "".
        against: Folder of an earlier suite to compare with, or None.
        resamples: Of the bootstrap.
        resampling_seed: Of the bootstrap.
        discard: Whether the tuned weights are deleted once they are scored.
    """

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    suite: str
    languages: tuple[str, ...]
    data: Path | str | None
    out: Path
    seeds: tuple[int, ...] = (1,)
    setting: Setting = "zero-shot"
    train_language: str = "en"
    translated: Path | None = None
    translator: str = ""
    few: int = 0
    selection: Selection | None = None
    protocol: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)
    grid: str = ""
    anchors: bool = False
    baseline: str = ""
    against: Path | None = None
    resamples: int = RESAMPLES
    resampling_seed: int = SEED
    device: str | None = None
    discard: bool = False


def check_request(request: SuiteRequest) -> None:
    """Refuse what does not fit together, before anything is loaded.

    Raises:
        UserError: An option that its setting lacks or that another one rules out; no seed, or one twice.
    """
    if not request.seeds or len(set(request.seeds)) < len(request.seeds):
        raise UserError(f"--seeds needs different numbers, found {','.join(map(str, request.seeds)) or 'none'}")
    if request.setting == "translate-train" and (request.translated is None) == (not request.translator):
        raise UserError(
            "translate-train needs either translated training files (--set translate_train=DIR) or a model that makes "
            "them (--set translator=MODEL), one of the two"
        )
    if request.setting == "few-shot" and request.few < 1:
        raise UserError(f"few-shot needs a number of examples, at least 1: --set few_shot=N; found {request.few}")
    if request.setting != "translate-train" and (request.translated is not None or request.translator):
        raise UserError(f"translations were given but the setting is {request.setting}; use --setting translate-train")
    if request.setting != "few-shot" and request.few:
        raise UserError(f"few_shot was given but the setting is {request.setting}; leave one of the two out")
    if request.baseline and request.against is not None:
        raise UserError("--baseline and --against were both given; compare with a model or with an earlier suite")
    if request.resamples < 1:
        raise UserError("a suite needs resamples of at least 1: comparisons and intervals come from them")


def chosen_languages(task: Task, wanted: tuple[str, ...], available: tuple[str, ...]) -> tuple[str, ...]:
    """Test languages of a task, in its own order.

    Args:
        wanted: Canonical codes asked for; empty for all.
        available: Languages with a test file.
    """
    order = {code: number for number, code in enumerate(task.languages)}
    known = sorted(available, key=lambda code: (order.get(code, len(order)), code))
    return tuple(code for code in known if not wanted or code in wanted)


def canonical(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Codes of any scheme as canonical ones, each once.

    Raises:
        UserError: One is no language.
    """
    return tuple(dict.fromkeys(language(code).code for code in codes))


def tuning_keys() -> tuple[str, ...]:
    """The settings of fine-tuning that a request may override; which protocol it is makes no difference."""
    some = TuningSettings(Protocol(learning_rate=1e-5, epochs=1))
    return tuple(key for key in some.document() if key not in ("seed", "select"))


def settle(request: SuiteRequest, task: Task, seed: int) -> tuple[str, TuningSettings]:
    """The name of a task's protocol, and all settings of its training.

    Raises:
        UserError: The task has no such protocol, or an override names no setting or has no fitting value.
    """
    name = request.protocol or _PROTOCOL_OF.get(request.suite, "own")
    if name not in task.protocols and not request.protocol and task.protocols:
        name = next(iter(task.protocols))
    if name not in task.protocols:
        raise UserError(f"{task.name} has no protocol {name!r}; it has {', '.join(task.protocols) or 'none'}")
    protocol = task.protocols[name]
    rest: dict[str, Any] = {}
    present = TuningSettings(protocol).document()
    for key, text in request.overrides.items():
        key = key.removeprefix("tuning.")
        if key not in present or key in ("seed", "select"):
            known = ", ".join(other for other in present if other not in ("seed", "select"))
            raise UserError(f"--set {key} names no setting of fine-tuning; there are {known}")
        value = _value(key, text)
        if hasattr(protocol, key):
            protocol = dataclasses.replace(protocol, **{key: value})
        else:
            rest[key] = value
    selection = request.selection or _selection(name, task)
    return name, TuningSettings(protocol, seed=seed, select=selection, **rest)


def _selection(protocol: str, task: Task) -> Selection:
    # XTREME keeps the last weights of question answering (method card 6.1).
    if protocol == "xtreme" and task.kind == "answering":
        return "last"
    return SELECTION_OF.get(protocol, "english")


_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "head": get_args(Head),
        "long": ("cut", "windows"),
        "pooling": ("first", "mean"),
        "precision": ("auto", "fp32", "bf16", "fp16"),
    }
)


_WHOLE = ("epochs", "batch", "max_length", "warmup_updates", "stride", "max_updates")


def _value(key: str, text: str) -> Any:
    """A setting's value from the command line, of the kind it has now."""
    if key in _WORDS:
        if text not in _WORDS[key]:
            raise UserError(f"--set {key}={text}: it is one of {', '.join(_WORDS[key])}")
        return text
    try:
        value = int(text) if key in _WHOLE else float(text)
    except ValueError as error:
        kind = "a whole number" if key in _WHOLE else "a number"
        raise UserError(f"--set {key}={text}: {key} is {kind}") from error
    # NaN compares false with everything.
    if not 0 <= value < 1e9:
        raise UserError(f"--set {key}={text}: {key} cannot be that; give a number that is not negative")
    if value == 0 and key in ("learning_rate", "epochs", "batch", "max_length", "stride", "max_updates"):
        raise UserError(f"--set {key}={text}: {key} must be more than 0")
    return value

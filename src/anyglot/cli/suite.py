"""`anyglot evaluate --suite`: encoders fine-tuned and scored on understanding tasks."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.trim import listed

_PANEL = "Understanding tasks (--suite, --tasks)"

SUITE = Annotated[
    str | None,
    typer.Option(
        "--suite", help="xtreme, xglue, phrasebook (offline) or more.", metavar="NAME", rich_help_panel=_PANEL
    ),
]
TASKS = Annotated[
    str | None,
    typer.Option("--tasks", help="Only these tasks, e.g. xnli,udpos; without --suite any.", rich_help_panel=_PANEL),
]
LANGUAGES = Annotated[
    str | None,
    typer.Option("--languages", "-l", help="Test languages, e.g. de,zh; default: all.", rich_help_panel=_PANEL),
]
DATA = Annotated[
    str | None,
    typer.Option("--data", help="Folder of the tasks' official files, or hub.", metavar="DIR", rich_help_panel=_PANEL),
]
SEEDS = Annotated[
    str | None,
    typer.Option("--seeds", help="Train once with each, e.g. 1,2,3; default: 1.", rich_help_panel=_PANEL),
]
PROTOCOL = Annotated[
    str | None,
    typer.Option(
        "--protocol", help="own, xtreme, jiant or xglue; default: the suite's.", metavar="NAME", rich_help_panel=_PANEL
    ),
]
SET = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="A setting of fine-tuning: learning_rate=1e-5; repeatable.", metavar="K=V", rich_help_panel=_PANEL
    ),
]
SELECT = Annotated[
    str | None,
    typer.Option(
        "--select", help="Epoch kept: english, mean (of all dev sets) or last.", metavar="NAME", rich_help_panel=_PANEL
    ),
]
TRAIN_LANGUAGE = Annotated[
    str | None,
    typer.Option("--train-language", help="Train on this one; default: en.", metavar="CODE", rich_help_panel=_PANEL),
]
SETTING = Annotated[
    str | None,
    typer.Option("--setting", help="zero-shot, translate-train or few-shot.", metavar="NAME", rich_help_panel=_PANEL),
]
TRANSLATE_TRAIN = Annotated[
    Path | None,
    typer.Option(
        "--translate-train", help="Folder of translated training files.", metavar="DIR", rich_help_panel=_PANEL
    ),
]
TRANSLATOR = Annotated[
    str | None,
    typer.Option(
        "--translator", help="A model that translates the training set.", metavar="MODEL", rich_help_panel=_PANEL
    ),
]
FEW_SHOT = Annotated[
    int | None,
    typer.Option(
        "--few-shot", min=1, help="Add N examples of each test language.", metavar="N", rich_help_panel=_PANEL
    ),
]
SEARCH = Annotated[
    str | None,
    typer.Option(
        "--search",
        help="Search a grid by dev score: veco, veco-translate, tiny.",
        metavar="GRID",
        rich_help_panel=_PANEL,
    ),
]
ANCHORS = Annotated[
    bool,
    typer.Option("--anchors", help="Score a random encoder and a bag of pieces too.", rich_help_panel=_PANEL),
]
DISCARD = Annotated[
    bool,
    typer.Option("--discard-models", help="Delete tuned weights once they are scored.", rich_help_panel=_PANEL),
]


@dataclass(frozen=True)
class SuiteOptions:
    """The options of understanding tasks, as they were given; None where one was not."""

    suite: str | None
    tasks: str | None
    languages: str | None
    data: str | None
    seeds: str | None
    protocol: str | None
    overrides: list[str] | None
    select: str | None
    train_language: str | None
    setting: str | None
    translate_train: Path | None
    translator: str | None
    few_shot: int | None
    search: str | None
    anchors: bool
    discard: bool

    @property
    def wanted(self) -> bool:
        """Whether understanding tasks were asked for."""
        return self.suite is not None or self.tasks is not None

    def given(self) -> list[str]:
        """The options that were given, as on the command line."""
        names = {"overrides": "set", "discard": "discard-models"}
        return [
            "--" + names.get(name, name).replace("_", "-")
            for name, value in vars(self).items()
            if value not in (None, False)
        ]


def refuse_without_suite(options: SuiteOptions) -> None:
    """Refuse options of understanding tasks where translations are scored.

    Raises:
        UserError: One was given.
    """
    from anyglot.errors import UserError

    if given := options.given():
        raise UserError(f"{', '.join(given)} belongs to understanding tasks: name them with --suite or --tasks too")


def refuse_with_suite(given: Mapping[str, object]) -> None:
    """Refuse options of translation where understanding tasks are scored.

    Args:
        given: Options to their values, None or False where they were not given.

    Raises:
        UserError: One was given.
    """
    from anyglot.errors import UserError

    found = [name for name, value in given.items() if value not in (None, False)]
    if found:
        raise UserError(f"{', '.join(found)} scores translations and does not fit --suite and --tasks; leave it out")


def evaluate_suite(
    models: list[str],
    options: SuiteOptions,
    *,
    out: Path,
    baseline: str | None,
    against: Path | None,
    resamples: int,
    seed: int,
    device: str | None,
    precision: str,
) -> None:
    """Train and score, write the reports, and print the table of scores.

    Raises:
        UserError: As `run_suite`, `write_suite_report`.
    """
    from anyglot.evaluation.finetuning.report import write_suite_report
    from anyglot.evaluation.finetuning.requests import SuiteRequest, canonical
    from anyglot.evaluation.finetuning.suite import run_suite, suite_names
    from anyglot.evaluation.translation.run import unique_labels

    begun = time.monotonic()
    names = tuple(models) if baseline is None or baseline in models else (*models, baseline)
    suite = options.suite or ""
    overrides = _overrides(options.overrides or [])
    if precision != "auto":
        overrides.setdefault("precision", precision)
    request = SuiteRequest(
        models=names,
        tasks=suite_names(suite, listed(options.tasks or "")),
        suite=suite,
        languages=canonical(listed(options.languages or "")),
        data=options.data if options.data in (None, "hub") else Path(options.data),
        out=out,
        seeds=_seeds(options.seeds),
        setting=_setting(options),  # type: ignore[arg-type]
        train_language=canonical((options.train_language or "en",))[0],
        translated=options.translate_train,
        translator=options.translator or "",
        few=options.few_shot or 0,
        selection=_choice("--select", options.select, ("english", "mean", "last")),  # type: ignore[arg-type]
        protocol=options.protocol or "",
        overrides=overrides,
        grid=options.search or "",
        anchors=options.anchors,
        baseline=baseline or "",
        against=against,
        resamples=resamples,
        resampling_seed=seed,
        device=device,
        discard=options.discard,
    )
    outcome = run_suite(request, _say)
    label = unique_labels(names)[names.index(baseline)] if baseline is not None else ""
    table, page = write_suite_report(request, outcome, label, time.monotonic() - begun)
    print(table)
    _say(f"report: {page}")


def _setting(options: SuiteOptions) -> str:
    """The setting asked for, or the one that the other options mean."""
    from anyglot.errors import UserError

    meant = (
        "few-shot" if options.few_shot else "translate-train" if options.translate_train or options.translator else ""
    )
    chosen = _choice("--setting", options.setting, ("zero-shot", "translate-train", "few-shot"))
    if chosen and meant and chosen != meant:
        given = "--few-shot" if options.few_shot else "--translate-train or --translator"
        raise UserError(f"--setting {chosen} and {given} do not fit together; leave one of them out")
    return chosen or meant or "zero-shot"


def _choice(option: str, value: str | None, among: tuple[str, ...]) -> str | None:
    from anyglot.errors import UserError

    if value is not None and value not in among:
        raise UserError(f"{option} is one of {', '.join(among)}; found {value!r}")
    return value


def _seeds(text: str | None) -> tuple[int, ...]:
    from anyglot.errors import UserError

    words = listed(text or "1")
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise UserError(f"--seeds is a list of whole numbers such as 1,2,3; found {text!r}")
    return tuple(map(int, words))


def _overrides(words: list[str]) -> dict[str, str]:
    from anyglot.errors import UserError

    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or not value:
            raise UserError(f"--set takes KEY=VALUE, such as --set learning_rate=1e-5; found {word!r}")
        found[key.strip()] = value.strip()
    return found


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

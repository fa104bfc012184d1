"""`anyglot evaluate tasks`: encoders fine-tuned and scored on understanding tasks."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.console import show
from anyglot.cli.further import key_values, moved
from anyglot.cli.options import (
    AGAINST,
    BASELINE,
    DEVICE,
    ENCODERS_ARGUMENT,
    LANGUAGES,
    MACHINE,
    PRECISION,
    REPORT_FOLDER,
    SCORES,
    SET,
    TASKS,
    TEXT,
    TRAINING,
    listed,
)
from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from anyglot.cli.verb_settings import EvaluateTasksSettings

SUITE = Annotated[
    str | None,
    typer.Option("--suite", help="xtreme, xglue, phrasebook (offline) or more.", metavar="NAME"),
]
DATA = Annotated[
    str | None,
    typer.Option("--data", help="Folder of the tasks' official files, or hub.", metavar="DIR", rich_help_panel=TEXT),
]
SEEDS = Annotated[
    str | None,
    typer.Option("--seeds", help="Train once with each, e.g. 1,2,3; default: 1.", rich_help_panel=TRAINING),
]
PROTOCOL = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="own, xtreme, jiant or xglue; default: the suite's.",
        metavar="NAME",
        rich_help_panel=TRAINING,
    ),
]
SETTING = Annotated[
    str | None,
    typer.Option("--setting", help="zero-shot, translate-train or few-shot.", metavar="NAME", rich_help_panel=TRAINING),
]
ANCHORS = Annotated[
    bool,
    typer.Option("--anchors", help="Score a random encoder and a bag of pieces too.", rich_help_panel=SCORES),
]
DISCARD = Annotated[
    bool,
    typer.Option("--discard-models", help="Delete tuned weights once they are scored.", rich_help_panel=MACHINE),
]


@verb(
    folder="out",
    kept="what was finished is kept in the output folder; the same command goes on",
    settings={"few": "--set few_shot", "translated": "--set translate_train", "selection": "--set select"},
)
@moved("select", "train_language", "translate_train", "translator", "few_shot", "search", "resamples", "seed")
def evaluate_tasks(
    models: ENCODERS_ARGUMENT,
    suite: SUITE = None,
    tasks: TASKS = "",
    languages: LANGUAGES = "",
    data: DATA = None,
    seeds: SEEDS = None,
    protocol: PROTOCOL = None,
    settings: SET = None,
    setting: SETTING = None,
    anchors: ANCHORS = False,
    discard: DISCARD = False,
    out: REPORT_FOLDER = Path("evaluation"),
    baseline: BASELINE = None,
    against: AGAINST = None,
    device: DEVICE = None,
    precision: PRECISION = "auto",
) -> None:
    """Fine-tune and score encoders on understanding tasks.

    Every score has its signature and its bootstrap interval.

    Examples:

        anyglot evaluate tasks runs/tiny/sixt --suite phrasebook --anchors --out understanding

        anyglot evaluate tasks runs/veco runs/xlm --suite xtreme --data xtreme --seeds 1,2,3 --baseline runs/xlm

    Prints the table and writes OUT/report.html, report.md and report.json. What is done is kept in OUT and passed over.
    """
    from anyglot.errors import UserError
    from anyglot.evaluation.finetuning.report import write_suite_report
    from anyglot.evaluation.finetuning.requests import SuiteRequest, canonical
    from anyglot.evaluation.finetuning.suite import run_suite, suite_names
    from anyglot.evaluation.translation.run import unique_labels

    if suite is None and not tasks:
        raise UserError("no task was named; name some with --suite or --tasks (`anyglot list tasks` shows them)")
    begun = time.monotonic()
    names = tuple(models) if baseline is None or baseline in models else (*models, baseline)
    further, chosen = _split(settings)
    if precision != "auto":
        chosen.setdefault("precision", precision)
    request = SuiteRequest(
        models=names,
        tasks=suite_names(suite or "", listed(tasks)),
        suite=suite or "",
        languages=canonical(listed(languages)),
        data=data if data in (None, "hub") else Path(data),
        out=out,
        seeds=_seeds(seeds),
        setting=_setting(setting, further.few_shot, translated=bool(further.translate_train or further.translator)),  # type: ignore[arg-type]
        train_language=canonical((further.train_language,))[0],
        translated=further.translate_train,
        translator=further.translator or "",
        few=further.few_shot or 0,
        selection=_choice("select", further.select, ("english", "mean", "last")),  # type: ignore[arg-type]
        protocol=protocol or "",
        overrides=chosen,
        grid=further.search or "",
        anchors=anchors,
        baseline=baseline or "",
        against=against,
        resamples=further.resamples,
        resampling_seed=further.seed,
        device=device,
        discard=discard,
    )
    outcome = run_suite(request, _say)
    label = unique_labels(names)[names.index(baseline)] if baseline is not None else ""
    table, page = write_suite_report(request, outcome, label, time.monotonic() - begun)
    show(table)
    _say(f"report: {page}")


def _setting(given: str | None, few_shot: int | None, *, translated: bool) -> str:
    """The setting asked for, or the one that the other options mean."""
    from anyglot.errors import UserError

    meant = "few-shot" if few_shot else "translate-train" if translated else ""
    chosen = _choice("--setting", given, ("zero-shot", "translate-train", "few-shot"))
    if chosen and meant and chosen != meant:
        other = "few_shot" if few_shot else "translate_train or translator"
        raise UserError(f"--setting {chosen} and {other} do not fit together; leave one of them out")
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


def _split(words: list[str] | None) -> tuple[EvaluateTasksSettings, dict[str, str]]:
    """The settings of the evaluation, and those of fine-tuning."""
    from anyglot.cli.verb_settings import EvaluateTasksSettings
    from anyglot.evaluation.finetuning.requests import tuning_keys
    from anyglot.runtime.options import read_options, unknown_key

    found = key_values(words)
    own = {key: text for key, text in found.items() if key in EvaluateTasksSettings.model_fields}
    rest = {key: text for key, text in found.items() if key not in own}
    known = tuning_keys()
    for key in rest:
        if key.removeprefix("tuning.") not in known:
            raise unknown_key(key, [*known, *EvaluateTasksSettings.model_fields])
    return read_options(EvaluateTasksSettings, own), rest


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

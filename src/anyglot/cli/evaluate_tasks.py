"""`anyglot evaluate tasks`: encoders fine-tuned and scored on understanding tasks."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from anyglot.cli.trim import listed
from anyglot.cli.verb import verb

MODELS = Annotated[list[str], typer.Argument(help="Model folders or hub names, any encoder.", metavar="MODEL...")]
OUT = Annotated[Path, typer.Option("--out", "-o", help="Folder for tuned models, scores and the report.")]
BASELINE = Annotated[str | None, typer.Option("--baseline", help="A model to compare with, paired.", metavar="MODEL")]
AGAINST = Annotated[
    Path | None, typer.Option("--against", help="The folder of another evaluation to compare with.", metavar="PATH")
]
RESAMPLES = Annotated[int, typer.Option("--resamples", min=0, max=100_000, help="Bootstrap resamples; 0: none.")]
SEED = Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")]
DEVICE = Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1; default: a GPU if any.")]
PRECISION = Annotated[str, typer.Option("--precision", help="auto, fast, fp32, bf16, int8 or fp16.")]
SUITE = Annotated[
    str | None,
    typer.Option("--suite", help="xtreme, xglue, phrasebook (offline) or more.", metavar="NAME"),
]
TASKS = Annotated[
    str | None,
    typer.Option("--tasks", help="Only these tasks, e.g. xnli,udpos; without --suite any."),
]
LANGUAGES = Annotated[
    str | None,
    typer.Option("--languages", "-l", help="Test languages, e.g. de,zh; default: all."),
]
DATA = Annotated[
    str | None,
    typer.Option("--data", help="Folder of the tasks' official files, or hub.", metavar="DIR"),
]
SEEDS = Annotated[
    str | None,
    typer.Option("--seeds", help="Train once with each, e.g. 1,2,3; default: 1."),
]
PROTOCOL = Annotated[
    str | None,
    typer.Option("--protocol", help="own, xtreme, jiant or xglue; default: the suite's.", metavar="NAME"),
]
SET = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of fine-tuning: learning_rate=1e-5; repeatable.", metavar="K=V"),
]
SELECT = Annotated[
    str | None,
    typer.Option("--select", help="Epoch kept: english, mean (of all dev sets) or last.", metavar="NAME"),
]
TRAIN_LANGUAGE = Annotated[
    str | None,
    typer.Option("--train-language", help="Train on this one; default: en.", metavar="CODE"),
]
SETTING = Annotated[
    str | None,
    typer.Option("--setting", help="zero-shot, translate-train or few-shot.", metavar="NAME"),
]
TRANSLATE_TRAIN = Annotated[
    Path | None,
    typer.Option("--translate-train", help="Folder of translated training files.", metavar="DIR"),
]
TRANSLATOR = Annotated[
    str | None,
    typer.Option("--translator", help="A model that translates the training set.", metavar="MODEL"),
]
FEW_SHOT = Annotated[
    int | None,
    typer.Option("--few-shot", min=1, help="Add N examples of each test language.", metavar="N"),
]
SEARCH = Annotated[
    str | None,
    typer.Option(
        "--search",
        help="Search a grid by dev score: veco, veco-translate, tiny.",
        metavar="GRID",
    ),
]
ANCHORS = Annotated[
    bool,
    typer.Option("--anchors", help="Score a random encoder and a bag of pieces too."),
]
DISCARD = Annotated[
    bool,
    typer.Option("--discard-models", help="Delete tuned weights once they are scored."),
]


@verb(
    folder="out",
    kept="what was finished is kept in the output folder; the same command goes on",
    settings={"few": "--few-shot", "translated": "--translate-train", "selection": "--select"},
)
def evaluate_tasks(
    models: MODELS,
    suite: SUITE = None,
    tasks: TASKS = None,
    languages: LANGUAGES = None,
    data: DATA = None,
    seeds: SEEDS = None,
    protocol: PROTOCOL = None,
    overrides: SET = None,
    select: SELECT = None,
    train_language: TRAIN_LANGUAGE = None,
    setting: SETTING = None,
    translate_train: TRANSLATE_TRAIN = None,
    translator: TRANSLATOR = None,
    few_shot: FEW_SHOT = None,
    search: SEARCH = None,
    anchors: ANCHORS = False,
    discard: DISCARD = False,
    out: OUT = Path("evaluation"),
    baseline: BASELINE = None,
    against: AGAINST = None,
    resamples: RESAMPLES = 1000,
    seed: SEED = 12345,
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

    if suite is None and tasks is None:
        raise UserError("no task was named; name some with --suite or --tasks (`anyglot list tasks` shows them)")
    begun = time.monotonic()
    names = tuple(models) if baseline is None or baseline in models else (*models, baseline)
    chosen = _overrides(overrides or [])
    if precision != "auto":
        chosen.setdefault("precision", precision)
    request = SuiteRequest(
        models=names,
        tasks=suite_names(suite or "", listed(tasks or "")),
        suite=suite or "",
        languages=canonical(listed(languages or "")),
        data=data if data in (None, "hub") else Path(data),
        out=out,
        seeds=_seeds(seeds),
        setting=_setting(setting, few_shot, translated=bool(translate_train or translator)),  # type: ignore[arg-type]
        train_language=canonical((train_language or "en",))[0],
        translated=translate_train,
        translator=translator or "",
        few=few_shot or 0,
        selection=_choice("--select", select, ("english", "mean", "last")),  # type: ignore[arg-type]
        protocol=protocol or "",
        overrides=chosen,
        grid=search or "",
        anchors=anchors,
        baseline=baseline or "",
        against=against,
        resamples=resamples,
        resampling_seed=seed,
        device=device,
        discard=discard,
    )
    outcome = run_suite(request, _say)
    label = unique_labels(names)[names.index(baseline)] if baseline is not None else ""
    table, page = write_suite_report(request, outcome, label, time.monotonic() - begun)
    print(table)
    _say(f"report: {page}")


def _setting(given: str | None, few_shot: int | None, *, translated: bool) -> str:
    """The setting asked for, or the one that the other options mean."""
    from anyglot.errors import UserError

    meant = "few-shot" if few_shot else "translate-train" if translated else ""
    chosen = _choice("--setting", given, ("zero-shot", "translate-train", "few-shot"))
    if chosen and meant and chosen != meant:
        other = "--few-shot" if few_shot else "--translate-train or --translator"
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

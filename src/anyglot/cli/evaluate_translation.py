"""`anyglot evaluate translation`: score translators over test sets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyglot.cli.console import show
from anyglot.cli.further import moved, read_search
from anyglot.cli.options import AGAINST, BASELINE, BEAM, DEVICE, PRECISION, REPORT_FOLDER, SCORES, SEARCH, SET, TEXT
from anyglot.cli.verb import verb

if TYPE_CHECKING:
    from anyglot.evaluation.translation.scoring import Learned
    from anyglot.evaluation.translation.table import TestSet
    from anyglot.text.identification import Identifier

MODELS = Annotated[list[str], typer.Argument(help="Model folders (finished runs) or hub names.", metavar="MODEL...")]
TESTS = Annotated[
    Path | None, typer.Option("--tests", help="YAML table of test sets; see docs/evaluate.md.", rich_help_panel=TEXT)
]
SOURCE = Annotated[
    str | None, typer.Option("--source", "-s", help="Language of --input, e.g. de.", rich_help_panel=TEXT)
]
TARGET = Annotated[
    str | None, typer.Option("--target", "-t", help="Language of --reference, e.g. en.", rich_help_panel=TEXT)
]
INPUT = Annotated[
    Path | None, typer.Option("--input", "-i", help="Sentences to translate, one a line.", rich_help_panel=TEXT)
]
REFERENCE = Annotated[
    Path | None, typer.Option("--reference", "-r", help="Their translations, one a line.", rich_help_panel=TEXT)
]
DECODER = Annotated[
    str | None,
    typer.Option(
        "--decoder",
        help="beam, greedy (faster, somewhat worse), or ctc; each model's own default if left out.",
        metavar="NAME",
        rich_help_panel=SEARCH,
    ),
]
METRICS = Annotated[
    str, typer.Option("--metrics", help="Of BLEU, chrF, chrF++; comma-separated.", rich_help_panel=SCORES)
]
OFF_TARGET = Annotated[
    bool,
    typer.Option(
        "--off-target", help="Count translations in a wrong language (needs the extra [lid]).", rich_help_panel=SCORES
    ),
]


@verb(folder="out", kept="what was finished is kept in the output folder; the same command goes on")
@moved(
    "decoder.rounds",
    "decoder.length_penalty",
    "max_length",
    "max_source_length",
    "overlong",
    "tokenizer",
    "resamples",
    "seed",
    "samples",
    "candidates",
    "comet",
    "comet_model",
    switches=("latency",),
)
def evaluate_translation(
    models: MODELS,
    tests: TESTS = None,
    source: SOURCE = None,
    target: TARGET = None,
    input_path: INPUT = None,
    reference: REFERENCE = None,
    out: REPORT_FOLDER = Path("evaluation"),
    baseline: BASELINE = None,
    against: AGAINST = None,
    beam: BEAM = None,
    decoder: DECODER = None,
    settings: SET = None,
    metrics: METRICS = "BLEU,chrF++",
    off_target: OFF_TARGET = False,
    device: DEVICE = None,
    precision: PRECISION = "auto",
) -> None:
    """Score translators with BLEU and chrF++.

    Every score has its signature and its bootstrap interval; supervised and zero-shot stand apart.

    Examples:

        anyglot evaluate translation runs/demo/sixt --tests runs/demo/text/tests.yaml --baseline runs/demo/transformer

        anyglot evaluate translation runs/mine -s de -t en -i test.de -r test.en

        anyglot evaluate translation runs/new --tests tests.yaml --against old-scores --out scores --off-target

        anyglot evaluate translation runs/sga runs/transformer --tests tests.yaml --set latency=true

    Prints the table and writes OUT/report.html, report.md and report.json. Hypotheses are kept in OUT/hypotheses and
    used again when the same model would translate the same lines.
    """
    from anyglot.cli.verb_settings import EvaluateTranslationSettings
    from anyglot.errors import UserError
    from anyglot.evaluation.translation.existing import Earlier, find_earlier
    from anyglot.evaluation.translation.metrics import metric_names
    from anyglot.evaluation.translation.opening import opener
    from anyglot.evaluation.translation.report_builder import Request, run
    from anyglot.evaluation.translation.run import unique_labels
    from anyglot.evaluation.translation.scoring import Scoring
    from anyglot.inference.translation import SearchSettings
    from anyglot.inference.translation.loading import check_translator

    further, search = read_search(EvaluateTranslationSettings, settings, decoder, beam, among=("beam", "greedy", "ctc"))
    searching = SearchSettings(
        max_length=further.max_length,
        max_source_length=further.max_source_length,
        overlong=further.overlong,
        **search,
    )
    names = [*models, *([baseline] if baseline is not None and baseline not in models else [])]
    if baseline is not None and against is not None:
        raise UserError("--baseline and --against were both given; compare with a model or with translations, not both")
    others = [] if against is None else [find_earlier(against)]
    labels = unique_labels([*names, *map(str, others)])
    earlier = Earlier(labels[-1], others[0]) if others else None
    labels = labels[: len(names)]
    if not metrics.replace(",", "").strip():
        raise UserError("--metrics names no metric; name some of BLEU, chrF, chrF++, or leave it out")
    chosen = metric_names([name.strip() for name in metrics.split(",") if name.strip()])
    request = Request(
        systems={
            label: opener(name, label, searching, device, precision, _say)
            for name, label in zip(names, labels, strict=True)
        },
        folders={label: Path(name) for name, label in zip(names, labels, strict=True)},
        tests=_tests(tests, source, target, input_path, reference),
        out=out,
        scoring=Scoring(chosen, further.tokenizer, further.resamples, further.seed),
        baseline=earlier.label if earlier else None if baseline is None else labels[names.index(baseline)],
        samples=further.samples,
        earlier=earlier,
        learned=_learned(further.comet, further.comet_model),
        identifier=_identifier(off_target, further.candidates),
        latency=further.latency,
    )
    for name in names:
        check_translator(name)  # one after the other is opened, the baseline last: hours would be lost by then
    show(run(request, _say))


def _tests(
    tests: Path | None, source: str | None, target: str | None, input_path: Path | None, reference: Path | None
) -> tuple[TestSet, ...]:
    """The table of the user's, or the one test set given by options."""
    from anyglot.errors import UserError
    from anyglot.evaluation.translation.table import parse_tests, read_tests

    single = {"--source": source, "--target": target, "--input": input_path, "--reference": reference}
    given = [name for name, value in single.items() if value is not None]
    if tests is not None:
        if given:
            raise UserError(f"--tests was given together with {', '.join(given)}; use either a table or one test set")
        return read_tests(tests)
    missing = [name for name, value in single.items() if value is None]
    if missing:
        raise UserError(f"{', '.join(missing)} is missing; give --tests FILE, or all of {', '.join(single)}")
    entry = {"source": source, "target": target, "files": [str(input_path), str(reference)]}
    return parse_tests([entry], folder=Path(), where="the test set")


def _learned(comet: Path | None, model: str | None) -> Learned | None:
    """COMET's statistics, if its interpreter was given."""
    from anyglot.errors import UserError
    from anyglot.evaluation.translation.comet import MODEL, Comet

    if comet is None:
        if model is not None:
            raise UserError("comet_model was given without comet; name the interpreter of COMET's environment too")
        return None
    scorer = Comet(comet, model or MODEL)
    _say(f"looking for COMET and its model {scorer.model}")
    scorer.check()
    return scorer.statistics


def _identifier(off_target: bool, candidates: str | None) -> Identifier | None:
    """The language identifier, if the off-target rate was asked for."""
    from anyglot.errors import UserError
    from anyglot.text.identification import Identifier

    if not off_target:
        if candidates is not None:
            raise UserError("candidates was given without --off-target; add it, or leave the candidates out")
        return None
    return Identifier([code.strip() for code in (candidates or "").split(",") if code.strip()])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""Run the demo: text, encoder, SixT+ beside a Transformer from scratch, evaluation, report."""

from __future__ import annotations

import json
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anyglot.data.corpus import ParallelSource
from anyglot.demonstration.text import Course, write_text
from anyglot.errors import UserError
from anyglot.evaluation.contents import Report, Table
from anyglot.evaluation.curves import curves_from_metrics
from anyglot.evaluation.provenance import provenance
from anyglot.evaluation.report import write_report
from anyglot.evaluation.results import KINDS, Result, kind_of, mean_of, score_bars, score_table
from anyglot.evaluation.running import Evaluation, System, evaluate
from anyglot.evaluation.scoring import Scoring
from anyglot.evaluation.table import TestSet
from anyglot.recipe.load import load_recipe
from anyglot.recipe.run import run_recipe
from anyglot.translator import Translator

SIXT, SCRATCH = "SixT+", "from scratch"
MARKER = "demo.json"
SAMPLES = 10


@dataclass
class Clock:
    """Seconds spent on each leg."""

    say: Callable[[str], None]
    begun: float = field(default_factory=time.monotonic)
    legs: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def leg(self, name: str) -> Iterator[None]:
        """Time a leg and tell of it."""
        started = time.monotonic()
        self.say(f"[{started - self.begun:3.0f} s] {name}")
        yield
        self.legs[name] = round(time.monotonic() - started, 1)

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.begun, 1)


@dataclass(frozen=True)
class Outcome:
    """What the demo found."""

    table: Table
    evaluation: Evaluation
    summary: dict[str, Any]
    page: Path
    translator: Path


def run_demo(
    out: Path,
    *,
    seed: int,
    course: Course,
    say: Callable[[str], None],
    overrides: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Outcome:
    """Everything from nothing into `out`: text/, encoder/, sixt/, transformer/, report.html, summary.json.

    An earlier demo in `out` is replaced; a folder with anything else in it is refused.

    Args:
        overrides: Recipe name -> overrides as `anyglot train` takes them.

    Raises:
        UserError: The folder is taken or cannot be written.
    """
    _claim(out)
    clock = Clock(say)
    text = out / "text"
    pairs = [
        f"data.train={_parallel(course, text, 'train')}",
        f"data.validation={_parallel(course, text, 'validation')}",
    ]

    def train(recipe: str, folder: str, *settings: str) -> None:
        chosen = [f"seed={seed}", f"data.cache={out / 'cache'}", *settings, *overrides.get(recipe, ())]
        run_recipe(load_recipe(recipe, chosen), out / folder, command=f"anyglot demo --seed {seed}")

    with clock.leg(f"writing text in {len(course.languages)} languages"):
        write_text(course, text, seed)
    with clock.leg("pretraining an encoder on monolingual text of all of them"):
        train("tiny/masked_language", "encoder", f"data.train={_monolingual(course, text)}")
    with clock.leg(f"SixT+ from {_listed(course.supervised)} into {course.target}"):
        train("tiny/sixt", "sixt", f"method.start={out / 'encoder'}", *pairs)
    with clock.leg("the same network from scratch, for comparison"):
        train("tiny/transformer", "transformer", f"tokenizer={out / 'encoder'}", *pairs)
    with clock.leg("translating the test sentences"):
        evaluation = _evaluate(out, course, text, seed)
    summary = _summary(evaluation.results, clock, seed)
    table = score_table(evaluation.results, ("BLEU", "chrF"), "Translation into English")
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    files = write_report(out, _report(out, course, evaluation, table, clock, seed))
    return Outcome(table, evaluation, summary, files.html, out / "sixt")


def _claim(out: Path) -> None:
    """Empty the folder of an earlier demo, or refuse one that holds something else."""
    try:
        if out.exists() and any(out.iterdir()):
            if not (out / MARKER).is_file():
                raise UserError(f"{out} exists and holds no demo; name another folder with --out.")
            shutil.rmtree(out)
        out.mkdir(parents=True, exist_ok=True)
        (out / MARKER).write_text('{"made by": "anyglot demo; the next one replaces this folder"}\n', encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from error


def _monolingual(course: Course, text: Path) -> str:
    return json.dumps([{"language": code, "file": str(text / f"mono.{code}.txt")} for code in course.languages])


def _parallel(course: Course, text: Path, split: str) -> str:
    target = course.target
    return json.dumps(
        [
            {
                "source": code,
                "target": target,
                "files": [str(text / f"{split}.{code}-{target}.{side}") for side in (code, target)],
            }
            for code in course.supervised
        ]
    )


def _evaluate(out: Path, course: Course, text: Path, seed: int) -> Evaluation:
    tests = tuple(
        TestSet(
            name=f"{code}-{course.target}",
            pairs=ParallelSource(
                source=code,
                target=course.target,
                files=(str(text / f"test.{code}.txt"), str(text / f"test.{course.target}.txt")),
            ),
        )
        for code in course.sources
    )
    systems = {
        SIXT: lambda: _system(SIXT, out / "sixt", course),
        SCRATCH: lambda: _system(SCRATCH, out / "transformer", course),
    }
    scoring = Scoring(metrics=("BLEU", "chrF"), seed=seed)
    return evaluate(systems, tests, out, scoring=scoring, baseline=SCRATCH, samples=SAMPLES)


def _system(label: str, folder: Path, course: Course) -> System:
    translator = Translator.from_pretrained(folder)

    def translate(texts: list[str], source: str, target: str) -> list[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that a language is zero-shot is what the demo is about
            return translator.translate(texts, source=source, target=target, beam=4)

    return System(
        label=label,
        made_from={"model": translator.identity, "beam": 4},
        check=lambda source, target: None,
        kind=lambda source, target: kind_of(source, target, [(code, course.target) for code in course.supervised]),
        translate=translate,
    )


def _summary(results: Sequence[Result], clock: Clock, seed: int) -> dict[str, Any]:
    """What `summary.json` holds: per language and the means, under who translated what."""
    groups = {"supervised": (SIXT, "supervised"), "zero_shot": (SIXT, "zero-shot")}
    groups |= {"scratch_supervised": (SCRATCH, "supervised"), "scratch_zero_shot": (SCRATCH, "zero-shot")}
    summary: dict[str, Any] = {"seconds": clock.seconds, "seed": seed, "legs": clock.legs, "means": {}}
    for group, (model, kind) in groups.items():
        chosen = [result for result in results if result.model == model and result.kind == kind]
        summary[group] = {
            result.source: {
                "bleu": round(result.scores["BLEU"].value, 2),
                "chrf": round(result.scores["chrF"].value, 2),
            }
            for result in chosen
        }
        summary["means"][group] = {
            "bleu": round(_mean(chosen, model, "BLEU"), 2),
            "chrf": round(_mean(chosen, model, "chrF"), 2),
        }
    return summary


def _mean(results: Sequence[Result], model: str, metric: Any) -> float:
    value = mean_of(results, model, metric)
    assert value is not None  # every group has a language
    return value


def _report(out: Path, course: Course, evaluation: Evaluation, table: Table, clock: Clock, seed: int) -> Report:
    facts = provenance(seed=seed, data_hash=evaluation.data_hash, seconds=clock.seconds).facts()
    facts |= {f"Seconds: {name}": f"{seconds:.0f}" for name, seconds in clock.legs.items()}
    means = {
        (model, kind): mean_of(evaluation.results, model, "BLEU", kind) for model in (SIXT, SCRATCH) for kind in KINDS
    }
    return Report(
        title="A translator of languages it has no parallel text for",
        summary=(
            f"An encoder was pretrained from scratch on monolingual phrasebook text of {len(course.languages)} "
            f"languages, {course.monolingual:,} sentences each, no two languages with the same sentences. SixT+ then "
            f"learned to translate {_listed(course.supervised)} into English from {course.pairs:,} pairs each.",
            f"{_listed(course.zero_shot)} never had a parallel sentence: mean BLEU {means[SIXT, 'zero-shot']:.1f}, "
            f"against {means[SCRATCH, 'zero-shot']:.1f} of the same network trained from scratch on the same pairs "
            f"with as many updates (supervised: {means[SIXT, 'supervised']:.1f} and "
            f"{means[SCRATCH, 'supervised']:.1f}).",
            "Test meanings occur in no training text of any language. The encoder saw monolingual text only; no "
            "bilingual text was used in pretraining.",
        ),
        tables=(table,),
        bars=(score_bars(evaluation.results, "BLEU", SCRATCH),),
        curves=tuple(
            replace(curve, title=f"{label}: {curve.title}")
            for label, folder in (("Encoder", "encoder"), (SIXT, "sixt"), ("From scratch", "transformer"))
            for curve in curves_from_metrics(out / folder / "metrics.jsonl")
        ),
        samples=evaluation.samples,
        facts=facts,
    )


def _listed(codes: Sequence[str]) -> str:
    return ", ".join(codes[:-1]) + f" and {codes[-1]}" if len(codes) > 1 else codes[0]

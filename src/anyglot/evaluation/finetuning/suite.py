"""A suite from a request to its results: every task, system and seed, one after the other."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from anyglot.errors import UserError
from anyglot.evaluation.finetuning import retrieving
from anyglot.evaluation.finetuning.candidates import System, open_systems
from anyglot.evaluation.finetuning.requests import SuiteRequest, check_request, chosen_languages, settle
from anyglot.evaluation.finetuning.results import SeedResult, key_of, read_result, write_result
from anyglot.evaluation.finetuning.retrieving import METRIC, RETRIEVAL
from anyglot.evaluation.finetuning.runs import Unit, run_unit, train_unit
from anyglot.evaluation.finetuning.search import Trial, best, chosen_score, grid_named, search
from anyglot.evaluation.finetuning.sources import LabelledSizes, TaskSources, data_folder, open_sources
from anyglot.evaluation.finetuning.training_sets import mix
from anyglot.evaluation.finetuning.translated import Translate, Translated, given, made, refuse_places
from anyglot.evaluation.tasks.catalogue import SUITES, suite_tasks, task_named
from anyglot.evaluation.tasks.task import Task
from anyglot.inference.translation import Translator
from anyglot.reporting.provenance import commit, machine
from anyglot.runtime.files import write_text
from anyglot.runtime.locks import held
from anyglot.runtime.untrusted_files import DAMAGE, number, read_json

Say = Callable[[str], None]
Results = tuple[tuple[SeedResult, Path], ...]
"""A system's results on a task, one a seed, each with its folder."""
BEAM = 4
_NO_SEED = 0


@dataclass(frozen=True)
class Outcome:
    """What a suite found.

    Attributes:
        tasks: By name, those with results, in the suite's order.
        systems: Labels in order.
        results: (system, task) to a result for each seed, with its folder.
        left_out: Task to why it has no results.
        holes: (system, task) to why this system has no result of a task that others have.
        searches: (system, task) to what was tried.
        faults: Task to sentences about rows left out.
        kept: How many results were there before.
    """

    tasks: Mapping[str, Task]
    systems: tuple[str, ...]
    results: Mapping[tuple[str, str], tuple[tuple[SeedResult, Path], ...]]
    left_out: Mapping[str, str]
    searches: Mapping[tuple[str, str], tuple[Trial, ...]]
    faults: Mapping[str, tuple[str, ...]]
    kept: int
    holes: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass
class Progress:
    """Says which unit is being made, and how long the rest will take."""

    total: int
    say: Say
    done: int = 0
    made: int = 0
    begun: float = field(default_factory=time.monotonic)

    def begin(self, what: str) -> None:
        """Tell of the next unit."""
        left = ""
        if self.made:
            seconds = (time.monotonic() - self.begun) / self.made * (self.total - self.done)
            left = (
                f"; about {seconds / 60:.0f} minutes left" if seconds >= 90 else f"; about {seconds:.0f} seconds left"
            )
        self.say(f"[{self.done + 1} of {self.total}] {what}{left}")

    def end(self, kept: bool) -> None:
        """Count it. What was there before says nothing of how long the others take."""
        self.done += 1
        if kept and not self.made:
            self.begun = time.monotonic()
        self.made += not kept


@dataclass(frozen=True)
class _Plan:
    """One task of a suite, ready to be trained."""

    task: Task
    sources: TaskSources
    languages: tuple[str, ...]


@dataclass
class _Found:
    """Results as they come, and why there is none where there is none; as in `Outcome`."""

    say: Say
    left_out: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    results: dict[tuple[str, str], Results] = field(default_factory=dict)
    holes: dict[tuple[str, str], str] = field(default_factory=dict)

    def score(self, task: Task, systems: Sequence[System], make: Callable[[System], Results]) -> None:
        """What one system cannot do leaves a hole in its own row; what none can do is left out."""
        why: dict[str, str] = {}
        for system in systems:
            try:
                self.results[system.label, task.name] = make(system)
            except UserError as error:
                why[system.label] = str(error)
                self.say(f"{system.label}: {task.name} is left out: {error}")
        if len(why) < len(systems):
            self.tasks[task.name] = task
            self.holes |= {(label, task.name): told for label, told in why.items()}
        else:
            self.leave_out(task.name, next(iter(why.values()), "no model is scored on it"))

    def leave_out(self, name: str, why: str) -> None:
        """No system has a result of this task."""
        self.left_out[name] = why
        self.say(f"{name} is left out: {why}")


def run_suite(request: SuiteRequest, say: Say) -> Outcome:
    """Train and score what is needed; a task that cannot be is told and left out, the others go on.

    Raises:
        UserError: What was asked for does not fit together, a model cannot be opened, or no task is left.
        Stopped: SIGTERM or SIGINT came; the state is saved.
    """
    with held(request.out):
        return _run_all(request, say)


def _run_all(request: SuiteRequest, say: Say) -> Outcome:
    check_request(request)
    names = tuple(name for name in request.tasks if name not in RETRIEVAL)
    tasks = {task.name: task for task in tasks_of(request.suite, names)}
    for task in tasks.values():
        settle(request, task, request.seeds[0])
    if request.grid:
        grid_named(request.grid)
    folder = data_folder(request.suite, request.tasks, request.data, say)
    if request.data is None:  # just written, and in these languages only: no other one is missing
        tasks = {name: replace(task, languages=LabelledSizes().languages) for name, task in tasks.items()}
    found = _Found(say)
    plans = list(_plans(request, tasks, folder, found))
    systems = open_systems(request.models, anchors=request.anchors, out=request.out, seed=request.seeds[0], say=say)
    retrieving = [name for name in request.tasks if name in RETRIEVAL]
    units = sum(len(_seeds(request, system)) for _ in plans for system in systems)
    encoders = [system for system in systems if system.kind != "bag"]
    progress = Progress(units + len(retrieving) * len(encoders), say)
    searches: dict[tuple[str, str], tuple[Trial, ...]] = {}
    faults: dict[str, tuple[str, ...]] = {}
    for plan in plans:
        found.score(plan.task, systems, partial(_run, request, plan, progress=progress, searches=searches))
        faults[plan.task.name] = plan.sources.faults.say()
        for sentence in faults[plan.task.name]:
            say(sentence)
    for name in retrieving:
        task = Task(name, name, "ranking", (), (), (METRIC[name],))
        found.score(task, encoders, partial(_retrieve, request, name, data=folder, progress=progress))
    if not found.tasks:
        told = "; ".join(f"{name}: {why}" for name, why in found.left_out.items())
        raise UserError(f"no task could be scored; {told}")
    return Outcome(
        tasks=found.tasks,
        systems=tuple(system.label for system in systems),
        results=found.results,
        left_out=found.left_out,
        searches=searches,
        faults={name: told for name, told in faults.items() if told},
        kept=progress.done - progress.made,
        holes=found.holes,
    )


def tasks_of(suite: str, names: tuple[str, ...]) -> tuple[Task, ...]:
    """The tasks of a suite in its languages, or tasks named one by one.

    Raises:
        UserError: There is no such suite or task.
    """
    if suite:
        return suite_tasks(suite, names) if names else ()
    return tuple(task_named(name) for name in names)


def suite_names(suite: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of what is asked for, XTREME's retrieval included.

    Raises:
        UserError: There is no such suite or task.
    """
    further = RETRIEVAL if suite == "xtreme" else ()
    if suite and not names:
        suite_tasks(suite)
        return (*SUITES[suite], *further)
    chosen = tuple(name for name in names if name not in further)
    tasks_of(suite, chosen)
    return (*chosen, *(name for name in names if name in further))


def _plans(request: SuiteRequest, tasks: Mapping[str, Task], folder: Path | str, found: _Found) -> Iterator[_Plan]:
    for task in tasks.values():
        try:
            sources = open_sources(task, folder)
            there = sources.data.languages("test", official=not request.languages)
            languages = chosen_languages(task, request.languages, there)
            if not languages:
                wanted = ", ".join(request.languages or task.languages)
                raise UserError(f"there is no test set of {task.name} in {wanted}")
            for code in request.languages:
                if code not in languages:
                    found.say(f"{task.name} has no test set in {code}")
            yield _Plan(sources.task, sources, languages)
        except UserError as error:
            found.leave_out(task.name, str(error))


def _seeds(request: SuiteRequest, system: System) -> tuple[int, ...]:
    # A bag of pieces starts from zeros: another seed only orders the examples anew.
    return request.seeds[:1] if system.kind == "bag" else request.seeds


def _run(
    request: SuiteRequest,
    plan: _Plan,
    system: System,
    progress: Progress,
    searches: dict[tuple[str, str], tuple[Trial, ...]],
) -> Results:
    """All seeds of a system on a task; with a grid the settings are searched with the first one."""
    searched: Trial | None = None
    found: list[tuple[SeedResult, Path]] = []
    for seed in _seeds(request, system):
        progress.begin(f"{system.label}: {plan.task.name}, seed {seed}")
        unit = _unit(request, plan, system, seed, progress.say)
        if request.grid and system.kind != "bag":
            if searched is None:
                trials = _search(request, unit, progress.say)
                searches[system.label, plan.task.name] = trials
                searched = best(trials)
            unit = replace(unit, settings=replace(unit.settings, protocol=searched.of(unit.settings.protocol)))
        result, kept = run_unit(unit, progress.say)
        progress.end(kept)
        progress.say(f"  {told(result, plan.task)}{' (kept from before)' if kept else ''}")
        found.append((result, unit.folder))
    return tuple(found)


def told(result: SeedResult, task: Task) -> str:
    """A result in a line: the first metric in each language."""
    scores = [f"{code} {next(iter(part.scores[task.metric].values())):.1f}" for code, part in result.languages.items()]
    unscored = f"; predictions without labels: {', '.join(result.unscored)}" if result.unscored else ""
    missing = f"; no token for {', '.join(result.missing)}" if result.missing else ""
    return f"{task.metric}: {'  '.join(scores) or 'nothing was scored'}{unscored}{missing}"


def _unit(request: SuiteRequest, plan: _Plan, system: System, seed: int, say: Say) -> Unit:
    protocol, settings = settle(request, plan.task, seed)
    mixture = mix(
        plan.sources,
        plan.languages,
        train_language=request.train_language,
        selection=settings.select,
        few=request.few,
        seed=seed,
        translated=_translated(request, plan, say),
    )
    return Unit(
        system=system,
        sources=plan.sources,
        languages=plan.languages,
        mixture=mixture,
        protocol=protocol,
        settings=replace(settings, select=mixture.selection),
        out=request.out,
        resamples=request.resamples,
        resampling_seed=request.resampling_seed,
        told={"Setting": request.setting, "Train language": request.train_language},
        device=request.device,
        discard=request.discard,
    )


def _translated(request: SuiteRequest, plan: _Plan, say: Say) -> Translated | None:
    if request.setting != "translate-train":
        return None
    sources, source = plan.sources, request.train_language
    targets = tuple(code for code in plan.languages if code != source)
    if request.translated is not None:
        return given(sources.trained, request.translated, targets, sources.faults)
    if not sources.data.has("train", source):
        return None  # mix says so
    refuse_places(sources.trained)
    translate, identity = _open_translator(request.translator, source)
    return made(
        sources.trained,
        lambda: sources.data.examples("train", source),
        sources.data.hash("train", source),
        targets,
        request.out / "translated" / sources.trained.name,
        identity,
        translate,
        say,
    )


@cache
def _open_translator(name: str, source: str) -> tuple[Translate, str]:
    """The translator, opened once for all tasks, and what stands for it in keys."""
    translator = Translator.from_pretrained(name)

    def translate(texts: list[str], target: str) -> list[str]:
        return translator.translate(texts, source=source, target=target, beam=BEAM)

    return translate, f"{Path(name).name}, beam {BEAM}\n{translator.identity}"


def _search(request: SuiteRequest, unit: Unit, say: Say) -> tuple[Trial, ...]:
    """Every point of the grid, trained once and remembered by its dev score; the weights are not kept."""
    if not unit.mixture.dev:
        raise UserError(
            f"{unit.task.name} has no dev set to search by, or select=last leaves it out; search a task that "
            "has one, with select=english or mean"
        )
    root = unit.folder.parent / "search"

    def dev_score(settings: object) -> float:
        tried = replace(unit, settings=settings)  # type: ignore[arg-type]
        protocol = tried.settings.protocol
        name = f"rate-{protocol.learning_rate:g}-epochs-{protocol.epochs}-batch-{protocol.batch}"
        path, key = root / f"{name}.json", key_of(tried.training)
        known = known_score(path, key)
        if known is not None:
            return known
        say(f"  search: {name}")
        tuned = train_unit(tried, root / name, tried.settings, say)
        score = chosen_score(tuned.scores, tuned.epoch)
        write_text(path, json.dumps({"key": key, "score": score, "epoch": tuned.epoch}) + "\n")
        shutil.rmtree(root / name, ignore_errors=True)
        return score

    return search(grid_named(request.grid), unit.settings, dev_score)


def known_score(path: Path, key: str) -> float | None:
    """The dev score that a point of the grid reached, if it was trained under this key."""
    try:
        found = read_json(path, finite=False)
        return number(found["score"]) if found["key"] == key else None
    except (FileNotFoundError, UserError, *DAMAGE):
        return None


def _retrieve(request: SuiteRequest, name: str, system: System, data: Path | str, progress: Progress) -> Results:
    """A retrieval task: nothing is trained, so there is one result for all seeds."""
    progress.begin(f"{system.label}: {name}")
    folder = request.out / system.folder / name / "pretrained"
    protocol = request.protocol or "xtreme"
    texts = retrieving.read_retrieval(name, data, request.languages, progress.say)
    made_from = {
        "weights": system.weights,
        "scored": name,
        "protocol": protocol,
        "test": retrieving.hashes(texts),
        "resampling": [request.resampling_seed, request.resamples],
        **({"threshold": retrieving.rules_of(name, protocol).tuning} if name == "bucc" else {}),
    }
    known = read_result(folder, key_of(made_from))
    if known is None:
        found = retrieving.score_retrieval(
            name,
            system,
            texts,
            protocol=protocol,
            resamples=request.resamples,
            seed=request.resampling_seed,
            device=request.device,
            say=progress.say,
        )
        facts = {"signature": found.signature, "commit": commit(), "machine": asdict(machine())}
        facts |= {"thresholds": found.thresholds} if found.thresholds else {}
        result = SeedResult(system.label, name, _NO_SEED, made_from, found.scores, missing=found.missing, facts=facts)
        write_result(folder, result, found.sums)
    progress.end(known is not None)
    return ((known or result, folder),)

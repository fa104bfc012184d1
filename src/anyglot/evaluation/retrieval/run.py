"""A retrieval test from a request to its report, one model in memory at a time."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.evaluation.retrieval import bucc_report, tatoeba_report
from anyglot.evaluation.retrieval.bucc import Split
from anyglot.evaluation.retrieval.bucc_report import BuccResult
from anyglot.evaluation.retrieval.margin import Margin
from anyglot.evaluation.retrieval.protocol import RetrievalProtocol
from anyglot.evaluation.retrieval.sweep import LanguageResult, ModelResult, score_language, shared_languages
from anyglot.evaluation.retrieval.system import System
from anyglot.evaluation.retrieval.tatoeba import LanguageFiles, SentencePairs, read_pairs
from anyglot.evaluation.retrieval.tuning import Outcome, from_other, mine_split, oracle, outcomes_of
from anyglot.reporting.elements import Report
from anyglot.reporting.markdown import markdown_table
from anyglot.reporting.provenance import provenance
from anyglot.reporting.report import write_report
from anyglot.runtime.files import write_text
from anyglot.text.encoder_templates import MissingToken

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to score.

    Attributes:
        systems: By label: opens the model.
        protocol: How.
        scaled: Take the protocol's layer at the same relative depth of a model of another depth.
        out: Folder of the report.
        seed: Of the halves.
        resamples: Of the bootstrap.
        facts: Further settings to tell.
    """

    systems: Mapping[str, Callable[[], System]]
    protocol: RetrievalProtocol
    scaled: bool
    out: Path
    seed: int
    resamples: int
    facts: Mapping[str, str]

    def protocol_for(self, system: System) -> RetrievalProtocol:
        """Return the protocol for a model, its precision included.

        Raises:
            UserError: The model has no such layer.
        """
        protocol = self.protocol.scaled(system.depth) if self.scaled else self.protocol
        protocol = dataclasses.replace(protocol, precision=system.precision)
        protocol.layers(system.depth)
        return protocol


def run_tatoeba(request: Request, languages: Sequence[LanguageFiles], missing: Sequence[str], say: Say) -> str:
    """Score models on Tatoeba, write the report, and return the table of scores as Markdown.

    A language whose files are not as they should be is told and left out; the others go on. One that a model has no
    token for is left out of that model's row alone, and of the means.

    Args:
        request: Models and protocol.
        languages: From `tatoeba.choose_languages`.
        missing: Languages asked for that have no files.
        say: Told what happens.

    Raises:
        UserError: No language is left; a model cannot be opened or has no such layer; the folder cannot be written.
    """
    begun = time.monotonic()
    _make(request.out)
    pairs, refused = _readable(languages, say)
    if request.protocol.layer is None:
        _check_halves(pairs, request.seed)
    for code in missing:
        say(f"there are no files of {code}: left out")
    results: list[ModelResult] = []
    untold: list[str] = []
    for label, opener in request.systems.items():
        system = opener()
        protocol = request.protocol_for(system)
        found: dict[str, LanguageResult] = {}
        for number, part in enumerate(pairs, start=1):
            try:
                found[part.code] = score_language(system, part, protocol, request.seed)
            except MissingToken as error:
                say(f"{label}: {part.code} is left out: {error}")
                untold.append(f"{part.code} ({label})")
                continue
            say(f"{label}: {part.code}, {len(part)} sentences ({number} of {len(pairs)} languages)")
            if system.has_read(part.code) is False:
                say(f"{label} has never read {part.code}")
        results.append(ModelResult(label, system.depth, protocol, found))
    if not shared_languages(results):
        raise UserError(f"no language is left that every model can be told; these cannot: {', '.join(untold)}")
    facts = {
        **request.facts,
        "Sentences standing in several rows": str(sum(part.repeated for part in pairs)),
        **({"Languages without files": ", ".join(missing)} if missing else {}),
        **({"Languages left out": ", ".join(refused)} if refused else {}),
        **({"Languages a model cannot be told": ", ".join(untold)} if untold else {}),
        **_made(request, [part.data_hash for part in pairs], begun),
    }
    report = tatoeba_report.build_report(results, seed=request.seed, resamples=request.resamples, facts=facts)
    return _write(request.out, report, tatoeba_report.scores_data(results), say)


def run_bucc(
    request: Request,
    splits: Sequence[Split],
    tuning: Mapping[str, Split],
    margins: Sequence[Margin],
    say: Say,
) -> str:
    """Score models on BUCC, write the report, and return the table of scores as Markdown.

    Args:
        request: Models and protocol.
        splits: To score.
        tuning: By name of a split, the one that its threshold is tuned on; empty to tune as the protocol says.
        margins: To score by, each for itself.
        say: Told what happens.

    Raises:
        UserError: A model cannot be opened or has no such layer; the folder cannot be written.
    """
    begun = time.monotonic()
    _make(request.out)
    for split in splits:
        few = min(len(split.source.texts), len(split.target.texts))
        if few < request.protocol.k:
            say(f"{split.name} has a text of {few} sentences: the margin looks at those, not at {request.protocol.k}")
    results: list[BuccResult] = []
    untold: list[str] = []
    for label, opener in request.systems.items():
        system = opener()
        protocol = request.protocol_for(system)
        for split in splits:
            try:
                results += _score_split(system, split, tuning.get(split.name), protocol, margins, request.seed)
            except MissingToken as error:
                say(f"{label}: {split.name} is left out: {error}")
                untold.append(f"{split.name} ({label})")
                continue
            say(f"{label}: {split.name} mined, {len(split.source.texts):,} by {len(split.target.texts):,} sentences")
    hashes = [split.data_hash for split in (*splits, *tuning.values())]
    if not results:
        raise UserError(f"no split is left that a model can be told; these cannot: {', '.join(untold)}")
    told = {"Splits a model cannot be told": ", ".join(untold)} if untold else {}
    facts = {**request.facts, **told, **_made(request, hashes, begun)}
    report = bucc_report.build_report(results, seed=request.seed, resamples=request.resamples, facts=facts)
    return _write(request.out, report, bucc_report.scores_data(results), say)


def _score_split(
    system: System,
    split: Split,
    other: Split | None,
    protocol: RetrievalProtocol,
    margins: Sequence[Margin],
    seed: int,
) -> list[BuccResult]:
    mined = mine_split(system, split, protocol, margins, seed)
    tuned = None if other is None else mine_split(system, other, protocol, margins, seed)
    results = []
    outcomes: tuple[Outcome, ...]
    for kind in margins:
        if tuned is not None and other is not None:
            outcomes = (from_other(tuned[kind], other, mined[kind], split), oracle(mined[kind], split))
        else:
            outcomes = outcomes_of(mined[kind], split, protocol.tuning, seed)
        own = dataclasses.replace(protocol, margin=kind)
        results.append(BuccResult(system.label, system.depth, own, split, mined[kind], outcomes))
    return results


def _readable(languages: Sequence[LanguageFiles], say: Say) -> tuple[list[SentencePairs], list[str]]:
    pairs, refused, last = [], [], ""
    for files in languages:
        try:
            pairs.append(read_pairs(files))
        except UserError as error:
            say(f"{files.code} is left out: {error}")
            refused.append(files.code)
            last = str(error)
    if not pairs:
        raise UserError(f"no language can be scored; of the last one: {last}")
    return pairs, refused


def _check_halves(pairs: Sequence[SentencePairs], seed: int) -> None:
    halves = [part.tuning_half(seed) for part in pairs]
    if not any(half.any() for half in halves) or all(half.all() for half in halves):
        raise UserError(
            f"{sum(map(len, pairs))} pairs are too few to choose a layer on one half and score the other: name the "
            "layer with `layer=N`"
        )


def _made(request: Request, hashes: Sequence[str], begun: float) -> dict[str, str]:
    data = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return provenance(seed=request.seed, data_hash=data, seconds=time.monotonic() - begun).facts()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} is no folder to write to ({error.strerror}); choose another `out`") from error


def _write(folder: Path, report: Report, scores: Any, say: Say) -> str:
    written = write_report(folder, report)
    write_text(folder / "scores.json", json.dumps(scores, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    say(f"report: {written.html}")
    return markdown_table(report.tables[0])

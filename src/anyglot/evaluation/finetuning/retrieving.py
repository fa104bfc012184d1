"""Tatoeba and BUCC within a suite: the encoder as it was pretrained, under the protocol of `anyglot evaluate`.

No fine-tuning and no seed: XTREME scores the pretrained encoder. BUCC's threshold is tuned as the preset says, which is
on the scored pairs (an oracle) in XTREME's and jiant's releases; what it was and where it comes from is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.candidates import System
from anyglot.evaluation.finetuning.results import LanguageScores, Sums
from anyglot.evaluation.finetuning.scoring import resampling_seed
from anyglot.evaluation.retrieval.bucc import Split, read_split
from anyglot.evaluation.retrieval.bucc_report import BuccResult, threshold_text
from anyglot.evaluation.retrieval.protocol import PRESETS, RetrievalProtocol, preset
from anyglot.evaluation.retrieval.protocol import Task as RetrievalTask
from anyglot.evaluation.retrieval.sweep import ModelResult, score_language
from anyglot.evaluation.retrieval.system import System as RetrievalSystem
from anyglot.evaluation.retrieval.tatoeba import SentencePairs, choose_languages, find_languages, read_pairs
from anyglot.evaluation.retrieval.tatoeba_report import statistics_of
from anyglot.evaluation.retrieval.tuning import f1_of_sums, mine_split, outcomes_of
from anyglot.inference.embedding import Embedder, EmbeddingSettings
from anyglot.stats.resampling import Resampler
from anyglot.stats.scores import Statistics
from anyglot.text.encoder_templates import MissingToken

RETRIEVAL = ("bucc", "tatoeba")
METRIC = {"tatoeba": "accuracy", "bucc": "f1"}
_FOLDERS = {"tatoeba": ("tatoeba", "tatoeba_retrieval"), "bucc": ("bucc2018", "bucc", "bucc_zh_dev")}
SEED = 1


def retrieval_folder(name: str, data: Path | str) -> Path:
    """Where the files of a retrieval task lie below a suite's folder.

    Raises:
        UserError: Nowhere.
    """
    if data != "hub":
        for folder in _FOLDERS[name]:
            if (Path(data) / folder).is_dir():
                return Path(data) / folder
    raise UserError(f"{name} has no files: none of the folders {', '.join(_FOLDERS[name])} in {data}")


Texts = Mapping[str, SentencePairs | Split]
"""The files of a retrieval task, by language."""


def read_retrieval(name: str, data: Path | str, languages: tuple[str, ...], say: Callable[[str], None]) -> Texts:
    """Read the files of Tatoeba or BUCC, English on one side of each.

    Args:
        name: tatoeba or bucc.
        data: The suite's folder.
        languages: Codes; empty for all.
        say: Told what is missing.

    Raises:
        UserError: Files are missing or damaged.
    """
    folder = retrieval_folder(name, data)
    if name == "tatoeba":
        wanted = tuple(code for code in languages if code != "en")
        found, missing = choose_languages(find_languages(folder), wanted)
        for code in missing:
            say(f"tatoeba has no files of {code}: left out")
        return {files.code: read_pairs(files) for files in found}
    pairs = [path.name.partition(".")[0] for path in sorted(folder.glob("*-en.dev.gold"))]
    chosen = {pair.partition("-")[0]: pair for pair in pairs}
    splits = {
        code: read_split(folder, pair, "dev") for code, pair in chosen.items() if not languages or code in languages
    }
    if not splits:
        raise UserError(f"{folder} has no files such as zh-en.dev.gold of the languages asked for")
    return splits


def hashes(texts: Texts) -> dict[str, str]:
    """SHA-256 of each language's files."""
    return {code: files.data_hash for code, files in texts.items()}


def rules_of(name: str, protocol: str) -> RetrievalProtocol:
    """The preset of a suite's protocol, or XTREME's where the task has none of this name."""
    task: RetrievalTask = "tatoeba" if name == "tatoeba" else "bucc"
    return preset(task, protocol if protocol in PRESETS[task] else "xtreme")


@dataclass(frozen=True)
class Retrieved:
    """An encoder's scores on a retrieval task.

    Attributes:
        scores: By language.
        sums: Statistics by language.
        signature: What the scores were made with.
        thresholds: Of BUCC by language: what the threshold was tuned on, what it was, and what it took.
        missing: Languages the model has no token for.
    """

    scores: Mapping[str, LanguageScores]
    sums: Sums
    signature: str
    thresholds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def score_retrieval(
    name: str,
    system: System,
    texts: Texts,
    *,
    protocol: str,
    resamples: int,
    seed: int,
    device: str | None,
    say: Callable[[str], None],
) -> Retrieved:
    """Score an encoder on Tatoeba (the mean of the protocol's directions) or BUCC.

    Args:
        protocol: Name of the suite's protocol: its preset, or XTREME's where it has none.
        seed: Of the bootstrap, before the task's name is added.

    Raises:
        UserError: The model cannot be opened.
    """
    rules = rules_of(name, protocol)
    opened = _open(system, rules, device)
    rules = replace(rules.scaled(opened.depth), precision=opened.precision)
    scores, sums = {}, {}
    thresholds: dict[str, dict[str, Any]] = {}
    missing: list[str] = []
    for code, files in texts.items():
        try:
            statistics, threshold = _counted(opened, files, rules)
        except MissingToken as error:
            say(f"  {system.label}: {name} {code} is left out: {error}")
            missing.append(code)
            continue
        resampler = Resampler(resampling_seed(seed, name), resamples)
        resampler.add(statistics.sums_per_sentence)
        rows = np.concatenate([resampler.sums()[None], resampler.resampled()])
        sums[code, METRIC[name]] = rows
        value = float(retrieval_value(name, rows[:1])[0])
        units = len(statistics.sums_per_sentence)
        scores[code] = LanguageScores(units, {METRIC[name]: {METRIC[name]: value}}, files.data_hash)
        told = ""
        if threshold is not None:
            thresholds[code] = threshold
            told = f", threshold {threshold['threshold']} tuned on {threshold['tuned on']}"
        say(f"  {system.label}: {name} {code}, {value:.1f}{told}")
    signature = rules.signature(tuned=rules.tuning) if name == "bucc" else rules.signature()
    return Retrieved(scores, sums, signature, thresholds, tuple(missing))


def retrieval_value(name: str, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Accuracy or F1 of summed statistics, in per cent.

    Shape:
        sums: (sets, 2) for tatoeba: scores, asking sentences; (sets, 3) for bucc: taken, right, gold
        returns: (sets,)
    """
    return sums[:, 0] / np.maximum(sums[:, 1], 1.0) if name == "tatoeba" else f1_of_sums(sums)


def _counted(
    system: RetrievalSystem, files: SentencePairs | Split, rules: RetrievalProtocol
) -> tuple[Statistics, dict[str, Any] | None]:
    """The statistics, and of BUCC what the threshold was."""
    if isinstance(files, SentencePairs):
        result = score_language(system, files, rules, SEED)
        model = ModelResult(system.label, system.depth, rules, {files.code: result})
        layer = rules.layers(system.depth)[0]
        return statistics_of(model, result, layer, None, SEED, halved=False), None
    mined = mine_split(system, files, rules, (rules.margin,), SEED)[rules.margin]
    found = BuccResult(system.label, system.depth, rules, files, mined, outcomes_of(mined, files, rules.tuning, SEED))
    chosen = found.compared
    of_halves = [outcome.cut.threshold for outcome in found.outcomes if outcome.tuned_on.startswith("half ")]
    told = {
        "tuned on": "the scored pairs (oracle)" if chosen.tuned_on == "oracle" else chosen.tuned_on,
        "threshold": " and ".join(str(threshold_text(each)) for each in of_halves or [chosen.cut.threshold]),
        "taken": chosen.cut.taken,
        "precision": chosen.cut.precision,
        "recall": chosen.cut.recall,
    }
    return found.statistics(chosen, SEED), told


def _open(system: System, protocol: RetrievalProtocol, device: str | None) -> RetrievalSystem:
    embedder = Embedder.from_pretrained(system.model, device=device)

    def stream(texts: Sequence[str], layers: Sequence[int], language: str) -> Iterator[NDArray[np.float32]]:
        settings = EmbeddingSettings(pooling=protocol.pooling, max_length=protocol.max_length, language=language)
        yield from embedder.stream(texts, layers, settings)

    return RetrievalSystem(system.label, embedder.layers, stream, embedder.precision)

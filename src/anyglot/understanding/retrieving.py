"""Tatoeba and BUCC within a suite: the encoder as it was pretrained, under the protocol of `anyglot retrieve`.

No fine-tuning and no seed: XTREME scores the pretrained encoder. BUCC's threshold is tuned on one half and scored on
the other, as its test labels are not public (method card 6.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyglot.embedding import Embedder, EmbeddingSettings
from anyglot.errors import UserError
from anyglot.evaluation.metrics import Statistics
from anyglot.retrieval.bucc import Split, read_split
from anyglot.retrieval.protocol import PRESETS, RetrievalProtocol, preset
from anyglot.retrieval.protocol import Task as RetrievalTask
from anyglot.retrieval.sweep import ModelResult, score_language
from anyglot.retrieval.system import System as RetrievalSystem
from anyglot.retrieval.tatoeba import SentencePairs, choose_languages, find_languages, read_pairs
from anyglot.retrieval.tatoeba_report import statistics_of
from anyglot.retrieval.tuning import across_halves, f1_of_sums, mine_split
from anyglot.tasks.resampling import Resampler
from anyglot.understanding.results import LanguageScores, Sums
from anyglot.understanding.scoring import resampling_seed
from anyglot.understanding.systems import System

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
) -> tuple[dict[str, LanguageScores], Sums, str]:
    """Score an encoder on Tatoeba (the mean of the protocol's directions) or BUCC.

    Args:
        protocol: Name of the suite's protocol: its preset, or XTREME's where it has none.
        seed: Of the bootstrap, before the task's name is added.

    Returns:
        Scores and statistics by language, and the signature.

    Raises:
        UserError: The model cannot be opened.
    """
    task: RetrievalTask = "tatoeba" if name == "tatoeba" else "bucc"
    rules = preset(task, protocol if protocol in PRESETS[task] else "xtreme")
    opened = _open(system, rules, device)
    rules = replace(rules.scaled(opened.depth), precision=opened.precision)
    scores, sums = {}, {}
    for code, files in texts.items():
        statistics = _counted(opened, files, rules)
        resampler = Resampler(resampling_seed(seed, name), resamples)
        resampler.add(statistics.sums_per_sentence)
        rows = np.concatenate([resampler.sums()[None], resampler.resampled()])
        sums[code, METRIC[name]] = rows
        value = float(retrieval_value(name, rows[:1])[0])
        units = len(statistics.sums_per_sentence)
        scores[code] = LanguageScores(units, {METRIC[name]: {METRIC[name]: value}}, files.data_hash)
        say(f"  {system.label}: {name} {code}, {value:.1f}")
    return scores, sums, rules.signature()


def retrieval_value(name: str, sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Accuracy or F1 of summed statistics, in per cent.

    Shape:
        sums: (sets, 2) for tatoeba: scores, asking sentences; (sets, 3) for bucc: taken, right, gold
        returns: (sets,)
    """
    return sums[:, 0] / np.maximum(sums[:, 1], 1.0) if name == "tatoeba" else f1_of_sums(sums)


def _counted(system: RetrievalSystem, files: SentencePairs | Split, rules: RetrievalProtocol) -> Statistics:
    if isinstance(files, SentencePairs):
        result = score_language(system, files, rules, SEED)
        model = ModelResult(system.label, system.depth, rules, {files.code: result})
        layer = rules.layers(system.depth)[0]
        return statistics_of(model, result, layer, None, SEED, halved=False)
    mined = mine_split(system, files, rules, (rules.margin,), SEED)
    return across_halves(mined[rules.margin], files, SEED)[-1].statistics(rules.signature())


def _open(system: System, protocol: RetrievalProtocol, device: str | None) -> RetrievalSystem:
    embedder = Embedder.from_pretrained(system.model, device=device)

    def stream(texts: Sequence[str], layers: Sequence[int], language: str) -> Iterator[NDArray[np.float32]]:
        settings = EmbeddingSettings(pooling=protocol.pooling, max_length=protocol.max_length, language=language)
        yield from embedder.stream(texts, layers, settings)

    return RetrievalSystem(system.label, embedder.layers, stream, embedder.precision)

"""What came out of one training, on disk: scores of each language, and the resampled statistics behind them.

    OUT/SYSTEM/TASK/seed-N/result.json      scores, what they were made from, and the hash of the other file
    OUT/SYSTEM/TASK/seed-N/resamples.npz    LANGUAGE|METRIC -> (1 + resamples, statistics): sums, then resampled sums

A result that is whole and was made from the same weights, data and settings is passed over; any other is made again.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.runtime.arrays import UNSOUND_ARCHIVE
from anyglot.runtime.files import write_bytes, write_text
from anyglot.runtime.untrusted_files import DAMAGE, LARGE, number, read_bytes, read_json, text_of, whole_number

FORMAT = "anyglot-suite-1"
RESULT, SUMS = "result.json", "resamples.npz"


@dataclass(frozen=True)
class LanguageScores:
    """One language's test set.

    Attributes:
        units: Examples, queries or sentences, whatever the first metric counts.
        scores: Metric -> name of a value -> per cent.
        data: Hash of the test set.
    """

    units: int
    scores: Mapping[str, Mapping[str, float]]
    data: str


@dataclass(frozen=True)
class SeedResult:
    """One system on one task with one seed.

    Attributes:
        made_from: JSON values that change whenever the scores could.
        languages: By code, in the task's order.
        unscored: Languages whose test set has no labels: predictions were written for them.
        missing: Languages the model has no token for: nothing was predicted.
        facts: What does not change scores: seconds, tokens, epoch, commit, machine.
    """

    system: str
    task: str
    seed: int
    made_from: Mapping[str, Any]
    languages: Mapping[str, LanguageScores]
    unscored: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


Sums = Mapping[tuple[str, str], NDArray[np.float64]]
"""(language, metric) -> sums of the whole test set, then of each resample.

Shape:
    each: (1 + resamples, statistics)
"""


def key_of(made_from: Mapping[str, Any]) -> str:
    """SHA-256 of what a result was made from."""
    return hashlib.sha256(json.dumps(made_from, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def write_result(folder: Path, result: SeedResult, sums: Sums) -> None:
    """Write both files, the one that vouches for the other last.

    Raises:
        UserError: They cannot be written.
    """
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"{language}|{metric}": values for (language, metric), values in sums.items()}
    np.savez_compressed(buffer, **arrays)
    content = buffer.getvalue()
    write_bytes(folder / SUMS, content)
    record = {
        "format": FORMAT,
        "key": key_of(result.made_from),
        "sums": hashlib.sha256(content).hexdigest(),
        **asdict(result),
    }
    write_text(folder / RESULT, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def read_result(folder: Path, key: str | None = None) -> SeedResult | None:
    """A result that is whole and, where a key is given, was made from what the key stands for; else None."""
    try:
        record = read_json(folder / RESULT, LARGE, finite=False)
        whole = hashlib.sha256(read_bytes(folder / SUMS)).hexdigest()
        if record["format"] != FORMAT or record["sums"] != whole or record["key"] != key_of(record["made_from"]):
            return None
        if key is not None and record["key"] != key:
            return None
        languages = {code: _scores_of(part) for code, part in record["languages"].items()}
        return SeedResult(
            system=text_of(record["system"]),
            task=text_of(record["task"]),
            seed=whole_number(record["seed"], -1),
            made_from=record["made_from"],
            languages=languages,
            unscored=tuple(map(text_of, record["unscored"])),
            missing=tuple(map(text_of, record.get("missing", ()))),  # results of before there were holes have none
            facts=dict(record["facts"]),
        )
    except (UserError, OSError, *DAMAGE):
        return None


def _scores_of(part: Mapping[str, Any]) -> LanguageScores:
    scores = {
        metric: {name: number(value, finite=False) for name, value in values.items()}
        for metric, values in part["scores"].items()
    }
    return LanguageScores(whole_number(part["units"]), scores, text_of(part["data"]))


def read_sums(folder: Path) -> dict[tuple[str, str], NDArray[np.float64]]:
    """The resampled statistics of a result.

    Raises:
        UserError: The file is missing or damaged.
    """
    path = folder / SUMS
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {}
            for name in arrays.files:
                language, _, metric = name.partition("|")
                found[language, metric] = np.asarray(arrays[name], dtype=np.float64)
                if found[language, metric].ndim != 2:
                    raise ValueError(f"{name} is no table")
            return found
    except UNSOUND_ARCHIVE as error:
        raise UserError(f"{path} is damaged; delete {folder} and run the suite again") from error

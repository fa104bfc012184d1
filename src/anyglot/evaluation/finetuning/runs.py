"""One system on one task with one seed: trained, predicted, scored and written; passed over where it is done.

OUT/SYSTEM/TASK/seed-N/model/           the tuned weights (OUT/SYSTEM/squad/seed-N-KEY/model of tasks that borrow a
                                        training set: two tasks with the same training share it)
OUT/SYSTEM/TASK/seed-N/predictions/     test-LANG.tsv or .json
OUT/SYSTEM/TASK/seed-N/result.json      see results.py
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.bag_of_subwords import bag_of_pieces
from anyglot.evaluation.finetuning.candidates import System
from anyglot.evaluation.finetuning.finetune import Tuned, tune
from anyglot.evaluation.finetuning.predicting import Predictor
from anyglot.evaluation.finetuning.results import LanguageScores, SeedResult, key_of, read_result, write_result
from anyglot.evaluation.finetuning.scoring import Predict, resampling_seed, score_language
from anyglot.evaluation.finetuning.settings import TuningSettings
from anyglot.evaluation.finetuning.sources import TaskSources
from anyglot.evaluation.finetuning.training_sets import Mixture
from anyglot.evaluation.tasks.task import Task
from anyglot.models.pretrained.locate import tokenizer_source
from anyglot.reporting.provenance import commit, machine
from anyglot.runtime.files import write_text
from anyglot.runtime.untrusted_files import read_text
from anyglot.text.encoder_templates import MissingToken
from anyglot.text.tokenizer import load_tokenizer

# Raised where scores of the same predictions would come out differently.
SCORING = 1


@dataclass(frozen=True)
class Unit:
    """What is trained and scored together.

    Attributes:
        languages: Test languages.
        mixture: Training set and dev sets.
        protocol: Its name.
        settings: Seed included.
        out: The suite's folder.
        told: What else the report says of how it was made.
    """

    system: System
    sources: TaskSources
    languages: tuple[str, ...]
    mixture: Mixture
    protocol: str
    settings: TuningSettings
    out: Path
    resamples: int
    resampling_seed: int
    told: Mapping[str, str]
    device: str | None = None
    discard: bool = False

    @property
    def task(self) -> Task:
        return self.sources.task

    @property
    def folder(self) -> Path:
        """Where its result lies."""
        return self.out / self.system.folder / self.task.name / f"seed-{self.settings.seed}"

    @property
    def model_folder(self) -> Path:
        """Where its tuned weights lie."""
        trained = self.sources.trained.name
        if trained == self.task.name:
            return self.folder / "model"
        key = key_of(self.training)[:8]
        return self.out / self.system.folder / trained / f"seed-{self.settings.seed}-{key}" / "model"

    @property
    def training(self) -> dict[str, Any]:
        """All that the tuned weights depend on."""
        return {
            "system": self.system.kind,
            "weights": self.system.weights,
            "task": self.sources.trained.name,
            # A bag of pieces has no settings.
            "settings": self.settings.document() if self.system.kind != "bag" else {"seed": self.settings.seed},
            "data": dict(self.mixture.hashes),
        }

    @property
    def made_from(self) -> dict[str, Any]:
        """All that the scores depend on, and how they were made."""
        return {
            **self.training,
            "scored": self.task.name,
            "protocol": self.protocol,
            "test": {code: self.sources.data.hash("test", code) for code in self.languages},
            "metrics": list(self.task.metrics),
            "resampling": [self.resampling_seed, self.resamples],
            "scoring": SCORING,
        }


def run_unit(unit: Unit, say: Callable[[str], None]) -> tuple[SeedResult, bool]:
    """Train and score, unless this was done before with the same weights, data and settings.

    Returns:
        The result, and whether it was there.

    Raises:
        UserError: As `tune`; a test set that is broken; or the folder cannot be written.
        Stopped: As `tune`.
    """
    made_from = unit.made_from
    known = read_result(unit.folder, key_of(made_from))
    if known is not None:
        return known, True
    if read_result(unit.folder) is not None:
        say(f"{unit.folder} holds a result of other weights, data or settings: made again")
    begun = time.monotonic()
    predict, facts = _predictor(unit, say)
    trained = time.monotonic()
    languages: dict[str, LanguageScores] = {}
    sums: dict[tuple[str, str], NDArray[np.float64]] = {}
    unscored: list[str] = []
    missing: list[str] = []
    for code in unit.languages:
        try:
            scored = score_language(
                unit.task,
                unit.sources.data.examples("test", code),
                code,
                predict,
                unit.folder / "predictions" / f"test-{code}.{'json' if unit.task.kind == 'answering' else 'tsv'}",
                data_hash=made_from["test"][code],
                seed=resampling_seed(unit.resampling_seed, unit.task.name),
                resamples=unit.resamples,
            )
        except MissingToken as error:
            say(f"  {unit.system.label}: {unit.task.name} in {code} is left out: {error}")
            missing.append(code)
            continue
        if scored is None:
            unscored.append(code)
            continue
        languages[code] = scored.scores
        sums |= {(code, metric): values for metric, values in scored.sums.items()}
    # A score over half a file is no score.
    unit.sources.faults.raise_if_fatal()
    result = SeedResult(
        system=unit.system.label,
        task=unit.task.name,
        seed=unit.settings.seed,
        made_from=made_from,
        languages=languages,
        unscored=tuple(unscored),
        missing=tuple(missing),
        facts={
            **facts,
            "told": {**unit.mixture.told, **unit.told},
            "seconds": round(trained - begun, 2),
            "scoring seconds": round(time.monotonic() - trained, 2),
            "commit": commit(),
            "machine": asdict(machine()),
        },
    )
    write_result(unit.folder, result, sums)
    if unit.discard:
        shutil.rmtree(unit.model_folder, ignore_errors=True)
    return result, False


def _predictor(unit: Unit, say: Callable[[str], None]) -> tuple[Predict, dict[str, Any]]:
    if unit.system.kind == "bag":
        tokenizer = load_tokenizer(tokenizer_source(unit.system.model))
        return bag_of_pieces(unit.sources.trained, unit.mixture.train, tokenizer, unit.settings.seed), {}
    tuned = train_unit(unit, unit.model_folder, unit.settings, say)
    predictor = Predictor.from_folder(
        unit.model_folder, unit.sources.trained, device=unit.device, precision=unit.settings.precision
    )
    rate = tuned.tokens / tuned.seconds if tuned.seconds else 0.0
    say(f"  trained on {tuned.tokens:,} tokens at {rate:,.0f} a second, epoch {tuned.epoch} kept; scoring")
    return predictor.predict, {
        "epoch": tuned.epoch,
        "dev": list(tuned.scores),
        "tokens": tuned.tokens,
        "training seconds": tuned.seconds,
        "precision": predictor.precision,
    }


def train_unit(unit: Unit, folder: Path, settings: TuningSettings, say: Callable[[str], None]) -> Tuned:
    """Fine-tune into a folder; what another training left there is deleted, an interrupted one goes on.

    Raises:
        UserError: As `tune`.
        Stopped: As `tune`.
    """
    training = {**unit.training, "settings": settings.document()}
    _claim(folder, key_of(training), say)
    return tune(
        unit.system.model,
        unit.sources.trained,
        unit.mixture.train,
        unit.mixture.dev,
        folder,
        settings,
        identity={"weights": unit.system.weights, **unit.mixture.hashes},
        quiet=True,
        say=say,
    )


def _claim(folder: Path, key: str, say: Callable[[str], None]) -> None:
    """Note what a folder of weights is made from; one of other weights, data or settings is deleted first."""
    mark = folder.with_name(folder.name + ".made-from")
    try:
        found = read_text(mark).strip()
    except FileNotFoundError:
        found = ""
    if found == key:
        return
    if folder.is_dir() and any(folder.iterdir()):
        if not found:
            raise UserError(f"{folder} holds something that no suite made; choose another `out` or delete it")
        say(f"{folder} holds weights of other data or settings: trained again")
        shutil.rmtree(folder)
    write_text(mark, key + "\n")

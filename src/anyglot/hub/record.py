"""What a model folder, its run and its evaluation tell about the model: the facts of a model card."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyglot.data.huggingface import PREFIX
from anyglot.errors import UserError
from anyglot.evaluation.translation.hypotheses import record_path
from anyglot.evaluation.translation.table import file_name_of
from anyglot.models.config import EncoderConfig, EncoderDecoderConfig
from anyglot.models.pretrained.run_checkpoints import CHECKPOINTS
from anyglot.models.pretrained.unfinished_runs import run_of, taken
from anyglot.models.store import WEIGHTS, load_config
from anyglot.runtime import yaml_text
from anyglot.runtime.untrusted_files import LARGE, is_there, number, read_json, text_of, understood, whole_number
from anyglot.text.model_languages import ModelLanguages

RUN, RECIPE, REPORT, HYPOTHESES = "run.json", "recipe.yaml", "report.json", "hypotheses"
# What run.json tells of a run's end, and not of its checkpoints.
_OF_THE_END = ("updates", "target_tokens", "looks_at_source_from", "finished")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


@dataclass(frozen=True)
class Corpus:
    """A part of the training data.

    Attributes:
        name: Languages of it: `de-en`, `de`.
        origin: A data set of the hub, `owner/name`, or the names of local files without their folders.
        on_hub: Whether the origin is on the hub.
        digest: SHA-256 of its content as the run saw it; None where the run did not write it down.
    """

    name: str
    origin: str
    on_hub: bool
    digest: str | None


@dataclass(frozen=True)
class TestScore:
    """One score of one test set. `kind` is "supervised", "zero-shot", or None where nobody knows."""

    test: str
    pair: str
    kind: str | None
    sentences: int
    metric: str
    value: float
    low: float
    high: float
    signature: str


@dataclass(frozen=True)
class Record:
    """All that is known; what nobody wrote down is None or empty.

    Attributes:
        weights: SHA-256 of model.safetensors.
        base: The model the training started from.
        method: None where there is neither run.json nor recipe.yaml; then nobody knows whether there was a base.
        run: run.json; of a checkpoint without what is told of the run's end.
        data_hash: Of the test data.
        checkpoint: The updates after which it was written; None of a model that is no checkpoint.
    """

    config: EncoderConfig | EncoderDecoderConfig
    weights: str
    languages: ModelLanguages | None
    base: str | None
    base_on_hub: bool
    method: str | None
    run: Mapping[str, Any]
    corpora: Sequence[Corpus]
    scores: Sequence[TestScore]
    data_hash: str | None
    checkpoint: int | None


def read_record(folder: Path, scores: Path | None = None, model_folder: Path | None = None) -> Record:
    """Read what there is to know about a model.

    Args:
        folder: What the user named: a model folder, a run or a checkpoint. A finished run has run.json and recipe.yaml.
        scores: The folder of an evaluation of this model, or its report.json.
        model_folder: What was opened in its stead (`models/pretrained/unfinished_runs.py`); None: the folder itself.

    Raises:
        UserError: No model folder, a damaged file, or an evaluation without scores of this model.
    """
    home, chosen = run_of(folder), None if model_folder is None else taken(model_folder)
    model_folder = model_folder or folder
    checkpoint = None if chosen is None else int(chosen["update"])
    run = _object(home / RUN)
    if checkpoint is not None:
        run = {name: value for name, value in run.items() if name not in _OF_THE_END} | {"updates": checkpoint}
    recipe = _recipe(home / RECIPE)
    method = recipe.get("method")
    method = method if isinstance(method, dict) else {}
    start = method.get("start")
    named = run.get("method") or method.get("name")
    found, data_hash = ([], None) if scores is None else _scores(scores, folder.resolve().name, checkpoint)
    config = load_config(model_folder)
    assert isinstance(config, EncoderConfig | EncoderDecoderConfig)  # no other kind is described (hub/push.py)
    return Record(
        config=config,
        weights=_sha256(model_folder / WEIGHTS),
        languages=ModelLanguages.load(model_folder),
        base=None if start is None else _base(str(start)),
        base_on_hub=start is not None and _is_hub_name(str(start)),
        method=None if named is None else str(named),
        run=run,
        corpora=_corpora(recipe, run),
        scores=found,
        data_hash=data_hash,
        checkpoint=checkpoint,
    )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): copy the folder again.") from None


def _object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty without the file."""
    try:
        raw = read_json(path, LARGE, finite=False)
    except FileNotFoundError:
        return {}
    if not isinstance(raw, dict):
        raise UserError(f"{path} holds no JSON object: copy the folder again.")
    return raw


def _recipe(path: Path) -> dict[str, Any]:
    """The recipe as it was saved; not checked, as another version may have written it."""
    if not is_there(path):
        return {}
    try:
        raw, _ = yaml_text.read(path)
    except UserError as error:
        raise UserError(f"{path} cannot be read ({error}) Copy the folder again.") from None
    return raw if isinstance(raw, dict) else {}


def _is_hub_name(start: str) -> bool:
    return _HUB_NAME.fullmatch(start) is not None and not _exists(start)


def _exists(place: str) -> bool:
    try:
        return Path(place).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long, the ~ of nobody, a zero byte: names of no file here
        return False


def _base(start: str) -> str:
    """A hub name as it is; of a local folder the last part, as paths are nobody's business."""
    return start if _is_hub_name(start) else Path(start).name


def _corpora(recipe: Mapping[str, Any], run: Mapping[str, Any]) -> list[Corpus]:
    data = recipe.get("data")
    sources = data.get("train") if isinstance(data, dict) else None
    known = run.get("corpora")
    hashes = [entry.get("hash") for entry in known if isinstance(entry, dict)] if isinstance(known, list) else []
    digests = [digest if isinstance(digest, str) else None for digest in hashes]
    found: list[Corpus] = []
    for place, source in enumerate(sources if isinstance(sources, list) else []):
        if not isinstance(source, dict):
            continue
        given = source.get("files")
        files = given if given and isinstance(given, list) else [source.get("file") or "?"]
        address = str(files[0])
        on_hub = address.startswith(PREFIX) and not _exists(address.removeprefix(PREFIX).split("?")[0])
        pair = source.get("language") or f"{source.get('source')}-{source.get('target')}"
        origin = address.removeprefix(PREFIX).split("?")[0] if on_hub else ", ".join(Path(str(f)).name for f in files)
        found.append(Corpus(str(pair), origin, on_hub, digests[place] if place < len(digests) else None))
    return found


def _scores(place: Path, label: str, checkpoint: int | None) -> tuple[list[TestScore], str | None]:
    """The scores of one model in an evaluation's report.json, and the hash of the test data."""
    path = place / REPORT if place.is_dir() else place
    if not path.is_file():
        raise UserError(
            f"there is no evaluation in {place}: name the folder that `anyglot evaluate translation --out` wrote."
        )
    report = _object(path)
    with understood(path, "evaluate the model again"):
        tables = [table for table in report.get("tables", []) if table.get("title") == "Scores"]
        found = [score for table in tables for score in _table_scores(table, label)]
    if not found:
        raise UserError(
            f"{path} holds no scores of a model called '{label}'; evaluate the folder that is to be pushed."
        )
    evaluated = _evaluated(path.parent / HYPOTHESES / label, {score.test for score in found})
    if evaluated - {checkpoint} or (checkpoint is not None and not evaluated):
        what = "the finished run" if checkpoint is None else f"the checkpoint of update {checkpoint:,}"
        raise UserError(
            f"the scores in {path} are not known to be of {what}: name the same finished run, or the same checkpoint "
            f"(RUN/{CHECKPOINTS}/step-N), to `anyglot evaluate translation` and here."
        )
    facts = report.get("facts")
    digest = facts.get("Data hash") if isinstance(facts, dict) else None
    return found, None if digest is None else str(digest)


def _evaluated(folder: Path, tests: Iterable[str]) -> set[int | None]:
    """After how many updates the checkpoints were written that tests were translated with; None: by no checkpoint."""
    found: set[int | None] = set()
    for test in tests:
        path = record_path(folder / f"{file_name_of(test)}.txt")
        if is_there(path):
            with understood(path, "evaluate the model again"):
                checkpoint = read_json(path, LARGE, finite=False).get("checkpoint")
                found.add(None if checkpoint is None else whole_number(checkpoint["update"]))
    return found


def _table_scores(table: Mapping[str, Any], label: str) -> list[TestScore]:
    columns = table["columns"]
    kind_place = columns.index("Kind") if "Kind" in columns else None
    found: list[TestScore] = []
    for row in table["rows"]:
        for name, cell in zip(columns, row, strict=True):
            if not isinstance(cell, dict) or name not in (cell.get("name"), f"{cell.get('name')} {label}"):
                continue
            found.append(
                TestScore(
                    test=text_of(row[0]),
                    pair=text_of(row[1]),
                    kind=None if kind_place is None or row[kind_place] is None else text_of(row[kind_place]),
                    sentences=whole_number(cell["sentences"]),
                    metric=text_of(cell["name"]),
                    value=number(cell["value"]),
                    low=number(cell["low"]),
                    high=number(cell["high"]),
                    signature=text_of(cell["signature"]),
                )
            )
    return found

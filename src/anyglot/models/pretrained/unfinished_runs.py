"""A training run that has not ended, as a model folder: its best checkpoint by validation, else its newest.

    RUN (goes, or was stopped)  ->  choose a checkpoint  ->  take hold of its files  ->  verify  ->  a folder of its own
    RUN/checkpoints/step-N      ->  this one             ->  ...

The files are linked into a folder of this process, so the run may delete its checkpoint while it is read. Where links
cannot reach they are copied. Checkpoints lack what no stage trains; it lies beside them while the run goes, and in the
model once it has ended, and is known again by its hash.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from anyglot.errors import UserError
from anyglot.models.pretrained.run_checkpoints import (
    CHECKPOINTS,
    FROZEN_NAMES,
    FROZEN_WEIGHTS_FILE,
    MANIFEST,
    DamagedCheckpoint,
    Manifest,
    best_of,
    checkpoint_folders,
    frozen_weights_key,
    key_of_left_out,
    left_out,
    read_document,
    read_manifest,
    verify,
)
from anyglot.models.store import CONFIG, WEIGHTS, load_tensors
from anyglot.runtime import yaml_text
from anyglot.runtime.untrusted_files import DAMAGE

if TYPE_CHECKING:
    from torch import Tensor

# Tells, in the folder that is opened in a run's stead, which checkpoint was taken.
TAKEN = "checkpoint.json"
_RECIPE, _PROGRESS = "recipe.yaml", "progress.json"
_NEEDED = (CONFIG, WEIGHTS, FROZEN_NAMES, _PROGRESS)
# A run that saves all the time may delete each checkpoint that is looked at; not so often in a row.
# And a list of a folder that is made while one is renamed and the one before deleted may hold neither.
_LOOKS = 10
_PAUSE = 0.01  # seconds
logger = logging.getLogger(__name__)
_held: dict[tuple[Path, str], Path] = {}


def is_checkpoint(folder: Path) -> bool:
    """Whether this is a checkpoint of a run, `RUN/checkpoints/step-N`."""
    return folder.resolve().parent.name == CHECKPOINTS and (folder / MANIFEST).is_file()


def run_of(folder: Path) -> Path:
    """The run a checkpoint is of; any other folder is itself."""
    return folder.resolve().parent.parent if is_checkpoint(folder) else folder


def is_unfinished(folder: Path) -> bool:
    """Whether a run in this folder goes, or was stopped: it has no model yet."""
    return not (folder / CONFIG).is_file() and ((folder / CHECKPOINTS).is_dir() or (folder / _RECIPE).is_file())


def opened(folder: Path, accompanying: tuple[str, ...]) -> Path:
    """The folder itself; in place of a run that has not ended, and of a checkpoint, a model folder made of it.

    Which checkpoint was taken is said once, and stands in `checkpoint.json` of the folder returned, which is there
    until this process ends.

    Args:
        accompanying: Names of the run's own files that a model folder has too, such as the tokenizer's.

    Raises:
        UserError: The run has no checkpoint yet, none is good, or one of an older version lacks what is needed.
    """
    if is_checkpoint(folder):
        try:
            return _hold(folder, accompanying, "")
        except (DamagedCheckpoint, OSError) as damage:
            raise UserError(f"The checkpoint {folder} cannot be used: {damage}.") from None
    if not is_unfinished(folder):
        return folder
    reasons: dict[str, str] = {}
    seen = False
    for _ in range(_LOOKS):
        choices = _choices(folder)
        seen = seen or bool(choices)
        for checkpoint, why in choices:
            try:
                return _hold(checkpoint, accompanying, f"{folder} has not ended: ")
            except (DamagedCheckpoint, UserError, OSError) as damage:
                if checkpoint.is_dir():  # else it was deleted while it was read
                    reasons[checkpoint.name] = f"{checkpoint.name} ({why}): {damage}"
        if choices and len(reasons) == len(choices):
            break
        time.sleep(_PAUSE)
    if not seen:
        raise UserError(f"{folder} is a run without a checkpoint yet; {_first(folder)}.")
    raise UserError(f"No checkpoint of the run {folder} can be used: {'; '.join(reasons.values())}.")


def _choices(run: Path) -> list[tuple[Path, str]]:
    """The checkpoints in the order in which they are tried: those with a validation from the best on, then from the
    newest on."""
    folders = checkpoint_folders(run / CHECKPOINTS)
    scores: dict[str, float] = {}
    metric = "loss"
    for folder in reversed(folders):
        try:
            metric = read_manifest(folder).metric
            scores = best_of(folder)
            break
        except (UserError, OSError, DamagedCheckpoint):
            continue
    sign = 1 if metric == "loss" else -1
    values = {folder: sign * scores[folder.name[5:]] for folder in folders if folder.name[5:] in scores}
    told = [(folder, f"{metric} {sign * values[folder]:.4g}") for folder in sorted(values, key=values.__getitem__)]
    others = [folder for folder in reversed(folders) if folder not in values]
    return [*told, *((folder, "not validated") for folder in others)]


def _hold(checkpoint: Path, accompanying: tuple[str, ...], front: str) -> Path:
    """A model folder with the checkpoint's files, taken hold of and then verified.

    Raises:
        DamagedCheckpoint: It is not whole, or not enough to open a model with.
        OSError: It went away meanwhile, or cannot be read.
    """
    digest = read_manifest(checkpoint).files.get(WEIGHTS, (0, ""))[1]
    key = (checkpoint.resolve(), digest)
    if key in _held:
        return _held[key]
    run = run_of(checkpoint)
    made = Path(_room()) / f"{len(_held)}-{digest[:8]}" / checkpoint.name
    made.mkdir(parents=True, exist_ok=True)
    try:
        for name in (MANIFEST, *_NEEDED):
            if (checkpoint / name).is_file():
                _link(checkpoint / name, made / name)
        manifest = verify(made, [name for name in _NEEDED if (checkpoint / name).is_file()])
        for name in (CONFIG, WEIGHTS):
            if name not in manifest.files:
                raise DamagedCheckpoint(f"it holds no {name}, as those of older versions")
        for name in accompanying:
            if (run / name).is_file():
                _link(run / name, made / name)
        if not any((made / name).is_file() for name in accompanying):
            raise DamagedCheckpoint(f"{run} holds no tokenizer, as runs of older versions; train on with `resume=True`")
        _complete(made, run)
        what = _told(made, manifest)
        (made / TAKEN).write_text(json.dumps({"update": manifest.update, "metrics": manifest.metrics}), "utf-8")
        for name in (MANIFEST, _PROGRESS, FROZEN_NAMES):
            (made / name).unlink(missing_ok=True)
    except BaseException:
        shutil.rmtree(made.parent, ignore_errors=True)
        raise
    _held[key] = made
    logger.warning("%sthe checkpoint of update %s is taken%s", front, f"{manifest.update:,}", what)
    return made


def taken(folder: Path) -> dict[str, Any] | None:
    """Which checkpoint a folder that `opened` returned was made of; None of any other folder."""
    return read_document(folder / TAKEN) if (folder / TAKEN).is_file() else None


def _told(made: Path, manifest: Manifest) -> str:
    value = best_of(made).get(str(manifest.update))
    if value is None:
        return ", which was not validated"
    return f" ({manifest.metric} {value:.4g})"


def _complete(made: Path, run: Path) -> None:
    """Put what the checkpoint leaves out, since no stage trains it, into the weights."""
    frozen = frozen_weights_of(made, run)
    if not frozen:
        return
    from safetensors.torch import save_file

    whole = frozen | load_tensors(made / WEIGHTS)
    (made / WEIGHTS).unlink()  # a link: what is written must not be the run's own file
    save_file(whole, made / WEIGHTS)


def frozen_weights_of(checkpoint: Path, run: Path) -> dict[str, Tensor]:
    """The parameters that a checkpoint of a run leaves out.

    Raises:
        DamagedCheckpoint: They are not there, or are not those the checkpoint was trained beside.
    """
    names = left_out(checkpoint)
    if not names:
        return {}
    beside = run / CHECKPOINTS / FROZEN_WEIGHTS_FILE
    source = beside if beside.is_file() else run / WEIGHTS
    if not source.is_file():
        raise DamagedCheckpoint(f"{beside} is missing; train on with `resume=True`, which writes it")
    frozen = {name: tensor for name, tensor in load_tensors(source).items() if name in names}
    if frozen.keys() != names or frozen_weights_key(frozen) != key_of_left_out(checkpoint):
        raise DamagedCheckpoint(f"{source} does not hold the frozen weights it was trained beside")
    return frozen


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


@cache
def _room() -> str:
    """A folder of this process, deleted with it."""
    _rooms.append(TemporaryDirectory(prefix="anyglot-checkpoint-"))
    return _rooms[-1].name


_rooms: list[TemporaryDirectory[str]] = []


def _first(run: Path) -> str:
    """When the first checkpoint comes, by the run's recipe."""
    try:
        recipe, _ = yaml_text.read(run / _RECIPE)
        update = int(recipe["checkpoints"]["every"])
        if recipe["data"]["validation"] and recipe["checkpoints"]["keep_best"]:
            update = min(update, int(recipe["validation"]["every"]))
        stage = next(each["updates"] for each in recipe["stages"].values() if each["updates"])
        return f"the first is written after update {min(update, int(stage)):,}"
    except (UserError, StopIteration, *DAMAGE):
        return "wait until its training has begun and saved"

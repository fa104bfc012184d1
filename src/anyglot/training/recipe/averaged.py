"""From a run's checkpoints to a model folder with their mean."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from anyglot.errors import UserError
from anyglot.models.config import Config
from anyglot.models.pretrained.run_checkpoints import CHECKPOINTS, DamagedCheckpoint
from anyglot.models.pretrained.unfinished_runs import frozen_weights_of
from anyglot.models.prompt_files import FOLDER as PROMPTS
from anyglot.models.prompt_files import save_prompts
from anyglot.models.prompted import PromptedEncoder
from anyglot.models.store import CONFIG, assemble, load_config, save_model
from anyglot.runtime.files import whole_folder, write_json
from anyglot.runtime.locks import held, is_empty
from anyglot.text.templates import LANGUAGES
from anyglot.text.tokenizer import load_tokenizer
from anyglot.training.loop.averaging import average, choose_best, choose_last, choose_steps, metric_of


def average_run(
    run: Path, out: Path, *, last: int | None = None, best: int | None = None, steps: Sequence[int] = ()
) -> list[Path]:
    """Write a model folder whose weights are the mean of a run's newest or best checkpoints, or of those named.

    The run may go on meanwhile.

    `steps` names checkpoints by their updates. The network is that of the checkpoints: what a later stage edits is not
    edited in the mean of earlier ones. (Checkpoints of older versions do not tell; theirs is the finished run's.)

    Returns:
        The checkpoints averaged.

    Raises:
        UserError: Too few checkpoints are left, they are of different networks, or `out` is taken.
    """
    if (last is not None) + (best is not None) + bool(steps) != 1:
        raise UserError("Give one of `last=N`, `best=N` and `steps=N`.")
    with held(out):
        return _average(run, out, last, best, steps)


def _average(run: Path, out: Path, last: int | None, best: int | None, steps: Sequence[int]) -> list[Path]:
    if out.exists() and not is_empty(out):
        raise UserError(f"{out} is not empty; name another folder for the average.")
    root = run / CHECKPOINTS
    if not root.is_dir():
        raise UserError(
            f"{run} is not the folder of a run: it holds no {CHECKPOINTS}. Name a folder that train filled."
        )
    if steps:
        folders = choose_steps(root, steps)
    elif last is not None:
        folders = choose_last(root, last)
    else:
        folders = choose_best(root, best or 0, highest=metric_of(root) != "loss")
    try:
        frozen = frozen_weights_of(folders[0], run)
    except DamagedCheckpoint as damage:
        raise UserError(f"The checkpoints of {run} cannot be averaged: {damage}.") from None
    model = assemble(_config(folders, run), frozen | dict(average(folders)), str(root))
    with whole_folder(out, replaces=True) as made:
        save_model(model, made)
        load_tokenizer(run).save(made)
        if isinstance(model, PromptedEncoder):
            save_prompts(model, made / PROMPTS)
            if (run / LANGUAGES).is_file():
                shutil.copyfile(run / LANGUAGES, made / PROMPTS / LANGUAGES)
        for name in (LANGUAGES, "recipe.yaml"):
            if (run / name).is_file():
                shutil.copyfile(run / name, made / name)
        write_json(made / "average.json", {"run": str(run), "checkpoints": [folder.name for folder in folders]}, 1)
    return folders


def _config(folders: Sequence[Path], run: Path) -> Config:
    """The one config of these checkpoints."""
    configs = [load_config(folder if (folder / CONFIG).is_file() else run) for folder in folders]
    for folder, config in zip(folders, configs, strict=True):
        if config != configs[0]:
            raise UserError(
                f"{folders[0].name} and {folder.name} of {run} are of different networks, since a stage between them "
                "edits the model; average checkpoints of one stage (`steps`)."
            )
    return configs[0]

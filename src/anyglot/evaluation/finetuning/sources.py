"""Where the tasks' files come from: a folder of official files, or labelled sets written from the phrasebook."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from anyglot import phrasebook
from anyglot.errors import UserError
from anyglot.evaluation.tasks.catalogue import TASKS
from anyglot.evaluation.tasks.data_issues import Faults
from anyglot.evaluation.tasks.task import Task
from anyglot.evaluation.tasks.task_data import TaskData, open_task
from anyglot.phrasebook.labelled import write_labelled
from anyglot.runtime.directories import user_cache

PHRASEBOOK = "phrasebook"


@dataclass(frozen=True)
class LabelledSizes:
    """The phrasebook's labelled sets that a suite writes where no folder is given.

    Chosen so that all eight tasks are trained and scored on two processor cores in less than eight minutes with the
    encoder of `anyglot demo --from-scratch`, which has read the beginner level of these languages.
    """

    languages: tuple[str, ...] = ("en", "de", "es", "ru", "nl", "it", "uk")
    counts: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({"train": 1000, "dev": 200, "test": 200})
    )
    seed: int = 1
    level: str = "beginner"


@dataclass(frozen=True)
class TaskSources:
    """The data of one task.

    Attributes:
        task: Scored.
        trained: The task whose training set it uses: itself, or SQuAD of XQuAD and MLQA.
        data: The files of both.
        faults: What was wrong with rows that were read.
    """

    task: Task
    trained: Task
    data: TaskData
    faults: Faults


def phrasebook_folder(sizes: LabelledSizes, say: Callable[[str], None]) -> Path:
    """The folder of the labelled sets, written once into the user's cache.

    Raises:
        UserError: It cannot be written.
    """
    digest = hashlib.sha256(json.dumps({**vars(sizes), "counts": dict(sizes.counts)}, sort_keys=True).encode())
    # The phrasebook itself too: another version of it writes other sentences.
    book = Path(phrasebook.__file__).parent
    for path in sorted(path for path in book.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        digest.update(f"{path.relative_to(book)}\n".encode() + path.read_bytes())
    key = digest.hexdigest()[:12]
    folder = user_cache() / "labelled" / key
    if not (folder / "manifest.json").is_file():
        say(f"writing the phrasebook's labelled sets in {', '.join(sizes.languages)}")
        write_labelled(folder, sizes.languages, dict(sizes.counts), seed=sizes.seed, level=sizes.level)
    return folder


def data_folder(suite: str, tasks: tuple[str, ...], data: Path | str | None, say: Callable[[str], None]) -> Path | str:
    """Where the tasks' files are; of the phrasebook's tasks without a folder: where they were just written.

    Raises:
        UserError: A folder is needed and none was given, or it is none.
    """
    if data is not None:
        if data != "hub" and not Path(data).is_dir():
            raise UserError(f"{data} is no folder; give the one that holds the tasks' files as `data`")
        return data
    if suite == PHRASEBOOK or all(name.startswith("book_") for name in tasks):
        return phrasebook_folder(LabelledSizes(), say)
    raise UserError(
        f"the tasks {', '.join(tasks)} need their files: give the folder with `data`; `anyglot data check --suite "
        f"{suite or 'xtreme'} --data DIR` says which ones and where they come from"
    )


def open_sources(task: Task, folder: Path | str) -> TaskSources:
    """Open a task's files.

    Raises:
        UserError: They are missing.
    """
    faults = Faults()
    return TaskSources(task, TASKS[task.train] if task.train else task, open_task(task, folder, faults), faults)

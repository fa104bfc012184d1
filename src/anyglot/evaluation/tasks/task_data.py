"""A task's data in a folder: which languages it has, its examples, and what about them has to be told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from anyglot.errors import UserError
from anyglot.evaluation.tasks.catalogue import TASKS
from anyglot.evaluation.tasks.data_issues import Faults
from anyglot.evaluation.tasks.examples import Example
from anyglot.evaluation.tasks.hub import HUB, HubSet, hub_sets, read_hub
from anyglot.evaluation.tasks.layouts import FOLDERS
from anyglot.evaluation.tasks.locate import Found, Place, find
from anyglot.evaluation.tasks.placeholders import without_placeholders
from anyglot.evaluation.tasks.registry import SourceFile, read
from anyglot.evaluation.tasks.splits import ENGLISH, Divided, Portion, Source, divide, item_name
from anyglot.evaluation.tasks.task import Split, Task
from anyglot.text.readers import raw_hash


@dataclass(frozen=True, eq=False)
class TaskData:
    """The sets of a task.

    Attributes:
        task: The task.
        folder: Where its files lie, for messages; `hub` where they come from the Hugging Face hub.
        note: What about the sets is not as the benchmark has it, in one sentence; "" where all is.
        faults: Where faults are told while examples are read.
    """

    task: Task
    folder: Path
    note: str
    faults: Faults
    _portions: Mapping[Place, Portion]

    def languages(self, split: Split, *, official: bool = False) -> tuple[str, ...]:
        """The languages a split is there for: those of the benchmark in its order, then others, sorted.

        Args:
            official: Only those of the benchmark, which its average is taken over.
        """
        found = {code for known, code in self._portions if known == split}
        listed = tuple(code for code in self.task.languages if code in found)
        return listed if official else (*listed, *sorted(found - set(listed)))

    def has(self, split: Split, language: str) -> bool:
        """Whether there is a set of a language."""
        return (split, language) in self._portions

    @property
    def missing(self) -> tuple[str, ...]:
        """The benchmark's languages that have no test set here."""
        return tuple(code for code in self.task.languages if not self.has("test", code))

    def examples(self, split: Split, language: str) -> Iterator[Example]:
        """Stream the examples of a set, in the order of its files; bad rows are left out, and told in `faults`.

        A set may be read again and again. An example's id is the same each time, and of no other example of the set.

        Raises:
            UserError: There is no such set, or the hub cannot be reached.
        """
        return self._read(self._portion(split, language), split, language)

    def hash(self, split: Split, language: str) -> str:
        """SHA-256 of a set's files and of which part of them it is.

        Raises:
            UserError: There is no such set, or a file cannot be read.
        """
        portion = self._portion(split, language)
        files = tuple(source.path for source in portion.files if isinstance(source, SourceFile))
        digest = hashlib.sha256(f"{raw_hash(files)} {portion.part}".encode())
        for source in portion.files:
            told = (
                source.hash()
                if isinstance(source, HubSet)
                else f"{source.form} {source.split_inside} {source.language}"
            )
            digest.update(told.encode())
        return digest.hexdigest()

    def files(self, split: Split, language: str) -> tuple[Path, ...]:
        """The files of a set; of the hub, what names the set there."""
        return tuple(source.path for source in self._portion(split, language).files)

    def _portion(self, split: Split, language: str) -> Portion:
        portion = self._portions.get((split, language))
        if portion is None:
            there = ", ".join(self.languages(split)) or "no language"
            raise UserError(
                f"{self.task.name} has no {split} set of {language!r} in {self.folder}; there is one of {there}."
            )
        return portion

    def _read(self, portion: Portion, split: Split, language: str) -> Iterator[Example]:
        for number, source in enumerate(portion.files):
            faults = self.faults.reading(source.path, f"{split} {language}")
            if isinstance(source, HubSet):
                items = read_hub(source, self.task, faults)
            else:
                items = read(source, self.task, faults)
            for place, example in items:
                if not portion.part.holds(self.task.name, item_name(self.task.name, number, place)):
                    continue
                # Rows are numbered file by file; a second treebank's first sentence is another one.
                yield replace(example, id=f"{number}-{example.id}") if number else example


def open_task(task: Task, folder: Path | str, faults: Faults) -> TaskData:
    """Find a task's data.

    Args:
        folder: A data root that holds the task's folder, or that folder; `hub` for the Hugging Face hub.
        faults: Where what is wrong with the data is told, now and while it is read.

    Raises:
        UserError: The folder is not there, or has no file of the task.
    """
    root = Path(folder)
    if str(folder) == HUB and not root.exists():
        return _from_hub(task, root, faults)
    if not root.is_dir():
        raise UserError(f"{root} is no folder; give the one that holds the task's files, or {HUB!r}.")
    found = without_placeholders(find(task, root), task, faults)
    divided = _divided(task, root, found)
    if not divided.portions:
        raise UserError(
            f"{root} has no files of {task.name}; they lie in a folder {' or '.join(FOLDERS[task.name])} there, or in "
            "the folder itself. `anyglot data check` says which files are known."
        )
    data = TaskData(task, found.folder or root, divided.note, faults, divided.portions)
    if data.missing:
        told = f"no test files of {', '.join(data.missing)}; the average is over the other languages"
        faults.reading(data.folder, f"languages of {task.name}").add(0, f"{task.name}: {told}", "missing")
    return data


def _from_hub(task: Task, root: Path, faults: Faults) -> TaskData:
    files: dict[Place, tuple[Source, ...]] = {**hub_sets(task)}
    borrowed: dict[Place, tuple[Source, ...]] = {}
    if task.train and ("train", ENGLISH) not in files:
        borrowed = {("train", ENGLISH): hub_sets(TASKS[task.train])["train", ENGLISH]}
    divided = divide(task.name, {**borrowed, **files}, large=bool(borrowed))
    note = "; ".join(part for part in ("from the Hugging Face hub", divided.note) if part)
    return TaskData(task, root, note, faults, divided.portions)


def _divided(task: Task, root: Path, found: Found) -> Divided:
    """The sets of the task's own files, and of another task's training files where its own has none (MLQA: SQuAD)."""
    if not task.train or not found.files or ("train", ENGLISH) in found.files:
        return divide(task.name, found.files, large=task.name == "squad")
    borrowed, lender = _borrowed(task, root)
    divided = divide(task.name, {**borrowed, **found.files}, large=lender == "squad")
    note = f"no {task.train} here: trained on TyDiQA's English questions" if lender == "tydiqa" else ""
    return replace(divided, note="; ".join(part for part in (note, divided.note) if part))


def _borrowed(task: Task, root: Path) -> tuple[dict[Place, tuple[SourceFile, ...]], str]:
    """English training files of another task, and its name."""
    # SQuAD's dev set is never taken along: XQuAD's questions are translations of questions out of it.
    for name in (task.train, "tydiqa"):
        for place in (root, root.parent):
            files = find(TASKS[name], place).files
            if ("train", ENGLISH) in files:
                return {("train", ENGLISH): files["train", ENGLISH]}, name
    return {}, ""

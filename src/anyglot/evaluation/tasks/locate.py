"""Which files of a task a folder has: (split, language) -> files, and the files nothing is known of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.language_names import code_of, split_named
from anyglot.evaluation.tasks.layouts import PATTERNS, Pattern, files_below, folders_of
from anyglot.evaluation.tasks.line_io import numbered_lines
from anyglot.evaluation.tasks.registry import SourceFile
from anyglot.evaluation.tasks.task import Split, Task

Place = tuple[Split, str]


@dataclass(frozen=True)
class Found:
    """The files of a task.

    Args:
        folder: The task's folder; None where none has files of it.
        files: By split and language; several files of a language (treebanks) in sorted order.
        unknown: Files of the folder that no pattern of the task fits, relative to it.
    """

    folder: Path | None
    files: Mapping[Place, tuple[SourceFile, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def languages(self, split: Split) -> tuple[str, ...]:
        """The languages a split has files of, sorted."""
        return tuple(sorted(code for found, code in self.files if found == split))


def find(task: Task, root: Path) -> Found:
    """The files of a task below a data root or in its own folder; an empty `Found` where there are none."""
    first: Found | None = None
    for folder in folders_of(task.name, root):
        found = _in_folder(task, folder)
        if found.files:
            return found
        first = first or found
    # The root itself is no task folder with strange files in it: nothing of it is unknown.
    return first if first is not None and first.folder != root else Found(None)


def _in_folder(task: Task, folder: Path) -> Found:
    files: dict[Place, list[SourceFile]] = {}
    unknown: list[str] = []
    for path in files_below(folder):
        sources = _sources(task, folder / path, path)
        if not sources:
            unknown.append(path)
        for place, source in sources:
            files.setdefault(place, []).append(source)
    return Found(folder, {place: _of_one_form(sources) for place, sources in files.items()}, tuple(unknown))


def _of_one_form(sources: list[SourceFile]) -> tuple[SourceFile, ...]:
    """Files of one language belong together if they are of one pattern; a second pattern's are the same data again."""
    return tuple(source for source in sources if (source.form, source.several) == (sources[0].form, sources[0].several))


def _sources(task: Task, path: Path, relative: str) -> list[tuple[Place, SourceFile]]:
    for pattern in PATTERNS[task.name]:
        match = pattern.match(relative)
        if match is None:
            continue
        groups = match.groupdict()
        spelt = groups.get("language") or groups.get("name") or groups.get("treebank") or pattern.language
        split = split_named(groups["split"]) if groups.get("split") else pattern.split
        if spelt == "*":
            return [_placed(path, pattern, code, str(split), several=True) for code in task.languages]
        code = code_of(spelt)
        if code is None:
            continue
        if pattern.splits_inside:
            return [_placed(path, pattern, code, split_named(inside), inside=inside) for inside in _splits_in(path)]
        return [_placed(path, pattern, code, str(split))]
    return []


def _placed(
    path: Path, pattern: Pattern, code: str, split: str, *, several: bool = False, inside: str = ""
) -> tuple[Place, SourceFile]:
    known = split_named(split)
    return (known, code), SourceFile(path, pattern.form, code, several, inside, known == "test")


def _splits_in(path: Path) -> list[str]:
    """The splits that the first column of a file names, in the order train, dev, test."""
    cells = {(text or "").partition("\t")[0].strip() for _, text in numbered_lines(path, FileIssues(path))}
    return [split for split in ("train", "dev", "validation", "test") if split in cells]

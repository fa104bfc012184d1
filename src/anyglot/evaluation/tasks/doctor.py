"""Look into a folder before anything is trained on it: which task files are there, missing, or of the wrong shape.

Of every file a sample of rows is read by the readers that training uses, so what the doctor passes they pass; packed
files are unpacked to their end, because a half-downloaded one is sound at its beginning.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from anyglot.errors import UserError
from anyglot.evaluation.tasks.catalogue import suite_tasks
from anyglot.evaluation.tasks.data_issues import Fault, Faults
from anyglot.evaluation.tasks.examples import ChoiceExample, Example, QuestionExample, TaggedExample
from anyglot.evaluation.tasks.layouts import FOLDERS
from anyglot.evaluation.tasks.locate import find
from anyglot.evaluation.tasks.task import Split, Task
from anyglot.evaluation.tasks.task_data import TaskData, open_task

State = Literal["ready", "usable", "of no use", "missing"]
"""All official languages and sound; with something to know; files there that cannot be used; no files."""

SAMPLE = 200
_CHUNK = 1 << 20
_SPLITS: tuple[Split, ...] = ("train", "dev", "test")

_XTREME = "XTREME's scripts/download_data.sh"
_XGLUE = "the XGLUE archive, xglue_full_dataset.tar.gz, from the XGLUE project's page"
_BOOK = "written here, from the phrasebook"
SOURCES: Mapping[str, str] = {
    "xnli": f"XNLI 1.0 and XNLI-MT 1.0 (NYU and Facebook AI), by {_XTREME}, download_xnli; or XNLI/ of {_XGLUE}",
    "pawsx": f"PAWS-X (Google Research), by {_XTREME}, download_pawsx; or PAWSX/ of {_XGLUE}",
    "udpos": f"Universal Dependencies 2.5 or 2.7 (LINDAT/CLARIAH-CZ), by {_XTREME}, download_udpos",
    "panx": f"WikiANN as AmazonPhotos.zip, by hand as XTREME's README says, then {_XTREME}, download_panx",
    "xquad": f"XQuAD (DeepMind), by {_XTREME}, download_xquad, and download_squad to train on",
    "mlqa": f"MLQA_V1.zip (Facebook AI), by {_XTREME}, download_mlqa, and download_squad to train on",
    "tydiqa": f"TyDiQA-GoldP 1.1 (Google Research), by {_XTREME}, download_tydiqa",
    "nc": f"NC/ of {_XGLUE}",
    "qam": f"QAM/ of {_XGLUE}",
    "qadsm": f"QADSM/ of {_XGLUE}",
    "wpr": f"WPR/ of {_XGLUE}",
    "ner": f"NER/ of {_XGLUE} (CoNLL 2002 and 2003)",
    "pos": f"POS/ of {_XGLUE} (Universal Dependencies 2.5)",
    "xcopa": f"XCOPA (Cambridge LTL) and English COPA (SuperGLUE), by {_XTREME}, download_xcopa",
    "sib200": "SIB-200's repository, data/annotated, or Davlan/sib200 on the Hugging Face hub",
    "masakhanews": "MasakhaNEWS's repository, data/, or masakhane/masakhanews on the Hugging Face hub",
}


@dataclass(frozen=True)
class Finding:
    """What the doctor says about a task.

    Args:
        folder: Where its files lie; None where there are none.
        languages: By split: official languages first.
        missing: Official languages without a test set.
        note: How the sets differ from the benchmark's; "" where they do not.
        unlabelled: Languages whose test files have no labels, so that predictions can be written but not scored.
        faults: The first faults of the sample, with file and line.
        faulty: How many faults the sample has.
        rows: How many rows of it could be read.
        unknown: Files in the task's folder that are none of its files.
        source: Where the official files come from.
    """

    task: str
    state: State
    folder: Path | None
    languages: Mapping[Split, tuple[str, ...]]
    missing: tuple[str, ...]
    note: str
    unlabelled: tuple[str, ...]
    faults: tuple[Fault, ...]
    faulty: int
    rows: int
    unknown: tuple[str, ...]
    source: str


def inspect(suite: str, folder: Path, tasks: tuple[str, ...] = (), *, sample: int = SAMPLE) -> tuple[Finding, ...]:
    """Look for each task of a suite, and read a sample of every file of it.

    Args:
        folder: A data root, or one task's folder.
        tasks: Only these of the suite.
        sample: Examples to read of each split and language; 0 reads all.

    Raises:
        UserError: No such suite, task or folder.
    """
    chosen = suite_tasks(suite, tasks)
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give the one that holds the folders of the tasks as `data`.")
    return tuple(_examined(task, folder, sample) for task in chosen)


def source_of(task: str) -> str:
    """Where a task's official files come from, in words; no addresses, which age."""
    return SOURCES.get(task, _BOOK)


def _examined(task: Task, root: Path, sample: int) -> Finding:
    faults = Faults()
    found = find(task, root)
    try:
        data = open_task(task, root, faults)
    except UserError:
        state: State = "of no use" if found.folder is not None and found.unknown else "missing"
        folders = " or ".join(f"{name}/" for name in FOLDERS[task.name])
        note = f"no file of {task.name} in {folders}"
        empty: Mapping[Split, tuple[str, ...]] = dict.fromkeys(_SPLITS, ())
        return Finding(
            task.name,
            state,
            found.folder,
            empty,
            task.languages,
            note,
            (),
            (),
            0,
            0,
            found.unknown,
            source_of(task.name),
        )
    rows, unlabelled = _sampled(data, sample)
    broken = _broken(data, faults)
    fatal = broken or any(fault.kind == "broken" for fault in faults) or not data.languages("train")
    usable = rows > 0 and data.languages("test")
    state = "of no use" if not usable else "usable" if fatal or len(faults) or data.note or unlabelled else "ready"
    return Finding(
        task.name,
        state,
        data.folder,
        {split: data.languages(split) for split in _SPLITS},
        data.missing,
        data.note if data.languages("train") else "; ".join(filter(None, (data.note, "nothing to train on"))),
        unlabelled,
        tuple(fault for fault in faults if fault.kind != "missing"),
        len(faults) - bool(data.missing),
        rows,
        found.unknown,
        source_of(task.name),
    )


def _sampled(data: TaskData, sample: int) -> tuple[int, tuple[str, ...]]:
    """How many examples could be read, and the languages whose test examples have no labels."""
    read = 0
    unlabelled: list[str] = []
    for split in _SPLITS:
        for code in data.languages(split):
            first: Example | None = None
            for example in islice(data.examples(split, code), sample or None):
                first = first or example
                read += 1
            if split == "test" and first is not None and not _labelled(first):
                unlabelled.append(code)
    return read, tuple(unlabelled)


def _labelled(example: Example) -> bool:
    if isinstance(example, TaggedExample):
        return bool(example.tags)
    if isinstance(example, QuestionExample):
        return bool(example.answers)
    return example.label != (-1 if isinstance(example, ChoiceExample) else "")


def _broken(data: TaskData, faults: Faults) -> bool:
    """Whether a packed file breaks off; each such is a fault."""
    paths = {path for split in _SPLITS for code in data.languages(split) for path in data.files(split, code)}
    known = {fault.file for fault in faults if fault.kind == "broken"}
    broken = False
    for path in sorted(path for path in paths - known if path.suffix == ".gz"):
        wrong = _unpacking_error(path)
        if wrong:
            broken = True
            faults.reading(path, "to its end").add(0, f"{wrong}, so it is probably half downloaded", "broken")
    return broken


def _unpacking_error(path: Path) -> str:
    try:
        with gzip.open(path, "rb") as stream:
            while stream.read(_CHUNK):
                pass
    except (EOFError, zlib.error, OSError) as error:
        return f"the file is no sound gzip file ({error})"
    return ""


def usable(findings: tuple[Finding, ...]) -> bool:
    """Whether anything can be trained or scored with what is there."""
    return any(finding.state in ("ready", "usable") for finding in findings)


def format_finding(finding: Finding) -> tuple[str, ...]:
    """The finding in sentences, for a terminal: what is there, what is not, what is wrong, and where it comes from."""
    lines: list[str] = []
    if finding.folder is not None:
        lines.append(f"in {finding.folder}")
    lines += [
        f"{split}: {', '.join(codes)}" for split, codes in finding.languages.items() if codes and len(codes) <= 60
    ]
    if finding.state != "missing" and finding.missing:
        lines.append(f"no test files of {', '.join(finding.missing)}")
    if finding.note:
        lines.append(finding.note)
    if finding.unlabelled:
        lines.append(f"test files without labels, which cannot be scored: {', '.join(finding.unlabelled)}")
    if finding.faulty:
        lines.append(f"{finding.faulty} faults in a sample of {finding.rows} rows; the first: {finding.faults[0]}")
        lines += [str(fault) for fault in finding.faults[1:3]]
    if finding.unknown:
        more = f" and {len(finding.unknown) - 3} more" if len(finding.unknown) > 3 else ""
        lines.append(f"not known what these are: {', '.join(finding.unknown[:3])}{more}")
    if finding.state in ("missing", "of no use") or finding.missing:
        lines.append(f"official files: {finding.source}")
    return tuple(lines)

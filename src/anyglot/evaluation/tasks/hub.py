"""Tasks from the Hugging Face hub: which data set, configuration and columns each is, and rows as examples.

Used with `--data hub`. Nothing is loaded before examples are asked for, and then by the `datasets` library, which
needs a network the first time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anyglot.data.huggingface import datasets_library
from anyglot.errors import UserError
from anyglot.evaluation.tasks.answering import question_example
from anyglot.evaluation.tasks.choice import choice_example, wrong_with
from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import Example, TaggedExample, TextExample
from anyglot.evaluation.tasks.language_names import NAMES, name_of
from anyglot.evaluation.tasks.line_io import shown
from anyglot.evaluation.tasks.tagging import NO_WORD
from anyglot.evaluation.tasks.task import Split, Task
from anyglot.evaluation.tasks.tsv import distinct
from anyglot.text.languages import language

HUB = "hub"

Row = Mapping[str, Any]
Items = Iterator[tuple[int, Example]]


@dataclass(frozen=True)
class HubColumns:
    """Columns of a data set; of several names the first that is there is taken (XGLUE's have been spelt anew).

    Args:
        texts: For each text the columns it is joined of.
        label: The label's, or the tags'.
        spellings: The task's name of a label that the data set names otherwise.
    """

    texts: tuple[tuple[tuple[str, ...], ...], ...] = ()
    label: tuple[str, ...] = ("label",)
    spellings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HubTask:
    """A task on the hub.

    Args:
        repository: The data set's name.
        configuration: With `{code}`, `{name}` (English name), `{flores}` or `{iso3}` where each language has its own.
        splits: By ours, theirs, with the same fields; a split that is not named is not there.
        train: Languages with a training set; "*": all.
    """

    repository: str
    configuration: str
    splits: Mapping[Split, str]
    columns: HubColumns = HubColumns()
    train: tuple[str, ...] = ("en",)


@dataclass(frozen=True)
class HubSet:
    """One split of one language on the hub; stands where a file stands otherwise.

    Args:
        only: Ids that are wanted begin with this (TyDiQA, all languages in one).
    """

    repository: str
    configuration: str
    split: str
    language: str
    columns: HubColumns
    test: bool = False
    only: str = ""

    @property
    def path(self) -> Path:
        """What faults call it by."""
        return Path(f"{HUB}:{self.repository}") / self.configuration / self.split

    def hash(self) -> str:
        """SHA-256 of what names the set: what the hub serves under a name is for the hub to keep."""
        return hashlib.sha256(f"{self.path} {self.language}".encode()).hexdigest()


def _one(*names: str) -> tuple[tuple[str, ...], ...]:
    return (names,)


_ALL: Mapping[Split, str] = {"train": "train", "dev": "validation", "test": "test"}
_XGLUE: Mapping[Split, str] = {"train": "train", "dev": "validation.{code}", "test": "test.{code}"}
_LAST: Mapping[Split, str] = {"test": "validation"}
_TRUTH = {"False": "0", "True": "1", "different": "0", "same": "1", "not_paraphrase": "0", "paraphrase": "1"}
_PAGE = (("query",),), (("web_page_title", "wed_page_title"), ("web_page_snippet",))
_ADVERTISEMENT = (("query",),), (("ad_title",), ("ad_description",))
_XCOPA_SPLITS: Mapping[Split, str] = {"dev": "validation", "test": "test"}

HUB_TASKS: Mapping[str, HubTask] = {
    "xnli": HubTask("facebook/xnli", "{code}", _ALL, HubColumns((_one("premise"), _one("hypothesis")))),
    "pawsx": HubTask(
        "google-research-datasets/paws-x",
        "{code}",
        _ALL,
        HubColumns((_one("sentence1"), _one("sentence2")), spellings=_TRUTH),
    ),
    "udpos": HubTask(
        "google/xtreme", "udpos.{name}", _ALL, HubColumns((_one("tokens", "words"),), ("pos_tags", "pos"))
    ),
    "panx": HubTask("google/xtreme", "PAN-X.{code}", _ALL, HubColumns((_one("tokens", "words"),), ("ner_tags", "ner"))),
    "squad": HubTask("rajpurkar/squad", "plain_text", {"train": "train", "dev": "validation"}),
    "xquad": HubTask("google/xtreme", "XQuAD.{code}", _LAST, train=()),
    "mlqa": HubTask("google/xtreme", "MLQA.{code}.{code}", {"dev": "validation", "test": "test"}, train=()),
    "tydiqa": HubTask("google/xtreme", "tydiqa", {"train": "train", "test": "validation"}, train=("*",)),
    "nc": HubTask(
        "microsoft/xglue", "nc", _XGLUE, HubColumns((_one("news_title"), _one("news_body")), ("news_category",))
    ),
    "qam": HubTask(
        "microsoft/xglue",
        "qam",
        _XGLUE,
        HubColumns((_one("question"), _one("answer", "annswer")), spellings=_TRUTH),
    ),
    "qadsm": HubTask("microsoft/xglue", "qadsm", _XGLUE, HubColumns(_ADVERTISEMENT, ("relevance_label",))),
    "wpr": HubTask("microsoft/xglue", "wpr", _XGLUE, HubColumns(_PAGE, ("relavance_label", "relevance_label"))),
    "ner": HubTask("microsoft/xglue", "ner", _XGLUE, HubColumns((_one("words"),), ("ner",))),
    "pos": HubTask("microsoft/xglue", "pos", _XGLUE, HubColumns((_one("words"),), ("pos",))),
    "xcopa": HubTask("cambridgeltl/xcopa", "{code}", _XCOPA_SPLITS, train=()),
    "sib200": HubTask("Davlan/sib200", "{flores}", _ALL, HubColumns((_one("text"),), ("category",)), train=("*",)),
    "masakhanews": HubTask(
        "masakhane/masakhanews", "{iso3}", _ALL, HubColumns(((("headline",), ("text",)),)), train=("*",)
    ),
}
# English is not in XCOPA; its source is COPA, whose test has no labels.
_COPA = HubTask("aps/super_glue", "copa", _ALL)


def hub_sets(task: Task) -> dict[tuple[Split, str], tuple[HubSet, ...]]:
    """The sets of a task on the hub, by split and language.

    Raises:
        UserError: The task is not on the hub.
    """
    if task.name not in HUB_TASKS:
        raise UserError(
            f"{task.name} is not on the hub: `anyglot data phrasebook` writes its files; give their folder."
        )
    sets: dict[tuple[Split, str], tuple[HubSet, ...]] = {}
    for code in task.languages:
        known = _COPA if (task.name, code) == ("xcopa", "en") else HUB_TASKS[task.name]
        for split, theirs in known.splits.items():
            if split == "train" and code not in known.train and "*" not in known.train:
                continue
            only = f"{name_of(code)}-" if task.name == "tydiqa" else ""
            filled = _filled(known.configuration, code), _filled(theirs, code)
            sets[split, code] = (
                HubSet(known.repository, *filled, code, known.columns, test=split == "test", only=only),
            )
    return sets


def _filled(template: str, code: str) -> str:
    known = language(code)
    name = next((name for name, other in NAMES.items() if other == code), known.name)
    # MasakhaNEWS has ISO 639-3 codes; Swahili's is the macrolanguage's there.
    return template.format(code=code, name=name, flores=known.flores, iso3=known.iso3)


def load(source: HubSet) -> Any:
    """Load a set with the `datasets` library.

    Raises:
        UserError: It cannot be loaded: no network, no such data set, or one that needs the library's older versions.
    """
    datasets = datasets_library()
    try:
        return datasets.load_dataset(source.repository, source.configuration, split=source.split)
    except Exception as error:  # the library raises dozens of kinds: network, parsing, names, splits
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"Cannot load {source.repository}, configuration {source.configuration}, split {source.split}, from the "
            f"Hugging Face hub: {reason} Give the folder of the official files as `data` instead."
        ) from error


def read_hub(source: HubSet, task: Task, faults: FileIssues) -> Items:
    """The examples of a set on the hub, each with the number of its item.

    Raises:
        UserError: As `load`.
    """
    rows = load(source)
    yield from examples_of(rows, task, source, faults, names_of(getattr(rows, "features", None) or {}))


def names_of(features: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The names of classes that a data set keeps as numbers, by column: `ClassLabel`, or a list of them."""
    names: dict[str, tuple[str, ...]] = {}
    for column, feature in features.items():
        inner = getattr(feature, "feature", feature)
        if isinstance(inner, Sequence) and not isinstance(inner, str) and len(inner) == 1:
            inner = inner[0]
        known = getattr(inner, "names", None)
        if known:
            names[column] = tuple(known)
    return names


def examples_of(
    rows: Iterable[Row], task: Task, source: HubSet, faults: FileIssues, names: Mapping[str, tuple[str, ...]]
) -> Items:
    """Rows of a loaded data set as examples; bad ones are faults, as they are in files.

    Args:
        rows: A `datasets.Dataset`, or any rows by column.
        names: Of numbered classes, by column (`names_of`).
    """
    make = _MAKERS[task.kind]
    ids: dict[str, int] = {}
    group, query = -1, None
    for place, row in enumerate(rows):
        if source.only and not str(row.get("id", "")).startswith(source.only):
            continue
        faults.rows += 1
        example = make(row, place, task, source, faults, names)
        if example is None:
            continue
        item = place
        if isinstance(example, TextExample) and task.kind == "ranking":
            if example.texts[0] != query:
                group, query = group + 1, example.texts[0]
            example, item = replace(example, group=str(group)), group
        yield item, replace(example, id=distinct(example.id, ids, place + 1, faults))


def _text(
    row: Row, place: int, task: Task, source: HubSet, faults: FileIssues, names: Mapping[str, tuple[str, ...]]
) -> Example | None:
    parts = [[_cell(row, names_) for names_ in part] for part in source.columns.texts]
    texts = tuple(" ".join(cell.strip() for cell in part if isinstance(cell, str) and cell.strip()) for part in parts)
    if not all(texts):
        faults.add(place + 1, f"text {texts.index('') + 1} is empty")
        return None
    label = _label(row, source, names)
    if source.test and label in ("", "-1"):
        return TextExample(str(row.get("index_id", place)), texts, "")
    if label not in task.labels:
        faults.add(place + 1, f"the label {shown(label)} is none of {', '.join(task.labels)}")
        return None
    return TextExample(str(row.get("index_id", place)), texts, label)


def _tagged(
    row: Row, place: int, task: Task, source: HubSet, faults: FileIssues, names: Mapping[str, tuple[str, ...]]
) -> Example | None:
    words = _cell(row, source.columns.texts[0][0])
    column = next((name for name in source.columns.label if name in row), source.columns.label[0])
    tags = row.get(column)
    if not isinstance(words, list) or not isinstance(tags, list) or not words or len(words) != len(tags):
        faults.add(place + 1, "words and tags are not two lists of one length")
        return None
    named = tuple(_named(tag, names.get(column, ())) for tag in tags)
    wrong = next((tag for tag in named if tag not in task.labels), None)
    if wrong is not None:
        faults.add(place + 1, f"the tag {shown(wrong)} is none of {', '.join(task.labels)}")
        return None
    return TaggedExample(str(place), tuple(str(word).strip() or NO_WORD for word in words), named)


def _question(
    row: Row, place: int, task: Task, source: HubSet, faults: FileIssues, names: Mapping[str, tuple[str, ...]]
) -> Example | None:
    answers = row.get("answers") or {}
    texts, starts = answers.get("text", []), answers.get("answer_start", [])
    pairs = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=False)]
    record = {"id": row.get("id"), "question": row.get("question"), "answers": pairs}
    context = row.get("context")
    where = f"row {place + 1}"
    return question_example(record, context if isinstance(context, str) else "", where, faults, test=source.test)


def _choice(
    row: Row, place: int, task: Task, source: HubSet, faults: FileIssues, names: Mapping[str, tuple[str, ...]]
) -> Example | None:
    record = dict(row)
    wrong = wrong_with(record, test=source.test)
    if wrong:
        faults.add(place + 1, wrong)
        return None
    return choice_example(record, str(record.get("idx", place)))


_Maker = Callable[[Row, int, Task, HubSet, FileIssues, Mapping[str, tuple[str, ...]]], Example | None]
_MAKERS: Mapping[str, _Maker] = {
    "classification": _text,
    "ranking": _text,
    "tagging": _tagged,
    "answering": _question,
    "choice": _choice,
}


def _cell(row: Row, names: tuple[str, ...]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _label(row: Row, source: HubSet, names: Mapping[str, tuple[str, ...]]) -> str:
    column = next((name for name in source.columns.label if name in row), source.columns.label[0])
    label = _named(row.get(column, ""), names.get(column, ()))
    return source.columns.spellings.get(label, label)


def _named(value: Any, names: tuple[str, ...]) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    return str(value)

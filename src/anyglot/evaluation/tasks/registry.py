"""A file of a known form, read as examples: which reader, with which columns or rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from anyglot.evaluation.tasks.answering import questions
from anyglot.evaluation.tasks.choice import choices
from anyglot.evaluation.tasks.data_issues import FileIssues
from anyglot.evaluation.tasks.examples import Example
from anyglot.evaluation.tasks.language_names import name_of
from anyglot.evaluation.tasks.ranking import ranked
from anyglot.evaluation.tasks.tagging import TagRules, tagged, universal
from anyglot.evaluation.tasks.task import Task
from anyglot.evaluation.tasks.tsv import Columns, texts_and_labels


@dataclass(frozen=True)
class SourceFile:
    """A file and what of it is wanted.

    Args:
        form: A name in `FORMS`.
        language: Code of the language of the rows that are wanted.
        several: Whether the file has other languages too.
        split_inside: Where rows name their splits: what stands before those that are wanted; else "".
        test: Whether it is a test file, which may come without labels.
    """

    path: Path
    form: str
    language: str
    several: bool = False
    split_inside: str = ""
    test: bool = False


Items = Iterator[tuple[int, Example]]
"""Examples, each with the number of its item: the row, sentence, paragraph or query that is never divided."""

_GRADES = {"0": "Bad", "1": "Fair", "2": "Good", "3": "Excellent", "4": "Perfect"}
_PAIR = Columns(((0,), (1,)), 2, 3)
_WITH_ID = Columns(((1,), (2,)), 3, 4, id=0)
_XNLI = Columns(((6,), (7,)), 1, 19)
_TOPIC = Columns(((3,),), 2, 4, id=1)
_TOPIC_TABLE = Columns(((2,),), 1, 3, id=0)
_NEWS = Columns(((1, 2),), 0, 3)
_NEWS_WITH_ADDRESS = Columns(((1, 2),), 0, 4)
_ADVERTISEMENT = Columns(((0,), (1, 2)), 3, 4)
_PAGE = Columns(((0,), (1, 2)), 3, 4, spellings=_GRADES)


def _pairs(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return texts_and_labels(source.path, (_PAIR,), task.labels, faults, test=source.test)


def _paraphrases(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return texts_and_labels(source.path, (_PAIR, _WITH_ID), task.labels, faults, test=source.test)


def _xnli(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    # The benchmark's own codes are the canonical ones.
    only = (0, source.language)
    return texts_and_labels(source.path, (_XNLI,), task.labels, faults, test=False, only=only)


def _advertisements(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return texts_and_labels(source.path, (_ADVERTISEMENT,), task.labels, faults, test=source.test)


def _topics(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    only = (0, source.split_inside)
    return texts_and_labels(source.path, (_TOPIC,), task.labels, faults, test=False, only=only)


def _topic_table(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return texts_and_labels(source.path, (_TOPIC_TABLE,), task.labels, faults, test=False)


def _news(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return texts_and_labels(source.path, (_NEWS, _NEWS_WITH_ADDRESS), task.labels, faults, test=False)


def _ranking(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return ranked(source.path, (_PAGE,), task.labels, faults, test=source.test)


def _choice(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return choices(source.path, faults, test=source.test)


def _questions(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    name = name_of(source.language) if source.several else ""
    return questions(source.path, faults, test=source.test, language=name)


def _tags(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return tagged(source.path, TagRules(), task.labels, faults, test=source.test)


def _universal_tags(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return tagged(source.path, TagRules(underscores=True), task.labels, faults, test=source.test)


def _wikiann(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return tagged(source.path, TagRules(prefix=source.language), task.labels, faults, test=source.test)


def _spaced_tags(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return tagged(source.path, TagRules(separator=""), task.labels, faults, test=source.test)


def _conll(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return tagged(source.path, TagRules(separator="", iob1=True), task.labels, faults, test=False)


def _conllu(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    return universal(source.path, source.language, task.labels, faults)


FORMS: Mapping[str, Callable[[SourceFile, Task, FileIssues], Items]] = {
    "pair": _pairs,
    "paraphrase": _paraphrases,
    "xnli": _xnli,
    "advertisement": _advertisements,
    "topic": _topics,
    "topic_table": _topic_table,
    "news": _news,
    "ranking": _ranking,
    "choice": _choice,
    "questions": _questions,
    "tags": _tags,
    "universal_tags": _universal_tags,
    "wikiann": _wikiann,
    "spaced_tags": _spaced_tags,
    "conll": _conll,
    "conllu": _conllu,
}


def read(source: SourceFile, task: Task, faults: FileIssues) -> Items:
    """The examples of a file, streamed."""
    return FORMS[source.form](source, task, faults)

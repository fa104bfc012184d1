"""Rows of data sets as the hub serves them become the examples that files give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.tasks.catalogue import TASKS
from anyglot.evaluation.tasks.data_issues import Faults, FileIssues
from anyglot.evaluation.tasks.examples import (
    Answer,
    ChoiceExample,
    Example,
    QuestionExample,
    TaggedExample,
    TextExample,
)
from anyglot.evaluation.tasks.hub import HubSet, examples_of, hub_sets, names_of
from anyglot.evaluation.tasks.task import Split
from anyglot.evaluation.tasks.task_data import open_task

datasets = pytest.importorskip("datasets")


def made(
    name: str, rows: list[dict[str, Any]], features: Any = None, split: Split = "train", code: str = "en"
) -> tuple[list[Example], FileIssues]:
    loaded = datasets.Dataset.from_list(rows, features=features)
    [source] = hub_sets(TASKS[name])[split, code]
    faults = FileIssues(source.path)
    items = examples_of(loaded, TASKS[name], source, faults, names_of(loaded.features))
    return [example for _, example in items], faults


def test_numbered_classes_have_names() -> None:
    features = datasets.Features(
        premise=datasets.Value("string"),
        hypothesis=datasets.Value("string"),
        label=datasets.ClassLabel(names=["entailment", "neutral", "contradiction"]),
    )
    rows = [{"premise": "a", "hypothesis": "b", "label": 2}, {"premise": "", "hypothesis": "b", "label": 0}]
    found, faults = made("xnli", rows, features)
    assert found == [TextExample("0", ("a", "b"), "contradiction")]
    assert faults.left_out == 1 and faults.first()[0].line == 2


def test_xglues_own_names_of_labels_and_columns() -> None:
    features = datasets.Features(
        question=datasets.Value("string"),
        annswer=datasets.Value("string"),
        label=datasets.ClassLabel(names=["False", "True"]),
    )
    found, _ = made("qam", [{"question": "q", "annswer": "a", "label": 1}], features)
    assert found == [TextExample("0", ("q", "a"), "1")]
    rows = [
        {"query": q, "wed_page_title": "t", "web_page_snippet": "s", "relavance_label": "Good"} for q in ("a", "a", "b")
    ]
    found, _ = made("wpr", rows)
    assert [example.group for example in found if isinstance(example, TextExample)] == ["0", "0", "1"]
    found, _ = made("nc", [{"news_title": "t", "news_body": "b", "news_category": "sports"}])
    assert found == [TextExample("0", ("t", "b"), "sports")]
    found, _ = made("masakhanews", [{"headline": "h", "text": "t", "label": "sports"}])
    assert found == [TextExample("0", ("h t",), "sports")]


def test_tags_that_are_numbers() -> None:
    names = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
    lists = getattr(datasets, "List", datasets.Sequence)
    features = datasets.Features(
        tokens=lists(datasets.Value("string")), ner_tags=lists(datasets.ClassLabel(names=names))
    )
    rows = [{"tokens": ["Ada", "came"], "ner_tags": [1, 0]}, {"tokens": ["a"], "ner_tags": [0, 0]}]
    found, faults = made("panx", rows, features)
    assert found == [TaggedExample("0", ("Ada", "came"), ("B-PER", "O"))] and faults.left_out == 1


def test_questions_and_choices() -> None:
    answers = {"text": ["Ada"], "answer_start": [0]}
    row = {"id": "english-1", "context": "Ada wrote.", "question": "Who?", "answers": answers}
    found, _ = made("tydiqa", [row, row | {"id": "finnish-1"}])
    assert found == [QuestionExample("english-1", "Who?", "Ada wrote.", (Answer(0, "Ada"),))]
    copa = {"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "idx": 4, "label": -1}
    found, _ = made("xcopa", [copa], split="test")
    assert found == [ChoiceExample("4", "p", "cause", ("a", "b"), -1)]


def test_configurations() -> None:
    def of(name: str, split: Split, code: str) -> HubSet:
        [source] = hub_sets(TASKS[name])[split, code]
        return source

    assert of("udpos", "test", "de").configuration == "udpos.German"
    assert of("mlqa", "test", "de").configuration == "MLQA.de.de"
    assert of("sib200", "train", "de").configuration == "deu_Latn"
    assert of("sib200", "train", "sw").configuration == "swh_Latn"
    assert of("masakhanews", "test", "sw").configuration == "swa"
    assert of("wpr", "test", "de").split == "test.de"
    assert ("train", "de") not in hub_sets(TASKS["wpr"])
    assert of("xcopa", "train", "en").repository == "aps/super_glue"
    with pytest.raises(UserError, match="not on the hub"):
        hub_sets(TASKS["book_nli"])


def test_the_hub_as_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    data = open_task(TASKS["xquad"], "hub", Faults())
    assert data.has("train", "en") and data.has("dev", "en") and data.languages("test") == TASKS["xquad"].languages
    assert len(data.hash("test", "de")) == 64 and data.hash("test", "de") != data.hash("test", "en")

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(UserError, match=r"Cannot load google/xtreme, configuration XQuAD\.de.*no network"):
        next(data.examples("test", "de"))

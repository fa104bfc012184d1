"""Tasks and suites hang together: labels, languages, metrics, protocols, layouts and hub entries of each."""

from __future__ import annotations

import pytest

from anyglot.errors import UserError
from anyglot.evaluation.tasks.catalogue import (
    BOOK_TOPICS,
    SUITE_LANGUAGES,
    SUITES,
    TASKS,
    UPOS_TAGS,
    suite_tasks,
    task_named,
)
from anyglot.evaluation.tasks.doctor import SOURCES
from anyglot.evaluation.tasks.hub import HUB_TASKS
from anyglot.evaluation.tasks.language_names import NAMES
from anyglot.evaluation.tasks.layouts import FOLDERS, PATTERNS
from anyglot.evaluation.tasks.metrics import METRICS
from anyglot.evaluation.tasks.registry import FORMS
from anyglot.phrasebook.catalogue import load_catalogue
from anyglot.phrasebook.languages import known_languages
from anyglot.text.languages import language


@pytest.mark.parametrize("name", TASKS)
def test_a_task_hangs_together(name: str) -> None:
    task = TASKS[name]
    assert task.name == name and task.title and len(set(task.labels)) == len(task.labels)
    assert [language(code).code for code in task.languages] == list(task.languages)
    assert len(set(task.languages)) == len(task.languages)
    assert set(task.metrics) <= set(METRICS)
    assert "own" in task.protocols
    assert all(protocol.learning_rate > 0 and protocol.epochs > 0 for protocol in task.protocols.values())
    assert PATTERNS[name] and FOLDERS[name]
    assert {pattern.form for pattern in PATTERNS[name]} <= set(FORMS)
    assert not task.train or task.train in TASKS


def test_counts_of_languages_are_those_of_the_papers() -> None:
    counts = {name: len(TASKS[name].languages) for name in TASKS if not name.startswith("book_")}
    assert counts == {
        "xnli": 15,
        "pawsx": 7,
        "udpos": 33,
        "panx": 40,
        "squad": 1,
        "xquad": 11,
        "mlqa": 7,
        "tydiqa": 9,
        "nc": 5,
        "qam": 3,
        "qadsm": 3,
        "wpr": 7,
        "ner": 4,
        "pos": 18,
        "xcopa": 12,
        "sib200": 12,
        "masakhanews": 16,
    }
    assert len(UPOS_TAGS) == 17 and len(TASKS["nc"].labels) == 10 and len(TASKS["panx"].labels) == 7


def test_settings_of_the_papers() -> None:
    # Method cards 6.1 and 4.2.
    xnli = TASKS["xnli"].protocols["xtreme"]
    assert (xnli.learning_rate, xnli.epochs, xnli.batch, xnli.max_length) == (3e-5, 5, 32, 128)
    mlqa = TASKS["mlqa"].protocols["jiant"]
    assert (mlqa.learning_rate, mlqa.epochs, mlqa.batch, mlqa.max_length, mlqa.stride) == (1e-5, 2, 16, 384, 128)
    assert TASKS["xquad"].protocols["xtreme"].warmup_updates == 500
    assert {TASKS[name].protocols["xglue"].learning_rate for name in SUITES["xglue"] if name != "pos"} == {5e-6}
    pos = TASKS["pos"].protocols["xglue"]
    assert (pos.learning_rate, pos.epochs, pos.max_length, pos.batch) == (2e-5, 10, 256, 32)
    assert TASKS["udpos"].metrics == ("legacy_pos", "tag_accuracy")


def test_suites() -> None:
    named = {name for names in SUITES.values() for name in names}
    # SQuAD is trained on by others and is in no suite of its own.
    assert named == set(TASKS) - {"squad"}
    for suite, names in SUITES.items():
        assert len(suite_tasks(suite)) == len(names)
        protocol = {"phrasebook": "own", "more": "xtreme"}.get(suite, suite)
        assert all(protocol in task.protocols for task in suite_tasks(suite))
    [pawsx] = suite_tasks("xglue", ("pawsx",))
    assert pawsx.languages == SUITE_LANGUAGES["xglue", "pawsx"] == ("de", "en", "es", "fr")
    assert suite_tasks("xtreme", ("pawsx",))[0] == TASKS["pawsx"]


def test_the_phrasebooks_tasks_follow_the_phrasebook() -> None:
    assert TASKS["book_nli"].languages == tuple(known_languages())
    assert set(BOOK_TOPICS) == set(load_catalogue().topics)


def test_every_official_task_has_a_source_and_a_place_on_the_hub() -> None:
    official = {name for name in TASKS if not name.startswith("book_")}
    assert set(HUB_TASKS) == official and set(SOURCES) == official - {"squad"}


def test_english_names_are_names_of_their_codes() -> None:
    assert all(language(code).code == code for code in NAMES.values())


def test_unknown_names() -> None:
    with pytest.raises(UserError, match="no task 'xnll'"):
        task_named("xnll")
    with pytest.raises(UserError, match="no suite 'glue'"):
        suite_tasks("glue")
    with pytest.raises(UserError, match="suite xglue has no task 'xcopa'"):
        suite_tasks("xglue", ("xcopa",))

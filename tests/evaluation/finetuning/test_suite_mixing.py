"""What a model is trained on: examples are drawn by the seed, translations keep labels, selection is what was asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.evaluation.finetuning.sources import TaskSources, open_sources
from anyglot.evaluation.finetuning.training_sets import draw, mix
from anyglot.evaluation.finetuning.translated import made, texts_of, with_texts
from anyglot.evaluation.tasks.catalogue import TASKS
from anyglot.evaluation.tasks.examples import ChoiceExample, TextExample
from support.suite_data import COUNTS, write_sets


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> TaskSources:
    return open_sources(TASKS["book_nli"], write_sets(tmp_path_factory.mktemp("sets")))


def test_zero_shot_reads_the_training_language_alone(sources: TaskSources) -> None:
    mixture = mix(sources, ("en", "de"), train_language="en", selection="english")
    assert list(mixture.train) == ["en"] and list(mixture.dev) == ["en"]
    assert len(list(mixture.train["en"]())) == len(list(mixture.train["en"]())) == COUNTS["train"]


def test_selection_decides_which_dev_sets_are_read(sources: TaskSources) -> None:
    every = mix(sources, ("en", "de"), train_language="en", selection="mean")
    assert list(every.dev) == ["en", "de"]
    last = mix(sources, ("en", "de"), train_language="en", selection="last")
    assert not last.dev and last.selection == "last"
    assert "all languages" in every.told["Selected by"] and "last weights" in last.told["Selected by"]


def test_another_training_language(sources: TaskSources) -> None:
    mixture = mix(sources, ("en", "de"), train_language="de", selection="english")
    assert list(mixture.train) == ["de"] and list(mixture.dev) == ["de"]
    with pytest.raises(UserError, match=r"no training set in fr; there is one in .*de"):
        mix(sources, ("en",), train_language="fr", selection="english")


def test_few_shot_examples_are_added_by_the_seed(sources: TaskSources) -> None:
    def added(seed: int) -> list[str]:
        mixture = mix(sources, ("en", "de"), train_language="en", selection="english", few=4, seed=seed)
        assert list(mixture.train) == ["en", "de"] and "drawn by the seed" in mixture.told["Trained on"]
        return [example.id for example in mixture.train["de"]()]

    assert len(set(added(1))) == 4 and added(1) == added(1) != added(2)


def test_few_shot_examples_of_a_dev_set_are_not_selected_on(tmp_path: Path) -> None:
    folder = write_sets(tmp_path)
    (folder / "nli" / "train-de.tsv").unlink()
    sources = open_sources(TASKS["book_nli"], folder)
    mixture = mix(sources, ("en", "de"), train_language="en", selection="mean", few=4, seed=1)
    drawn = {example.id for example in mixture.train["de"]()}
    left = {example.id for example in mixture.dev["de"]()}
    assert len(drawn) == 4 and len(left) == COUNTS["dev"] - 4 and not drawn & left


@given(st.integers(1, 30), st.integers(1, 30), st.text(max_size=5))
def test_drawing_takes_so_many_different_places(count: int, size: int, key: str) -> None:
    rows = [TextExample(str(number), ("",), "") for number in range(size)]
    if count > size:
        with pytest.raises(UserError, match=f"has {size}|more examples"):
            draw(rows, count, f"1 task {key}x")
        return
    chosen = draw(rows, count, f"1 task {key}x")
    assert len(chosen) == count and chosen <= set(range(size)) and chosen == draw(rows, count, f"1 task {key}x")


def test_every_place_is_as_likely() -> None:
    rows = [TextExample(str(number), ("",), "") for number in range(10)]
    seen = Counter(place for seed in range(2000) for place in draw(rows, 3, f"{seed} task de"))
    # 600 of 2000 each; six standard deviations are 123.
    assert all(abs(seen[place] - 600) < 123 for place in range(10))


def _shout(texts: list[str], target: str) -> list[str]:
    return [f"{target} {text.upper()}" for text in texts]


def test_translations_keep_labels_and_are_made_once(sources: TaskSources, tmp_path: Path) -> None:
    calls: list[int] = []

    def translate(texts: list[str], target: str) -> list[str]:
        calls.append(len(texts))
        return _shout(texts, target)

    def again(translator: str) -> list[TextExample]:
        found = made(
            sources.task,
            lambda: sources.data.examples("train", "en"),
            "hash",
            ("de",),
            tmp_path,
            translator,
            translate,
            lambda line: None,
        )
        return list(found.opener("de")())  # type: ignore[arg-type]

    originals = list(sources.data.examples("train", "en"))
    rows = again("one")
    assert [row.label for row in rows] == [row.label for row in originals]  # type: ignore[union-attr]
    assert [row.texts for row in rows] == [tuple(_shout(list(row.texts), "de")) for row in originals]  # type: ignore[union-attr]
    assert again("one") == rows and len(calls) == 1
    again("another")
    assert len(calls) == 2


def test_a_choice_is_translated_whole() -> None:
    example = ChoiceExample("1", "a", "cause", ("b", "c"), 1)
    other = with_texts(example, tuple(_shout(list(texts_of(example)), "de")))
    assert other == ChoiceExample("1", "de A", "cause", ("de B", "de C"), 1)


@pytest.mark.parametrize(("task", "what"), [("book_pos", "tags of words"), ("book_questions", "answers in a context")])
def test_what_has_places_is_not_translated(task: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{what} do not survive a translation; give translated files"):
        made(TASKS[task], lambda: iter(()), "", ("de",), tmp_path, "", _shout, lambda line: None)

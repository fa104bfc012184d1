"""The labelled sets as files and in all languages: deterministic, parallel, with exact spans and disjoint splits."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from functools import lru_cache
from itertools import cycle
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.phrasebook import Meaning, known_languages, realise
from anyglot.phrasebook.labelled import labelled_items, write_labelled
from anyglot.phrasebook.labelled.choice import pair_of
from anyglot.phrasebook.labelled.draws import SPLITS
from anyglot.phrasebook.labelled.interrogatives import WORDS, question
from anyglot.phrasebook.labelled.items import (
    GRADES,
    NLI_LABELS,
    ChoiceItem,
    DocumentItem,
    Item,
    PairItem,
    QuestionItem,
    TextItem,
)
from anyglot.phrasebook.labelled.writing import ITEMS, _distinct, answer, entity_tags, keywords, say
from anyglot.phrasebook.sampler import split_of

LANGUAGES = known_languages()
SIZES = {"train": 30, "dev": 20, "test": 20}


@lru_cache
def items(task: str, split: str, count: int, level: str = "full") -> tuple[Item, ...]:
    return tuple(labelled_items(task, split, count, seed=4, level=level))


def anchors(item: Item) -> list[Meaning]:
    """What an item is made from, which decides its split."""
    if isinstance(item, TextItem):
        return list(item.text)
    if isinstance(item, PairItem):
        return [item.first[0]] if item.label in ("0", "1") else list(item.second)
    if isinstance(item, QuestionItem):
        return list(item.context)
    if isinstance(item, DocumentItem):
        return [item.query, *item.snippet]
    return [pair_of(*item.choices)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("labelled") / "sets"
    write_labelled(target, ["en", "zh", "tr"], SIZES, seed=2)
    return target


def test_the_same_seed_gives_the_same_files_whatever_other_languages_there_are(tmp_path: Path, folder: Path) -> None:
    alone = write_labelled(tmp_path / "alone", ["zh"], SIZES, seed=2)
    other = write_labelled(tmp_path / "other", ["zh"], SIZES, seed=3)
    for name in [f"{task}/train-zh.tsv" for task in ("nli", "paraphrase", "pos", "names", "ranking")]:
        assert (folder / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
        assert (folder / name).read_bytes() != (tmp_path / "other" / name).read_bytes()
    assert alone["sha256"] != other["sha256"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_manifest_has_the_digest_of_every_file(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["seed"], manifest["level"], manifest["sizes"]) == (2, "full", SIZES)
    files = {str(path.relative_to(folder)) for path in folder.glob("*/*")}
    assert files == set(manifest["sha256"])
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_files_have_the_layouts(folder: Path) -> None:
    def rows(name: str) -> list[list[str]]:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))

    for language in ("en", "zh", "tr"):
        assert [len(row) for row in rows(f"nli/dev-{language}.tsv")] == [3] * 20
        assert [row[2] for row in rows(f"nli/dev-{language}.tsv")] == [row[2] for row in rows("nli/dev-en.tsv")]
        assert {row[2] for row in rows(f"paraphrase/train-{language}.tsv")} == {"0", "1"}
        topics = rows(f"topic/{language}.tsv")
        assert Counter(row[0] for row in topics) == SIZES
        assert len({row[1] for row in topics}) == len(topics) == 70
        ranked = rows(f"ranking/test-{language}.tsv")
        assert Counter(row[3] for row in ranked) == dict.fromkeys(GRADES, 4)
        assert len({row[0] for row in ranked}) == 4
        blocks = (folder / f"names/train-{language}.tsv").read_text(encoding="utf-8").strip().split("\n\n")
        assert len(blocks) == 30
        choices = (folder / f"choice/train-{language}.jsonl").read_text(encoding="utf-8").splitlines()
        parsed = [json.loads(line) for line in choices]
        assert [list(row) for row in parsed] == [["premise", "choice1", "choice2", "question", "label", "idx"]] * 30
        squad = json.loads((folder / f"questions/test-{language}.json").read_text(encoding="utf-8"))
        paragraphs = squad["data"][0]["paragraphs"]
        assert len({paragraph["qas"][0]["id"] for paragraph in paragraphs}) == 20
        for paragraph in paragraphs:
            (found,) = paragraph["qas"][0]["answers"]
            assert paragraph["context"][found["answer_start"] :].startswith(found["text"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_spans_are_exact_and_in_the_sentence_that_is_asked_about(language: str) -> None:
    for item in items("questions", "test", 200):
        assert isinstance(item, QuestionItem)
        context, text, start = answer(item, language)
        assert text and context[start : start + len(text)] == text
        before = say(item.context[: item.asked], language)
        assert context.startswith(before) and start >= len(before)
        assert start + len(text) <= len(say(item.context[: item.asked + 1], language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_have_their_word_and_not_their_answer(language: str) -> None:
    words = WORDS[language]
    for item in items("questions", "test", 200):
        assert isinstance(item, QuestionItem)
        asked = question(item.context[item.asked], item.slot, language)
        assert asked.endswith(words.closing) and asked.startswith(words.opening)
        name = realise_name(item, language)
        assert (name in asked) == (item.slot != "agent")


def realise_name(item: QuestionItem, language: str) -> str:
    agent = item.context[item.asked].first.agent
    found = [text for text, tag in entity_tags(item.context[item.asked], language) if tag == "B-PER"]
    assert agent.definite
    return found[0]


def test_questions_read_well() -> None:
    asked = {"de": set[str](), "en": set[str]()}
    for item in items("questions", "test", 200):
        assert isinstance(item, QuestionItem)
        for language, seen in asked.items():
            seen.add(question(item.context[item.asked], item.slot, language).split()[0])
    assert asked == {"de": {"Wer", "Was", "Wo", "Wann"}, "en": {"Who", "What", "Where", "When"}}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_same_names_are_tagged_in_every_language(language: str) -> None:
    for item in items("names", "train", 200):
        assert isinstance(item, TextItem)
        (meaning,) = item.text
        tagged = entity_tags(meaning, language)
        assert tuple(token for token, _ in tagged) == realise(meaning, language).tokens
        kinds = {tag for _, tag in tagged} - {"O"}
        assert kinds <= {"B-PER", "B-LOC", "B-ORG"}  # no name of the phrasebook has several words
        assert Counter(tag for _, tag in tagged if tag != "O") == Counter(
            tag for _, tag in entity_tags(meaning, "en") if tag != "O"
        )


def test_every_kind_of_name_is_common() -> None:
    tags = Counter(tag for item in items("names", "train", 200) for _, tag in entity_tags(anchors(item)[0], "en"))
    assert min(tags[tag] for tag in ("B-PER", "B-LOC", "B-ORG")) >= 40


def test_tags_are_those_of_the_phrasebook(folder: Path) -> None:
    for language in ("en", "zh", "tr"):
        blocks = (folder / f"pos/dev-{language}.tsv").read_text(encoding="utf-8").strip().split("\n\n")
        drawn = labelled_items("pos", "dev", 20, seed=2)
        for block, item in zip(blocks, drawn, strict=True):
            sentence = realise(anchors(item)[0], language)
            assert block.split("\n") == [f"{t}\t{u}" for t, u in zip(sentence.tokens, sentence.upos, strict=True)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_paraphrases_are_other_texts_and_queries_apart(language: str) -> None:
    for item in items("paraphrase", "train", 300):
        assert isinstance(item, PairItem)
        assert say(item.first, language) != say(item.second, language)
    rows = items("ranking", "test", 200)
    queries = [keywords(item.query, language) for item in rows if isinstance(item, DocumentItem)]
    assert all(queries)
    assert len(set(queries)) == 40


@pytest.mark.parametrize("level", ["full", "beginner"])
@pytest.mark.parametrize("task", ITEMS)
def test_items_lie_in_their_split_and_held_out_ones_differ(task: str, level: str) -> None:
    for split, of_meanings in SPLITS.items():
        drawn = items(task, split, 40, level)
        assert len(drawn) == 40
        assert all(split_of(meaning) == of_meanings for item in drawn for meaning in anchors(item))
        if split != "train":
            assert len(set(drawn)) == len(drawn)


def test_labels_are_balanced() -> None:
    pairs = [item for item in items("nli", "train", 300) if isinstance(item, PairItem)]
    assert Counter(item.label for item in pairs) == dict.fromkeys(NLI_LABELS, 100)
    pairs = [item for item in items("paraphrase", "train", 300) if isinstance(item, PairItem)]
    assert Counter(item.label for item in pairs) == {"0": 150, "1": 150}
    chosen = [item for item in items("choice", "train", 200) if isinstance(item, ChoiceItem)]
    assert set(Counter((item.label, item.question) for item in chosen).values()) == {50}
    texts = [item for item in items("topic", "train", 280) if isinstance(item, TextItem)]
    assert set(Counter(item.label for item in texts).values()) == {20}
    slots = Counter(item.slot for item in items("questions", "train", 200) if isinstance(item, QuestionItem))
    assert set(slots.values()) == {50}


def test_what_is_not_there_is_the_users_slip(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no labelled set 'poetry'"):
        labelled_items("poetry", "train", 1)
    with pytest.raises(UserError, match="no split 'validation'"):
        write_labelled(tmp_path / "sets", ["en"], {"validation": 1})
    with pytest.raises(UserError, match="ask for fewer"):
        list(_distinct(cycle(items("choice", "dev", 40)), "the dev set"))
    (tmp_path / "thesis.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(UserError, match="no phrasebook"):
        write_labelled(tmp_path, ["en"], {"train": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]

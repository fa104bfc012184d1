"""The labelled sets as files: a folder for each task, line i the same in every language."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from anyglot.errors import UserError
from anyglot.phrasebook.corpus import realise
from anyglot.phrasebook.labelled.choice import choice_items
from anyglot.phrasebook.labelled.draws import SPLITS, Draws, value
from anyglot.phrasebook.labelled.inference import inference_items
from anyglot.phrasebook.labelled.interrogatives import question
from anyglot.phrasebook.labelled.items import (
    GRADES,
    ChoiceItem,
    DocumentItem,
    Item,
    PairItem,
    QuestionItem,
    Text,
    TextItem,
)
from anyglot.phrasebook.labelled.paraphrase import paraphrase_items
from anyglot.phrasebook.labelled.questions import question_items
from anyglot.phrasebook.labelled.ranking import ranking_items
from anyglot.phrasebook.labelled.spans import TIME, characters, core, tracer
from anyglot.phrasebook.labelled.topics import named_items, tagged_items, topic_items
from anyglot.phrasebook.languages import check_languages, load_grammar
from anyglot.phrasebook.levels import level_named
from anyglot.phrasebook.meaning import Meaning
from anyglot.runtime.files import whole_folder, write_json

ITEMS: dict[str, Callable[[Draws], Iterator[Item]]] = {
    "nli": inference_items,
    "paraphrase": paraphrase_items,
    "topic": topic_items,
    "pos": tagged_items,
    "names": named_items,
    "questions": question_items,
    "ranking": ranking_items,
    "choice": choice_items,
}
ENTITY_TYPES = {"name": "PER", "city": "LOC", "country": "LOC", "company": "ORG"}
CONTENT_TAGS = frozenset({"NOUN", "PROPN", "VERB", "ADJ"})  # of a query's words
REPEATS = 5000  # of items already there, before a split counts as exhausted


def labelled_items(task: str, split: str, count: int, seed: int = 0, level: str = "full") -> list[Item]:
    """The first `count` items of a task; held-out splits repeat none. Of ranking, whole queries: up to four rows more.

    Raises:
        UserError: No such task, split or level, or the level does not have so many different items.
    """
    if task not in ITEMS:
        raise UserError(f"there is no labelled set '{task}'; there are {', '.join(ITEMS)}.")
    if task == "ranking":
        count = -(-count // len(GRADES)) * len(GRADES)
    items = ITEMS[task](Draws(seed, task, split, level))
    if split != "train" and task != "ranking":  # ranking repeats no query by itself
        items = _distinct(items, f"the {split} set of '{task}'")
    return list(islice(items, count))


def _distinct(items: Iterable[Item], what: str) -> Iterator[Item]:
    seen: set[Item] = set()
    repeated = 0
    for item in items:
        if item in seen:
            repeated += 1
            if repeated > REPEATS:
                raise UserError(f"the phrasebook finds no more different items for {what}; ask for fewer.")
            continue
        repeated = 0
        seen.add(item)
        yield item


def say(text: Text, language: str) -> str:
    """A text in a language."""
    return load_grammar(language).space.join(realise(meaning, language).text for meaning in text)


def entity_tags(meaning: Meaning, language: str) -> list[tuple[str, str]]:
    """The words of a sentence with IOB2 tags: people PER, cities and countries LOC, companies ORG."""
    traced = tracer(language).trace(meaning)
    tags = ["O"] * len(traced.tokens)
    lexicon = tracer(language).grammar.lexicon
    for concept, words in traced.words.items():
        kind = ENTITY_TYPES.get(lexicon[concept].category) if concept != TIME else None
        named = [i for i in words if traced.tokens[i].upos == "PROPN"] if kind else []
        for i in named:
            # The same name in both clauses is two names; only a name of several words goes on.
            tags[i] = f"{'I' if i - 1 in named else 'B'}-{kind}"
    return [(token.text, tag) for token, tag in zip(traced.tokens, tags, strict=True)]


def answer(item: QuestionItem, language: str) -> tuple[str, str, int]:
    """The context, the answer and where in the context it begins, in characters."""
    grammar = load_grammar(language)
    sentences = [realise(meaning, language).text for meaning in item.context]
    clause = item.context[item.asked].first
    traced = tracer(language).trace(item.context[item.asked])
    key = TIME if item.slot == "time" else value(clause, item.slot)
    assert key is not None  # only what is told is asked for
    start, end = characters(grammar, traced.tokens, *core(traced, key))
    offset = sum(len(sentence) + len(grammar.space) for sentence in sentences[: item.asked])
    context = grammar.space.join(sentences)
    return context, context[offset + start : offset + end], offset + start


def keywords(meaning: Meaning, language: str) -> str:
    """What one would type to find a sentence: its verb and its participants without articles and prepositions."""
    traced = tracer(language).trace(meaning)
    kept = {i for i, token in enumerate(traced.tokens) if token.upos == "VERB"}
    for key in traced.words:
        kept |= set(range(*core(traced, key)))
    return " ".join(traced.tokens[i].text for i in sorted(kept) if traced.tokens[i].upos in CONTENT_TAGS)


def _tsv(fields: Sequence[str]) -> str:
    return "\t".join(fields) + "\n"


def _pair_row(item: Item, language: str) -> str:
    assert isinstance(item, PairItem)
    return _tsv((say(item.first, language), say(item.second, language), item.label))


def _pos_rows(item: Item, language: str) -> str:
    assert isinstance(item, TextItem)
    sentence = realise(item.text[0], language)
    return "".join(map(_tsv, zip(sentence.tokens, sentence.upos, strict=True))) + "\n"


def _name_rows(item: Item, language: str) -> str:
    assert isinstance(item, TextItem)
    return "".join(map(_tsv, entity_tags(item.text[0], language))) + "\n"


def _document_row(item: Item, language: str) -> str:
    assert isinstance(item, DocumentItem)
    query, title = keywords(item.query, language), realise(item.title, language).text
    return _tsv((query, title, say(item.snippet, language), GRADES[item.grade]))


# task -> ending of its files, and how an item becomes a row
ROWS: dict[str, tuple[str, Callable[[Item, str], str]]] = {
    "nli": ("tsv", _pair_row),
    "paraphrase": ("tsv", _pair_row),
    "pos": ("tsv", _pos_rows),
    "names": ("tsv", _name_rows),
    "ranking": ("tsv", _document_row),
}


def _topic_rows(items: Sequence[Item], split: str, language: str) -> str:
    rows = []
    for i, item in enumerate(items):
        assert isinstance(item, TextItem)
        rows.append(_tsv((split, f"{split}-{i}", item.label, say(item.text, language))))
    return "".join(rows)


def _choice_rows(items: Sequence[Item], language: str) -> str:
    rows = []
    for i, item in enumerate(items):
        assert isinstance(item, ChoiceItem)
        premise, first, second = (realise(said, language).text for said in (item.premise, *item.choices))
        row = {"premise": premise, "choice1": first, "choice2": second, "question": item.question,
               "label": item.label, "idx": i}  # fmt: skip
        rows.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(rows)


def _squad(items: Sequence[Item], split: str, language: str) -> str:
    paragraphs: list[dict[str, Any]] = []
    for i, item in enumerate(items):
        assert isinstance(item, QuestionItem)
        context, text, start = answer(item, language)
        asked = question(item.context[item.asked], item.slot, language)
        answers = [{"text": text, "answer_start": start}]
        paragraphs.append({"context": context, "qas": [{"id": f"{split}-{i}", "question": asked, "answers": answers}]})
    whole = {"version": "1.1", "data": [{"title": "phrasebook", "paragraphs": paragraphs}]}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _files(task: str, items: Mapping[str, Sequence[Item]], language: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the files of a task in a language."""
    if task == "topic":
        yield f"{language}.tsv", "".join(_topic_rows(items[split], split, language) for split in items)
        return
    for split, some in items.items():
        if task == "questions":
            yield f"{split}-{language}.json", _squad(some, split, language)
        elif task == "choice":
            yield f"{split}-{language}.jsonl", _choice_rows(some, language)
        else:
            ending, row = ROWS[task]
            yield f"{split}-{language}.{ending}", "".join(row(item, language) for item in some)


def write_labelled(
    folder: Path | str, languages: Iterable[str], sizes: Mapping[str, int], seed: int = 0, level: str = "full"
) -> dict[str, object]:
    """Write a labelled set for every task type to a folder and return its manifest.

    Item i says the same in every language; the files of a language do not depend on which others are written.

    Args:
        sizes: Items of each split (train, dev, test) and task; of ranking, rows, rounded up to whole queries.

    Returns:
        The manifest, which is also written: seed, level, languages, sizes and the SHA-256 of every file.

    Raises:
        UserError: An unknown language, split or level, more items than there are, or a folder of something else.
    """
    chosen = check_languages(languages)
    level_named(level)
    unknown = [split for split in sizes if split not in SPLITS]
    if unknown:
        raise UserError(f"the labelled sets have no split '{unknown[0]}'; they have {', '.join(SPLITS)}.")
    target = Path(folder)
    if target.exists() and not (target / "manifest.json").exists():
        raise UserError(f"{target} exists and is no phrasebook; name a new folder")
    with whole_folder(target, replaces=True) as work:
        digests: dict[str, str] = {}
        for task in ITEMS:
            (work / task).mkdir()
            items = {split: labelled_items(task, split, count, seed, level) for split, count in sizes.items()}
            for language in chosen:
                for name, text in _files(task, items, language):
                    data = text.encode("utf-8")
                    (work / task / name).write_bytes(data)
                    digests[f"{task}/{name}"] = hashlib.sha256(data).hexdigest()
        manifest: dict[str, object] = {
            "seed": seed,
            "level": level,
            "languages": chosen,
            "sizes": dict(sizes),
            "sha256": dict(sorted(digests.items())),
        }
        write_json(work / "manifest.json", manifest)
    return manifest

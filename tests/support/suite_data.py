"""Tiny labelled sets in the phrasebook's layout, of words a tiny encoder knows, with an answer that can be learned."""

from __future__ import annotations

import json
from pathlib import Path

from support.tiny_translators import TEXTS

LANGUAGES = ("en", "de")
COUNTS = {"train": 32, "dev": 12, "test": 12}
INFERENCE = ("entailment", "neutral", "contradiction")
FIRST = {"entailment": "Hund", "neutral": "Haus", "contradiction": "Buch"}


def write_sets(folder: Path, languages: tuple[str, ...] = LANGUAGES, counts: dict[str, int] = COUNTS) -> Path:
    """nli, pos, questions, ranking and choice, train in English and the test languages."""
    for split, count in counts.items():
        start = {"train": 0, "dev": 1000, "test": 2000}[split]
        numbers = range(start, start + count)
        for code in languages:
            _write(folder / "nli" / f"{split}-{code}.tsv", (inference(number, code) for number in numbers))
            _write(folder / "pos" / f"{split}-{code}.tsv", (tags(number) for number in numbers))
            _write(folder / "ranking" / f"{split}-{code}.tsv", (page(number) for number in numbers))
            _write(folder / "choice" / f"{split}-{code}.jsonl", (choice(number) for number in numbers))
            document = {"version": "1.1", "data": [{"title": "", "paragraphs": [question(n) for n in numbers]}]}
            _write(folder / "questions" / f"{split}-{code}.json", [json.dumps(document, ensure_ascii=False)])
    return folder


def _write(path: Path, lines: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")  # type: ignore[attr-defined]


def text(number: int) -> str:
    """A sentence."""
    return TEXTS[number % len(TEXTS)]


def inference(number: int, code: str) -> str:
    """The hypothesis's first word is its class; no two rows are the same."""
    label = INFERENCE[number % 3]
    return f"{code} {number} {text(number // 3)}\t{FIRST[label]} {text(number // 5)}\t{label}"


def tags(number: int) -> str:
    """Words with a tag each, and a number that makes the sentence another one."""
    words = [*text(number).replace(".", "").replace(",", "").split()[:6], str(number)]
    found = ["NUM" if word.isdigit() else "NOUN" if word[0].isupper() else "VERB" for word in words]
    return "".join(f"{word}\t{tag}\n" for word, tag in zip(words, found, strict=True))


def page(number: int) -> str:
    """Three pages a query, one of them perfect."""
    good = number % 3 == 0
    return f"query {number // 3}\t{'Hund' if good else 'Haus'} {number}\t{text(number)}\t{'Perfect' if good else 'Bad'}"


def choice(number: int) -> str:
    """The right one has a certain word."""
    right = number % 2
    options = ["Haus", "Haus"]
    options[right] = "Hund"
    row = {"premise": f"{text(number)} {number}", "choice1": options[0], "choice2": options[1]}
    return json.dumps({**row, "question": "effect", "label": right, "idx": number}, ensure_ascii=False)


def question(number: int) -> dict[str, object]:
    """The answer is one word of every context."""
    words = text(number).replace(".", "").split()
    words.insert(number % (len(words) + 1), "Haus")
    context = " ".join([*words, str(number)])
    answer = {"text": "Haus", "answer_start": context.index("Haus")}
    return {"context": context, "qas": [{"id": str(number), "question": "Hund?", "answers": [answer]}]}

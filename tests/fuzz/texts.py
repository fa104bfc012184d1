"""Readers of text: corpora in every form, tables, benchmark files, prefixes, and what is to be translated."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from anyglot.data.corpus import MonolingualSource, ParallelSource, content_hash, read_monolingual, read_parallel
from anyglot.data.manifest import read_sheet
from anyglot.evaluation.retrieval.bucc import read_split
from anyglot.evaluation.retrieval.mining_text import read_sentences
from anyglot.evaluation.retrieval.tatoeba import find_languages, read_pairs
from anyglot.evaluation.tasks.catalogue import task_named
from anyglot.evaluation.tasks.data_issues import Faults
from anyglot.evaluation.tasks.examples import ChoiceExample, QuestionExample, TaggedExample, TextExample
from anyglot.evaluation.tasks.registry import SourceFile, read
from anyglot.inference.translation.jobs import inspect_input
from anyglot.inference.translation.prefixes import Prefixes
from anyglot.models.pretrained.unpack import unpack
from fuzz.folders import tokens_of
from fuzz.forms import BINARY, JSON, JSON_LINES, ROWS, TEXT, Form, packed
from fuzz.running import Reader
from support import e5s1_file

GERMAN, ENGLISH = (
    ["Das Haus ist alt.", "Der Hund schläft.", "老房子在河边。"],
    ["The house is old.", "The dog sleeps.", "It is."],
)


def _lines(folder: Path, name: str, lines: list[str]) -> Path:
    path = folder / name
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
    return path


def _two(folder: Path) -> Path:
    _lines(folder, "a.en", ENGLISH)
    return _lines(folder, "a.de", GERMAN)


def _read_two(path: Path) -> Any:
    source = ParallelSource(source="de", target="en", files=(str(path), str(path.with_name("a.en"))))
    assert len(content_hash(source)) == 64
    return read_parallel(source)


def _are_pairs(value: Any) -> None:
    left, right, skipped = value
    assert len(left) == len(right) > 0 and skipped >= 0
    assert all(isinstance(text, str) and text.strip() and "\n" not in text for text in (*left, *right))


def _table(name: str) -> Callable[[Path], Path]:
    return lambda folder: _lines(folder, name, [f"{a}\t{b}" for a, b in zip(GERMAN, ENGLISH, strict=True)])


def _read_table(path: Path) -> Any:
    return read_parallel(ParallelSource(source="de", target="en", file=str(path)))


def _objects(name: str) -> Callable[[Path], Path]:
    rows = [json.dumps({"de": a, "en": b, "n": {"x": 1}}) for a, b in zip(GERMAN, ENGLISH, strict=True)]
    return lambda folder: _lines(folder, name, rows)


def _read_one(path: Path) -> Any:
    return read_monolingual(MonolingualSource(language="de", file=str(path)))


def _are_sentences(value: Any) -> None:
    rows, skipped = value
    assert rows and all(isinstance(row, str) and row.strip() for row in rows) and skipped >= 0


def _sheet(folder: Path) -> Path:
    return _lines(
        folder, "s.tsv", ["source\ttarget\tfile\tfile_2\tlimit", "de\ten\ta.de\ta.en\t", "fr\ten\tb.tsv\t\t100"]
    )


def _are_corpora(rows: Any) -> None:
    assert rows and all(row.line > 0 and all(isinstance(key, str) for key in row.source) for row in rows)


BUCC = {
    "zh-en.dev.zh": ["zh-1\t老房子", "zh-2\t河边", "zh-3\t猫"],
    "zh-en.dev.en": ["en-1\tthe cat", "en-2\tthe old house", "en-3\tno"],
    "zh-en.dev.gold": ["zh-1\ten-2", "zh-3\ten-1"],
}


def _bucc(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for each, lines in BUCC.items():
            _lines(folder, each, lines)
        return folder / name

    return make


def _read_bucc(path: Path) -> Any:
    found = read_split(path.parent, "zh-en", "dev")
    return found.source, found.target, found.gold


def _is_bucc(value: Any) -> None:
    source, target, gold = value
    assert gold <= {(a, b) for a in source.all_ids() for b in target.all_ids()} and gold
    assert all(text.strip() for side in (source, target) for text in side.texts)


def _tatoeba(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        _lines(folder, "de-en.de", GERMAN)
        _lines(folder, "de-en.en", ENGLISH)
        _lines(folder, "test-de.tsv", ["1", "0", "2"])
        return folder / name

    return make


def _read_tatoeba(path: Path) -> Any:
    [files] = find_languages(path.parent).values()
    found = read_pairs(files)
    return found.other, found.english, found.gold.tolist()


def _is_tatoeba(value: Any) -> None:
    other, english, gold = value
    assert len(other) == len(english) > 0 and sorted(gold) == list(range(len(other)))


def _read_mined(path: Path) -> Any:
    found = read_sentences(path, own_ids=False)
    return found.names, found.texts, found.rows.tolist(), found.lines


def _are_mined(value: Any) -> None:
    names, texts, rows, lines = value
    assert len(names) == len(set(texts)) == len(rows) and rows == sorted(set(rows)) and rows[-1] < lines


# Benchmark files: every form the tasks have

SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "The old house stands near a river.",
                    "qas": [
                        {
                            "id": "english-1",
                            "question": "Where?",
                            "answers": [{"text": "near a river", "answer_start": 21}],
                        },
                        {"id": "english-2", "question": "What?", "answers": [{"text": "house", "answer_start": 8}]},
                    ],
                }
            ]
        }
    ]
}
CHOICE = [
    {"premise": "It rained.", "choice1": "Wet.", "choice2": "Dry.", "question": "effect", "label": 0, "idx": 0},
    {"premise": "He fell.", "choice1": "Ice.", "choice2": "Sun.", "question": "cause", "label": 1, "idx": 1},
]
TAGGED = ["das\tDET", "Haus\tNOUN", "", "der\tDET", "Hund\tNOUN", ""]
NAMES = ["de:Berlin\tB-LOC", "de:ist\tO", "", "de:Hans\tB-PER", ""]
CONLL = ["EU I-ORG", "rejects O", "", "Peter I-PER", "Blackburn I-PER", ""]
CONLLU = [
    "# text = zum Haus",
    *("\t".join(row) for row in (["1-2", "zum", *["_"] * 8], ["1", "zu", "zu", "ADP", *["_"] * 6])),
    *("\t".join(row) for row in (["2", "dem", "der", "DET", *["_"] * 6], ["3", "Haus", "Haus", "NOUN", *["_"] * 6])),
    "",
]
_XNLI_ROW = ["de", "neutral", *["x"] * 4, "Er schläft.", "Er ist müde.", *["x"] * 11]
ROWS_OF: dict[str, tuple[str, str, list[str]]] = {
    "pair": ("xnli", "a.tsv", ["one\ttwo\tneutral", "three\tfour\tentailment"]),
    "paraphrase": ("pawsx", "a.tsv", ["id\tsentence1\tsentence2\tlabel", "1\tone\ttwo\t0", "2\tthree\tfour\t1"]),
    "xnli": ("xnli", "a.tsv", ["\t".join(_XNLI_ROW), "\t".join(["en", *_XNLI_ROW[1:]])]),
    "advertisement": ("qadsm", "a.tsv", ["query\ttitle\ttext\tGood", "q\tt\tx\tBad"]),
    "news": ("nc", "a.tsv", ["sports\ttitle\ttext", "news\ttitle\tother"]),
    "topic_table": ("sib200", "a.tsv", ["index_id\tcategory\ttext", "1\tscience/technology\tone", "2\ttravel\ttwo"]),
    "ranking": ("wpr", "a.tsv", ["q\tt\tx\t3", "q\tt\ty\t0", "r\tt\tx\t2"]),
    "tags": ("udpos", "a.tsv", TAGGED),
    "universal_tags": ("udpos", "a.tsv", TAGGED),
    "wikiann": ("panx", "a.tsv", NAMES),
    "spaced_tags": ("ner", "a.txt", [line.replace("\t", " ") for line in NAMES]),
    "conll": ("ner", "a.txt", CONLL),
    "conllu": ("udpos", "a.conllu", CONLLU),
}


def _benchmark(form: str) -> Reader:
    name, file, lines = ROWS_OF[form]

    def make(folder: Path) -> Path:
        return _lines(folder, file, lines)

    return Reader(f"task, {form}", ROWS, make, _reading(form, name), _are_examples(name))


def _reading(form: str, name: str) -> Callable[[Path], Any]:
    def examples(path: Path) -> Any:
        faults = Faults()
        own = faults.reading(path)
        found = list(read(SourceFile(path, form, "de"), task_named(name), own))
        assert all(str(fault) for fault in faults) and "\n" not in "".join(faults.say())
        faults.raise_if_fatal()
        return found

    return examples


def _are_examples(name: str) -> Callable[[Any], None]:
    labels = {*task_named(name).labels, ""}

    def check(found: Any) -> None:
        places = [place for place, _ in found]
        assert places == sorted(places) and all(place >= 0 for place in places)
        for _, example in found:
            match example:
                case TextExample():
                    assert all(text.strip() for text in example.texts) and example.label in labels
                case ChoiceExample():
                    assert len(example.choices) == 2 and example.label in (-1, 0, 1)
                case QuestionExample():
                    for answer in example.answers:
                        assert example.context[answer.start : answer.start + len(answer.text)] == answer.text
                case TaggedExample():
                    assert all(example.words) and set(example.tags) <= labels
                    assert len(example.tags) in (0, len(example.words))

    return check


def _squad(folder: Path) -> Path:
    path = folder / "a.json"
    path.write_text(json.dumps(SQUAD))
    return path


def _choices(folder: Path) -> Path:
    return _lines(folder, "a.jsonl", [json.dumps(row) for row in CHOICE])


# What is translated


def _inspected(path: Path) -> Any:
    return inspect_input(path, 100_000).lines


def _prefixes(path: Path) -> Any:
    return Prefixes.read(str(path)).all


def _are_prefixes(rows: Any) -> None:
    assert all(isinstance(row, str) and "\n" not in row for row in rows)


def _packed_model(folder: Path) -> Path:
    e5s1_file.write(folder / "model.bin")
    return folder / "model.bin"


def _unpacked(path: Path) -> Any:
    out = path.parent / "out"
    out.mkdir(exist_ok=True)
    unpack(path, out)
    return tokens_of(out)


def _is_unpacked(value: Any) -> None:
    size, ids, _, _ = value
    assert all(0 <= id < size for row in ids for id in row)


def _gz(form: Form) -> Form:
    return packed(form)


def _all(name: str) -> Callable[[Path], Path]:
    return lambda folder: _lines(folder, name, GERMAN)


TEXTS: tuple[Reader, ...] = (
    Reader("corpus, two files", TEXT, _two, _read_two, _are_pairs),
    Reader("corpus, TSV", TEXT, _table("a.tsv"), _read_table, _are_pairs),
    Reader("corpus, TSV packed", _gz(TEXT), _table("a.tsv.gz"), _read_table, _are_pairs),
    Reader("corpus, gzip", BINARY, _table("a.tsv.gz"), _read_table, _are_pairs),
    Reader("corpus, JSON lines", JSON_LINES, _objects("a.jsonl"), _read_table, _are_pairs),
    Reader("corpus, JSON lines packed", _gz(JSON_LINES), _objects("a.jsonl.gz"), _read_table, _are_pairs),
    Reader("corpus, text", TEXT, _all("a.txt"), _read_one, _are_sentences),
    Reader("data sheet", TEXT, _sheet, read_sheet, _are_corpora),
    Reader("BUCC, sentences", TEXT, _bucc("zh-en.dev.zh"), _read_bucc, _is_bucc),
    Reader("BUCC, gold", TEXT, _bucc("zh-en.dev.gold"), _read_bucc, _is_bucc),
    Reader("Tatoeba, sentences", TEXT, _tatoeba("de-en.de"), _read_tatoeba, _is_tatoeba),
    Reader("Tatoeba, gold", TEXT, _tatoeba("test-de.tsv"), _read_tatoeba, _is_tatoeba),
    Reader("mining, sentences", TEXT, _all("a.txt"), _read_mined, _are_mined),
    *map(_benchmark, ROWS_OF),
    Reader("task, questions (SQuAD)", JSON, _squad, _reading("questions", "squad"), _are_examples("squad")),
    Reader("task, choice (XCOPA)", JSON_LINES, _choices, _reading("choice", "xcopa"), _are_examples("xcopa")),
    Reader("translation, input", ROWS, _all("a.txt"), _inspected, lambda lines: None),
    Reader("translation, prefixes", TEXT, _all("a.txt"), _prefixes, _are_prefixes),
    Reader("wheel, E5S1", BINARY, _packed_model, _unpacked, _is_unpacked),
)

"""Small files of every task in the layout of its official download, and what is in them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

XNLI_HEADER = (
    "language gold_label sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse sentence1 "
    "sentence2 promptID pairID genre label1 label2 label3 label4 label5 sentence1_tokenized sentence2_tokenized match"
)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    else:
        path.write_bytes(text.encode("utf-8"))
    return path


def table(*rows: tuple[str, ...]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def squad(*questions: tuple[str, str, str, str]) -> str:
    """SQuAD's JSON of (id, question, context, answer)."""
    articles = [
        {
            "title": "t",
            "paragraphs": [
                {
                    "context": context,
                    "qas": [
                        {
                            "id": name,
                            "question": question,
                            "answers": [{"answer_start": max(context.find(answer), 0), "text": answer}],
                        }
                    ],
                }
            ],
        }
        for name, question, context, answer in questions
    ]
    return json.dumps({"version": "1.1", "data": articles}, ensure_ascii=False)


def records(*rows: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def tagged(*sentences: list[tuple[str, str]], between: str = "\t") -> str:
    return "".join("".join(f"{word}{between}{tag}\n" for word, tag in sentence) + "\n" for sentence in sentences)


_PAIRS = table(("A cat sleeps.", "It is awake.", "contradiction"), ("He said “hi”.", "He spoke.", "entailment"))
_PARAPHRASES = (("1", "a b", "b a", "1"), ("2", "c d", "d e", "0"))
_HEADER = (("id", "sentence1", "sentence2", "label"),)
_ENGLISH = squad(("q1", "Who?", "Ada wrote it.", "Ada"), ("q2", "What?", "Ada wrote code.", "code"))
_GERMAN = squad(("q1", "Wer?", "Ada schrieb es.", "Ada"))
_POS = [("Cats", "NOUN"), ("sleep", "VERB")], [("Yes", "INTJ"), (".", "PUNCT")]
_NAMES = [("Ada", "B-PER"), ("Lovelace", "I-PER")], [("in", "O"), ("Berlin", "B-LOC")]
_COPA: dict[str, Any] = {
    "premise": "It rained.",
    "choice1": "Wet.",
    "choice2": "Dry.",
    "question": "effect",
    "label": 0,
}


def xnli(root: Path) -> None:
    write(root / "xnli/train-en.tsv", _PAIRS)
    for code in ("en", "de"):
        write(root / f"xnli/dev-{code}.tsv", _PAIRS)
        write(root / f"xnli/test-{code}.tsv", _PAIRS)


def pawsx(root: Path) -> None:
    for code in ("en", "de"):
        for name in ("dev_2k", "test_2k", "train" if code == "en" else "translated_train"):
            write(root / f"x-final/{code}/{name}.tsv", table(*_HEADER, *_PARAPHRASES))


def udpos(root: Path) -> None:
    for name in ("train-en", "dev-en", "test-en", "dev-de", "test-de"):
        write(root / f"udpos/{name}.tsv", tagged(*_POS))


def panx(root: Path) -> None:
    for code in ("en", "de"):
        prefixed = [[(f"{code}:{word}", tag) for word, tag in sentence] for sentence in _NAMES]
        for split in ("train", "dev", "test"):
            write(root / f"panx_dataset/{code}-{split}", tagged(*prefixed))


def squad_files(root: Path) -> None:
    write(root / "squad/train-v1.1.json", _ENGLISH)
    write(root / "squad/dev-v1.1.json", _ENGLISH)


def xquad(root: Path) -> None:
    squad_files(root)
    write(root / "xquad/xquad.en.json", _ENGLISH)
    write(root / "xquad/xquad.de.json", _GERMAN)


def mlqa(root: Path) -> None:
    squad_files(root)
    for code, text in (("en", _ENGLISH), ("de", _GERMAN)):
        for split in ("dev", "test"):
            write(root / f"mlqa/MLQA_V1/{split}/{split}-context-{code}-question-{code}.json", text)
    write(root / "mlqa/MLQA_V1/test/test-context-en-question-de.json", _GERMAN)


def tydiqa(root: Path) -> None:
    below = root / "tydiqa"
    for code in ("en", "fi"):
        write(below / f"tydiqa-goldp-v1.1-train/tydiqa.goldp.{code}.train.json", _ENGLISH)
        write(below / f"tydiqa-goldp-v1.1-dev/tydiqa.goldp.{code}.dev.json", _ENGLISH)


def _xglue(root: Path, folder: str, name: str, text: str) -> None:
    for ending in ("en.train", "en.dev", "en.test", "de.dev", "de.test"):
        write(root / folder / f"{name}{ending}", text)


def nc(root: Path) -> None:
    _xglue(root, "NC", "xglue.nc.", table(("Title", "Body of it", "sports"), ("T", "B", "autos")))


def qam(root: Path) -> None:
    _xglue(root, "QAM", "xglue.qam.", table(("how?", "so", "1"), ("why?", "no", "0")))


def qadsm(root: Path) -> None:
    _xglue(
        root, "QADSM", "xglue.qadsm.", table(("shoes", "Shoes", "Buy them", "Good"), ("shoes", "Hats", "Here", "Bad"))
    )


def wpr(root: Path) -> None:
    rows = ("shoes", "Shoes", "all", "4"), ("shoes", "Hats", "all", "0"), ("hats", "Hats", "all", "Perfect")
    _xglue(root, "WPR", "xglue.wpr.", table(*rows))


def ner(root: Path) -> None:
    _xglue(root, "NER", "", tagged(*_NAMES, between=" "))


def pos(root: Path) -> None:
    _xglue(root, "POS", "", tagged(*_POS, between=" "))


def xcopa(root: Path) -> None:
    for name in ("train.en", "val.en", "test.en", "val.et", "test.et"):
        write(root / f"xcopa/{name}.jsonl", records(_COPA | {"idx": 0}, _COPA | {"idx": 1, "label": 1}))


def sib200(root: Path) -> None:
    for code in ("eng_Latn", "deu_Latn"):
        for split in ("train", "dev", "test"):
            rows = ("index_id", "category", "text"), ("7", "travel", "Go."), ("9", "science/technology", "Think.")
            write(root / f"sib200/data/annotated/{code}/{split}.tsv", table(*rows))


def masakhanews(root: Path) -> None:
    header = ("category", "headline", "text", "url")
    for code in ("eng", "swa"):
        for split in ("train", "dev", "test"):
            rows = ("sports", "Goal", "They won.", "u"), ("health", "Flu", "It is there.", "v")
            write(root / f"masakhanews/data/{code}/{split}.tsv", table(header, *rows))


def _each(root: Path, folder: str, ending: str, text: str) -> None:
    for split in ("train", "dev", "test"):
        for code in ("en", "de"):
            write(root / folder / f"{split}-{code}.{ending}", text)


def book_topic(root: Path) -> None:
    rows = [(split, f"{split}{n}", "travel", "Go.") for split in ("train", "dev", "test") for n in range(2)]
    for code in ("en", "de"):
        write(root / f"topic/{code}.tsv", table(*rows))


WRITERS: dict[str, Callable[[Path], None]] = {
    "xnli": xnli,
    "pawsx": pawsx,
    "udpos": udpos,
    "panx": panx,
    "squad": squad_files,
    "xquad": xquad,
    "mlqa": mlqa,
    "tydiqa": tydiqa,
    "nc": nc,
    "qam": qam,
    "qadsm": qadsm,
    "wpr": wpr,
    "ner": ner,
    "pos": pos,
    "xcopa": xcopa,
    "sib200": sib200,
    "masakhanews": masakhanews,
    "book_nli": lambda root: _each(root, "nli", "tsv", _PAIRS),
    "book_paraphrase": lambda root: _each(root, "paraphrase", "tsv", table(*(row[1:] for row in _PARAPHRASES))),
    "book_topic": book_topic,
    "book_pos": lambda root: _each(root, "pos", "tsv", tagged(*_POS)),
    "book_names": lambda root: _each(root, "names", "tsv", tagged(*_NAMES)),
    "book_questions": lambda root: _each(root, "questions", "json", _ENGLISH),
    "book_ranking": lambda root: _each(
        root, "ranking", "tsv", table(("q", "t", "s", "Bad"), ("q", "u", "s", "Perfect"), ("r", "t", "s", "Fair"))
    ),
    "book_choice": lambda root: _each(root, "choice", "jsonl", records(_COPA | {"idx": 0}, _COPA | {"idx": 1})),
}

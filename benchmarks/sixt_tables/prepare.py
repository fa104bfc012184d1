"""Cut everyday sentence pairs with English into what the tables train and test on.

The corpus is a folder with one `eng-XXX.tsv.gz` a language: English, a tab, the other language. Every pair goes to
train, validation or test by a hash of its *English* side, in all languages alike, so a test sentence's meaning is in no
language's training text. A training sentence that also stands in a test set (another English side, the same
translation) is dropped.

Pairs are short ones of frequent words: with all pairs a minutes-long training ends as a language model of English that
does not look at its source (docs/log.md). The encoder's monolingual text is not cut so.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import Counter
from pathlib import Path

from anyglot.errors import UserError
from anyglot.text.languages import language

SUPERVISED = ("de", "es", "fi", "ru")  # the paper's four sources of its tables 3 and 4
ZERO_SHOT = ("it", "fr", "eo", "sv", "da", "bg", "cs", "pl", "hu")
VALIDATION_SHARE = 20  # thousandths of the English sentences
TEST_SHARE = 45
FREQUENT = 2000  # words an English side may have, the most frequent ones of the training text
LONGEST = 8  # words of an English side
WORD = re.compile(r"[\w']+")

Pairs = list[tuple[str, str]]


def split_of(english: str) -> str:
    """The split of an English sentence; letters only, so that punctuation does not tear apart what belongs together."""
    key = "".join(letter for letter in english.casefold() if letter.isalnum())
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % 1000
    if draw < TEST_SHARE:
        return "test"
    return "validation" if draw < TEST_SHARE + VALIDATION_SHARE else "train"


def read_pairs(corpus: Path, code: str) -> Pairs:
    """All pairs (other language, English) of a language, in file order, without repetitions."""
    path = corpus / f"eng-{language(code).iso3}.tsv.gz"
    if not path.is_file():
        raise UserError(f"{path} is not there; name the folder that holds eng-XXX.tsv.gz with --data.")
    pairs: dict[tuple[str, str], None] = {}
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            fields = line.rstrip("\n").split("\t")
            if len(fields) < 2:
                raise UserError(f"{path}, line {number}: expected English, a tab and the other language.")
            english, other = fields[0].strip(), fields[1].strip()
            if english and other:
                pairs[(other, english)] = None
    return list(pairs)


def is_easy(english: str, frequent: set[str]) -> bool:
    """Whether a sentence is short and of frequent words."""
    words = WORD.findall(english.lower())
    return len(words) <= LONGEST and all(word in frequent for word in words)


def prepare(corpus: Path, out: Path) -> None:
    """Write `mono/LANG.txt`, `train/LANG.LANG|en` (supervised only), `validation/...` and `test/...` into `out`.

    A source sentence that has several translations is tested once, with the first. A file is written under a
    temporary name and renamed.
    """
    english_texts: dict[str, None] = {}
    corpora: dict[str, dict[str, Pairs]] = {}
    for code in (*SUPERVISED, *ZERO_SHOT):
        parts: dict[str, Pairs] = {"train": [], "validation": [], "test": []}
        for pair in read_pairs(corpus, code):
            parts[split_of(pair[1])].append(pair)
        parts["test"] = list({other: (other, english) for other, english in reversed(parts["test"])}.values())[::-1]
        tested = {other for other, _ in parts["test"]}
        for split in ("train", "validation"):
            parts[split] = [pair for pair in parts[split] if pair[0] not in tested]
        english_texts |= dict.fromkeys(english for _, english in parts["train"])
        write_lines(out / "mono" / f"{code}.txt", list(dict.fromkeys(other for other, _ in parts["train"])))
        corpora[code] = parts
    write_lines(out / "mono" / "en.txt", list(english_texts))
    counts = Counter(word for text in english_texts for word in set(WORD.findall(text.lower())))
    frequent = {word for word, _ in counts.most_common(FREQUENT)}
    for code, parts in corpora.items():
        for split, pairs in parts.items():
            if split != "train" or code in SUPERVISED:
                easy = [pair for pair in pairs if is_easy(pair[1], frequent)]
                write_lines(out / split / f"{code}.{code}", [other for other, _ in easy])
                write_lines(out / split / f"{code}.en", [english for _, english in easy])


def write_lines(path: Path, lines: list[str]) -> None:
    """Write a text under a temporary name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(path.suffix + ".tmp")
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(path)

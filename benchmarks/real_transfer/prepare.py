"""Lay out sentence pairs that people wrote: what the lines of the benchmark train on, and what they are scored on.

    python benchmarks/real_transfer/prepare.py --data PATH --out runs/real/data

PATH holds `aux6_pairs` (general text of six languages with English), `tatoeba_pairs` (everyday sentences of many
languages), `translation_tests` and `tatoeba_retrieval`. Nothing that is scored is trained on, in any language: a pair
is left out of training when its English or its other side stands in a test set, in the retrieval test, or among the
everyday sentences that a hash of their *English* side sets apart. Sides are compared by their letters and digits alone,
in lower case, so that punctuation does not hide a repetition.

`OUT/train/{free,research}.LANG-en.tsv`: training pairs by what their licences allow; `OUT/validation`, `OUT/everyday`:
held-out everyday sentences and, in validation, held-out general text; `OUT/facts.json`: counts and a hash of all files.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from anyglot.errors import UserError
from anyglot.text.languages import language

SUPERVISED = ("de", "es", "fi", "hi", "ru", "zh")
# Languages of the everyday test that the encoder was pretrained on and that have at least 2,500 pairs.
# Malay is left out: its file begins with the Indonesian one's sentences.
ZERO_SHOT = (
    *("ar", "az", "be", "bg", "bn", "cs", "da", "el", "eo", "fa", "fr", "he", "hu", "id"),
    *("is", "it", "ja", "lt", "mk", "mr", "no", "pl", "ro", "sl", "sv", "tr"),
)
# Corpora whose licences let a model trained on them be given away (attribution; see the data's own page).
FREE = ("tatoeba", "chat_bcontrast", "mlqe_pe", "mt_geneval", "cocoa_mt")
THOUSANDTHS_TEST = 60
THOUSANDTHS_VALIDATION = 12
MOST_TESTS = 300  # everyday sentences of a language
MOST_VALIDATION = 150  # of a language and a domain

Pair = tuple[str, str]  # the other language, English


def key_of(sentence: str) -> bytes:
    """What two sentences that say the same word by word have in common."""
    letters = "".join(letter for letter in sentence.casefold() if letter.isalnum())
    return hashlib.sha256(letters.encode()).digest()[:12]


def split_of(english: bytes) -> str:
    """The split of an everyday or validation sentence, by the key of its English side."""
    draw = int.from_bytes(english[:8], "big") % 1000
    if draw < THOUSANDTHS_TEST:
        return "test"
    return "validation" if draw < THOUSANDTHS_TEST + THOUSANDTHS_VALIDATION else "train"


def read_rows(path: Path) -> Iterator[Pair]:
    """The two columns of a tab-separated file, packed or not; a row with an empty side is passed over.

    Raises:
        UserError: The file is not there, or a row has one column.
    """
    if not path.is_file():
        raise UserError(f"{path} is not there; name the folder with the corpora as --data.")
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            columns = line.rstrip("\n").split("\t")
            if len(columns) < 2:
                raise UserError(f"{path}, line {number}: expected two columns with a tab between them.")
            first, second = " ".join(columns[0].split()), " ".join(columns[1].split())
            if first and second:
                yield first, second


@dataclass
class Held:
    """Keys of sentences that may not be trained on."""

    english: set[bytes] = field(default_factory=set)
    other: set[bytes] = field(default_factory=set)

    def holds(self, pair: Pair) -> bool:
        """Whether either side of a pair is held out."""
        return key_of(pair[1]) in self.english or key_of(pair[0]) in self.other


def held_out(data: Path) -> Held:
    """All sides of the test sets and of the retrieval test."""
    held = Held()
    for path in sorted((data / "translation_tests").glob("*.tsv.gz")):
        for other, english in read_rows(path):
            held.english.add(key_of(english))
            held.other.add(key_of(other))
    for path in sorted((data / "tatoeba_retrieval").glob("tatoeba.*")):
        side = held.english if path.suffix == ".eng" else held.other
        side.update(key_of(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    if not held.english:
        raise UserError(f"{data} holds no translation_tests; name the folder with the corpora as --data.")
    return held


def everyday(data: Path, code: str) -> dict[str, list[Pair]]:
    """A language's everyday pairs by split; in test and validation each source sentence stands once."""
    parts: dict[str, list[Pair]] = {"train": [], "validation": [], "test": []}
    seen: set[Pair] = set()
    for english, other in read_rows(data / "tatoeba_pairs" / f"eng-{_file_code(code)}.tsv.gz"):
        if (other, english) not in seen:
            seen.add((other, english))
            parts[split_of(key_of(english))].append((other, english))
    for name in ("validation", "test"):
        parts[name] = list({key_of(other): (other, english) for other, english in reversed(parts[name])}.values())[::-1]
    parts["test"] = parts["test"][:MOST_TESTS]
    parts["validation"] = parts["validation"][:MOST_VALIDATION]
    return parts


def _file_code(code: str) -> str:
    return "zho" if code == "zh" else language(code).iso3


def prepare(data: Path, out: Path) -> None:
    """Write all files under `out`; facts.json, last, says that they are whole."""
    held = held_out(data)
    parts = {code: everyday(data, code) for code in (*SUPERVISED, *ZERO_SHOT)}
    for each in parts.values():
        held.other.update(key_of(other) for other, _ in each["test"])
    counts: dict[str, Counter[str]] = {}
    for code in SUPERVISED:
        counts[code] = _write_language(data, out, code, parts[code], held)
    for code in ZERO_SHOT:
        write_pairs(out / "everyday" / f"{code}-en.tsv", parts[code]["test"])
        counts[code] = Counter(test=len(parts[code]["test"]))
    facts = {"counts": {code: dict(count) for code, count in counts.items()}, "hash": hash_of(out)}
    (out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _write_language(data: Path, out: Path, code: str, own: dict[str, list[Pair]], held: Held) -> Counter[str]:
    """Training, validation and test pairs of a supervised language."""
    count: Counter[str] = Counter()
    corpora: list[tuple[str, Iterable[Pair]]] = [("tatoeba_pairs", own["train"])]
    corpora += [
        (path.name.split(".")[0], read_rows(path)) for path in sorted((data / "aux6_pairs").glob(f"*.{code}-en.tsv.gz"))
    ]
    kept: dict[str, dict[Pair, None]] = {"free": {}, "research": {}}
    general: dict[bytes, Pair] = {}
    for corpus, pairs in corpora:
        share = kept["free" if corpus in FREE or corpus == "tatoeba_pairs" else "research"]
        for pair in pairs:
            split = split_of(key_of(pair[1]))
            if held.holds(pair):
                count["in a test set"] += 1
            elif split == "test":  # reserved in every corpus, for its English may be tested in another language
                count["set apart for tests"] += 1
            elif split == "validation":
                if corpus != "tatoeba_pairs" and corpus != "tatoeba":
                    general.setdefault(key_of(pair[1]), pair)
                count["set apart for validation"] += 1
            else:
                share[pair] = None
    for name, share in kept.items():
        write_pairs(out / "train" / f"{name}.{code}-en.tsv", list(share))
        count[name] = len(share)
    write_pairs(out / "validation" / f"everyday.{code}-en.tsv", own["validation"])
    write_pairs(out / "validation" / f"general.{code}-en.tsv", list(general.values())[:MOST_VALIDATION])
    write_pairs(out / "everyday" / f"{code}-en.tsv", own["test"])
    count["test"] = len(own["test"])
    return count


def write_pairs(path: Path, pairs: list[Pair]) -> None:
    """Write a tab-separated file under a temporary name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(f"{other}\t{english}\n" for other, english in pairs), encoding="utf-8")
    temporary.replace(path)


def hash_of(folder: Path) -> str:
    """One hash of the names and contents of all pairs under a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.tsv")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def main() -> None:
    """Read the arguments and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--out", type=Path, required=True, help="where the pairs go")
    arguments = parser.parse_args()
    prepare(arguments.data, arguments.out)
    print((arguments.out / "facts.json").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()

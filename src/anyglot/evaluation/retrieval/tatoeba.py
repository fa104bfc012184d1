"""The Tatoeba retrieval test: up to 1,000 English sentences a language, and their translations, shuffled together.

Two layouts of one set of files are read:

| Layout | Files of German | Gold |
|---|---|---|
| LASER's, `raw` | `tatoeba.deu-eng.deu`, `tatoeba.deu-eng.eng` | row i belongs to row i |
| XTREME's, `sorted` | `de-en.de`, `de-en.en`, English in alphabetical order | `test-de.tsv` |

`test-de.tsv` (or `tatoeba-de.tsv`) tells for each English row the other side's row, from 0. A pair is known by its row
on the other language's side, which is the same in both layouts.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from anyglot.errors import UserError
from anyglot.evaluation.retrieval.margin import best_pairs
from anyglot.evaluation.retrieval.neighbours import both_ways
from anyglot.evaluation.retrieval.protocol import Direction, RetrievalProtocol
from anyglot.runtime.untrusted_files import written_number
from anyglot.text.languages import language
from anyglot.text.readers import raw_hash, read_lines

# The languages of XTREME's score (its `evaluate.py`): 36, and English on the other side of each.
_XTREME = "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu"
XTREME_LANGUAGES: tuple[str, ...] = tuple(_XTREME.split())
ENGLISH = "en"

_RAW = re.compile(r"tatoeba\.([a-z]{3})-eng\.eng(\.gz)?")
_SORTED = re.compile(r"([a-z]{2,3})-en\.en(\.gz)?")


@dataclass(frozen=True)
class LanguageFiles:
    """Where one language's pairs are.

    Attributes:
        code: Canonical code of the language, or its three letters where nothing is known of it.
        other: File of the other language's sentences.
        english: File of the English ones.
        gold: For each English row the other side's row; None where rows belong together as they stand.
    """

    code: str
    other: Path
    english: Path
    gold: Path | None


@dataclass(frozen=True)
class SentencePairs:
    """Sentences of two languages and which belong together.

    Attributes:
        code: Of the language.
        other: N sentences of it.
        english: N English sentences.
        gold: For each English row the row of its translation: a permutation.
        data_hash: SHA-256 of the files.

    Shape:
        gold: (N,) int64
    """

    code: str
    other: tuple[str, ...]
    english: tuple[str, ...]
    gold: NDArray[np.int64]
    data_hash: str

    def __len__(self) -> int:
        return len(self.other)

    @property
    def repeated(self) -> int:
        """Rows whose sentence stands in another row of its side too."""
        return sum(len(side) - len(set(side)) for side in (self.other, self.english))

    def tuning_half(self, seed: int) -> NDArray[np.bool_]:
        """Choose half of the pairs, by a hash of the English sentence: one sentence is on one side in all languages.

        Shape:
            returns: (N,), by row of the other language's side
        """
        kept = np.zeros(len(self), dtype=np.bool_)
        kept[self.gold] = [in_first_half(sentence.strip(), seed) for sentence in self.english]
        return kept


def in_first_half(key: str, seed: int) -> bool:
    """Choose a half for a key by hash: the same on every machine, whatever stands beside it."""
    return hashlib.sha256(f"{seed} {key}".encode("utf-8", "surrogatepass")).digest()[0] < 128


def find_languages(folder: Path, gold: Path | None = None) -> dict[str, LanguageFiles]:
    """Find the languages of a folder in either layout, by code.

    Args:
        folder: Of the sentences.
        gold: Folder of the `sorted` layout's gold rows; the same folder by default.

    Raises:
        UserError: No such folder, or no file of either layout in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give the one with the Tatoeba files as --data")
    found: dict[str, LanguageFiles] = {}
    for path in sorted(folder.iterdir()):
        raw, ordered = _RAW.fullmatch(path.name), _SORTED.fullmatch(path.name)
        if raw is not None:
            code = _code(raw[1], taken=found)
            found[code] = LanguageFiles(code, _beside(path, f"tatoeba.{raw[1]}-eng.{raw[1]}"), path, None)
        elif ordered is not None:
            code = _code(ordered[1], taken=found)
            rows = _gold_file(gold or folder, ordered[1])
            found[code] = LanguageFiles(code, _beside(path, f"{ordered[1]}-en.{ordered[1]}"), path, rows)
    if not found:
        raise UserError(
            f"{folder} has no Tatoeba files; they are called tatoeba.deu-eng.deu and tatoeba.deu-eng.eng, or de-en.de "
            "and de-en.en after XTREME's preprocessing"
        )
    return found


def choose_languages(
    found: dict[str, LanguageFiles], wanted: Sequence[str]
) -> tuple[tuple[LanguageFiles, ...], tuple[str, ...]]:
    """Choose languages by code, in the order asked for; and name those that have no files.

    Args:
        found: From `find_languages`.
        wanted: Codes of any scheme; "xtreme" stands for XTREME's 36; nothing stands for all found.

    Raises:
        UserError: None of those wanted is there, or one is no language.
    """
    if not wanted:
        return tuple(found.values()), ()
    codes: dict[str, None] = {}
    for word in wanted:
        spelt = XTREME_LANGUAGES if word.strip().lower() == "xtreme" else (word,)
        codes.update(dict.fromkeys(code if code in found else language(code).code for code in spelt))
    missing = tuple(code for code in codes if code not in found)
    if len(missing) == len(codes):
        raise UserError(f"there are no files of {', '.join(missing)}; the folder has {', '.join(sorted(found))}")
    return tuple(found[code] for code in codes if code in found), missing


def read_pairs(files: LanguageFiles) -> SentencePairs:
    """Read one language.

    Raises:
        UserError: A file is missing or damaged, line counts differ, a line is empty, or the gold rows are none.
    """
    other, english = tuple(read_lines(files.other)), tuple(read_lines(files.english))
    if len(other) != len(english):
        raise UserError(
            f"Unequal line counts: {files.other} has {len(other)} lines, {files.english} has {len(english)}; every "
            "sentence needs its translation"
        )
    for path, lines in ((files.other, other), (files.english, english)):
        if empty := [number for number, line in enumerate(lines, start=1) if not line.strip()]:
            raise UserError(
                f"{path} has {len(empty)} empty lines, the first is line {empty[0]}; drop the pairs of them"
            )
    if files.gold is None:
        if _SORTED.fullmatch(files.english.name):
            raise UserError(
                f"{files.english} is in XTREME's sorted order, and the rows that tell which sentences belong together "
                f"are missing: put test-{files.code}.tsv beside it or give its folder as --set gold=DIR"
            )
        gold = np.arange(len(other))
    else:
        gold = _read_gold(files.gold, len(other))
    paths = (files.other, files.english, *((files.gold,) if files.gold is not None else ()))
    return SentencePairs(files.code, other, english, gold, raw_hash(paths))


def hits(
    pairs: SentencePairs,
    other: NDArray[np.float32],
    english: NDArray[np.float32],
    protocol: RetrievalProtocol,
) -> dict[Direction, NDArray[np.bool_]]:
    """Search each side's sentences among the other's, and tell which found their translation.

    Args:
        pairs: The sentences.
        other: Vectors of `pairs.other`.
        english: Vectors of `pairs.english`.
        protocol: Margin, number of neighbours, and whether sentences of the same text count.

    Shape:
        other, english: (N, D)
        values returned: (N,), by row of the other language's side
    """
    forward, backward = both_ways(english, other, protocol.k)
    found_other, found_english = np.empty(len(pairs), np.int64), np.empty(len(pairs), np.int64)
    ahead = best_pairs(forward, backward, protocol.margin, "forward")
    back = best_pairs(forward, backward, protocol.margin, "backward")
    found_other[ahead.a], found_english[back.b] = ahead.b, back.a
    translation = np.empty(len(pairs), np.int64)
    translation[pairs.gold] = np.arange(len(pairs))
    right: dict[Direction, NDArray[np.bool_]] = {}
    if "from-english" in protocol.directions:
        found = found_other[translation]
        right["from-english"] = _right(found, np.arange(len(pairs)), pairs.other, protocol)
    if "to-english" in protocol.directions:
        right["to-english"] = _right(found_english, translation, pairs.english, protocol)
    return right


def _right(
    found: NDArray[np.int64], wanted: NDArray[np.int64], texts: Sequence[str], protocol: RetrievalProtocol
) -> NDArray[np.bool_]:
    if protocol.duplicates == "ids":
        return np.asarray(found == wanted)
    groups = {text: group for group, text in enumerate(dict.fromkeys(texts))}
    group = np.array([groups[text] for text in texts])
    return np.asarray(group[found] == group[wanted])


def _read_gold(path: Path, rows: int) -> NDArray[np.int64]:
    lines = list(read_lines(path))
    places = [written_number(line.strip()) for line in lines]
    if len(lines) != rows or None in places:
        raise UserError(f"{path} must hold {rows} row numbers, one a line, as many as there are sentences")
    gold = np.array(places, dtype=np.int64)
    if not np.array_equal(np.sort(gold), np.arange(rows)):
        known = np.isin(gold, np.arange(rows))
        told = f"names row {gold[~known][0]}" if not known.all() else "names a row twice"
        raise UserError(f"{path} {told}; its lines must be the rows 0 to {rows - 1}, each once")
    return gold


def _gold_file(folder: Path, code: str) -> Path | None:
    names = (f"test-{code}.tsv", f"tatoeba-{code}.tsv", f"{code}-en.gold")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _code(letters: str, taken: dict[str, LanguageFiles]) -> str:
    """The canonical code; the letters themselves where they name nothing, or what another file stands for already."""
    try:
        code = language(letters).code
    except UserError:
        return letters
    return letters if code in taken else code


def _beside(path: Path, name: str) -> Path:
    packed = path.with_name(f"{name}.gz")
    return packed if packed.is_file() else path.with_name(name)

"""The sentences that are looked at: the same ones in every language."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anyglot.data.phrasebook_text import PREFIX, read_phrasebook
from anyglot.errors import UserError
from anyglot.text.languages import language
from anyglot.text.readers import raw_hash, read_lines


@dataclass(frozen=True)
class ParallelSample:
    """Sentences by language; sentence i says the same in all of them. Their order is random.

    Attributes:
        texts: Canonical code -> N sentences.
        rows: Rows there were to draw from, complete ones.
        left_out: Rows that lacked a language, and so were left out in all.
        origin: Where they come from, for people.
        data_hash: SHA-256 of the files, or of the address.
    """

    texts: Mapping[str, tuple[str, ...]]
    rows: int
    left_out: int
    origin: str
    data_hash: str

    def __len__(self) -> int:
        return len(next(iter(self.texts.values())))

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes, in the order they were given."""
        return tuple(self.texts)


def read_sample(spec: str, languages: Sequence[str] = (), *, sentences: int = 0, seed: int = 1) -> ParallelSample:
    """Read `en=FILE,de=FILE` (line i says the same in each), or a phrasebook address for `languages`.

    Args:
        spec: What the user wrote as --texts.
        languages: Of a phrasebook; of files, those wanted, where not all are.
        sentences: How many to draw at most; 0: all.
        seed: Of the draw and of the order.

    Raises:
        UserError: A file is missing or damaged, line counts differ, a language is unknown or given twice, or no row has
            a sentence in every language.
    """
    if spec.startswith(PREFIX):
        codes = _codes(languages)
        if not codes:
            raise UserError(f"{spec} needs languages; name them with `languages`, e.g. `languages=en,de,ru`")
        rows = read_phrasebook(spec, *codes)
        sides = {code: [row[place] for row in rows] for place, code in enumerate(codes)}
        digest = hashlib.sha256(f"{spec} {','.join(codes)}".encode()).hexdigest()
        return draw(sides, spec, digest, sentences=sentences, seed=seed)
    files = parse_files(spec)
    if languages:
        wanted = _codes(languages)
        if absent := [code for code in wanted if code not in files]:
            raise UserError(f"`spec` has no file of {', '.join(absent)}; it has {', '.join(files)}")
        files = {code: files[code] for code in wanted}
    sides = {code: list(read_lines(path)) for code, path in files.items()}
    counts = {code: len(lines) for code, lines in sides.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{files[code].name} has {count:,} lines" for code, count in counts.items())
        raise UserError(f"line i of every file must say the same, but {told}; leave a line empty where there is none")
    origin = ", ".join(path.name for path in files.values())
    return draw(sides, origin, raw_hash(tuple(files.values())), sentences=sentences, seed=seed)


def parse_files(spec: str) -> dict[str, Path]:
    """`en=FILE,de=FILE` -> canonical code -> file."""
    files: dict[str, Path] = {}
    for part in spec.split(","):
        code, equals, path = part.strip().partition("=")
        if not equals or not path:
            raise UserError(f"`spec` takes en=FILE,de=FILE or {PREFIX}sentences=1000, not {spec[:80]!r}")
        known = language(code).code
        if known in files:
            raise UserError(f"`spec` names two files of {known}; give one file a language")
        files[known] = Path(path)
    return files


def draw(
    sides: Mapping[str, Sequence[str]], origin: str, data_hash: str, *, sentences: int = 0, seed: int = 1
) -> ParallelSample:
    """Draw rows that have every language, in random order."""
    total = len(next(iter(sides.values())))
    complete = [row for row in range(total) if all(lines[row].strip() for lines in sides.values())]
    if not complete:
        raise UserError(f"no line of {origin} has a sentence in each of {', '.join(sides)}; choose other languages")
    order = np.random.default_rng(seed).permutation(len(complete))[: sentences or None].tolist()
    chosen = [complete[place] for place in order]
    texts = {code: tuple(lines[row] for row in chosen) for code, lines in sides.items()}
    return ParallelSample(texts, len(complete), total - len(complete), origin, data_hash)


def _codes(languages: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(language(code).code for code in languages))

"""Tokenised corpora on disk: flat arrays, memory-mapped, cached under the hash of what they were made from.

CACHE/<key>/tokens-0.npy   int32, every token of side 0 in a row    (tokens-1.npy: the target side of pairs)
CACHE/<key>/offsets-0.npy  int64, sentence i is tokens[offsets[i]:offsets[i + 1]]
CACHE/<key>/documents.npy  int64, first sentence of each document (monolingual text only; a blank line ends a document)
CACHE/<key>/entry.json     counts and checksums; written last, and the folder is renamed into place whole

Nothing waits for the disk: what a power cut leaves half written fails its checksum and is made again. Waiting took two
thirds of the time that a thousand small corpora need.
"""

import errno
import hashlib
import itertools
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray

from anyglot.data.corpus import ParallelSource, Source, content_hash, line_count, nothing_left, rows
from anyglot.errors import UserError
from anyglot.runtime.directories import user_cache
from anyglot.runtime.untrusted_files import DAMAGE, read_json, whole_number
from anyglot.text.protocols import TextTokenizer

_FORMAT = 2
_CHUNK = 5_000  # some tenths of a second, so that progress is told often enough
_DOCUMENTS = "documents.npy"
# Lines done, and all there are, of a part about; None where nobody knows.
LineReport = Callable[[int, int | None], None]
_TYPES = {"<i4": torch.int32, "<i8": torch.int64}


@dataclass(frozen=True, eq=False)
class TokenisedSide:
    """One side of a tokenised corpus. Sentence i is `side[i]`: int32 ids without special tokens."""

    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, sentence: int) -> NDArray[np.int32]:
        return self.tokens[self.offsets[sentence] : self.offsets[sentence + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sentence, without specials."""
        return np.diff(self.offsets)


@dataclass(frozen=True, eq=False)
class TokenisedCorpus:
    """A corpus as token ids.

    Attributes:
        languages: Canonical codes, one for each side.
        sides: One side for monolingual text, two (source, target) for pairs.
        skipped: Lines left out because a side was empty or held nothing but control characters.
        content_hash: SHA-256 of the raw text.
        key: Name of the cache entry: hash of text, tokenizer and reading options.
        documents: First sentence of each document of monolingual text, ascending from 0; of pairs just (0,).

    Shape:
        documents: (documents,) int64
    """

    languages: tuple[str, ...]
    sides: tuple[TokenisedSide, ...]
    skipped: int
    content_hash: str
    key: str
    documents: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sides[0])

    @property
    def name(self) -> str:
        """The language, or the pair such as `de-en`."""
        return "-".join(self.languages)


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/anyglot/corpora`, `~/.cache/anyglot/corpora` where that is not set."""
    return user_cache() / "corpora"


def tokenise(
    source: Source,
    tokenizer: TextTokenizer,
    cache: Path | None = None,
    progress: LineReport | None = None,
) -> TokenisedCorpus:
    """Token ids of a corpus, from the cache if the same text was tokenised the same way before.

    A damaged cache entry is made again. Two processes may do this at once: the first to finish wins.

    Args:
        cache: Folder of the cache, `default_cache()` if None.
        progress: Called with the number of lines done so far and of all lines, a part's about, or None.

    Raises:
        UserError: A fault of the corpus (see `corpus`), or a cache folder that cannot be written.
    """
    folder = default_cache() if cache is None else cache
    raw = content_hash(source)
    key = _key(source, raw, tokenizer)
    entry = folder / key
    found = _open(entry, source, raw)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f"{key[:16]}.tmp-", dir=folder))
        try:
            _write_entry(temporary, source, tokenizer, progress)
            _move(temporary, entry, source, raw)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        hint = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise UserError(f"Cannot write the corpus cache {folder}: {hint}; free space or set data.cache.") from error
    made = _open(entry, source, raw)
    if made is None:
        raise UserError(f"The corpus cache entry {entry} is damaged right after writing; check the disk.")
    return made


def _key(source: Source, raw: str, tokenizer: TextTokenizer) -> str:
    # What the text is and how it is read, but not where it lies.
    reading = source.model_dump(mode="json", exclude={"file", "files"})
    if reading["hash_part"] is None:  # entries of whole corpora keep the key they had before there were parts
        del reading["hash_part"]
    facts = [_FORMAT, type(source).__name__, [Path(place).suffixes[-2:] for place in source.locations], reading, raw]
    return hashlib.sha256(json.dumps([*facts, tokenizer.fingerprint], sort_keys=True).encode()).hexdigest()


def _languages(source: Source) -> tuple[str, ...]:
    return (source.source, source.target) if isinstance(source, ParallelSource) else (source.language,)


def _write_entry(folder: Path, source: Source, tokenizer: TextTokenizer, progress: LineReport | None) -> None:
    sides = len(_languages(source))
    encoders = (tokenizer.encode, tokenizer.encode_target)[:sides]  # Marian's target has pieces of its own
    lengths: list[list[NDArray[np.int64]]] = [[np.zeros(1, dtype=np.int64)] for _ in range(sides)]
    documents = [0]
    lines = kept = 0
    if progress is not None:
        total = line_count(source)
        progress(0, total)
    files = [(folder / f"tokens-{side}.npy").open("w+b") for side in range(sides)]
    try:
        counts = [0] * sides
        for stream in files:
            _write_header(stream, 0)
        for chunk in _chunks(rows(source)):
            lines += len(chunk)
            filled = [all(text.strip() for text in row) for row in chunk]
            full = [row for row, there in zip(chunk, filled, strict=True) if there]
            encoded = [encode([row[side] for row in full]) for side, encode in enumerate(encoders)]
            good = [number for number in range(len(full)) if all(side[number] for side in encoded)]
            if sides == 1:
                documents += (kept + _after_blanks(filled, good)).tolist()
            kept += len(good)
            for side in range(sides):
                ids = [encoded[side][number] for number in good]
                flat = np.fromiter(itertools.chain.from_iterable(ids), dtype=np.int32)
                files[side].write(flat.tobytes())
                counts[side] += len(flat)
                lengths[side].append(np.fromiter(map(len, ids), dtype=np.int64, count=len(ids)))
            if progress is not None:
                progress(lines, total)
        if not kept:
            raise nothing_left(source, lines)
        for stream, count in zip(files, counts, strict=True):
            stream.seek(0)
            _write_header(stream, count)
    finally:
        for stream in files:
            stream.close()
    for side in range(sides):
        with (folder / f"offsets-{side}.npy").open("wb") as offsets:
            np.save(offsets, np.cumsum(np.concatenate(lengths[side])))
    if sides == 1:
        starts = np.unique(np.asarray(documents, dtype=np.int64))
        with (folder / _DOCUMENTS).open("wb") as beginnings:
            np.save(beginnings, starts[starts < kept])
    names = sorted(path.name for path in folder.iterdir())
    facts = {"format": _FORMAT, "sentences": kept, "skipped": lines - kept}
    checks = {name: [(folder / name).stat().st_size, _checksum(folder / name)] for name in names}
    with (folder / "entry.json").open("w", encoding="utf-8") as text:
        json.dump({**facts, "files": checks}, text)


def _after_blanks(filled: Sequence[bool], good: Sequence[int]) -> NDArray[np.int64]:
    """How many kept sentences stand before each blank line of a chunk; `good` numbers the kept among the filled."""
    kept = np.zeros(sum(filled), dtype=np.int64)
    kept[list(good)] = 1
    there = np.asarray(filled, dtype=np.bool_)
    before = np.concatenate([[0], np.cumsum(kept)])
    return np.asarray(before[np.cumsum(there)[~there]], dtype=np.int64)


def _write_header(stream: IO[bytes], count: int) -> None:
    # numpy pads this header so that the first axis may grow: rewriting it later does not move the data.
    np.lib.format.write_array_header_1_0(stream, {"descr": "<i4", "fortran_order": False, "shape": (count,)})


def _chunks(lines: Iterable[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    iterator = iter(lines)
    while chunk := list(itertools.islice(iterator, _CHUNK)):
        yield chunk


def _move(temporary: Path, entry: Path, source: Source, raw: str) -> None:
    """Rename a finished entry into place; one that another process put there meanwhile stays, a damaged one goes."""
    if entry.exists() and _open(entry, source, raw) is None:
        grave = Path(tempfile.mkdtemp(prefix="damaged.tmp-", dir=entry.parent))
        try:
            entry.rename(grave / entry.name)
        finally:
            shutil.rmtree(grave, ignore_errors=True)
    try:
        temporary.rename(entry)
    except OSError:
        if not entry.exists():
            raise


def _open(entry: Path, source: Source, raw: str) -> TokenisedCorpus | None:
    """The cache entry, or None if it is missing or damaged in any way."""
    languages = _languages(source)
    try:
        facts: dict[str, Any] = read_json(entry / "entry.json")
        if facts["format"] != _FORMAT or len(facts["files"]) != 2 * len(languages) + (len(languages) == 1):
            return None
        for name, (size, checksum) in facts["files"].items():
            path = entry / Path(str(name)).name
            if path.stat().st_size != size or _checksum(path) != checksum:
                return None
        sides = tuple(
            TokenisedSide(_mapped(entry / f"tokens-{side}.npy"), _mapped(entry / f"offsets-{side}.npy"))
            for side in range(len(languages))
        )
        if any(len(side) != facts["sentences"] or side.offsets[-1] != len(side.tokens) for side in sides):
            return None
        documents = _mapped(entry / _DOCUMENTS) if len(languages) == 1 else np.zeros(1, dtype=np.int64)
        return TokenisedCorpus(languages, sides, whole_number(facts["skipped"]), raw, entry.name, documents)
    except (UserError, OSError, EOFError, RuntimeError, SyntaxError, *DAMAGE):
        return None


def _mapped(path: Path) -> NDArray[Any]:
    """A .npy file of one axis as a read-only array over its memory map.

    torch maps it because numpy keeps a file open for every map: a thousand pairs have four thousand, and most systems
    grant 1,024.
    """
    with path.open("rb") as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{path} is of another format")
        [count], _, kind = np.lib.format.read_array_header_1_0(stream)
        start = stream.tell()
    if start % kind.itemsize or path.stat().st_size != start + count * kind.itemsize:
        raise ValueError(f"{path} is cut")
    start //= kind.itemsize
    whole = torch.from_file(str(path), shared=False, size=start + count, dtype=_TYPES[kind.str])
    array: NDArray[Any] = whole[start:].numpy()
    array.flags.writeable = False
    return array


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            value = zlib.crc32(chunk, value)
    return value

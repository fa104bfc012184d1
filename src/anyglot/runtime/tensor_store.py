"""States of sentences on disk under the hash of what they were made from; filled by any number of processes at once.

FOLDER/states-N.bin  rows of D numbers, one sentence's positions after another's
FOLDER/index-N.bin   a record for each sentence: key, where its states begin, how many positions, their checksum

Every process that writes has a segment N of its own, held by a lock that dies with it. States are written before their
record, so a record never names what was not written; what a kill leaves without a record is cut off by the next
writer. Whatever else happens to a file, the checksum finds it out and the sentence counts as unknown.
"""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anyglot.errors import UserError
from anyglot.runtime.locks import try_lock

_RECORD = np.dtype([("high", "<u8"), ("low", "<u8"), ("offset", "<u8"), ("positions", "<u4"), ("check", "<u4")])
_KNOWN = np.dtype([*_RECORD.descr, ("segment", "<u2")])
_MERGED = 200_000
# numpy has no bfloat16: bytes are moved as integers of the same size.
_MOVED: dict[torch.dtype, Any] = {torch.bfloat16: np.int16, torch.float32: np.int32}


def sentence_key(tokens: NDArray[np.integer]) -> bytes:
    """Sixteen bytes that stand for a sentence's tokens."""
    return hashlib.blake2b(np.ascontiguousarray(tokens, dtype="<i4").tobytes(), digest_size=16).digest()


class StateStore:
    """Keeps (S, D) states a sentence.

    Args:
        folder: Of this store alone; whoever names it answers for what its states depend on besides the tokens.
        width: D.
        kind: torch.bfloat16 or torch.float32: how states are kept.
        advice: What the user can do when the folder cannot be written.
    """

    def __init__(
        self, folder: Path, width: int, kind: torch.dtype, advice: str = "free space, or name another folder"
    ) -> None:
        self.folder, self.width, self.kind, self.advice = folder, width, kind, advice
        self._row_bytes = width * kind.itemsize
        self._known: NDArray[Any] = np.empty(0, dtype=_KNOWN)  # sorted by the keys' first halves
        self._highs: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._recent: dict[bytes, Any] = {}
        self._read: dict[int, int] = {}  # segment -> records of its index read so far
        self._maps: dict[int, NDArray[np.uint8]] = {}
        self._own: _Segment | None = None
        self.refresh()

    def __len__(self) -> int:
        return len(self._known) + len(self._recent)

    @property
    def size(self) -> int:
        """Bytes of states on disk."""
        return sum(path.stat().st_size for path in self.folder.glob("states-*.bin"))

    def read(self, keys: Sequence[bytes], length: int) -> tuple[Tensor, list[bool]]:
        """The states of sentences, zero behind their ends and where unknown, and which are known.

        Shape:
            returns: (B, length, D) in the store's kind
        """
        rows = self._find(keys)
        if any(row is None for row in rows):
            self.refresh()  # another process may have written them meanwhile
            rows = self._find(keys)
        moved = _MOVED[self.kind]
        found = np.zeros((len(keys), length, self.width), dtype=moved)
        known = []
        for place, (key, row) in enumerate(zip(keys, rows, strict=True)):
            states = None if row is None else self._states(row)
            if states is None or len(states) > length * self._row_bytes:
                self._recent.pop(key, None)
                known.append(False)
                continue
            whole = states.view(moved).reshape(-1, self.width)
            found[place, : len(whole)] = whole
            known.append(True)
        return torch.from_numpy(found).view(self.kind), known

    def add(self, keys: Sequence[bytes], states: Sequence[Tensor]) -> None:
        """Write the states of sentences, each (S, D).

        Raises:
            UserError: The disk is full, or the folder cannot be written.
        """
        packed = [each.detach().to("cpu", self.kind).contiguous().view(torch.uint8).numpy() for each in states]
        try:
            if self._own is None:
                own = _Segment.claimed(self.folder, self._row_bytes)
                self.refresh()  # what its last writer left
                self._own = own
            records = self._own.append(keys, packed, self._row_bytes)
        except OSError as error:
            what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
            raise UserError(
                f"The encoder cache {self.folder} cannot be written: {what}; {self.advice}. What is in it stays good."
            ) from error
        for key, record in zip(keys, records, strict=True):
            self._recent[key] = record
        if len(self._recent) > _MERGED:
            self._insert([np.array(list(self._recent.values()), dtype=_KNOWN)])
            self._recent = {}

    def refresh(self) -> None:
        """Learn of what other processes have written."""
        fresh: list[NDArray[Any]] = []
        for path in sorted(self.folder.glob("index-*.bin")):
            name = path.stem.removeprefix("index-")
            if not name.isdecimal() or not path.is_file():
                continue  # nothing that a store wrote
            number = int(name)
            if self._own is not None and number == self._own.number:
                continue
            begun = self._read.get(number, 0)
            records = _whole_records(path, begun, self._row_bytes)
            self._read[number] = begun + len(records)
            known = np.empty(len(records), dtype=_KNOWN)
            for name in _RECORD.names or ():
                known[name] = records[name]
            known["segment"] = number
            fresh.append(known)
        self._insert(fresh)

    def close(self) -> None:
        """Give up the segment this process writes."""
        if self._own is not None:
            self._own.close()
            self._own = None

    def _insert(self, fresh: Sequence[NDArray[Any]]) -> None:
        if any(len(each) for each in fresh):
            known = np.concatenate([self._known, *fresh])
            # Stable, and the last of equals is the one found: a sentence written anew replaces a damaged one.
            self._known = known[np.argsort(known["high"], kind="stable")]
            self._highs = np.ascontiguousarray(self._known["high"])

    def _find(self, keys: Sequence[bytes]) -> list[Any]:
        """The record of each key, or None."""
        halves = np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2)
        places = np.searchsorted(self._highs, halves[:, 0], side="right") - 1
        rows: list[Any] = []
        for key, (high, low), place in zip(keys, halves, places.tolist(), strict=True):
            row = self._recent.get(key)
            if row is None and place >= 0 and self._known[place]["high"] == high and self._known[place]["low"] == low:
                row = self._known[place]
            rows.append(row)
        return rows

    def _states(self, row: Any) -> NDArray[np.uint8] | None:
        """The bytes of a record's states; None if they are not what was written."""
        segment, begin = int(row["segment"]), int(row["offset"])
        end = begin + int(row["positions"]) * self._row_bytes
        mapped = self._maps.get(segment)
        if mapped is None or end > len(mapped):
            path = self.folder / f"states-{segment}.bin"
            if not path.is_file() or path.stat().st_size < end:
                return None
            mapped = self._maps[segment] = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
        states = mapped[begin:end]
        return states if zlib.crc32(states.data) == int(row["check"]) else None


class _Segment:
    """The pair of files one process appends to."""

    def __init__(self, number: int, states: int, index: int, end: int, records: int) -> None:
        self.number, self._states, self._index, self._end, self.records = number, states, index, end, records

    @classmethod
    def claimed(cls, folder: Path, row_bytes: int) -> _Segment:
        """The first segment that nobody writes, cut to what its index knows."""
        folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            states = os.open(folder / f"states-{number}.bin", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            if try_lock(states):
                break
            os.close(states)
            number += 1
        path = folder / f"index-{number}.bin"
        index = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        records = _whole_records(path, 0, row_bytes)
        end = int((records["offset"] + records["positions"] * np.uint64(row_bytes)).max()) if len(records) else 0
        os.ftruncate(index, len(records) * _RECORD.itemsize)
        os.ftruncate(states, end)
        return cls(number, states, index, end, len(records))

    def append(self, keys: Sequence[bytes], packed: Sequence[NDArray[np.uint8]], row_bytes: int) -> NDArray[Any]:
        """Write sentences and then their records; returns the records with the segment's number."""
        known = np.zeros(len(keys), dtype=_KNOWN)
        halves = np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2)
        sizes = np.array([each.size for each in packed], dtype=np.uint64)
        known["high"], known["low"], known["segment"] = halves[:, 0], halves[:, 1], self.number
        known["offset"] = self._end + np.cumsum(sizes) - sizes
        known["positions"] = sizes // np.uint64(row_bytes)
        known["check"] = [zlib.crc32(each.data) for each in packed]
        _write_all(self._states, b"".join(each.tobytes() for each in packed))
        records = np.empty(len(keys), dtype=_RECORD)
        for name in _RECORD.names or ():
            records[name] = known[name]
        _write_all(self._index, records.tobytes())
        self._end += int(sizes.sum())
        self.records += len(keys)
        return known

    def close(self) -> None:
        os.close(self._index)
        os.close(self._states)


def _whole_records(path: Path, begun: int, row_bytes: int) -> NDArray[Any]:
    """The records of an index from number `begun` on, up to the first whose states are not all there."""
    with path.open("rb") as stream:
        stream.seek(begun * _RECORD.itemsize)
        raw = stream.read()
    records = np.frombuffer(raw[: len(raw) // _RECORD.itemsize * _RECORD.itemsize], dtype=_RECORD)
    states = path.with_name(path.name.replace("index-", "states-"))
    there = states.stat().st_size if states.is_file() else 0
    # Compared so that nothing a damaged record says can overflow.
    within = (records["offset"] <= there) & (records["positions"] <= (there - records["offset"]) // row_bytes)
    return records if bool(within.all()) else records[: int(np.argmin(within))]


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]

"""States on disk: what was written comes back, whatever happened to the process or the files in between."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.runtime import tensor_store
from anyglot.runtime.tensor_store import StateStore, sentence_key
from support.waiting import ended

WIDTH = 6


def key(number: int) -> bytes:
    return sentence_key(np.array([0, number, 2]))


def states(number: int, length: int = 3) -> torch.Tensor:
    return torch.randn(length, WIDTH, generator=torch.Generator().manual_seed(number))


def store(folder: Path, kind: torch.dtype = torch.float32) -> StateStore:
    return StateStore(folder, WIDTH, kind)


def filled(folder: Path, numbers: range) -> StateStore:
    made = store(folder)
    for number in numbers:
        made.add([key(number)], [states(number)])
    return made


def known(reading: StateStore, numbers: range) -> list[bool]:
    found, there = reading.read([key(number) for number in numbers], 3)
    for number, row, is_there in zip(numbers, found, there, strict=True):
        assert torch.equal(row, states(number)) if is_there else not row.any()
    return there


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12), extra=st.integers(0, 4))
def test_what_is_added_is_read_padded_with_zeros(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], extra: int
) -> None:
    folder = tmp_path_factory.mktemp("states")
    written = store(folder)
    written.add([key(n) for n in range(len(lengths))], [states(n, length) for n, length in enumerate(lengths)])
    for reading in (written, store(folder)):
        found, there = reading.read([key(n) for n in range(len(lengths))], max(lengths) + extra)
        assert there == [True] * len(lengths)
        for number, length in enumerate(lengths):
            assert torch.equal(found[number, :length], states(number, length))
            assert not found[number, length:].any()


def test_bf16_keeps_the_rounded_states(tmp_path: Path) -> None:
    written = store(tmp_path, torch.bfloat16)
    written.add([key(1)], [states(1)])
    found, there = store(tmp_path, torch.bfloat16).read([key(1)], 3)
    assert there == [True]
    assert torch.equal(found[0], states(1).bfloat16())


def test_other_tokens_are_unknown(tmp_path: Path) -> None:
    filled(tmp_path, range(3)).close()
    assert known(store(tmp_path), range(2, 5)) == [True, False, False]
    assert sentence_key(np.array([1, 2])) != sentence_key(np.array([1, 2, 0]))
    assert sentence_key(np.array([1, 2], dtype=np.int64)) == sentence_key(np.array([1, 2], dtype=np.int32))


def test_a_second_writer_has_a_segment_of_its_own_and_both_read_both(tmp_path: Path) -> None:
    one, two = filled(tmp_path, range(3)), filled(tmp_path, range(3, 6))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "index-0.bin",
        "index-1.bin",
        "states-0.bin",
        "states-1.bin",
    ]
    assert known(one, range(6)) == known(two, range(6)) == [True] * 6


def test_a_closed_segment_is_written_on(tmp_path: Path) -> None:
    filled(tmp_path, range(3)).close()
    again = filled(tmp_path, range(3, 5))
    assert len(list(tmp_path.glob("states-*"))) == 1
    assert known(again, range(6)) == [True] * 5 + [False]


def test_many_sentences_are_found_after_recent_ones_are_sorted_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_store, "_MERGED", 7)
    assert known(filled(tmp_path, range(40)), range(41)) == [True] * 40 + [False]


@pytest.mark.parametrize("cut", [1, 5, 72])
def test_states_cut_short_are_unknown_and_the_rest_is_good(tmp_path: Path, cut: int) -> None:
    filled(tmp_path, range(4)).close()
    path = tmp_path / "states-0.bin"
    path.write_bytes(path.read_bytes()[:-cut])
    assert known(store(tmp_path), range(4)) == [True, True, True, False]
    again = filled(tmp_path, range(3, 6))
    assert known(again, range(6)) == known(store(tmp_path), range(6)) == [True] * 6


def test_a_torn_index_record_is_cut_off(tmp_path: Path) -> None:
    filled(tmp_path, range(3)).close()
    with (tmp_path / "index-0.bin").open("ab") as stream:
        stream.write(b"\x07" * 11)
    assert known(store(tmp_path), range(3)) == [True] * 3
    filled(tmp_path, range(3, 5)).close()
    assert known(store(tmp_path), range(6)) == [True] * 5 + [False]


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), index=st.booleans())
def test_a_flipped_bit_is_never_read(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, index: bool
) -> None:
    folder = tmp_path_factory.mktemp("states")
    filled(folder, range(4)).close()
    path = folder / ("index-0.bin" if index else "states-0.bin")
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    assert not all(known(store(folder), range(4)))  # `known` compares the values of what is read


def test_a_damaged_sentence_is_replaced_by_writing_it_anew(tmp_path: Path) -> None:
    filled(tmp_path, range(3)).close()
    path = tmp_path / "states-0.bin"
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)
    reading = store(tmp_path)
    assert known(reading, range(3)) == [False, True, True]
    reading.add([key(0)], [states(0)])
    assert known(reading, range(3)) == [True] * 3
    reading.close()
    assert known(store(tmp_path), range(3)) == [True] * 3


def _killed_while_writing(folder: Path, at: int) -> None:
    """Die of SIGKILL in the middle of the write number `at`, with half of its bytes on disk."""
    writes = iter(range(1, 10**6))
    write = os.write

    def deadly(descriptor: int, content: memoryview) -> int:
        if next(writes) == at:
            write(descriptor, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return write(descriptor, content)

    os.write = deadly  # type: ignore[assignment]
    filled(folder, range(5))


@pytest.mark.parametrize("at", [1, 2, 5, 6, 9])
def test_a_kill_in_the_middle_of_writing_leaves_what_was_whole(tmp_path: Path, at: int) -> None:
    process = multiprocessing.get_context("fork").Process(target=_killed_while_writing, args=(tmp_path, at))
    process.start()
    assert ended(process) == -signal.SIGKILL
    whole = (at - 1) // 2  # each sentence is two writes: states, record
    assert known(store(tmp_path), range(5)) == [True] * whole + [False] * (5 - whole)
    again = filled(tmp_path, range(whole, 5))
    assert len(list(tmp_path.glob("states-*"))) == 1  # the lock died with its process
    assert known(again, range(5)) == [True] * 5


def test_a_full_disk_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = filled(tmp_path, range(2))

    def full(descriptor: int, content: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UserError, match="the disk is full; free space, or name another folder"):
        writing.add([key(9)], [states(9)])
    monkeypatch.undo()
    assert known(store(tmp_path), range(2)) == [True, True]

"""Lines from a pipe: all of them, in order, as soon as they are there."""

import os
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyglot.errors import UserError
from anyglot.inference.translation.streams import arriving_lines


def split(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return lines if lines[-1] else lines[:-1]


@given(chunks=st.lists(st.binary(min_size=1, max_size=30) | st.just(b"\n"), max_size=20), window=st.integers(1, 7))
@settings(max_examples=40, deadline=None)
def test_every_line_comes_once(chunks: list[bytes], window: int) -> None:
    reading, writing = os.pipe()

    def feed() -> None:
        for chunk in chunks:
            os.write(writing, chunk)
        os.close(writing)

    feeder = threading.Thread(target=feed)
    feeder.start()
    windows = list(arriving_lines(reading, window, 10_000))
    feeder.join()
    os.close(reading)
    assert [line for lines in windows for line in lines] == split(b"".join(chunks))
    assert all(1 <= len(lines) <= window for lines in windows)


def test_a_line_is_not_kept_waiting() -> None:
    reading, writing = os.pipe()
    windows = arriving_lines(reading, 100, 1000)
    os.write(writing, b"first\nsec")
    assert next(windows) == [b"first"]
    os.write(writing, b"ond\nthird\n")
    assert next(windows) == [b"second", b"third"]
    os.write(writing, b"last")
    os.close(writing)
    assert list(windows) == [[b"last"]]
    os.close(reading)


def test_an_endless_line_is_refused_before_it_fills_the_memory() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"good\n" + b"x" * 500)
    windows = arriving_lines(reading, 10, 100)
    assert next(windows) == [b"good"]
    with pytest.raises(UserError, match=r"line 2 has 500 characters, more than the limit of 100"):
        next(windows)
    os.close(writing)
    os.close(reading)

"""A file job survives a crash at any moment and ends with the bytes of an unbroken run."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.translation import jobs
from anyglot.inference.translation.jobs import Facts, FileJob, check_output, inspect_input

WORK: Facts = {"model": "m", "source": "de", "target": "en", "beam": 5}
LINES = [b"eins", b"", b"drei \xff", b"vier\r", b"f\x00nf", b"sechs", b"sieben"]


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "WINDOW_LINES", 2)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.txt"
    path.write_bytes(b"\n".join(LINES))  # the last line has no newline
    return path


def shout(window: list[bytes], first: int) -> list[bytes]:
    return [b"%d:%s\n" % (first + index, line.upper().hex().encode()) for index, line in enumerate(window)]


def go(source: Path, output: Path, resume: bool, work: Facts = WORK, **options: object) -> int:
    job = FileJob(source, output, inspect_input(source, 1000))
    done = job.prepare(resume, work)
    if not job.finished:
        job.run(options.get("translate", shout))  # type: ignore[arg-type]
    return done


EXPECTED = b"".join(shout(LINES, 1))


def test_an_unbroken_run(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    assert go(source, output, resume=False) == 0
    assert output.read_bytes() == EXPECTED
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt", "out.txt.journal.json"]


@pytest.mark.parametrize("moment", range(1, 40))
def test_a_crash_at_any_moment_costs_nothing(
    moment: int, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dies before the n-th fsync or rename, then is resumed with a second crash later on, then to the end."""
    output = tmp_path / "out.txt"
    calls = 0

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            nonlocal calls
            calls += 1
            if calls == moment:
                raise Crash
            return real(*arguments)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", dying(os.fsync))
        patched.setattr(Path, "replace", dying(Path.replace))
        for resume in (False, True):
            try:
                go(source, output, resume)
            except Crash:
                moment += 4 if not resume else 10_000
            if output.exists():
                break
    if not output.exists():
        go(source, output, resume=True)
    assert output.read_bytes() == EXPECTED
    assert not (tmp_path / "out.txt.partial").exists()


def test_what_is_ahead_of_the_journal_is_made_again(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"

    def dies_in_third_window(window: list[bytes], first: int) -> list[bytes]:
        if first == 5:
            raise Crash
        return shout(window, first)

    with pytest.raises(Crash):
        go(source, output, resume=False, translate=dies_in_third_window)
    partial = tmp_path / "out.txt.partial"
    assert not output.exists()
    assert json.loads((tmp_path / "out.txt.journal.json").read_text())["lines"] == 4
    with partial.open("ab") as stream:
        stream.write(b"5:half a li")
    assert go(source, output, resume=True) == 4
    assert output.read_bytes() == EXPECTED


def test_other_work_cannot_continue(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"

    def dies_in_second_window(window: list[bytes], first: int) -> list[bytes]:
        if first == 3:
            raise Crash
        return shout(window, first)

    with pytest.raises(Crash):
        go(source, output, resume=False, translate=dies_in_second_window)
    before = (tmp_path / "out.txt.partial").read_bytes()
    with pytest.raises(UserError, match="holds an unfinished translation: continue it with `resume=True`"):
        go(source, output, resume=False)
    with pytest.raises(UserError, match="was begun with another beam, target"):
        go(source, output, resume=True, work={**WORK, "beam": 4, "target": "zh"})
    original = source.read_bytes()
    source.write_bytes(original + b"!")
    with pytest.raises(UserError, match="was begun with another input"):
        go(source, output, resume=True)
    source.write_bytes(original)
    assert (tmp_path / "out.txt.partial").read_bytes() == before
    journal = tmp_path / "out.txt.journal.json"
    content = journal.read_bytes()
    for damage in (b"", b"[]", b"{}", content[:-9], content.replace(b"anyglot-translation-2", b"another")):
        journal.write_bytes(damage)
        with pytest.raises(UserError, match=r"journal .* cannot be read"):
            go(source, output, resume=True)
    journal.write_bytes(content)
    (tmp_path / "out.txt.partial").write_bytes(before[:3])
    with pytest.raises(UserError, match="shorter than its journal says"):
        go(source, output, resume=True)
    assert not output.exists()


def never(window: list[bytes], first: int) -> list[bytes]:
    raise AssertionError("translated again")


def test_resuming_what_is_finished_does_nothing(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    go(source, output, resume=False)
    before = output.stat()
    for _ in range(2):
        assert go(source, output, resume=True, translate=never) == len(LINES)
    assert output.stat().st_mtime_ns == before.st_mtime_ns and output.stat().st_ino == before.st_ino
    assert go(source, output, resume=False, translate=lambda w, n: [b"new\n"] * len(w)) == 0
    assert output.read_bytes() == b"new\n" * len(LINES)


def test_other_work_does_not_count_as_finished(source: Path, tmp_path: Path) -> None:
    """Another input, another setting, an output that was edited or is of unknown origin: nothing is translated."""
    output, journal = tmp_path / "out.txt", tmp_path / "out.txt.journal.json"
    go(source, output, resume=False)
    with pytest.raises(UserError, match=r"was begun with another seed: .* leave out `resume` to start again"):
        go(source, output, resume=True, work={**WORK, "seed": 2}, translate=never)
    original = source.read_bytes()
    source.write_bytes(original + b"\n")
    with pytest.raises(UserError, match="was begun with another input"):
        go(source, output, resume=True, translate=never)
    source.write_bytes(original)
    output.write_bytes(EXPECTED + b"a note\n")
    with pytest.raises(UserError, match="is not what its journal says"):
        go(source, output, resume=True, translate=never)
    journal.unlink()
    with pytest.raises(UserError, match="no journal says how"):
        go(source, output, resume=True, translate=never)
    assert output.read_bytes() == EXPECTED + b"a note\n"
    output.unlink()
    assert go(source, output, resume=True) == 0
    output.unlink()
    assert go(source, output, resume=True) == 0, "an output that was taken away is made again"
    assert output.read_bytes() == EXPECTED


def test_an_earlier_output_does_not_pass_for_an_interrupted_one(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    go(source, output, resume=False)

    def dies(window: list[bytes], first: int) -> list[bytes]:
        raise Crash

    with pytest.raises(Crash):
        go(source, output, resume=False, work={**WORK, "seed": 2}, translate=dies)
    assert output.read_bytes() == EXPECTED
    assert go(source, output, resume=True, work={**WORK, "seed": 2}) == 0
    with pytest.raises(Crash):
        go(source, output, resume=False, translate=dies)
    (tmp_path / "out.txt.partial").unlink()
    with pytest.raises(UserError, match="is not what its journal says"):
        go(source, output, resume=True, translate=never)


def test_resuming_nothing_starts(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    assert go(source, output, resume=True) == 0
    assert output.read_bytes() == EXPECTED


def test_an_input_that_changes_is_noticed(source: Path, tmp_path: Path) -> None:
    def grows(window: list[bytes], first: int) -> list[bytes]:
        if first == 5:
            with source.open("ab") as stream:
                stream.write(b"\nmore\nand more")
        return shout(window, first)

    with pytest.raises(UserError, match="changed during the work"):
        go(source, tmp_path / "out.txt", resume=False, translate=grows)
    assert not (tmp_path / "out.txt").exists()


def test_a_full_disk_is_one_sentence_and_the_work_is_kept(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.txt"
    calls = 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(
            UserError, match="no space left on device; free some space, then continue with `resume=True`"
        ):
            go(source, output, resume=False)
    assert not output.exists()
    assert go(source, output, resume=True) == 2
    assert output.read_bytes() == EXPECTED


def test_an_empty_input_gives_an_empty_output(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"")
    go(tmp_path / "in.txt", tmp_path / "out.txt", resume=False)
    assert (tmp_path / "out.txt").read_bytes() == b""


def test_inputs_are_inspected_before_any_work(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(b"short\n" + b"x" * 20 + b"\nshort")
    assert inspect_input(path, 20).lines == 3
    with pytest.raises(UserError, match="line 2 has 20 characters"):
        inspect_input(path, 19)
    with pytest.raises(UserError, match=r"cannot read .*nothing"):
        inspect_input(tmp_path / "nothing", 19)
    with pytest.raises(UserError, match="is a directory"):
        inspect_input(tmp_path, 19)


def test_outputs_that_cannot_be(source: Path, tmp_path: Path) -> None:
    check_output(tmp_path / "new.txt", source)
    with pytest.raises(UserError, match="there is no folder"):
        check_output(tmp_path / "missing" / "new.txt", source)
    with pytest.raises(UserError, match="is a folder"):
        check_output(tmp_path, source)
    with pytest.raises(UserError, match="same file"):
        check_output(source, source)
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(UserError, match="same file"):
        check_output(tmp_path / "link", source)

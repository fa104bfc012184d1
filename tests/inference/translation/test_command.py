"""`anyglot translate` as a process: streams, signals, kills, exit codes."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from anyglot.errors import UserError
from anyglot.inference.translation import SearchSettings, jobs
from anyglot.inference.translation.command import Work, run
from support import deadly, translate_command
from support.waiting import PATIENCE

COMMAND = Path(translate_command.__file__)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSLATE_WINDOW": "8"}
OPTIONS = ["--source", "de", "--target", "en", "--max-length", "8", "--decoder", "greedy", "--device", "cpu"]


def arguments(model_folder: Path, *more: str | Path) -> list[str]:
    return [sys.executable, str(COMMAND), str(model_folder), *OPTIONS, *map(str, more)]


def start(model_folder: Path, *more: str | Path) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    return subprocess.Popen(arguments(model_folder, *more), stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT)


def work(model_folder: Path, source: Path, output: Path, resume: bool = False) -> Work:
    """The same work as OPTIONS ask for."""
    settings = SearchSettings(decoder="greedy", max_length=8)
    return Work(str(model_folder), "de", "en", settings, source, output, "cpu", "auto", resume)


@pytest.fixture
def many_lines(tmp_path: Path) -> Path:
    drawn = random.Random(3)
    words = ["das", "Haus", "ist", "alt", "und", "der", "Hund", "schläft", "Die", "Katze", "sieht", "den", "Vogel"]
    lines = [" ".join(drawn.choices(words, k=drawn.randint(0, 7))) for _ in range(160)]
    path = tmp_path / "in.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_conversation_and_then_any_bytes(model_folder: Path) -> None:
    """A typed line is answered before the next one; then garbage comes, and as many lines go as came."""
    process = start(model_folder)
    assert process.stdin is not None and process.stdout is not None
    for typed in (b"Das Haus ist alt.\n", b"Der Hund.\n"):
        process.stdin.write(typed)
        process.stdin.flush()
        assert process.stdout.readline().strip()
    garbage = random.Random(5).randbytes(3000) + b"\n\r\n\x0b\n \n" + "a\u2028b\u0085c\n".encode() + b"no end"
    out, err = process.communicate(garbage, timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    assert out.count(b"\n") == garbage.count(b"\n") + 1
    assert len(out.decode().splitlines()) == out.count(b"\n")
    assert b"not UTF-8" in err and b"Traceback" not in err


def test_killed_again_and_again_the_output_is_the_same(
    model_folder: Path, many_lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "WINDOW_LINES", 8)
    unbroken, output = tmp_path / "unbroken.txt", tmp_path / "out.txt"
    run(work(model_folder, many_lines, unbroken))
    journal = tmp_path / "out.txt.journal.json"
    words = ["translate", model_folder, *OPTIONS, "--input", many_lines, "--output", output]
    # The journal is written at the start, and after every window of eight lines.
    for number, windows, resume in ((signal.SIGKILL, 4, []), (signal.SIGTERM, 6, ["--resume"])):
        command = deadly.command("*/out.txt.journal.json", windows, *words, *resume, number=number)
        done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE, check=False)
        assert done.returncode == (143 if number == signal.SIGTERM else -9), done.stderr.decode()
        assert not output.exists() and b"Traceback" not in done.stderr
    assert 72 <= json.loads(journal.read_bytes())["lines"] < 160
    run(work(model_folder, many_lines, output, resume=True))
    assert output.read_bytes() == unbroken.read_bytes()
    assert not (tmp_path / "out.txt.partial").exists()


def test_the_reader_may_leave_and_the_user_may_interrupt(model_folder: Path) -> None:
    process = start(model_folder)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdin.write(b"Das Haus.\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 130
    told = b"anyglot: stopped by a signal; what was written stays, the rest of the input is not translated.\n"
    assert process.stderr.read() == told

    process = start(model_folder)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stdin.write(b"Das Haus.\n" * 50)
    process.stdin.close()
    assert process.wait(timeout=PATIENCE) == 0
    assert process.stderr.read() == b""


def test_a_mistake_is_one_sentence_and_code_2(model_folder: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [*arguments(model_folder), "--beam", "0"], input=b"x\n", capture_output=True, env=ENVIRONMENT, check=False
    )
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.count(b"\n") == 1 and result.stderr.startswith(b"anyglot: --beam must lie between")


def test_long_lines_files_and_mistakes(model_folder: Path, many_lines: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.txt"
    many_lines.write_bytes(b"gut\n" + b"x" * 200_001)
    with pytest.raises(UserError, match="line 2 has 200,001 characters"):
        run(work(model_folder, many_lines, output))
    with pytest.raises(UserError, match="cannot read"):
        run(work(model_folder, tmp_path / "nothing.txt", output))
    many_lines.write_bytes(b"gut\n")
    with pytest.raises(UserError, match="same file"):
        run(work(model_folder, many_lines, many_lines))
    with pytest.raises(UserError, match="no folder"):
        run(work(tmp_path / "nowhere", many_lines, output))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(UserError, match="only the translation of a file"):
        run(work(model_folder, fifo, output, resume=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fifo", "in.txt"]
    run(work(model_folder, many_lines, output))
    assert output.read_bytes().count(b"\n") == 1

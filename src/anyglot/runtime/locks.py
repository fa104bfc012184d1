"""One writer at a time: a lock on a folder or file that is being written, from the first second of the verb that does.

    PARENT/.NAME.lock    beside what is written; says who holds it (pid, host, command, since); gone when that ends

The kernel keeps the lock (flock) and gives it back however its holder ends, SIGKILL included: the file alone locks
nothing. It lies beside and not within, so that it works before there is a folder and goes nowhere with one. Children
that are forked, the workers that read data, do not hold it; those that are handed its descriptor do.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import platform
import re
import shlex
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from anyglot.errors import UserError
from anyglot.runtime.arguments import impossible_path
from anyglot.runtime.untrusted_files import parse_json

logger = logging.getLogger(__name__)
_LONGEST_NAME = 240
_READ = 4096
_INHERITED = "ANYGLOT_LOCK"
_COMMAND = 300
# What a file system says that knows no locks.
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass
class _Held:
    """A lock of this process.

    Attributes:
        file: None where the folder itself is locked, since nothing can be put beside it.
        made: Folders made for the lock, outermost first.
        thread: Only the thread that holds a lock may take it again.
    """

    descriptor: int
    file: Path | None
    made: list[Path]
    thread: int
    times: int = 1


class _Busy(Exception):
    """Another process holds the lock; the message says who."""


_held: dict[str, _Held] = {}
_guard = threading.Lock()


def lock_file(path: Path | str) -> Path:
    """Where the lock of a folder or file lies. Links are followed: one thing has one lock, whatever it is called."""
    real = Path(os.path.realpath(path))
    name = os.fsencode(real.name)
    kept = real.name if len(name) <= _LONGEST_NAME else hashlib.sha256(name).hexdigest()
    return real.with_name(f".{kept}.lock") if real.name else real / ".lock"


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing, locks of what is or was written in it aside."""
    return all(entry.name.startswith(".") and entry.name.endswith(".lock") for entry in folder.iterdir())


def try_lock(descriptor: int) -> bool:
    """Lock an open file for as long as it is open; False if another process has it.

    Raises:
        OSError: The file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def inheritance(descriptor: int) -> dict[str, str]:
    """Environment of a child that is handed a lock's descriptor and shall write what it locks."""
    return {_INHERITED: str(descriptor)}


@contextmanager
def held(path: Path | str, *, file: bool = False, wait: Callable[[str], None] | None = None) -> Iterator[int | None]:
    """Hold a folder, or a file, that is going to be written. It need not be there yet.

    A thread may hold the same thing again within, and so may a child that was handed the lock. Of the processes that
    torchrun starts for one run the first holds it for all.

    Args:
        file: It is a file: where there is no folder for it nothing is made, so that whoever writes it can say so.
        wait: Is told who holds it, and then it is waited for; None: it is not.

    Yields:
        The lock's descriptor, for a child that shall hold the lock too; None where there is none: for devices and
        pipes, for other ranks, and on file systems without locks.

    Raises:
        UserError: Another process holds it, or nothing can be written there.
    """
    if _is_other_rank() or _is_stream(path):
        yield None
        return
    key = os.path.realpath(path)
    mine = _again(key, path) or _first(key, Path(path), file, wait)
    try:
        yield None if mine is None else mine.descriptor
    finally:
        if mine is not None:
            _let_go(key, mine)


def _again(key: str, path: Path | str) -> _Held | None:
    with _guard:
        mine = _held.get(key)
        if mine is None:
            return None
        if mine.thread != threading.get_ident():
            raise UserError(_told(path, "another thread of this process"))
        mine.times += 1
        return mine


def _first(key: str, path: Path, file: bool, wait: Callable[[str], None] | None) -> _Held | None:
    try:
        mine = _taken(path, file, wait)
    except _Busy as busy:
        raise UserError(_told(path, str(busy))) from None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            logger.warning("%s lies where there are no locks: nothing keeps a second run from writing it", path)
            return None
        if file:
            return None  # whoever writes the file says what is wrong with its place
        raise UserError(
            impossible_path(error) or f"{path} cannot be written: {(error.strerror or str(error)).lower()}."
        ) from None
    with _guard:
        _held[key] = mine
    return mine


def _taken(path: Path, file: bool, wait: Callable[[str], None] | None) -> _Held:
    place = lock_file(path)
    made: list[Path] = []
    try:
        while True:
            if (inherited := _inherited(place)) is not None:
                return _Held(inherited, None, made, threading.get_ident())
            if not file:
                made += _with_parents(place.parent)
            try:
                descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            except FileNotFoundError:
                if file:
                    raise
                continue  # another run ended and took the folders along that it had made
            except OSError as error:
                if error.errno in _NOT_WRITABLE and path.is_dir():
                    return _folder_itself(path, made)
                raise
            if _locked(descriptor, path, wait) and _is_at(descriptor, place):
                _write_holder(descriptor)
                return _Held(descriptor, place, made, threading.get_ident())
            os.close(descriptor)  # of a file that its holder has just taken away
    except BaseException:
        _remove_empty(made)
        raise


def _inherited(place: Path) -> int | None:
    """The descriptor that a parent, which holds this very lock, handed to this process."""
    named = os.environ.get(_INHERITED, "")
    if not (named.isascii() and named.isdecimal()):
        return None
    try:
        return os.dup(int(named)) if _is_at(int(named), place) else None
    except (OSError, OverflowError):  # closed, as in a child further down
        return None


def _locked(descriptor: int, path: Path, wait: Callable[[str], None] | None) -> bool:
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserError(f"{lock_file(path)} is no regular file: delete it, and run again.")
        if try_lock(descriptor):
            return True
        holder = _holder(descriptor)
        if wait is None:
            raise _Busy(holder)
        wait(f"{path} is held by {holder}: waiting for it")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
    except BaseException:
        os.close(descriptor)
        raise


def _folder_itself(path: Path, made: list[Path]) -> _Held:
    """Lock the folder where nothing may be written beside it, as with a volume of a container."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if not try_lock(descriptor):
            raise _Busy("another process")
    except BaseException:
        os.close(descriptor)
        raise
    return _Held(descriptor, None, made, threading.get_ident())


def _let_go(key: str, mine: _Held) -> None:
    with _guard:
        if _held.get(key) is not mine:
            return  # this is a child that was forked, and the lock is its parent's
        mine.times -= 1
        if mine.times:
            return
        del _held[key]
    if mine.file is not None:
        mine.file.unlink(missing_ok=True)  # while it is held: who opened it meanwhile finds another in its place
    os.close(mine.descriptor)
    _remove_empty(mine.made)


def _is_at(descriptor: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), place.lstat())
    except FileNotFoundError:
        return False


def _with_parents(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing; returns those that were made, outermost first."""
    missing = []
    for each in (folder, *folder.parents):
        if each.exists():
            break
        missing.append(each)
    made = []
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another run made it
            each.mkdir()
            made.append(each)
    return made


def _remove_empty(made: list[Path]) -> None:
    for each in reversed(made):
        try:
            each.rmdir()
        except OSError:  # something was written in it, as it should be
            return


def _write_holder(descriptor: int) -> None:
    called = Path(sys.argv[0])
    program = "anyglot" if called.parts[-3:] == ("anyglot", "cli", "main.py") else called.name or "python"
    command = re.sub(r"(://)[^/@\s]*@", r"\1", shlex.join([program, *sys.argv[1:]]))
    holder = {
        "pid": os.getpid(),
        "host": platform.node(),
        "command": command[:_COMMAND],
        "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
    }
    # On a full disk the lock holds all the same, and only the sentence about it is shorter.
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder, ensure_ascii=True).encode() + b"\n", 0)


def _holder(descriptor: int) -> str:
    try:
        said = parse_json(os.pread(descriptor, _READ, 0))
        where = "" if said["host"] == platform.node() else f" on {said['host']}"
        return f"process {int(said['pid'])}{where} (`{said['command']}`, since {said['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _told(path: Path | str, holder: str) -> str:
    return f"{path} is being written by {holder}: wait for it to end or stop it, or name another output."


def _is_other_rank() -> bool:
    """Whether this is one of several processes of one run, and not the first of them."""
    return os.environ.get("WORLD_SIZE", "1") != "1" and os.environ.get("RANK", "0") != "0"


def _is_stream(path: Path | str) -> bool:
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _forget() -> None:
    """In a child that was forked: the locks are its parent's, and must end with it."""
    global _guard
    _guard = threading.Lock()
    for mine in _held.values():
        os.close(mine.descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget)

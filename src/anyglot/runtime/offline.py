"""`--offline`: this process and those it starts reach nothing beyond this machine, whatever a library would like."""

from __future__ import annotations

import os
import platform
import sys
from ipaddress import ip_address
from typing import Any

from anyglot.errors import UserError

VARIABLE = "ANYGLOT_OFFLINE"
"""Set to 1 it is as good as the option, and is how the processes that are started know."""
# Under these the libraries look into their caches at once, without trying the network first.
_LIBRARIES = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
_refused = False


def refuse_network() -> None:
    """Refuse every connection and every look-up of a name but those of this machine, until the process ends.

    Call it before huggingface_hub is imported, which reads its variable then.
    """
    global _refused
    for name in (VARIABLE, *_LIBRARIES):
        os.environ[name] = "1"
    if not _refused:
        sys.addaudithook(_watch)
        _refused = True


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        _check(arguments[0])
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple):  # else a socket of this machine's file system
            _check(address[0])


def _check(host: object) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name is None or name in ("", "localhost", platform.node()):
        return
    if _is_loopback(str(name)):
        return
    raise UserError(
        f"{name} was to be reached, and `offline` refuses all use of the network: leave it out, or name local files."
    )


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False  # no address but the name of another machine

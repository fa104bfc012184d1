"""A package index on this machine: real HTTP, ranges, and the faults that real ones have."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from anyglot.models.pretrained.known_models import Wheel


@dataclass
class Index:
    """What the index offers, and how it misbehaves.

    Attributes:
        wheel: What is asked for.
        content: What it sends.
        html: PEP 503 in place of PEP 691.
        with_hash: Tell size and SHA-256 of the content.
        cut: Of each of the next answers, the bytes after which the connection is cut.
        ranges: Whether it knows of them.
        status: Of the answer to a request for the file.
        hold: Wait for it before the last byte.
        authorization: What it wants in this header.
        asked: Every request: path and range.
    """

    wheel: Wheel
    content: bytes
    html: bool = False
    with_hash: bool = True
    cut: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    hold: threading.Event | None = None
    authorization: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    @property
    def ranges_asked(self) -> list[str | None]:
        """Of the requests for the file."""
        return [asked for path, asked in self.asked if path.startswith("/files/")]

    def page(self) -> tuple[str, bytes]:
        digest = hashlib.sha256(self.content).hexdigest()
        if self.html:
            fragment = f"#sha256={digest}" if self.with_hash else ""
            page = f'<!DOCTYPE html><a href="../../files/{self.wheel.file}{fragment}">{self.wheel.file}</a>'
            return "text/html", page.encode()
        entry: dict[str, Any] = {"filename": self.wheel.file, "url": f"{self.url}/files/{self.wheel.file}"}
        entry |= {"hashes": {"sha256": digest}, "size": len(self.content)} if self.with_hash else {"hashes": {}}
        return "application/vnd.pypi.simple.v1+json", json.dumps({"files": [entry]}).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's index says."""

    @property
    def index(self) -> Index:
        assert isinstance(self.server, Server)
        return self.server.index

    def do_GET(self) -> None:
        index = self.index
        index.asked.append((self.path, self.headers.get("Range")))
        if index.authorization is not None and self.headers.get("Authorization") != index.authorization:
            self.send_error(401)
        elif self.path == "/simple/tiny-start/":
            kind, page = index.page()
            self._begin(200, len(page), ("Content-Type", kind))
            self.wfile.write(page)
        elif self.path == f"/files/{index.wheel.file}" and index.status == 200:
            self._file()
        else:
            self.send_error(404 if index.status == 200 else index.status)

    def _file(self) -> None:
        index = self.index
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(asked[1]) if asked and index.ranges else 0
        if start >= len(index.content):
            self.send_error(416)
            return
        body = index.content[start:]
        if asked and index.ranges:
            told = f"bytes {start}-{len(index.content) - 1}/{len(index.content)}"
            self._begin(206, len(body), ("Content-Range", told))
        else:
            self._begin(200, len(body))
        if index.cut:
            self.wfile.write(body[: index.cut.pop(0)])
            self.close_connection = True
            return
        # Who asked may be killed, or have enough, before all is sent.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body[:-1])
            if index.hold is not None:
                self.wfile.flush()
                index.hold.wait(60)
            self.wfile.write(body[-1:])

    def _begin(self, status: int, length: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Not into the tests' output."""


class Server(ThreadingHTTPServer):
    def __init__(self, index: Index) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.index = index


@contextmanager
def serving(index: Index) -> Iterator[str]:
    """Its address while it runs."""
    server = Server(index)
    index.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"{index.url}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

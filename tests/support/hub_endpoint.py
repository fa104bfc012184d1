"""A stand-in for the hub at the level of HTTP: it takes repositories and commits, and keeps what it was sent."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """What came in.

    Attributes:
        created: Bodies of requests for a repository.
        commits: Headers of commits.
        files: Path in the repository -> content.
        cards: Model cards that were sent ahead to be checked.
        tokens: Values of the Authorization header.
    """

    created: list[dict[str, Any]] = field(default_factory=list)
    commits: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    cards: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self._body()
        self.server.received.tokens.add(self.headers.get("Authorization", ""))
        if self.server.forbidden:
            self._answer({"error": "You have no right to write here."}, 403)
        elif self.path == "/api/repos/create":
            wanted = json.loads(body)
            self.server.received.created.append(wanted)
            self._answer({"url": f"{self.server.address}/{wanted['organization']}/{wanted['name']}"})
        elif self.path == "/api/validate-yaml":
            self.server.received.cards.append(json.loads(body)["content"])
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            paths = [file["path"] for file in json.loads(body)["files"]]
            self._answer({"files": [{"path": p, "uploadMode": _mode(p), "shouldIgnore": False} for p in paths]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = [{**each, "actions": self._store(each["oid"])} for each in json.loads(body)["objects"]]
            self._answer({"transfer": "basic", "objects": objects}, kind="application/vnd.git-lfs+json")
        elif "/commit/" in self.path:
            self._commit([json.loads(line) for line in body.decode().splitlines()])
        else:
            self._answer({"error": self.path}, 404)

    def do_PUT(self) -> None:
        self.server.stored[self.path.rsplit("/", 1)[-1]] = self._body()
        self._answer({})

    def do_GET(self) -> None:
        self._answer({"error": self.path}, 404)

    def log_message(self, *arguments: Any) -> None:
        """Keep quiet."""

    def _store(self, oid: str) -> dict[str, Any]:
        return {"upload": {"href": f"{self.server.address}/store/{oid}"}}

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _commit(self, lines: list[dict[str, Any]]) -> None:
        received = self.server.received
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                received.commits.append(value)
            elif line["key"] == "file":
                received.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                received.files[value["path"]] = self.server.stored[value["oid"]]
        commit = "0" * 40
        self._answer({"commitOid": commit, "commitUrl": f"{self.server.address}/me/words/commit/{commit}"})

    def _answer(self, answer: dict[str, Any], code: int = 200, kind: str = "application/json") -> None:
        content = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    def __init__(self, *, forbidden: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.forbidden = forbidden
        self.received = Received()
        self.stored: dict[str, bytes] = {}


@contextmanager
def endpoint(*, forbidden: bool = False) -> Iterator[tuple[str, Received]]:
    """A server on this machine: its address, and what it receives. With `forbidden` it lets nobody write."""
    with _Server(forbidden=forbidden) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.address, server.received
        finally:
            server.shutdown()


def _mode(path: str) -> str:
    return "lfs" if path.endswith((".safetensors", ".model")) else "regular"

"""Where a package index keeps a file: its simple repository API, as JSON (PEP 691) or HTML (PEP 503)."""

from __future__ import annotations

import ast
import itertools
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

import requests

from anyglot.errors import UserError
from anyglot.models.pretrained.known_models import Wheel
from anyglot.runtime.untrusted_files import DAMAGE, parse_json, text_of, whole_number

PYPI = "https://pypi.org/simple"
SECONDS = (15, 60)  # to connect; without a byte
_JSON = "application/vnd.pypi.simple.v1+json"
_ACCEPT = f"{_JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_LONGEST_PAGE = 64 << 20
_PIECE = 1 << 16


@dataclass(frozen=True)
class Offer:
    """A file of an index, with what the index says of it where it does.

    Attributes:
        url: From where it is downloaded.
        sha256: Hexadecimal.
        size: Bytes.
    """

    url: str
    sha256: str | None = None
    size: int | None = None


def chosen_index(given: str | None = None) -> str:
    """The index: the one given, else PIP_INDEX_URL, else the one pip is configured for, else PyPI.

    Raises:
        UserError: It is no address of the web.
    """
    url = given or os.environ.get("PIP_INDEX_URL") or _pip_setting("index-url") or PYPI
    if not _is_address(url):
        raise UserError(f"The package index {without_password(url)!r} is no https address: name one by `index_url`.")
    return url.rstrip("/")


def open_session() -> requests.Session:
    """A session that takes proxies from the environment, and certificates from there or from pip's settings."""
    session = requests.Session()
    session.headers["User-Agent"] = "anyglot"
    session.headers["Accept-Encoding"] = "identity"
    named = any(os.environ.get(name) for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    certificates = None if named else os.environ.get("SSL_CERT_FILE") or _pip_setting("cert")
    if certificates:
        session.verify = certificates
    return session


def find_offer(session: requests.Session, index: str, wheel: Wheel) -> Offer:
    """What the index offers under the wheel's name.

    Raises:
        UserError: The index cannot be reached or has no such file, or it is another file than the one known here.
    """
    place = f"{index}/{re.sub(r'[-_.]+', '-', wheel.package).lower()}/"
    try:
        with session.get(place, headers={"Accept": _ACCEPT}, timeout=SECONDS, stream=True) as answer:
            answer.raise_for_status()
            page = b"".join(itertools.islice(answer.iter_content(_PIECE), _LONGEST_PAGE // _PIECE))
            kind = answer.headers.get("Content-Type", "")
            base = answer.url
    except (requests.RequestException, OSError) as error:
        raise UserError(f"{wheel.package} was not found: {why(error, place)}") from None
    offer = offers_of(page, kind, base).get(wheel.file)
    if offer is None:
        raise UserError(
            f"The package index {without_password(index)} has no file {wheel.file}: name another by `index_url`."
        )
    if offer.sha256 not in (None, wheel.sha256) or offer.size not in (None, wheel.size):
        raise UserError(
            f"The package index {without_password(index)} has another {wheel.file} than the one known here "
            f"(SHA-256 {offer.sha256}, expected {wheel.sha256}), so it was not fetched: name another by `index_url`."
        )
    return Offer(_with_password(offer.url, index), offer.sha256, offer.size)


def offers_of(page: bytes, kind: str, base: str) -> dict[str, Offer]:
    """File name -> what a project's page says of it; of a page that is none, nothing.

    Args:
        kind: The page's media type.
        base: The page's own address, to which others may be relative.
    """
    if kind.startswith(_JSON):
        return _offers_of_json(page, base)
    links = _Links()
    try:
        links.feed(page.decode("utf-8", "replace"))
    except AssertionError:  # html.parser's word for some declarations that are none
        return {}
    offers = {}
    for link in links.found:
        try:
            url, fragment = urldefrag(urljoin(base, link))
            name = unquote(urlsplit(url).path.rpartition("/")[2])
        except ValueError:  # no address
            continue
        _, _, digest = fragment.partition("sha256=")
        offers[name] = Offer(url, digest or None)
    return offers


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _with_password(url: str, index: str) -> str:
    """A file of the index's own host is asked for with the name and password of the index's address."""
    parts, own = urlsplit(url), urlsplit(index)
    password = own.netloc.rpartition("@")[0]
    if not password or (parts.scheme, parts.netloc) != (own.scheme, own.netloc.rpartition("@")[2]):
        return url
    return urlunsplit(parts._replace(netloc=f"{password}@{parts.netloc}"))


def why(error: Exception, url: str) -> str:
    """What went wrong with a request, and what to do: the end of a sentence."""
    host = urlsplit(url).hostname
    answer = getattr(error, "response", None)
    if answer is not None:
        return f"{host} answered {answer.status_code} ({answer.reason}). Check the address, or try again later."
    if isinstance(error, requests.exceptions.SSLError):
        return f"{host} has no certificate that is trusted here. Set SSL_CERT_FILE to your network's certificates."
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy to {host} cannot be reached. Check HTTPS_PROXY."
    if isinstance(error, requests.Timeout):
        return f"{host} did not answer in time. Check the network, and run the same command again."
    return f"{host} cannot be reached or broke off. Check the network, and run the same command again."


def without_password(url: str) -> str:
    """The address as it may be shown and written."""
    return re.sub(r"//[^/]*@", "//", url)


def _pip_setting(key: str) -> str | None:
    """What pip's own configuration says; None if nothing, or if there is no pip."""
    try:
        listed = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = {}
    for line in listed.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            try:
                found[name.strip()] = str(ast.literal_eval(value))
            except (ValueError, SyntaxError):
                continue
    return next(
        (found[name] for name in (f"download.{key}", f"install.{key}", f"global.{key}") if found.get(name)), None
    )


def _offers_of_json(page: bytes, base: str) -> dict[str, Offer]:
    try:
        return {text_of(file["filename"]): _offer(file, base) for file in parse_json(page)["files"]}
    except DAMAGE:
        return {}


def _offer(file: dict[str, Any], base: str) -> Offer:
    sha256, size = file.get("hashes", {}).get("sha256"), file.get("size")
    return Offer(
        urljoin(base, text_of(file["url"])),
        None if sha256 is None else text_of(sha256),
        None if size is None else whole_number(size),
    )


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]

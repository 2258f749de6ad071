"""Fetching one file of one package from the package index, going on where an earlier attempt broke off."""

from __future__ import annotations

import base64
import http.client
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

from ..._secrets import redact

Progress = Callable[[int, int], None]
"""Called with the bytes that are here, and the bytes there will be."""

DEFAULT_INDEX = "https://pypi.org/simple"
ATTEMPTS = 5
SECONDS = 30.0
_CHUNK = 1 << 18


class IndexUnreachable(OSError):
    """No package index could be asked, or it does not have the file."""


def list_index_urls() -> list[str]:
    """The indexes that pip would ask, in its order."""
    main = os.environ.get("PIP_INDEX_URL") or _pip_setting("global.index-url") or DEFAULT_INDEX
    more = os.environ.get("PIP_EXTRA_INDEX_URL") or _pip_setting("global.extra-index-url")
    return [main, *more.split()]


def find_file(project: str, filename: str) -> str:
    """The URL of a file of a package.

    Raises:
        IndexUnreachable: No index has it. The text says what each one said, without credentials.
    """
    said = []
    for index in list_index_urls():
        page = f"{index.rstrip('/')}/{project}/"
        try:
            with _open(urllib.request.Request(page, headers={"Accept": "text/html"})) as answer:
                links = _Links(answer.read().decode("utf-8", "replace"))
        except (OSError, http.client.HTTPException, ValueError) as error:
            said.append(f"{redact(index)}: {redact(str(error))}")
            continue
        for link in links.found:
            if urllib.parse.unquote(link.partition("#")[0]).endswith("/" + filename):
                return urllib.parse.urljoin(page, link)
        said.append(f"{redact(index)}: it has no {filename}")
    raise IndexUnreachable("\n".join(f"- {line}" for line in said))


def download(url: str, part: Path, on_progress: Progress) -> None:
    """Fetch a file into `part`; what is in it already is not fetched again.

    Raises:
        IndexUnreachable: The connection broke too often. What has come is kept for the next time.
    """
    for attempt in range(ATTEMPTS):
        try:
            if _fetch_rest(url, part, on_progress):
                return
        except (OSError, http.client.HTTPException) as error:
            if attempt == ATTEMPTS - 1:
                raise IndexUnreachable(f"- {redact(url)}: {redact(str(error))}") from None
    raise IndexUnreachable(f"- {redact(url)}: the connection broke {ATTEMPTS} times")


def _fetch_rest(url: str, part: Path, on_progress: Progress) -> bool:
    """One attempt; returns whether the file is whole."""
    here = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={here}-"} if here else {})
    try:
        answer = _open(request)
    except urllib.error.HTTPError as error:
        if error.code == 416 and here:  # nothing is left to fetch, or the file has changed: the checksum will tell
            return True
        raise
    with answer:
        if answer.status != 206:
            here = 0  # the server begins at the beginning
        total = here + int(answer.headers.get("Content-Length") or 0)
        with open(part, "ab" if here else "wb") as file:
            on_progress(here, total)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                here += len(chunk)
                on_progress(here, total)
    return here >= total


def _open(request: urllib.request.Request) -> http.client.HTTPResponse:
    """Open a URL; a user and password in it become a header, since urllib takes them for a part of the host."""
    parts = urllib.parse.urlsplit(request.full_url)
    if parts.username:
        login = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
        request.full_url = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None) if parts.scheme == "https" else None
    return urllib.request.urlopen(request, timeout=SECONDS, context=context)  # type: ignore[no-any-return]


def _pip_setting(name: str) -> str:
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "get", name], capture_output=True, text=True, check=False)
    return re.sub(r"\s+", " ", asked.stdout).strip() if asked.returncode == 0 else ""


class _Links(HTMLParser):
    """The links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]

"""Download of a file of a package from the package index, resuming where an earlier attempt broke off."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin

from ..._secrets import redact

if TYPE_CHECKING:
    from ..._extras import httpx

Progress = Callable[[int, int], None]
"""A function that is called with the bytes downloaded so far, and the total."""

DEFAULT_INDEX = "https://pypi.org/simple"
ATTEMPTS = 5
TIMEOUT = 30.0  # seconds, for a connection and for each pause


class IndexUnreachable(OSError):
    """Raised if no package index responds, or none has the file."""


def list_index_urls() -> list[str]:
    """Return the indexes that pip uses, in its order."""
    main = os.environ.get("PIP_INDEX_URL") or _read_pip_setting("global.index-url") or DEFAULT_INDEX
    extra = os.environ.get("PIP_EXTRA_INDEX_URL") or _read_pip_setting("global.extra-index-url")
    return [main, *extra.split()]


def _read_pip_setting(name: str) -> str:
    # Pip has no API. Without pip in this environment there are no settings.
    command = [sys.executable, "-m", "pip", "config", "get", name]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    return re.sub(r"\s+", " ", completed.stdout).strip() if completed.returncode == 0 else ""


def find_file(project: str, filename: str, indexes: Sequence[str]) -> str:
    """Return the URL of a file of a package.

    Args:
        project: The package.
        filename: The name of the file.
        indexes: The URLs of the indexes, in the order in which they are asked.

    Raises:
        IndexUnreachable: if no index has it. The text has the answer of each index, without credentials.
    """
    from ..._extras import httpx

    failures = []
    for index in indexes:
        page = f"{index.rstrip('/')}/{project}/"
        try:
            with _make_client() as client:
                response = client.get(page, headers={"Accept": "text/html"}).raise_for_status()
        except (OSError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            failures.append(f"{redact(index)}: {redact(str(error))}")
            continue
        for link in _LinkParser(response.text).links:
            if unquote(link.partition("#")[0]).endswith("/" + filename):
                return urljoin(page, link)
        failures.append(f"{redact(index)}: it has no {filename}")
    raise IndexUnreachable("\n".join(f"- {failure}" for failure in failures))


def download(url: str, part: Path, on_progress: Progress) -> None:
    """Download a file to `part`. Bytes that are in it already are not downloaded again.

    Args:
        url: The file's URL.
        part: The path of the file, which stays for the next attempt if the download fails.
        on_progress: A function that is called with the bytes downloaded so far, and the total.

    Raises:
        IndexUnreachable: if the connection broke `ATTEMPTS` times.
    """
    from ..._extras import httpx

    for attempt in range(ATTEMPTS):
        try:
            with _make_client() as client:
                if _download_rest(client, url, part, on_progress):
                    return
        except (OSError, httpx.HTTPError) as error:
            if attempt == ATTEMPTS - 1:
                raise IndexUnreachable(f"- {redact(url)}: {redact(str(error))}") from None
    raise IndexUnreachable(f"- {redact(url)}: the connection broke {ATTEMPTS} times")


def _download_rest(client: httpx.Client, url: str, part: Path, on_progress: Progress) -> bool:
    """Make one attempt, and return True if the file is complete."""
    size = part.stat().st_size if part.exists() else 0
    # A range is one of the encoded body, so the body must not be compressed.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={size}-"} if size else {})}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416 and size:
            # Nothing is left to download, or the file has changed: the checksum decides.
            return True
        response.raise_for_status()
        if response.status_code != 206:
            # The server doesn't know ranges and starts at the beginning.
            size = 0
        total = size + int(response.headers.get("Content-Length") or 0)
        with open(part, "ab" if size else "wb") as file:
            on_progress(size, total)
            # Without a chunk size: filling up chunks would lose the last bytes before a connection breaks.
            for chunk in response.iter_raw():
                file.write(chunk)
                size += len(chunk)
                on_progress(size, total)
    return size >= total


def _make_client() -> httpx.Client:
    """Make an HTTP client that trusts the system's certificates, or those of PIP_CERT, as pip does."""
    from ..._extras import httpx

    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT") or None)
    return httpx.Client(verify=context, timeout=TIMEOUT, follow_redirects=True)


class _LinkParser(HTMLParser):
    """The links of an HTML page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]

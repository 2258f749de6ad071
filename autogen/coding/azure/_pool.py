"""Session pools of Azure Container Apps. All requests to them are in this module."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlsplit

from ..._secrets import MASK
from ..._steps import Steps, sleep, to_thread
from .._processes.runner import TIMEOUT_EXIT_CODE

if TYPE_CHECKING:
    from ...fetching import FetchedResource
    from ...types import JSON

SCOPE = "https://dynamicsessions.io/.default"
RENEWAL_MARGIN = 300.0
"""A token is renewed this many seconds before it expires."""
ANSWER_SECONDS = 30.0
"""The time for an answer beyond the time limit of the code, in seconds."""
BUSY_STATUSES = (409, 429, 503)
MAX_WAITS = 5
MAX_WAIT = 30.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Enough for the longest output that is kept, and for files.
MAX_BYTES = 100 * 2**20
MAX_WORDS = 500


class PoolError(OSError):
    """Raised if a session pool rejects a request."""


class PoolLost(PoolError):
    """Raised if a session pool does not answer, so that nobody knows whether the code still runs.

    Args:
        message: The text of the error.
        timed_out: True if there was no answer in time.
    """

    def __init__(self, message: str, *, timed_out: bool) -> None:
        super().__init__(message)
        self.timed_out = timed_out


class AccessToken(Protocol):
    """A token, as Azure's credentials make it."""

    @property
    def token(self) -> str:
        """The token."""
        ...

    @property
    def expires_on(self) -> int:
        """The end of its life, in seconds since 1970."""
        ...


class TokenCredential(Protocol):
    """A credential: those of the package `azure-identity`, or any other object with this method."""

    def get_token(self, *scopes: str) -> AccessToken:
        """Return a token."""
        ...


@dataclass(frozen=True)
class Paths:
    """The paths of a version of the interface.

    Attributes:
        execute: Where code is sent.
        files: Where files are listed.
        upload: Where files are sent.
        download: Where a file is; `{name}` stands for its name.
        is_nested: True if requests and responses are wrapped in `properties`.
    """

    execute: str
    files: str
    upload: str
    download: str
    is_nested: bool


VERSIONS = {
    "2024-02-02-preview": Paths("code/execute", "files", "files/upload", "files/content/{name}", True),
    "2024-10-02-preview": Paths("executions", "files", "files", "files/{name}/content", False),
}


@dataclass(frozen=True)
class Execution:
    """The outcome of code in a session.

    Attributes:
        exit_code: 0 for success, 124 after the time limit.
        stdout: The printed text.
        stderr: The text of errors.
        result: The value of the last expression; None if it has none.
    """

    exit_code: int
    stdout: str
    stderr: str
    result: Any = None


@dataclass
class Session:
    """A session, which the pool creates at the first request with its identifier.

    Attributes:
        identifier: The identifier.
        is_ready: True if it was set up.
        files: The files that it had after the last run: a mark of the content by name.
    """

    identifier: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_ready: bool = False
    files: dict[str, str] = field(default_factory=dict)


class SessionPool:
    """A session pool.

    Args:
        endpoint: The management endpoint of the pool.
        credential: The credential.
        api_version: The version of the interface.

    Raises:
        ValueError: if the endpoint is not an address by which a token may be sent, or the version is unknown.
        TypeError: if the credential has no method `get_token`.
    """

    def __init__(self, endpoint: str, credential: TokenCredential, api_version: str) -> None:
        if api_version not in VERSIONS:
            raise ValueError(f"api_version must be one of {', '.join(VERSIONS)}, got {api_version!r}.")
        if not callable(getattr(credential, "get_token", None)):
            raise TypeError(f"credential must have a method get_token, got {type(credential).__name__}.")
        self._url, self._host = _check_endpoint(endpoint)
        self._credential = credential
        self._version, self._paths = api_version, VERSIONS[api_version]
        self._token: AccessToken | None = None

    def execute(self, session: Session, code: str, seconds: int) -> Steps[Execution]:
        """Run code in a session.

        Raises:
            PoolLost: if there is no answer.
            PoolError: if the pool rejects the request.
        """
        settings: dict[str, JSON] = {
            "codeInputType": "inline",
            "executionType": "synchronous",
            "code": code,
            "timeoutInSeconds": seconds,
        }
        start = time.monotonic()
        body: JSON = {"properties": settings} if self._paths.is_nested else {**settings, "identifier": session.identifier}
        response = yield from self._send(session, "POST", self._paths.execute, seconds=seconds + ANSWER_SECONDS, json=body)
        return _parse_execution(_parse_object(response), time.monotonic() - start >= seconds)

    def list_files(self, session: Session) -> Steps[dict[str, str]]:
        """Return the files of a session: a mark by name, which changes with the content.

        Raises:
            PoolError: if the pool rejects the request.
        """
        response = yield from self._send(session, "GET", self._paths.files)
        rows = _parse_object(response).get("value")
        files: dict[str, str] = {}
        for row in rows if isinstance(rows, list) else ():
            properties = row.get("properties", row) if isinstance(row, Mapping) else None
            if not isinstance(properties, Mapping) or properties.get("type", "file") != "file":
                continue
            name = properties.get("filename", properties.get("name"))
            if isinstance(name, str) and name:
                size = properties.get("size", properties.get("sizeInBytes"))
                files[name] = f"{size} {properties.get('lastModifiedTime', properties.get('lastModifiedAt'))}"
        return files

    def upload(self, session: Session, name: str, content: bytes) -> Steps[None]:
        """Put a file into a session.

        Raises:
            ValueError: if no file may have such a name.
            PoolError: if the pool rejects the request.
        """
        if not name.isprintable() or any(character in name for character in '/\\"'):
            raise ValueError(f"The name of a file must be printable and without slashes and quotes, got {name!r}.")
        from ..._extras import httpx

        form = httpx.Request("POST", self._url, files={"file": (name, content, "application/octet-stream")})
        kind = form.headers["content-type"]
        yield from self._send(session, "POST", self._paths.upload, content=form.read(), kind=kind)

    def fetch_file(self, session: Session, name: str) -> Steps[bytes]:
        """Return the content of a file of a session.

        Raises:
            PoolError: if the pool rejects the request.
        """
        response = yield from self._send(session, "GET", self._paths.download.format(name=quote(name, safe="")))
        return response.content

    def _send(
        self,
        session: Session,
        method: str,
        path: str,
        *,
        seconds: float = ANSWER_SECONDS * 2,
        json: JSON = None,
        content: bytes | None = None,
        kind: str | None = None,
    ) -> Steps[FetchedResource]:
        """Send a request, again if the pool is busy or no longer takes the token."""
        # Loading it takes a moment, and not every program that imports this package runs code.
        from ..._extras import httpx
        from ...fetching import FetchError, FetchPolicy, FetchTimeout
        from ...fetching._fetch import fetch_resource

        # The address is the program's, so it may be inside; nothing leads elsewhere.
        policy = FetchPolicy(
            allow_private=True, allowed_hosts=[self._host], max_bytes=MAX_BYTES, timeout=seconds, max_redirects=0
        )
        query = {"api-version": self._version, "identifier": session.identifier}
        waits, is_renewed = 0, False
        while True:
            token = yield from self._get_token()
            headers = {"authorization": f"Bearer {token}", **({"content-type": kind} if kind else {})}
            try:
                response = yield from fetch_resource(
                    f"{self._url}/{path}",
                    policy=policy,
                    method=method,
                    headers=headers,
                    params=query,
                    json=json,
                    content=content,
                )
            except FetchTimeout as error:
                raise PoolLost("the session pool did not answer in time", timed_out=True) from error
            except FetchError as error:
                if isinstance(error.__cause__, httpx.ConnectError):
                    raise PoolError(f"the session pool can't be reached: {error}") from error
                raise PoolLost(f"the connection to the session pool was lost: {error}", timed_out=False) from error
            if response.status == 401 and not is_renewed:
                self._token, is_renewed = None, True
            elif response.status in BUSY_STATUSES and waits < MAX_WAITS:
                waits += 1
                yield from sleep(_get_delay(response.headers.get("retry-after", ""), waits))
            elif response.is_success:
                return response
            else:
                words = " ".join(response.text.split())[:MAX_WORDS].replace(token, MASK)
                raise PoolError(f"the session pool answered with HTTP status {response.status}: {words or 'no reason'}")

    def _get_token(self) -> Steps[str]:
        """Return a token that is valid for a while."""
        if self._token is None or self._token.expires_on - time.time() < RENEWAL_MARGIN:
            try:
                self._token = yield from to_thread(self._credential.get_token, SCOPE)
            # Credentials raise errors of their own libraries.
            except Exception as error:
                raise PoolError(f"there is no token for the session pool: {error}") from error
        return self._token.token


def _check_endpoint(endpoint: str) -> tuple[str, str]:
    """Return the address without a slash at its end, and its host.

    Raises:
        ValueError: if it is not an address by which a token may be sent.
    """
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        _ = parts.port
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"pool_management_endpoint must be an address, got {endpoint!r}.") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        # Anybody on the way could read the token.
        raise ValueError(f"pool_management_endpoint must begin with https://, got {endpoint!r}.")
    if not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("pool_management_endpoint must be https://host/path, without user, parameters or fragment.")
    return endpoint.rstrip("/"), host


def _parse_object(response: FetchedResource) -> Mapping[str, Any]:
    """Return the body of a response.

    Raises:
        PoolError: if it is not a JSON object.
    """
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, Mapping):
        raise PoolError("the session pool answered with something that is not a JSON object")
    return body


def _parse_execution(body: Mapping[str, Any], is_late: bool) -> Execution:
    """Read the outcome of code.

    Args:
        body: The response.
        is_late: True if the code used up its time.
    """
    properties = body.get("properties")
    outer: Mapping[str, Any] = properties if isinstance(properties, Mapping) else body
    status = str(outer.get("status", "")).lower()
    inner = outer.get("result")
    if isinstance(inner, Mapping) and "stdout" in inner:
        stdout, stderr, result = inner.get("stdout"), inner.get("stderr"), inner.get("executionResult")
    else:
        stdout, stderr, result = outer.get("stdout"), outer.get("stderr"), inner
    execution = Execution(0, _get_text(stdout), _get_text(stderr), None if result == "" else result)
    if status.startswith("succe"):
        return execution
    return replace(execution, exit_code=TIMEOUT_EXIT_CODE if is_late or "time" in status else 1)


def _get_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _get_delay(header: str, waits: int) -> float:
    """Return the seconds to wait for a busy pool."""
    delay = float(header) if header.isdecimal() and len(header) < 6 else 0.5 * 2**waits
    return min(delay, MAX_WAIT)

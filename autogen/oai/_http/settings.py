"""Settings of connections: their credentials, their mistakes, and words for connections that fail.

The SDK says "Connection error." whatever the cause is.
"""

from __future__ import annotations

import errno
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from ..._secrets import mask_url

if TYPE_CHECKING:
    import httpx2 as httpx
    import openai

_ADVICE = "Strip the text that is read from a file or a variable."
BAD_HEADER = f"a header has a character that HTTP doesn't allow, perhaps a line break in the API key. {_ADVICE}"


def split_credentials(settings: Mapping[str, object]) -> Mapping[str, object]:
    """Move the credentials of an address to the headers and the parameters of requests.

    The address of each request is logged by the libraries, and the SDK appends paths to all of it.

    Args:
        settings: Arguments for the SDK's client.
    """
    url = settings.get("base_url")
    if not isinstance(url, str) or not ("@" in url or "?" in url):
        return settings
    try:
        parts = urlsplit(url)
    # `check_settings` says so in words.
    except ValueError:
        return settings
    user, at, host = parts.netloc.rpartition("@")
    split = {**settings, "base_url": urlunsplit((parts.scheme, host, parts.path, "", ""))}
    if parts.query:
        split["default_query"] = {**dict(parse_qsl(parts.query)), **(_get_mapping(settings, "default_query"))}
    if at:
        token = b64encode(unquote(user if ":" in user else f"{user}:").encode()).decode()
        split["default_headers"] = {"Authorization": f"Basic {token}", **_get_mapping(settings, "default_headers")}
    return split


def iter_address_secrets(settings: Mapping[str, object]) -> Iterator[str]:
    """Yield the credentials in the address of an endpoint."""
    for name in ("base_url", "azure_endpoint"):
        try:
            parts = urlsplit(str(settings.get(name) or ""))
        except ValueError:
            continue
        user = parts.netloc.rpartition("@")[0]
        values = [value for name, value in parse_qsl(parts.query) if name != "api-version"]
        yield from filter(None, (user, *user.split(":", 1)[1:], unquote(user.partition(":")[2]), *values))


def _get_mapping(settings: Mapping[str, object], name: str) -> Mapping[str, object]:
    return cast("Mapping[str, object]", settings.get(name) or {})


def check_settings(settings: Mapping[str, object]) -> None:
    """Check the address and the headers of an endpoint, which the HTTP libraries refuse with several kinds of errors.

    Args:
        settings: Arguments for the SDK's client.

    Raises:
        openai.APIConnectionError: if no request can be sent. The error names the setting, but no secret.
    """
    mistake = _find_mistake(settings)
    if mistake is not None:
        raise make_connection_error(mistake)


def make_connection_error(reason: str) -> openai.APIConnectionError:
    """Make the error for a request that can't be sent."""
    import openai

    error = openai.APIConnectionError.__new__(openai.APIConnectionError)
    # The SDK's `__init__` wants the HTTP request, which doesn't exist yet.
    Exception.__init__(error, f"Connection error: {reason}")
    error.message = str(error)
    error.body = error.code = error.param = error.type = None
    return error


def name_cause(error: openai.APIConnectionError) -> openai.APIError:
    """Return the error with its cause in the text.

    Args:
        error: The SDK's error. Older versions also wrap errors of this package in it, which are returned as they are.
    """
    import openai

    cause = error.__cause__ or error.__context__
    if isinstance(cause, openai.APIError):
        return cause
    # Replacements of the SDK's client may raise its errors without a request.
    has_address = getattr(getattr(error, "request", None), "url", None) is not None
    if cause is not None and has_address and not isinstance(error, openai.APITimeoutError):
        error.message = f"Connection error: {_describe(cause, error.request.url)}"
        error.args = (error.message,)
    return error


def _describe(error: BaseException, url: httpx.URL) -> str:
    """Return the cause of a failed connection as a sentence."""
    server = f"{url.host}:{url.port}" if url.port else url.host
    for cause in _iter_causes(error):
        if isinstance(cause, socket.gaierror):
            return f"the name {url.host!r} doesn't resolve to an address. Check `base_url`, and the network."
        if isinstance(cause, ConnectionRefusedError):
            return f"nothing listens at {server}. Check the port in `base_url`, and that the server runs."
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {server} is not trusted ({cause.verify_message})."
        if isinstance(cause, ssl.SSLError) and "SYSCALL" not in str(cause.reason):
            return f"{server} doesn't speak TLS ({cause.reason}). Perhaps `base_url` must begin with http://."
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return "this process has too many files open."
        if type(cause).__name__ == "UnsupportedProtocol":
            return f"an address must begin with http:// or https://, got {mask_url(str(url))!r}."
        # Its text quotes the header, which may be the key.
        if type(cause).__name__ == "LocalProtocolError":
            return BAD_HEADER
    return f"{type(error).__name__}: {str(error).rstrip('.') or 'no details'} ({server})."


def _iter_causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        # Attempts at several addresses of a host fail as a group.
        parts: tuple[BaseException, ...] = getattr(cause, "exceptions", ())
        cause = parts[0] if parts else cause.__cause__ or cause.__context__


def _find_mistake(settings: Mapping[str, object]) -> str | None:
    for name in ("base_url", "azure_endpoint"):
        url = settings.get(name)
        if url is not None and (problem := _check_url(str(url))):
            return f"`{name}` {problem}, got {mask_url(str(url))!r}."
    headers = settings.get("default_headers")
    texts = {"`api_key`": settings.get("api_key")}
    if isinstance(headers, Mapping):
        texts.update({f"the header {name!r} in `default_headers`": value for name, value in headers.items()})
    for label, text in texts.items():
        if isinstance(text, str) and (problem := _check_header(text)):
            return f"{label} has {problem}. {_ADVICE}"
    return None


def _check_url(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        # Computed when it is read.
        _ = parts.port
    except ValueError as error:
        return f"must be an address with a port of 0 to 65535 ({error})"
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not parts.hostname:
        return "must name a host after http:// or https://"
    # `urlsplit` itself drops line breaks.
    return "must have no white space" if any(letter.isspace() for letter in url) else None


def _check_header(text: str) -> str | None:
    if "\n" in text or "\r" in text:
        return "a line break"
    if text != text.rstrip():
        return "white space at its end"
    if not text.isascii() or not text.isprintable():
        index = next(index for index, letter in enumerate(text) if not letter.isascii() or not letter.isprintable())
        return f"a character that HTTP doesn't allow (at index {index})"
    return None

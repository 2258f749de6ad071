"""The fetch: one logic for sync and async, with each redirect checked like the first address."""

from __future__ import annotations

import json as json_module
import mimetypes
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .._mistakes import trim_stop
from .._secrets import mask_url
from .._steps import Steps, invoke, run_async, run_sync, to_thread
from ..types import JSON
from ..version import __version__
from ._decoding import ACCEPTED, Decoder
from ._errors import AddressRefused, FetchError, FetchTimeout, ResourceTooLarge, UnexpectedContent
from ._policy import DEFAULT_PORTS, FetchPolicy, get_default_policy
from ._resource import FetchedResource, parse_content_type

if TYPE_CHECKING:
    from .._extras import httpx
    from ._connections import Exchange

USER_AGENT = f"autogen-classic/{__version__}"
REDIRECTS = (301, 302, 303, 307, 308)
# All other headers of the caller may be credentials, and stay with the server that they are for.
HARMLESS_HEADERS = frozenset(("accept", "accept-language", "user-agent"))
SAFE_METHODS = ("GET", "HEAD")
ATTEMPTS = 2


@dataclass(frozen=True)
class Request:
    """A request of a fetch."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


def fetch(
    url: str,
    *,
    policy: FetchPolicy | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: JSON = None,
    content: bytes | None = None,
    content_types: Collection[str] | None = None,
) -> FetchedResource:
    """Fetch a resource from an address that may come from a model, a page or a document.

    An HTTP error is a result like any other: see `FetchedResource.raise_for_status`.

    Args:
        url: The address: `http`, `https`, or `file` if the policy allows files.
        policy: The rules; None for those of the process, see `set_default_policy`.
        method: The HTTP method. GET and HEAD are tried again once if the connection breaks.
        headers: Headers of the request. In a redirect to another server, those that may be credentials are left out.
        params: Parameters, added to the address.
        json: A value to send as JSON; None to send none.
        content: Bytes to send; `headers` have their content type. None to send none.
        content_types: The content types that are accepted, such as "image/*". None for all.

    Raises:
        AddressRefused: if the policy does not allow a connection, to the address or to where it leads.
        ResourceTooLarge: if the resource is larger than the policy allows.
        FetchTimeout: if it takes longer than the policy allows.
        UnexpectedContent: if it is of none of the content types.
        FetchError: if it can't be fetched for another reason; base class of all others.
    """
    return run_sync(
        fetch_resource(
            url,
            policy=policy,
            method=method,
            headers=headers,
            params=params,
            json=json,
            content=content,
            content_types=content_types,
        )
    )


async def a_fetch(
    url: str,
    *,
    policy: FetchPolicy | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: JSON = None,
    content: bytes | None = None,
    content_types: Collection[str] | None = None,
) -> FetchedResource:
    """Async version of `fetch`."""
    return await run_async(
        fetch_resource(
            url,
            policy=policy,
            method=method,
            headers=headers,
            params=params,
            json=json,
            content=content,
            content_types=content_types,
        )
    )


def fetch_resource(
    url: str,
    *,
    policy: FetchPolicy | None = None,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: JSON = None,
    content: bytes | None = None,
    content_types: Collection[str] | None = None,
) -> Steps[FetchedResource]:
    """Fetch a resource: the step of `fetch` and `a_fetch`, with the same arguments."""
    rules = policy if policy is not None else get_default_policy()
    if isinstance(content_types, str):
        raise TypeError(f"content_types must be a list, got {content_types!r}.")
    if get_scheme(url) == "file":
        resource = yield from to_thread(read_file, url, rules)
        check_content_type(url, resource.headers, content_types)
        return resource
    if json is not None and content is not None:
        raise TypeError("a request has json or content, got both.")
    request = build_request(url, method, headers or {}, params, json, content)
    from ._connections import Exchange

    exchange = Exchange(rules, rules.timeout)
    try:
        return (yield from _follow(exchange, request, rules, content_types))
    finally:
        yield from invoke(exchange.close, exchange.a_close)


def build_request(
    url: str,
    method: str,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None,
    json: JSON = None,
    content: bytes | None = None,
) -> Request:
    """Build the first request of a fetch.

    Raises:
        AddressRefused: if the address can't be parsed.
    """
    from .._extras import httpx

    sent = {"user-agent": USER_AGENT, **{name.lower(): value for name, value in headers.items()}}
    # The decoder knows these alone.
    sent["accept-encoding"] = ACCEPTED
    body = content
    if json is not None:
        body, sent["content-type"] = json_module.dumps(json).encode(), "application/json"
    try:
        parsed = httpx.URL(url)
        return Request(method.upper(), parsed.copy_merge_params(dict(params)) if params else parsed, sent, body)
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise AddressRefused(
            f"{mask_url(str(url)[:200])} is not an address that can be fetched: {trim_stop(error)}."
        ) from error


def _follow(
    exchange: Exchange, request: Request, policy: FetchPolicy, content_types: Collection[str] | None
) -> Steps[FetchedResource]:
    """Send a request, follow its redirects, and return the resource at the end."""
    for _ in range(policy.max_redirects + 1):
        policy.check_url(request.url)
        response = yield from _send(exchange, request)
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code not in REDIRECTS or not headers.get("location"):
            if response.status_code < 400:
                check_content_type(request.url, headers, content_types)
            content = yield from _read_body(exchange, request, headers, policy.max_bytes)
            address = request.url.copy_with(username=None, password=None)
            return FetchedResource(str(address), response.status_code, headers, content)
        yield from invoke(exchange.release, exchange.a_release)
        request = redirect(request, response.status_code, headers["location"])
    raise FetchError(f"{mask_url(str(request.url))}: the server redirects more than {policy.max_redirects} times.")


def redirect(request: Request, status: int, location: str) -> Request:
    """Return the request that follows a redirect, without credentials for another server.

    Raises:
        AddressRefused: if the new address can't be parsed, or another server would get the body.
    """
    from .._extras import httpx

    try:
        url = request.url.join(location)
    except (httpx.InvalidURL, ValueError) as error:
        text = f"{mask_url(str(request.url))} redirects to something that is not an address: {trim_stop(error)}."
        raise AddressRefused(text) from error
    following = replace(request, url=url)
    if status == 303 or (status in (301, 302) and request.method == "POST"):
        headers = {name: value for name, value in request.headers.items() if name != "content-type"}
        following = replace(following, method="HEAD" if request.method == "HEAD" else "GET", body=None, headers=headers)
    if get_origin(url) == get_origin(request.url):
        return following
    if following.body is not None:
        source, target = mask_url(str(request.url)), mask_url(str(url))
        raise AddressRefused(f"{source} redirects to {target}, and another server must not get the data that was sent.")
    kept = {name: value for name, value in following.headers.items() if name in (*HARMLESS_HEADERS, "accept-encoding")}
    return replace(following, url=url.copy_with(username=None, password=None), headers=kept)


def get_origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return the scheme, host and port of an address."""
    return url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme)


def _send(exchange: Exchange, request: Request) -> Steps[httpx.Response]:
    """Send a request, once more if the connection breaks."""
    from .._extras import httpx

    attempts = ATTEMPTS if request.method in SAFE_METHODS else 1
    address = mask_url(str(request.url))
    for attempt in range(1, attempts + 1):
        try:
            return (
                yield from invoke(exchange.send, exchange.a_send, request.method, request.url, request.headers, request.body)
            )
        except httpx.TimeoutException as error:
            raise FetchTimeout(f"{address}: the server took too long.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if attempt == attempts:
                raise FetchError(f"{address} can't be fetched: {trim_stop(error) or type(error).__name__}.") from error
    raise AssertionError("unreachable: the last attempt returns or raises")


def _read_body(exchange: Exchange, request: Request, headers: Mapping[str, str], limit: int) -> Steps[bytes]:
    """Read a body, decompressed, and stop as soon as it is too large."""
    from .._extras import httpx

    address = mask_url(str(request.url))
    too_large = ResourceTooLarge(f"{address}: it is larger than {limit:,} bytes, the limit `max_bytes` of the policy.")
    length = headers.get("content-length", "")
    if request.method == "HEAD":
        return b""
    if length.isdecimal() and len(length) < 20 and int(length) > limit:
        raise too_large
    body, sent = bytearray(), 0
    try:
        decoder = Decoder(headers.get("content-encoding", ""))
        while (chunk := (yield from invoke(exchange.read, exchange.a_read))) is not None:
            sent += len(chunk)
            body += decoder.decode(chunk, limit - len(body))
            if max(sent, len(body)) > limit:
                raise too_large
        decoder.finish()
    except httpx.TimeoutException as error:
        raise FetchTimeout(f"{address}: the server took too long to send it.") from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise FetchError(
            f"{address}: the connection broke while it was sent: {trim_stop(error) or type(error).__name__}."
        ) from error
    except FetchError as error:
        if error is too_large:
            raise
        raise type(error)(f"{address}: {trim_stop(error)}.") from error
    return bytes(body)


def check_content_type(url: object, headers: Mapping[str, str], accepted: Collection[str] | None) -> None:
    """Check the content type of a response.

    Raises:
        UnexpectedContent: if it is not among the accepted types.
    """
    content_type = parse_content_type(headers) or "application/octet-stream"
    if accepted is not None and not any(fnmatchcase(content_type, pattern.lower()) for pattern in accepted):
        wanted = ", ".join(accepted)
        raise UnexpectedContent(f"{mask_url(str(url))}: it is {content_type[:80]!r}, and {wanted} was asked for.")


def get_scheme(url: str) -> str:
    """Return the scheme of an address, in lower case; empty if it has none or can't be parsed."""
    try:
        return urlsplit(url).scheme
    except (ValueError, AttributeError, TypeError):
        return ""


def read_file(url: str, policy: FetchPolicy) -> FetchedResource:
    """Read the file of a `file` address. It blocks.

    Raises:
        AddressRefused: if the policy allows no files, or it is on another machine.
        ResourceTooLarge: if it is too large.
        FetchError: if it can't be read, or is not a regular file.
    """
    parts = urlsplit(url)
    if not policy.allow_file:
        raise AddressRefused(f"{url} is not fetched: files of this machine are allowed by `allow_file=True` alone.")
    if parts.netloc not in ("", "localhost"):
        raise AddressRefused(f"{url} is not fetched: it is a file of another machine.")
    path = url2pathname(parts.path)
    try:
        # Without it, opening a named pipe waits for its other end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FetchError(f"{url} is not a regular file.")
            content = file.read(policy.max_bytes + 1)
    except FetchError:
        raise
    except (OSError, ValueError) as error:
        raise FetchError(f"{url} can't be read: {trim_stop(getattr(error, 'strerror', None) or error)}.") from error
    if len(content) > policy.max_bytes:
        raise ResourceTooLarge(f"{url}: it is larger than {policy.max_bytes:,} bytes, the limit `max_bytes` of the policy.")
    guess = mimetypes.guess_type(path)[0]
    return FetchedResource(url, 200, {"content-type": guess} if guess else {}, content)

"""A client of Bedrock's runtime over boto3 that sends JSON as it is, and returns JSON as it came.

boto3's own objects know neither new parameters nor new fields of answers, and turn base64 into bytes. So the body of a
request is put in, and that of an answer taken out, where the SDK's events offer them; the address, the credentials, the
signature and the connections are the SDK's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

from ...._extras import require
from ...._threads import run_in_thread
from ..._http.guards import add_size
from ..._responses.normalize import make_unreadable
from ..protocol import Body, Fields

_TIMEOUT = 600.0
_CONNECTIONS = 64
_REQUEST, _ANSWER = "autogen_request", "autogen_answer"
_FEATURE = "Amazon Bedrock's own protocol"


class ConverseClient:
    """A client for the Converse API, thread-safe.

    Args:
        aws_region: Name of the region; None for that of the profile.
        base_url: URL of another server; None for that of the region.
        api_key: A key of Bedrock; None to sign requests with AWS's credentials.
        aws_access_key: Id of an AWS key; None for the credentials that boto3 finds.
        aws_secret_key: Secret of the key.
        aws_session_token: Token of a temporary key.
        aws_profile_name: Name of a profile in AWS's files.
        timeout: Time limit for a connection, and for each read, in seconds.
        default_headers: Headers of each request.
        default_query: Parameters in the URL of each request.
        max_response_bytes: Maximum size of a response; None for no limit.

    Raises:
        MissingCredentials: if the profile doesn't exist, or keys are incomplete.
    """

    def __init__(
        self,
        *,
        aws_region: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        aws_access_key: str | None = None,
        aws_secret_key: str | None = None,
        aws_session_token: str | None = None,
        aws_profile_name: str | None = None,
        timeout: object = None,
        default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, object] | None = None,
        max_response_bytes: int | None = None,
    ) -> None:
        # Part of the origin of answers.
        self.api_key = api_key or aws_access_key or aws_profile_name
        self._key = api_key
        self._headers = dict(default_headers or {})
        self._query = dict(default_query or {})
        self._limit = max_response_bytes or sys.maxsize
        self._timeout = timeout
        self._url = base_url
        self._region = aws_region
        boto3 = require("boto3", extra="bedrock", feature=_FEATURE)
        session = import_module("botocore.session").get_session()
        session.register_component("data_loader", _get_loader())
        credentials = {
            "aws_access_key_id": aws_access_key,
            "aws_secret_access_key": aws_secret_key,
            "aws_session_token": aws_session_token,
            "profile_name": aws_profile_name,
        }
        with _explain_settings():
            self._session = boto3.Session(botocore_session=session, region_name=aws_region, **credentials)
        self._clients: dict[float, Any] = {}
        # Sessions of boto3 are not thread-safe, their clients are.
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._clients)

    @property
    def base_url(self) -> str:
        """URL of the server."""
        return self._url or str(self._get_client(None).meta.endpoint_url)

    def converse(self, body: Body, options: Fields) -> object:
        """Send a request that is answered as a whole, and return the JSON of the answer.

        Args:
            body: JSON of the request, with the name of the model under `model`.
            options: `timeout`, `extra_headers` and `extra_query`, if they are set.

        Raises:
            botocore.exceptions.BotoCoreError: if the server can't be reached.
            botocore.exceptions.ClientError: if it refuses.
            UnreadableAnswer: if the response isn't JSON.
            ResponseTooLarge: if it is larger than the limit.
        """
        response = self._request("converse", body, options)
        add_size(0, response[_ANSWER], self._limit)
        try:
            answer = json.loads(response[_ANSWER])
        except (ValueError, RecursionError) as error:
            text = response[_ANSWER][:1000].decode("utf-8", "replace")
            raise make_unreadable(f"can't be read ({type(error).__name__}: {error})", text) from error
        request_id = (response.get("ResponseMetadata") or {}).get("RequestId")
        return {"requestId": request_id, **answer} if isinstance(answer, dict) and request_id else answer

    def converse_stream(self, body: Body, options: Fields) -> EventReader:
        """Send a request that is answered in events, and return their reader.

        Args:
            body: JSON of the request, with the name of the model under `model`.
            options: `timeout`, `extra_headers` and `extra_query`, if they are set.

        Raises:
            botocore.exceptions.BotoCoreError: if the server can't be reached.
            botocore.exceptions.ClientError: if it refuses.
        """
        response = self._request("converse_stream", body, options)
        request_id = (response.get("ResponseMetadata") or {}).get("RequestId")
        seconds = _find_seconds(options.get("timeout"), self._timeout)
        return EventReader(response[_ANSWER], str(request_id or ""), self._limit, time.monotonic() + seconds)

    async def a_converse_stream(self, body: Body, options: Fields) -> EventReader:
        """Async version of `converse_stream`, in a thread. Once it is cancelled, a response that still comes is closed."""
        opened: list[EventReader] = []
        is_cancelled = threading.Event()

        def open_reader() -> EventReader:
            reader = self.converse_stream(body, options)
            opened.append(reader)
            if is_cancelled.is_set():
                reader.close()
            return reader

        try:
            return await run_in_thread(open_reader)
        except asyncio.CancelledError:
            is_cancelled.set()
            for reader in opened:
                reader.close()
            raise

    def _request(self, method: str, body: Body, options: Fields) -> Any:
        rest = {key: value for key, value in body.items() if key != "model"}
        request = {
            "body": json.dumps(rest, ensure_ascii=False).encode("utf-8", "surrogatepass"),
            "headers": {**self._headers, **(options.get("extra_headers") or {})},
            "query": {**self._query, **(options.get("extra_query") or {})},
        }
        client = self._get_client(options.get("timeout"))
        return getattr(client, method)(modelId=body["model"], **{_REQUEST: request})

    def _get_client(self, timeout: object) -> Any:
        seconds = _find_seconds(timeout, self._timeout)
        with self._lock:
            if seconds not in self._clients:
                with _explain_settings():
                    self._clients[seconds] = self._make_client(seconds)
            return self._clients[seconds]

    def _make_client(self, seconds: float) -> Any:
        config = import_module("botocore.config").Config(
            # Retrying is up to a `RetryPolicy`, which also falls back to other endpoints.
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=min(seconds, 60.0),
            read_timeout=seconds,
            max_pool_connections=_CONNECTIONS,
            # A key of Bedrock in the environment would win over AWS's keys in the entry.
            signature_version=import_module("botocore").UNSIGNED if self._key else "v4",
        )
        client = self._session.client("bedrock-runtime", region_name=self._region, endpoint_url=self._url, config=config)
        client.meta.events.register("before-parameter-build.bedrock-runtime", _take_request)
        client.meta.events.register("before-call.bedrock-runtime", self._put_request)
        client.meta.events.register("before-parse.bedrock-runtime", _take_answer)
        return client

    def _put_request(self, params: dict[str, Any], context: Mapping[str, Any], **_: object) -> None:
        request = context[_REQUEST]
        params["body"] = request["body"]
        params["headers"].update(request["headers"])
        if request["query"]:
            # The SDK has made the URL, which has no parameters of its own.
            params["url"] += f"?{urlencode(request['query'])}"
        if self._key:
            params["headers"]["Authorization"] = f"Bearer {self._key}"


def _close_all(clients: Mapping[float, Any]) -> None:
    for client in clients.values():
        client.close()


@contextmanager
def _explain_settings() -> Iterator[None]:
    """Raise errors of boto3's settings, such as a profile that doesn't exist, as missing credentials."""
    try:
        yield
    except import_module("botocore.exceptions").BotoCoreError as error:
        from ...errors import MissingCredentials

        raise MissingCredentials(f"The settings of Amazon Bedrock can't be used: {error}") from error


@cache
def _get_loader() -> object:
    """Return the reader of the SDK's data, shared because reading takes each client a fifth of a second."""
    loader: object = import_module("botocore.session").get_session().get_component("data_loader")
    return loader


def _take_request(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context[_REQUEST] = params.pop(_REQUEST)


def _take_answer(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    if response_dict["status_code"] >= 300:
        return
    customized_response_dict[_ANSWER] = response_dict["body"]
    if isinstance(response_dict["body"], bytes):
        # The SDK's parser has nothing to do, and can't stumble over an odd answer.
        response_dict["body"] = b"{}"


def _find_seconds(*timeouts: object) -> float:
    """Return the first of several time limits that is set, else the default."""
    return next(filter(None, map(_read_seconds, timeouts)), _TIMEOUT)


def _read_seconds(timeout: object) -> float | None:
    """Return a time limit: a number, or the limit of reads of an object of the HTTP library."""
    if isinstance(timeout, (int, float)) and not isinstance(timeout, bool):
        return float(timeout) if timeout > 0 else None
    read = getattr(timeout, "read", None)
    return float(read) if isinstance(read, (int, float)) else None


class EventReader:
    """Reader of the events of a streamed answer, for sync and async callers. Leaving it closes the connection.

    Args:
        raw: The response of the HTTP library below boto3.
        request_id: Id of the request.
        limit: Maximum number of bytes.
        deadline: Time of the monotonic clock at which the answer must be complete.
    """

    def __init__(self, raw: Any, request_id: str, limit: int, deadline: float) -> None:
        self._raw = raw
        self._request_id = request_id
        self._limit = limit
        self._deadline = deadline

    def __enter__(self) -> EventReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> EventReader:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, which ends a read in another thread."""
        # Nothing is to be ended if everything was read and the connection is back in its pool, or before urllib3 2.3.
        with suppress(ValueError, RuntimeError, OSError, AttributeError):
            self._raw.shutdown()
        self._raw.close()

    def __iter__(self) -> Iterator[object]:
        eventstream = import_module("botocore.eventstream")
        errors = import_module("urllib3.exceptions")
        buffer = eventstream.EventStreamBuffer()
        if self._request_id:
            yield {"requestId": {"id": self._request_id}}
        try:
            for chunk in self._iter_chunks():
                buffer.add_data(chunk)
                yield from map(_read_event, buffer)
        except eventstream.ParserError as error:
            raise make_unreadable(f"can't be read ({type(error).__name__}: {error})") from error
        except errors.ReadTimeoutError as error:
            raise import_module("botocore.exceptions").ReadTimeoutError(endpoint_url="", error=error) from error
        except errors.HTTPError as error:
            raise make_unreadable(f"ended early ({type(error).__name__}: {error})") from error

    def _iter_chunks(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._raw.stream():
            size = add_size(size, chunk, self._limit)
            # A server that sends a little now and then never exceeds the limit of a read.
            if time.monotonic() > self._deadline:
                raise import_module("botocore.exceptions").ReadTimeoutError(endpoint_url="")
            yield chunk

    async def __aiter__(self) -> AsyncIterator[object]:
        events, end = iter(self), object()
        while (event := await run_in_thread(next, events, end)) is not end:
            yield event


def _read_event(message: Any) -> object:
    """Return an event as an object with its kind as key, as boto3's; text that isn't JSON as it is."""
    kinds = (":event-type", ":exception-type", ":error-code")
    kind = next((str(message.headers[name]) for name in kinds if name in message.headers), "error")
    if message.headers.get(":message-type") == "error":
        return {"error": {"message": message.headers.get(":error-message") or kind}}
    try:
        return {kind: json.loads(message.payload or b"{}")}
    except ValueError:
        return message.payload.decode("utf-8", "replace")

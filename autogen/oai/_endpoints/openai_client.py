"""The model client for every endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import AsyncIterator
from functools import partial
from types import FunctionType
from typing import Any

from ..._steps import Call, Steps, invoke, run_async, run_sync, wrap_in_thread
from ...io.base import IOStream
from ...token_count_utils import estimate_tokens
from .._requests.cost import compute_cost, read_usage
from .._requests.streaming import StreamAssembler
from .adaptations import call_with_adaptations
from .endpoint_pool import Endpoint
from .errors import invalid_answer
from .provider_spec import Provider
from .provider_table import PROVIDERS

logger = logging.getLogger("autogen.oai.client")

_BULK = ("messages", "tools")


class OpenAIClient:
    """Asks one endpoint through the `openai` SDK.

    Args:
        client: A client of the SDK, or the endpoint whose shared client is used.
        provider: How the endpoint differs from OpenAI's.
    """

    RESPONSE_USAGE_KEYS = ["prompt_tokens", "completion_tokens", "total_tokens", "cost", "model"]

    def __init__(self, client: Any, provider: Provider | None = None) -> None:
        self._provider = provider or PROVIDERS["openai"]
        self._endpoint = client if isinstance(client, Endpoint) else None
        self._given = None if self._endpoint else client

    def __repr__(self) -> str:
        return f"OpenAIClient({self._endpoint or type(self._given).__name__})"

    @property
    def _oai_client(self) -> Any:
        return self._endpoint.client() if self._endpoint else self._given

    async def _a_oai_client(self) -> Any:
        assert self._endpoint is not None, "A client that was given is asked in a thread."
        return await self._endpoint.a_client()

    def create(self, params: dict[str, Any]) -> Any:
        """Ask the endpoint; returns a `ChatCompletion`, or a `Completion` for a `prompt`.

        Raises:
            openai.APIError: The endpoint can't be reached, refuses, or answers with something else.
        """
        return run_sync(self._create(params))

    async def a_create(self, params: dict[str, Any]) -> Any:
        """`create`, awaited. Cancelling it closes the request. A client that is synchronous by nature runs in a thread."""
        if self._endpoint is None or self._endpoint.is_synchronous:
            return await wrap_in_thread(self.create)(params)
        return await run_async(self._create(params))

    def _create(self, params: dict[str, Any]) -> Steps[Any]:
        sdk = yield Call(lambda: self._oai_client, self._a_oai_client, (), {})
        request = self._provider.adapted(params)
        if params.get("adapt_request") is False:
            return (yield from self._answer(sdk, request))
        identity = self._endpoint.identity if self._endpoint else str(sdk.base_url)
        return (yield from call_with_adaptations(identity, repr(self), request, partial(self._answer, sdk)))

    def _answer(self, sdk: Any, params: dict[str, Any]) -> Steps[Any]:
        try:
            if "messages" not in params:
                return _checked((yield from invoke(sdk.completions.create, None, **{**params, "stream": False})))
            create = sdk.chat.completions.create
            request = _straight(params) if _is_the_sdks(create) and _is_json(params) else params
            if not params.get("stream"):
                return _checked((yield from invoke(create, None, **{**request, "stream": False})))
            chunks = yield from invoke(create, None, **request)
            return (yield from _streamed(chunks, params))
        except _unreadable() as error:  # the SDK lets these through
            raise invalid_answer(f"something that can't be read ({type(error).__name__}: {error})") from error

    def message_retrieval(self, response: Any) -> list[Any]:
        """For each choice its text, or the whole message if it calls something (or if the provider says so)."""
        if response.object == "text_completion":
            return [choice.text for choice in response.choices]
        messages = [choice.message for choice in response.choices]
        calls = ("function_call", "tool_calls")
        whole = self._provider.messages
        return [m if whole or any(getattr(m, key, None) is not None for key in calls) else m.content for m in messages]

    def cost(self, response: Any) -> float:
        """USD for an answer; 0 where the model's price is not known."""
        address = self._endpoint.address if self._endpoint else str(getattr(self._given, "base_url", ""))
        return 0.0 if self._provider.free else compute_cost(read_usage(response), base_url=address)

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Tokens and cost of an answer."""
        return {**_tokens(response), "cost": getattr(response, "cost", 0.0)}


def _is_the_sdks(create: Any) -> bool:
    """Whether the method is the SDK's own, and not one that a tracing package or a test has put around it, or a client's."""
    function = getattr(create, "__func__", None)
    return type(function) is FunctionType and function.__globals__["__name__"].partition(".")[0] == "openai"


def _is_json(params: dict[str, Any]) -> bool:
    """Whether JSON has messages and tools as they are; objects of pydantic, for example, are the SDK's to translate."""
    try:
        json.dumps([params.get(key) for key in _BULK])
    except (TypeError, ValueError):
        return False
    return True


def _straight(params: dict[str, Any]) -> dict[str, Any]:
    """The request with its messages and tools past the SDK, which takes `extra_body` as it is.

    It looks at each of them by all types that there are of them, which changes nothing of JSON, and takes longer than all
    else of a request: 50 us a message, at every turn for the whole history.
    """
    extra = {key: params[key] for key in _BULK if key in params}
    rest = {key: value for key, value in params.items() if key not in extra}
    return {**rest, "messages": (), "extra_body": {**extra, **(params.get("extra_body") or {})}}


def _streamed(chunks: Any, params: dict[str, Any]) -> Steps[Any]:
    """Show a streamed answer while it comes; returns it whole."""
    assembler = StreamAssembler(str(params.get("model")))
    show = IOStream.get_default().print
    show("\033[32m", end="")
    try:
        yield Call(_read, _a_read, (chunks, assembler, show), {})
    finally:
        show("\033[0m\n")
    return _from_stream(assembler, params)


def _unreadable() -> tuple[type[Exception], ...]:
    """What an answer raises that is broken off or no JSON: also errors of the HTTP library that the SDK is built on."""
    libraries = [sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules]
    return (json.JSONDecodeError, *(library.TransportError for library in libraries))


def _read(chunks: Any, assembler: StreamAssembler, show: Any) -> None:
    with chunks:
        for chunk in chunks:
            if text := assembler.feed(chunk):
                show(text, end="", flush=True)


async def _a_read(chunks: AsyncIterator[Any], assembler: StreamAssembler, show: Any) -> None:
    async with chunks:  # type: ignore[attr-defined]
        async for chunk in chunks:
            if text := assembler.feed(chunk):
                show(text, end="", flush=True)


def _tokens(response: Any) -> dict[str, Any]:
    usage = read_usage(response)
    return {key: usage[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens", "model")}


def _checked(answer: Any) -> Any:
    """The answer, if it is one. The SDK lets anything pass that came with status 200."""
    choices = getattr(answer, "choices", None)
    if isinstance(choices, list) and choices and all(_says_something(choice) for choice in choices):
        return answer
    raise invalid_answer(f"no completion but {_excerpt(answer)}")


def _says_something(choice: Any) -> bool:
    return bool(getattr(choice, "message", None)) or getattr(choice, "text", None) is not None


def _excerpt(answer: Any) -> str:
    text = repr(answer)
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"


def _from_stream(assembler: StreamAssembler, params: dict[str, Any]) -> Any:
    from openai.types.chat import ChatCompletion

    if not assembler.complete:
        raise invalid_answer("a stream that broke off before the answer was whole")
    whole = assembler.result()
    if not whole["usage"]:
        whole["usage"] = _estimated(params, whole["choices"])
    return ChatCompletion.model_validate(whole)


def _estimated(params: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, int]:
    """Tokens where the server does not report them."""
    model = str(params.get("model"))
    prompt = estimate_tokens(params["messages"], model) + estimate_tokens(params.get("tools"), model)
    said = [choice["message"] for choice in choices]
    completion = sum(estimate_tokens([one.get("content"), *(one.get("tool_calls") or ())], model) for one in said)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

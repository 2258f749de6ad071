"""The model client for every endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from ..._steps import Call, Steps, invoke, run_async, run_sync, wrap_in_thread
from ...io.base import IOStream
from ...token_count_utils import estimate_tokens
from .._usage.cost import compute_cost, read_usage
from .adaptations import call_with_adaptations
from .endpoint_pool import Endpoint
from .parameters import Params
from .provider_registry import PROVIDERS
from .provider_spec import Provider
from .streaming import StreamAssembler

if TYPE_CHECKING:
    import openai
    from openai.types import Completion
    from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage

    from ...types import Usage

    Response: TypeAlias = Union[ChatCompletion, Completion]
    SDKClient: TypeAlias = Union[openai.OpenAI, openai.AsyncOpenAI]

logger = logging.getLogger("autogen.oai.client")

_BULK = ("messages", "tools")


class OpenAIClient:
    """Sends requests to one endpoint through the `openai` SDK.

    Args:
        client: A client of the SDK, or the endpoint whose shared client is used.
        provider: The endpoint's differences from OpenAI's; None for OpenAI.
    """

    RESPONSE_USAGE_KEYS = ["prompt_tokens", "completion_tokens", "total_tokens", "cost", "model"]

    # For subclasses of programs that assign `_oai_client` and don't call this constructor.
    _provider = PROVIDERS["openai"]

    def __init__(self, client: openai.OpenAI | Endpoint, provider: Provider | None = None) -> None:
        self._provider = provider or PROVIDERS["openai"]
        self._client = client

    def __repr__(self) -> str:
        return f"OpenAIClient({self.endpoint or type(self._client).__name__})"

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint; None for a client of the SDK that was passed in."""
        return self._client if isinstance(self._client, Endpoint) else None

    @property
    def address(self) -> str:
        """The endpoint's URL, for messages to people."""
        return self.endpoint.address if self.endpoint else str(getattr(self._client, "base_url", ""))

    @property
    def sdk_client(self) -> openai.OpenAI:
        """The SDK's client for sync callers."""
        return self._client.get_client() if isinstance(self._client, Endpoint) else self._client

    @sdk_client.setter
    def sdk_client(self, client: openai.OpenAI) -> None:
        self._client = client

    # 0.2's name, which programs read and assign.
    _oai_client = sdk_client

    async def _a_get_sdk_client(self) -> openai.AsyncOpenAI:
        assert isinstance(self._client, Endpoint), "a client that was passed in runs in a thread"
        return await self._client.a_get_client()

    def create(self, params: Params) -> Response:
        """Send a request.

        Returns:
            A `ChatCompletion`, or a `Completion` for a `prompt`.

        Raises:
            openai.APIError: if the endpoint can't be reached, or refuses.
            InvalidResponse: if the response is not a completion. It is an `openai.APIError` too.
        """
        return run_sync(self._create(params))

    async def a_create(self, params: Params) -> Response:
        """Async version of `create`. Cancelling it closes the request."""
        if self.endpoint is None or self.endpoint.is_synchronous:
            return await wrap_in_thread(self.create)(params)
        return await run_async(self._create(params))

    def _create(self, params: Params) -> Steps[Response]:
        sdk = yield Call(lambda: self.sdk_client, self._a_get_sdk_client, (), {})
        request = self._provider.adapt(params)
        if params.get("adapt_request") is False:
            return (yield from self._send(sdk, request))
        # Refusals are remembered per endpoint, whichever client sends the request.
        identity = self.endpoint.identity if self.endpoint else str(sdk.base_url)
        return (yield from call_with_adaptations(identity, repr(self), request, partial(self._send, sdk)))

    def _send(self, sdk: SDKClient, params: Params) -> Steps[Response]:
        try:
            if "messages" not in params:
                return _validate((yield from _call_sdk(sdk.completions.create, {**params, "stream": False})))
            create = sdk.chat.completions.create
            # Methods that are wrapped, by a tracing package for example, must see the messages where they expect them.
            request = _bypass_transform(params) if _is_sdk_method(create) and _is_json(params) else params
            if not params.get("stream"):
                return _validate((yield from _call_sdk(create, {**request, "stream": False})))
            chunks = yield from _call_sdk(create, request)
            return (yield from _receive_stream(chunks, params))
        except _get_read_errors() as error:
            from ..errors import InvalidResponse

            reason = f"{type(error).__name__}: {error}"
            raise InvalidResponse(f"The endpoint sent a response that can't be read ({reason})", received=reason) from error

    def message_retrieval(self, response: Response) -> list[str | ChatCompletionMessage | None]:
        """Return for each choice its text, or the message if it has calls or the provider asks for messages."""
        # The response to a `prompt`.
        if response.object == "text_completion":
            return [choice.text for choice in response.choices]
        messages = [choice.message for choice in response.choices]
        return [m if self._provider.messages or _has_calls(m) else m.content for m in messages]

    def cost(self, response: Response) -> float:
        """Return the cost of a response in USD; 0 if the model's price is unknown."""
        return 0.0 if self._provider.free else compute_cost(read_usage(response), base_url=self.address)

    @staticmethod
    def get_usage(response: Response) -> Usage:
        """Return the tokens and the cost of a response."""
        usage = read_usage(response)
        return {
            "prompt_tokens": usage["prompt_tokens"],
            "completion_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
            "model": usage["model"],
            "cost": getattr(response, "cost", 0.0),
        }


def _has_calls(message: ChatCompletionMessage) -> bool:
    return any(getattr(message, key, None) is not None for key in ("function_call", "tool_calls"))


def _call_sdk(method: Callable[..., Any], params: Params) -> Steps[Any]:
    return (yield from invoke(method, None, **params))


def _is_sdk_method(create: object) -> bool:
    """Return True for the SDK's own method, False for a replacement by a tracing package or a test."""
    function = getattr(create, "__func__", None)
    return type(function) is FunctionType and function.__globals__["__name__"].partition(".")[0] == "openai"


def _is_json(params: Params) -> bool:
    """Return True if messages and tools are plain JSON. Pydantic objects, for example, need the SDK's transform."""
    try:
        json.dumps([params.get(key) for key in _BULK])
    except (TypeError, ValueError):
        return False
    return True


def _bypass_transform(params: Params) -> Params:
    """Move messages and tools to `extra_body`, which the SDK sends unchanged.

    Its transform matches every message against all types of messages: 50 us each, for the whole history in every turn. On
    plain JSON it changes nothing.
    """
    bulk = {key: params[key] for key in _BULK if key in params}
    rest = {key: value for key, value in params.items() if key not in bulk}
    return {**rest, "messages": (), "extra_body": {**bulk, **(params.get("extra_body") or {})}}


def _get_read_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of a response that breaks off or isn't JSON, which the SDK doesn't translate."""
    # Only a loaded library can have raised its exceptions.
    libraries = [sys.modules[name] for name in ("httpx2", "httpx") if name in sys.modules]
    return (json.JSONDecodeError, *(library.TransportError for library in libraries))


def _validate(response: Any) -> Response:
    """Return the response if it is a completion. The SDK accepts any body with status 200.

    Raises:
        InvalidResponse: if it is not.
    """
    choices = getattr(response, "choices", None)
    if isinstance(choices, list) and choices and all(_has_content(choice) for choice in choices):
        return response  # type: ignore[no-any-return]
    from ..errors import InvalidResponse

    text = repr(response)
    excerpt = text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"
    raise InvalidResponse(f"The endpoint sent no completion but {excerpt}", received=excerpt)


def _has_content(choice: object) -> bool:
    return bool(getattr(choice, "message", None)) or getattr(choice, "text", None) is not None


def _receive_stream(
    chunks: openai.Stream[ChatCompletionChunk] | openai.AsyncStream[ChatCompletionChunk], params: Params
) -> Steps[ChatCompletion]:
    """Print a streamed response while it arrives, and return it as a whole."""
    from openai.types.chat import ChatCompletion

    assembler = StreamAssembler(str(params.get("model")))
    show = IOStream.get_default().print
    show("\033[32m", end="")
    try:
        yield Call(_read, _a_read, (chunks, assembler, show), {})
    finally:
        show("\033[0m\n")
    if not assembler.complete:
        from ..errors import InvalidResponse

        raise InvalidResponse("The endpoint sent a stream that ended early", received=repr(assembler.build_response()))
    response = assembler.build_response()
    if not response["usage"]:
        response["usage"] = _estimate_usage(params, response["choices"])
    return ChatCompletion.model_validate(response)


def _read(chunks: openai.Stream[ChatCompletionChunk], assembler: StreamAssembler, show: Callable[..., None]) -> None:
    with chunks:
        for chunk in chunks:
            if text := assembler.feed(chunk):
                show(text, end="", flush=True)


async def _a_read(
    chunks: openai.AsyncStream[ChatCompletionChunk], assembler: StreamAssembler, show: Callable[..., None]
) -> None:
    async with chunks:
        async for chunk in chunks:
            if text := assembler.feed(chunk):
                show(text, end="", flush=True)


def _estimate_usage(params: Params, choices: list[dict[str, Any]]) -> dict[str, int]:
    """Estimate the tokens of a stream whose server doesn't report them."""
    model = str(params.get("model"))
    prompt = estimate_tokens(params["messages"], model) + estimate_tokens(params.get("tools"), model)
    messages = [choice["message"] for choice in choices]
    completion = sum(estimate_tokens([m.get("content"), *(m.get("tool_calls") or ())], model) for m in messages)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

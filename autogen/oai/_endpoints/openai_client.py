"""The model client for every endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, Union

from ..._steps import Call, Steps, run_async, run_sync, wrap_in_thread
from .._embedding_response import EmbeddingResponse, read_embeddings
from .._http.settings import BAD_HEADER, make_connection_error, name_cause
from .._local.text_calls import request_calls
from .._responses.completion import build_completion, build_text_completion
from .._responses.failed_calls import is_failed_call, read_failed_generation
from .._responses.history import prepare_history
from .._responses.native import compute_origin
from .._responses.normalize import make_unreadable, normalize_completion, normalize_text_completion
from .._responses.sdk_calls import get_read_errors, parse_body, request_json, request_stream
from .._responses.streaming import receive_stream
from .._usage.cost import compute_cost, read_usage
from .adaptations import call_with_adaptations
from .endpoint_pool import Endpoint
from .parameters import Params
from .provider_registry import PROVIDERS
from .provider_spec import Provider

if TYPE_CHECKING:
    import openai
    from openai.types import Completion
    from openai.types.chat import ChatCompletion, ChatCompletionMessage

    from ...types import Usage
    from .._responses.failed_calls import AnswerReader

    Response: TypeAlias = Union[ChatCompletion, Completion]
    SDKClient: TypeAlias = Union[openai.OpenAI, openai.AsyncOpenAI]

logger = logging.getLogger("autogen.oai.client")


class OpenAIClient:
    """Sends requests to one endpoint through the `openai` SDK.

    Args:
        client: A client of the SDK, or the endpoint whose shared client is used.
        provider: The endpoint's differences from OpenAI's; None for OpenAI.
    """

    # Its requests pass `prepare_history`.
    takes_internal_form = True
    RESPONSE_USAGE_KEYS = ["prompt_tokens", "completion_tokens", "total_tokens", "cost", "model"]

    # For subclasses of programs that assign `_oai_client` and don't call this constructor.
    _provider = PROVIDERS["openai"]

    def __init__(self, client: openai.OpenAI | Endpoint, provider: Provider | None = None) -> None:
        self._provider = provider or PROVIDERS["openai"]
        self._client = client

    def __repr__(self) -> str:
        return f"OpenAIClient({self.endpoint or type(self._client).__name__})"

    @property
    def provider(self) -> Provider:
        """The endpoint's differences from OpenAI's."""
        return self._provider

    @property
    def max_unstreamed(self) -> int | None:
        """Maximum tokens of a response that is not streamed; None if it is that of the model."""
        return None

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
            UnreadableAnswer: if the response is not a completion. It is an `openai.APIError` too.
        """
        return run_sync(self._create(params))

    async def a_create(self, params: Params) -> Response:
        """Async version of `create`. Cancelling it closes the request."""
        if self.endpoint is None or self.endpoint.is_synchronous:
            return await wrap_in_thread(self.create)(params)
        return await run_async(self._create(params))

    def _create(self, params: Params) -> Steps[Response]:
        if self.endpoint is not None:
            self.endpoint.check_settings()
        sdk = yield Call(lambda: self.sdk_client, self._a_get_sdk_client, (), {})
        origin = compute_origin(str(getattr(sdk, "base_url", "")), getattr(sdk, "api_key", None))
        if "messages" in params:
            params = {**params, "messages": prepare_history(params["messages"], origin)}
        request = self._provider.adapt(params)
        if params.get("adapt_request") is False:
            return (yield from self._send(sdk, origin, None, request))
        # Refusals are remembered per endpoint, whichever client sends the request.
        identity = self.endpoint.identity if self.endpoint else str(sdk.base_url)

        def send(request: Params, reader: AnswerReader | None = None) -> Steps[Response]:
            return call_with_adaptations(identity, repr(self), request, partial(self._send, sdk, origin, reader))

        if self._provider.text_calls and "messages" in request:
            is_embedded = self._provider.api_type == "local"
            response: Response = yield from request_calls(send, request, params, is_embedded=is_embedded)
            return response
        return (yield from send(request))

    def _send(self, sdk: SDKClient, origin: str, reader: AnswerReader | None, params: Params) -> Steps[Response]:
        import openai

        model = str(params.get("model"))
        try:
            if "messages" not in params:
                body = yield from request_json(sdk.completions, {**params, "stream": False})
                return build_text_completion(normalize_text_completion(body, model=model))
            if not params.get("stream"):
                body = yield from request_json(sdk.chat.completions, {**params, "stream": False})
            else:
                chunks = yield from request_stream(sdk.chat.completions, params)
                if not isinstance(chunks, Mapping):
                    return build_completion((yield from receive_stream(chunks, params, origin, reader)))
                body = chunks
            body = body if reader is None else reader.translate(body)
            return build_completion(normalize_completion(body, model=model, origin=origin))
        except Exception as error:
            if not isinstance(error, openai.APIError) or not is_failed_call(error):
                if (explained := _explain_error(error)) is None:
                    raise
                raise explained
            # The model called in a form that its own endpoint can't read.
            failed = read_failed_generation(error.body, params)
            if failed is None:
                raise make_unreadable("has a call that can't be read", error.body) from error
            return build_completion(normalize_completion(failed, model=model, origin=origin))

    def embed(self, params: Params) -> EmbeddingResponse:
        """Send a request for embeddings.

        Args:
            params: `model`, `input` (a list of texts), and the other parameters of the request.

        Raises:
            openai.APIError: if the endpoint can't be reached, or refuses.
            UnreadableAnswer: if the response doesn't hold a vector for each text. It is an `openai.APIError` too.
        """
        return run_sync(self._embed(params))

    async def a_embed(self, params: Params) -> EmbeddingResponse:
        """Async version of `embed`. Cancelling it closes the request."""
        if self.endpoint is None or self.endpoint.is_synchronous:
            return await wrap_in_thread(self.embed)(params)
        return await run_async(self._embed(params))

    def _embed(self, params: Params) -> Steps[EmbeddingResponse]:
        if self.endpoint is not None:
            self.endpoint.check_settings()
        sdk = yield Call(lambda: self.sdk_client, self._a_get_sdk_client, (), {})
        # The SDK's default is an encoding that many servers don't know.
        params = {"encoding_format": "float", **params}
        try:
            body = yield from request_json(sdk.embeddings, params)
            return read_embeddings(body, model=str(params.get("model")), count=len(params["input"]))
        except Exception as error:
            if (explained := _explain_error(error)) is None:
                raise
            raise explained

    def fetch_json(self, url: str, body: Mapping[str, object] | None, timeout: float) -> Steps[object]:
        """Send a request to the endpoint's server that is not one to a model, and return the JSON of the answer.

        Args:
            url: The address.
            body: JSON of a POST; None for a GET.
            timeout: Time limit in seconds.

        Raises:
            openai.APIError: if the server can't be reached, or refuses.
            UnreadableAnswer: if the answer isn't JSON.
            Exception: one of `get_read_errors`, if it breaks off.
        """
        from .._http.libraries import httpx

        if self.endpoint is not None:
            self.endpoint.check_settings()
        sdk = yield Call(lambda: self.sdk_client, self._a_get_sdk_client, (), {})
        method, content = (sdk.get, {}) if body is None else (sdk.post, {"body": body})
        options = {"cast_to": httpx.Response, "options": {"timeout": timeout}}
        response = yield Call(method, method, (url,), {**options, **content})
        return parse_body(response)

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


def _explain_error(error: Exception) -> Exception | None:
    """Return the error to raise in place of one of the SDK or the HTTP library; None to raise that as it is."""
    import openai

    explained: Exception
    if isinstance(error, openai.APIConnectionError):
        return name_cause(error)
    if isinstance(error, UnicodeEncodeError):
        # The text of a request may have any characters, its headers may not.
        if error.encoding != "ascii":
            return None
        explained = make_connection_error(BAD_HEADER)
    elif isinstance(error, get_read_errors()) and not isinstance(error, openai.APIError):
        explained = make_unreadable(f"can't be read ({type(error).__name__}: {error})")
    else:
        return None
    explained.__cause__ = error
    return explained

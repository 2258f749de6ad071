"""Protocols of model clients and their responses. This module imports nothing, so every other one can use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class ModelClient(Protocol):
    """Protocol of model clients; a program can write its own. See `OpenAIWrapper.register_model_client`.

    A method `a_create` with the parameters of `create` is optional. Without it, async callers run `create` in a thread.

    Attributes:
        RESPONSE_USAGE_KEYS: Keys of the dict that `get_usage` returns.
    """

    RESPONSE_USAGE_KEYS: list[str] = ["prompt_tokens", "completion_tokens", "total_tokens", "cost", "model"]

    class ModelClientResponseProtocol(Protocol):
        """Minimal response: choices with a message each, and the model's name. It must accept new attributes."""

        class Choice(Protocol):
            """Choice of a response."""

            class Message(Protocol):
                """Message of a choice."""

                content: str | None

            message: Message

        choices: list[Choice]
        model: str

    def create(self, params: dict[str, Any]) -> object:
        """Send a request and return the response.

        Args:
            params: `model`, `messages` or `prompt`, and the other parameters of the request.

        Returns:
            A response like `ModelClientResponseProtocol`. For a `prompt`, its choices may have `text` and no message.
        """
        ...

    def message_retrieval(self, response: Any) -> Sequence[object]:
        """Return for each choice its text, or its message."""
        ...

    def cost(self, response: Any) -> float:
        """Return the cost of a response in USD."""
        ...

    @staticmethod
    def get_usage(response: Any) -> Mapping[str, object]:
        """Return tokens and cost of a response under RESPONSE_USAGE_KEYS, or an empty dict to leave it out of the sums."""
        ...


class ResponseMessage(Protocol):
    """Message of a choice, as the SDK's `ChatCompletionMessage` has it."""

    content: str | None
    tool_calls: Sequence[Any] | None
    refusal: str | None
    parsed: object


class ResponseChoice(Protocol):
    """Choice of a response."""

    index: int
    finish_reason: str | None
    message: ResponseMessage


class ModelResponse(Protocol):
    """Response that `OpenAIWrapper.create` returns: the client's own, with further attributes.

    A client of the SDK returns a `ChatCompletion`, or a `Completion` for a `prompt`.

    Attributes:
        choices: Choices of the response.
        model: Name of the model, as the endpoint has it.
        usage: Token counts, if the endpoint reports them.
        cost: Cost in USD.
        cached: True if the response came from a cache or a checkpoint.
        config_id: Index of the config list's entry that it came from.
        pass_filter: True if `filter_func` accepted it, or there is none.
        message_retrieval_function: `message_retrieval` of the client.
    """

    choices: list[ResponseChoice]
    model: str
    usage: Any
    cost: float
    cached: bool
    config_id: int
    pass_filter: bool
    message_retrieval_function: Callable[[Any], list[Any]]

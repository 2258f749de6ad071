"""Model contexts: what the model of an agent sees of a long history, which itself stays whole.

>>> from autogen.agentchat.model_context import BufferedChatCompletionContext
>>> context = BufferedChatCompletionContext(buffer_size=2)
>>> context.view([{"role": "user", "content": text} for text in ("one", "two", "three")])
[{'role': 'user', 'content': 'two'}, {'role': 'user', 'content': 'three'}]

An agent gets a context as `model_context=`, a group chat for its selecting model as `select_speaker_model_context=`. A
context is an object with one method, `view(messages)`, which returns the messages that the model sees and changes none. The
transforms of `autogen.agentchat.contrib.capabilities.transforms` are contexts, too, and contexts are transforms.

Calls are never separated from their results, and the system message is always seen. The names and arguments are those of the
0.4 line, whose contexts also store the messages; here the history of the agent does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._steps import Steps
from ._contexts.counting import (
    TokenCounter,
    get_agent_counter,
    get_model_name,
    get_tools,
    get_window,
)
from ._contexts.limits import TokenFit, keep_ends, keep_newest, make_notice
from ._contexts.summary import SummaryTransform as SummaryTransform
from ._contexts.transform import ModelContext as ModelContext
from ._contexts.transform import Transform
from ._contexts.view import View
from .agent import Message

__all__ = [
    "BufferedChatCompletionContext",
    "HeadAndTailChatCompletionContext",
    "ModelContext",
    "SummaryTransform",
    "TokenLimitedChatCompletionContext",
    "UnboundedChatCompletionContext",
]

# Of the context length, for the response.
_RESPONSE_SHARE = 4
_MAX_RESPONSE = 4096


class _Context(Transform):
    """Base class of the contexts.

    Args:
        initial_messages: Messages before those of each history.
    """

    def __init__(self, initial_messages: Sequence[Message] | None = None) -> None:
        self._initial_messages = list(initial_messages or ())

    def run(self, agent: Any, messages: list[Message]) -> Steps[View]:
        """Return what the model sees; a step."""
        yield from ()
        initial = self._initial_messages
        view = self._select(agent, [*initial, *messages] if initial else messages)
        if not initial:
            return view
        # Positions are those of the history.
        count = len(initial)
        gaps = [(max(first - count, 0), last - count) for first, last in view.left_out if last >= count]
        return View(view.messages, gaps, [position - count for position in view.changed if position >= count])

    def _select(self, agent: Any, messages: list[Message]) -> View:
        raise NotImplementedError


class UnboundedChatCompletionContext(_Context):
    """Context that shows all messages.

    Args:
        initial_messages: Messages before those of each history.
    """

    def _select(self, agent: Any, messages: list[Message]) -> View:
        return View(messages)


class BufferedChatCompletionContext(_Context):
    """Context that shows the newest messages.

    Args:
        buffer_size: Maximum number of messages. The last ones are shown together with the call that they belong to, if
            nothing else would be shown.
        initial_messages: Messages before those of each history.

    Raises:
        ValueError: if the size is below 1.
    """

    def __init__(self, buffer_size: int, initial_messages: Sequence[Message] | None = None) -> None:
        super().__init__(initial_messages)
        self._buffer_size = _check_size("buffer_size", buffer_size)

    def _select(self, agent: Any, messages: list[Message]) -> View:
        return keep_newest(messages, self._buffer_size)


class HeadAndTailChatCompletionContext(_Context):
    """Context that shows the first and the last messages, with a line between them that says how many are not shown.

    Args:
        head_size: Maximum number of messages at the start.
        tail_size: Maximum number of messages at the end.
        initial_messages: Messages before those of each history.

    Raises:
        ValueError: if a size is below 1.
    """

    def __init__(self, head_size: int, tail_size: int, initial_messages: Sequence[Message] | None = None) -> None:
        super().__init__(initial_messages)
        self._head_size = _check_size("head_size", head_size)
        self._tail_size = _check_size("tail_size", tail_size)

    def _select(self, agent: Any, messages: list[Message]) -> View:
        return keep_ends(messages, self._head_size, self._tail_size)


class TokenLimitedChatCompletionContext(_Context):
    """Context that leaves out messages in the middle until the rest fits into a number of tokens.

    The first message of the user and the last messages are shortened rather than left out. The system message, the tools,
    calls, results and images count.

    Args:
        model_client: An agent, the name of a model, or a config whose model counts; None for the agent that has the context.
        token_limit: Number of tokens; None for the context length of the model, less what a response needs. If that is
            unknown, all messages are shown.
        tool_schema: Tools that count; None for those of the agent.
        initial_messages: Messages before those of each history.

    Raises:
        TypeError: if `model_client` is something else.
        ValueError: if the limit is below 1.
    """

    def __init__(
        self,
        model_client: Any = None,
        token_limit: int | None = None,
        tool_schema: Sequence[Any] | None = None,
        initial_messages: Sequence[Message] | None = None,
    ) -> None:
        super().__init__(initial_messages)
        self._model_client = _check_model(model_client)
        self._token_limit = None if token_limit is None else _check_size("token_limit", token_limit)
        self._tool_schema = tool_schema

    def _select(self, agent: Any, messages: list[Message]) -> View:
        owner = agent if self._model_client is None else self._model_client
        counter = get_agent_counter(owner)
        limit = self._token_limit if self._token_limit is not None else _get_limit(owner)
        if limit is None:
            return View(messages)
        limit -= _count_fixed(agent, counter, self._tool_schema)
        notice = make_notice(len(messages))
        notice_tokens = counter.count(notice) + counter.count_frame(notice)
        return TokenFit(messages, counter, has_frames=True).keep_ends(max(limit, 0), notice_tokens)


class _Named:
    """An owner of a model that is known by its config alone."""

    def __init__(self, llm_config: Any) -> None:
        self.llm_config = llm_config


def _check_model(model_client: Any) -> Any:
    if isinstance(model_client, str):
        return _Named({"model": model_client})
    if isinstance(model_client, dict):
        return _Named(model_client)
    if model_client is not None and get_model_name(model_client) is None:
        text = "model_client must be an agent with a model, the name of a model, a config or None"
        raise TypeError(f"{text}, got {type(model_client).__name__}.")
    return model_client


def _check_size(name: str, size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise ValueError(f"{name} must be a whole number of at least 1, got {size!r}.")
    return size


def _get_limit(owner: Any) -> int | None:
    """Return the context length of a model less what its response needs; None if it is unknown."""
    window = get_window(owner)
    if window is None:
        return None
    reserved = (getattr(owner, "llm_config", None) or {}).get("max_tokens")
    return window - (reserved if isinstance(reserved, int) else min(window // _RESPONSE_SHARE, _MAX_RESPONSE))


def _count_fixed(agent: Any, counter: TokenCounter, tools: Sequence[Any] | None) -> int:
    """Return the tokens of a request besides its history: the system message and the tools."""
    text = getattr(agent, "system_message", None)
    system = {"role": "system", "content": text}
    offered = get_tools(agent) if tools is None else list(tools)
    return (counter.count_all([system]) if text else 0) + counter.count_tools(offered)

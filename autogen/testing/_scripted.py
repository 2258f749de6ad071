"""`ScriptedModel`: a model that replies from a script."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from .._steps import Steps, run_async, run_sync, sleep
from ..io.base import IOStream
from ..types import Message
from ._replies import Fault, Reply, ScriptFunction, ScriptItem, get_messages, normalize_item


class ScriptExhausted(AssertionError):
    """Raised when a scripted model gets more requests than its script has replies."""


class ScriptNotFinished(AssertionError):
    """Raised when a scripted model got fewer requests than its script has replies."""


class ScriptedModel:
    """A model that replies from a script and records its requests. Threads and tasks may share it.

    Args:
        *replies: The replies in their order: text, a message dict, a `tool_call(...)` or a list of them, a `Reply`, a
            `Fault`, an exception, or a function from the messages to any of these. A single function answers every request.
        name: The name of the model.

    >>> with ScriptedModel("Paris.", "TERMINATE") as model:
    ...     _ = model([{"role": "user", "content": "Capital of France?"}])
    Traceback (most recent call last):
    autogen.testing._scripted.ScriptNotFinished: 1 of 2 scripted replies was not requested; the next is 'TERMINATE'.
    """

    def __init__(self, *replies: ScriptItem | ScriptFunction, name: str = "scripted") -> None:
        self.name = name
        self.requests: list[dict[str, Any]] = []
        """The parameters of each request."""
        single = replies[0] if len(replies) == 1 else None
        self._function: ScriptFunction | None = single if callable(single) else None
        self._replies = () if self._function else replies
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, object]) -> ScriptedModel:
        # Agents copy their llm_config, but they share the script.
        return self

    @property
    def asked(self) -> list[list[Message]]:
        """The messages of each request."""
        return [request["messages"] for request in self.requests]

    @property
    def llm_config(self) -> dict[str, Any]:
        """An `llm_config` for an agent, without a cache."""
        return {"config_list": [self.config], "cache_seed": None}

    @property
    def config(self) -> dict[str, Any]:
        """An entry for a `config_list`."""
        return {"model": self.name, "model_client_cls": self}

    def answer(self, params: Mapping[str, object]) -> Reply | Fault | BaseException:
        """Record a request and return its outcome.

        Args:
            params: The parameters of the request.

        Raises:
            ScriptExhausted: If the script has no reply left.
        """
        messages = get_messages(params)
        with self._lock:
            position = len(self.requests)
            if self._function is None and position == len(self._replies):
                last = messages[-1] if messages else None
                raise ScriptExhausted(f"The script has {position} replies, and there was another request: {last!r}")
            self.requests.append({**params, "messages": messages})
        # Outside of the lock, because a function may take its time.
        item = self._function or self._replies[position]
        return normalize_item(item(messages) if callable(item) else item)

    def __call__(self, messages: list[Message]) -> str | Message | None:
        """Send a request without an agent.

        Args:
            messages: The messages of the request.

        Returns:
            The text of the reply; the message if it has tool calls.
        """
        return self.message_retrieval(self.create({"messages": messages}))[0]

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        unused = self._replies[len(self.requests) :]
        # An error in the `with` block matters more than the replies that it left unused.
        if kind is None and unused:
            was = "was" if len(unused) == 1 else "were"
            raise ScriptNotFinished(
                f"{len(unused)} of {len(self._replies)} scripted replies {was} not requested; the next is {unused[0]!r}."
            )

    # The protocol of a model client

    def create(self, params: Mapping[str, object]) -> SimpleNamespace:
        """Return the response to a request.

        Args:
            params: The parameters of the request.
        """
        return run_sync(self._create(params))

    async def a_create(self, params: Mapping[str, object]) -> SimpleNamespace:
        """Async version of `create`; other tasks run during a delay."""
        return await run_async(self._create(params))

    def _create(self, params: Mapping[str, object]) -> Steps[SimpleNamespace]:
        reply = self.answer(params)
        if isinstance(reply, BaseException):
            raise reply
        if reply.delay:
            yield from sleep(reply.delay)
        if isinstance(reply, Fault):
            raise reply.error()
        # A real client prints the pieces of a streamed response while it receives them.
        if params.get("stream"):
            for piece in reply.pieces:
                IOStream.get_default().print(piece, end="", flush=True)
        choice = SimpleNamespace(index=0, message=_Message(**reply.message), finish_reason=reply.reason)
        usage = SimpleNamespace(**reply.usage_for(get_messages(params)))
        return SimpleNamespace(model=self.name, choices=[choice], usage=usage, cost=0.0)

    def message_retrieval(self, response: SimpleNamespace) -> list[str | Message | None]:
        """Return for each choice its text; the message if it has tool calls."""
        messages = [choice.message for choice in response.choices]
        return [dict(vars(m)) if getattr(m, "tool_calls", None) else m.content for m in messages]

    def cost(self, response: object) -> float:
        """Return 0.0: a script costs nothing."""
        return 0.0

    @staticmethod
    def get_usage(response: SimpleNamespace) -> dict[str, object]:
        """Return the token counts and the cost of a response."""
        return {**vars(response.usage), "cost": getattr(response, "cost", 0.0), "model": response.model}


class _Message(SimpleNamespace):
    def model_dump(self) -> Message:
        return dict(vars(self))

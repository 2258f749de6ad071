"""A model that answers from a script."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from .._steps import Steps, run_async, run_sync, sleep
from ..io.base import IOStream
from ._replies import Fault, Reply, as_reply


class ScriptExhausted(AssertionError):
    """A scripted model was asked more often than its script has replies."""


class ScriptNotFinished(AssertionError):
    """A scripted model was asked less often than its script has replies."""


class ScriptedModel:
    """A model that answers from a script, and remembers what it was asked. Safe between threads and tasks.

    Args:
        *replies: The answers, in order: text, a message dict, a `tool_call(...)` or a list of them, a `Reply`, a `Fault`,
            an exception, or a function from the messages to one of these. A single function answers every request.
        name: The name under which it answers.

    >>> with ScriptedModel("Paris.", "TERMINATE") as model:
    ...     _ = model([{"role": "user", "content": "Capital of France?"}])
    Traceback (most recent call last):
    autogen.testing._scripted.ScriptNotFinished: 1 of 2 scripted replies was never asked for; the next is 'TERMINATE'.
    """

    def __init__(self, *replies: Any, name: str = "scripted") -> None:
        self.name = name
        self.requests: list[dict[str, Any]] = []
        """The parameters of each request."""
        self._always: Callable[..., Any] | None = replies[0] if len(replies) == 1 and callable(replies[0]) else None
        self._replies = () if self._always else replies
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> ScriptedModel:
        return self  # agents copy their llm_config; the script is one

    @property
    def asked(self) -> list[list[dict[str, Any]]]:
        """The messages of each request."""
        return [request["messages"] for request in self.requests]

    @property
    def llm_config(self) -> dict[str, Any]:
        """An `llm_config` for an agent that this model speaks for. Nothing is cached."""
        return {"config_list": [self.config], "cache_seed": None}

    @property
    def config(self) -> dict[str, Any]:
        """An entry for a `config_list`."""
        return {"model": self.name, "model_client_cls": self}

    def answer(self, params: dict[str, Any]) -> Reply | Fault | BaseException:
        """What the script has for a request.

        Raises:
            ScriptExhausted: Nothing is left.
        """
        params = {**params, "messages": list(params.get("messages") or ())}
        with self._lock:
            position = len(self.requests)
            if self._always is None and position == len(self._replies):
                last = params["messages"][-1] if params["messages"] else None
                raise ScriptExhausted(f"The script has {position} replies, and was asked once more: {last!r}")
            self.requests.append(params)
        scripted = self._always or self._replies[position]
        return as_reply(scripted(params["messages"]) if callable(scripted) else scripted)

    def __call__(self, messages: list[dict[str, Any]]) -> str | dict[str, Any] | None:
        """Ask without an agent: the text, or the message if it calls a tool."""
        return self.message_retrieval(self.create({"messages": messages}))[0]  # type: ignore[no-any-return]

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        left = self._replies[len(self.requests) :]
        if kind is None and left:
            was = "was" if len(left) == 1 else "were"
            raise ScriptNotFinished(
                f"{len(left)} of {len(self._replies)} scripted replies {was} never asked for; the next is {left[0]!r}."
            )

    # The protocol of a model client.

    def create(self, params: dict[str, Any]) -> Any:
        """Answer a request."""
        return run_sync(self._create(params))

    async def a_create(self, params: dict[str, Any]) -> Any:
        """`create`, awaited: a delay holds up nobody else."""
        return await run_async(self._create(params))

    def _create(self, params: dict[str, Any]) -> Steps[Any]:
        reply = self.answer(params)
        if isinstance(reply, BaseException):
            raise reply
        if reply.delay:
            yield from sleep(reply.delay)
        if isinstance(reply, Fault):
            raise reply.error()
        if params.get("stream"):
            for piece in reply.pieces:
                IOStream.get_default().print(piece, end="", flush=True)
        choice = SimpleNamespace(index=0, message=_Message(**reply.message), finish_reason=reply.reason)
        usage = SimpleNamespace(**reply.usage_for(params.get("messages") or ()))
        return SimpleNamespace(model=self.name, choices=[choice], usage=usage, cost=0.0)

    def message_retrieval(self, response: Any) -> list[Any]:
        """For each choice its text, or the message if it calls a tool."""
        messages = [choice.message for choice in response.choices]
        return [dict(vars(m)) if getattr(m, "tool_calls", None) else m.content for m in messages]

    def cost(self, response: Any) -> float:
        """A script costs nothing."""
        return 0.0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        """Tokens and cost of an answer."""
        return {**vars(response.usage), "cost": getattr(response, "cost", 0.0), "model": response.model}


class _Message(SimpleNamespace):
    def model_dump(self) -> dict[str, Any]:
        return dict(vars(self))

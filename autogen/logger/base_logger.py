"""The interface of a logger."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from uuid import UUID

F = TypeVar("F", bound=Callable[..., Any])


class BaseLogger(ABC):
    """Base class of loggers, which record the actions of agents and models.

    Pass an instance of a subclass to `autogen.runtime_logging.start`. Its methods receive the live objects, keys included;
    `autogen.logger.logger_utils.to_dict` converts them to plain data with the keys masked. An error of a method is logged,
    and never reaches the chat.
    """

    @abstractmethod
    def start(self) -> str:
        """Start recording.

        Returns:
            The session id.
        """

    @abstractmethod
    def log_chat_completion(
        self,
        invocation_id: UUID,
        client_id: int,
        wrapper_id: int,
        source: Any,
        request: dict[str, Any],
        response: Any,
        is_cached: int,
        cost: float,
        start_time: str,
    ) -> None:
        """Record a request to a model.

        Args:
            invocation_id: The id of the call of the wrapper, shared by its attempts at several endpoints.
            client_id: `id()` of the model client.
            wrapper_id: `id()` of the `OpenAIWrapper`.
            source: The requesting agent, or a name; None if it is unknown.
            request: The parameters of the request.
            response: The response, or an error message.
            is_cached: 1 for a response from a cache, else 0.
            cost: The cost in USD.
            start_time: The time of the request, in the format of `get_current_ts`.
        """

    @abstractmethod
    def log_new_agent(self, agent: Any, init_args: dict[str, object]) -> None:
        """Record a new agent.

        Called once for each constructor in the agent's class hierarchy, the base class first.

        Args:
            agent: The agent.
            init_args: The arguments of the constructor.
        """

    @abstractmethod
    def log_event(self, source: Any, name: str, **kwargs: Any) -> None:
        """Record an event.

        Args:
            source: The agent it happened to, or a name.
            name: `received_message` (with `message`, `sender`, `valid`), `reply_func_executed` (with `reply_func_module`,
                `reply_func_name`, `final`, `reply`), or an event of your own.
            **kwargs: The details of the event.
        """

    @abstractmethod
    def log_new_wrapper(self, wrapper: Any, init_args: dict[str, object]) -> None:
        """Record a new `OpenAIWrapper`."""

    @abstractmethod
    def log_new_client(self, client: Any, wrapper: Any, init_args: dict[str, object]) -> None:
        """Record a new model client.

        Args:
            client: The client.
            wrapper: The `OpenAIWrapper` it belongs to.
            init_args: The arguments that created the client.
        """

    @abstractmethod
    def log_function_use(self, source: Any, function: F, args: dict[str, object], returns: Any) -> None:
        """Record the execution of a tool.

        Args:
            source: The executing agent, or a name.
            function: The function.
            args: Its arguments, by name.
            returns: Its result.
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop recording."""

    @abstractmethod
    def get_connection(self) -> sqlite3.Connection | None:
        """Return the database connection; None if the logger has none."""

"""What a logger is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

F = TypeVar("F", bound=Callable[..., Any])


class BaseLogger(ABC):
    """Records what agents and models do. Subclass it, and give an instance to `autogen.runtime_logging.start`.

    The methods get the live objects, keys included: what is written down is better made by
    `autogen.logger.logger_utils.to_dict`, which masks them. What a method raises is logged, and never reaches the chat.
    """

    @abstractmethod
    def start(self) -> str:
        """Begin to record.

        Returns:
            The id of the session.
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
        """A model was asked.

        Args:
            invocation_id: Of the call to the wrapper. Its attempts at several endpoints share it.
            client_id: `id()` of the model client.
            wrapper_id: `id()` of the `OpenAIWrapper`.
            source: The agent that asked, or a name.
            request: The parameters of the request.
            response: The answer; text that tells of the error if there is none.
            is_cached: 1 if the answer came from a cache, else 0.
            cost: USD.
            start_time: When it was asked; see `get_current_ts`.
        """

    @abstractmethod
    def log_new_agent(self, agent: Any, init_args: dict[str, Any]) -> None:
        """An agent was made. For one agent each constructor of its line of classes reports, the base class first."""

    @abstractmethod
    def log_event(self, source: Any, name: str, **kwargs: Any) -> None:
        """Something happened.

        Args:
            source: The agent that it happened to, or a name.
            name: `received_message` (`message`, `sender`, `valid`), `reply_func_executed` (`reply_func_module`,
                `reply_func_name`, `final`, `reply`), or an event of your own.
            **kwargs: What is known of it.
        """

    @abstractmethod
    def log_new_wrapper(self, wrapper: Any, init_args: dict[str, Any]) -> None:
        """An `OpenAIWrapper` was made."""

    @abstractmethod
    def log_new_client(self, client: Any, wrapper: Any, init_args: dict[str, Any]) -> None:
        """A wrapper got a model client.

        Args:
            client: The client.
            wrapper: The `OpenAIWrapper`.
            init_args: What the client was made with.
        """

    @abstractmethod
    def log_function_use(self, source: Any, function: F, args: dict[str, Any], returns: Any) -> None:
        """An agent executed a tool.

        Args:
            source: The agent, or a name.
            function: The function.
            args: What it was called with, by name.
            returns: What it returned.
        """

    @abstractmethod
    def stop(self) -> None:
        """End recording."""

    @abstractmethod
    def get_connection(self) -> Any:
        """The connection to the database; None if there is none."""

"""Context variables that the agents of a group chat share, and templates filled from them."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from ..._secrets import redact
from .._core.protocols import AgentCore
from ..agent import Message
from .templates import ContextStr

__all__ = ["ContextStr", "ContextVariables", "UpdateSystemMessage"]


class ContextVariables(MutableMapping[str, Any]):
    """Variables that the agents of a group chat share: names, and values that JSON can represent.

    It is a mapping, so iterating yields names. A model sees only the variables that templates and tools show it.

    Args:
        data: Initial values; a shallow copy is made.

    >>> variables = ContextVariables({"customer": "Ada"})
    >>> variables["orders"] = 2
    >>> list(variables)
    ['customer', 'orders']
    """

    def __init__(self, data: Mapping[str, object] | None = None) -> None:
        self._data: dict[str, Any] = {}
        if data is not None:
            # Through `__setitem__`, which checks the names.
            self.update(data)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> ContextVariables:
        """Make context variables from a dict."""
        return cls(data)

    def to_dict(self) -> dict[str, Any]:
        """Return a shallow copy as a dict."""
        return dict(self._data)

    @property
    def data(self) -> dict[str, Any]:
        """The live dict: changes of it are changes of the variables."""
        return self._data

    def model_dump(self, **options: object) -> dict[str, Any]:
        """Return `{"data": {...}}` with a shallow copy of the variables.

        Args:
            **options: Accepted for programs that expect a pydantic model.
        """
        return {"data": self.to_dict()}

    def model_dump_json(self, **options: object) -> str:
        """Return `{"data": {...}}` as JSON text.

        Args:
            **options: Accepted for programs that expect a pydantic model.

        Raises:
            TypeError: if JSON can't represent a variable; the message names it.
        """
        return f'{{"data":{self.to_json()}}}'

    def to_json(self) -> str:
        """Serialise the variables to JSON text.

        Raises:
            TypeError: if JSON can't represent a value; the message names the variable.
        """
        # One by one, because the error of `json` does not name the variable.
        for name, value in self._data.items():
            try:
                json.dumps(value)
            except (TypeError, ValueError) as error:
                raise TypeError(f"JSON can't represent the context variable {name!r}: {error}") from error
        return json.dumps(self._data, ensure_ascii=False)

    def set(self, key: str, value: object) -> None:
        """Set a variable."""
        self[key] = value

    def remove(self, key: str) -> bool:
        """Remove a variable. Returns True if it was set."""
        if key not in self._data:
            return False
        del self._data[key]
        return True

    def contains(self, key: str) -> bool:
        """Return True if a variable is set."""
        return key in self._data

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __setitem__(self, key: str, value: object) -> None:
        if not isinstance(key, str):
            raise TypeError(f"The name of a context variable must be text, got {key!r}.")
        self._data[key] = value

    def __delitem__(self, key: str) -> None:
        del self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"ContextVariables({redact(self._data)!r})"


class UpdateSystemMessage:
    """Hook that updates an agent's system message before each reply.

    >>> update = UpdateSystemMessage("You serve {customer}, who has {orders} orders.")
    >>> agent.register_hook("update_agent_state", update)  # doctest: +SKIP

    Args:
        content_updater: Template, see `ContextStr`; or a function `(agent, messages)` that returns the text.

    Raises:
        TypeError: if it is neither.
        ValueError: if the function does not take two arguments.
    """

    content_updater: str | Callable[[Any, list[Message]], str]

    def __init__(self, content_updater: str | Callable[[Any, list[Message]], str]) -> None:
        if not isinstance(content_updater, str) and not callable(content_updater):
            raise TypeError(f"UpdateSystemMessage takes a template or a function, got {content_updater!r}.")
        self.content_updater = content_updater
        if isinstance(content_updater, str) and not ContextStr(content_updater).names:
            text = "The template of UpdateSystemMessage has no placeholders, so it updates nothing."
            warnings.warn(text, UserWarning, stacklevel=2)
        if callable(content_updater) and not _takes_two_arguments(content_updater):
            raise ValueError(f"UpdateSystemMessage takes a function of an agent and messages, got {content_updater!r}.")

    def __call__(self, agent: AgentCore, messages: list[Message]) -> None:
        """Update the system message of an agent.

        Raises:
            TypeError: if the function did not return text.
        """
        if isinstance(self.content_updater, str):
            # In a group chat these are the shared variables.
            text = ContextStr(self.content_updater).format(agent.context_variables)
        else:
            text = self.content_updater(agent, messages)
        if not isinstance(text, str):
            raise TypeError(f"The function of UpdateSystemMessage must return text, got {text!r}.")
        agent.update_system_message(text)


def _takes_two_arguments(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    # A function of C may have no signature.
    except ValueError:
        return True
    return True

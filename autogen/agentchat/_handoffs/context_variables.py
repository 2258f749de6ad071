"""Context variables that the agents of a group chat share, and templates filled from them."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from ..._secrets import redact
from .._core.protocols import AgentCore
from ..agent import Message

_PLACEHOLDER = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)(?::([^{}]*))?\}")


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


@dataclass(frozen=True)
class ContextStr:
    """A text with placeholders for context variables.

    A placeholder `{name}` is replaced if the variable is set, with a format if it has one (`{price:.2f}`); `{{name}}`
    stands for the text `{name}`. Everything else stays as it is: placeholders of unknown variables, JSON, attributes,
    indices. Values are not searched for placeholders, and nothing in a template is evaluated.

    >>> ContextStr("Dear {name}, {this} is {name.upper}.").format({"name": "Ada"})
    'Dear Ada, {this} is {name.upper}.'
    """

    template: str

    def __post_init__(self) -> None:
        if not isinstance(self.template, str):
            raise TypeError(f"A template must be text, got {self.template!r}.")

    def format(self, variables: Mapping[str, object]) -> str:
        """Return the text with the values of these variables."""

        def get_value(match: re.Match[str]) -> str:
            escaped, name, format_spec = match.groups()
            # Doubled braces protect a text that looks like a placeholder.
            if escaped:
                return f"{{{escaped}}}"
            if name not in variables:
                return match[0]
            try:
                return format(variables[name], format_spec) if format_spec else str(variables[name])
            # A value that the format does not fit leaves the placeholder, because a template never raises.
            except (TypeError, ValueError):
                return match[0]

        return _PLACEHOLDER.sub(get_value, self.template)

    @property
    def names(self) -> list[str]:
        """Names of the placeholders."""
        return [match[2] for match in _PLACEHOLDER.finditer(self.template) if match[2]]


class UpdateSystemMessage:
    """Hook that updates an agent's system message before each reply.

    >>> update = UpdateSystemMessage("You serve {customer}, who has {orders} orders.")
    >>> agent.register_hook("update_agent_state", update)  # doctest: +SKIP

    Args:
        content_updater: Template, see `ContextStr`; or a function `(agent, messages)` that returns the text.

    Raises:
        TypeError: if it is neither.
    """

    def __init__(self, content_updater: str | Callable[[Any, list[Message]], str]) -> None:
        if not isinstance(content_updater, str) and not callable(content_updater):
            raise TypeError(f"UpdateSystemMessage takes a template or a function, got {content_updater!r}.")
        self.content_updater = content_updater
        if isinstance(content_updater, str) and not ContextStr(content_updater).names:
            text = "The template of UpdateSystemMessage has no placeholders, so it updates nothing."
            warnings.warn(text, UserWarning, stacklevel=2)

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

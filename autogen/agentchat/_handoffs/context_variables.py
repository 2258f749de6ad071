"""What the agents of a group chat know in common, and texts that are filled from it."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from ..._secrets import redact

_PLACEHOLDER = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)(?::([^{}]*))?\}")


class ContextVariables(MutableMapping[str, Any]):
    """What the agents of a group chat know in common: names and values that JSON can hold.

    It is a mapping like any other, so iterating gives names. No model sees it, but for what templates and tools tell.

    Args:
        data: The values to begin with; they are copied, one level deep.

    >>> known = ContextVariables({"customer": "Ada"})
    >>> known["orders"] = 2
    >>> list(known)
    ['customer', 'orders']
    """

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        self._data: dict[str, Any] = {}
        if data is not None:
            self.update(data)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ContextVariables:
        """The variables that a dict holds."""
        return cls(data)

    def to_dict(self) -> dict[str, Any]:
        """A dict of the variables; a copy, one level deep."""
        return dict(self._data)

    def to_json(self) -> str:
        """The variables as JSON text.

        Raises:
            TypeError: JSON can't hold a value; the text names the variable.
        """
        for name, value in self._data.items():
            try:
                json.dumps(value)
            except (TypeError, ValueError) as error:
                raise TypeError(f"JSON can't hold the context variable {name!r}: {error}") from error
        return json.dumps(self._data, ensure_ascii=False)

    def set(self, key: str, value: Any) -> None:
        """Set a variable."""
        self[key] = value

    def remove(self, key: str) -> bool:
        """Forget a variable. Returns whether there was one."""
        if key not in self._data:
            return False
        del self._data[key]
        return True

    def contains(self, key: str) -> bool:
        """Whether there is such a variable."""
        return key in self._data

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"The name of a context variable must be text, not {key!r}.")
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

    Each `{name}` for which there is a variable is filled in, with a format if it has one (`{price:.2f}`); `{{name}}` gives
    `{name}`. Everything else stays as it is: placeholders of unknown variables, JSON, attributes, indices. Values are
    never looked at for placeholders, and nothing in a template is evaluated.

    >>> ContextStr("Dear {name}, {this} is {name.upper}.").format({"name": "Ada"})
    'Dear Ada, {this} is {name.upper}.'
    """

    template: str

    def __post_init__(self) -> None:
        if not isinstance(self.template, str):
            raise TypeError(f"A template must be text, not {self.template!r}.")

    def format(self, variables: Mapping[str, Any]) -> str:
        """The text for these variables."""

        def value_of(found: re.Match[str]) -> str:
            escaped, name, form = found.groups()
            if escaped:
                return f"{{{escaped}}}"
            if name not in variables:
                return found[0]
            try:
                return format(variables[name], form) if form else str(variables[name])
            except (TypeError, ValueError):  # this value has no such format
                return found[0]

        return _PLACEHOLDER.sub(value_of, self.template)

    @property
    def names(self) -> list[str]:
        """The names of its placeholders."""
        return [found[2] for found in _PLACEHOLDER.finditer(self.template) if found[2]]


class UpdateSystemMessage:
    """Gives an agent a new system message before each of its replies. Register it as a hook:

    >>> update = UpdateSystemMessage("You serve {customer}, who has {orders} orders.")
    >>> agent.register_hook("update_agent_state", update)  # doctest: +SKIP

    Args:
        content_updater: A template, see `ContextStr`; or a function `(agent, messages)` that gives the text.

    Raises:
        TypeError: It is neither.
    """

    def __init__(self, content_updater: str | Callable[[Any, list[dict[str, Any]]], str]) -> None:
        if not isinstance(content_updater, str) and not callable(content_updater):
            raise TypeError(f"UpdateSystemMessage takes a template or a function, not {content_updater!r}.")
        self.content_updater = content_updater
        if isinstance(content_updater, str) and not ContextStr(content_updater).names:
            text = "The template of UpdateSystemMessage has no placeholders, so it updates nothing."
            warnings.warn(text, UserWarning, stacklevel=2)

    def __call__(self, agent: Any, messages: list[dict[str, Any]]) -> None:
        """Update the agent's system message.

        Raises:
            TypeError: The function gave something that is no text.
        """
        if isinstance(self.content_updater, str):
            text = ContextStr(self.content_updater).format(agent.context_variables)
        else:
            text = self.content_updater(agent, messages)
        if not isinstance(text, str):
            raise TypeError(f"The function of UpdateSystemMessage must give text, not {text!r}.")
        agent.update_system_message(text)

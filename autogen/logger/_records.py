"""What the loggers of this package share: what their records hold, and that their errors stay with them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from ._known_secrets import learn
from ._plain import by_attributes, by_place, clean, plain

# Left out of what constructors were given: what says where the user's models are, and with which keys they are asked.
_NO_ARGUMENTS = frozenset(
    (
        "self",
        "__class__",
        "api_key",
        "organization",
        "base_url",
        "azure_endpoint",
        "azure_ad_token",
        "azure_ad_token_provider",
    )
)
_NO_ANSWER = frozenset({"message_retrieval_function"})


Method = TypeVar("Method", bound=Callable[..., None])


def never_raises(method: Method) -> Method:
    """Decorate a logger's method whose errors go to its `_failed`."""

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the chat goes on
            self._failed(method.__name__, error)

    return run  # type: ignore[return-value]


def name_of(source: Any) -> str:
    """The name of an agent, or the text that stands for one."""
    name = source if isinstance(source, str) else _attribute(source, "name")
    return clean(name) if isinstance(name, str) else "unknown"


def class_of(source: Any) -> tuple[str | None, str | None]:
    """Module and name of an agent's class; nothing for a text that stands for an agent."""
    kind = type(source)
    return (None, None) if isinstance(source, str) else (kind.__module__, kind.__name__)


def wrapper_id_of(agent: Any) -> int | str:
    """The id of an agent's wrapper; an empty text for an agent without a model."""
    found = _attribute(_attribute(agent, "client"), "wrapper_id")
    return found if isinstance(found, int) else ""


def function_name(function: Any) -> str:
    """The name of a function; what it is if it has none."""
    name = _attribute(function, "__name__")
    return clean(name) if isinstance(name, str) else str(plain(function, by_place))


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - it may be computed, by code that is not ours
        return None


def arguments(init_args: Any) -> Any:
    """What a constructor was given. The secrets in it are known from now on."""
    learn(init_args)
    return plain(init_args, by_place, _NO_ARGUMENTS)


def answer(response: Any) -> Any:
    """A model's answer."""
    if response is None or isinstance(response, str):
        return plain({"response": response})
    return plain(response, by_attributes, _NO_ANSWER)

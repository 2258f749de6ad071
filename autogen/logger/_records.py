"""Contents of log records that the loggers of this package share, and the handling of their errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Protocol, TypeVar, cast

from ..types import JSON
from ._known_secrets import learn
from ._serialization import clean_text, describe_callable, get_public_attributes, serialize

# Left out of constructor arguments: they name the endpoints of the user's models, or authenticate there.
_OMITTED_ARGUMENTS = frozenset(
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
_OMITTED_RESPONSE_FIELDS = frozenset({"message_retrieval_function"})


class ErrorReporter(Protocol):
    """A logger that reports its own errors."""

    def report_error(self, method: str, error: Exception) -> None:
        """Report an error of one of the logger's methods."""


Method = TypeVar("Method", bound=Callable[..., None])


def catch_errors(method: Method) -> Method:
    """Decorate a logger's method so that its errors go to `report_error` and never reach the chat."""

    @wraps(method)
    def run_method(self: ErrorReporter, *args: object, **kwargs: object) -> None:
        try:
            method(self, *args, **kwargs)
        # Values of any class are recorded, so any error is possible.
        except Exception as error:  # noqa: BLE001
            self.report_error(method.__name__, error)

    return cast("Method", run_method)


def get_name(source: object) -> str:
    """Return the name of an agent; `source` itself if it is a name."""
    name = source if isinstance(source, str) else _get_attribute(source, "name")
    return clean_text(name) if isinstance(name, str) else "unknown"


def get_class_names(source: object) -> tuple[str | None, str | None]:
    """Return the module and name of an agent's class; None for both if `source` is a name."""
    kind = type(source)
    return (None, None) if isinstance(source, str) else (kind.__module__, kind.__name__)


def get_wrapper_id(agent: object) -> int | str:
    """Return the id of an agent's `OpenAIWrapper`; an empty text if it has none."""
    wrapper_id = _get_attribute(_get_attribute(agent, "client"), "wrapper_id")
    return wrapper_id if isinstance(wrapper_id, int) else ""


def get_function_name(function: object) -> str:
    """Return the name of a function; the location or type of a callable without a name."""
    name = _get_attribute(function, "__name__")
    return clean_text(name) if isinstance(name, str) else str(serialize(function, describe_callable))


def _get_attribute(value: object, name: str) -> object:
    try:
        return getattr(value, name, None)
    # The attribute may be a property, which is other people's code.
    except Exception:  # noqa: BLE001
        return None


def serialize_arguments(init_args: object) -> JSON:
    """Serialise the arguments of a constructor, and remember the secrets in them."""
    learn(init_args)
    return serialize(init_args, describe_callable, _OMITTED_ARGUMENTS)


def serialize_response(response: object) -> JSON:
    """Serialise the response of a model; a text is an error message."""
    if response is None or isinstance(response, str):
        return serialize({"response": response})
    return serialize(response, get_public_attributes, _OMITTED_RESPONSE_FIELDS)

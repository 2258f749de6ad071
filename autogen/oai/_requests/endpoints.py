"""The endpoints of a wrapper: one for each entry of its config list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, overload

from ..._secrets import redact
from .._endpoints.clients import PlaceHolderClient, make_client
from .._endpoints.endpoint_pool import AZURE_KEYS
from .._endpoints.openai_client import OpenAIClient
from .._endpoints.provider_registry import get_connection_keys
from .._model_client import ModelClient
from ..rate_limiters import TimeRateLimiter
from .retry import Health, RetryPolicy, get_health

T = TypeVar("T")


@dataclass(slots=True)
class EndpointEntry:
    """An entry of a config list at work.

    Attributes:
        client: Model client that sends the requests.
        config: Settings of the entry, without those of the connection.
        limiter: Limiter of the request rate; None for no limit.
        policy: Limits of retries.
        health: Recent failures.
    """

    client: ModelClient
    config: dict[str, Any]
    limiter: TimeRateLimiter | None
    policy: RetryPolicy
    health: Health

    @property
    def address(self) -> str:
        """The endpoint's URL; for a custom client the name of its class."""
        if isinstance(self.client, OpenAIClient) and self.client.endpoint is not None:
            return self.client.endpoint.address
        return type(self.client).__name__

    @property
    def missing_class(self) -> str | None:
        """Name of the model client class that is still to be registered; None if the endpoint is ready."""
        return str(self.client.model_client_cls) if isinstance(self.client, PlaceHolderClient) else None

    def describe_error(self, error: BaseException) -> str:
        """Return the type and the text of an error, without secrets."""
        text = f"{type(error).__name__}: {error}"
        # Some servers quote the key that they refuse, and it need not look like one.
        if isinstance(self.client, OpenAIClient) and self.client.endpoint is not None:
            text = self.client.endpoint.redact_secrets(text)
        return str(redact(text))


def make_endpoint(config: Mapping[str, object], connection_keys: AbstractSet[str] = AZURE_KEYS) -> EndpointEntry:
    """Make the endpoint for an entry of a config list, merged with the settings of all entries.

    Args:
        config: The settings.
        connection_keys: Keys that configure the SDK's client, and are not sent with requests.

    Raises:
        openai.OpenAIError: if the endpoint has no credentials.
        ValueError, ImportError: if a setting is invalid, or needs a package that is not installed.
    """
    config = dict(config)
    rate = config.pop("api_rate_limit", None)
    policy = RetryPolicy.from_config(config)
    client = cast("ModelClient", make_client(config))
    endpoint = client.endpoint if isinstance(client, OpenAIClient) else None
    # Credentials must get neither into requests, nor into cache keys and logs.
    excluded = connection_keys | get_connection_keys(config)
    return EndpointEntry(
        client=client,
        config={key: value for key, value in config.items() if key not in excluded},
        limiter=None if rate is None else TimeRateLimiter(cast("float", rate)),
        policy=policy,
        health=get_health(endpoint and endpoint.identity, cast("str | None", config.get("model"))),
    )


class FieldView(Sequence[T], Generic[T]):
    """Live view of one field of all endpoints, for programs that know it as a list of the wrapper.

    Items can be read and assigned, but not added or removed.

    Args:
        endpoints: The endpoints.
        field: Name of the field.
    """

    def __init__(self, endpoints: Sequence[EndpointEntry], field: str) -> None:
        self._endpoints = endpoints
        self._field = field

    def __len__(self) -> int:
        return len(self._endpoints)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [getattr(endpoint, self._field) for endpoint in self._endpoints[index]]
        return cast("T", getattr(self._endpoints[index], self._field))

    # Not a `list`: assignments must reach the endpoints.
    def __setitem__(self, index: int, value: T) -> None:
        setattr(self._endpoints[index], self._field, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return repr(list(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> list[T]:
        from copy import deepcopy

        # A copy is a plain list: endpoints themselves can't be copied.
        return deepcopy(list(self), memo)

    def assign(self, values: Iterable[T]) -> None:
        """Assign all items.

        Raises:
            ValueError: if the number of values is not that of the endpoints.
        """
        values = list(values)
        if len(values) != len(self):
            raise ValueError(f"The wrapper has {len(self)} endpoints, got {len(values)} values.")
        for index, value in enumerate(values):
            self[index] = value

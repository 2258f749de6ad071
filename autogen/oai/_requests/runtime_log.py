"""Records of wrappers, clients and requests in the runtime log (`autogen.runtime_logging`), if it is on."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from uuid import uuid4

from ... import runtime_logging
from ...logger.logger_utils import get_current_ts
from .._endpoints.openai_client import OpenAIClient
from .._endpoints.provider_registry import get_connection_keys
from .._model_client import ModelClient, ModelResponse
from .endpoints import EndpointEntry, EndpointRequest, RequestState


def log_wrapper(
    wrapper: object,
    endpoints: Sequence[EndpointEntry],
    config_list: Sequence[Mapping[str, object]],
    base_config: Mapping[str, object],
    connection_keys: AbstractSet[str],
) -> None:
    """Record a new wrapper and its clients.

    Args:
        wrapper: The wrapper.
        endpoints: Its endpoints.
        config_list: The entries that they were made from.
        base_config: Settings of all entries.
        connection_keys: Keys that configure the SDK's client.
    """
    if not runtime_logging.is_logging:
        return
    runtime_logging.log_new_wrapper(wrapper, {"config_list": config_list, "base_config": base_config})
    for endpoint, entry in zip(endpoints, config_list, strict=True):
        if endpoint.missing_class is None:
            log_client(wrapper, endpoint.client, {**base_config, **entry}, connection_keys)


def log_client(
    wrapper: object, client: ModelClient, config: Mapping[str, object], connection_keys: AbstractSet[str]
) -> None:
    """Record a new client of a wrapper.

    Args:
        wrapper: The wrapper.
        client: The client.
        config: The settings that it was made from. A custom client gets all of them, others those of the connection.
        connection_keys: Keys that configure the SDK's client.
    """
    if not runtime_logging.is_logging:
        return
    if isinstance(client, OpenAIClient):
        used = connection_keys | get_connection_keys(config) | {"api_type", "model"}
        config = {name: value for name, value in config.items() if name in used}
    runtime_logging.log_new_client(client, wrapper, dict(config))


def get_start_time() -> str:
    """Return the time in the form of the log; an empty text while the log is off."""
    return get_current_ts() if runtime_logging.is_logging else ""


def log_response(
    request: EndpointRequest, state: RequestState, response: ModelResponse, start_time: str, *, cached: bool
) -> None:
    """Record a response.

    Args:
        request: The request.
        state: State of the call.
        response: The response.
        start_time: Result of `get_start_time` before the request; nothing is recorded if it is empty.
        cached: True if the response came from a cache.
    """
    if start_time:
        _log(request, state, response, start_time, cached, response.cost)


def log_failure(request: EndpointRequest, state: RequestState, error: BaseException, start_time: str) -> None:
    """Record the refusal of an endpoint. Timeouts and errors that aren't an endpoint's are not recorded.

    Args:
        request: The request.
        state: State of the call.
        error: The error.
        start_time: Result of `get_start_time` before the request; nothing is recorded if it is empty.
    """
    # While the SDK isn't loaded, the error can't be one of its own.
    openai = sys.modules.get("openai")
    if not start_time or openai is None:
        return
    if not isinstance(error, openai.APIError) or isinstance(error, openai.APITimeoutError):
        return
    # The vendor's code, such as `insufficient_quota`, says more than the status.
    code = getattr(error, "code", None) or getattr(error, "status_code", None)
    text = f"error_code: {code}, config {request.index} failed: {request.endpoint.describe_error(error)}"
    _log(request, state, text, start_time, False, 0.0)


def _log(
    request: EndpointRequest, state: RequestState, response: object, start_time: str, cached: bool, cost: float
) -> None:
    # The log may have been stopped during the request.
    if not runtime_logging.is_logging:
        return
    if state.invocation_id is None:
        state.invocation_id = uuid4()
    # The log takes an agent or a name; a direct call of `create` may have neither.
    agent = request.extra.get("agent")
    runtime_logging.log_chat_completion(
        state.invocation_id,
        id(request.endpoint.client),
        state.wrapper_id,
        agent if isinstance(agent, str) or hasattr(agent, "name") else "unknown",
        request.params,
        response,
        int(cached),
        cost,
        start_time,
    )

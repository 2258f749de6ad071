"""Requests for embeddings, through the layers of other requests: cache, retries, limits, accounting, fallback."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import cast

from ..._steps import Call, Steps, wrap_in_thread
from ...control import get_control, interruptible
from .._embedding_response import EmbeddingResponse
from .._endpoints.openai_client import OpenAIClient
from .._model_client import ModelResponse
from .._usage.cost import parse_price
from .._usage.ledger import Budget
from .endpoints import EXTRA_KEYS, EndpointEntry, EndpointRequest, Handler, RequestState
from .layers import add_accounting, add_cache, add_limits, add_retries
from .pipeline import request_completion

_SENT_KEYS = frozenset(
    {"dimensions", "encoding_format", "user", "input_type", "extra_headers", "extra_query", "extra_body", "timeout"}
)
"""Parameters of a request for embeddings. Others of an entry (`temperature`, `tools`, ...) are those of its chats."""


def request_embeddings(
    endpoints: Sequence[EndpointEntry],
    texts: Sequence[str],
    config: Mapping[str, object],
    *,
    budget: Budget,
    wrapper_id: int,
    extra_keys: AbstractSet[str] = EXTRA_KEYS,
) -> Steps[EmbeddingResponse]:
    """Return the embeddings of texts by the first endpoint that responds, of those that have the same model.

    Args:
        endpoints: The endpoints of a config list.
        texts: The texts.
        config: Arguments of the call.
        budget: Budget of the agent.
        wrapper_id: Id of the wrapper, for the runtime log.
        extra_keys: Keys of settings that are not sent.

    Raises:
        ValueError: if no endpoint has a model.
        TypeError: if the model client of an entry can't make embeddings.
        openai.APIError: if all endpoints failed.
    """
    model, candidates = _select_endpoints(endpoints, config)

    def build(
        entries: Sequence[EndpointEntry],
        config: Mapping[str, object],
        extra_keys: AbstractSet[str],
        index: int,
        is_last: bool = False,
    ) -> EndpointRequest:
        # Unlike completions, embeddings are cached only if a config asks for it.
        settings = {"cache_seed": None, **config, **entries[index].config}
        params = {key: value for key, value in settings.items() if key in _SENT_KEYS}
        extra = {key: value for key, value in settings.items() if key in extra_keys}
        # The price of a chat model says nothing about that of another model.
        price = extra.pop("price", None)
        if price is not None and settings.get("model") == model:
            extra["price"] = parse_price(price)
        params |= {"model": model, "input": list(texts)}
        return EndpointRequest(index, entries[index], params, extra, None, is_last)

    response = yield from request_completion(
        candidates,
        config,
        budget=budget,
        wrapper_id=wrapper_id,
        extra_keys=extra_keys,
        handler=_handle_embeddings,
        build_request=build,
    )
    if isinstance(response.config_id, int):
        response.config_id = endpoints.index(candidates[response.config_id])
    return cast("EmbeddingResponse", response)


def _select_endpoints(endpoints: Sequence[EndpointEntry], config: Mapping[str, object]) -> tuple[str, list[EndpointEntry]]:
    """Return the embedding model, and the endpoints that have it: vectors of different models can't be compared."""
    named = [(config.get("embedding_model") or endpoint.config.get("embedding_model"), endpoint) for endpoint in endpoints]
    if not any(model for model, _ in named):
        named = [(config.get("model") or endpoint.config.get("model"), endpoint) for endpoint in endpoints]
    model = next((model for model, _ in named if model), None)
    if model is None:
        raise ValueError('No entry of the config list has an "embedding_model".')
    return str(model), [endpoint for name, endpoint in named if name == model]


def _send_embeddings(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
    client = request.endpoint.client
    embed: Callable[..., ModelResponse] | None = getattr(client, "embed", None)
    if embed is None:
        raise TypeError(f"The model client {type(client).__name__} can't make embeddings: it has no method `embed`.")
    a_embed = getattr(client, "a_embed", None) or wrap_in_thread(embed)
    params = request.params
    policy = request.endpoint.policy
    if policy.deadline and isinstance(client, OpenAIClient):
        timeout = params.get("timeout", client.endpoint and client.endpoint.timeout)
        params = {**params, "timeout": policy.shorten_timeout(timeout, time.monotonic() - state.started_at)}
    response: ModelResponse = yield Call(embed if get_control() is None else interruptible(embed), a_embed, (params,), {})
    return response


_handle_embeddings: Handler = add_cache(add_retries(add_limits(add_accounting(_send_embeddings))))

"""The layer that asks the servers of open models what their models can do: each of them once in a process."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from ..._models.served import QUESTIONS, Facts, Question, find_root, recall_facts, remember_facts
from ..._steps import Steps
from .._endpoints.openai_client import OpenAIClient
from .._model_client import ModelResponse
from .._responses.sdk_calls import get_read_errors
from .endpoints import EndpointRequest, Handler, RequestState

logger = logging.getLogger("autogen.oai.client")

# A server that is slower than this is busy, and the request itself may still succeed.
_TIMEOUT = 5.0


def add_live_abilities(handler: Handler) -> Handler:
    """Add what the server tells of a model to the `abilities` of a request. What the program says of them stays."""

    def handle(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
        client, params = request.endpoint.client, request.params
        own = params.get("abilities") or {}
        # With `like` the program says which model it is.
        is_open = "messages" in params and "like" not in own and params.get("adapt_request") is not False
        if is_open and isinstance(client, OpenAIClient) and client.provider.api_type in QUESTIONS:
            return ask_first(client, own, request, state)
        return handler(request, state)

    def ask_first(
        client: OpenAIClient, own: Mapping[str, object], request: EndpointRequest, state: RequestState
    ) -> Steps[ModelResponse]:
        facts = yield from ask_server(client, str(request.params.get("model")))
        changes = _merge(facts, own, request, client) if facts else {}
        return (yield from handler(replace(request, params={**request.params, **changes}), state))

    return handle


def _merge(facts: Facts, own: Mapping[str, object], request: EndpointRequest, client: OpenAIClient) -> dict[str, object]:
    abilities = {**facts, **own}
    if facts.get("tools") is False and "tools" not in own and client.provider.text_calls:
        # A model without the native form of calls calls by schema.
        del abilities["tools"]
        if request.params.get("native_tool_calls") is None:
            return {"abilities": abilities, "native_tool_calls": False}
    return {"abilities": abilities}


def ask_server(client: OpenAIClient, model: str) -> Steps[Facts]:
    """Return what the server of an open model tells of it; nothing for other endpoints, and if the server doesn't tell.

    Args:
        client: Client of the endpoint.
        model: Name of the model.
    """
    question = QUESTIONS.get(client.provider.api_type)
    # A client of the SDK or of HTTP that was passed in is for the requests of the program.
    if question is None or client.endpoint is None or client.endpoint.is_synchronous:
        return {}
    root = find_root(client.address)
    if (facts := recall_facts(root, model)) is None:
        facts = yield from _ask(client, root, model, question)
        if facts is not None:
            remember_facts(root, model, facts)
    return facts or {}


def _ask(client: OpenAIClient, root: str, model: str, question: Question) -> Steps[Facts | None]:
    """Return the facts; nothing if the server doesn't know the question, and None if it can't be reached."""
    import openai

    from ..errors import UnreadableAnswer

    body = {"model": model} if question.names_model else None
    failures: tuple[type[Exception], ...] = (openai.APIStatusError, UnreadableAnswer, *get_read_errors())
    try:
        answer = yield from client.fetch_json(root + question.path, body, _TIMEOUT)
    except openai.APITimeoutError:
        return {}
    except openai.APIConnectionError:
        # The request that follows has the same error.
        return None
    except failures as error:
        logger.debug("%s does not tell the abilities of %s: %s", root, model, type(error).__name__)
        return {}
    facts = question.read(answer, model) if isinstance(answer, Mapping) else {}
    logger.debug("%s tells of %s: %s", root, model, facts)
    return facts

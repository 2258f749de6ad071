"""The model client for endpoints that speak their vendor's own protocol."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..._models.abilities import find_abilities
from ..._steps import Call, Steps
from ...types import JSON, Message
from .._http.settings import BAD_HEADER, make_connection_error, name_cause
from .._once import warn_once
from .._protocols.hosted import fit_params
from .._protocols.params import DROP_REFUSED
from .._protocols.protocol import Answer, Body, ModelProtocol, NeutralRequest, join_answers
from .._protocols.turns import name_speakers
from .._responses.completion import build_completion
from .._responses.history import prepare_history
from .._responses.native import attach_items, compute_origin, restore_items
from .._responses.normalize import make_unreadable, normalize_completion
from .._responses.sdk_calls import get_read_errors
from .._responses.streaming import assemble_stream, estimate_usage
from ..client_utils import should_hide_tools
from .adaptations import call_with_adaptations
from .message_forms import convert_functions_to_tools
from .openai_client import OpenAIClient
from .parameters import TOOL_SETTINGS, Params, ask_for_call, replace_functions_by_tools
from .provider_spec import SWITCHES

if TYPE_CHECKING:
    import openai

    from .endpoint_pool import Endpoint
    from .openai_client import Response
    from .provider_spec import Provider

# A vendor pauses an answer when its own tools take long.
_MAX_PAUSES = 5
_OPTIONS = ("timeout", "extra_headers", "extra_query")
_OWN_KEYS = {"messages", "tools", "model", *_OPTIONS, *SWITCHES} - {"prompt_cache", "cache_diagnosis"}


class NativeClient(OpenAIClient):
    """Sends requests to one endpoint in the protocol of its vendor, through the vendor's SDK.

    Args:
        client: The endpoint, or a client of the SDK.
        provider: Its row in the table of providers.
        protocol: The protocol.
    """

    def __init__(self, client: openai.OpenAI | Endpoint, provider: Provider, protocol: ModelProtocol) -> None:
        super().__init__(client, provider)
        self._protocol = protocol

    @property
    def max_unstreamed(self) -> int | None:
        """Maximum tokens of a response that is not streamed; None if it is that of the model."""
        return self._protocol.max_unstreamed

    def _create(self, params: Params) -> Steps[Response]:
        if params.get("messages") is None:
            raise ValueError(f"{self._provider.title} takes messages; for a prompt, use an endpoint of completions.")
        endpoint = self.endpoint
        if endpoint is not None:
            endpoint.check_settings()
        sdk = yield Call(lambda: self.sdk_client, self._a_get_sdk_client, (), {})
        address = str(getattr(sdk, "base_url", self.address))
        origin = compute_origin(address, _get_key(sdk, endpoint), self._protocol.name)
        request, names = self._build_request(params, origin)
        body = self._protocol.build_body(request)
        if endpoint is not None and endpoint.deployment:
            body["model"] = endpoint.deployment
        # Values of the user win, as the SDK has it for chat completions.
        body |= params.get("extra_body") or {}
        options = {key: params[key] for key in _OPTIONS if params.get(key) is not None}
        exchange = _Exchange(self._protocol, sdk, origin, options, names, params)
        if params.get("adapt_request") is False:
            return (yield from exchange.run(body))
        adaptations = (*self._protocol.adaptations, DROP_REFUSED)
        identity = endpoint.identity if endpoint is not None else address
        return (yield from call_with_adaptations(identity, repr(self), body, exchange.run, adaptations))

    def _build_request(self, params: Params, origin: str) -> tuple[NeutralRequest, _ToolNames]:
        """Return the request in the internal form, and the names under which its tools are sent."""
        abilities = find_abilities(str(params.get("model")), self._provider.api_type, params.get("abilities"))
        params = replace_functions_by_tools({key: value for key, value in params.items() if value is not None})
        params = ask_for_call(params, abilities)
        stored: Sequence[Message] = params["messages"]
        if text := params.get("system_instruction"):
            stored = [{"role": "system", "content": text}, *stored]
        prepared = prepare_history(stored, origin)
        items = [_restore(message, sent, origin) for message, sent in zip(stored, prepared, strict=True)]
        records = [None if kept is None else _get_record(message) for message, kept in zip(stored, items, strict=True)]
        pairs = zip(stored, prepared, strict=True)
        prepared = [{**sent, "is_error": True} if message.get("is_error") else sent for message, sent in pairs]
        params = fit_params(params, self._protocol.name, self._provider.title)
        tools = params.get("tools") or []
        if tools and should_hide_tools(list(prepared), tools, params.get("hide_tools") or "never"):
            tools = []
        if tools and abilities.tools is False:
            warn_once(f"The model {params.get('model')} calls no tools: they are not sent.")
            tools = []
        names = _ToolNames(self._protocol.tool_name, tools)
        excluded = (*_OWN_KEYS, "extra_body", *(() if tools else TOOL_SETTINGS))
        request = NeutralRequest(
            model=str(params.get("model")),
            messages=names.rename_history(name_speakers(convert_functions_to_tools(prepared))),
            items=items,
            records=records,
            tools=names.rename_tools(tools),
            params={key: value for key, value in params.items() if key not in excluded},
            label=self._provider.title,
            abilities=abilities,
        )
        choice = request.params.get("tool_choice")
        if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
            choice = {**choice, "function": {**choice["function"], "name": names.get_sent(choice["function"].get("name"))}}
            request = replace(request, params={**request.params, "tool_choice": choice})
        return request, names


def _get_key(sdk: object, endpoint: Endpoint | None) -> object:
    settings = {} if endpoint is None or callable(endpoint.settings) else endpoint.settings
    key = getattr(sdk, "api_key", None) or getattr(sdk, "auth_token", None) or settings.get("api_key")
    # On Vertex AI, an account is a project.
    return key or settings.get("project_id")


def _restore(stored: Message, prepared: Message, origin: str) -> list[JSON] | None:
    """Return the items of an answer; None if its calls had to be renamed, so that their results fit to other ids."""
    if "native" not in stored or stored.get("role") != "assistant":
        return None
    ids, sent = ([call.get("id") for call in message.get("tool_calls") or ()] for message in (stored, prepared))
    return restore_items(stored, origin) if ids == sent else None


def _get_record(stored: Message) -> Mapping[str, Any]:
    """Return the `native` of an answer, with the files that belong to its items."""
    return {**stored["native"], "files": stored.get("files")}


class _ToolNames:
    """Names of tools as a vendor takes them, and back.

    Args:
        allowed: Pattern of the names that the vendor takes.
        tools: The tools of the request.
    """

    def __init__(self, allowed: re.Pattern[str], tools: Sequence[Mapping[str, Any]]) -> None:
        self._allowed = allowed
        self._sent: dict[str, str] = {}
        self._original: dict[str, str] = {}
        for tool in tools:
            if isinstance(tool.get("function"), Mapping):
                self.get_sent(tool["function"].get("name"))

    def get_sent(self, name: object) -> str:
        """Return the name under which a tool is sent."""
        name = str(name)
        if self._allowed.fullmatch(name):
            return name
        if name not in self._sent:
            # With a hash, so that different names stay different, in each request the same.
            digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
            readable = re.sub(r"[^a-zA-Z0-9_-]+", "_", name)[:48].strip("_-")
            self._sent[name] = f"{readable or 'tool'}_{digest}"
            if not self._allowed.fullmatch(self._sent[name]):
                self._sent[name] = f"tool_{digest}"
            self._original[self._sent[name]] = name
        return self._sent[name]

    def rename_tools(self, tools: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the tools under the names that are sent."""
        return [self._rename(tool) if isinstance(tool.get("function"), Mapping) else tool for tool in tools]

    def rename_history(self, messages: Sequence[Message]) -> list[Message]:
        """Return a history whose calls have the names that are sent."""
        return [
            {**message, "tool_calls": [self._rename(call) for call in message["tool_calls"]]}
            if message.get("tool_calls")
            else message
            for message in messages
        ]

    def _rename(self, holder: Mapping[str, Any]) -> dict[str, Any]:
        function = holder["function"]
        return {**holder, "function": {**function, "name": self.get_sent(function.get("name"))}}

    def restore(self, message: Message) -> Message:
        """Return an answer whose calls have the names of the program's tools."""
        if not self._original or not message.get("tool_calls"):
            return message
        calls = [
            {
                **call,
                "function": {
                    **call["function"],
                    "name": self._original.get(call["function"]["name"], call["function"]["name"]),
                },
            }
            for call in message["tool_calls"]
        ]
        return {**message, "tool_calls": calls}


@dataclass(frozen=True)
class _Exchange:
    """A request to an endpoint, and its answer.

    Attributes:
        protocol: The protocol.
        sdk: Client of the SDK.
        origin: Origin of the answer.
        options: Options of the SDK's call.
        names: Names of the tools.
        params: Parameters of the request, as the program gave them.
    """

    protocol: ModelProtocol
    sdk: Any
    origin: str
    options: Mapping[str, Any]
    names: _ToolNames
    params: Params

    def run(self, body: Body) -> Steps[Response]:
        """Send the request, and return the answer as a chat completion.

        Raises:
            openai.APIError: if the endpoint can't be reached, or refuses.
            UnreadableAnswer: if the response is not an answer.
        """
        import openai

        try:
            answer = yield from self._translate_errors(body)
        except openai.APIConnectionError as error:
            raise name_cause(error)
        except UnicodeEncodeError as error:
            # The text of a request may have any characters, its headers may not.
            if error.encoding != "ascii":
                raise
            raise make_connection_error(BAD_HEADER) from error
        except get_read_errors() as error:
            raise make_unreadable(f"can't be read ({type(error).__name__}: {error})") from error
        record = {**self.protocol.describe_request(body), **answer.record}
        return build_completion(self._build_completion(replace(answer, record=record)))

    def _translate_errors(self, body: Body) -> Steps[Answer]:
        try:
            return (yield from self._ask(body))
        except Exception as error:
            translated = self.protocol.translate_error(error)
            if translated is None:
                raise
            raise translated from error

    def _ask(self, body: Body) -> Steps[Answer]:
        answer = self.protocol.read_answer((yield from self._receive(body)))
        for _ in range(_MAX_PAUSES):
            following = self.protocol.continue_body(body, answer)
            if following is None:
                break
            body = following
            answer = join_answers(answer, self.protocol.read_answer((yield from self._receive(body))))
        return answer

    def _receive(self, body: Body) -> Steps[object]:
        if not self.params.get("stream"):
            return (yield from self.protocol.send(self.sdk, body, self.options))
        stream = yield from self.protocol.open_stream(self.sdk, body, self.options)
        if isinstance(stream, Mapping):
            return stream
        return (yield from assemble_stream(stream, self.protocol.make_assembler()))

    def _build_completion(self, answer: Answer) -> dict[str, JSON]:
        choice: dict[str, JSON] = {
            "index": 0,
            "finish_reason": answer.finish_reason,
            "message": self.names.restore(answer.message),
        }
        model = str(self.params.get("model"))
        head: dict[str, JSON] = {"id": answer.response_id, "model": answer.model, "usage": answer.usage}
        completion = normalize_completion({**head, "choices": [choice]}, model=model)
        if not completion["usage"]:
            completion["usage"] = estimate_usage(self.params, completion["choices"])
        choices: Any = completion["choices"]
        choices[0]["message"] = attach_items(
            choices[0]["message"],
            answer.items,
            protocol=self.protocol.name,
            origin=self.origin,
            model=str(completion["model"]),
            response_id=answer.response_id,
            stop=answer.stop,
            record=answer.record,
        )
        return completion

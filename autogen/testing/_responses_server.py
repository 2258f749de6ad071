"""`ResponsesServer`: a local HTTP server with OpenAI's Responses API, with the rules that the vendor enforces."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..types import Message
from ._http_server import Body, ScriptedServer
from ._prompt_cache import PromptCache
from ._response_store import ResponseStore
from ._scripted import Fault, Reply, ScriptedModel, ScriptFunction, ScriptItem

_PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}
_UNKNOWN = (
    *("messages", "max_tokens", "functions", "n", "stop", "seed", "logit_bias", "presence_penalty"),
    *("frequency_penalty", "response_format", "reasoning_effort", "state"),
)
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]+")


class ResponsesServer(ScriptedServer):
    """A server for the Responses API, streamed or not, from a scripted model, with stored responses and conversations.

    Args:
        *script: A `ScriptedModel`, or its arguments.
        api_key: The required key; requests with another key get a 401. None to accept every key.
        polls: How often a response in the background says that it is still under way.

    >>> with ResponsesServer("Paris.") as server:
    ...     server.config["api_type"]
    'responses'
    """

    api_type = "responses"

    def __init__(
        self, *script: ScriptedModel | ScriptItem | ScriptFunction, api_key: str | None = None, polls: int = 1
    ) -> None:
        super().__init__(*script, api_key=api_key)
        self._polls = polls
        self._store = ResponseStore()
        self.resources: list[str] = []
        """The requests for what the server keeps: method and path, without the query."""
        self._numbers = itertools.count(1)
        self._cache = PromptCache()
        self.prompt_tokens: list[tuple[int, int]] = []
        """For each request its tokens, and those of them that were read from the prompt cache."""

    def list_messages(self, body: Body) -> list[Message]:
        """Return the items of the input, with those that are kept, for functions in a script."""
        return [*map(dict, self._store.list_before(body)), *_list_input(body)]

    def forget(self) -> None:
        """Forget the responses and conversations, as a vendor does after some time."""
        self._store.forget()

    def answer_resource(self, method: str, path: str) -> Mapping[str, object] | Fault | Sequence[str]:
        """Return the answer to a GET or a DELETE."""
        self.resources.append(f"{method} {path.partition('?')[0]}")
        answer = self._store.answer(method, path)
        return super().answer_resource(method, path) if answer is None else answer

    def answer_beside_model(self, path: str, body: Body) -> Mapping[str, object] | Fault | None:
        """Return a new conversation, or a response that is cancelled; None for requests that the model answers."""
        path = path.partition("?")[0]
        if path.endswith("/responses"):
            return None
        self.resources.append(f"POST {path}")
        if path.endswith("/conversations"):
            return self._store.create_conversation()
        return self._store.cancel(path.split("/")[-2])

    def render_error(self, fault: Fault) -> Mapping[str, object]:
        """Return the body of a failure."""
        kind = "invalid_request_error" if fault.status < 500 else "server_error"
        return {"error": {"message": fault.message, "type": kind, "param": None, "code": fault.code}}

    # The rules of requests.

    def check_request(self, path: str, body: Body) -> Fault | None:
        """Return the refusal of a request that breaks a rule; None for a valid one."""
        return next(self._iter_faults(path.partition("?")[0], body), None)

    def _iter_faults(self, path: str, body: Body) -> Iterator[Fault]:
        if path.endswith(("/cancel", "/conversations")):
            return
        if not path.endswith("/responses"):
            yield Fault(404, f"Invalid URL (POST {path})")
        if (fault := self._store.check(body)) is not None:
            yield fault
        if body.get("background") and not body.get("store", True):
            yield Fault(400, "Background mode requires 'store' to be true.")
        for name in body:
            if name in _UNKNOWN or name.startswith("_"):
                yield Fault(400, f"Unknown parameter: '{name}'.", code="unknown_parameter")
        for index, tool in enumerate(body.get("tools") or ()):
            if tool.get("type") == "function" and not _TOOL_NAME.fullmatch(str(tool.get("name") or "")):
                text = f"Invalid 'tools[{index}].name': string does not match pattern."
                yield Fault(400, text, code="invalid_value")
        yield from self._iter_item_faults(self.list_messages(body))

    def _iter_item_faults(self, items: Sequence[Body]) -> Iterator[Fault]:
        seen: set[str] = set()
        for index, item in enumerate(items):
            yield from _check_item(index, item, seen)
            if item.get("type") == "reasoning":
                following = items[index + 1] if index + 1 < len(items) else {}
                if following.get("role") not in (None, "assistant") or str(following.get("type", "")).endswith("_output"):
                    text = f"Item '{item.get('id')}' of type 'reasoning' was provided without its required following item."
                    yield Fault(400, text)
                if item.get("encrypted_content") is None and not self._store.has_item(item.get("id")):
                    text = f"Item with id '{item.get('id')}' not found. Items are not persisted when store is set to false."
                    yield Fault(404, text)
                elif item.get("encrypted_content") is not None and not self._is_sealed(item):
                    text = f"The encrypted content {str(item['encrypted_content'])[:8]}... could not be verified."
                    yield Fault(400, text, code="invalid_encrypted_content")
            is_picture = item.get("type") == "image_generation_call"
            if is_picture and not item.get("result") and not self._store.has_item(item.get("id")):
                yield Fault(404, f"Item with id '{item.get('id')}' not found.")
            is_call = item.get("type") == "function_call" and str(item.get("id")).startswith("fc_r")
            if is_call and not _has_reasoning(items[:index]):
                text = f"Item '{item['id']}' of type 'function_call' was provided without its required 'reasoning' item."
                yield Fault(400, text)
        yield from _check_pairs(items)

    # Answers.

    def _seal(self, item_id: str) -> str:
        account = str(self.api_key or "account").encode()
        return f"enc:{hmac.new(account, item_id.encode(), hashlib.sha256).hexdigest()}"

    def _is_sealed(self, item: Body) -> bool:
        return bool(item["encrypted_content"] == self._seal(str(item.get("id"))))

    def render_reply(self, reply: Reply, body: Body) -> Mapping[str, object]:
        """Return the body of an answer, and keep it if the request says so."""
        response = self._render_response(reply, body)
        if not body.get("background"):
            self._store.add(body, self.list_messages(body), response)
            return response
        self._store.add(body, self.list_messages(body), response, self._polls)
        return {**response, "status": "queued", "output": [], "usage": None}

    def _render_response(self, reply: Reply, body: Body) -> dict[str, Any]:
        is_cut = reply.reason in ("length", "content_filter")
        reason = "max_output_tokens" if reply.reason == "length" else reply.reason
        usage = self._count(reply, body)
        return {
            "id": f"resp_{next(self._numbers)}",
            "object": "response",
            "created_at": int(time.time()),
            "model": self.model.name,
            "status": "incomplete" if is_cut else "completed",
            "error": None,
            "incomplete_details": {"reason": reason} if is_cut else None,
            "instructions": body.get("instructions"),
            "metadata": {},
            "output": self._render_items(reply),
            "parallel_tool_calls": True,
            "temperature": None,
            "tool_choice": body.get("tool_choice", "auto"),
            "tools": [],
            "top_p": None,
            **({"conversation": {"id": body["conversation"]}} if body.get("conversation") else {}),
            **({"usage": usage} if usage else {}),
        }

    def _render_items(self, reply: Reply) -> list[dict[str, Any]]:
        number = next(self._numbers)
        items: list[dict[str, Any]] = [dict(item) for item in reply.items]
        if reply.thinking:
            item_id = f"rs_{number}"
            summary = [{"type": "summary_text", "text": reply.thinking}]
            items.append({"id": item_id, "type": "reasoning", "summary": summary, "encrypted_content": self._seal(item_id)})
        text = reply.message["content"]
        if text or not (reply.tool_calls or items):
            annotations = [_render_citation(citation) for citation in reply.citations]
            part = {"type": "output_text", "text": text or "", "annotations": annotations, "logprobs": []}
            base = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "completed"}
            items.append({**base, "content": [part]})
        for index, call in enumerate(reply.tool_calls):
            # Calls after reasoning belong to it, and their ids show it.
            item_id = f"fc_{'r' if reply.thinking else 'x'}{number}_{index}"
            base = {"id": item_id, "type": "function_call", "status": "completed", "call_id": call["id"]}
            items.append({**base, **call["function"]})
        return items

    def _count(self, reply: Reply, body: Body) -> dict[str, Any]:
        if reply.usage is not None:
            return dict(reply.usage)
        parts = [body.get("tools"), body.get("instructions"), *self.list_messages(body)]
        prompt, cached = self._cache.count(parts, str(body.get("prompt_cache_key")))
        self.prompt_tokens.append((prompt, cached))
        output, reasoning = len((reply.message["content"] or "").split()), len(reply.thinking.split())
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": output + reasoning,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": prompt + output + reasoning,
        }

    def iter_events(self, reply: Reply, body: Body) -> Iterator[str]:
        """Yield the events of a streamed answer, and keep them if it is made in the background."""
        response = self._render_response(reply, body)
        events = list(self._iter_events(reply, response))
        self._store.add(body, self.list_messages(body), response, self._polls if body.get("background") else 0)
        if body.get("background"):
            self._store.keep_events(response["id"], events)
        yield from events

    def _iter_events(self, reply: Reply, response: dict[str, Any]) -> Iterator[str]:
        numbers = itertools.count()

        def format_event(kind: str, **fields: Any) -> str:
            data = {"type": kind, "sequence_number": next(numbers), **fields}
            return f"event: {kind}\ndata: {json.dumps(data)}"

        opened = {**response, "status": "in_progress", "output": [], "usage": None}
        yield format_event("response.created", response=opened)
        yield format_event("response.in_progress", response=opened)
        items: list[dict[str, Any]] = response["output"]
        for index, item in enumerate(items):
            yield format_event("response.output_item.added", output_index=index, item=_open_item(item))
            for kind, fields in _iter_pieces(item, reply):
                yield format_event(kind, output_index=index, item_id=item.get("id"), **fields)
            yield format_event("response.output_item.done", output_index=index, item=item)
        yield format_event(f"response.{response['status']}", response=response)


def _list_input(body: Body) -> list[Message]:
    items = body.get("input")
    return [{"role": "user", "content": items}] if isinstance(items, str) else list(items or ())


def _has_reasoning(items: Sequence[Body]) -> bool:
    """Return True if the answer that items end with has reasoning."""
    for item in reversed(items):
        if item.get("type") == "reasoning":
            return True
        if item.get("role") == "user" or str(item.get("type")).endswith("_output"):
            return False
    return False


def _check_item(index: int, item: Body, seen: set[str]) -> Iterator[Fault]:
    item_id, kind = item.get("id"), str(item.get("type") or "message")
    if item_id in seen:
        text = f"Duplicate item found with id {item_id}. Remove duplicate items from your input and try again."
        yield Fault(400, text)
    if item_id and kind in _PREFIXES and not str(item_id).startswith(_PREFIXES[kind]):
        text = f"Invalid 'input[{index}].id': '{item_id}'. Expected an ID that begins with '{_PREFIXES[kind].rstrip('_')}'."
        yield Fault(400, text, code="invalid_value")
    if item_id:
        seen.add(str(item_id))
    content = item.get("content")
    for part in content if isinstance(content, list) else ():
        is_answer = item.get("role") == "assistant"
        if is_answer != (part.get("type") in ("output_text", "refusal")) and kind == "message":
            expected = "'output_text' and 'refusal'" if is_answer else "'input_text', 'input_image' and 'input_file'"
            yield Fault(400, f"Invalid value: '{part.get('type')}'. Supported values are: {expected}.", code="invalid_value")


def _check_pairs(items: Sequence[Body]) -> Iterator[Fault]:
    """Require one result for each call, and a call for each result."""
    calls = {item["call_id"] for item in items if str(item.get("type")).endswith("_call") and item.get("call_id")}
    answered: set[str] = set()
    for item in items:
        if not str(item.get("type")).endswith("_call_output"):
            continue
        if item["call_id"] not in calls:
            yield Fault(400, f"No tool call found for function call output with call_id {item['call_id']}.")
        answered.add(item["call_id"])
    for call_id in sorted(calls - answered):
        yield Fault(400, f"No tool output found for function call {call_id}.")


def _render_citation(citation: Body) -> dict[str, Any]:
    if citation.get("file_id"):
        file = {"file_id": citation["file_id"], "filename": citation.get("document", "")}
        return {"type": "file_citation", "index": citation.get("end") or 0, **file}
    places = {"start_index": citation.get("start"), "end_index": citation.get("end")}
    return {"type": "url_citation", "url": citation.get("url", ""), "title": citation.get("title", ""), **places}


def _open_item(item: Body) -> dict[str, Any]:
    """Return an item as it is when it begins."""
    emptied = {"content": [], "summary": [], "arguments": "", "input": ""}
    opened = {key: emptied.get(key, value) for key, value in item.items()}
    return {**opened, "status": "in_progress"} if "status" in item else opened


def _iter_pieces(item: Body, reply: Reply) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events between the begin and the end of an item."""
    kind = item.get("type")
    if kind == "reasoning":
        for part in item.get("summary") or ():
            yield "response.reasoning_summary_text.delta", {"summary_index": 0, "delta": part["text"]}
            yield "response.reasoning_summary_text.done", {"summary_index": 0, "text": part["text"]}
    elif kind == "message":
        part = item["content"][0]
        yield "response.content_part.added", {"content_index": 0, "part": {**part, "text": "", "annotations": []}}
        for piece in reply.pieces if part.get("text") else ():
            yield "response.output_text.delta", {"content_index": 0, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {"content_index": 0, "text": part.get("text"), "logprobs": []}
        yield "response.content_part.done", {"content_index": 0, "part": part}
    elif kind == "function_call":
        arguments = item["arguments"]
        for position in range(0, len(arguments), 7):
            yield "response.function_call_arguments.delta", {"delta": arguments[position : position + 7]}
        yield "response.function_call_arguments.done", {"arguments": arguments, "name": item["name"]}

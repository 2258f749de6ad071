"""The state of a `ResponsesServer`: responses and conversations that it keeps, and jobs in the background."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ._http_server import Body
from ._scripted import Fault


@dataclass
class _Stored:
    """A response that is kept.

    Attributes:
        response: Its body, as it is when it is finished.
        items: The whole input and output, with those of the responses before.
        events: Its events, if it was made with a stream.
        polls: How often it says that it is still under way.
    """

    response: dict[str, Any]
    items: list[Body]
    events: list[str] = field(default_factory=list)
    polls: int = 0


class ResponseStore:
    """Responses and conversations by their ids."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._responses: dict[str, _Stored] = {}
        self._conversations: dict[str, list[Body]] = {}

    def list_before(self, body: Body) -> list[Body]:
        """Return the items that the vendor puts in front of the input of a request."""
        with self._lock:
            if stored := self._responses.get(str(body.get("previous_response_id"))):
                return list(stored.items)
            return list(self._conversations.get(_get_conversation(body), ()))

    def check(self, body: Body) -> Fault | None:
        """Return the refusal of a request that names what isn't kept; None for any other."""
        earlier, conversation = body.get("previous_response_id"), _get_conversation(body)
        if earlier and conversation:
            return Fault(400, "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.")
        if earlier and earlier not in self._responses:
            return Fault(400, f"Previous response with id '{earlier}' not found.", code="previous_response_not_found")
        if conversation and conversation not in self._conversations:
            return Fault(404, f"Conversation with id '{conversation}' not found.")
        return None

    def has_item(self, item_id: object) -> bool:
        """Return True if an item with this id is kept."""
        with self._lock:
            kept = [*(stored.items for stored in self._responses.values()), *self._conversations.values()]
        return any(item.get("id") == item_id for items in kept for item in items)

    def add(self, body: Body, items: Sequence[Body], response: dict[str, Any], polls: int = 0) -> None:
        """Keep a response, and add it to its conversation.

        Args:
            body: The request.
            items: The whole input.
            response: The response.
            polls: How often it says that it is still under way.
        """
        whole = [*items, *response["output"]]
        with self._lock:
            if body.get("store", True):
                self._responses[response["id"]] = _Stored(response, whole, polls=polls)
            if conversation := _get_conversation(body):
                self._conversations[conversation] = whole

    def keep_events(self, response_id: str, events: list[str]) -> None:
        """Keep the events of a response, for clients whose connection breaks off."""
        with self._lock:
            if stored := self._responses.get(response_id):
                stored.events = events

    def create_conversation(self) -> dict[str, Any]:
        """Return a new conversation."""
        with self._lock:
            name = f"conv_{next(self._numbers)}"
            self._conversations[name] = []
        return {"id": name, "object": "conversation", "created_at": 0, "metadata": {}}

    def cancel(self, response_id: str) -> Mapping[str, object] | Fault:
        """Cancel a response that is under way; any other stays as it is."""
        with self._lock:
            stored = self._responses.get(response_id)
            if stored is None:
                return _make_not_found(response_id)
            if stored.polls:
                stored.response, stored.polls = {**stored.response, "status": "cancelled", "output": []}, 0
            return stored.response

    def forget(self) -> None:
        """Forget everything, as a vendor does after some time."""
        with self._lock:
            self._responses.clear()
            self._conversations.clear()

    def answer(self, method: str, path: str) -> Mapping[str, object] | Fault | Sequence[str] | None:
        """Return the answer to a GET or a DELETE; None if it is about something else."""
        address = urlsplit(path)
        query = parse_qs(address.query)
        *_, resource, name = address.path.rstrip("/").rsplit("/", 2)
        if name == "items":
            return self._list_items(resource)
        if resource != "responses":
            return None
        with self._lock:
            stored = self._responses.pop(name, None) if method == "DELETE" else self._responses.get(name)
            if stored is None:
                return _make_not_found(name)
            if method == "DELETE":
                return {"id": name, "object": "response", "deleted": True}
            if query.get("stream") == ["true"]:
                after = int(query.get("starting_after", ["-1"])[0])
                return stored.events[after + 1 :]
            if stored.polls:
                stored.polls -= 1
                return {**stored.response, "status": "in_progress", "output": [], "usage": None}
            return stored.response

    def _list_items(self, name: str) -> Mapping[str, object] | Fault:
        with self._lock:
            items = self._conversations.get(name)
        if items is None:
            return Fault(404, f"Conversation with id '{name}' not found.")
        # The newest first, which is all that clients ask for here.
        page = list(reversed(items))[:1]
        return {"object": "list", "data": page, "has_more": len(items) > 1, "first_id": None, "last_id": None}


def _get_conversation(body: Body) -> str:
    value = body.get("conversation")
    return str(value.get("id") if isinstance(value, Mapping) else value or "")


def _make_not_found(response_id: str) -> Fault:
    return Fault(404, f"Response with id '{response_id}' not found.")

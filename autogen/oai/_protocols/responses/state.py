"""State at the vendor: responses and conversations that it keeps, so that only new items are sent.

A stored response stands for the history before it only while that is unchanged. So each answer keeps a digest of the input
that it saw. The next request looks for the last answer whose digest fits to the history: after an edit, a hook or a
branch there is none, and the whole input is sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...._steps import Call, Steps
from ....types import JSON
from ..protocol import Body, Fields

STATES = ("stateless", "stored", "conversation")
WHOLE = "_whole_input"
"""Key of the whole input in a body that has a part of it. It is not sent."""
HEAD = "_last_response"
"""Key of the answer that a conversation must end with; not sent."""
NEW = "new"
"""The `conversation` that is made when the request is sent."""
INTERVAL = "_poll_interval"
"""Key of the seconds between two questions for a response in the background; not sent."""
_PRIVATE = (WHOLE, HEAD, INTERVAL)
_KNOWN = 10_000


@dataclass(frozen=True)
class Mark:
    """An answer of the vendor in the input.

    Attributes:
        start: Index of its first item in the input.
        end: Index after its last item.
        record: The `native` of its message.
    """

    start: int
    end: int
    record: Fields


def get_state(params: Fields) -> str:
    """Return the state that a request asks for.

    Raises:
        ValueError: if `state` has another value.
    """
    state = params.get("state") or ("conversation" if params.get("conversation") else STATES[0])
    if state not in STATES:
        raise ValueError(f"state must be {', '.join(map(repr, STATES[:-1]))} or {STATES[-1]!r}, got {state!r}.")
    return str(state)


def use_state(body: Body, state: str, marks: Sequence[Mark]) -> Body:
    """Return a request that sends the items alone that the vendor doesn't keep.

    Args:
        body: The request with its whole input.
        state: `stored` or `conversation`.
        marks: The vendor's answers in the input.
    """
    items: list[JSON] = body["input"]
    whole = {**body, WHOLE: items}
    key = "id" if state == "stored" else "conversation"
    known = next((mark for mark in reversed(marks) if mark.record.get(key) and _fits(mark, items)), None)
    if state == "conversation":
        # The user's own conversation is the first. With a changed history it can't go on.
        is_first = not any(mark.record.get(key) for mark in marks)
        own = body.get("conversation") if is_first else None
        whole["conversation"] = known.record[key] if known else own or NEW
    if known is None:
        return whole
    head = {"previous_response_id": known.record["id"]} if state == "stored" else {HEAD: known.record["id"]}
    return {**whole, **head, "input": items[known.end :]}


def send_whole(body: Body, error_text: str) -> Body:
    """Return a request with its whole input, for a vendor that has forgotten the part before."""
    if WHOLE not in body or len(body[WHOLE]) == len(body["input"]):
        return body
    rest = {key: value for key, value in body.items() if key not in ("previous_response_id", HEAD)}
    return {**rest, "input": body[WHOLE], **({"conversation": NEW} if "conversation" in body else {})}


def describe_input(body: Body) -> Fields:
    """Return the fields by which a later request recognises the history that the answer to this one saw."""
    return {"seen": _hash(body[WHOLE])} if WHOLE in body else {}


def drop_private(body: Body) -> Body:
    """Return the JSON that is sent."""
    return {key: value for key, value in body.items() if key not in _PRIVATE}


def _fits(mark: Mark, items: Sequence[JSON]) -> bool:
    return bool(mark.record.get("seen") == _hash(items[: mark.start]))


def _hash(items: Sequence[JSON]) -> str:
    return hashlib.sha256(json.dumps(items, sort_keys=True).encode()).hexdigest()[:32]


class Conversations:
    """The conversations of an endpoint, and the last answer of each, as far as this process knows them."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def note(self, conversation: object, response_id: str) -> None:
        """Remember the last answer of a conversation."""
        if isinstance(conversation, str) and conversation:
            if len(self._last) >= _KNOWN:
                self._last.clear()
            self._last[conversation] = response_id

    def open(self, sdk: Any, body: Body, options: Mapping[str, Any]) -> Steps[Body]:
        """Return a request whose conversation exists, and ends with the answer before.

        A chat that was taken back, branched or read from a cache would speak into a conversation that has gone on.
        """
        if (head := body.get(HEAD)) is not None and not (yield from self._ends_with(sdk, body, head, options)):
            body = send_whole(body, "")
        if body.get("conversation") != NEW:
            return body
        create = sdk.conversations.create
        conversation = yield Call(create, create, (), dict(options))
        return {**body, "conversation": conversation.id}

    def _ends_with(self, sdk: Any, body: Body, head: str, options: Mapping[str, Any]) -> Steps[bool]:
        conversation = body["conversation"]
        if (last := self._last.get(conversation)) is not None:
            return bool(last == head)
        # Another process had it.
        items = [item for item in body[WHOLE][: len(body[WHOLE]) - len(body["input"])] if isinstance(item, dict)]
        listed = sdk.conversations.items.list
        page = yield Call(listed, listed, (conversation,), {"limit": 1, "order": "desc", **options})
        return bool(page.data) and getattr(page.data[0], "id", None) == items[-1].get("id")

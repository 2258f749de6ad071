"""`native`: the fields of a response that its vendor needs back unchanged, with their origin.

Models that think need their thinking back in the next request: as text, encrypted or signed. Any other endpoint refuses it.
So these fields are kept beside the neutral ones, and are sent only to the endpoint that they came from, and only if the
message is unchanged.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ...types import JSON, Message
from .text import copy_json, repair_json

logger = logging.getLogger("autogen.oai.client")

REPLAYED_KEYS = ("reasoning_content", "reasoning", "reasoning_details", "thinking_blocks", "extra_content")
"""Fields of a message that go back to their origin."""
_CALL_KEYS = ("id", "type", "function", "index")
_SEALED_KEYS = ("content", "tool_calls", "refusal")


def compute_origin(address: str, api_key: object, protocol: str = "chat") -> str:
    """Return the origin of the answers of an endpoint: eight hex digits of a hash over its address and its account.

    Args:
        address: URL of the endpoint.
        api_key: Its key. The origin only shows whether it is the same.
        protocol: Name of the protocol; `chat` for chat completions.
    """
    parts = urlsplit(address)
    account = hashlib.sha256(str(api_key).encode("utf-8", "surrogatepass")).hexdigest()
    return hashlib.sha256(f"{protocol} {parts.hostname}:{parts.port} {account}".encode()).hexdigest()[:8]


def attach_native(message: Message, received: Mapping[str, object], origin: str) -> Message:
    """Return a message with `native`, if its vendor needs fields back.

    Args:
        message: Message in the internal form. Its calls lose the fields that only the vendor understands.
        received: The message as it arrived.
        origin: Origin of the response.
    """
    item: dict[str, JSON] = {key: received[key] for key in REPLAYED_KEYS if received.get(key)}  # type: ignore[misc]
    calls = message.get("tool_calls") or []
    extras = {call["id"]: {key: value for key, value in call.items() if key not in _CALL_KEYS} for call in calls}
    if any(extras.values()):
        item["tool_calls"] = {call_id: fields for call_id, fields in extras.items() if fields}
        message = {**message, "tool_calls": [{key: call[key] for key in call if key in _CALL_KEYS} for call in calls]}
    # A field of this name that an endpoint sends is not ours.
    message = {key: value for key, value in message.items() if key != "native"}
    if not item:
        return message
    native = {"v": 1, "protocol": "chat", "origin": origin, "items": [item], "seal": _compute_seal(message)}
    return {**message, "native": native}


def restore_native(message: Message, origin: str) -> dict[str, JSON]:
    """Return the fields that a message has to be sent with to an endpoint, besides its neutral ones.

    There are none if the message is from another origin, or was changed since.
    """
    native = _get_native(message, origin)
    items = native.get("items")
    item = items[0] if isinstance(items, list) and items else None
    fields: dict[str, JSON] = dict(item) if isinstance(item, Mapping) else {}
    # The message may come from a file.
    return {key: repair_json(value) for key, value in fields.items() if key in (*REPLAYED_KEYS, "tool_calls")}


def attach_items(
    message: Message,
    items: list[JSON],
    *,
    protocol: str,
    origin: str,
    model: str,
    response_id: str,
    stop: str,
    record: Mapping[str, JSON],
) -> Message:
    """Return a message with the items of its vendor, which are sent back in place of the message.

    Args:
        message: Message in the internal form.
        items: JSON of the items.
        protocol: Name of the vendor's protocol.
        origin: Origin of the answer.
        model: Model that answered.
        response_id: Id of the answer.
        stop: The vendor's word for the end of the answer.
        record: Further fields.
    """
    native: dict[str, JSON] = {
        "v": 1,
        "protocol": protocol,
        "origin": origin,
        "model": model,
        "id": response_id,
        "stop": stop,
    }
    return {**message, "native": {**native, **record, "items": items, "seal": _compute_seal(message)}}


def restore_items(message: Message, origin: str) -> list[JSON] | None:
    """Return the items of an answer of an origin; None if the message is from another, or was changed since."""
    items = _get_native(message, origin).get("items")
    # The message may come from a file.
    return [copy_json(item) for item in items] if isinstance(items, list) else None


def is_unchanged(message: Message) -> bool:
    """Return True if an answer still says what its vendor's items say."""
    native = message.get("native")
    return isinstance(native, Mapping) and native.get("seal") == _compute_seal(message)


def _get_native(message: Message, origin: str) -> Mapping[str, Any]:
    """Return the `native` of an answer of an origin; an empty one if it is from another, or was changed since."""
    native = message.get("native")
    if not isinstance(native, Mapping) or native.get("origin") != origin:
        return {}
    if not is_unchanged(message):
        logger.debug("An answer of %s was changed since: it goes back in words, without thinking.", native.get("model"))
        return {}
    return native


def _compute_seal(message: Mapping[str, object]) -> str:
    sealed = {key: message.get(key) or None for key in _SEALED_KEYS}
    return hashlib.sha256(json.dumps(sealed, sort_keys=True, default=str).encode()).hexdigest()

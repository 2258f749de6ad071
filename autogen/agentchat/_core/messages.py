"""Forms of messages: as programs pass them, as histories store them, and as endpoints get them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ...oai._responses.native import is_unchanged
from ..agent import Message

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

ANSWER_KEYS = ("reasoning", "refusal", "stop_reason", "citations", "files", "hosted", "native")
"""Keys of a model's message besides its content and calls: thinking, a refusal, and fields that its vendor needs back."""

STORED_KEYS = (
    *("content", "function_call", "tool_calls", "tool_responses", "tool_call_id", "name", "context", "receivers", "labels"),
    *ANSWER_KEYS,
)
"""Keys that a history stores, in this order. Other keys of a message apply to its delivery only."""

NAME_PATTERN = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_TOOL_NAMESPACE = re.compile(r"^(?:functions|default_api)[._]")


class AnswerText(str):
    """Text of a model's answer that has more fields, such as the thinking. Its message in a history has them, too.

    Attributes:
        fields: The fields, by their keys in `ANSWER_KEYS`.
    """

    fields: Mapping[str, object] = {}

    def __new__(cls, text: str, fields: Mapping[str, object] | None = None) -> AnswerText:
        """Make the text."""
        self = super().__new__(cls, text)
        self.fields = dict(fields or {})
        return self


def strip_namespace(name: str) -> str:
    """Return the name of a tool without the namespace that some endpoints show to their models, such as `functions.`."""
    return _TOOL_NAMESPACE.sub("", name)


def as_dict(message: Message | str | Mapping[str, object]) -> Message:
    """Return a message as a dict: text becomes its content, a dict stays as it is.

    Raises:
        TypeError: if `message` is neither text nor accepted by `dict`.
    """
    # The usual case first: this runs three times for each message.
    if type(message) is str:
        return {"content": message}
    if isinstance(message, str):
        return {"content": str(message), **getattr(message, "fields", {})}
    if isinstance(message, dict):
        return message
    try:
        return dict(message)
    except (TypeError, ValueError):
        raise TypeError(f"A message must be a string, or a dict with 'content' or calls, got {message!r}.") from None


def get_shown_form(message: Message | str) -> Message | str:
    """Return a message for events: a dict also for text that has thinking; without the fields that only its vendor reads."""
    fields = getattr(message, "fields", None) or (message if isinstance(message, dict) else {})
    if not fields or ("labels" not in fields and fields.keys().isdisjoint(ANSWER_KEYS)):
        return message
    return {key: value for key, value in as_dict(message).items() if key != "native"}


def to_stored_form(message: Message, role: str, speaker: str) -> Message | None:
    """Return a message as a history stores it, or None if it has neither content nor calls.

    Args:
        message: Message as sent. It is not changed.
        role: `assistant` in the history of the sender, `user` in that of the receiver.
        speaker: Name of the sender.
    """
    # The usual message, without the detours below.
    if len(message) == 1 and isinstance(text := message.get("content"), str):
        return {"content": text, "role": role, "name": speaker}
    stored = {key: message[key] for key in STORED_KEYS if message.get(key) is not None}
    # A key with None counts as missing, but a message with calls keeps a content of None: endpoints require the key.
    if "content" not in stored:
        if "function_call" not in stored and "tool_calls" not in stored:
            return None
        stored = {"content": None, **stored}
    # The vendor's items would keep what a hook or a guardrail has masked.
    if "native" in stored and not is_unchanged(stored):
        del stored["native"]
    if stored.get("function_call") or stored.get("tool_calls"):
        # Only a model calls, and endpoints accept calls from no other role.
        stored["role"] = "assistant"
        return stored
    # Results of calls keep their role on both sides.
    role_as_sent = message.get("role")
    stored["role"] = role_as_sent if role_as_sent in ("function", "tool") else message.get("override_role", role)
    stored.setdefault("name", speaker)
    return stored


def unroll_tool_responses(messages: Iterable[Message]) -> list[Message]:
    """Return a history with a message for each tool response, as endpoints take it."""
    flat: list[Message] = []
    for message in messages:
        if "tool_responses" not in message or not message["tool_responses"]:
            flat.append(message)
            continue
        flat.extend(message["tool_responses"])
        # A message of another role has responses and a content of its own, such as human input beside interrupted calls.
        if message.get("role") != "tool":
            flat.append({key: value for key, value in message.items() if key != "tool_responses"})
    return flat


def get_result_text(content: object) -> str:
    """Return the result of a tool as text: an object, of a tool that is registered with `serialize=False`, becomes JSON."""
    if isinstance(content, str):
        return content
    # Imported on first use: it needs pydantic.
    from ...function_utils import serialize_to_str

    try:
        return serialize_to_str(content)
    except TypeError:
        return str(content)


def assert_valid_name(name: str) -> str:
    """Return the name of a function or tool if endpoints accept it.

    Raises:
        ValueError: if the name has other characters than ASCII letters, digits, `_`, `-`, or is too long or empty.
    """
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise ValueError(
            f"Invalid name: {name!r}. A function name has 1 to 64 characters: ASCII letters, digits, '_' and '-'."
        )
    return name


def normalize_name(name: str) -> str:
    """Return a function name made up by a model in a form that endpoints accept."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]

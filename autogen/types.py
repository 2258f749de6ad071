"""Types of messages, tool calls, chat specs, configs and usage.

They describe plain dicts: nothing is converted or checked at run time. `Message` is the open form that every function
accepts; `ChatMessage` and the other `TypedDict`s name the keys for editors and type checkers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, Union

if TYPE_CHECKING:
    from typing_extensions import NotRequired, Required

__all__ = [
    "JSON",
    "AudioContentPart",
    "ChatMessage",
    "ContentPart",
    "FileContentPart",
    "FunctionCall",
    "Message",
    "MessageContentType",
    "ToolCall",
    "ToolResponse",
    "ToolSchema",
    "Usage",
    "UserMessageImageContentPart",
    "UserMessageTextContentPart",
]

JSON: TypeAlias = Union[None, bool, int, float, str, "list[JSON]", "dict[str, JSON]"]
"""A value that JSON can hold."""

Message: TypeAlias = dict[str, Any]
"""A chat message in the OpenAI form. A stored message always has `content` and `role`."""

MessageContentType = Union[str, list[Union[dict[str, Any], str]], None]
"""The content of a message: text, a list of parts, or None."""


class UserMessageTextContentPart(TypedDict):
    """A text part of a message."""

    type: Literal["text"]
    text: str


class UserMessageImageContentPart(TypedDict):
    """An image part of a message: `image_url` holds the address, or a data URL, under the key `url`."""

    type: Literal["image_url"]
    image_url: dict[str, str]


class AudioContentPart(TypedDict):
    """An audio part of a message: `input_audio` holds base64 `data` and the `format`."""

    type: Literal["input_audio"]
    input_audio: dict[str, str]


class FileContentPart(TypedDict):
    """A file part of a message: `file` holds a `file_id`, or base64 `file_data` and a `filename`."""

    type: Literal["file"]
    file: dict[str, str]


ContentPart: TypeAlias = Union[UserMessageTextContentPart, UserMessageImageContentPart, AudioContentPart, FileContentPart]
"""A part of a message whose content is a list."""


class FunctionCall(TypedDict):
    """A function call suggested by a model. `arguments` is JSON text, as the model wrote it: it may be invalid."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """A tool call suggested by a model."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class ToolResponse(TypedDict):
    """The result of a tool call."""

    role: Literal["tool"]
    tool_call_id: NotRequired[str]
    content: str


class ChatMessage(TypedDict, total=False):
    """A message of a chat, as histories and results hold it."""

    role: Required[str]
    content: Required[str | list[ContentPart] | None]
    name: str
    tool_calls: list[ToolCall]
    function_call: FunctionCall
    tool_call_id: str
    tool_responses: list[ToolResponse]
    context: dict[str, Any]
    receivers: list[str]


class FunctionSchema(TypedDict):
    """The description of a function for a model: `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class ToolSchema(TypedDict):
    """The description of a tool for a model."""

    type: Literal["function"]
    function: FunctionSchema


class Usage(TypedDict, total=False):
    """Tokens and cost (USD) of a response."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float
    model: str

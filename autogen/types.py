"""Types of message content."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Union

MessageContentType = Union[str, list[Union[dict[str, Any], str]], None]


class UserMessageTextContentPart(TypedDict):
    """A part of a message that is text."""

    type: Literal["text"]
    text: str


class UserMessageImageContentPart(TypedDict):
    """A part of a message that is an image, under the key `url` of `image_url`."""

    type: Literal["image_url"]
    image_url: dict[str, str]

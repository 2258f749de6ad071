"""Pictures and other media of requests: in the form that an endpoint takes, or in words for models that take none.

A message may have a picture of Pillow, a path, bytes, an address or a data URI. The first three become data URIs before the
request is made, so that caches and checkpoints know it again. The rest depends on the endpoint: addresses that it does not
fetch are fetched here, and media that its models do not take become words.
"""

from __future__ import annotations

import base64
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..._images.data_uris import is_data_uri, make_data_uri, parse_data_uri
from ..._images.pictures import ImageError, choose_side, is_picture, read_picture, shrink_picture
from ..._images.sources import find_file, get_url, is_address
from ..._mistakes import trim_stop
from ..._models.abilities import find_abilities
from ..._models.catalogue import is_private
from ..._secrets import mask_url
from ..._steps import Steps, invoke, sync_and_async, to_thread
from ..._untrusted import clean_text
from ...fetching import FetchError, FetchPolicy, get_default_policy
from ...fetching._fetch import fetch_resource
from ...types import Message
from .._endpoints.openai_client import OpenAIClient
from .._endpoints.provider_spec import Provider
from .._once import log_once
from .endpoints import EndpointRequest

logger = logging.getLogger("autogen.oai.client")

KINDS = {"image_url": "image", "input_audio": "audio", "file": "file", "video_url": "video"}
"""Kinds of media, by the types of their parts."""

_ABILITIES = {"vision": "image", "audio_in": "audio", "pdf": "file", "video": "video"}

_WEB = ("http://", "https://")
# Types that Pillow is not needed for.
_USUAL_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# A caption is a sentence or two.
_MAX_CAPTION = 2_000


# Forms that caches and checkpoints know


def embed_media(messages: Sequence[Message]) -> Steps[Sequence[Message]]:
    """Return the messages with pictures, files and audio of this process as data; `messages` if there are none."""
    if not any(_is_local(part) for message in messages for part in _list_parts(message)):
        return messages
    # Files are read, and pictures encoded.
    return (yield from to_thread(_embed_all, messages))


def _embed_all(messages: Sequence[Message]) -> Sequence[Message]:
    return [
        {**message, "content": _join_texts([_embed(part) if _is_local(part) else part for part in message["content"]])}
        if any(map(_is_local, _list_parts(message)))
        else message
        for message in messages
    ]


def _list_parts(message: object) -> list[Any]:
    # A program may pass objects of its SDK. That a dict is a Mapping takes long to find out.
    content = message.get("content") if isinstance(message, (dict, Mapping)) else None
    return content if isinstance(content, list) else []


def _is_local(part: object) -> bool:
    """Return True if the data of a part is an object or a file of this process, or of a type that no model takes."""
    if not isinstance(part, Mapping):
        return False
    data = _get_data(part)
    if not isinstance(data, str):
        return data is not None and not isinstance(data, Mapping)
    if part.get("type") != "image_url":
        return False
    if is_data_uri(data):
        return not data[:16].lower().startswith(_USUAL_TYPES, len("data:"))
    return not is_address(data)


def _get_data(part: Mapping[str, Any]) -> object:
    """Return the data of a part with media; None for other parts."""
    kind = str(part.get("type"))
    holder = part.get(kind)
    if kind == "image_url":
        return get_url(part)
    key = {"input_audio": "data", "file": "file_data", "video_url": "url"}.get(kind)
    return holder.get(key) if key and isinstance(holder, Mapping) else None


def _embed(part: Message) -> Message:
    """Return a part with its data in the form that endpoints take; words if it can't be read."""
    data = _get_data(part)
    try:
        if part["type"] == "image_url":
            return _embed_picture(part, data)
        content = _read(data)
    except (ImageError, OSError) as error:
        return _describe(part, str(error))
    if part["type"] == "input_audio":
        return {**part, "input_audio": {**part["input_audio"], "data": base64.b64encode(content).decode()}}
    kind, key = str(part["type"]), "file_data" if part["type"] == "file" else "url"
    media_type = "application/pdf" if kind == "file" else "video/mp4"
    return {**part, kind: {**part[kind], key: make_data_uri(content, media_type)}}


def _embed_picture(part: Message, data: object) -> Message:
    if is_picture(data):
        picture: Any = data
    elif isinstance(data, str) and is_data_uri(data):
        try:
            picture = read_picture(parse_data_uri(data)[1])
        except ValueError:
            # The endpoint may know more, and says so if not.
            return part
    elif isinstance(data, str):
        file = find_file(data)
        # The endpoint's own id of a picture, say.
        if file is None:
            return part
        picture = read_picture(file.read_bytes())
    else:
        picture = read_picture(_read(data))
    encoding = shrink_picture(picture, choose_side(_get_detail(part)))
    return _replace_url(part, make_data_uri(encoding.content, encoding.media_type))


def _get_detail(part: Message) -> str:
    image = part.get("image_url")
    return str(image.get("detail") or "auto") if isinstance(image, Mapping) else "auto"


def _replace_url(part: Message, url: str) -> Message:
    image = part.get("image_url")
    return {**part, "image_url": {**image, "url": url} if isinstance(image, Mapping) else {"url": url}}


def _read(data: object) -> bytes:
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    if isinstance(data, os.PathLike):
        return Path(data).read_bytes()
    raise ImageError(f"a message has a {type(data).__name__} in place of a picture, a path, bytes, or an address")


def _describe(part: Message, reason: str) -> Message:
    """Return words in place of a part, and log the reason."""
    kind = KINDS.get(str(part.get("type")), "file")
    logger.warning("A message is sent without its %s: %s.", kind, trim_stop(reason))
    return _make_text(f"<{kind}>")


def _make_text(text: str) -> Message:
    return {"type": "text", "text": text}


# Forms for an endpoint


def fit_media(messages: Sequence[Message], request: EndpointRequest) -> Steps[Sequence[Message]]:
    """Return the messages of a request with media that its endpoint takes; other media become words.

    Args:
        messages: The messages, without objects of this process.
        request: The request, with the setting `vision` if the program knows whether the model sees, and an
            `image_captioner` for a model that does not.
    """
    client = request.endpoint.client
    provider = client.provider if isinstance(client, OpenAIClient) else None
    taken = _choose_kinds(request, provider)
    fitted: list[Message] = []
    for message in messages:
        parts = _list_parts(message)
        if not any(isinstance(part, Mapping) and part.get("type") in KINDS for part in parts):
            fitted.append(message)
            continue
        converted = []
        for part in parts:
            kind = KINDS.get(str(part.get("type"))) if isinstance(part, Mapping) else None
            if kind is not None and kind not in taken:
                part = yield from _put_into_words(part, kind, request)
            elif kind == "image" and _has_to_be_fetched(part, provider is None or provider.fetches_media):
                part = yield from _fetch(part, getattr(request.extra.get("agent"), "fetch_policy", None))
            converted.append(part)
        fitted.append({**message, "content": _join_texts(converted)})
    return fitted


def _choose_kinds(request: EndpointRequest, provider: Provider | None) -> set[str]:
    """Return the kinds of media that a request may have: those of its endpoint, as far as its model takes them."""
    settings = request.params.get("abilities") or {}
    if (sees := request.extra.get("vision")) is not None:
        settings = {**settings, "vision": sees}
    abilities = find_abilities(str(request.params.get("model")), provider.api_type if provider else "", settings)
    taken = set(KINDS.values()) if provider is None else set(provider.media)
    if abilities.vision is False:
        taken -= {"image", "video"}
    for ability, kind in _ABILITIES.items():
        if getattr(abilities, ability) is False:
            taken.discard(kind)
        # What the table says of the model says nothing about its endpoint, but the program knows both.
        elif settings.get(ability) is True:
            taken.add(kind)
    return taken


def _join_texts(parts: list[Any]) -> Any:
    """Return parts that are all text as one text: models without pictures often take no lists."""
    if all(isinstance(part, Mapping) and part.get("type") == "text" for part in parts):
        return "".join(str(part["text"]) for part in parts)
    return parts


def _put_into_words(part: Message, kind: str, request: EndpointRequest) -> Steps[Message]:
    """Return the caption of a picture, if there is a captioner, or a placeholder."""
    captioner: Callable[[object], Any] | None = request.extra.get("image_captioner")
    if kind == "image" and captioner is not None:
        caption = yield from invoke(*sync_and_async(captioner, blocks=True), get_url(part))
        text = " ".join(clean_text(str(caption)).split())
        return _make_text(f"[image: {text[:_MAX_CAPTION]}]")
    hint = ' `"vision": True` in its config says that it does.' if kind == "image" else ""
    log_once(f"The model {request.label} takes no {kind} in messages: it gets the word <{kind}> instead.{hint}")
    return _make_text(f"<{kind}>")


def _has_to_be_fetched(part: Message, is_fetched_there: bool) -> bool:
    url = get_url(part)
    # No vendor reaches the addresses of this network.
    return isinstance(url, str) and url.lower().startswith(_WEB) and (not is_fetched_there or is_private(url))


_MAX_FETCHED = 16
_fetched: OrderedDict[Hashable, str] = OrderedDict()
_lock = threading.Lock()


def _fetch(part: Message, policy: FetchPolicy | None) -> Steps[Message]:
    """Return a picture with its data in place of its address; words if the address is refused or has no picture."""
    url, policy = str(get_url(part)), policy or get_default_policy()
    key = (url, policy, _get_detail(part))
    # A history has the same address in each request.
    with _lock:
        known = _fetched.get(key)
    if known is not None:
        return _replace_url(part, known)
    try:
        resource = yield from fetch_resource(url, policy=policy)
        content = resource.raise_for_status().content
        encoding = yield from to_thread(_shrink, content, choose_side(_get_detail(part)))
    except (FetchError, ImageError) as error:
        return _describe(part, f"{mask_url(url)}: {error}")
    with _lock:
        _fetched[key] = encoding
        while len(_fetched) > _MAX_FETCHED:
            _fetched.popitem(last=False)
    return _replace_url(part, encoding)


def _shrink(content: bytes, max_side: int) -> str:
    encoding = shrink_picture(read_picture(content), max_side)
    return make_data_uri(encoding.content, encoding.media_type)

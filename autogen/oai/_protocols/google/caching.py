"""Explicit caches of Google: the system text and the tools are kept at the vendor, and requests name them."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from ...._steps import Call, Steps
from ..._once import log_once
from ..protocol import Body, Fields

EXPLICIT = "_explicit_cache"
"""Key of a body that uses a cache; its value is `again` if the known one has expired. It is not sent."""
_AGAIN = "again"
_FIXED = ("systemInstruction", "tools", "toolConfig")
_LIFE = "3600s"
_TOO_SMALL = ("too small", "min_total_token_count", "minimum token count")


def require_again(body: Body, error_text: str) -> Body:
    """Return a request that makes a new cache, because the known cache has expired."""
    return {**body, EXPLICIT: _AGAIN} if body.get(EXPLICIT) else body


class ContextCaches:
    """The caches that this process has made, by what they hold."""

    def __init__(self) -> None:
        # Empty for content that is too short to be cached.
        self._names: dict[str, str] = {}

    def use(self, sdk: Any, body: Body, options: Fields) -> Steps[Body]:
        """Return a request that names a cache, which is made if there is none; without a cache the request as it is."""
        setting = body.get(EXPLICIT)
        plain = {key: value for key, value in body.items() if key != EXPLICIT}
        fixed = {key: body[key] for key in _FIXED if key in body}
        if not setting or not fixed or "cachedContent" in body:
            return plain
        digest = hashlib.sha256(json.dumps([body["model"], fixed], default=str).encode()).hexdigest()
        if setting == _AGAIN:
            self._names.pop(digest, None)
        if digest not in self._names:
            self._names[digest] = yield from _create(sdk, body["model"], fixed, options)
        if not (name := self._names[digest]):
            return plain
        return {**{key: value for key, value in plain.items() if key not in _FIXED}, "cachedContent": name}


def _create(sdk: Any, model: str, fixed: Fields, options: Fields) -> Steps[str]:
    """Make a cache, and return its name; an empty one if the content is too short."""
    http: dict[str, Any] = {"extra_body": dict(fixed)}
    if options.get("extra_headers"):
        http["headers"] = dict(options["extra_headers"])
    arguments = {"model": model, "config": {"ttl": _LIFE, "http_options": http}}
    try:
        cache = yield Call(sdk.caches.create, sdk.aio.caches.create, (), arguments)
    except sys.modules["google.genai.errors"].ClientError as error:
        if not any(words in str(error).lower() for words in _TOO_SMALL):
            raise
        log_once(f"The system text and the tools for {model} are too short for an explicit cache: there is none.")
        return ""
    return str(cache.name)

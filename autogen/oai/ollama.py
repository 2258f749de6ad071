"""Ollama, under the name that 0.2 had for its client."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from ._endpoints.provider_client import ProviderClient

__all__ = ["OllamaClient", "response_to_tool_call"]


class OllamaClient(ProviderClient):
    """Asks Ollama; `"api_type": "ollama"` in a config list does the same."""

    api_type = "ollama"


def response_to_tool_call(response_string: str) -> list[Any] | None:
    """The calls that a model wrote as text: the JSON list or object in it, or the same as Python writes it. It is never run.

    Returns:
        A list of dicts with `name` and `arguments`; None if there is none.

    >>> response_to_tool_call('I will call [{"name": "add", "arguments": {"a": 1}}].')
    [{'name': 'add', 'arguments': {'a': 1}}]
    """
    for pattern in (r"\[.*\]", r"\{.*\}"):
        for match in re.finditer(pattern, response_string, re.DOTALL):
            found = _read(match.group())
            calls = found if isinstance(found, list) else [found]
            if calls and all(isinstance(call, dict) and "name" in call for call in calls):
                return calls
    return None


def _read(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None

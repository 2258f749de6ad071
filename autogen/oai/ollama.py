"""0.2's client class for Ollama, and its parser for tool calls in text."""

from __future__ import annotations

import ast
import json
import re

from ..types import JSON
from ._config.entries import OllamaLLMConfigEntry
from ._endpoints.provider_client import ProviderClient

__all__ = ["OllamaClient", "response_to_tool_call", "OllamaLLMConfigEntry"]


class OllamaClient(ProviderClient):
    """Sends requests to Ollama; `"api_type": "ollama"` in a config list does the same."""

    api_type = "ollama"


def response_to_tool_call(response_string: str) -> list[JSON] | None:
    """Parse tool calls that a model wrote as text: a list or an object in JSON or Python syntax. The text is never executed.

    Returns:
        A list of dicts with `name` and `arguments`; None if there is none.

    >>> response_to_tool_call('I will call [{"name": "add", "arguments": {"a": 1}}].')
    [{'name': 'add', 'arguments': {'a': 1}}]
    """
    for pattern in (r"\[.*\]", r"\{.*\}"):
        for match in re.finditer(pattern, response_string, re.DOTALL):
            value = _parse(match.group())
            calls: list[JSON] = value if isinstance(value, list) else [value]
            if calls and all(isinstance(call, dict) and "name" in call for call in calls):
                return calls
    return None


def _parse(text: str) -> JSON:
    for parse in (json.loads, ast.literal_eval):
        try:
            value: JSON = parse(text)
            return value
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None

"""Token counts of messages. Each text is counted once, and its count remembered."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..._models.served import QUESTIONS
from ..._tokens.images import count_image_tokens, is_image
from ..._tokens.tokenizers import count_tokens, cut_text
from ...oai.abilities import get_abilities
from ...token_count_utils import UnknownModel, estimate_tokens, get_max_token_limit
from ..agent import Message
from .memory import Memory
from .texts import get_other_parts, get_texts

# Tokens around a call, and around a message with its role, which the vendors document for their models.
_CALL_FRAME = 3
_MESSAGE_FRAME = 4
DEFAULT_MODEL = "gpt-4o"
# A notice in the middle of a shorter text would take too much of it.
_LEAST_FOR_NOTICE = 32


class TokenCounter:
    """Counter of the tokens of a model. It uses no network; without a local tokenizer it estimates.

    Args:
        model: Name of the model.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        # Hashes and lengths instead of texts keep them small.
        self._counts: Memory[tuple[int, int], int] = Memory()
        self._cuts: Memory[tuple[int, int, int], int] = Memory()
        self._shortened: Memory[tuple[int, int, int], tuple[int, int, int]] = Memory()

    def count_text(self, text: str) -> int:
        """Return the tokens of a text."""
        key = (hash(text), len(text))
        count = self._counts.get(key)
        if count is None:
            count = count_tokens(text, self.model, estimate=True)
            self._counts.set(key, count)
        return count

    def count_texts(self, message: Message) -> int:
        """Return the tokens of the texts of a message."""
        return sum(map(self.count_text, get_texts(message)))

    def count(self, message: Message) -> int:
        """Return the tokens of what a message contains: its texts, results, calls and images."""
        return self.count_texts(message) + self.count_rest(message)

    def count_rest(self, message: Message) -> int:
        """Return the tokens of a message besides its texts."""
        count = 0
        if type(message.get("content")) is not str:
            count += sum(self._count_part(part) for part in get_other_parts(message))
        for call in message.get("tool_calls") or ():
            count += self._count_call(call.get("function") or {}) if isinstance(call, dict) else 0
        if call := message.get("function_call"):
            count += self._count_call(call) if isinstance(call, dict) else self.count_text(str(call))
        return count

    def count_all(self, messages: Sequence[Message]) -> int:
        """Return the tokens of messages in a request, with their roles and names."""
        return sum(self.count(message) + self.count_frame(message) for message in messages)

    def count_frame(self, message: Message) -> int:
        """Return the tokens of the role and the name of a message."""
        name = message.get("name")
        return _MESSAGE_FRAME + (1 + self.count_text(name) if isinstance(name, str) else 0)

    def count_tools(self, tools: Sequence[object]) -> int:
        """Return the tokens of tools."""
        return estimate_tokens(list(tools), self.model) if tools else 0

    def shorten(self, text: str, limit: int) -> str:
        """Return the start and the end of a text, with a line between them that says how much is left out.

        Args:
            text: The text.
            limit: Maximum number of tokens. Below 32 it is the start alone.
        """
        size = self.count_text(text)
        if size <= limit:
            return text
        if limit < _LEAST_FOR_NOTICE:
            return self.cut(text, limit)
        key = (hash(text), len(text), limit)
        parts = self._shortened.get(key)
        if parts is None:
            parts = self._find_parts(text, size, limit)
            self._shortened.set(key, parts)
        head, tail, left_out = parts
        return text[:head] + _make_notice(left_out) + text[len(text) - tail :]

    def _find_parts(self, text: str, size: int, limit: int) -> tuple[int, int, int]:
        """Return the characters at the start and at the end that are kept of a text, and the tokens between them."""
        # Tokens at the joints may add up differently, so a little is spared.
        budget = max(limit - self.count_text(_make_notice(size)) - 2, 1)
        while True:
            tail = budget // 3
            first, last = cut_text(text, self.model, budget - tail, tail)
            excess = count_tokens(first + _make_notice(size - budget) + last, self.model, estimate=True) - limit
            if excess <= 0 or budget == 1:
                return len(first), len(last), size - budget
            budget = max(budget - excess, 1)

    def cut(self, text: str, limit: int) -> str:
        """Return the start of a text, of at most `limit` tokens."""
        if limit <= 0:
            return ""
        if self.count_text(text) <= limit:
            return text
        key = (hash(text), len(text), limit)
        length = self._cuts.get(key)
        if length is None:
            start, count = cut_text(text, self.model, limit)[0], limit
            # The tokens of a part may be others than those of the whole.
            while count and count_tokens(start, self.model, estimate=True) > limit:
                count -= 1
                start = cut_text(text, self.model, count)[0]
            length = len(start)
            self._cuts.set(key, length)
        return text[:length]

    def _count_part(self, part: object) -> int:
        return count_image_tokens(part, self.model) if is_image(part) else 0

    def _count_call(self, call: Mapping[str, Any]) -> int:
        arguments = call.get("arguments")
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
        return _CALL_FRAME + self.count_text(str(call.get("name") or "")) + self.count_text(text)


def _make_notice(count: int) -> str:
    return f"\n[... {count} tokens are left out here ...]\n"


@functools.lru_cache(maxsize=64)
def get_counter(model: str) -> TokenCounter:
    """Return the counter of a model, which all agents share."""
    return TokenCounter(model)


def get_model_name(agent: Any) -> str | None:
    """Return the name of the model that an agent asks first; None if it has none."""
    config = getattr(agent, "llm_config", None) or {}
    entries = config.get("config_list") or [config]
    name = entries[0].get("model") or config.get("model")
    return name if isinstance(name, str) else None


def get_agent_counter(agent: Any) -> TokenCounter:
    """Return the counter of an agent's model."""
    return get_counter(get_model_name(agent) or DEFAULT_MODEL)


def get_tools(agent: Any) -> list[Any]:
    """Return the tools that the model of an agent is offered in each request."""
    config = getattr(agent, "llm_config", None) or {}
    return [*(config.get("tools") or ()), *(config.get("functions") or ())]


def get_window(agent: Any) -> int | None:
    """Return the context length of an agent's model in tokens; None if it is unknown."""
    config = getattr(agent, "llm_config", None) or {}
    shared = {name: config[name] for name in ("model", "abilities", "api_type", "base_url") if name in config}
    entry = {**shared, **(config.get("config_list") or [config])[0]}
    if str(entry.get("api_type")).lower().startswith(tuple(QUESTIONS)):
        # The context length is a setting of the server, whatever the weights could take.
        return get_abilities(entry).context
    abilities = entry.get("abilities")
    if isinstance(abilities, Mapping) and isinstance(limit := abilities.get("context"), int):
        return limit
    model = get_model_name(agent)
    try:
        return None if model is None else get_max_token_limit(model)
    except UnknownModel:
        return None

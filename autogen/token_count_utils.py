"""Token counts of texts, messages and tools, and the context lengths of models.

>>> from autogen import token_count_utils
>>> token_count_utils.get_max_token_limit("gpt-4o")
128000
>>> token_count_utils.count_token("Hello, world!", "gpt-4")  # doctest: +SKIP
4

Without a network, the extra `tokens` installs the tokenizer of GPT-3.5 and GPT-4, which is close enough for later models:
for English and code within one per cent of `o200k_base`, for other languages above it, by a quarter (German) up to double
(Arabic). Without any tokenizer, a quarter of the bytes is the estimate, with one warning.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ._models.catalogue import get_context_limit
from ._tokens.images import count_image_tokens, is_image
from ._tokens.tokenizers import count_tokens
from ._tokens.tools import count_tool_tokens, is_tool
from .types import Message

__all__ = [
    "UnknownModel",
    "count_token",
    "estimate_tokens",
    "get_max_token_limit",
    "num_tokens_from_functions",
    "percentile_used",
    "token_left",
]

logger = logging.getLogger(__name__)

Countable = str | list[Any] | dict[str, Any]
"""A text, a message, or a list of messages."""

# The rule for counting messages by a part of the model's name. The first match applies.
_COUNTED_LIKE = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0613",
    "gpt-4": "gpt-4-0613",
    "gemini": "gpt-4-0613",
    "claude": "gpt-4-0613",
    "mistral-": "gpt-4-0613",
    "mixtral-": "gpt-4-0613",
}


class UnknownModel(KeyError, ValueError):
    """Raised if the context length of a model is unknown."""

    def __str__(self) -> str:
        # A KeyError would show the `repr` of its text.
        return str(self.args[0])


def _normalize_name(model: str) -> str:
    """Return a model's name in OpenAI's spelling instead of Azure's."""
    return re.sub(r"^gpt4", "gpt-4", re.sub(r"^gpt-?35", "gpt-3.5", model))


def get_max_token_limit(model: str = "gpt-3.5-turbo-0613") -> int:
    """Return the context length of a model in tokens, input and output together.

    Raises:
        UnknownModel: if no list has the model. It is a KeyError and a ValueError.
    """
    name = _normalize_name(model)
    limit = get_context_limit(name)
    if limit is None:
        raise UnknownModel(
            f"The context length of the model {model!r} is unknown. Compare its count_token with the limit of its server."
        )
    return limit


def percentile_used(input: Countable, model: str = "gpt-3.5-turbo-0613") -> float:
    """Return the fraction of a model's context length that a text or messages take.

    Raises:
        UnknownModel: if the context length of the model is unknown.
        ValueError: if `input` is neither a text, nor a list, nor a dictionary.
    """
    return _count_or_estimate(input, model) / get_max_token_limit(model)


def token_left(input: Countable, model: str = "gpt-3.5-turbo-0613") -> int:
    """Return the tokens that are left of a model's context length after a text or messages.

    Raises:
        UnknownModel: if the context length of the model is unknown.
        ValueError: if `input` is neither a text, nor a list, nor a dictionary.
    """
    return get_max_token_limit(model) - _count_or_estimate(input, model)


def _count_or_estimate(input: Countable, model: str) -> int:
    try:
        return count_token(input, _normalize_name(model))
    except NotImplementedError:
        # There is no rule for messages to this model.
        return estimate_tokens(input, model)


def count_token(input: Countable, model: str = "gpt-3.5-turbo-0613") -> int:
    """Return the number of tokens of a text, of a message, or of a list of messages.

    The values of all keys count, as JSON if they are not text, and so does the data of images. `estimate_tokens` takes any
    model, and counts images as models do.

    Raises:
        NotImplementedError: for messages to a model without a known rule.
        ValueError: if `input` is neither a text, nor a list, nor a dictionary.
    """
    if isinstance(input, str):
        return _num_token_from_text(input, model)
    if isinstance(input, (list, dict)):
        return _num_token_from_messages(input, model)
    raise ValueError(f"input must be a text, a message or a list of messages, got {type(input).__name__}.")


def _num_token_from_text(text: str, model: str = "gpt-3.5-turbo-0613") -> int:
    return count_tokens(text, model)


def _num_token_from_messages(messages: list[Message] | Message, model: str = "gpt-3.5-turbo-0613") -> int:
    per_message, per_name = (4, -1) if model == "gpt-3.5-turbo-0301" else (3, 1)
    family = next((counted for part, counted in _COUNTED_LIKE.items() if part in model), None)
    if family is None:
        hint = "estimate_tokens(messages, model) gives an estimate for any model."
        raise NotImplementedError(f"The rule for counting messages to the model {model!r} is unknown. {hint}")
    # Every reply is primed with three tokens.
    count = 3
    for message in [messages] if isinstance(messages, dict) else messages:
        count += per_message
        for key, value in message.items():
            if value is None:
                continue
            text = _render_value(key, value)
            if text is None:
                continue
            count += count_tokens(text, family) + (per_name if key == "name" else 0)
    return count


def _render_value(key: str, value: object) -> str | None:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        logger.warning("The value of %r in a message is not JSON and is not counted: %s", key, error)
        return None


def estimate_tokens(input: object, model: str = "gpt-4o") -> int:
    """Return an estimate of the tokens of anything for any model. It never raises, and uses no network.

    Texts for OpenAI's models are exact if their tokenizer is on this machine. Without it, a quarter of the bytes is mostly
    within 20 per cent for English, German, French and code, and up to 40 per cent low for Chinese or Arabic. The tokenizers
    of other vendors differ by as much.

    Messages are counted like those to GPT-4, and tools in the form in which the model sees them: declarations for OpenAI's
    models, JSON for others. A few tokens of framing are uncertain. Images count by
    tiles, patches or area, as their vendors document it. An image behind a URL, whose size is unknown, counts as
    1024 x 1024 pixels.

    Args:
        input: A text, a message, parts of a message, a list of these, tools, or an object of the `openai` SDK. Other objects
            count as their text, or not at all.
        model: The model's name, which may be unknown.
    """
    items = [_dump_model(item) for item in (input if isinstance(input, (list, tuple)) else [input])]
    framing = 3 if any(_is_message(item) for item in items) else 0
    # Plain data, because methods of unknown objects may raise anything.
    tools = [json.loads(_render_any(item) or "{}") for item in items if is_tool(item)]
    others = sum(_estimate_item(item, str(model)) for item in items if not is_tool(item))
    return framing + others + count_tool_tokens(tools, str(model))


def _dump_model(value: object) -> object:
    """Return the data of an SDK object, and any other value as it is."""
    is_model = hasattr(value, "model_dump") and not isinstance(value, type)
    return json.loads(_render_any(value) or "null") if is_model else value


def _is_message(item: object) -> bool:
    return isinstance(item, Mapping) and "role" in item


def _estimate_item(item: object, model: str) -> int:
    if not isinstance(item, Mapping) or "role" not in item:
        return _estimate_part(item, model)
    count = 3 + ("name" in item)
    for value in item.values():
        count += sum(_estimate_part(part, model) for part in (value if isinstance(value, (list, tuple)) else [value]))
    return count


def _estimate_part(part: object, model: str) -> int:
    if part is None:
        return 0
    if is_image(part):
        return count_image_tokens(part, model)
    text = part.get("text") if isinstance(part, Mapping) else part
    return count_tokens(text if isinstance(text, str) else _render_any(part), model, estimate=True)


def _render_any(value: object) -> str:
    try:
        dump = getattr(value, "model_dump", None)
        return json.dumps(dump(exclude_none=True) if dump else value, ensure_ascii=False, default=str)
    except Exception as error:  # noqa: BLE001 - methods of an unknown object may raise anything
        logger.debug("A %s has no text to count: %s", type(value).__name__, type(error).__name__)
        return ""


def num_tokens_from_functions(functions: Sequence[Mapping[str, Any]], model: str = "gpt-3.5-turbo-0613") -> int:
    """Return the number of tokens of functions in a request.

    Args:
        functions: Functions with `name` and optionally `description` and `parameters`, or tools with such a function.
        model: The model's name.
    """
    return 12 + sum(_count_function_tokens(function.get("function", function), model) for function in functions)


def _count_function_tokens(function: Mapping[str, Any], model: str) -> int:
    count = count_tokens(function["name"], model) + count_tokens(function.get("description") or "", model) - 2
    properties = (function.get("parameters") or {}).get("properties")
    if properties is None:
        return count
    for name, schema in properties.items():
        count += count_tokens(name, model)
        for field, value in schema.items() if isinstance(schema, Mapping) else ():
            count += _count_field_tokens(field, value, model)
    return count + (11 if properties else 9)


def _count_field_tokens(field: str, value: object, model: str) -> int:
    if field in ("type", "description"):
        return 2 + sum(count_tokens(str(item), model) for item in (value if isinstance(value, list) else [value]))
    if field == "enum" and isinstance(value, (list, tuple)):
        return sum(3 + count_tokens(str(item), model) for item in value) - 3
    logger.warning("The field %r of a parameter is not counted.", field)
    return 0

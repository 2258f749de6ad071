"""Counting tokens, and how many a model takes.

>>> from autogen import token_count_utils
>>> token_count_utils.get_max_token_limit("gpt-4o")
128000
>>> token_count_utils.count_token("Hello, world!", "gpt-4")  # doctest: +SKIP
4

Without a network, the extra `tokens` brings the tokenizer of GPT-3.5 and GPT-4, which is near enough for the later models
too: English and code within one per cent of `o200k_base`, other languages above it, by a quarter (German) up to double
(Arabic). Where there is no tokenizer at all, a quarter of the bytes is the estimate, said once.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from ._image_tokens import count_image_tokens, is_image
from ._tokenizers import count_tokens
from .oai._requests.prices import get_context_limit

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

_LIMITS = {
    4096: ("gpt-3.5-turbo-0301", "gpt-3.5-turbo-0613", "gpt-3.5-turbo-instruct"),
    8192: ("gpt-4", "gpt-4-0314", "gpt-4-0613"),
    16385: ("gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-3.5-turbo-1106", "gpt-3.5-turbo-16k", "gpt-3.5-turbo-16k-0613"),
    32768: ("gpt-4-32k", "gpt-4-32k-0314", "gpt-4-32k-0613"),
    128000: (
        "gpt-4-turbo",
        "gpt-4-turbo-2024-04-09",
        "gpt-4-1106-preview",
        "gpt-4-0125-preview",
        "gpt-4-turbo-preview",
        "gpt-4-vision-preview",
        "gpt-4o",
        "gpt-4o-2024-05-13",
        "gpt-4o-2024-08-06",
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
    ),
}
_LIMIT_OF = {model: limit for limit, models in _LIMITS.items() for model in models}
_COUNTED_LIKE = {  # how messages are counted, by what is in the model's name; the first match counts
    "gpt-3.5-turbo": "gpt-3.5-turbo-0613",
    "gpt-4": "gpt-4-0613",
    "gemini": "gpt-4-0613",
    "claude": "gpt-4-0613",
    "mistral-": "gpt-4-0613",
    "mixtral-": "gpt-4-0613",
}


class UnknownModel(KeyError, ValueError):
    """Nobody knows how many tokens this model takes."""

    def __str__(self) -> str:
        return str(self.args[0])


def _canonical(model: str) -> str:
    """The name with the spellings of Azure undone."""
    return re.sub(r"^gpt4", "gpt-4", re.sub(r"^gpt-?35", "gpt-3.5", model))


def get_max_token_limit(model: str = "gpt-3.5-turbo-0613") -> int:
    """How many tokens a model takes, input and output together.

    Raises:
        UnknownModel: A `KeyError` and a `ValueError`: neither our table nor the maintained source has the model.
    """
    name = _canonical(model)
    limit = _LIMIT_OF.get(name) or get_context_limit(name)
    if limit is None:
        raise UnknownModel(
            f"How many tokens the model {model!r} takes is not known. Compare its count_token with the limit of its server."
        )
    return limit


def percentile_used(input: str | list[Any] | dict[str, Any], model: str = "gpt-3.5-turbo-0613") -> float:
    """How much of a model's limit a text or messages take, as a fraction.

    Raises:
        UnknownModel: The limit of the model is not known.
        ValueError: `input` is neither a text, nor a list, nor a dictionary.
    """
    return _count_or_estimate(input, model) / get_max_token_limit(model)


def token_left(input: str | list[Any] | dict[str, Any], model: str = "gpt-3.5-turbo-0613") -> int:
    """How many tokens a model takes beside a text or messages.

    Raises:
        UnknownModel: The limit of the model is not known.
        ValueError: `input` is neither a text, nor a list, nor a dictionary.
    """
    return get_max_token_limit(model) - _count_or_estimate(input, model)


def _count_or_estimate(input: Any, model: str) -> int:
    """The count; for messages to models that have no rule for it, the estimate."""
    try:
        return count_token(input, _canonical(model))
    except NotImplementedError:
        return estimate_tokens(input, model)


def count_token(input: str | list[Any] | dict[str, Any], model: str = "gpt-3.5-turbo-0613") -> int:
    """The tokens of a text, of a message, or of a list of messages.

    The values of all keys count, as JSON where they are no text: also the data of images. `estimate_tokens` takes images for
    what a model takes them for, and any model.

    Raises:
        NotImplementedError: Messages for a model whose way of counting them is not known.
        ValueError: `input` is neither a text, nor a list, nor a dictionary.
    """
    if isinstance(input, str):
        return _num_token_from_text(input, model)
    if isinstance(input, (list, dict)):
        return _num_token_from_messages(input, model)
    raise ValueError(f"Tokens are counted in a text, a message or a list of messages, not in a {type(input).__name__}.")


def _num_token_from_text(text: str, model: str = "gpt-3.5-turbo-0613") -> int:
    return count_tokens(text, model)


def _num_token_from_messages(messages: list[Any] | dict[str, Any], model: str = "gpt-3.5-turbo-0613") -> int:
    per_message, per_name = (4, -1) if model == "gpt-3.5-turbo-0301" else (3, 1)
    family = next((counted for part, counted in _COUNTED_LIKE.items() if part in model), None)
    if family is None:
        hint = "estimate_tokens(messages, model) gives an estimate for any model."
        raise NotImplementedError(f"How messages to the model {model!r} are counted is not known. {hint}")
    count = 3  # the reply is opened with three
    for message in [messages] if isinstance(messages, dict) else messages:
        count += per_message
        for key, value in message.items():
            if value is None:
                continue
            text = _as_text(key, value)
            if text is None:
                continue
            count += count_tokens(text, family) + (per_name if key == "name" else 0)
    return count


def _as_text(key: str, value: Any) -> str | None:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        logger.warning("The value of %r in a message has no JSON form and is not counted: %s", key, error)
        return None


def estimate_tokens(input: Any, model: str = "gpt-4o") -> int:
    """About how many tokens something has for any model. It never raises, and it never asks the network.

    Texts for OpenAI's models are exact where their tokenizer is on this machine. Without one, a quarter of the bytes is
    mostly within 20 per cent for English, German, French and code, and up to 40 per cent low for Chinese or Arabic. Other
    vendors' models have tokenizers of their own, which differ by as much.

    Messages are counted like those to GPT-4, tools as their JSON: a few tokens of framing are uncertain. Images count by
    tiles, patches or area, as their vendors document it; one behind a URL, whose size is not known, as 1024 x 1024 pixels.

    Args:
        input: A text, a message, parts of a message, a list of any of these, tools, or an object of the `openai` SDK.
        model: The model's name, which may be unknown.

    Returns:
        The estimate; things that are nothing of this kind count by their text, or not at all.
    """
    items = [_plain(one) for one in (input if isinstance(input, (list, tuple)) else [input])]
    framing = 3 if any(_is_message(one) for one in items) else 0
    return framing + sum(_estimate_item(one, str(model)) for one in items)


def _plain(value: Any) -> Any:
    """What an object of the SDK holds; anything else as it is."""
    dump = getattr(value, "model_dump", None)
    return json.loads(_any_text(value) or "null") if dump and not isinstance(value, type) else value


def _is_message(item: Any) -> bool:
    return isinstance(item, Mapping) and "role" in item


def _estimate_item(item: Any, model: str) -> int:
    if not _is_message(item):
        return _estimate_part(item, model)
    count = 3 + ("name" in item)
    for value in item.values():
        count += sum(_estimate_part(one, model) for one in (value if isinstance(value, (list, tuple)) else [value]))
    return count


def _estimate_part(part: Any, model: str) -> int:
    if part is None:
        return 0
    if is_image(part):
        return count_image_tokens(part, model)
    text = part.get("text") if isinstance(part, Mapping) else part
    return count_tokens(text if isinstance(text, str) else _any_text(part), model, estimate=True)


def _any_text(value: Any) -> str:
    try:
        dump = getattr(value, "model_dump", None)
        return json.dumps(dump(exclude_none=True) if dump else value, ensure_ascii=False, default=str)
    except Exception as error:  # noqa: BLE001 - the text of a stranger's object may raise anything
        logger.debug("A %s has no text to count: %s", type(value).__name__, type(error).__name__)
        return ""


def num_tokens_from_functions(functions: list[dict[str, Any]], model: str = "gpt-3.5-turbo-0613") -> int:
    """The tokens of functions in a request.

    Args:
        functions: Each with `name`, and `description` and `parameters` if it has them; or tools that hold such a function.
        model: The model's name.
    """
    return 12 + sum(_num_tokens_from_function(one.get("function", one), model) for one in functions)


def _num_tokens_from_function(function: Mapping[str, Any], model: str) -> int:
    count = count_tokens(function["name"], model) + count_tokens(function.get("description") or "", model) - 2
    properties = (function.get("parameters") or {}).get("properties")
    if properties is None:
        return count
    for name, schema in properties.items():
        count += count_tokens(name, model)
        for field, value in schema.items() if isinstance(schema, Mapping) else ():
            count += _num_tokens_from_field(field, value, model)
    return count + (11 if properties else 9)


def _num_tokens_from_field(field: str, value: Any, model: str) -> int:
    if field in ("type", "description"):
        return 2 + sum(count_tokens(str(one), model) for one in (value if isinstance(value, list) else [value]))
    if field == "enum":
        return sum(3 + count_tokens(str(one), model) for one in value) - 3
    logger.warning("The field %r of a parameter is not counted.", field)
    return 0

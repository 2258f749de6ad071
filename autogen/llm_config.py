"""`LLMConfig`: an `llm_config` that is checked when it is made, masks its keys when it is shown, and can be put in force."""

from __future__ import annotations

import copy
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar, Token
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ._secrets import redact
from .oai.openai_utils import config_list_from_json, filter_config

__all__ = ["LLMConfig"]

logger = logging.getLogger(__name__)

OF_ALL = frozenset(
    {
        "allow_format_str_template",
        "cache",
        "cache_seed",
        "check_every_ms",
        "filter_func",
        "functions",
        "max_cost",
        "max_new_tokens",
        "max_tokens_total",
        "parallel_tool_calls",
        "response_format",
        "retry_policy",
        "routing_method",
        "seed",
        "stream",
        "temperature",
        "timeout",
        "tools",
    }
)
"""Settings of the whole config. What else stands beside a model belongs to its entry."""

OF_EACH = ("max_tokens", "top_p")  # are put into every entry

OF_ENTRY = frozenset(
    {
        "api_key",
        "api_rate_limit",
        "api_type",
        "api_version",
        "azure_ad_token",
        "azure_ad_token_provider",
        "azure_deployment",
        "azure_endpoint",
        "base_url",
        "default_headers",
        "extra_body",
        "extra_headers",
        "frequency_penalty",
        "hide_tools",
        "http_client",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_retries",
        "max_tokens",
        "model",
        "model_client_cls",
        "n",
        "organization",
        "presence_penalty",
        "price",
        "project",
        "reasoning_effort",
        "stop",
        "tags",
        "tool_choice",
        "top_k",
        "top_p",
        "user",
        "verbosity",
        "voice",
    }
)


class _Current:
    """The config in force, as an attribute of the class."""

    def __get__(self, instance: object, owner: type[Any]) -> LLMConfig:
        active = _active.get()
        if active is None:
            raise ValueError("No LLMConfig is in force: use it in a `with` block.")
        return active.copy()


class LLMConfig(dict[str, Any]):
    """An `llm_config`. It is a dict, and can be used wherever one can.

    Args:
        *entries: Dicts, one for each model.
        config_list: The same as a list; a single dict will do.
        **settings: Settings of the whole config (`temperature`, `timeout`, `cache_seed`, `tools`...). Without entries they
            also describe a single model (`model`, `api_key`, ...).

    Raises:
        ValueError: There is no model, or an entry is no dict.

    >>> config = LLMConfig(model="gpt-4o-mini", api_key="sk-0123456789abcdefghijkl", temperature=0)
    >>> config
    LLMConfig(config_list=[{'model': 'gpt-4o-mini', 'api_key': '***', 'api_type': 'openai'}], temperature=0)
    >>> with config:  # agents made here have it
    ...     agent = ConversableAgent("agent")  # doctest: +SKIP
    """

    current = _Current()
    default = current

    def __init__(self, *entries: Any, config_list: Any = None, **settings: Any) -> None:
        entries = _unpacked(entries, settings)
        listed = [config_list] if isinstance(config_list, Mapping) else list(config_list or ())
        given = [*entries, *listed]
        if not given:
            given = [{key: settings.pop(key) for key in list(settings) if key not in OF_ALL}]
        for key in OF_EACH:
            if key in settings:
                value = settings.pop(key)
                given = [{key: value, **entry} for entry in given]
        _warn_of_misspelt([*settings, *(key for entry in given if isinstance(entry, Mapping) for key in entry)])
        super().__init__(config_list=[_checked(entry) for entry in given], **settings)

    @classmethod
    def from_json(
        cls,
        *,
        path: str | Path | None = None,
        env: str | None = None,
        file_location: str | None = None,
        filter_dict: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> LLMConfig:
        """Read the entries from a file, or from an environment variable that holds JSON or the path of a file.

        Args:
            path: The file.
            env: The variable.
            file_location: The folder of the file.
            filter_dict: Which entries; see `filter_config`.
            **settings: Settings of the whole config.

        Raises:
            ValueError: Both or neither of `path` and `env` are given, or no entry is left.
            FileNotFoundError: There is no such file or variable.
        """
        if (path is None) == (env is None):
            raise ValueError("Give either path or env.")
        if env is not None and not os.environ.get(env):
            raise FileNotFoundError(f"The environment variable {env} is not set.")
        chosen = dict(filter_dict) if filter_dict else None
        entries = config_list_from_json(str(env or path), file_location=file_location or "", filter_dict=chosen)
        return cls(config_list=entries, **settings)

    def where(self, *accepts: Callable[[dict[str, Any]], bool], exclude: bool = False, **criteria: Any) -> LLMConfig:
        """A config with the entries that match; this one stays as it is.

        Args:
            *accepts: Functions from an entry to a bool.
            exclude: Keep the entries that match nothing of it instead.
            **criteria: For each key the values that match; a list in an entry (`tags`) matches if it shares one of them. A
                text stands for exactly itself, and a missing value matches None.

        Raises:
            ValueError: No entry is left.

        >>> config.where(tags=["cheap"], model="gpt-4o-mini")  # doctest: +SKIP
        """
        listed = {key: [value] if isinstance(value, str) or value is None else value for key, value in criteria.items()}

        def keeps(entry: dict[str, Any]) -> bool:
            fits = [accept(entry) for accept in accepts]
            for key, values in listed.items():
                absent = entry.get(key) is None and None in values
                fits.append(absent or bool(filter_config([entry], {key: values})))
            return not any(fits) if exclude else all(fits)

        entries = [entry for entry in self["config_list"] if keeps(entry)]
        if not entries:
            raise ValueError(f"No entry matches {criteria or accepts}; the models are: {', '.join(self._models())}.")
        return type(self)(**{**copy.copy(dict(self)), "config_list": copy.deepcopy(entries)})

    def _models(self) -> list[str]:
        return [str(entry.get("model")) for entry in self["config_list"]]

    def __enter__(self) -> LLMConfig:
        _tokens.set((*_tokens.get(), _active.set(self)))
        return self

    def __exit__(self, *_: object) -> None:
        *outer, token = _tokens.get()
        _tokens.set(tuple(outer))
        _active.reset(token)

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"This LLMConfig has no {name!r}; it has: {', '.join(self)}.")

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in OF_ALL and name not in self:
            raise ValueError(f"{name!r} is no setting of an LLMConfig.")
        self[name] = value

    def copy(self) -> LLMConfig:
        """A copy that shares nothing with this one that can be changed."""
        return copy.deepcopy(self)

    def model_dump(self, *, reveal: bool = False) -> dict[str, Any]:
        """A plain dict without empty settings.

        Args:
            reveal: Whether keys stay readable, instead of being masked.
        """
        kept = {key: value for key, value in self.items() if value is not None and value != []}
        return copy.deepcopy(kept) if reveal else redact(kept)

    def model_dump_json(self, *, reveal: bool = False) -> str:
        """`model_dump` as JSON text; what JSON can't hold is shown by its class."""
        return json.dumps(self.model_dump(reveal=reveal), default=lambda value: f"<{type(value).__name__}>")

    def __repr__(self) -> str:
        return f"LLMConfig({', '.join(f'{key}={value!r}' for key, value in redact(dict(self)).items())})"


_active: ContextVar[LLMConfig | None] = ContextVar("LLMConfig in force", default=None)
_tokens: ContextVar[tuple[Token[LLMConfig | None], ...]] = ContextVar("how to leave them", default=())


def get_active_config() -> LLMConfig | None:
    """A copy of the config whose `with` block this is; None outside of one."""
    active = _active.get()
    return None if active is None else active.copy()


def _unpacked(entries: tuple[Any, ...], settings: dict[str, Any]) -> tuple[Any, ...]:
    """The entries; those of a single whole config, whose other settings join `settings`."""
    if len(entries) != 1 or not isinstance(entries[0], Mapping) or "config_list" not in entries[0]:
        return entries
    whole = dict(entries[0])
    listed = whole.pop("config_list")
    for key, value in whole.items():
        settings.setdefault(key, value)
    return (listed,) if isinstance(listed, Mapping) else tuple(listed)


def _checked(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        raise ValueError(f"An entry of a config_list must be a dict, not a {type(entry).__name__}.")
    if not entry.get("model"):
        raise ValueError("An entry names no model: give it a 'model'.")
    checked = dict(entry)
    url = checked.get("base_url")
    if url and "://" not in str(url):
        checked["base_url"] = f"http://{url}"
    if "model_client_cls" not in checked:
        checked.setdefault("api_type", "openai")
    return checked


def _warn_of_misspelt(keys: list[str]) -> None:
    known = [*OF_ALL, *OF_ENTRY]
    for key in _unknown(keys):
        if near := get_close_matches(key, known, n=1, cutoff=0.8):
            logger.warning("LLMConfig: %r is no known setting; is %r meant? It is passed on as it is.", key, near[0])


def _unknown(keys: list[str]) -> Iterator[str]:
    return (key for key in dict.fromkeys(keys) if key not in OF_ALL and key not in OF_ENTRY)

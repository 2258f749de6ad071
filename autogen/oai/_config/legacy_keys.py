"""Configs as they were written for the 0.1 line, in today's spelling.

All but two of the old spellings fail in the SDK of today as unknown arguments, so translating them changes no config that
works. The two are `api_type: "open_ai"`, which only gets its usual name, and `seed`. In 0.1 that was the seed of the cache;
today it is the seed of the model's sampling. It is read as the former only where the config is surely an old one: something
in it, or in an entry of its `config_list`, is an old spelling that fails today, and nothing is a key that 0.1 did not have.
A `seed` without such company stays what it is.

Entries with a `model_client_cls` are left alone: such a client has keys of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

logger = logging.getLogger("autogen.oai.client")

_RENAMED = {"request_timeout": "timeout", "api_base": "base_url"}
_DEPLOYMENTS = ("engine", "deployment_id")  # where there are both, the first was used
_RETRIES = ("retry_wait_time", "max_retry_period")
_FAILS_TODAY = {*_RENAMED, *_DEPLOYMENTS, *_RETRIES, "use_cache"}
_NEVER_IN_0_1 = {
    *("cache_seed", "cache", "timeout", "base_url", "max_retries", "api_rate_limit", "price", "tags", "model_client_cls"),
    *("azure_endpoint", "azure_deployment", "azure_ad_token", "azure_ad_token_provider"),
    *("project", "http_client", "default_headers", "default_query"),
    *("tools", "tool_choice", "parallel_tool_calls", "response_format", "top_logprobs"),
    *("max_completion_tokens", "reasoning_effort", "stream_options", "extra_headers", "extra_query", "extra_body"),
}
_NOTES = {
    **{old: f"{old!r} in a config is called {new!r} today. It is read as that." for old, new in _RENAMED.items()},
    **{
        name: f"{name!r} in a config is called 'model' today, for Azure 'azure_deployment'. It is read as that."
        for name in _DEPLOYMENTS
    },
    **{
        name: f"{name!r} in a config has no meaning today and is left out. 'max_retries' says how often the SDK tries again."
        for name in _RETRIES
    },
    "use_cache": "'use_cache' in a config is spelled by 'cache_seed' today: None for no cache. It is read as that.",
    "seed": "'seed' in a config with old spellings is read as the seed of the cache, which is called 'cache_seed' today. "
    "Without old spellings it is the seed of the model's sampling.",
    "open_ai": "The api_type 'open_ai' in a config is called 'openai' today. It is read as that.",
}

_lock = threading.Lock()
_told: set[str] = set()


def log_once(note: str) -> None:
    """Log a note as a warning, the first time in this process."""
    with _lock:
        new = note not in _told
        _told.add(note)
    if new:
        logger.warning("%s", note)


def translate_legacy_keys(config: Mapping[str, Any], *, warn: Callable[[str], None]) -> dict[str, Any]:
    """A copy of an `llm_config`, or of one entry of a `config_list`, in today's spelling.

    Where a key is there in both spellings, today's counts. Pass the whole config, with its `config_list`, not its parts:
    one old entry tells how the others are to be read.

    Args:
        config: The config. Neither it nor its entries are changed.
        warn: Called with one sentence for each spelling that was met, such as `log_once`.

    >>> translated({"request_timeout": 60, "seed": 42, "config_list": [{"model": "gpt-4"}]}, warn=lambda note: None)
    {'config_list': [{'model': 'gpt-4'}], 'timeout': 60, 'cache_seed': 42}
    """
    entries = config.get("config_list")
    inner = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, (list, tuple)) else []
    kinds = [str(part.get("api_type")) for part in (config, *inner)]
    keys = {key for part in (config, *inner) if not _is_custom(part) for key in part}
    is_old = bool(keys & _FAILS_TODAY) and not any(part.keys() & _NEVER_IN_0_1 for part in (config, *inner))
    met: dict[str, None] = {}  # a set that keeps its order
    result = dict(config)
    if not _is_custom(config) and not (inner and all(map(_is_custom, inner))):
        result = _in_todays_spelling(config, any(kind.startswith("azure") for kind in kinds), is_old, met)
    if inner:
        result["config_list"] = [
            _entry(entry, str(config.get("api_type")), is_old, met) if isinstance(entry, Mapping) else entry
            for entry in entries or ()
        ]
    for spelling in met:
        warn(_NOTES[spelling])
    return result


def _is_custom(part: Mapping[str, Any]) -> bool:
    return part.get("model_client_cls") is not None


def _entry(entry: Mapping[str, Any], kind_of_base: str, is_old: bool, met: dict[str, None]) -> dict[str, Any]:
    if _is_custom(entry):
        return dict(entry)
    return _in_todays_spelling(entry, str(entry.get("api_type", kind_of_base)).startswith("azure"), is_old, met)


def _in_todays_spelling(part: Mapping[str, Any], is_azure: bool, is_old: bool, met: dict[str, None]) -> dict[str, Any]:
    result = dict(part)

    def taken(name: str) -> Any:
        met[name] = None
        return result.pop(name)

    for old, new in _RENAMED.items():
        if old in result:
            result.setdefault(new, taken(old))
    deployments = [taken(name) for name in _DEPLOYMENTS if name in result]
    if deployments:
        if is_azure:
            result.setdefault("azure_deployment", deployments[0])
        result.setdefault("model", deployments[0])
    for name in _RETRIES:
        if name in result:
            taken(name)
    if is_old and "seed" in result:
        result["cache_seed"] = taken("seed")
    if "use_cache" in result and not taken("use_cache"):
        result["cache_seed"] = None
    if result.get("api_type") == "open_ai":
        met["open_ai"] = None
        result["api_type"] = "openai"
    return result

"""Translation of configs written for 0.1 to today's keys.

All but two of the old keys are unknown arguments to today's SDK, so translating them can't change a config that works. The
exceptions are `api_type: "open_ai"`, which is just renamed, and `seed`: in 0.1 the cache seed, today a sampling parameter.
It is read as the cache seed only if the config is certainly an old one, that is if it has an old key that fails today, in
the config itself or an entry of its `config_list`, and no key that 0.1 didn't have.

Entries with a `model_client_cls` are left alone: such a client has keys of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_RENAMED = {"request_timeout": "timeout", "api_base": "base_url"}
# In order of precedence, as in 0.1.
_DEPLOYMENTS = ("engine", "deployment_id")
_RETRIES = ("retry_wait_time", "max_retry_period")
_FAILS_TODAY = {*_RENAMED, *_DEPLOYMENTS, *_RETRIES, "use_cache"}
LEGACY_KEYS = frozenset(_FAILS_TODAY)
"""Keys of the 0.1 line that are read."""

_NEVER_IN_0_1 = {
    *("cache_seed", "cache", "timeout", "base_url", "max_retries", "api_rate_limit", "price", "tags", "model_client_cls"),
    *("azure_endpoint", "azure_deployment", "azure_ad_token", "azure_ad_token_provider"),
    *("project", "http_client", "default_headers", "default_query"),
    *("tools", "tool_choice", "parallel_tool_calls", "response_format", "top_logprobs"),
    *("max_completion_tokens", "reasoning_effort", "stream_options", "extra_headers", "extra_query", "extra_body"),
}
_NOTES = {
    **{old: f"The config key {old!r} is deprecated, use {new!r}." for old, new in _RENAMED.items()},
    **{
        name: f"The config key {name!r} is deprecated, use 'model', or 'azure_deployment' for Azure."
        for name in _DEPLOYMENTS
    },
    **{name: f"The config key {name!r} is ignored; 'max_retries' sets the number of retries." for name in _RETRIES},
    "use_cache": "The config key 'use_cache' is deprecated, use 'cache_seed' (None for no cache).",
    "seed": "The config key 'seed' is read as 'cache_seed', because the config has other keys of 0.1. "
    "Without them it is the seed of the model's sampling.",
    "open_ai": "The api_type 'open_ai' is deprecated, use 'openai'.",
}


def translate_legacy_keys(config: Mapping[str, Any], *, warn: Callable[[str], None]) -> dict[str, Any]:
    """Return a copy of an `llm_config`, or of an entry of a `config_list`, with today's keys.

    If a key is present in both spellings, today's wins. Pass the whole config, with its `config_list`: a single old entry
    decides how the others are read.

    Args:
        config: The config, which stays as it is.
        warn: A function that is called with a sentence for each old key, such as `log_once`.

    >>> config = {"request_timeout": 60, "seed": 42, "config_list": [{"model": "gpt-4"}]}
    >>> translate_legacy_keys(config, warn=lambda note: None)
    {'config_list': [{'model': 'gpt-4'}], 'timeout': 60, 'cache_seed': 42}
    """
    listed = config.get("config_list")
    entries = [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, (list, tuple)) else []
    api_types = [str(part.get("api_type")).lower() for part in (config, *entries)]
    if "open_ai" not in api_types and all(part.keys().isdisjoint(LEGACY_KEYS) for part in (config, *entries)):
        copies = {"config_list": [dict(entry) if isinstance(entry, Mapping) else entry for entry in listed or ()]}
        return {**config, **copies} if entries else dict(config)
    keys = {key for part in (config, *entries) if not _is_custom(part) for key in part}
    is_old = bool(keys & _FAILS_TODAY) and not any(part.keys() & _NEVER_IN_0_1 for part in (config, *entries))
    # A dict, because a set would lose the order.
    translated: dict[str, None] = {}
    result = dict(config)
    # Keys beside a list of custom clients are theirs.
    if not _is_custom(config) and not (entries and all(map(_is_custom, entries))):
        is_azure = any(api_type.startswith("azure") for api_type in api_types)
        result = _translate(config, is_azure, is_old, translated)
    if entries:
        result["config_list"] = [
            _translate_entry(entry, str(config.get("api_type")), is_old, translated) if isinstance(entry, Mapping) else entry
            for entry in listed or ()
        ]
    for key in translated:
        warn(_NOTES[key])
    return result


def _is_custom(config: Mapping[str, object]) -> bool:
    return config.get("model_client_cls") is not None


def _translate_entry(
    entry: Mapping[str, object], default_api_type: str, is_old: bool, translated: dict[str, None]
) -> dict[str, object]:
    if _is_custom(entry):
        return dict(entry)
    is_azure = str(entry.get("api_type", default_api_type)).lower().startswith("azure")
    return _translate(entry, is_azure, is_old, translated)


def _translate(config: Mapping[str, object], is_azure: bool, is_old: bool, translated: dict[str, None]) -> dict[str, object]:
    """Return a copy of a config or an entry with today's keys, and add the old keys to `translated`."""
    result = dict(config)

    def pop(key: str) -> object:
        translated[key] = None
        return result.pop(key)

    for old, new in _RENAMED.items():
        if old in result:
            result.setdefault(new, pop(old))
    deployments = [pop(key) for key in _DEPLOYMENTS if key in result]
    if deployments:
        if is_azure:
            result.setdefault("azure_deployment", deployments[0])
        result.setdefault("model", deployments[0])
    for key in _RETRIES:
        if key in result:
            pop(key)
    if is_old and "seed" in result:
        result["cache_seed"] = pop("seed")
    # After `seed`: a cache that was switched off stays off.
    if "use_cache" in result and not pop("use_cache"):
        result["cache_seed"] = None
    if str(result.get("api_type")).lower() == "open_ai":
        translated["open_ai"] = None
        result["api_type"] = "openai"
    return result

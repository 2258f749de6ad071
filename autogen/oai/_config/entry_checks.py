"""Checks of an `llm_config` where a program passes it, before the first request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..._mistakes import find_close, warn_caller, warn_of_misspellings
from ...types import LLMConfigDict
from .legacy_keys import LEGACY_KEYS, translate_legacy_keys
from .lists import validate_config_list

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

KNOWN_KEYS = LLMConfigDict.__optional_keys__ | LEGACY_KEYS

# Texts that samples have in the position of a key. A server of the user's own may take any text for a key.
_PLACEHOLDER = re.compile(
    r"<.*>|\[.*\]|\{.*\}|\$.*|.*\.\.\.|…|(sk-)?x{3,}|(sk-)?\*+|(sk-)?(your|my|insert|replace|enter|put)[-_ ].*",
    re.IGNORECASE | re.DOTALL,
)


def check_config(config: Mapping[str, Any], owner: str = "llm_config") -> None:
    """Check an `llm_config`: the entries have a model, and keys are not misspelt.

    Args:
        config: The config.
        owner: Its name in messages.

    Raises:
        ValueError: if its `config_list` is not a list of dicts, or neither an entry nor the top level names a model.
    """
    entries = config.get("config_list") or []
    validate_config_list(entries)
    _check_models(config, owner)
    if not (entries and all(map(_is_custom, entries))):
        warn_of_misspelt_settings(owner, config)
    for number, entry in enumerate(entries, start=1):
        if not _is_custom(entry):
            warn_of_misspelt_settings(f"{owner}, entry {number},", entry)


def warn_of_placeholders(config: Mapping[str, Any], owner: str = "llm_config") -> None:
    """Warn about API keys that are placeholders, such as `<your key>`. No error: another entry may succeed."""
    entries = config.get("config_list") or []
    for number, entry in enumerate(entries or [config], start=1):
        if _has_placeholder({**config, **entry}):
            position = f"entry {number} of {owner}" if entries else owner
            warn_caller(f"The api_key in {position} is a placeholder, not a key. No request will succeed with it.")


def warn_of_misspelt_settings(owner: str, names: Iterable[object]) -> None:
    """Warn about unknown settings that are close to known settings."""
    warn_of_misspellings(names, KNOWN_KEYS, owner, "It is sent to the endpoint as it is.")


def _check_models(config: Mapping[str, Any], owner: str) -> None:
    # Old spellings of `model` count, and are reported elsewhere.
    translated = translate_legacy_keys(config, warn=lambda note: None)
    listed = translated.pop("config_list", None)
    for number, entry in enumerate(listed or [{}], start=1):
        merged = {**translated, **entry}
        if merged.get("model") or merged.get("azure_deployment") or _is_custom(merged):
            continue
        position = f"entry {number}" if listed else "it"
        names = [*entry, *translated] if listed else list(config)
        close = next((name for name in names if find_close(name, ["model"] if listed else ["model", "config_list"])), None)
        found = f"found {close!r}" if close else f"found {', '.join(map(repr, names)) or 'nothing'}"
        raise ValueError(
            f"{owner} names no model: {position} has no 'model'; {found}. "
            "Give it a 'model', or a 'config_list' of dicts that have one."
        )


def _is_custom(entry: Mapping[str, Any]) -> bool:
    return entry.get("model_client_cls") is not None


def _has_placeholder(entry: Mapping[str, Any]) -> bool:
    key = entry.get("api_key")
    is_own_server = bool(entry.get("base_url") or entry.get("client_host")) or _is_custom(entry)
    return isinstance(key, str) and not is_own_server and _PLACEHOLDER.fullmatch(key.strip()) is not None

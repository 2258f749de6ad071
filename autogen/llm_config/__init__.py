"""`LLMConfig`: an `llm_config` that is validated when it is made, masks its keys, and can be a context manager."""

from __future__ import annotations

from .._lazy_imports import deprecate
from ..oai.client import ModelClient
from .config import CONFIG_SETTINGS, SHARED_ENTRY_SETTINGS, LLMConfig, get_active_config

__all__ = ["CONFIG_SETTINGS", "SHARED_ENTRY_SETTINGS", "LLMConfig", "ModelClient", "get_active_config"]

__getattr__ = deprecate(globals(), {"in_force": "get_active_config"})

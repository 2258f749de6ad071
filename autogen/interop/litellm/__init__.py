"""Configs of LiteLLM from the configs of agents."""

from __future__ import annotations

from .litellm_config_factory import LiteLLmConfigAdapter, LiteLLmConfigFactory

__all__ = ["LiteLLmConfigAdapter", "LiteLLmConfigFactory"]

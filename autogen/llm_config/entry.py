"""Entries of an `LLMConfig`, and the defaults of all entries."""

from __future__ import annotations

from ..oai._config.entries import ApplicationConfig, LLMConfigEntry

__all__ = ["ApplicationConfig", "LLMConfigEntry"]

"""Limits of the histories that models see, in documents."""

from __future__ import annotations

import importlib

from pydantic import Field

from ..specs._protocols import Build, JSONObject, LiveObject
from ..specs._registry import KeptComponentType
from ..specs.fields import ComponentConfig

_MODULE = "autogen.agentchat.contrib.capabilities"


class HistoryLimiterConfig(ComponentConfig):
    """Schema of `message_history_limiter`."""

    max_messages: int = Field(ge=1)
    keep_first_message: bool = False


class TokenLimiterConfig(ComponentConfig):
    """Schema of `message_token_limiter`."""

    max_tokens_per_message: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=0)
    min_tokens: int | None = Field(default=None, ge=0)
    model: str | None = None


class TextCompressorConfig(ComponentConfig):
    """Schema of `text_compressor`."""

    min_tokens: int | None = Field(default=None, ge=1)


class ContextType(KeptComponentType):
    """The type of transforms whose arguments are the fields of the config."""

    kind = "context"

    def __init__(
        self, name: str, target: str, config_model: type[ComponentConfig], description: str, example: JSONObject
    ) -> None:
        self.name = name
        self.target = target
        self.config_model = config_model
        self.label = target.rpartition(":")[2]
        self.description = description
        self.example = example

    def make(self, config: ComponentConfig, build: Build) -> LiveObject:
        """Make the transform."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)(**dict(config))


class TextCompressorType(ContextType):
    """The type of the compressor that needs no model."""

    def make(self, config: ComponentConfig, build: Build) -> LiveObject:
        """Make the transform, with the extractive compressor."""
        from ..agentchat.contrib.capabilities.text_compressors import ExtractiveCompressor
        from ..agentchat.contrib.capabilities.transforms import TextMessageCompressor

        return TextMessageCompressor(ExtractiveCompressor(), **dict(config))


CONTEXT_TYPES = (
    ContextType(
        "message_history_limiter",
        f"{_MODULE}.transforms:MessageHistoryLimiter",
        HistoryLimiterConfig,
        "Shows the newest messages.",
        {"max_messages": 20},
    ),
    ContextType(
        "message_token_limiter",
        f"{_MODULE}.transforms:MessageTokenLimiter",
        TokenLimiterConfig,
        "Limits the tokens of each message, and of all of them.",
        {"max_tokens": 8_000},
    ),
    TextCompressorType(
        "text_compressor",
        f"{_MODULE}.transforms:TextMessageCompressor",
        TextCompressorConfig,
        "Keeps the sentences of long texts that matter.",
        {"min_tokens": 2_000},
    ),
)

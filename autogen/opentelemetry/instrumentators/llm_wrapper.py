"""Spans of requests to models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._tracers import get_tracer

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument_llm_wrapper"]


def instrument_llm_wrapper(*, tracer_provider: TracerProvider, capture_messages: bool = False) -> None:
    """Trace all requests to models of this process, in sync and async chats, and those without an agent.

    Args:
        tracer_provider: Provider of the tracer.
        capture_messages: True to record the messages of requests and responses. Secrets are masked. A second call without
            it doesn't undo that.

    Raises:
        TypeError: if the provider is not a tracer provider.
        ImportError: if `opentelemetry` is not installed.
    """
    tracer = get_tracer(tracer_provider)
    tracer.traces_models = True
    tracer.captures_messages = tracer.captures_messages or capture_messages

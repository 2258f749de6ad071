"""AG2's functions for OpenTelemetry, over `autogen.tracing`: spans of some agents and groups, or of all requests to models.

They have effect until the end of the process, or until `uninstrument`. Needs the extra `otel`.

>>> from autogen.opentelemetry import instrument_agent, instrument_llm_wrapper
>>> instrument_llm_wrapper(tracer_provider=provider)  # doctest: +SKIP
>>> instrument_agent(agent, tracer_provider=provider)  # doctest: +SKIP
"""

from ._setup import setup_instrumentation
from ._tracers import uninstrument
from .instrumentators.agent import instrument_agent
from .instrumentators.llm_wrapper import instrument_llm_wrapper
from .instrumentators.pattern import instrument_groupchat, instrument_pattern

__all__ = [
    "instrument_agent",
    "instrument_groupchat",
    "instrument_llm_wrapper",
    "instrument_pattern",
    "setup_instrumentation",
    "uninstrument",
]

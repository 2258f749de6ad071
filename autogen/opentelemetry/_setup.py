"""A tracer provider for programs that have none."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .._extras import require

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

logger = logging.getLogger(__name__)


def setup_instrumentation(service_name: str = "autogen", endpoint: str | None = None) -> TracerProvider:
    """Make a tracer provider that exports spans by OTLP, if such an exporter is installed.

    Give it to `instrument_agent` and the other functions. It doesn't become the provider of the process.

    Args:
        service_name: Name of the service in the spans.
        endpoint: Address of the collector, such as `http://127.0.0.1:4318/v1/traces`; None for that of the environment
            variables of OpenTelemetry.

    Raises:
        ImportError: if `opentelemetry-sdk` is not installed.
    """
    require("opentelemetry.sdk", feature="setup_instrumentation")
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service_name}))
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        logger.warning(
            "No spans are exported: opentelemetry-exporter-otlp-proto-http is not installed. Add a span processor to the "
            "provider that setup_instrumentation returned, or install the package."
        )
        return provider
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider

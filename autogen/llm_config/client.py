"""AG2's path for the protocol of custom model clients."""

from __future__ import annotations

from ..oai.client import ModelClient

__all__ = ["ModelClient"]

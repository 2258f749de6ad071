"""AG2's path for the outcome of a target."""

from __future__ import annotations

from .._handoffs.targets import SpeakerSelectionResult

__all__ = ["SpeakerSelectionResult"]

"""Patterns for group chats with hand-offs. They differ in how the next speaker is selected when there is no hand-off.

A pattern can be used for several chats: it does not change its agents.
"""

from __future__ import annotations

from .auto import AutoPattern
from .manual import ManualPattern
from .pattern import DefaultPattern, Pattern
from .random import RandomPattern
from .round_robin import RoundRobinPattern

__all__ = ["AutoPattern", "DefaultPattern", "ManualPattern", "Pattern", "RandomPattern", "RoundRobinPattern"]

"""Entries of `tools` in a config: functions, and tools that vendors run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def get_offer_name(tool: Mapping[str, Any]) -> str:
    """Return the name of an entry of `tools`: that of its function; for a tool that a vendor runs its name or its type."""
    function = tool.get("function")
    named = function if isinstance(function, Mapping) else tool
    return str(named.get("name") or tool.get("type") or "")

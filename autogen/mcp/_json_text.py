"""Values of servers as JSON text."""

from __future__ import annotations

import json


def to_json(value: object) -> str:
    """Return a value of a server as JSON text."""
    return json.dumps(value, ensure_ascii=False, default=str)

"""The fields of requests to the Messages API that ask for thinking."""

from __future__ import annotations

import re
from typing import Any

from ...._models.abilities import Abilities
from ..protocol import Fields

# Tokens of thinking for models that take a budget and no effort.
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 65536}
_MIN_BUDGET = 1024
_THINKING = ("thinking", "redacted_thinking")
# Models whose thinking is bound to all that stood before it.
_BOUND = re.compile(r"claude-(fable-5-[1-9]|mythos-5-[2-9]|(opus|sonnet|haiku)-5-5)(?!\d)")


def build_thinking(
    abilities: Abilities, effort: str, limit: int, *, may_think: bool
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the `thinking` of a request, or None, and the fields of its `output_config`.

    Args:
        abilities: Abilities of the model.
        effort: The `reasoning_effort`.
        limit: Maximum tokens of the answer, thinking included.
        may_think: Whether the history allows a budget of thinking; see `can_go_on_thinking`.
    """
    if effort == "none":
        # Models that always think do so least with the lowest effort.
        return (None, {"effort": "low"}) if abilities.reasoning == "always" else ({"type": "disabled"}, {})
    if abilities.thinking_form != "enabled":
        return {"type": "adaptive"}, {"effort": effort}
    budget = min(_BUDGETS.get(effort, _BUDGETS["medium"]), limit - 1)
    if budget < _MIN_BUDGET or not may_think:
        return None, {}
    return {"type": "enabled", "budget_tokens": budget}, {}


def release_binding(model: str, abilities: Abilities, thinking: Fields | None) -> Fields | None:
    """Return a `thinking` with which the vendor leaves out earlier thinking that fits no more, in place of a refusal.

    Args:
        model: Name of the model.
        abilities: Its abilities.
        thinking: The `thinking` of the request; None if it has none.
    """
    thinks = thinking is not None or abilities.reasoning in ("always", "default_on")
    if not thinks or not _BOUND.search(model) or (thinking or {}).get("type") == "disabled":
        return thinking
    return {"block_binding": {"prefix_mismatch_behavior": "drop_block"}, **(thinking or {"type": "adaptive"})}


def is_thinking(abilities: Abilities, thinking: Fields | None) -> bool:
    """Return True if a model thinks: as the field `thinking` of a request says, else by itself."""
    kind = (thinking or {}).get("type")
    return kind != "disabled" if kind else abilities.reasoning in ("always", "default_on")


def describe_demand(name: str | None) -> str:
    """Return the words that demand a call, for models that refuse the demand while they think.

    Args:
        name: Name of the tool; None for any.
    """
    return f"Call the tool {name} now." if name else "Call one of the tools now."


def can_go_on_thinking(messages: list[Fields]) -> bool:
    """Return True unless an answer since the user's last message has calls without thinking, as those of other models."""
    for message in reversed(messages):
        kinds = [block.get("type") for block in message["content"]]
        if message["role"] == "user":
            if "tool_result" not in kinds:
                return True
        elif kinds[:1] and kinds[0] not in _THINKING:
            return False
    return True

"""Validation of chat specs, and the cost of chats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...types import ChatCost, ChatQueue, ChatSpec, UsageSummary
from ..agent import Agent

SUMMARY_METHODS = ("last_msg", "reflection_with_llm")


def consolidate_chat_info(
    chat_info: ChatSpec | ChatQueue | Mapping[str, object], uniform_sender: Agent | None = None
) -> None:
    """Validate the specs of one or several chats. Nothing is changed.

    Args:
        chat_info: Spec, or list of specs; see `initiate_chats`.
        uniform_sender: Sender of all chats; None if each spec has its own.

    Raises:
        AssertionError: if a sender or recipient is missing, or a summary method is not available.
    """
    entries = [chat_info] if isinstance(chat_info, Mapping) else chat_info
    for entry in entries:
        # assertions, because 0.2 programs catch them
        sender = uniform_sender or entry.get("sender")
        recipient = entry.get("recipient")
        assert sender is not None, f"A chat needs a sender: {sorted(entry)}"
        assert recipient is not None, f"A chat needs a recipient: {sorted(entry)}"
        method = entry.get("summary_method")
        is_known = method is None or callable(method) or method in SUMMARY_METHODS
        text = f"summary_method is {method!r}; it must be 'last_msg', 'reflection_with_llm', a callable or None."
        assert is_known, text
        if method == "reflection_with_llm":
            has_model = getattr(sender, "client", None) or getattr(recipient, "client", None)
            assert has_model, "The summary method 'reflection_with_llm' needs a model: give an agent an llm_config."


def gather_usage_summary(agents: Iterable[object]) -> ChatCost:
    """Add up the usage of the agents' models since they were made or reset.

    An agent that is given twice counts once.

    Args:
        agents: Agents; those without a model cost nothing.

    Returns:
        `usage_including_cached_inference` and `usage_excluding_cached_inference`, each with `total_cost` (USD) and, by
        model, cost and tokens.
    """
    # agents may share a client, and its usage counts once
    found = (getattr(agent, "client", None) for agent in agents)
    clients = {id(client): client for client in found if client}.values()
    return {
        "usage_including_cached_inference": _add_up(client.total_usage_summary for client in clients),
        "usage_excluding_cached_inference": _add_up(client.actual_usage_summary for client in clients),
    }


def _add_up(usages: Iterable[UsageSummary | None]) -> UsageSummary:
    total: UsageSummary = {"total_cost": 0}
    for usage in usages:
        for model, amounts in (usage or {}).items():
            if model == "total_cost":
                total["total_cost"] += amounts
                continue
            # a client of the program may report other figures than tokens
            sums = total.setdefault(model, dict.fromkeys(amounts, 0))
            for kind, amount in amounts.items():
                sums[kind] = sums.get(kind, 0) + amount
    return total

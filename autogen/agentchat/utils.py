"""Helpers around chats: checking their description, adding up their cost, reading tags."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .agent import Agent


def consolidate_chat_info(chat_info: dict[str, Any] | list[dict[str, Any]], uniform_sender: Agent | None = None) -> None:
    """Check the description of one or several chats. Nothing is changed.

    Raises:
        AssertionError: A sender or recipient is missing, or a summary method is not available.
    """
    for entry in [chat_info] if isinstance(chat_info, dict) else chat_info:
        sender = uniform_sender or entry.get("sender")
        recipient = entry.get("recipient")
        assert sender is not None, f"A chat needs a sender: {sorted(entry)}"
        assert recipient is not None, f"A chat needs a recipient: {sorted(entry)}"
        method = entry.get("summary_method")
        known = method is None or callable(method) or method in ("last_msg", "reflection_with_llm")
        assert known, f"summary_method is {method!r}; it must be 'last_msg', 'reflection_with_llm', a callable or None."
        if method == "reflection_with_llm":
            has_model = getattr(sender, "client", None) or getattr(recipient, "client", None)
            assert has_model, "The summary method 'reflection_with_llm' needs a model: give an agent an llm_config."


def gather_usage_summary(agents: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """Add up what the agents' models have cost since they were made or reset.

    An agent that is named twice counts once.

    Returns:
        `usage_including_cached_inference` and `usage_excluding_cached_inference`, each with `total_cost` (USD) and, by
        model, cost and tokens.
    """
    clients = {id(agent.client): agent.client for agent in agents if getattr(agent, "client", None)}.values()
    return {
        "usage_including_cached_inference": _added(client.total_usage_summary for client in clients),
        "usage_excluding_cached_inference": _added(client.actual_usage_summary for client in clients),
    }


def _added(usages: Iterable[dict[str, Any] | None]) -> dict[str, Any]:
    total: dict[str, Any] = {"total_cost": 0}
    for usage in usages:
        for model, spent in (usage or {}).items():
            if model == "total_cost":
                total["total_cost"] += spent
                continue
            sums = total.setdefault(model, dict.fromkeys(spent, 0))
            for kind, amount in spent.items():
                sums[kind] = sums.get(kind, 0) + amount
    return total


def parse_tags_from_content(tag: str, content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Find tags such as `<img http://x/a.png>` or `<audio text='hi'>`.

    Returns:
        For each hit `tag`, `attr` (a dict; what has no name is `src`) and `match`.

    Raises:
        ValueError: `content` is neither text nor a list of content parts.
    """
    if isinstance(content, str):
        texts = [content]
    elif isinstance(content, list):
        texts = [part["text"] for part in content if part.get("type") == "text"]
    else:
        raise ValueError(f"content must be a string or a list of parts, not a {type(content).__name__}.")
    pattern = re.compile(rf"<{re.escape(tag)} (.*?)>")
    return [
        {"tag": tag, "attr": _attributes(match[1]), "match": match} for text in texts for match in pattern.finditer(text)
    ]


def _attributes(text: str) -> dict[str, str]:
    pieces: list[str] = []
    for piece in text.split(" "):
        if not pieces or re.match(r"\w+=['\"]", piece):
            pieces.append(piece)
        else:
            pieces[-1] += " " + piece
    attributes: dict[str, str] = {}
    for piece in pieces:
        key, equals, value = piece.partition("=")
        if equals and value[:1] in ("'", '"'):
            attributes[key] = value[1:-1]
        else:
            attributes["src"] = f"{attributes['src']} {piece}" if "src" in attributes else piece
    return attributes

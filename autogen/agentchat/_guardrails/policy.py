"""AG2's safeguard policies: a dict, or a JSON file, of rules about who may pass which text to whom."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._mistakes import suggest

SECTIONS = {
    "inter_agent_safeguards": ("agent_transitions", "groupchat_message_check"),
    "agent_environment_safeguards": ("tool_interaction", "llm_interaction", "user_interaction"),
}
ACTIONS = ("block", "mask", "warning")
_RULE_KEYS = (
    *("message_source", "message_destination", "check_method", "pattern", "custom_prompt", "disallow_item"),
    *("violation_response", "action", "pet_action", "activation_message"),
)
_PEERS = {"llm_interaction": "llm", "user_interaction": "user"}


@dataclass(frozen=True)
class Rule:
    """A rule of a policy.

    Attributes:
        section: Name of the list that it stands in.
        source: Name of an agent or a tool, `llm`, `user`, or `*` for any agent.
        destination: The same, for the receiver of the text.
        pattern: Pattern that trips it; None if a model checks.
        condition: Condition for the model.
        action: `block`, `mask` or `warning`.
        message: Text of the notice; empty for the usual one.
    """

    section: str
    source: str
    destination: str
    pattern: re.Pattern[str] | None
    condition: str
    action: str
    message: str

    @property
    def name(self) -> str:
        """The rule in notices and events."""
        return f"{self.section} {self.source} -> {self.destination}"

    def is_about(self, source: str, destination: str) -> bool:
        """Return True if a text from one name to another is under this rule."""
        return self.source in ("*", source) and self.destination in ("*", destination)


def load_policy(policy: Any) -> Mapping[str, Any]:
    """Return a policy, which is read if it is the path of a JSON file.

    Raises:
        ValueError: if it is not a policy, or the file can't be read.
    """
    if isinstance(policy, (str, os.PathLike)):
        try:
            policy = json.loads(Path(policy).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"The safeguard policy {os.fspath(policy)!r} can't be read: {error}") from error
    if not isinstance(policy, Mapping):
        raise ValueError(f"A safeguard policy must be a dict or the path of a JSON file, got a {type(policy).__name__}.")
    return policy


def parse_policy(policy: Mapping[str, Any], tools: Mapping[str, Collection[str]] | None, has_model: bool) -> list[Rule]:
    """Parse and validate a policy before any of it takes effect.

    Args:
        policy: The policy.
        tools: Names of the tools of each agent, by the agent's name; None if the agents are not known.
        has_model: True if there is a model that can check.

    Raises:
        ValueError: if a key is missing or unknown, or a name is not that of an agent or of one of its tools.
    """
    rules: list[Rule] = []
    _check_keys(policy, SECTIONS, "A safeguard policy")
    for group, names in SECTIONS.items():
        section = policy.get(group) or {}
        if not isinstance(section, Mapping):
            raise ValueError(f"{group!r} must be a dict, got {section!r:.100}.")
        _check_keys(section, names, repr(group))
        for name in names:
            entries: Any = section.get(name) or []
            # The check of all messages is one rule, and not a list.
            if name == "groupchat_message_check":
                entries = [{"message_source": "*", "message_destination": "*", **entries}] if entries else []
            if not isinstance(entries, (list, tuple)):
                raise ValueError(f"{name!r} must be a list of rules, got {entries!r:.100}.")
            rules += [_parse_rule(name, entry, f"rule {i} of {name!r}", has_model) for i, entry in enumerate(entries)]
    if tools is not None:
        for rule in rules:
            _check_names(rule, tools)
    return rules


def _check_keys(mapping: Mapping[str, Any], known: Iterable[str], owner: str) -> None:
    for key in mapping:
        if key not in known:
            raise ValueError(f"{owner} has the keys {', '.join(known)}, got {key!r}.{suggest(str(key), known)}")


def _parse_rule(section: str, entry: Any, label: str, has_model: bool) -> Rule:
    if not isinstance(entry, Mapping):
        raise ValueError(f"The {label} must be a dict, got {entry!r:.100}.")
    _check_keys(entry, _RULE_KEYS, f"The {label}")
    for key in ("message_source", "message_destination"):
        if not isinstance(entry.get(key), str):
            raise ValueError(f"The {label} needs {key!r}, got {entry.get(key)!r}.")
    items = entry.get("disallow_item") or []
    default = "llm" if section == "user_interaction" or (items and "pattern" not in entry) else "regex"
    method = entry.get("check_method", default)
    action = entry.get("violation_response") or entry.get("action") or entry.get("pet_action") or "block"
    if method not in ("regex", "llm"):
        raise ValueError(f"'check_method' of the {label} must be 'regex' or 'llm', got {method!r}.")
    if action not in ACTIONS:
        raise ValueError(f"The action of the {label} must be 'block', 'mask' or 'warning', got {action!r}.")
    pattern: re.Pattern[str] | None = None
    condition = str(entry.get("custom_prompt") or "")
    if method == "regex":
        if not isinstance(entry.get("pattern"), str):
            raise ValueError(f"The {label} needs a 'pattern', got {entry.get('pattern')!r}.")
        try:
            pattern = re.compile(entry["pattern"], re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"The pattern of the {label} is not valid: {error}") from error
    else:
        if items:
            condition += "\nThe text has, or asks for, any of: " + "; ".join(map(str, items))
        if not condition.strip():
            raise ValueError(f"The {label} needs a 'custom_prompt' or a 'disallow_item' for the model.")
        if not has_model:
            raise ValueError(f"The {label} is checked by a model: give a safeguard_llm_config.")
    source, destination = entry["message_source"], entry["message_destination"]
    return Rule(section, source, destination, pattern, condition.strip(), action, str(entry.get("activation_message") or ""))


def _check_names(rule: Rule, tools: Mapping[str, Collection[str]]) -> None:
    """Check that the names in a rule are those of agents, and of tools that these agents have."""
    ends = [rule.source, rule.destination]
    if rule.section in ("agent_transitions", "groupchat_message_check"):
        for name in ends:
            _check_agent(rule, name, tools)
        return
    peer = _PEERS.get(rule.section)
    if peer is not None:
        if peer not in ends:
            raise ValueError(f"A rule of {rule.section!r} must have {peer!r} on one side, got {ends[0]!r} and {ends[1]!r}.")
        _check_agent(rule, ends[1 - ends.index(peer)], tools)
        return
    all_tools = {tool for names in tools.values() for tool in names}
    # An agent and a tool may have one name; then the first is the agent.
    is_result = rule.source not in ("*", *tools) and (rule.destination in tools or rule.source in all_tools)
    agent, tool = reversed(ends) if is_result else ends
    _check_agent(rule, agent, tools)
    known = all_tools if agent == "*" else tools[agent]
    if tool not in known and tool != "*":
        owner = "No agent has" if agent == "*" else f"Agent {agent!r} does not have"
        raise ValueError(f"{owner} the tool {tool!r} of a rule of {rule.section!r}.{suggest(tool, known)}")


def _check_agent(rule: Rule, name: str, tools: Mapping[str, Collection[str]]) -> None:
    if name != "*" and name not in tools:
        raise ValueError(
            f"A rule of {rule.section!r} names {name!r}, which is not an agent; these are: {', '.join(tools)}."
            f"{suggest(name, tools)}"
        )

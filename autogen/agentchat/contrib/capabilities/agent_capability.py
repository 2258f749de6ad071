"""`AgentCapability`: the base class of capabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from ....tools.tool import Tool
from ..._core.protocols import ReplyFunction, Trigger
from ..._guardrails.hook_points import PairedHook
from ...conversable_agent import ConversableAgent


@dataclass
class _Registrations:
    """Registrations of a capability with its agents, to undo them; system texts before and after, by agent."""

    hooks: list[tuple[str, PairedHook]] = field(default_factory=list)
    reply_functions: list[ReplyFunction] = field(default_factory=list)
    tools: list[Tool] = field(default_factory=list)
    system_texts: WeakKeyDictionary[ConversableAgent, tuple[Any, Any]] = field(default_factory=WeakKeyDictionary)


class AgentCapability:
    """Base class of a capability: hooks, reply functions, tools and a piece of system text that agents are given.

    A subclass registers them in `add_to_agent` by the methods of this class, which remember them for `remove_from_agent`.
    One capability may be added to several agents.

    >>> agent.add_capability(capability)  # doctest: +SKIP
    >>> capability.remove_from_agent(agent)  # doctest: +SKIP
    """

    def __init__(self) -> None:
        """Create a capability that no agent has yet."""

    # Made on first access, because programs subclass without calling `__init__`.
    @cached_property
    def _registered(self) -> _Registrations:
        return _Registrations()

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Give the capability to an agent. Each subclass has its own method.

        Raises:
            NotImplementedError: in the base class.
        """
        raise NotImplementedError(f"{type(self).__name__} must define add_to_agent(agent).")

    def remove_from_agent(self, agent: ConversableAgent) -> None:
        """Undo `add_to_agent`, also for a clone of an agent that had the capability.

        System text that was changed since stays as it is.
        """
        for point, hook in self._registered.hooks:
            agent.unregister_hook(point, hook)
        for function in self._registered.reply_functions:
            agent.unregister_reply(function)
        for tool in self._registered.tools:
            if tool in agent.tools:
                agent.remove_tool_for_llm(tool)
            if tool.name in agent.function_map:
                agent.register_function({tool.name: None}, silent_override=True)
        texts = self._registered.system_texts.pop(agent, None)
        if texts is not None and agent.system_message == texts[1]:
            agent.update_system_message(texts[0])

    def register_hook(
        self,
        agent: ConversableAgent,
        point: str,
        hook: Callable[..., object],
        async_hook: Callable[..., object] | None = None,
    ) -> None:
        """Register a hook with an agent; see `ConversableAgent.register_hook`.

        Args:
            agent: Agent that gets the capability.
            point: Hook point, without `a_`.
            hook: Plain function, called in sync chats.
            async_hook: Coroutine function that takes its position in async chats; None if `hook` is called there, too.
        """
        # Paired, so that it keeps its position if others register coroutine functions.
        self._register_paired(agent, point, PairedHook(hook, async_hook or hook))

    def _register_paired(self, agent: ConversableAgent, point: str, hook: PairedHook) -> None:
        agent.register_hook(point, hook)
        if (point, hook) not in self._registered.hooks:
            self._registered.hooks.append((point, hook))

    def register_reply(
        self, agent: ConversableAgent, trigger: Trigger, reply_function: ReplyFunction, position: int = 0, **options: Any
    ) -> None:
        """Register a reply function with an agent; see `ConversableAgent.register_reply`, also for the options."""
        agent.register_reply(trigger, reply_function, position, **options)
        if reply_function not in self._registered.reply_functions:
            self._registered.reply_functions.append(reply_function)

    def register_tool(self, agent: ConversableAgent, tool: Tool) -> None:
        """Register a tool that the model of an agent calls, and the agent itself executes."""
        tool.register_tool(agent)
        if tool not in self._registered.tools:
            self._registered.tools.append(tool)

    def append_system_text(self, agent: ConversableAgent, text: str) -> None:
        """Append text to the system message of an agent."""
        before: Any = agent.system_message
        # Agents that see have a list of parts.
        after: Any = [*before, {"type": "text", "text": text}] if isinstance(before, list) else before + text
        agent.update_system_message(after)
        texts = self._registered.system_texts.get(agent)
        # Several texts of one capability are removed at once, unless the program changed the message between them.
        original = texts[0] if texts is not None and texts[1] == before else before
        self._registered.system_texts[agent] = (original, agent.system_message)

"""The agents that a toolbox is registered with, whose tools change with those of the server before their next reply."""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from .._functions.offers import get_offer_name
from .._threads import run_in_thread
from ..types import Message
from ._pictures import PictureGallery


class Offers:
    """The agents that know the tools of a toolbox, and those that execute them.

    Args:
        toolbox: The toolbox; it is not kept alive.
        gallery: The pictures that models see; None if they don't.
    """

    def __init__(self, toolbox: Any, gallery: PictureGallery | None = None) -> None:
        self._toolbox = weakref.ref(toolbox)
        self._gallery = gallery
        self._callers: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
        # All tools of the toolbox when an agent got some: an agent with a selection gets no others later.
        self._choices: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
        # Those of them that the server has had only since the registration.
        self._later: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
        self._hooked: WeakSet[Any] = WeakSet()
        self._executors: WeakSet[Any] = WeakSet()
        self._lock = threading.RLock()

    def add_caller(self, agent: Any, name: str) -> None:
        """Note that the model of an agent knows a tool."""
        with self._lock:
            if agent not in self._hooked:
                self._hooked.add(agent)
                agent.register_hook("update_agent_state", self._update)
                agent.register_hook("a_update_agent_state", self._a_update)
                if self._gallery is not None:
                    agent.register_hook("safeguard_llm_inputs", partial(self._attach, weakref.ref(agent)))
                    agent.register_hook("a_safeguard_llm_inputs", partial(self._a_attach, weakref.ref(agent)))
            self._callers.setdefault(agent, set()).add(name)
            if (toolbox := self._toolbox()) is not None:
                self._choices.setdefault(agent, set()).update(toolbox.toolkit)

    def add_executor(self, agent: Any) -> None:
        """Note that an agent executes tools."""
        self._executors.add(agent)

    def release(self, agent: Any, executor: Any) -> None:
        """Take back the tools that an agent and its executor got during a run, besides those that it began with."""
        with self._lock:
            self._callers.pop(agent, None)
            self._choices.pop(agent, None)
            later = self._later.pop(agent, set())
            offered = {get_offer_name(tool) for tool in (agent.llm_config or {}).get("tools", ())}
            for name in later:
                if name in offered:
                    agent.update_tool_signature(name, is_remove=True)
                executor.function_map.pop(name, None)

    def _update(self, agent: Any, messages: object) -> None:
        """Give an agent the tools that the server has now (a hook)."""
        toolbox = self._toolbox()
        if toolbox is None or agent not in self._callers:
            return
        toolbox.refresh()
        with self._lock:
            self._synchronize(agent, toolbox)

    async def _a_update(self, agent: Any, messages: object) -> None:
        await run_in_thread(self._update, agent, messages)

    def _attach(self, caller: weakref.ref[Any], messages: list[Message]) -> list[Message]:
        """Show the pictures of results to the model of an agent (a hook)."""
        is_calling = (agent := caller()) is not None and agent in self._callers
        return self._gallery.attach(messages) if self._gallery is not None and is_calling else messages

    async def _a_attach(self, caller: weakref.ref[Any], messages: list[Message]) -> list[Message]:
        return await run_in_thread(self._attach, caller, messages)

    def _synchronize(self, agent: Any, toolbox: Any) -> None:
        known, current = self._callers[agent], toolbox.toolkit
        has_all = self._choices[agent] <= known
        if has_all:
            self._choices[agent] = set(current)
        offered = {get_offer_name(tool): tool for tool in (agent.llm_config or {}).get("tools", ())}
        for name in known - current.keys():
            if name in offered:
                agent.update_tool_signature(name, is_remove=True)
            known.discard(name)
        for name, tool in current.items():
            if name not in offered and has_all:
                tool.register_for_llm(agent)
                self._later.setdefault(agent, set()).add(name)
            elif name in known and offered[name] != tool.tool_schema:
                tool.register_for_llm(agent)
            else:
                continue
            for executor in list(self._executors):
                if name not in executor.function_map:
                    tool.register_for_execution(executor)

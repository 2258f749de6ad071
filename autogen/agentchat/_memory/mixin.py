"""The methods of agents that remember, recall and forget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from ..._steps import Steps, run_async, run_sync
from ...memory import RecalledMemo


class AgentMemory(Protocol):
    """A memory that an agent was given; see `autogen.agentchat.contrib.capabilities.memory.Memory`."""

    def remember_step(self, text: str, about: str, said_by: str) -> Steps[int]:
        """Return a step that stores a text."""
        ...

    def recall_step(self, text: str, n: int | None) -> Steps[list[RecalledMemo]]:
        """Return a step that finds memories."""
        ...

    def forget(self, *memo_ids: int, said_by: str | None = None, older_than: timedelta | None = None) -> int:
        """Delete memories, and return how many."""
        ...


class MemoryMixin:
    """Memory of an agent."""

    _memory: AgentMemory | None = None
    _memories_used: Sequence[RecalledMemo] = ()

    @property
    def memory(self) -> AgentMemory | None:
        """Memory of the agent; None without one. A capability such as `Memory` sets it."""
        return self._memory

    @memory.setter
    def memory(self, memory: AgentMemory | None) -> None:
        self._memory = memory

    @property
    def memories_used(self) -> Sequence[RecalledMemo]:
        """Memories that the model saw with the last message that the agent received."""
        return self._memories_used

    @memories_used.setter
    def memories_used(self, memos: Sequence[RecalledMemo]) -> None:
        self._memories_used = memos

    def remember(self, text: str, *, about: str = "", said_by: str = "") -> int:
        """Store a text in the agent's memory, and return its number.

        Args:
            text: What to remember.
            about: Question that it answers, or kind of task that it helps with; by default the text itself.
            said_by: Name of whoever said it.

        Raises:
            ValueError: if the agent has no memory, or the text is empty.

        >>> agent.add_capability(Memory("memories"))  # doctest: +SKIP
        >>> agent.remember("Invoices go to Nina.", said_by="Tom")  # doctest: +SKIP
        1
        """
        return run_sync(self._get_memory().remember_step(text, about, said_by))

    async def a_remember(self, text: str, *, about: str = "", said_by: str = "") -> int:
        """Async version of `remember`."""
        return await run_async(self._get_memory().remember_step(text, about, said_by))

    def recall(self, text: str, n: int | None = None) -> list[RecalledMemo]:
        """Return the memories for a text, best first.

        Args:
            text: Question or task.
            n: Maximum number; None for that of the memory.

        Raises:
            ValueError: if the agent has no memory.
        """
        return run_sync(self._get_memory().recall_step(text, n))

    async def a_recall(self, text: str, n: int | None = None) -> list[RecalledMemo]:
        """Async version of `recall`."""
        return await run_async(self._get_memory().recall_step(text, n))

    def forget(self, *memo_ids: int, said_by: str | None = None, older_than: timedelta | None = None) -> int:
        """Delete memories, and return how many.

        Args:
            *memo_ids: Their numbers; without any, all to which the conditions apply.
            said_by: Name of whoever said them.
            older_than: Time since they were mentioned last.

        Raises:
            ValueError: if the agent has no memory, or nothing says which memories are meant.
        """
        return self._get_memory().forget(*memo_ids, said_by=said_by, older_than=older_than)

    def _get_memory(self) -> AgentMemory:
        if self.memory is None:
            raise ValueError("This agent has no memory: agent.add_capability(Memory(path)) gives it one.")
        return self.memory

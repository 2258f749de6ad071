"""What an agent has spent, and beginning anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...io.base import IOStream
from .._replies.registry import copy_config
from ..agent import Agent
from . import clone as clone_module
from . import snapshot
from .histories import HistoriesMixin

if TYPE_CHECKING:
    from typing_extensions import Self


class UsageMixin(HistoriesMixin):
    """The accounts of an agent."""

    def reset(self) -> None:
        """Forget all conversations, counters and usage, and restore the configs of the reply functions."""
        self.clear_history()
        self.reset_consecutive_auto_reply_counter()
        self.stop_reply_at_receive()
        if self.client is not None:
            self.client.clear_usage_summary()
        for row in self._reply_func_list:
            if row["reset_config"] is not None:
                row["reset_config"](row["config"])
            else:
                row["config"] = copy_config(row["init_config"])

    def clone(self) -> Self:
        """An agent of the same definition that remembers nothing: for another session beside this one.

        Model, tools, hooks and reply functions are the same; what one agent of both is given later, the other doesn't
        have. A manager's clone has a group of clones. Agents in nested chats are shared: give such an agent its own.

        >>> chats = [user.clone().a_initiate_chat(assistant.clone(), message=task) for task in tasks]  # doctest: +SKIP
        """
        return clone_module.of_agent(self)

    def save_state(self) -> dict[str, Any]:
        """What the agent remembers, as a document that JSON can hold; a manager's holds its group with all members.

        Models, tools and keys are no part of it.

        Raises:
            TypeError: A message holds something that JSON can't.
            ValueError: The agent has talked to two of the same name.

        >>> Path("state.json").write_text(json.dumps(agent.save_state()))  # doctest: +SKIP
        """
        return snapshot.of_agent(self)

    def load_state(self, state: Mapping[str, Any], peers: Iterable[Agent] = ()) -> None:
        """Remember what a document says. Nothing is changed if it can't be used.

        Args:
            state: What `save_state` gave.
            peers: The agents that it has talked to; a manager knows its members.

        Raises:
            ValueError: It is the state of another agent, or of a version that is not known, or a peer is missing.
        """
        snapshot.into_agent(self, state, peers)

    def get_actual_usage(self) -> dict[str, Any] | None:
        """Cost and tokens without answers from the cache; None if there are none."""
        return None if self.client is None else self.client.actual_usage_summary

    def get_total_usage(self) -> dict[str, Any] | None:
        """Cost and tokens including answers from the cache; None if there are none."""
        return None if self.client is None else self.client.total_usage_summary

    def print_usage_summary(self, mode: str | list[str] = ["actual", "total"]) -> None:
        """Print cost and tokens. `mode` is `actual`, `total`, `both`, or a list of the first two."""
        show = IOStream.get_default().print
        if self.client is None:
            show(f"Agent '{self.name}' has no model, so it caused no cost.", flush=True)
            return
        show(f"Agent '{self.name}':", flush=True)
        self.client.print_usage_summary(mode)

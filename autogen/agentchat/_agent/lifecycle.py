"""Resetting and cloning of agents."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from .._core import registration_warnings
from .._replies.registry import copy_config
from .state import HistoriesMixin

if TYPE_CHECKING:
    from typing_extensions import Self


class LifecycleMixin(HistoriesMixin):
    """Reset and clone of an agent, with its model and reply functions."""

    def reset(self) -> None:
        """Delete all conversations, counters and usage, and restore the configs of the reply functions."""
        self.clear_history()
        self.reset_consecutive_auto_reply_counter()
        self.stop_reply_at_receive()
        self._internals.approvals.clear()
        if self.client is not None:
            self.client.clear_usage_summary()
        # A function of the program knows how to reset its config; others start from a new copy.
        for row in self._reply_func_list:
            if row["reset_config"] is not None:
                row["reset_config"](row["config"])
            else:
                row["config"] = copy_config(row["init_config"])

    def clone(self) -> Self:
        """Make an agent with the same configuration and an empty history, for another session beside this one.

        Model, tools, hooks and reply functions are the same; later changes to one agent don't affect the other. The clone
        of a manager has a group of clones. Agents in nested chats are shared: give such an agent its own.

        >>> chats = [user.clone().a_initiate_chat(assistant.clone(), message=task) for task in tasks]  # doctest: +SKIP
        """
        clone = copy.copy(self)
        clone._detach_clone()
        registration_warnings.register_agent(clone)
        return clone

    def _detach_clone(self) -> None:
        super()._detach_clone()
        self._reply_func_list = [{**row, "config": copy_config(row["init_config"])} for row in self._reply_func_list]
        self.llm_config = copy.deepcopy(self.llm_config)
        # Programs assign clients of their own, which can't be rebuilt and are shared.
        if hasattr(self.client, "rebuild"):
            self.client = self.client.rebuild(**self.llm_config)  # type: ignore[arg-type]
            self.client.start_own_ledger()

"""`TransformMessages`: the capability that changes what a model sees of its history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...._steps import Steps, run_sync
from ..._contexts.transform import ContextLike, apply_all, check_transform
from ..._guardrails.hook_points import AgentHook
from ...agent import Message
from ...conversable_agent import ConversableAgent
from .agent_capability import AgentCapability


class TransformMessages(AgentCapability):
    """Capability that applies transforms to the messages that a model sees. The history itself stays as it is.

    It can also be the `select_speaker_transform_messages` of a `GroupChat`.

    Args:
        transforms: Transforms of `autogen.agentchat.contrib.capabilities.transforms`, model contexts, or objects with
            `apply_transform`. They are applied in this order, to all messages but a leading system message.
        verbose: True to print each effect, and which messages are not shown, unless the agent is silent. The effects are
            events (`ContextTransformed`) in any case.

    Raises:
        TypeError: if an item has none of the methods of a transform.

    >>> limits = TransformMessages(transforms=[MessageHistoryLimiter(max_messages=20)])  # doctest: +SKIP
    >>> agent.add_capability(limits)  # doctest: +SKIP
    """

    def __init__(self, *, transforms: Sequence[ContextLike] = [], verbose: bool = True) -> None:
        super().__init__()
        for index, transform in enumerate(transforms):
            check_transform(transform, f"transforms[{index}]")
        self._transforms = transforms
        self._verbose = verbose

    def add_to_agent(self, agent: ConversableAgent) -> None:
        """Give the capability to an agent."""
        hook = AgentHook(self._transform_messages, self._run)
        self._register_paired(agent, "process_all_messages_before_reply", hook)

    def _transform_messages(self, messages: list[Message]) -> list[Message]:
        return run_sync(apply_all(self._transforms, None, messages, self._verbose))

    def _run(self, agent: Any, messages: list[Message]) -> Steps[list[Message]]:
        if type(self)._transform_messages is TransformMessages._transform_messages:
            return (yield from apply_all(self._transforms, agent, messages, self._verbose))
        # Programs override it, though it is private.
        return self._transform_messages(messages)

"""`GroupChat`: members, record and rules of a group chat. `GroupChatManager`: the agent that runs it.

Each method delegates to the module of `_groupchat` that implements it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast

from .._steps import Steps, invoke, run_async, run_sync, sync_and_async
from ..code_utils import content_str
from ..exception_utils import AgentNameConflict
from ..types import MessageContentType
from ._agent.snapshot import move_pictures_in, move_pictures_out
from ._contexts.transform import ContextLike
from ._core import runtime_log
from ._core.internals import GroupInternals, get_conversation, get_managed_group, group_internals
from ._core.protocols import AgentCapability, Group, GroupManager, ReplyFunction, SpeakerSelector
from ._core.result import ChatResult
from ._core.selection_strategy import get_selection_strategy
from ._groupchat import (
    auto_selection,
    cloning,
    mentions,
    prompts,
    restore,
    run,
    selection,
    selection_dialogue,
    snapshot,
    validation,
)
from ._groupchat import clear_history as clear_history_module
from ._replies import registry
from .agent import Agent, Message
from .conversable_agent import ConversableAgent, HumanInputMode, Reply
from .eligibility_policy import AgentEligibilityPolicy

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["GroupChat", "GroupChatManager"]

logger = logging.getLogger(__name__)

# AG2's name.
SELECT_SPEAKER_PROMPT_TEMPLATE = prompts.PROMPT


@dataclass
class GroupChat:
    """A conversation of several agents: its members, its record, and the rules that select the next speaker.

    Attributes:
        agents: Members, in the order of `round_robin`.
        messages: Record of the conversation.
        max_round: Maximum number of messages, including the opening.
        admin_name: Name of the member that takes over on Ctrl-C.
        func_call_filter: True if a call is followed only by members that can execute it.
        speaker_selection_method: `auto` (a model selects), `manual`, `random`, `round_robin`, or a function
            `(last_speaker, groupchat)` that returns an agent, one of these methods, or None to end the chat.
        max_retries_for_selecting_speaker: Maximum number of retries if the answer of the selecting model is not one name.
        allow_repeat_speaker: True if an agent may speak twice in a row, or a list of the agents that may.
        allowed_or_disallowed_speaker_transitions: Agents that may, or may not, follow each agent.
        speaker_transitions_type: Meaning of the transitions: `allowed` or `disallowed`.
        enable_clear_history: True to obey the command `clear history [agent] [number]` of a human.
        send_introductions: True to introduce the members to each other before the first message.
        select_speaker_message_template: System message of the selecting model.
        select_speaker_prompt_template: Prompt appended after the conversation; None to omit it.
        select_speaker_auto_multiple_template: Retry prompt if the answer names several agents.
        select_speaker_auto_none_template: Retry prompt if the answer names no agent.
        select_speaker_transform_messages: Transforms of the messages that the selecting model sees.
        select_speaker_auto_verbose: True to print the conversation with the selecting model.
        select_speaker_auto_model_client_cls: Custom client classes for the selecting model.
        select_speaker_auto_llm_config: Config of the selecting model; None for the config of the manager.
        role_for_select_speaker_messages: Role of the prompts after the conversation.
        select_speaker_auto_structured: True to request a name by a JSON schema; None for models known to follow one.
        return_results_to_caller: True if the agent that called a tool speaks after the result; None for `auto` only.
        visible_to: Predicate `(message, member)` that decides who receives a message; None for everybody. A reply may also
            name its `receivers`.
        eligibility_policies: Policies that all have to accept the next speaker, unless a function selects it; see
            `AgentEligibilityPolicy`.
        select_speaker_model_context: What the selecting model sees of the conversation, before the transforms: a context of
            `autogen.agentchat.model_context`, or a transform; None for all of it.
        allowed_speaker_transitions_dict: Resulting graph of transitions.
        last_selection: Last speaker, and the reason of its selection.

    >>> group = GroupChat(agents=[planner, writer, critic], max_round=6)  # doctest: +SKIP
    >>> user.initiate_chat(GroupChatManager(group, llm_config=llm_config), message="Write a poem.")  # doctest: +SKIP
    """

    agents: list[Agent]
    messages: list[Message] = field(default_factory=list)
    max_round: int = 10
    admin_name: str = "Admin"
    func_call_filter: bool = True
    speaker_selection_method: Literal["auto", "manual", "random", "round_robin"] | SpeakerSelector = "auto"
    max_retries_for_selecting_speaker: int = 2
    allow_repeat_speaker: bool | list[Agent] | None = None
    allowed_or_disallowed_speaker_transitions: dict[Agent, list[Agent]] | None = None
    speaker_transitions_type: Literal["allowed", "disallowed", None] = None
    enable_clear_history: bool = False
    send_introductions: bool = False
    select_speaker_message_template: str = prompts.MESSAGE
    select_speaker_prompt_template: str | None = prompts.PROMPT
    select_speaker_auto_multiple_template: str = prompts.SEVERAL
    select_speaker_auto_none_template: str = prompts.NONE
    select_speaker_transform_messages: AgentCapability | None = None
    select_speaker_auto_verbose: bool = False
    select_speaker_auto_model_client_cls: type[Any] | list[type[Any]] | None = None
    # Not in the repr, because it contains keys.
    select_speaker_auto_llm_config: dict[str, Any] | Literal[False] | None = field(default=None, repr=False)
    role_for_select_speaker_messages: str = "system"
    select_speaker_auto_structured: bool | None = None
    return_results_to_caller: bool | None = None
    visible_to: Callable[[Message, Agent], bool] | None = None
    eligibility_policies: Sequence[AgentEligibilityPolicy] = field(default_factory=list)
    select_speaker_model_context: ContextLike | None = None
    allowed_speaker_transitions_dict: dict[Agent, list[Agent]] = field(init=False, repr=False)
    last_selection: str = field(init=False, default="", compare=False)

    # Without an annotation these are class attributes, not fields.
    DEFAULT_INTRO_MSG = prompts.INTRODUCTION
    # Reply functions get the group itself; of other configs they get a copy.
    is_live = True
    _VALID_SPEAKER_SELECTION_METHODS = list(selection.SELECTION_METHODS)
    _VALID_SPEAKER_TRANSITIONS_TYPE = validation.TRANSITION_TYPES

    def __post_init__(self) -> None:
        validation.validate_group(self)
        if not callable(self.speaker_selection_method):
            selection.validate_method(self.speaker_selection_method)

    @cached_property
    def _internals(self) -> GroupInternals:
        return GroupInternals()

    @property
    def _speaker_selection_transforms(self) -> AgentCapability | None:
        transforms: AgentCapability | None = self._internals.transforms
        return transforms

    @property
    def agent_names(self) -> list[str]:
        """Names of the members, in order."""
        return [agent.name for agent in self.agents]

    def reset(self) -> None:
        """Clear the record."""
        # In place: the program may hold the list.
        self.messages.clear()

    def append(self, message: Message, speaker: Agent) -> None:
        """Record a message under the name of its speaker, with its content as text.

        Raises:
            KeyError: if it has no role or no content.
        """
        # The name in a function message is that of the function.
        if message["role"] != "function":
            message["name"] = speaker.name
        message["content"] = content_str(message["content"])
        self.messages.append(message)

    def agent_by_name(self, name: str, recursive: bool = False, raise_on_name_conflict: bool = False) -> Agent | None:
        """Return the first member with a name; None if there is none.

        Args:
            name: Name.
            recursive: True to search the groups of members that are managers, too.
            raise_on_name_conflict: True to raise an error if several members have the name.

        Raises:
            AgentNameConflict: if several members have the name.
        """
        matches = [agent for agent in (self.nested_agents() if recursive else self.agents) if agent.name == name]
        if raise_on_name_conflict and len(matches) > 1:
            raise AgentNameConflict()
        return matches[0] if matches else None

    def nested_agents(self) -> list[Agent]:
        """Return the members, and those of the groups of members that are managers; each agent once."""
        agents: dict[int, Agent] = {}
        # Groups may contain each other, so agents are visited once.
        waiting = list(self.agents)
        while waiting:
            agent = waiting.pop(0)
            if id(agent) not in agents:
                agents[id(agent)] = agent
                if isinstance(agent, GroupChatManager):
                    waiting.extend(agent.groupchat.agents)
        return list(agents.values())

    def next_agent(self, agent: Agent | None, agents: list[Agent] | None = None) -> Agent:
        """Return the agent that follows another one, in the order of the members.

        Args:
            agent: Agent to start from; the first eligible member follows an agent that is not a member.
            agents: Eligible members; None for all.

        Raises:
            UndefinedNextAgent: if `agents` is empty, or contains an agent that is not a member.
        """
        return selection.find_next(self.agents, agent, self.agents if agents is None else agents)

    def select_speaker_msg(self, agents: list[Agent] | None = None) -> str:
        """Return the system message of the selecting model."""
        agents = self.agents if agents is None else agents
        names = [agent.name for agent in agents]
        # A hand-off may bring its own message.
        template = get_selection_strategy(self).selection_message or self.select_speaker_message_template
        return template.format(roles=self._participant_roles(agents), agentlist=names)

    def select_speaker_prompt(self, agents: list[Agent] | None = None) -> str | None:
        """Return the prompt after the conversation; None if the group has none."""
        if self.select_speaker_prompt_template is None:
            return None
        names = [agent.name for agent in (self.agents if agents is None else agents)]
        return self.select_speaker_prompt_template.format(agentlist=names)

    def introductions_msg(self, agents: list[Agent] | None = None) -> str:
        """Return the message that introduces the members to each other."""
        return f"{self.DEFAULT_INTRO_MSG}\n\n{self._participant_roles(agents)}"

    def _participant_roles(self, agents: list[Agent] | None = None) -> str:
        agents = self.agents if agents is None else agents
        validation.warn_of_missing_descriptions(self, agents)
        return "\n".join(f"{agent.name}: {validation.get_description(agent)}".strip() for agent in agents)

    def manual_select_speaker(self, agents: list[Agent] | None = None) -> Agent | None:
        """Ask a human for the next speaker; return None if the choice is left open."""
        return run_sync(selection.pick_manually(self.agents if agents is None else agents))

    def _manual_select_step(self, agents: list[Agent], asker: str) -> Steps[Agent | None]:
        """Ask a human for the next speaker, for a sync or an async caller."""
        if type(self).manual_select_speaker is _builtin_pick and "manual_select_speaker" not in vars(self):
            return (yield from selection.pick_manually(agents, asker))
        return (yield from invoke(*sync_and_async(self.manual_select_speaker, blocks=True), agents))

    def random_select_speaker(self, agents: list[Agent] | None = None) -> Agent:
        """Return a random agent."""
        return selection.pick_randomly(self.agents if agents is None else agents)

    def select_speaker(self, last_speaker: Agent, selector: ConversableAgent) -> Agent:
        """Select the next speaker. Subclasses may override it.

        Args:
            last_speaker: Author of the last message.
            selector: Manager; its model selects with the method `auto`.

        Raises:
            NoEligibleSpeaker: if no agent may speak.
            ValueError: if the method is unknown, or there are fewer than two agents.
        """
        return run_sync(selection.select_speaker(self, last_speaker, selector))

    async def a_select_speaker(self, last_speaker: Agent, selector: ConversableAgent) -> Agent:
        """Async version of `select_speaker`."""
        return await run_async(selection.select_speaker(self, last_speaker, selector))

    def _select_speaker_step(self, last_speaker: Agent, selector: ConversableAgent) -> Steps[Agent]:
        """Select the next speaker for a sync or an async caller; an override of `select_speaker` alone serves both."""
        group_class, attributes = type(self), vars(self)
        overrides_sync = group_class.select_speaker is not GroupChat.select_speaker or "select_speaker" in attributes
        overrides_async = group_class.a_select_speaker is not GroupChat.a_select_speaker or "a_select_speaker" in attributes
        async_fn: Any = self.select_speaker if overrides_sync and not overrides_async else self.a_select_speaker
        return (yield from invoke(self.select_speaker, async_fn, last_speaker, selector))

    def _prepare_and_select_agents(
        self, last_speaker: Agent
    ) -> tuple[Agent | None, list[Agent] | None, list[Message] | None]:
        return selection.select_without_model(self, last_speaker)

    def _auto_select_speaker(
        self, last_speaker: Agent, selector: ConversableAgent, messages: list[Message], agents: list[Agent] | None
    ) -> Agent:
        return run_sync(auto_selection.auto_select(self, last_speaker, selector, messages, agents))

    async def a_auto_select_speaker(
        self, last_speaker: Agent, selector: ConversableAgent, messages: list[Message], agents: list[Agent] | None
    ) -> Agent:
        """Let the model of `selector` select one of the agents."""
        return await run_async(auto_selection.auto_select(self, last_speaker, selector, messages, agents))

    def _create_internal_agents(
        self,
        agents: list[Agent],
        max_attempts: int,
        messages: list[Message],
        validate_speaker_name: ReplyFunction,
        selector: ConversableAgent | None = None,
    ) -> tuple[ConversableAgent, ConversableAgent]:
        client = auto_selection.get_client(self, selector)
        return selection_dialogue.create_agents(self, agents, messages, validate_speaker_name, client)

    def _validate_speaker_name(
        self,
        recipient: object,
        messages: list[Message],
        sender: object,
        config: object,
        attempts_left: int,
        attempt: int,
        agents: list[Agent],
    ) -> tuple[bool, Message | None]:
        return selection_dialogue.check_answer(self, messages, attempts_left, attempt, agents)

    def _process_speaker_selection_result(
        self, result: ChatResult, last_speaker: Agent, agents: list[Agent] | None
    ) -> Agent:
        return auto_selection.get_speaker_from_result(self, result, last_speaker, list(agents or self.agents))

    def _finalize_speaker(self, last_speaker: Agent, final: bool, name: str, agents: list[Agent] | None) -> Agent:
        return auto_selection.get_named_speaker(self, last_speaker, name if final else "", list(agents or self.agents))

    def _mentioned_agents(self, message_content: MessageContentType, agents: list[Agent] | None) -> dict[str, int]:
        return mentions.count_mentions(message_content, self.agents if agents is None else agents)


class GroupChatManager(ConversableAgent):
    """An agent that runs a group chat: it broadcasts each message to the members, and has the next speaker selected.

    >>> manager = GroupChatManager(GroupChat([alice, bob]), llm_config=llm_config)  # doctest: +SKIP
    >>> result = user.initiate_chat(manager, message="Hello, everybody.")  # doctest: +SKIP
    """

    def __init__(
        self,
        groupchat: GroupChat,
        name: str | None = "chat_manager",
        max_consecutive_auto_reply: int | None = sys.maxsize,
        human_input_mode: HumanInputMode = "NEVER",
        system_message: str | Sequence[Mapping[str, object]] | None = "Group chat manager.",
        silent: bool = False,
        **kwargs: Any,
    ) -> None:
        """Create a manager.

        Args:
            groupchat: Group chat.
            name: Name that the members see.
            max_consecutive_auto_reply: No effect, because a manager never replies.
            human_input_mode: No effect, too.
            system_message: Description of the manager, unless `description` is passed.
            silent: True if the messages of the members are not printed.
            **kwargs: As for `ConversableAgent`: `llm_config` of the selecting model, `is_termination_msg`...

        Raises:
            TypeError: if `groupchat` is not a group chat.
            ValueError: if the model has tools or functions.
        """
        arguments = runtime_log.capture_arguments(locals())
        validation.require_group(groupchat)
        if human_input_mode != "NEVER":
            logger.warning("human_input_mode of a GroupChatManager has no effect: ask the human through a member.")
        super().__init__(
            name=name,  # type: ignore[arg-type]
            max_consecutive_auto_reply=max_consecutive_auto_reply,
            human_input_mode=human_input_mode,
            system_message=system_message,
            **kwargs,
        )
        if self.llm_config and (self.llm_config.get("functions") or self.llm_config.get("tools")):
            raise ValueError(
                "GroupChatManager is not allowed to call functions or tools: remove 'functions' and 'tools' from llm_config."
            )
        self._internals.group = groupchat
        self._silent = silent
        self._register_run_chat(groupchat)
        runtime_log.log_new_agent(self, arguments)

    def _register_run_chat(self, groupchat: GroupChat) -> None:
        # The async version would bypass a subclass that overrides the sync version alone.
        manager_class = type(self)
        overrides_sync = manager_class.run_chat is not GroupChatManager.run_chat
        overrides_async = manager_class.a_run_chat is not GroupChatManager.a_run_chat
        reset = GroupChat.reset
        self.register_reply(Agent, manager_class.run_chat, config=groupchat, reset_config=reset)
        if overrides_async or not overrides_sync:
            self.register_reply(
                Agent, manager_class.a_run_chat, config=groupchat, reset_config=reset, ignore_async_in_sync_chat=True
            )

    @property
    def groupchat(self) -> GroupChat:
        """Group chat that it manages."""
        return self._internals.group  # type: ignore[return-value]

    @property
    def _groupchat(self) -> GroupChat:
        return self.groupchat

    @_groupchat.setter
    def _groupchat(self, groupchat: GroupChat) -> None:
        self._internals.group = groupchat

    @property
    def last_speaker(self) -> Agent | None:
        """Author of the message being answered: members see the manager as its sender."""
        return self._internals.last_speaker

    def reset(self) -> None:
        """Reset the agent, the record of the group, and the usage of the group's own model."""
        super().reset()
        if entry := group_internals(self.groupchat).client:
            entry[1].clear_usage_summary()

    def chat_messages_for_summary(self, agent: Agent) -> list[Message]:
        """Return the record of the group, for any agent."""
        return self.groupchat.messages

    def last_message(self, agent: Agent | None = None) -> Message | None:
        """Return the last message; for an agent outside the group, the last message of the record."""
        if agent is not None and agent not in self.groupchat.agents and self.groupchat.messages:
            return self.groupchat.messages[-1]
        return super().last_message(agent)

    def run_chat(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: GroupChat | None = None
    ) -> Reply:
        """Run the group chat that starts with the last message.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: First speaker.
            config: Group chat; that of the agent if None.

        Returns:
            `(True, None)`, because a manager does not reply. A manager that is a member of the sender's group replies with
            the last text of its own group.
        """
        return run_sync(_run(self, messages, sender, config))

    async def a_run_chat(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: GroupChat | None = None
    ) -> Reply:
        """Async version of `run_chat`."""
        return await run_async(_run(self, messages, sender, config))

    def resume(
        self,
        messages: list[Message] | str,
        remove_termination_string: str | Callable[[str], str] | None = None,
        silent: bool | None = False,
    ) -> tuple[Agent | None, Message]:
        """Restore the state of the group after all but the last of these messages.

        Continue with `last_agent.initiate_chat(manager, message=last_message, clear_history=False)`.

        Args:
            messages: Messages, or JSON text of them.
            remove_termination_string: Text to remove from the last message, so that it does not end the chat at once; or a
                function that returns the new content.
            silent: True to print nothing.

        Returns:
            Author of the last message, and the last message.

        Raises:
            Exception: if the messages are invalid; then nothing is changed.
        """
        return restore.restore_group(self, messages, remove_termination_string, bool(silent))

    async def a_resume(
        self,
        messages: list[Message] | str,
        remove_termination_string: str | Callable[[str], str] | None = None,
        silent: bool | None = False,
    ) -> tuple[Agent | None, Message]:
        """Async version of `resume`; it never waits."""
        return self.resume(messages, remove_termination_string, silent)

    def _valid_resume_messages(self, messages: list[Message]) -> None:
        restore.validate_authors(self, messages)

    def _process_resume_termination(
        self, remove_termination_string: str | Callable[[str], str] | None, messages: list[Message]
    ) -> None:
        restore.remove_termination(self, remove_termination_string, messages)

    def messages_from_string(self, message_string: str) -> list[Message]:
        """Parse messages from JSON text.

        Raises:
            Exception: if the text is not valid JSON.
        """
        return restore.parse_messages(message_string)

    def messages_to_string(self, messages: list[Message]) -> str:
        """Serialise messages to JSON text, for `resume`.

        Raises:
            TypeError: if JSON can't represent them.
        """
        return json.dumps(messages)

    def clone(self) -> Self:
        """Return a manager with a group of clones of the members.

        A selection function reaches them through the group that is passed to it (`groupchat.agent_by_name`).
        """
        return super().clone()

    def _detach_clone(self) -> None:
        super()._detach_clone()
        group = self.groupchat
        self._internals.group = clone = cloning.clone_group(group)
        # `run_chat` gets the group as its config.
        for row in self._reply_func_list:
            if row["init_config"] is group:
                row["init_config"] = row["config"] = clone

    def save_state(self, *, picture_folder: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """Return the state of the manager, its group and all members; see `ConversableAgent.save_state`."""
        return move_pictures_out(snapshot.save_group(self, super().save_state()), picture_folder)

    def load_state(
        self,
        state: Mapping[str, Any],
        peers: Iterable[Agent] = (),
        *,
        picture_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        """Restore the state of the manager, its group and all members; see `ConversableAgent.load_state`."""
        state = move_pictures_in(state, picture_folder)
        snapshot.load_group(self, state, peers, super().save_state, super().load_state)

    def clear_agents_history(self, reply: Message, groupchat: GroupChat) -> str:
        """Execute the command `clear history [agent] [number]` in a reply, and return its text without the command."""
        return clear_history_module.clear_histories(reply, groupchat)

    def _prepare_chat(
        self, recipient: Agent, clear_history: bool, prepare_recipient: bool = True, reply_at_receive: bool = True
    ) -> None:
        super()._prepare_chat(recipient, clear_history, prepare_recipient, reply_at_receive)
        if clear_history:
            if self._internals.is_resumed and self.groupchat.messages:
                logger.warning("The messages that %r has resumed are cleared: pass clear_history=False.", self.name)
            self.groupchat.reset()
            # The base class has cleared the history with the recipient only.
            for agent in self.groupchat.agents:
                if agent in self._oai_messages:
                    self.clear_history(agent)
        self._internals.is_resumed = False
        for agent in self.groupchat.agents:
            if isinstance(agent, ConversableAgent) and (agent is not recipient or prepare_recipient):
                agent._prepare_chat(self, clear_history, False, reply_at_receive)

    def _raise_exception_on_async_reply_functions(self) -> None:
        # Each member replies within the chat.
        super()._raise_exception_on_async_reply_functions()
        for agent in self.groupchat.agents:
            if isinstance(agent, ConversableAgent):
                agent._raise_exception_on_async_reply_functions()

    def _record_for(self, peer: Agent) -> list[Message] | None:
        # Members have the conversation in their histories.
        return None if peer in self.groupchat.agents else self.groupchat.messages

    def _participants(self) -> list[Any]:
        entry = group_internals(self.groupchat).client
        members = [agent for agent in self.groupchat.nested_agents() if agent is not self]
        # The usage of the group's own model counts, too.
        return [self, *members, *([SimpleNamespace(client=entry[1])] if entry else [])]


# Kept apart from the class, where a program may replace it.
_builtin_pick = GroupChat.manual_select_speaker

registry.ASYNC_VARIANTS.add(GroupChatManager.run_chat, GroupChatManager.a_run_chat)


def _run(
    manager: ConversableAgent, messages: list[Message] | None, sender: Agent | None, group: Group | None
) -> Steps[Reply]:
    """Run a group chat. The manager is any agent that has `run_chat` registered, with the group as config."""
    group = group or get_managed_group(manager)
    assert group is not None, f"Agent {manager.name!r} manages no group chat."
    assert sender is not None, "run_chat needs the sender of the first message."
    return run.run_group_chat(manager, group, get_conversation(manager, messages, sender), sender)


if TYPE_CHECKING:
    # The packages below work over these protocols.
    _group: Group = cast(GroupChat, None)
    _manager: GroupManager = cast(GroupChatManager, None)

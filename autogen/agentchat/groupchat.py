"""`GroupChat`: who talks together and by which rules. `GroupChatManager`: the agent that holds the talk."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast

from .._steps import Steps, invoke, run_async, run_sync
from ..code_utils import content_str
from ..exception_utils import AgentNameConflict
from ..types import MessageContentType
from ._core import runtime_log
from ._core.internals import GroupInternals, get_conversation, get_managed_group, group_internals
from ._core.protocols import Group, GroupManager
from ._core.result import ChatResult
from ._core.selection_strategy import get_selection_method
from ._groupchat import auto_selection, mentions, prompts, run, selection, selection_dialogue, validation
from ._groupchat import clear_history as clear_history_module
from ._groupchat import resume as resume_module
from ._groupchat import state as state_module
from ._replies import registry
from .agent import Agent, Message
from .conversable_agent import ConversableAgent, Reply

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["GroupChat", "GroupChatManager"]

logger = logging.getLogger(__name__)

Selected = tuple[Agent | None, list[Agent] | None, list[Message] | None]


@dataclass
class GroupChat:
    """A talk of several agents: its members, its record, and how the next speaker is found.

    Attributes:
        agents: The members, in the order of round robin.
        messages: The record of what was said.
        max_round: How many messages there may be, the opening one included.
        admin_name: The member that takes over on Ctrl-C.
        func_call_filter: Whether only members that can carry out a call may follow it.
        speaker_selection_method: `auto` (a model chooses), `manual`, `random`, `round_robin`, or a function
            `(last_speaker, groupchat)` that gives an agent, one of these methods, or None to end the chat.
        max_retries_for_selecting_speaker: How often a model is asked again that did not name one agent.
        allow_repeat_speaker: Whether an agent may speak twice in a row, or which may.
        allowed_or_disallowed_speaker_transitions: For each agent those that may, or may not, speak after it.
        speaker_transitions_type: Which of the two: `allowed` or `disallowed`.
        enable_clear_history: Whether a human's `clear history [agent] [number]` is obeyed.
        send_introductions: Whether the members are introduced to each other first.
        select_speaker_message_template: What the model that chooses is told before the conversation.
        select_speaker_prompt_template: And after it; None for nothing.
        select_speaker_auto_multiple_template: What it is told that named several agents.
        select_speaker_auto_none_template: What it is told that named none.
        select_speaker_transform_messages: Transforms of what it sees.
        select_speaker_auto_verbose: Whether its conversation is shown.
        select_speaker_auto_model_client_cls: Classes of model clients for its config.
        select_speaker_auto_llm_config: Its config; that of the manager if there is none.
        role_for_select_speaker_messages: The role of what it is told last.
        select_speaker_auto_structured: Whether it is asked by a JSON schema with the names; None: where it is known to obey.
        return_results_to_caller: Whether who called a tool speaks after its result; None: with the method `auto`.
        visible_to: Whether a message is for a member; None: all are for all. A reply may also name its `receivers`.
        allowed_speaker_transitions_dict: The graph of transitions that results.
        last_selection: Who was chosen last, and why.

    >>> group = GroupChat(agents=[planner, writer, critic], max_round=6)  # doctest: +SKIP
    >>> user.initiate_chat(GroupChatManager(group, llm_config=llm_config), message="Write a poem.")  # doctest: +SKIP
    """

    agents: list[Agent]
    messages: list[Message] = field(default_factory=list)
    max_round: int = 10
    admin_name: str = "Admin"
    func_call_filter: bool = True
    speaker_selection_method: Literal["auto", "manual", "random", "round_robin"] | Callable[..., Any] = "auto"
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
    select_speaker_transform_messages: Any = None
    select_speaker_auto_verbose: bool = False
    select_speaker_auto_model_client_cls: type[Any] | list[type[Any]] | None = None
    select_speaker_auto_llm_config: dict[str, Any] | Literal[False] | None = field(default=None, repr=False)  # it has keys
    role_for_select_speaker_messages: str = "system"
    select_speaker_auto_structured: bool | None = None
    return_results_to_caller: bool | None = None
    visible_to: Callable[[Message, Agent], bool] | None = None
    allowed_speaker_transitions_dict: dict[Agent, list[Agent]] = field(init=False, repr=False)
    last_selection: str = field(init=False, default="", compare=False)

    DEFAULT_INTRO_MSG = prompts.INTRODUCTION  # no field: it has no annotation
    is_live = True  # reply functions are given the group itself, not a copy as of other configs
    _VALID_SPEAKER_SELECTION_METHODS = list(selection.SELECTION_METHODS)
    _VALID_SPEAKER_TRANSITIONS_TYPE = validation.TRANSITION_TYPES

    def __post_init__(self) -> None:
        validation.validate_group(self)

    @cached_property
    def _internals(self) -> GroupInternals:
        return GroupInternals()

    @property
    def _speaker_selection_transforms(self) -> Any:
        return self._internals.transforms

    @property
    def agent_names(self) -> list[str]:
        """The names of the members, in order."""
        return [agent.name for agent in self.agents]

    def reset(self) -> None:
        """Clear the record."""
        self.messages.clear()

    def append(self, message: Message, speaker: Agent) -> None:
        """Put a message on the record, under the name of its speaker and as text.

        Raises:
            KeyError: It has no role or no content.
        """
        if message["role"] != "function":  # there it is the function's name
            message["name"] = speaker.name
        message["content"] = content_str(message["content"])
        self.messages.append(message)

    def agent_by_name(self, name: str, recursive: bool = False, raise_on_name_conflict: bool = False) -> Agent | None:
        """The first member of a name; None if there is none.

        Args:
            name: The name.
            recursive: Whether the groups of members that are managers are searched too.
            raise_on_name_conflict: Whether several of that name are an error.

        Raises:
            AgentNameConflict: There are several.
        """
        found = [agent for agent in (self.nested_agents() if recursive else self.agents) if agent.name == name]
        if raise_on_name_conflict and len(found) > 1:
            raise AgentNameConflict()
        return found[0] if found else None

    def nested_agents(self) -> list[Agent]:
        """The members, and those of the groups of members that are managers; each once."""
        found: dict[int, Agent] = {}
        waiting = list(self.agents)
        while waiting:
            agent = waiting.pop(0)
            if id(agent) not in found:
                found[id(agent)] = agent
                if isinstance(agent, GroupChatManager):
                    waiting.extend(agent.groupchat.agents)
        return list(found.values())

    def next_agent(self, agent: Agent | None, agents: list[Agent] | None = None) -> Agent:
        """The next of `agents` (all members if None) after an agent, in the order of the members.

        Raises:
            UndefinedNextAgent: One of `agents` is no member, or there is none.
        """
        return selection.find_next(self.agents, agent, self.agents if agents is None else agents)

    def select_speaker_msg(self, agents: list[Agent] | None = None) -> str:
        """What the model that chooses is told before the conversation."""
        agents = self.agents if agents is None else agents
        names = [agent.name for agent in agents]
        template = get_selection_method(self).selection_message or self.select_speaker_message_template
        return template.format(roles=self._participant_roles(agents), agentlist=names)

    def select_speaker_prompt(self, agents: list[Agent] | None = None) -> str | None:
        """What it is told after the conversation; None for nothing."""
        if self.select_speaker_prompt_template is None:
            return None
        names = [agent.name for agent in (self.agents if agents is None else agents)]
        return self.select_speaker_prompt_template.format(agentlist=names)

    def introductions_msg(self, agents: list[Agent] | None = None) -> str:
        """The message that introduces the members to each other."""
        return f"{self.DEFAULT_INTRO_MSG}\n\n{self._participant_roles(agents)}"

    def _participant_roles(self, agents: list[Agent] | None = None) -> str:
        agents = self.agents if agents is None else agents
        validation.warn_of_missing_descriptions(self, agents)
        return "\n".join(f"{agent.name}: {validation.get_description(agent)}".strip() for agent in agents)

    def manual_select_speaker(self, agents: list[Agent] | None = None) -> Agent | None:
        """Ask a human who speaks next; None if they leave it open."""
        return selection.pick_manually(self.agents if agents is None else agents)

    def random_select_speaker(self, agents: list[Agent] | None = None) -> Agent:
        """Any of the agents."""
        return selection.pick_randomly(self.agents if agents is None else agents)

    def select_speaker(self, last_speaker: Agent, selector: ConversableAgent) -> Agent:
        """Choose the next speaker; override it to choose otherwise.

        Args:
            last_speaker: Who spoke last.
            selector: The manager, whose model chooses with the method `auto`.

        Raises:
            NoEligibleSpeaker: Nobody may speak.
            ValueError: The method is not known, or there are fewer than two agents.
        """
        return run_sync(selection.select_speaker(self, last_speaker, selector))

    async def a_select_speaker(self, last_speaker: Agent, selector: ConversableAgent) -> Agent:
        """`select_speaker`, awaited."""
        return await run_async(selection.select_speaker(self, last_speaker, selector))

    def _next_speaker(self, last: Agent, selector: ConversableAgent) -> Steps[Agent]:
        """`select_speaker` in the caller's colour; an override of the plain form alone serves both."""
        kind, own = type(self), vars(self)
        plain_only = (kind.select_speaker is not GroupChat.select_speaker or "select_speaker" in own) and (
            kind.a_select_speaker is GroupChat.a_select_speaker and "a_select_speaker" not in own
        )
        twin: Any = self.select_speaker if plain_only else self.a_select_speaker
        return (yield from invoke(self.select_speaker, twin, last, selector))

    def _prepare_and_select_agents(self, last_speaker: Agent) -> Selected:
        """The next speaker if that is settled without a model; else the candidates, and the conversation for the model."""
        settled = run_sync(selection.prepare_selection(self, last_speaker))
        if settled.chosen is not None or settled.method != "auto":
            if settled.chosen is None:
                chosen = run_sync(selection.select_by_method(self, last_speaker, None, settled))[0]
                return chosen, settled.candidates, None
            return settled.chosen, settled.candidates, None
        return None, settled.candidates, selection.remove_pending_calls(self.messages)

    def _auto_select_speaker(
        self, last_speaker: Agent, selector: ConversableAgent, messages: list[Message], agents: list[Agent] | None
    ) -> Agent:
        return run_sync(auto_selection.auto_select(self, last_speaker, selector, messages, agents))

    async def a_auto_select_speaker(
        self, last_speaker: Agent, selector: ConversableAgent, messages: list[Message], agents: list[Agent] | None
    ) -> Agent:
        """Let the selector's model choose one of the agents."""
        return await run_async(auto_selection.auto_select(self, last_speaker, selector, messages, agents))

    def _create_internal_agents(
        self,
        agents: list[Agent],
        max_attempts: int,
        messages: list[Message],
        validate_speaker_name: Callable[..., Any],
        selector: ConversableAgent | None = None,
    ) -> tuple[ConversableAgent, ConversableAgent]:
        return selection_dialogue.create_agents(self, agents, messages, validate_speaker_name, selector)

    def _validate_speaker_name(
        self,
        recipient: Any,
        messages: list[Message],
        sender: Any,
        config: Any,
        attempts_left: int,
        attempt: int,
        agents: list[Agent],
    ) -> tuple[bool, Message | None]:
        return selection_dialogue.check_answer(self, messages, attempts_left, attempt, agents)

    def _process_speaker_selection_result(
        self, result: ChatResult, last_speaker: Agent, agents: list[Agent] | None
    ) -> Agent:
        return auto_selection.get_speaker_from_result(self, result, last_speaker, list(agents or self.agents))

    def _mentioned_agents(self, message_content: MessageContentType, agents: list[Agent] | None) -> dict[str, int]:
        return mentions.count_mentions(message_content, self.agents if agents is None else agents)

    def _selection_client(self, selector: Any) -> Any:
        """The client of the model that chooses; the group's own is made once."""
        config = self.select_speaker_auto_llm_config
        if not config:
            return auto_selection.make_client(self, selector)
        own = self._internals
        if own.client is None or own.client[0] is not config:
            own.client = (config, auto_selection.make_client(self, selector))
        return own.client[1]


class GroupChatManager(ConversableAgent):
    """The agent that holds a group chat: it passes on what is said, and lets the next speaker be chosen.

    >>> manager = GroupChatManager(GroupChat([alice, bob]), llm_config=llm_config)  # doctest: +SKIP
    >>> result = user.initiate_chat(manager, message="Hello, everybody.")  # doctest: +SKIP
    """

    def __init__(
        self,
        groupchat: GroupChat,
        name: str | None = "chat_manager",
        max_consecutive_auto_reply: int | None = sys.maxsize,
        human_input_mode: Literal["ALWAYS", "NEVER", "TERMINATE"] = "NEVER",
        system_message: str | list[Any] | None = "Group chat manager.",
        silent: bool = False,
        **kwargs: Any,
    ) -> None:
        """Args:
            groupchat: The group.
            name: The name that the members see.
            max_consecutive_auto_reply: Without effect: a manager never answers.
            human_input_mode: Without effect, too.
            system_message: Its description, where none is given.
            silent: Whether the messages of the members are not printed.
            **kwargs: As for `ConversableAgent`: `llm_config` for the model that chooses speakers, `is_termination_msg`...

        Raises:
            ValueError: The model has tools or functions.
        """
        given = runtime_log.capture_arguments(locals())
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
        both: dict[str, Any] = {"config": groupchat, "reset_config": GroupChat.reset}
        kind = type(self)
        self.register_reply(Agent, kind.run_chat, **both)
        if kind.run_chat is GroupChatManager.run_chat or kind.a_run_chat is not GroupChatManager.a_run_chat:
            self.register_reply(Agent, kind.a_run_chat, **both, ignore_async_in_sync_chat=True)
        runtime_log.log_new_agent(self, given)

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
        """`ConversableAgent.reset`, of the record too, and of what choosing speakers has cost."""
        super().reset()
        if own := group_internals(self.groupchat).client:
            own[1].clear_usage_summary()

    def chat_messages_for_summary(self, agent: Agent) -> list[Message]:
        """The record of the group, whoever asks."""
        return self.groupchat.messages

    def last_message(self, agent: Agent | None = None) -> Message | None:
        """The last message; one who is no member, and has heard nothing, gets the last of the record."""
        if agent is not None and agent not in self.groupchat.agents and self.groupchat.messages:
            return self.groupchat.messages[-1]
        return super().last_message(agent)

    def run_chat(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: GroupChat | None = None
    ) -> Reply:
        """Hold the group chat that begins with the last message.

        Args:
            messages: The conversation; the history with `sender` if None.
            sender: Who begins.
            config: The group.

        Returns:
            `(True, None)`: a manager does not answer. One that is a member of the sender's group answers with what was said
            last in its own.
        """
        return run_sync(_run(self, messages, sender, config))

    async def a_run_chat(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: GroupChat | None = None
    ) -> Reply:
        """`run_chat`, awaited."""
        return await run_async(_run(self, messages, sender, config))

    def resume(
        self,
        messages: list[Message] | str,
        remove_termination_string: str | Callable[[str], str] | None = None,
        silent: bool | None = False,
    ) -> tuple[Agent | None, Message]:
        """Bring the group into the state in which these messages were said.

        Go on with `last_agent.initiate_chat(manager, message=last_message, clear_history=False)`.

        Args:
            messages: The messages, or JSON text of them.
            remove_termination_string: What is taken out of the last message, so that it doesn't end the chat at once: a
                text, or a function from content to content.
            silent: Whether nothing is printed.

        Returns:
            The author of the last message, and the last message.

        Raises:
            Exception: The messages can't be used; nothing is changed then.
        """
        return resume_module.resume(self, messages, remove_termination_string, bool(silent))

    async def a_resume(
        self,
        messages: list[Message] | str,
        remove_termination_string: str | Callable[[str], str] | None = None,
        silent: bool | None = False,
    ) -> tuple[Agent | None, Message]:
        """`resume`, awaited; there is nothing in it to wait for."""
        return self.resume(messages, remove_termination_string, silent)

    def _valid_resume_messages(self, messages: list[Message]) -> None:
        resume_module.validate_authors(self, messages)

    def _process_resume_termination(
        self, remove_termination_string: str | Callable[[str], str] | None, messages: list[Message]
    ) -> None:
        resume_module.remove_termination(self, remove_termination_string, messages)

    def messages_from_string(self, message_string: str) -> list[Message]:
        """The messages that JSON text holds.

        Raises:
            Exception: It is no JSON.
        """
        return resume_module.parse_messages(message_string)

    def messages_to_string(self, messages: list[Message]) -> str:
        """Messages as JSON text, for `resume`.

        Raises:
            TypeError: JSON can't hold them.
        """
        return json.dumps(messages)

    def clone(self) -> Self:
        """A manager with a group of its own, of clones of the members.

        A selection function finds them through the group that it is given (`groupchat.agent_by_name`).
        """
        return super().clone()

    def _detach_clone(self) -> None:
        super()._detach_clone()
        group = self.groupchat
        self._internals.group = clone = state_module.clone_group(group)
        for row in self._reply_func_list:
            if row["init_config"] is group:
                row["init_config"] = row["config"] = clone

    def save_state(self) -> dict[str, Any]:
        """The state of the manager, its group and all members."""
        return state_module.save_group(self, super().save_state())

    def load_state(self, state: Mapping[str, Any], peers: Iterable[Agent] = ()) -> None:
        """Bring back the state of the manager, its group and all members; see `ConversableAgent.load_state`."""
        state_module.load_group(self, state, peers, super().save_state, super().load_state)

    def clear_agents_history(self, reply: Message, groupchat: GroupChat) -> str:
        """Obey `clear history [agent] [number]` in a reply; returns its text without the command."""
        return clear_history_module.clear_histories(reply, groupchat)

    def _prepare_chat(
        self, recipient: Agent, clear_history: bool, prepare_recipient: bool = True, reply_at_receive: bool = True
    ) -> None:
        super()._prepare_chat(recipient, clear_history, prepare_recipient, reply_at_receive)
        if clear_history:
            if self._internals.is_resumed and self.groupchat.messages:
                logger.warning("What %r has resumed with is cleared: use clear_history=False to go on with it.", self.name)
            self.groupchat.reset()
            for agent in self.groupchat.agents:
                if agent in self._oai_messages:
                    self.clear_history(agent)
        self._internals.is_resumed = False
        for agent in self.groupchat.agents:
            if isinstance(agent, ConversableAgent) and (agent is not recipient or prepare_recipient):
                agent._prepare_chat(self, clear_history, False, reply_at_receive)

    def _raise_exception_on_async_reply_functions(self) -> None:
        super()._raise_exception_on_async_reply_functions()
        for agent in self.groupchat.agents:
            if isinstance(agent, ConversableAgent):
                agent._raise_exception_on_async_reply_functions()

    def _record_for(self, peer: Agent) -> list[Message] | None:
        return None if peer in self.groupchat.agents else self.groupchat.messages

    def _participants(self) -> list[Any]:
        own = group_internals(self.groupchat).client
        members = [agent for agent in self.groupchat.nested_agents() if agent is not self]
        return [self, *members, *([SimpleNamespace(client=own[1])] if own else [])]


registry.ASYNC_VARIANTS.add(GroupChatManager.run_chat, GroupChatManager.a_run_chat)


def _run(manager: ConversableAgent, messages: Any, sender: Any, group: Any) -> Steps[Reply]:
    """Run a group chat. Any agent can for which `run_chat` is registered, with the group as config."""
    group = group or get_managed_group(manager)
    assert group is not None, f"Agent {manager.name!r} manages no group chat."
    return run.run_group_chat(manager, group, get_conversation(manager, messages, sender), sender)


if TYPE_CHECKING:
    # the packages below work over these protocols
    _group: Group = cast(GroupChat, None)
    _manager: GroupManager = cast(GroupChatManager, None)

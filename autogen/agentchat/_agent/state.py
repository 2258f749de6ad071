"""State of an agent: its attributes, and its histories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, MutableMapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from .._core.display import is_silent
from .._core.internals import AgentInternals
from .._core.protocols import AgentCore, Hook, Tool
from .._core.result import ChatResult
from ..agent import Agent, Message

if TYPE_CHECKING:
    from ...coding.base import CodeExecutor
from collections.abc import Sequence
from functools import partial

from ... import events
from ...formatting_utils import colored
from ...io.base import IOStream
from .._core.argument_checks import check_system_message
from .._core.internals import get_history
from .._core.messages import as_dict, to_stored_form
from .._core.termination import BoundCondition, bind_condition

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True


class AgentState(AgentCore):
    """State of a conversable agent, and the properties over it."""

    MAX_CONSECUTIVE_AUTO_REPLY: int

    client: Any
    hook_lists: dict[str, list[Hook]]
    llm_config: dict[str, Any] | Literal[False]
    reply_at_receive: MutableMapping[Any, bool]

    _name: str
    _description: str
    _oai_messages: MutableMapping[Any, list[Message]]
    _oai_system_message: list[Message]
    _is_termination_msg: Callable[[Message], object]
    _max_consecutive_auto_reply: int
    _max_consecutive_auto_reply_dict: MutableMapping[Any, int]
    _consecutive_auto_reply_counter: MutableMapping[Any, int]
    _function_map: dict[str, Tool]
    _default_auto_reply: str | Message | None
    _reply_func_list: list[dict[str, Any]]
    _human_input: list[str]
    # A dict, or False if the agent runs no code.
    _code_execution_config: Any
    # Set if the config names an executor.
    _code_executor: CodeExecutor
    # By position after `initiate_chats`, by id after `a_initiate_chats`.
    _finished_chats: Any

    def __repr__(self) -> str:
        # Programs subclass without calling `__init__`.
        return f"{type(self).__name__}({getattr(self, '_name', None)!r})"

    def __str__(self) -> str:
        return self._get_display_name()

    def _get_display_name(self) -> str:
        """Return the text of the agent; programs replace it by one of their own."""
        return str(getattr(self, "_name", None) or repr(self))

    @cached_property
    def _internals(self) -> AgentInternals:
        # Made on first access, because programs subclass without calling `__init__`.
        return AgentInternals()

    # True if the agent looks for a model when it first needs one.
    _awaits_model = False

    def _get_model_client(self) -> Any:
        """Return the client of the agent's model; None if it has no model."""
        return self.client

    def _unshare_attributes(self) -> None:
        """Give the instance a dict of its own.

        Objects of one class share the keys of their attributes. Python 3.11 and 3.12 read the attributes of such an object
        four times slower once `vars` has been called for it, as the test for overridden methods does for each message.
        """
        self.__dict__ = {**vars(self)}

    def _reset_conversations(self) -> None:
        """Initialise the state of conversations."""
        self.client_cache = None
        self.reply_at_receive = defaultdict(bool)
        self._consecutive_auto_reply_counter = defaultdict(int)
        self._human_input = []
        self._finished_chats = []
        # A new object: the old one may be shared with the original of a clone.
        self._internals = AgentInternals()

    def _detach_clone(self) -> None:
        """Make a shallow copy independent of its original. Each class copies its own attributes, after `super()`."""
        self._unshare_attributes()
        # Known to be checked, so clones don't repeat warnings; a manager's clone needs the group to copy it.
        original = self._internals
        self._reset_conversations()
        self._internals = AgentInternals(
            checked_tools=set(original.checked_tools),
            offered_functions=dict(original.offered_functions),
            ui_tools=list(original.ui_tools),
            group=original.group,
        )
        self._oai_system_message = [dict(message) for message in self._oai_system_message]
        self._function_map = dict(self._function_map)
        self.hook_lists = type(self.hook_lists)({point: list(hooks) for point, hooks in self.hook_lists.items()})

    @property
    def name(self) -> str:
        """Name of the agent; it can't be changed."""
        return self._name

    @property
    def description(self) -> str:
        """Purpose of the agent; a group chat selects its speakers by it."""
        return self._description

    @description.setter
    def description(self, description: str) -> None:
        self._description = description

    @property
    def system_message(self) -> str:
        """System message of the model."""
        return self._oai_system_message[0]["content"]  # type: ignore[no-any-return]

    def update_system_message(self, system_message: str) -> None:
        """Replace the system message; the description stays.

        Raises:
            TypeError: if it is neither text, nor a list of content parts, nor None.
        """
        check_system_message(system_message)
        self._oai_system_message[0]["content"] = system_message

    @property
    def chat_messages(self) -> MutableMapping[Agent, list[Message]]:
        """Live histories, by peer."""
        return self._oai_messages

    @property
    def function_map(self) -> dict[str, Tool]:
        """Functions that the agent executes, by name."""
        return self._function_map

    @property
    def code_executor(self) -> CodeExecutor | None:
        """Code executor; None if the agent has none."""
        return getattr(self, "_code_executor", None)

    @property
    def use_docker(self) -> bool | str | list[str] | None:
        """True, or the image, if code runs in Docker; None if the agent runs no code."""
        return None if self._code_execution_config is False else self._code_execution_config.get("use_docker")

    def get_chat_results(self, chat_index: int | None = None) -> list[ChatResult] | dict[int, ChatResult] | ChatResult:
        """Return the results of the agent's last chat queue, or one of them.

        Args:
            chat_index: Position, or id after `a_initiate_chats`; None for all.
        """
        return self._finished_chats if chat_index is None else self._finished_chats[chat_index]  # type: ignore[no-any-return]


class HistoriesMixin(AgentState):
    """Conversations of an agent, one for each peer."""

    _message_to_dict = staticmethod(as_dict)

    def _detach_clone(self) -> None:
        super()._detach_clone()
        self._oai_messages = defaultdict(list)
        self._reset_reply_limits()
        if isinstance(self._is_termination_msg, BoundCondition):
            self._is_termination_msg = bind_condition(self._is_termination_msg.condition)

    def _reset_reply_limits(self) -> None:
        # A partial and not a lambda, so that agents can be pickled and copied deeply.
        self._max_consecutive_auto_reply_dict = defaultdict(partial(_get_general_limit, self))

    def chat_messages_for_summary(self, agent: Agent) -> list[Message]:
        """Return the messages that a summary of the chat with `agent` covers."""
        return get_history(self, agent)

    def last_message(self, agent: Agent | None = None) -> Message | None:
        """Return the last message of a conversation; None if it is empty.

        Args:
            agent: Peer. May be omitted if there is only one.

        Raises:
            ValueError: if there are several conversations and no peer is given.
            KeyError: if there was no conversation with this peer.
        """
        if agent is None:
            if len(self._oai_messages) > 1:
                names = ", ".join(sorted(str(peer.name) for peer in self._oai_messages))
                raise ValueError(f"{self.name!r} has several conversations ({names}): name the peer.")
            history = next(iter(self._oai_messages.values()), [])
        elif agent in self._oai_messages:
            history = self._oai_messages[agent]
        else:
            raise KeyError(f"The agent {agent.name!r} is not in any conversation with {self.name!r}.")
        return history[-1] if history else None

    def _append_oai_message(
        self, message: Message | str, role: str, conversation_id: Agent, is_sending: bool | None = None
    ) -> bool:
        """Store a message; return False if it has neither content nor calls."""
        # Programs written for early versions of 0.2 don't pass it.
        if is_sending is None:
            is_sending = role == "assistant"
        speaker = self.name if is_sending else conversation_id.name
        stored = to_stored_form(self._message_to_dict(message), role, speaker)
        if stored is None:
            return False
        self._oai_messages.setdefault(conversation_id, []).append(stored)
        return True

    def clear_history(self, recipient: Agent | None = None, nr_messages_to_preserve: int | None = None) -> None:
        """Delete messages.

        Args:
            recipient: Peer of the conversation to clear; None clears all.
            nr_messages_to_preserve: Number of last messages to keep. One more is kept if the first of them would be a tool
                response without its call.
        """
        keep = nr_messages_to_preserve or 0
        if recipient is None and not keep:
            self._oai_messages.clear()
            return
        extra = 0
        for history in [get_history(self, recipient)] if recipient else self._oai_messages.values():
            start = max(0, len(history) - keep)
            # Endpoints refuse a tool response without its call.
            if keep and start and history[start].get("tool_responses"):
                start -= 1
                extra += 1
                text = f"Keeping one more message of {self.name}: a tool response stays with its call."
                if not is_silent(self):
                    IOStream.get_default().print(colored(text, "yellow"), flush=True)
            del history[:start]
        if keep and events.has_listeners:
            peer = recipient.name if recipient else None
            events.emit(events.HistoryCleared(agent=self.name, peer=peer, kept=keep, extra=extra, by="program"))

    def max_consecutive_auto_reply(self, sender: Agent | None = None) -> int:
        """Return the limit of automatic replies in a row to `sender`; the general limit if None."""
        return self._max_consecutive_auto_reply if sender is None else self._max_consecutive_auto_reply_dict[sender]

    def update_max_consecutive_auto_reply(self, value: int, sender: Agent | None = None) -> None:
        """Set the limit of automatic replies for one peer, or for all."""
        if sender is not None:
            self._max_consecutive_auto_reply_dict[sender] = value
            return
        self._max_consecutive_auto_reply = value
        # Peers with a limit of their own get the new one, too.
        for peer in self._max_consecutive_auto_reply_dict:
            self._max_consecutive_auto_reply_dict[peer] = value

    def reset_consecutive_auto_reply_counter(self, sender: Agent | None = None) -> None:
        """Reset the counter of automatic replies for one peer, or for all."""
        if sender is None:
            self._consecutive_auto_reply_counter.clear()
        else:
            self._consecutive_auto_reply_counter[sender] = 0

    def stop_reply_at_receive(self, sender: Agent | None = None) -> None:
        """Receive without replying from now on, until the next chat starts.

        Args:
            sender: Peer that gets no more replies; None for all.

        >>> user.initiate_chat(assistant, message="Plan a trip.")  # doctest: +SKIP
        >>> user.stop_reply_at_receive(assistant)  # doctest: +SKIP
        >>> user.send("Sum it up.", assistant)  # the assistant replies once, the user doesn't  # doctest: +SKIP
        """
        if sender is None:
            self.reply_at_receive.clear()
        else:
            # Not `del`: programs read the key.
            self.reply_at_receive[sender] = False

    def _record_for(self, peer: Agent) -> list[Message] | None:
        """Return the messages of a chat that its initiator has not received; None if it has received all."""
        return None

    def _participants(self) -> Sequence[object]:
        """Return the participants of a chat with this agent that may cause cost, or anything else with a `client`."""
        return [self]

    def _prepare_chat(
        self, recipient: Agent, clear_history: bool, prepare_recipient: bool = True, reply_at_receive: bool = True
    ) -> None:
        """Prepare for a chat with `recipient`, and prepare the recipient too."""
        self.reset_consecutive_auto_reply_counter(recipient)
        self.reply_at_receive[recipient] = reply_at_receive
        if clear_history:
            self.clear_history(recipient)
            self._human_input = []
        if isinstance(self._is_termination_msg, BoundCondition):
            self._is_termination_msg.reset(recipient, get_history(self, recipient))
        # `prepare_recipient=False` ends the mutual calls.
        if prepare_recipient and isinstance(recipient, HistoriesMixin):
            recipient._prepare_chat(self, clear_history, False, reply_at_receive)


def _get_general_limit(agent: HistoriesMixin) -> int:
    return agent.max_consecutive_auto_reply()

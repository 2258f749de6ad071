"""`SocietyOfMindAgent`: a single agent to others, backed by a group chat of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, TypeAlias

from ..._steps import Steps, invoke, run_async, run_sync, sync_and_async
from ...code_utils import content_str
from ...coding.base import CodeExecutionConfig
from ...types import LLMConfigDict
from .._core import runtime_log
from .._core.internals import ORIGINAL_METHODS, get_conversation, get_reply_rows, invoke_overridable, is_conversable
from .._groupchat.run import broadcast
from .._replies import registry
from .._replies.model_reply import request_completion
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent, HumanInputMode, Reply
from ..groupchat import GroupChat

__all__ = ["SocietyOfMindAgent"]

ResponsePreparer: TypeAlias = Callable[[Any, list[Message]], object]
"""A sync or async function of the agent and the record of the discussion that returns a reply, or None."""

_END = "TERMINATE"

TRANSCRIPT = "You received a request, and your team has discussed it. This is the discussion, beginning with the request:"


class SocietyOfMindAgent(ConversableAgent):
    """An agent that thinks by running a group chat, and replies with its result.

    To other agents it is an ordinary agent: it can be in a two-agent chat or a group chat, also in that of another society.
    For each reply its own group starts afresh: the members receive the conversation so far, the last message is their task,
    and their discussion becomes one reply. The two conversations stay apart; the cost is counted in both.
    `get_chat_results(-1)` is the result of the last discussion.

    Attributes:
        response_preparer: Makes the reply; see the constructor. It may be changed.
        DEFAULT_RESPONSE_PROMPT: Prompt for the model that prepares the reply, unless another is given.
        DEFAULT_DESCRIPTION: Description, unless a description or a system message is given.

    >>> team = GroupChatManager(GroupChat([writer, critic], max_round=6), llm_config=llm_config)  # doctest: +SKIP
    >>> author = SocietyOfMindAgent("author", team, llm_config=llm_config)  # doctest: +SKIP
    >>> user.initiate_chat(author, message="A slogan for a bakery, please.", max_turns=1).summary  # doctest: +SKIP
    'Warm before you are.'
    """

    DEFAULT_RESPONSE_PROMPT = (
        "Now answer the request yourself. Your answer must stand alone: its reader knows nothing of the discussion, so give "
        "the whole result, and mention neither the team nor its intermediate steps."
    )
    DEFAULT_DESCRIPTION = "Discusses each request with a team of its own, and gives one answer."

    def __init__(
        self,
        name: str,
        chat_manager: ConversableAgent | None,
        response_preparer: str | ResponsePreparer | None = None,
        is_termination_msg: Callable[[Message], object] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "TERMINATE",
        function_map: Mapping[str, Callable[..., object] | None] | None = None,
        code_execution_config: CodeExecutionConfig | Mapping[str, object] | Literal[False] = False,
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = False,
        default_auto_reply: str | Message | None = "",
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            chat_manager: Manager of the group that discusses the requests; None for none yet.
            response_preparer: Makes a reply from the discussion: a prompt for the agent's model, or a function
                `(agent, messages)`, sync or async, that takes the record and returns the reply, or None to end the outer
                chat. None for the prompt `DEFAULT_RESPONSE_PROMPT`; without a model, the last message is the reply,
                without the word TERMINATE.
            is_termination_msg: As for `ConversableAgent`, like the following arguments; for the outer chat.
            max_consecutive_auto_reply: Maximum number of replies in a row.
            human_input_mode: When the human is asked.
            function_map: Functions that the agent executes.
            code_execution_config: How code is run.
            llm_config: Config of the model that prepares replies. It takes no part in the discussion.
            default_auto_reply: Reply while there is no group.
            **kwargs: `description`, `silent`...

        Raises:
            ValueError: if `chat_manager` manages no group chat, or `response_preparer` is neither text nor callable.
        """
        arguments = runtime_log.capture_arguments(locals())
        # A system message is a description, too.
        if kwargs.get("description") is None and "system_message" not in kwargs:
            kwargs["description"] = self.DEFAULT_DESCRIPTION
        super().__init__(
            name=name,
            is_termination_msg=is_termination_msg,
            max_consecutive_auto_reply=max_consecutive_auto_reply,
            human_input_mode=human_input_mode,
            function_map=function_map,
            code_execution_config=code_execution_config,
            llm_config=llm_config,
            default_auto_reply=default_auto_reply,
            **kwargs,
        )
        if response_preparer is None:
            response_preparer = self.DEFAULT_RESPONSE_PROMPT
        if not isinstance(response_preparer, str) and not callable(response_preparer):
            raise ValueError(
                f"The response_preparer of {name!r} must be a prompt or a function (agent, messages), "
                f"got {response_preparer!r}."
            )
        self.response_preparer = response_preparer
        self._is_thinking = False
        self.update_chat_manager(chat_manager)
        # The group replies in place of the model.
        self.replace_reply_func(ConversableAgent.generate_oai_reply, SocietyOfMindAgent.generate_inner_monologue_reply)
        self.replace_reply_func(ConversableAgent.a_generate_oai_reply, SocietyOfMindAgent.a_generate_inner_monologue_reply)
        runtime_log.log_new_agent(self, arguments)

    @property
    def chat_manager(self) -> ConversableAgent | None:
        """Manager of the group that discusses the requests. An assignment is a call of `update_chat_manager`."""
        return self._chat_manager

    @chat_manager.setter
    def chat_manager(self, chat_manager: ConversableAgent | None) -> None:
        self.update_chat_manager(chat_manager)

    def update_chat_manager(self, chat_manager: ConversableAgent | None) -> None:
        """Replace the group; None for none.

        Raises:
            ValueError: if the agent manages no group chat.
        """
        if chat_manager is not None and _find_group(chat_manager) is None:
            raise ValueError(
                f"{getattr(chat_manager, 'name', chat_manager)!r} can't be the chat_manager of {self.name!r}: it manages no "
                "group chat. Pass a GroupChatManager, or an agent that has GroupChatManager.run_chat registered."
            )
        self._chat_manager = chat_manager

    def generate_inner_monologue_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Let the group discuss the last message, and make a reply from the discussion.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: Agent that gets the reply.
            config: Not used.

        Returns:
            True and the reply. `(False, None)` without a group or messages, and if the sender is the group's manager.

        Raises:
            ValueError: if `response_preparer` is a prompt of the program's, and the agent has no model.
            RuntimeError: if the group is discussing already, for another chat or because the agent is a member of it.
        """
        return run_sync(self._run_monologue(messages, sender))

    async def a_generate_inner_monologue_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `generate_inner_monologue_reply`."""
        return await run_async(self._run_monologue(messages, sender))

    def _run_monologue(self, messages: list[Message] | None, sender: Agent | None) -> Steps[Reply]:
        manager, messages = self._chat_manager, get_conversation(self, messages, sender)
        group = None if manager is None else _find_group(manager)
        if manager is None or group is None or manager is sender or not messages:
            return False, None
        # Before the discussion, which would be paid for in vain.
        if self.client is None and isinstance(self.response_preparer, str) and not self._has_default_prompt():
            raise ValueError(
                f"{self.name!r} has no model that could read its response_preparer: pass an llm_config, or a function."
            )
        if self._is_thinking:
            raise RuntimeError(
                f"{self.name!r} is requested to reply while its group discusses another message. Use a society for each "
                "concurrent chat, and don't put a society into the group of its own chat_manager."
            )
        self._is_thinking = True
        try:
            yield from self._discuss(manager, group, messages, sender.name if sender else None)
            return True, (yield from self._prepare_response(list(group.messages)))
        finally:
            self._is_thinking = False

    def _discuss(
        self, manager: ConversableAgent, group: GroupChat, messages: list[Message], peer: str | None
    ) -> Steps[None]:
        """Let the group discuss the last message. The members receive the others first, which are not in the record."""
        self._clear_discussion(manager, group)
        for message in messages[:-1]:
            yield from broadcast(manager, group, _make_readable(message, self.name, peer), self)
        task = _make_readable(messages[-1])
        result = yield from invoke(
            self.initiate_chat,
            self.a_initiate_chat,
            manager,
            message={key: value for key, value in task.items() if key in ("content", "context")},
            # The histories hold the conversation so far.
            clear_history=False,
            # A silent manager means the whole discussion.
            silent=getattr(manager, "_silent", False),
            cache=self.client_cache,
            summary_method=None,
        )
        self._finished_chats = [result]

    def _clear_discussion(self, manager: ConversableAgent, group: GroupChat) -> None:
        """Clear the last discussion. The members keep their conversations with other agents, and their human inputs."""
        # Not by the manager's `reset`, which would clear the histories with other agents.
        group.reset()
        for agent in (self, *group.agents):
            manager.clear_history(agent)
            if isinstance(agent, ConversableAgent):
                agent.clear_history(manager)

    def _has_default_prompt(self) -> bool:
        return self.response_preparer == self.DEFAULT_RESPONSE_PROMPT

    def _prepare_response(self, messages: list[Message]) -> Steps[Any]:
        """Make the reply from the record of a discussion."""
        preparer = self.response_preparer
        if callable(preparer):
            return (yield from invoke(*sync_and_async(preparer, blocks=True), self, messages))
        steps = partial(_request_response, self)
        return (yield from invoke_overridable(self, "_llm_response_preparer", steps, preparer, messages))

    def _llm_response_preparer(self, prompt: str, messages: list[Message]) -> str | Message:
        return run_sync(_request_response(self, prompt, messages))

    def _participants(self) -> list[Any]:
        # The usage of the group counts as usage of the agent.
        manager = self._chat_manager
        group = None if manager is None else _find_group(manager)
        return [self, *([] if manager is None else [manager]), *(group.agents if group else [])]


registry.ASYNC_VARIANTS.add(
    SocietyOfMindAgent.generate_inner_monologue_reply, SocietyOfMindAgent.a_generate_inner_monologue_reply
)
ORIGINAL_METHODS["_llm_response_preparer"] = SocietyOfMindAgent._llm_response_preparer


def _request_response(agent: SocietyOfMindAgent, prompt: str, messages: list[Message]) -> Steps[str | Message]:
    """Show the discussion to the agent's model, and request the reply.

    Without a model the last message is the reply, without the word that ended the discussion: it would end the outer chat.
    """
    if agent.client is None:
        texts = (content_str(message.get("content")).replace(_END, "").strip() for message in reversed(messages))
        return next(filter(None, texts), "")
    request: list[Message] = [{"role": "system", "content": TRANSCRIPT}]
    request += [{**_make_readable(message), "role": "user"} for message in messages]
    # As a user: some endpoints ignore a system message that is not the first.
    request.append({"role": "user", "content": prompt})
    response: str | Message | None = yield from request_completion(agent, agent.client, request, agent.client_cache)
    return "" if response is None else response


def _make_readable(message: Message, own_name: str = "", peer: str | None = None) -> Message:
    """Return a message for agents outside its conversation: calls and results, which they can't answer, become text.

    Args:
        message: Message.
        own_name: Author of an assistant's message without a name.
        peer: Author of any other message without a name.
    """
    name = message.get("name") or (own_name if message.get("role") == "assistant" else peer)
    # A message of the outer chat, so its calls belong to tools that the group does not have.
    calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    if message.get("function_call"):
        calls.append(message["function_call"])
    content = message.get("content")
    if calls or content is None:
        lines = [content_str(content)] if content else []
        content = "\n".join([*lines, *(f"Call of {call.get('name')}({call.get('arguments') or ''})" for call in calls)])
    readable: Message = {"role": "user", "content": content}
    for key, value in (("name", name), ("context", message.get("context"))):
        if value:
            readable[key] = value
    return readable


def _find_group(manager: object) -> GroupChat | None:
    """Return the group that an agent manages: the config of the reply function that runs the chat."""
    # Any agent is a manager if `run_chat` is registered, so the class does not tell.
    rows = get_reply_rows(manager) if is_conversable(manager) else []
    return next((row["config"] for row in rows if isinstance(row["config"], GroupChat)), None)

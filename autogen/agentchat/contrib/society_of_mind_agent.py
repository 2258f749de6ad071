"""`SocietyOfMindAgent`: one agent on the outside, a group of agents on the inside."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from ..._steps import Steps, invoke, run_async, run_sync, sync_and_async
from ...code_utils import content_str
from .._core import runtime_log
from .._core.internals import get_conversation
from .._core.overrides import ORIGINAL_METHODS, invoke_overridable
from .._groupchat.run import broadcast
from .._replies import registry
from .._replies.model_reply import request_completion
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent, HumanInputMode, Reply
from ..groupchat import GroupChat

__all__ = ["SocietyOfMindAgent"]

TRANSCRIPT = "You were asked for something, and your team has talked it over. What was said, beginning with the request:"


class SocietyOfMindAgent(ConversableAgent):
    """An agent that thinks by holding a group chat, and says what came out of it.

    To everybody else it is an ordinary agent: it can be in a two-agent chat or a group chat, also in that of another
    society. For each answer its own group begins anew: the members are told the conversation so far, the last message is
    their task, and their discussion becomes one answer. The two conversations stay apart, the cost is counted in both.
    `get_chat_results(-1)` is the result of the last discussion.

    Attributes:
        response_preparer: Makes the answer; see the constructor. It may be changed.
        DEFAULT_RESPONSE_PROMPT: What a model is told that prepares the answer, where no other prompt is given.
        DEFAULT_DESCRIPTION: Its description, where neither that nor a system message is given.

    >>> team = GroupChatManager(GroupChat([writer, critic], max_round=6), llm_config=llm_config)  # doctest: +SKIP
    >>> author = SocietyOfMindAgent("author", team, llm_config=llm_config)  # doctest: +SKIP
    >>> user.initiate_chat(author, message="A slogan for a bakery, please.", max_turns=1).summary  # doctest: +SKIP
    'Warm before you are.'
    """

    DEFAULT_RESPONSE_PROMPT = (
        "Now answer the request yourself. Your answer stands alone: who reads it knows nothing of the discussion, so give "
        "all of the result, and mention neither the team nor what it said on the way."
    )
    DEFAULT_DESCRIPTION = "Talks each request over with a team of its own, and gives one answer."

    def __init__(
        self,
        name: str,
        chat_manager: ConversableAgent | None,
        response_preparer: str | Callable[[Any, list[Message]], Any] | None = None,
        is_termination_msg: Callable[[Message], Any] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "TERMINATE",
        function_map: dict[str, Callable[..., Any]] | None = None,
        code_execution_config: dict[str, Any] | Literal[False] = False,
        llm_config: dict[str, Any] | Literal[False] | None = False,
        default_auto_reply: str | Message | None = "",
        **kwargs: Any,
    ) -> None:
        """Args:
            name: The name that others see.
            chat_manager: The manager of the group that it thinks with; None for none yet.
            response_preparer: What makes an answer of the discussion: a prompt for the agent's model, or a function
                `(agent, messages)`, plain or coroutine, that is given the record and returns the answer; its None ends
                the outer chat. None for the prompt `DEFAULT_RESPONSE_PROMPT`.
            is_termination_msg: As for `ConversableAgent`, like all that follow; about the outer chat.
            max_consecutive_auto_reply: How many answers in a row.
            human_input_mode: When the human is asked.
            function_map: Functions that the agent executes.
            code_execution_config: How it runs code.
            llm_config: The model that prepares answers. It does not take part in the discussion.
            default_auto_reply: The answer while there is no group.
            **kwargs: `description`, `silent`...

        Raises:
            ValueError: `chat_manager` manages no group chat, or `response_preparer` is neither text nor callable.
        """
        given = runtime_log.capture_arguments(locals())
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
                f"not {response_preparer!r}."
            )
        self.response_preparer = response_preparer
        self._is_thinking = False
        self.update_chat_manager(chat_manager)
        # The group answers where otherwise the model would.
        self.replace_reply_func(ConversableAgent.generate_oai_reply, SocietyOfMindAgent.generate_inner_monologue_reply)
        self.replace_reply_func(ConversableAgent.a_generate_oai_reply, SocietyOfMindAgent.a_generate_inner_monologue_reply)
        runtime_log.log_new_agent(self, given)

    @property
    def chat_manager(self) -> ConversableAgent | None:
        """The manager of the group that it thinks with."""
        return self._chat_manager

    def update_chat_manager(self, chat_manager: ConversableAgent | None) -> None:
        """Think with another group, or with none.

        Raises:
            ValueError: The agent manages no group chat.
        """
        if chat_manager is not None and _group_of(chat_manager) is None:
            raise ValueError(
                f"{getattr(chat_manager, 'name', chat_manager)!r} can't be the chat_manager of {self.name!r}: it manages no "
                "group chat. Give a GroupChatManager, or an agent for which GroupChatManager.run_chat is registered."
            )
        self._chat_manager = chat_manager

    def generate_inner_monologue_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """Let the group discuss the last message, and make an answer of that.

        Args:
            messages: The conversation; the history with `sender` if None.
            sender: Who is answered.
            config: Not used.

        Returns:
            Whether there is an answer, and the answer. There is none without a group, without messages, or to its own
            group's manager.

        Raises:
            ValueError: A model is to prepare the answer, and the agent has none.
            RuntimeError: The group is in the middle of a discussion, for another chat or because the agent takes part in it.
        """
        return run_sync(self._monologue(messages, sender))

    async def a_generate_inner_monologue_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: Any = None
    ) -> Reply:
        """`generate_inner_monologue_reply`, awaited."""
        return await run_async(self._monologue(messages, sender))

    def _monologue(self, messages: list[Message] | None, sender: Agent | None) -> Steps[Reply]:
        manager, messages = self._chat_manager, get_conversation(self, messages, sender)
        group = None if manager is None else _group_of(manager)
        if manager is None or group is None or manager is sender or not messages:
            return False, None
        if isinstance(self.response_preparer, str) and self.client is None:
            raise ValueError(
                f"{self.name!r} has no model to prepare its answer: give it an llm_config, or a function as "
                "response_preparer."
            )
        if self._is_thinking:
            raise RuntimeError(
                f"{self.name!r} is asked while its group discusses something else. Give each chat that runs at the same "
                "time a society of its own, and put no society into a group that it thinks with."
            )
        self._is_thinking = True
        try:
            yield from self._discuss(manager, group, messages, sender.name if sender else None)
            return True, (yield from self._prepared(list(group.messages)))
        finally:
            self._is_thinking = False

    def _discuss(
        self, manager: ConversableAgent, group: GroupChat, messages: list[Message], peer: str | None
    ) -> Steps[None]:
        """Let the group talk about the last message. The others are told first; they are not on the group's record."""
        self._forget_discussion(manager, group)
        for message in messages[:-1]:
            yield from broadcast(manager, group, _retold(message, self.name, peer), self)
        opening = {key: value for key, value in _retold(messages[-1]).items() if key in ("content", "context")}
        result = yield from invoke(
            self.initiate_chat,
            self.a_initiate_chat,
            manager,
            message=opening,
            clear_history=False,  # it was, but for the context
            silent=getattr(manager, "_silent", False),  # the manager's silence holds for all of the discussion
            cache=self.client_cache,
            summary_method=None,
        )
        self._finished_chats = [result]

    def _forget_discussion(self, manager: ConversableAgent, group: GroupChat) -> None:
        """Clear what the group said last time. What its members said elsewhere, and what humans typed, is theirs to keep."""
        group.reset()
        for agent in (self, *group.agents):
            manager.clear_history(agent)
            if isinstance(agent, ConversableAgent):
                agent.clear_history(manager)

    def _prepared(self, messages: list[Message]) -> Steps[Any]:
        """The answer that comes of a discussion."""
        preparer = self.response_preparer
        if callable(preparer):
            return (yield from invoke(*sync_and_async(preparer, blocks=True), self, messages))
        steps = partial(_by_model, self)
        return (yield from invoke_overridable(self, "_llm_response_preparer", steps, preparer, messages))

    def _llm_response_preparer(self, prompt: str, messages: list[Message]) -> str | Message:
        """The answer that the agent's model makes of a discussion."""
        return run_sync(_by_model(self, prompt, messages))  # type: ignore[no-any-return]

    def _participants(self) -> list[Any]:
        manager = self._chat_manager
        group = None if manager is None else _group_of(manager)
        return [self, *([] if manager is None else [manager]), *(group.agents if group else [])]


registry.ASYNC_VARIANTS.add(
    SocietyOfMindAgent.generate_inner_monologue_reply, SocietyOfMindAgent.a_generate_inner_monologue_reply
)
ORIGINAL_METHODS["_llm_response_preparer"] = SocietyOfMindAgent._llm_response_preparer


def _by_model(agent: SocietyOfMindAgent, prompt: str, messages: list[Message]) -> Steps[Any]:
    """Show the agent's model the discussion, and ask for the answer: as a user, not every endpoint heeds a late system."""
    asked: list[Message] = [{"role": "system", "content": TRANSCRIPT}]
    asked += [{**_retold(message), "role": "user"} for message in messages]
    asked.append({"role": "user", "content": prompt})
    answer = yield from request_completion(agent, agent.client, asked, agent.client_cache)
    return "" if answer is None else answer


def _retold(message: Message, own_name: str = "", peer: str | None = None) -> Message:
    """A message for those who did not take part: calls and their results, which they can't answer, become text.

    Args:
        message: The message.
        own_name: Who said it, where it has no name and is an assistant's.
        peer: Who said it, where it has no name and is not.
    """
    name = message.get("name") or (own_name if message.get("role") == "assistant" else peer)
    calls = [call.get("function") or {} for call in message.get("tool_calls") or ()]
    if message.get("function_call"):
        calls.append(message["function_call"])
    content = message.get("content")
    if calls or content is None:
        lines = [content_str(content)] if content else []
        content = "\n".join([*lines, *(f"Call of {call.get('name')}({call.get('arguments') or ''})" for call in calls)])
    told: Message = {"role": "user", "content": content}
    for key, value in (("name", name), ("context", message.get("context"))):
        if value:
            told[key] = value
    return told


def _group_of(manager: Any) -> GroupChat | None:
    """The group that an agent manages: it is the config of the reply function that holds the chat."""
    rows = getattr(manager, "_reply_func_list", ())
    return next((row["config"] for row in rows if isinstance(row["config"], GroupChat)), None)

"""`CaptainAgent`: an agent that builds a team for each part of a task."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

from ...._steps import Steps, invoke, run_async, run_sync
from ....code_utils import content_str
from ....coding.base import CodeExecutionConfig
from ....llm_config import get_active_config
from ....oai.client import OpenAIWrapper
from ....types import LLMConfigDict
from ..._agent.agent_llm_config import find_llm_config
from ..._core import runtime_log
from ..._core.internals import get_conversation
from ..._replies import registry
from ...agent import Agent, Message
from ...conversable_agent import ConversableAgent, HumanInputMode, Reply
from . import _prompts as texts
from ._settings import DEFAULTS, copy_settings, merge_settings
from ._user_proxy import CaptainUserProxyAgent

__all__ = ["CaptainAgent", "CaptainUserProxyAgent"]


class CaptainAgent(ConversableAgent):
    """An agent that solves a task by teams: it divides the task, has a team built for each part, and checks the results.

    Inside, an assistant plans, and calls the tool `seek_experts_help`; an executor builds the team, lets it discuss, and
    reports what it found. So each answer is a chat of its own, whose summary is the answer. The budget of the agent is that
    of all of them. A captain solves one task at a time: concurrent chats need clones.

    Attributes:
        assistant: The agent that plans.
        executor: The agent that builds teams, and executes the assistant's calls and code.
        DEFAULT_NESTED_CONFIG: Settings of teams, unless others are given. It is never changed.

    >>> captain = CaptainAgent("captain", llm_config=llm_config, tool_lib="tools")  # doctest: +SKIP
    >>> user.initiate_chat(captain, message="How did the price of ... develop?", max_turns=1).summary  # doctest: +SKIP
    'It doubled...'
    """

    DEFAULT_NESTED_CONFIG: Mapping[str, Any] = DEFAULTS
    AUTOBUILD_SYSTEM_MESSAGE = texts.SYSTEM
    CONVERSATION_REFLECTION_PROMPT = texts.SUMMARY
    DEFAULT_DESCRIPTION = "Solves difficult tasks by teams of experts, each built for a part of the task."

    def __init__(
        self,
        name: str,
        system_message: str | None = None,
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = None,
        is_termination_msg: Callable[[Message], object] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "NEVER",
        code_execution_config: CodeExecutionConfig | Mapping[str, object] | Literal[False] = False,
        nested_config: Mapping[str, object] | None = None,
        agent_lib: str | os.PathLike[str] | Sequence[Mapping[str, object]] | None = None,
        tool_lib: str | os.PathLike[str] | Sequence[object] | None = None,
        agent_config_save_path: str | os.PathLike[str] | None = None,
        description: str | None = DEFAULT_DESCRIPTION,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that others see.
            system_message: System message of the assistant; None for `AUTOBUILD_SYSTEM_MESSAGE`.
            llm_config: Config of the model, also of teams; None for that of the surrounding `with` block, or of the
                environment.
            is_termination_msg: As for `ConversableAgent`, like the two following arguments; for the outer chat.
            max_consecutive_auto_reply: Maximum number of replies in a row.
            human_input_mode: When the human is asked.
            code_execution_config: How code of the assistant is run; False for not at all.
            nested_config: Settings of teams, over those of `DEFAULT_NESTED_CONFIG`: `autobuild_init_config` (arguments of
                `AgentBuilder`), `autobuild_build_config` (arguments of `build`, and `top_k` and `embedding_model` of
                `build_from_library`), `autobuild_tool_config` (`tool_root`: the `tool_lib`; `retriever`; `tool_top_k`, the
                number of tools for an agent, 5 by default), `group_chat_config`, `group_chat_llm_config`, and `max_turns`,
                the number of messages of the assistant for a reply.
            agent_lib: Library of experts, as for `build_from_library`; None to plan each team.
            tool_lib: Tools for the agents of teams: a folder of Python files, or functions and tools; see `ToolBuilder`.
            agent_config_save_path: Folder for the configs of teams, a file for each, as `AgentBuilder.load` reads them.
            description: Purpose of the agent.
            **kwargs: Further arguments of `ConversableAgent`.

        Raises:
            ValueError: if there is no model, or a setting is unknown.
        """
        arguments = runtime_log.capture_arguments(locals())
        llm_config = get_active_config() or find_llm_config(name, False) if llm_config is None else llm_config
        if not llm_config:
            raise ValueError(f"The CaptainAgent {name!r} needs an llm_config: it plans teams by a model.")
        super().__init__(
            name,
            is_termination_msg=is_termination_msg,
            max_consecutive_auto_reply=max_consecutive_auto_reply,
            human_input_mode=human_input_mode,
            code_execution_config=False,
            llm_config=llm_config,
            description=description,
            **kwargs,
        )
        self._settings = merge_settings(self.DEFAULT_NESTED_CONFIG, nested_config)
        if agent_lib is not None:
            self._settings["autobuild_build_config"]["library_path_or_json"] = agent_lib
        if tool_lib is not None:
            self._settings.setdefault("autobuild_tool_config", {})["tool_root"] = tool_lib
        self._system_message = system_message or self.AUTOBUILD_SYSTEM_MESSAGE
        self._save_path = agent_config_save_path
        self._executor_code = code_execution_config
        self._model_clients: list[tuple[type, dict[str, Any]]] = []
        self._make_inner_agents()
        # The inner agents reply in place of the model.
        self.replace_reply_func(ConversableAgent.generate_oai_reply, CaptainAgent.generate_captain_reply)
        self.replace_reply_func(ConversableAgent.a_generate_oai_reply, CaptainAgent.a_generate_captain_reply)
        runtime_log.log_new_agent(self, arguments)

    def _make_inner_agents(self) -> None:
        settings = copy_settings(self._settings)
        # Without models of their own, teams have those of the captain.
        init_config = settings["autobuild_init_config"]
        if not init_config.keys() & {"llm_config", "config_file_or_env"}:
            init_config["llm_config"] = self.llm_config
        self.assistant = ConversableAgent(
            "CaptainAgent",
            system_message=self._system_message,
            llm_config=self.llm_config,
            human_input_mode="NEVER",
            silent=self.silent,
        )
        self.executor = CaptainUserProxyAgent(
            "Expert_summoner",
            nested_config=settings,
            agent_config_save_path=self._save_path,
            code_execution_config=self._executor_code,
            silent=self.silent,
        )
        # The whole task has one budget.
        if isinstance(self.client, OpenAIWrapper):
            self.assistant.client = self.client.rebuild(**cast("dict[str, Any]", self.llm_config))
            self.executor.builder.share_usage(self.client)
        self.executor.register_with(self.assistant)
        for model_client_cls, kwargs in self._model_clients:
            self._register_inside(model_client_cls, kwargs)

    def register_model_client(self, model_client_cls: type, **kwargs: Any) -> None:
        """Register a model client of your own, also with the inner agents and their teams.

        Args:
            model_client_cls: The class, which entries name by `model_client_cls`.
            **kwargs: Arguments of the class, besides the entry.
        """
        super().register_model_client(model_client_cls, **kwargs)
        self._model_clients.append((model_client_cls, kwargs))
        self._register_inside(model_client_cls, kwargs)

    def _register_inside(self, model_client_cls: type, kwargs: dict[str, object]) -> None:
        self.assistant.register_model_client(model_client_cls, **kwargs)
        self.executor.builder.register_model_client(model_client_cls, **kwargs)

    def generate_captain_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Solve the task of the last message.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: Agent that gets the reply.
            config: Not used.

        Returns:
            True and the answer; `(False, None)` without messages.
        """
        return run_sync(self._solve(messages, sender))

    async def a_generate_captain_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Async version of `generate_captain_reply`."""
        return await run_async(self._solve(messages, sender))

    def _solve(self, messages: list[Message] | None, sender: Agent | None) -> Steps[Reply]:
        messages = get_conversation(self, messages, sender)
        if not messages:
            return False, None
        content = messages[-1].get("content") or ""
        options: dict[str, Any] = {}
        # The inner chat starts afresh for each answer.
        if earlier := [_format_message(message, sender) for message in messages[:-1] if message.get("content")]:
            options["carryover"] = ["The conversation before this message:", *earlier]
        result = yield from invoke(
            self.executor.initiate_chat,
            self.executor.a_initiate_chat,
            self.assistant,
            message=content if isinstance(content, str) else {"content": content},
            max_turns=self._settings["max_turns"],
            silent=self.silent,
            cache=self.client_cache,
            summary_method="reflection_with_llm",
            summary_args={"summary_prompt": self.CONVERSATION_REFLECTION_PROMPT},
            **options,
        )
        self._finished_chats = [result]
        return True, result.summary or ""

    def _detach_clone(self) -> None:
        super()._detach_clone()
        self._model_clients = list(self._model_clients)
        self._make_inner_agents()

    def _participants(self) -> list[object]:
        # The usage of the inner agents counts as usage of the agent.
        return [self, self.assistant, self.executor]


registry.ASYNC_VARIANTS.add(CaptainAgent.generate_captain_reply, CaptainAgent.a_generate_captain_reply)


def _format_message(message: Message, sender: Agent | None) -> str:
    """Return an earlier message of the outer chat as text."""
    own = message.get("role") == "assistant"
    name = message.get("name") or ("You" if own else sender.name if sender else "user")
    return f"{name}: {content_str(message.get('content'))}"

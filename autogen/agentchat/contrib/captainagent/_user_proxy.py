"""`CaptainUserProxyAgent`: the agent of a captain that builds teams, and reports their results."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from ...._steps import Steps, invoke, run_async
from ...._untrusted import mark_untrusted, shorten
from ....code_utils import content_str
from ....coding.base import CodeExecutionConfig
from ....types import LLMConfigDict
from ...agent import Message
from ...conversable_agent import ConversableAgent, HumanInputMode
from ...user_proxy_agent import UserProxyAgent
from .._teams.members import ends_chat
from .._teams.prompts import fill_in
from .._teams.questions import Questions, make_unique, normalize_name, parse_yes_or_no
from .._teams.search import DEFAULT_MODEL
from ..agent_builder import AgentBuilder
from . import _prompts as texts
from ._settings import DEFAULTS, merge_settings
from .tool_retriever import ToolBuilder

_TOP_K = 5
_MAX_DISCUSSION = 60_000  # characters
# Options of only one way to make a team.
_FOR_LIBRARY = ("top_k", "embedding_model")
_FOR_BUILD = ("list_of_functions", "max_agents")


class Review(BaseModel):
    """A review of the work of a team."""

    task: str
    results: str
    reasons: str
    issues: str
    needs_double_check: bool
    additional_information: str


class CaptainUserProxyAgent(UserProxyAgent):
    """The agent of a captain that builds teams, lets them discuss, and reports their results.

    Attributes:
        builder: The builder of all teams.
        tool_builder: The library of tools; None for none.
        build_history: Configs of the teams by the names of their groups.
    """

    def __init__(
        self,
        name: str,
        nested_config: Mapping[str, object] | None = None,
        agent_config_save_path: str | os.PathLike[str] | None = None,
        is_termination_msg: Callable[[Message], object] | None = None,
        max_consecutive_auto_reply: int | None = None,
        human_input_mode: HumanInputMode = "NEVER",
        code_execution_config: CodeExecutionConfig | Mapping[str, object] | Literal[False] = False,
        default_auto_reply: str | Message | None = texts.AUTO_REPLY,
        llm_config: LLMConfigDict | Mapping[str, object] | Literal[False] | None = False,
        system_message: str | None = "",
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name that the assistant sees.
            nested_config: Settings of teams, as for `CaptainAgent`; `library_path_or_json` of `autobuild_build_config` is a
                library of experts.
            agent_config_save_path: Folder for the configs of teams.
            is_termination_msg: As for `UserProxyAgent`, like all that follow; by default a message that ends with TERMINATE.
            max_consecutive_auto_reply: Maximum number of replies in a row.
            human_input_mode: When the human is asked.
            code_execution_config: How code of the assistant is run; False for not at all.
            default_auto_reply: Reply to a message without calls and code.
            llm_config: Config of a model that replies if nothing else does.
            system_message: System message of that model.
            description: Purpose of the agent.
            **kwargs: Further arguments.

        Raises:
            ValueError: if a setting is unknown.
            RuntimeError: if the config list has no model that plans.
        """
        super().__init__(
            name,
            is_termination_msg=is_termination_msg or ends_chat,
            max_consecutive_auto_reply=max_consecutive_auto_reply,
            human_input_mode=human_input_mode,
            code_execution_config=code_execution_config,
            default_auto_reply=default_auto_reply,
            llm_config=llm_config,
            system_message=system_message,
            description=description,
            **kwargs,
        )
        settings = merge_settings(DEFAULTS, nested_config)
        self.builder = AgentBuilder(**settings["autobuild_init_config"])
        self.build_history: dict[str, dict[str, Any]] = {}
        self._settings = settings
        self._save_path = agent_config_save_path
        self._saved: list[str] = []
        self._assistant: ConversableAgent | None = None
        tools = settings.get("autobuild_tool_config") or {}
        self.tool_builder = None
        if tools.get("tool_root") is not None:
            self.tool_builder = ToolBuilder(tools["tool_root"], tools.get("retriever", DEFAULT_MODEL))

    def register_with(self, assistant: ConversableAgent) -> None:
        """Let the model of an agent call teams."""

        async def seek_experts_help(
            group_name: Annotated[str, "Name of the team; that of an earlier team for the same experts."],
            building_task: Annotated[str, "Skills that are needed, one in a line, each with a short description."],
            execution_task: Annotated[str, "All that the team has to know for its work."],
        ) -> str:
            return await run_async(self._run_team(group_name, building_task, execution_task))

        self._assistant = assistant
        assistant.register_for_llm(description=texts.TOOL)(seek_experts_help)
        self.register_for_execution()(seek_experts_help)

    def _run_team(self, group_name: str, building_task: str, execution_task: str) -> Steps[str]:
        for parameter, value in (("group_name", group_name), ("building_task", building_task)):
            if not value.strip():
                raise ValueError(f"{parameter} must not be empty.")
        # The cache of the chat, which ends with it.
        self.builder.cache = self.client_cache
        agents = yield from self._get_team(group_name, building_task)
        llm_config = self._settings["group_chat_llm_config"]
        group, manager = self.builder.group_chat(llm_config=llm_config, **self._settings["group_chat_config"])
        terminal = agents[-1] if self.build_history[group_name]["coding"] else None
        if self.tool_builder is not None:
            top_k = self._settings["autobuild_tool_config"].get("tool_top_k", _TOP_K)
            experts = [agent for agent in agents if agent is not terminal]
            yield from self.tool_builder.bind_team(experts, terminal, top_k)
        task = fill_in(texts.EXECUTION, general_task=self._get_general_task(), execution_task=execution_task)
        yield from invoke(
            agents[0].initiate_chat,
            agents[0].a_initiate_chat,
            manager,
            message=task,
            cache=self.client_cache,
            summary_method=None,
        )
        return (yield from self._review(group_name, execution_task, group.messages[1:]))

    def _get_team(self, group_name: str, building_task: str) -> Steps[list[ConversableAgent]]:
        """Return the team of a name with fresh histories; a new one is built."""
        options = dict(self._settings["autobuild_build_config"])
        if group_name in self.build_history:
            user_proxy = options.get("user_proxy")
            return self.builder.load(config_json=self.build_history[group_name], user_proxy=user_proxy)[0]
        # The async methods take the options of the sync ones, but don't name them all.
        builder: Any = self.builder
        library = options.pop("library_path_or_json", None)
        # Functions of files run where code runs.
        if self.tool_builder is not None and self.tool_builder.needs_executor:
            options["coding"] = True
        others = _FOR_LIBRARY if library is None else _FOR_BUILD
        arguments = {key: value for key, value in options.items() if key not in others}
        if library is None:
            agents, configs = yield from invoke(builder.build, builder.a_build, building_task, **arguments)
        else:
            agents, configs = yield from invoke(
                builder.build_from_library,
                builder.a_build_from_library,
                building_task,
                library_path_or_json=library,
                **arguments,
            )
        self.build_history[group_name] = configs
        if self._save_path is not None:
            folder = Path(self._save_path)
            folder.mkdir(parents=True, exist_ok=True)
            # The model named the group, so the name may be anything.
            [stem] = make_unique([normalize_name(group_name) or "team"], self._saved)
            self._saved.append(stem)
            self.builder.save(folder / f"{stem}.json")
        return list(agents)

    def _get_general_task(self) -> str:
        """Return the message that the chat with the assistant began with."""
        history = self.chat_messages[self._assistant] if self._assistant is not None else []
        return content_str(history[0].get("content")) if history else ""

    def _review(self, group_name: str, task: str, messages: Sequence[Message]) -> Steps[str]:
        """Return a report about a discussion. If the review does not say otherwise, its result must be verified."""
        lines = [f"{message.get('name')}: {content_str(message.get('content'))}" for message in messages]
        discussion = mark_untrusted(shorten("\n\n".join(lines), _MAX_DISCUSSION, ""), "the discussion")
        questions = Questions(self.builder.builder_model, self.client_cache)
        review = yield from questions.fill_in(fill_in(texts.REVIEW, task=task, discussion=discussion), Review)
        if review is None:
            report = yield from questions.ask(fill_in(texts.TEXT_REVIEW, task=task, discussion=discussion))
            verdict = report.lower().partition("double-check?")[2].partition("#")[0]
            # A result that nobody vouches for is verified.
            is_doubtful = parse_yes_or_no(verdict) is not False
        else:
            is_doubtful = review.needs_double_check
            report = fill_in(texts.REPORT, verdict="Yes" if is_doubtful else "No", **review.model_dump())
        return report + (fill_in(texts.VERIFY, group_name=group_name) if is_doubtful else "")

    def _participants(self) -> list[object]:
        teams = [agent for agent, _ in self.builder.agent_procs_assign.values()]
        return [self, *teams, SimpleNamespace(client=self.builder.builder_model)]

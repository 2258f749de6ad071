"""`AgentBuilder`: a model plans a team of experts for a task, and the team is built."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..._mistakes import suggest, warn_caller
from ..._steps import Steps, invoke, run_async, run_sync, sync_and_async
from ...llm_config import get_active_config
from ...oai.client import OpenAIWrapper
from ...types import LLMConfigDict
from .._core.display import print_notice
from ..agent import Agent
from ..conversable_agent import ConversableAgent
from ..groupchat import GroupChat, GroupChatManager
from ._teams import prompts
from ._teams.configs import check_configs, read_json, write_configs
from ._teams.expert_library import LibrarySearch, read_library
from ._teams.members import TERMINAL, MemberFactory, ends_chat, make_terminal, read_functions, register_tool
from ._teams.models import TeamModels, list_names
from ._teams.planning import ExpertConfig, TeamPlanner
from ._teams.questions import Questions
from ._teams.search import DEFAULT_MODEL

__all__ = ["AgentBuilder"]

Configs: TypeAlias = dict[str, Any]
"""The configs of a team, as they are saved."""

Team: TypeAlias = tuple[list[ConversableAgent], Configs]
"""The agents, and the configs that they were made of."""

Approve: TypeAlias = Callable[[Configs], Any]
"""A sync or async function of the configs that returns them, changed or not."""

# 0.2's name: programs call it.
_config_check = check_configs

_CODE = {"last_n_messages": 1, "work_dir": "groupchat", "use_docker": False}
# Seconds.
_TIMEOUT, _LIBRARY_TIMEOUT = 10, 120
_MANAGER = "chat_manager"


@dataclass(frozen=True, kw_only=True)
class _TeamOptions:
    """Arguments of `AgentBuilder.build` and `build_from_library` about the team."""

    list_of_functions: Sequence[object] | None = None
    coding: bool | None = None
    code_execution_config: object = None
    use_oai_assistant: bool = False
    user_proxy: ConversableAgent | None = None
    max_agents: int | None = None
    approve: Approve | None = None
    top_k: int = 3
    embedding_model: object = DEFAULT_MODEL


class AgentBuilder:
    """A builder of teams: a model plans the experts that a task needs, and each becomes an agent.

    The plan is one request if the model fills in forms, and a question after the other if it does not. It can be saved and
    loaded. The prompts are attributes: those that a subclass or a program changes are asked as they are.

    Attributes:
        max_agents: Maximum number of experts.
        builder_model: Client of the model that plans.
        agent_model: Models of the agents; empty for all of the config list.
        agent_procs_assign: The agents by name, each with the name of its server.
        cached_configs: Configs of the last team.
        cache: Cache of the responses of the planning model.

    >>> builder = AgentBuilder(llm_config=llm_config)  # doctest: +SKIP
    >>> agents, configs = builder.build("Find the flaws of a study.", {"temperature": 0})  # doctest: +SKIP
    >>> group, manager = builder.group_chat()  # doctest: +SKIP
    >>> agents[0].initiate_chat(manager, message="Read this study: ...")  # doctest: +SKIP
    """

    online_server_name = "online"

    DEFAULT_PROXY_AUTO_REPLY = prompts.PROXY_REPLY
    GROUP_CHAT_DESCRIPTION = prompts.GROUP_CHAT
    DEFAULT_DESCRIPTION = prompts.DEFAULT_DESCRIPTION
    CODING_AND_TASK_SKILL_INSTRUCTION = prompts.SKILLS
    CODING_PROMPT = prompts.CODING
    AGENT_NAME_PROMPT = prompts.NAMES
    AGENT_SYS_MSG_PROMPT = prompts.PROFILE
    AGENT_DESCRIPTION_PROMPT = prompts.DESCRIPTION
    AGENT_SEARCHING_PROMPT = prompts.SEARCHING
    AGENT_SELECTION_PROMPT = prompts.SELECTION
    AGENT_FUNCTION_MAP_PROMPT = prompts.FUNCTION_MAP
    UPDATED_AGENT_SYSTEM_MESSAGE = prompts.WITH_FUNCTION

    def __init__(
        self,
        config_file_or_env: str = "OAI_CONFIG_LIST",
        config_file_location: str = "",
        builder_model: str | list[str] = [],
        agent_model: str | list[str] = [],
        builder_model_tags: str | list[str] = [],
        agent_model_tags: str | list[str] = [],
        max_agents: int = 5,
        *,
        llm_config: LLMConfigDict | Mapping[str, object] | None = None,
        cache: object = None,
    ) -> None:
        """Create a builder.

        Args:
            config_file_or_env: Config list, as `config_list_from_json` finds it.
            config_file_location: Directory of its file.
            builder_model: Models that may plan; empty for all of the list.
            agent_model: Models of the agents.
            builder_model_tags: Tags of the models that may plan.
            agent_model_tags: Tags of the models of the agents.
            max_agents: Maximum number of experts.
            llm_config: Config in place of the file; its settings, such as a budget, are those of the agents, too. None for
                that of the surrounding `with` block if there is one, else the file.
            cache: Cache of the responses of the planning model.

        Raises:
            RuntimeError: if the list has none of the models that may plan.
            FileNotFoundError: if there is no config list.
            ValueError: if `max_agents` is not a positive whole number.
        """
        self.config_file_or_env = config_file_or_env
        self.config_file_location = config_file_location
        self.max_agents = _check_number("max_agents", max_agents)
        self.agent_model = list_names(agent_model, "agent_model")
        self.agent_model_tags = list_names(agent_model_tags, "agent_model_tags")
        self.builder_model_tags = list_names(builder_model_tags, "builder_model_tags")
        self.agent_procs_assign: dict[str, tuple[ConversableAgent, str]] = {}
        self.cached_configs: Configs = {}
        self.cache = cache
        self._team: list[ConversableAgent] = []
        self._terminal: ConversableAgent | None = None
        config = get_active_config() if llm_config is None else llm_config
        self._models = TeamModels(config, config_file_or_env, config_file_location)
        self.builder_model: OpenAIWrapper
        self.set_builder_model(builder_model)

    # Models.

    def set_builder_model(self, model: str | list[str]) -> None:
        """Choose another model that plans.

        Raises:
            RuntimeError: if the config list has none of these models with the tags of the builder.
        """
        self._builder_models = list_names(model, "builder_model")
        self.builder_model = self._models.make_client(self._builder_models, self.builder_model_tags)

    def set_agent_model(self, model: str | list[str]) -> None:
        """Choose other models for the agents that are made from now on.

        Raises:
            RuntimeError: if the config list has none of these models with the tags of the agents.
        """
        models = list_names(model, "agent_model")
        self._models.select(models, self.agent_model_tags, "agent_model")
        self.agent_model = models

    def register_model_client(self, model_client_cls: Callable[..., object], **kwargs: Any) -> None:
        """Register a model client of your own, with the planning model and with the agents that are made from now on.

        Args:
            model_client_cls: The class, which entries name by `model_client_cls`.
            **kwargs: Arguments of the class, besides the entry.
        """
        self._models.add_client(model_client_cls, kwargs)
        self.builder_model = self._models.make_client(self._builder_models, self.builder_model_tags)

    @property
    def client(self) -> OpenAIWrapper:
        """The client of the model that plans, as `gather_usage_summary` takes it."""
        return self.builder_model

    def share_usage(self, client: OpenAIWrapper) -> None:
        """Count the usage of the planning model, and of agents that are made from now on, as that of a client.

        Args:
            client: Client of an agent that the teams work for. Its budget is theirs, too.
        """
        self._models.set_payer(client)
        self.builder_model = self._models.make_client(self._builder_models, self.builder_model_tags)

    # Teams.

    def build(
        self,
        building_task: str,
        default_llm_config: LLMConfigDict | Mapping[str, object],
        list_of_functions: Sequence[object] | None = None,
        coding: bool | None = None,
        code_execution_config: Mapping[str, object] | None = None,
        use_oai_assistant: bool = False,
        user_proxy: ConversableAgent | None = None,
        max_agents: int | None = None,
        *,
        approve: Approve | None = None,
        **kwargs: Any,
    ) -> Team:
        """Plan a team for a task, and make its agents.

        Args:
            building_task: The task, or the kind of tasks.
            default_llm_config: Settings of the models of the agents, such as a temperature.
            list_of_functions: Functions for the agents: dicts with `name`, `description` and `function`, functions or tools.
                The model says which agent may call each; the terminal executes them or, without one, the agent itself.
            coding: True if the team has a terminal, its last agent; None to let the model decide.
            code_execution_config: How the terminal runs code; by default on this machine, in the folder `groupchat`, for 10
                seconds. Pass a Docker executor for code that you don't trust.
            use_oai_assistant: True for agents of the class `GPTAssistantAgent`.
            user_proxy: Agent in place of the terminal.
            max_agents: Maximum number of experts; None for that of the builder.
            approve: Function that gets the configs before agents are made, and returns them.
            **kwargs: Without effect; a warning names them.

        Returns:
            The agents, and their configs.

        Raises:
            RuntimeError: if the config list has no model for an agent.
            AssertionError: if `approve` returns configs that lack something.
            ValueError: if an argument is invalid.
        """
        _warn_of_unused(kwargs, "build")
        options = _TeamOptions(
            list_of_functions=list_of_functions,
            coding=coding,
            code_execution_config=code_execution_config,
            use_oai_assistant=use_oai_assistant,
            user_proxy=user_proxy,
            max_agents=max_agents,
            approve=approve,
        )
        return run_sync(self._build(building_task, default_llm_config, options))

    async def a_build(
        self,
        building_task: str,
        default_llm_config: Mapping[str, object],
        list_of_functions: Sequence[object] | None = None,
        **options: Any,
    ) -> Team:
        """Async version of `build`, with the same options."""
        team_options = _TeamOptions(list_of_functions=list_of_functions, **options)
        return await run_async(self._build(building_task, default_llm_config, team_options))

    def build_from_library(
        self,
        building_task: str,
        library_path_or_json: str | os.PathLike[str] | Sequence[Mapping[str, object]],
        default_llm_config: LLMConfigDict | Mapping[str, object],
        top_k: int = 3,
        coding: bool | None = None,
        code_execution_config: Mapping[str, object] | None = None,
        use_oai_assistant: bool = False,
        embedding_model: object = DEFAULT_MODEL,
        user_proxy: ConversableAgent | None = None,
        *,
        approve: Approve | None = None,
        **kwargs: Any,
    ) -> Team:
        """Make a team of experts from a library. For skills that no expert has, experts are planned.

        Args:
            building_task: The skills that are needed, one in a line.
            library_path_or_json: JSON list of experts with `name`, `system_message` and `description`, as a file, a text or
                a list. It belongs to the program: other keys are arguments of the agents, and `agent_path` is their class.
            default_llm_config: As for `build`.
            top_k: Number of experts that are considered for each skill: those with the nearest descriptions.
            coding: As for `build`.
            code_execution_config: As for `build`; by default for 120 seconds.
            use_oai_assistant: As for `build`.
            embedding_model: Model that finds the nearest descriptions, as `get_embedder` takes it. The default is the
                offline model of the extra `embeddings`, or without it a search for words; False is always the latter.
            user_proxy: As for `build`.
            approve: As for `build`.
            **kwargs: Without effect; a warning names them.

        Returns:
            The agents, and their configs.

        Raises:
            ValueError: if the library is not valid, or the task is empty.
            RuntimeError: if the config list has no model for an agent.
        """
        _warn_of_unused(kwargs, "build_from_library")
        options = _TeamOptions(
            coding=coding,
            code_execution_config=code_execution_config,
            use_oai_assistant=use_oai_assistant,
            user_proxy=user_proxy,
            approve=approve,
            top_k=top_k,
            embedding_model=embedding_model,
        )
        return run_sync(self._build(building_task, default_llm_config, options, read_library(library_path_or_json)))

    async def a_build_from_library(
        self,
        building_task: str,
        library_path_or_json: str | os.PathLike[str] | Sequence[Mapping[str, object]],
        default_llm_config: Mapping[str, object],
        top_k: int = 3,
        **options: Any,
    ) -> Team:
        """Async version of `build_from_library`, with the same options."""
        library, team_options = read_library(library_path_or_json), _TeamOptions(top_k=top_k, **options)
        return await run_async(self._build(building_task, default_llm_config, team_options, library))

    def load(
        self,
        filepath: str | os.PathLike[str] | None = None,
        config_json: str | Mapping[str, object] | None = None,
        use_oai_assistant: bool = False,
        *,
        code_execution_config: Mapping[str, object] | None = None,
        user_proxy: ConversableAgent | None = None,
        agent_model: str | list[str] | None = None,
        **kwargs: Any,
    ) -> Team:
        """Make the agents of a saved team. No model is asked.

        Args:
            filepath: File that `save` wrote, in any version.
            config_json: Its content, or the configs.
            use_oai_assistant: True for agents of the class `GPTAssistantAgent`.
            code_execution_config: How the terminal runs code, in place of the saved way.
            user_proxy: Agent in place of the terminal.
            agent_model: Models of the agents in place of the saved ones, which may be gone.
            **kwargs: Without effect; a warning names them.

        Returns:
            The agents, and their configs.

        Raises:
            AssertionError: if a key is missing. The text names it.
            ValueError: if the file is not JSON, or neither a file nor configs are given.
            RuntimeError: if the config list has no model for an agent.
        """
        _warn_of_unused(kwargs, "load")
        source = config_json if filepath is None else filepath
        if source is None:
            raise ValueError("load needs a filepath, or config_json.")
        configs: Configs = dict(source) if isinstance(source, Mapping) else read_json(source, "load")
        check_configs(configs)
        configs = {"building_task": "", **configs}
        if code_execution_config is not None:
            configs["code_execution_config"] = code_execution_config
        if agent_model is not None:
            models = list_names(agent_model, "agent_model")
            experts: list[ExpertConfig] = configs["agent_configs"]
            configs["agent_configs"] = [{**expert, "model": models, "tags": []} for expert in experts]
        return self._make_team(configs, use_oai_assistant, user_proxy)

    def save(self, filepath: str | os.PathLike[str] | None = None) -> str:
        """Save the plan of the last team, without endpoints and keys.

        Args:
            filepath: File; None for `save_config_<number>.json` in the current folder, with a number made of the task.

        Returns:
            The path of the file.

        Raises:
            ValueError: if there is no team.
            TypeError: if a setting has no JSON form.
        """
        self._require_team("save")
        return write_configs(self.cached_configs, filepath)

    def group_chat(self, **kwargs: Any) -> tuple[GroupChat, GroupChatManager]:
        """Make a group chat of the last team, and its manager. A message that ends with TERMINATE ends the chat.

        A team of one agent gets a terminal that runs no code.

        Args:
            **kwargs: Settings of the `GroupChat`, such as `max_round`; `llm_config` of the manager, or settings for the
                models of the agents.

        Raises:
            ValueError: if there is no team.
            RuntimeError: if the config list has no model for the manager.
        """
        self._require_team("group_chat")
        llm_config = kwargs.pop("llm_config", None) or {}
        # Settings alone, without a model.
        if not llm_config.get("config_list") and not llm_config.get("model"):
            settings = {**self.cached_configs["default_llm_config"], **llm_config}
            llm_config = self._models.make_llm_config(settings, self.agent_model, self.agent_model_tags, "agent_model")
        if self.cached_configs["coding"]:
            # The terminal has nothing to say after its own output.
            kwargs.setdefault("allow_repeat_speaker", self._team[:-1])
        members: list[Agent] = [*self._team]
        if len(members) == 1:
            # Nobody can discuss alone.
            members.append(make_terminal(self.DEFAULT_PROXY_AUTO_REPLY, False))
        group = GroupChat(members, **{"messages": [], **kwargs})
        manager = GroupChatManager(group, name=_MANAGER, llm_config=llm_config, is_termination_msg=ends_chat)
        self._models.prepare(manager)
        return group, manager

    def clear_agent(self, agent_name: str, recycle_endpoint: bool = True) -> None:
        """Forget an agent of the last team.

        Args:
            agent_name: Its name.
            recycle_endpoint: Without effect: agents have no servers of their own any more.

        Raises:
            KeyError: if there is no such agent.
        """
        if agent_name not in self.agent_procs_assign:
            raise KeyError(f"There is no agent {agent_name!r}.{suggest(agent_name, self.agent_procs_assign)}")
        agent, _ = self.agent_procs_assign.pop(agent_name)
        self._team = [member for member in self._team if member is not agent]

    def clear_all_agents(self, recycle_endpoint: bool | None = True) -> None:
        """Forget all agents of the last team.

        Args:
            recycle_endpoint: Without effect.
        """
        self.agent_procs_assign.clear()
        self._team = []

    # The making of a team.

    def _build(
        self,
        task: str,
        settings: Mapping[str, object],
        options: _TeamOptions,
        library: Sequence[ExpertConfig] | None = None,
    ) -> Steps[Team]:
        # Before the plan, which would be paid for in vain.
        functions = read_functions(options.list_of_functions)
        limit = _check_number("max_agents", self.max_agents if options.max_agents is None else options.max_agents)
        questions = Questions(self.builder_model, self.cache)
        planner = TeamPlanner(questions, self)
        reserved = (_MANAGER, TERMINAL if options.user_proxy is None else options.user_proxy.name)
        print_notice(None, "PLANNING A TEAM...", "green")
        if library is None:
            experts, coding = yield from planner.plan(task, limit, coding=options.coding, reserved=reserved)
        else:
            search, top_k = LibrarySearch(questions, planner, self), _check_number("top_k", options.top_k)
            experts = yield from search.choose(task, library, limit, top_k, options.embedding_model, reserved)
            coding = options.coding if options.coding is not None else (yield from planner.decide_coding(task))
        code = options.code_execution_config
        if code is None:
            code = {**_CODE, "timeout": _TIMEOUT if library is None else _LIBRARY_TIMEOUT}
        configs: Configs = {
            "building_task": task,
            "agent_configs": [
                {**expert, "model": list(self.agent_model), "tags": list(self.agent_model_tags)} for expert in experts
            ],
            "coding": coding,
            "default_llm_config": dict(settings),
            "code_execution_config": code,
        }
        if options.approve is not None:
            configs = yield from invoke(*sync_and_async(options.approve, blocks=True), configs)
            check_configs(configs)
        team = self._make_team(configs, options.use_oai_assistant, options.user_proxy)
        for tool in functions:
            descriptions = {agent.name: agent.description or "" for agent in self._team if agent is not self._terminal}
            name = yield from planner.choose_agent(descriptions, tool.name, tool.description)
            caller = self.agent_procs_assign[name][0]
            register_tool(tool, caller, self._terminal or caller, self.UPDATED_AGENT_SYSTEM_MESSAGE)
        return team

    def _make_team(self, configs: Configs, use_oai_assistant: bool, user_proxy: ConversableAgent | None) -> Team:
        """Make the agents of configs, which replace those of the last team when all are there."""
        coding, experts = bool(configs["coding"]), configs["agent_configs"]
        terminal: ConversableAgent | None = None
        if coding:
            terminal = user_proxy or make_terminal(self.DEFAULT_PROXY_AUTO_REPLY, configs["code_execution_config"])
        elif user_proxy is not None:
            warn_caller(f"The team runs no code, so {user_proxy.name!r} is not in it: pass coding=True.")
        factory = MemberFactory(
            self.GROUP_CHAT_DESCRIPTION,
            self.CODING_AND_TASK_SKILL_INSTRUCTION,
            [expert["name"] for expert in experts],
            terminal,
            use_oai_assistant,
        )
        agents: list[ConversableAgent] = []
        for expert in experts:
            models, tags = (list_names(expert.get(key) or [], key) for key in ("model", "tags"))
            llm_config = self._models.make_llm_config(configs["default_llm_config"], models, tags, "agent_model")
            agents.append(factory.make(expert, llm_config))
            self._models.prepare(agents[-1])
        # Only now, so that a failure leaves the last team as it was.
        self.agent_procs_assign = {agent.name: (agent, self.online_server_name) for agent in agents}
        self.cached_configs, self._terminal = configs, terminal
        self._team = [*agents, terminal] if terminal is not None else agents
        return list(self._team), dict(configs)

    def _require_team(self, method: str) -> None:
        if not self._team:
            raise ValueError(f"{method} needs a team: call build, build_from_library or load first.")


def _check_number(parameter: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{parameter} must be a positive whole number, got {value!r}.")
    return value


def _warn_of_unused(arguments: Iterable[str], method: str) -> None:
    for name in arguments:
        close = suggest(name, inspect.signature(getattr(AgentBuilder, method)).parameters)
        warn_caller(f"{method} has no argument {name!r}, which has no effect.{close}")

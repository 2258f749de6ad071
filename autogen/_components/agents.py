"""Agents in documents."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from ..specs._origins import find_source
from ..specs._protocols import Build, Config, JSONObject, LiveObject, Writer
from ..specs._registry import ComponentType
from ..specs.errors import Problem, SpecError
from ..specs.fields import ComponentConfig
from ._parts import ChatPart, ConditionPart, ContextPart, ExecutorPart, ModelPart, ToolPart
from .handoffs import HandoffConfig, add_handoffs, write_handoffs

HumanInputMode = Literal["ALWAYS", "TERMINATE", "NEVER"]


class CodeConfig(ComponentConfig):
    """Schema of code execution: the executor, and the messages that are searched for code."""

    executor: ExecutorPart
    last_n_messages: int | Literal["auto"] | None = None


class AgentConfig(ComponentConfig):
    """Schema of settings that all agents have. Those that are left out have the defaults of their class."""

    name: str = Field(min_length=1)
    system_message: str | None = None
    description: str | None = None
    llm_config: ModelPart = None
    is_termination_msg: ConditionPart = None
    max_consecutive_auto_reply: int | None = Field(default=None, ge=0)
    human_input_mode: HumanInputMode | None = None
    human_input_timeout: float | None = Field(default=None, gt=0)
    human_input_default: str | None = None
    default_auto_reply: str | None = None
    code_execution: CodeConfig | None = None
    tools: list[ToolPart] = []
    offers: list[ToolPart] = []
    executes: list[ToolPart] = []
    handoffs: list[HandoffConfig] = []
    context_variables: Config = {}
    model_context: ContextPart = None
    concurrent_tool_calls: bool = False


# Arguments that are passed as they are.
PLAIN_ARGUMENTS = (
    *("system_message", "description", "max_consecutive_auto_reply", "human_input_mode", "human_input_timeout"),
    *("human_input_default", "default_auto_reply"),
)


class AgentType(ComponentType):
    """The type of an agent class whose arguments are those of `ConversableAgent`."""

    kind = "agent"
    config_model: type[AgentConfig] = AgentConfig

    def __init__(self, name: str, target: str, description: str, defaults: JSONObject) -> None:
        self.name = name
        self.target = target
        self.label = target.rpartition(":")[2]
        self.description = description
        self._defaults = defaults
        self.example: JSONObject = {"name": name}
        if issubclass(self.config_model, SocietyConfig):
            self.example = {"name": name, "chat_manager": {"ref": "chat:team"}}

    def make(self, config: AgentConfig, build: Build) -> LiveObject:
        """Make the agent, without what refers to other agents."""
        from ..tools.toolkit import collect_tools

        module, _, name = self.target.partition(":")
        agent = getattr(importlib.import_module(module), name)(
            name=config.name,
            function_map={tool.name: tool for tool in collect_tools(build.get_parts(config.executes))} or None,
            functions=build.get_parts(config.tools) or None,
            concurrent_tool_calls=config.concurrent_tool_calls,
            **self.make_arguments(config, build),
        )
        for tool in build.get_parts(config.offers):
            tool.register_for_llm(agent)
        return agent

    def make_arguments(self, config: AgentConfig, build: Build) -> Config:
        """Return the arguments of the class that are set, besides the name and tools."""
        arguments: Config = {key: getattr(config, key) for key in PLAIN_ARGUMENTS if getattr(config, key) is not None}
        if config.llm_config is not None:
            arguments["llm_config"] = config.llm_config and build.get_part(config.llm_config)
        if config.is_termination_msg is not None:
            arguments["is_termination_msg"] = build.get_part(config.is_termination_msg)
        if config.code_execution is not None:
            settings = config.code_execution.model_dump(exclude_none=True)
            arguments["code_execution_config"] = {**settings, "executor": build.get_part(config.code_execution.executor)}
        elif self.name == "user_proxy":
            # The class itself would run code in Docker, which nobody asked for.
            arguments["code_execution_config"] = False
        if config.model_context is not None:
            arguments["model_context"] = build.get_part(config.model_context)
        if config.context_variables:
            from ..agentchat.group import ContextVariables

            arguments["context_variables"] = ContextVariables(dict(config.context_variables))
        return arguments

    def connect(self, obj: LiveObject, config: AgentConfig, build: Build) -> None:
        """Add the hand-offs to other agents."""
        add_handoffs(obj, config.handoffs, build)

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the settings that differ from the defaults of the class.

        Raises:
            SpecError: if the agent has what a document can't hold.
        """
        from ._agent_settings import read_settings

        found = read_settings(obj)
        if found.unwritable:
            hint = "leave it out, or pass the agent as a resource when the document is built"
            raise SpecError([Problem("", f"agent {obj.name!r} has {each}", hint) for each in found.unwritable])
        config = {"name": obj.name, **self._write_texts(obj), **self._write_human(obj)}
        if isinstance(found.llm_config, Mapping):
            slug = str(found.llm_config["config_list"][0].get("model") or obj.name)
            config["llm_config"] = writer.write_shared(found.llm_config, slug)
        if found.condition is not None:
            config["is_termination_msg"] = writer.write_inline(found.condition)
        if found.max_consecutive_auto_reply is not None:
            config["max_consecutive_auto_reply"] = found.max_consecutive_auto_reply
        if found.default_auto_reply != "":
            config["default_auto_reply"] = found.default_auto_reply
        config |= self._write_code(obj, found, writer) | self._write_tools(found, writer)
        if found.handoffs is not None and (handoffs := write_handoffs(obj, found.handoffs, writer)):
            config["handoffs"] = handoffs
        if obj.model_context is not None:
            config["model_context"] = writer.write_inline(obj.model_context)
        if variables := dict(obj.context_variables.data):
            config["context_variables"] = variables
        if obj.concurrent_tool_calls:
            config["concurrent_tool_calls"] = True
        return config

    def _write_texts(self, obj: LiveObject) -> Config:
        config = {}
        if obj.system_message != self._defaults["system_message"]:
            config["system_message"] = obj.system_message
        derived = self._defaults["descriptions"].get(obj.human_input_mode, obj.system_message)
        if self.name in ("assistant", "society_of_mind") and config:
            derived = obj.system_message
        if obj.description != derived:
            config["description"] = obj.description
        return config

    def _write_human(self, obj: LiveObject) -> Config:
        config = {}
        if obj.human_input_mode != self._defaults["human_input_mode"]:
            config["human_input_mode"] = obj.human_input_mode
        if obj.human_input_timeout is not None:
            config["human_input_timeout"] = obj.human_input_timeout
        if obj.human_input_default:
            config["human_input_default"] = obj.human_input_default
        return config

    def _write_code(self, obj: LiveObject, found: Any, writer: Writer) -> Config:
        if not found.code_config and found.code_executor is None:
            return {}
        if found.code_executor is None:
            hint = 'pass an executor: code_execution_config={"executor": ...}'
            raise SpecError([Problem("", f"the code execution of agent {obj.name!r} has no executor", hint)])
        config = {"executor": writer.write_inline(found.code_executor)}
        last = (found.code_config or {}).get("last_n_messages", "auto")
        return {"code_execution": config if last == "auto" else {**config, "last_n_messages": last}}

    def _write_tools(self, found: Any, writer: Writer) -> Config:
        offered = {tool.name: tool for tool in found.tools}
        lists = {
            "tools": [tool for name, tool in offered.items() if name in found.functions],
            "offers": [tool for name, tool in offered.items() if name not in found.functions],
            "executes": [tool for name, tool in found.functions.items() if name not in offered],
        }
        return {key: _write_list(tools, writer) for key, tools in lists.items() if tools}


def _write_list(tools: list[Any], writer: Writer) -> list[dict[str, str]]:
    """Write tools; those that a document described, as it did."""
    references = []
    for tool in tools:
        source = find_source(tool)
        reference = writer.write_shared(tool, tool.name) if source is None else writer.write_part(source)
        if reference not in references:
            references.append(reference)
    return references


class SocietyConfig(AgentConfig):
    """Schema of `society_of_mind`: an agent, and the group that discusses its requests."""

    chat_manager: ChatPart
    response_prompt: str | None = None


class SocietyType(AgentType):
    """The type of agents that are a group within."""

    config_model = SocietyConfig

    def make_arguments(self, config: AgentConfig, build: Build) -> Config:
        """Return the arguments, with the prompt. The group comes later: it may refer to the agent."""
        assert isinstance(config, SocietyConfig)
        return {
            **super().make_arguments(config, build),
            "chat_manager": None,
            "response_preparer": config.response_prompt,
        }

    def connect(self, obj: LiveObject, config: AgentConfig, build: Build) -> None:
        """Add the group, and the hand-offs to other agents."""
        assert isinstance(config, SocietyConfig)
        obj.update_chat_manager(build.get_part(config.chat_manager))
        super().connect(obj, config, build)

    def write(self, obj: LiveObject, writer: Writer) -> Config:
        """Write the settings, and the group.

        Raises:
            SpecError: if the agent has what a document can't hold, or no group.
        """
        config = super().write(obj, writer)
        if obj.chat_manager is None:
            raise SpecError([Problem("", f"agent {obj.name!r} has no chat_manager")])
        config["chat_manager"] = writer.write_part(obj.chat_manager)
        if not isinstance(obj.response_preparer, str):
            raise SpecError([Problem("", f"the response_preparer of agent {obj.name!r} is a function", "use a prompt")])
        if obj.response_preparer != obj.DEFAULT_RESPONSE_PROMPT:
            config["response_prompt"] = obj.response_preparer
        return config


def _make_types() -> tuple[AgentType, ...]:
    from ..agentchat.assistant_agent import AssistantAgent
    from ..agentchat.contrib.society_of_mind_agent import SocietyOfMindAgent
    from ..agentchat.user_proxy_agent import UserProxyAgent

    modes = ("ALWAYS", "TERMINATE", "NEVER")
    plain: JSONObject = {"system_message": "You are a helpful AI Assistant.", "descriptions": {}}
    return (
        AgentType(
            "conversable",
            "autogen.agentchat.conversable_agent:ConversableAgent",
            "An agent with a model, tools, code or a human, or any mix.",
            {**plain, "human_input_mode": "TERMINATE"},
        ),
        AgentType(
            "assistant",
            "autogen.agentchat.assistant_agent:AssistantAgent",
            "An agent with a model.",
            {
                **plain,
                "human_input_mode": "NEVER",
                "system_message": AssistantAgent.DEFAULT_SYSTEM_MESSAGE,
                "descriptions": dict.fromkeys(modes, AssistantAgent.DEFAULT_DESCRIPTION),
            },
        ),
        AgentType(
            "user_proxy",
            "autogen.agentchat.user_proxy_agent:UserProxyAgent",
            "An agent that stands for the user, and runs code and tools for them.",
            {
                "human_input_mode": "ALWAYS",
                "system_message": "",
                "descriptions": UserProxyAgent.DEFAULT_USER_PROXY_AGENT_DESCRIPTIONS,
            },
        ),
        SocietyType(
            "society_of_mind",
            "autogen.agentchat.contrib.society_of_mind_agent:SocietyOfMindAgent",
            "An agent that discusses each request with a team of its own, and gives one answer.",
            {
                **plain,
                "human_input_mode": "TERMINATE",
                "descriptions": dict.fromkeys(modes, SocietyOfMindAgent.DEFAULT_DESCRIPTION),
            },
        ),
    )


AGENT_TYPES = _make_types()

"""The members of a team: agents made of configs, the terminal that runs their code, and their functions."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ...._mistakes import trim_stop
from ....code_utils import content_str
from ....tools.tool import Tool, as_tool
from ...agent import Message
from ...assistant_agent import AssistantAgent
from ...conversable_agent import ConversableAgent
from ...user_proxy_agent import UserProxyAgent
from . import prompts
from .planning import ExpertConfig

TERMINAL = "Computer_terminal"
TERMINATE = "TERMINATE"

# Keys that are not arguments of the class of an agent.
_OWN_KEYS = ("name", "model", "tags", "system_message", "description", "model_path", "agent_path")


class MemberFactory:
    """The factory of the agents of a team.

    Args:
        group_description: Template of the system message: `name`, `members`, `user_proxy_desc`, `sys_msg`.
        instruction: Text behind the profile of each agent.
        experts: Names of the experts.
        terminal: Agent that runs code; None for none.
        use_oai_assistant: True for agents of the class `GPTAssistantAgent`.
    """

    def __init__(
        self,
        group_description: str,
        instruction: str,
        experts: Sequence[str],
        terminal: ConversableAgent | None,
        use_oai_assistant: bool = False,
    ) -> None:
        self._group_description = group_description
        self._instruction = instruction
        self._members = ", ".join([*experts, *([] if terminal is None else [terminal.name])])
        self._terminal = "" if terminal is None else prompts.fill_in(prompts.USER_PROXY, user_proxy=terminal.name)
        self._use_oai_assistant = use_oai_assistant

    def make(self, config: ExpertConfig, llm_config: Mapping[str, object]) -> ConversableAgent:
        """Make an agent.

        Args:
            config: Its config. Other keys than those of a config are arguments of its class.
            llm_config: Config of its model.

        Raises:
            ImportError: if the class that the config names can't be imported.
            TypeError: if it is not the class of an agent, or takes no such argument.
        """
        name, description = config["name"], config["description"]
        profile = config["system_message"]
        if self._use_oai_assistant:
            from ..gpt_assistant_agent import GPTAssistantAgent

            instructions = self._describe_group(name, profile)
            return GPTAssistantAgent(name, instructions, llm_config, description=description)
        options = {key: value for key, value in config.items() if key not in _OWN_KEYS}
        path = config.get("agent_path") or config.get("model_path")
        kind = _import_class(path) if path else AssistantAgent
        agent = kind(name=name, llm_config=dict(llm_config), description=description, **options)
        # Without a profile, the class has one.
        agent.update_system_message(self._describe_group(name, profile or agent.system_message))
        return agent

    def _describe_group(self, name: str, profile: str) -> str:
        return prompts.fill_in(
            self._group_description,
            name=name,
            members=self._members,
            user_proxy_desc=self._terminal,
            sys_msg=f"{profile}\n\n{self._instruction}",
        )


def _import_class(path: str) -> Callable[..., ConversableAgent]:
    module, _, name = path.replace("/", ".").rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImportError(f"The class {path!r} of an agent config can't be imported: {trim_stop(error)}.") from error
    if not (isinstance(kind, type) and issubclass(kind, ConversableAgent)):
        raise TypeError(f"The class of an agent config must be a ConversableAgent, got {path!r}.")
    return kind


def make_terminal(auto_reply: str, code_execution_config: Mapping[str, object] | Literal[False]) -> UserProxyAgent:
    """Make the agent that runs code. A message that ends with TERMINATE ends its chats."""
    return UserProxyAgent(
        TERMINAL,
        is_termination_msg=ends_chat,
        human_input_mode="NEVER",
        code_execution_config=code_execution_config,
        default_auto_reply=auto_reply,
    )


def ends_chat(message: Message) -> bool:
    """Return True if a message ends with TERMINATE, whatever marks follow."""
    return content_str(message.get("content")).rstrip(" \t\r\n.!*_`\"'").endswith(TERMINATE)


def read_functions(functions: Sequence[object] | None) -> list[Tool]:
    """Return functions as tools.

    Args:
        functions: Objects with `name`, `description` and `function`; or functions, or tools.

    Raises:
        ValueError: if an object lacks one of these, or is of another type.
    """
    tools = []
    for number, function in enumerate(functions or (), start=1):
        if isinstance(function, Mapping):
            missing = [key for key in ("name", "description", "function") if not function.get(key)]
            if missing:
                raise ValueError(f"Function {number} of list_of_functions lacks {', '.join(map(repr, missing))}.")
            name, description = function["name"], function["description"]
            tools.append(Tool(name=name, description=description, func_or_tool=function["function"]))
        else:
            if not callable(function):
                raise ValueError(f"Function {number} of list_of_functions must be a dict or a function, got {function!r}.")
            tools.append(as_tool(function))
    return tools


def register_tool(tool: Tool, caller: ConversableAgent, executor: ConversableAgent, template: str | None = None) -> None:
    """Let the model of an agent call a tool, which another executes.

    Args:
        tool: Tool.
        caller: Agent whose model calls it.
        executor: Agent that executes it.
        template: Template of the system message that mentions it: `agent_system_message`, `function_name`,
            `function_description`. None to leave the system message as it is.
    """
    caller.register_for_llm()(tool)
    # Several agents may call the same tool.
    if not executor.can_execute_function(tool.name):
        executor.register_for_execution()(tool)
    if template is not None:
        values = {"function_name": tool.name, "function_description": tool.description}
        caller.update_system_message(prompts.fill_in(template, agent_system_message=caller.system_message, **values))

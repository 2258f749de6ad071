"""The settings of an agent that a document can hold, and those that it can't."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..agentchat._agent.hooks import ContextHook
from ..agentchat._core.internals import get_code_config, get_default_reply, get_reply_rows
from ..agentchat._core.termination import BoundCondition, Condition, get_termination_test, is_default_termination
from ..agentchat._handoffs.handoffs import Handoffs, get_handoffs
from ..specs._protocols import JSONObject
from ..tools.tool import Tool, as_tool

if TYPE_CHECKING:
    from ..agentchat.conversable_agent import ConversableAgent

# The module of `ConversableAgent`, and that of the manager of group chats.
_OWN_MODULES = ("autogen.agentchat.conversable_agent", "autogen.agentchat.groupchat")


@dataclass(frozen=True)
class AgentSettings:
    """The settings of an agent.

    Attributes:
        condition: Condition that ends its chats; None for the default one, or a function.
        max_consecutive_auto_reply: Its limit; None for that of the class.
        default_auto_reply: Its default reply.
        llm_config: Config of the model without tools; False or None for none.
        code_config: Settings of code execution, without the executor; False for none.
        code_executor: Executor of code; None if the settings make one when it is needed, or there is none.
        tools: Tools that its model may call.
        functions: Tools that it executes, by name.
        handoffs: Hand-offs; None if it has none.
        unwritable: What the agent has besides: each as a noun phrase.
    """

    condition: Condition | None
    max_consecutive_auto_reply: int | None
    default_auto_reply: Any
    llm_config: JSONObject | bool | None
    code_config: JSONObject | bool
    code_executor: Any
    tools: list[Tool]
    functions: Mapping[str, Tool]
    handoffs: Handoffs | None
    unwritable: tuple[str, ...]


def read_settings(agent: ConversableAgent) -> AgentSettings:
    """Read the settings of an agent."""
    unwritable: list[str] = []
    test = get_termination_test(agent)
    condition = test.condition if isinstance(test, BoundCondition) else None
    if condition is None and test is not is_default_termination:
        unwritable.append("a termination function that is not a condition of autogen.agentchat.conditions")
    for row in get_reply_rows(agent):
        function = row["reply_func"]
        if not _is_of_class(agent, function):
            unwritable.append(f"the reply function {getattr(function, '__name__', function)!r}")
    unwritable += [
        f"a hook at {name!r}"
        for name, functions in agent.hook_lists.items()
        if any(not isinstance(function, ContextHook) for function in functions)
    ]
    if agent.human_input_source is not None:
        unwritable.append("a human_input_source")
    config = get_code_config(agent)
    limit = agent.max_consecutive_auto_reply()
    llm_config = agent.llm_config
    if isinstance(llm_config, Mapping):
        llm_config = {key: value for key, value in llm_config.items() if key not in ("tools", "functions")}
    return AgentSettings(
        condition=condition,
        max_consecutive_auto_reply=None if limit == agent.MAX_CONSECUTIVE_AUTO_REPLY else limit,
        default_auto_reply=get_default_reply(agent),
        llm_config=llm_config,
        code_config={key: value for key, value in config.items() if key != "executor"} if config else False,
        code_executor=agent.code_executor,
        tools=agent.tools,
        functions={name: _name_tool(name, function) for name, function in agent.function_map.items()},
        handoffs=get_handoffs(agent),
        unwritable=tuple(unwritable),
    )


def _is_of_class(agent: ConversableAgent, function: Any) -> bool:
    """Return True for a reply function that agents of this class have when they are made."""
    if getattr(function, "__module__", "") in _OWN_MODULES:
        return True
    return getattr(type(agent), getattr(function, "__name__", ""), None) is function


def _name_tool(name: str, function: Any) -> Tool:
    tool = as_tool(function)
    return tool if tool.name == name else Tool(func_or_tool=tool, name=name)

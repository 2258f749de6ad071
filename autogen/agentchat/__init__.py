"""Agents and the chats between them."""

from typing import TYPE_CHECKING

from .._lazy_imports import attach as _lazy
from .agent import Agent, LLMAgent
from .assistant_agent import AssistantAgent
from .chat import ChatResult, a_initiate_chats, initiate_chats
from .conversable_agent import ConversableAgent, register_function
from .groupchat import GroupChat, GroupChatManager
from .user_proxy_agent import UserProxyAgent
from .utils import gather_usage_summary

# For editors and type checkers.
if TYPE_CHECKING:
    from .contrib.reasoning_agent import ReasoningAgent as ReasoningAgent
    from .contrib.reasoning_agent import ThinkNode as ThinkNode
    from .contrib.reasoning_agent import visualize_tree as visualize_tree
    from .contrib.swarm_agent import AFTER_WORK as AFTER_WORK
    from .contrib.swarm_agent import ON_CONDITION as ON_CONDITION
    from .contrib.swarm_agent import UPDATE_SYSTEM_MESSAGE as UPDATE_SYSTEM_MESSAGE
    from .contrib.swarm_agent import AfterWork as AfterWork
    from .contrib.swarm_agent import AfterWorkOption as AfterWorkOption
    from .contrib.swarm_agent import OnCondition as OnCondition
    from .contrib.swarm_agent import SwarmAgent as SwarmAgent
    from .contrib.swarm_agent import SwarmResult as SwarmResult
    from .contrib.swarm_agent import a_initiate_swarm_chat as a_initiate_swarm_chat
    from .contrib.swarm_agent import a_run_swarm as a_run_swarm
    from .contrib.swarm_agent import initiate_swarm_chat as initiate_swarm_chat
    from .contrib.swarm_agent import register_hand_off as register_hand_off
    from .contrib.swarm_agent import run_swarm as run_swarm
    from .eligibility_policy import AgentDescriptionGuard as AgentDescriptionGuard
    from .eligibility_policy import AgentEligibilityPolicy as AgentEligibilityPolicy
    from .eligibility_policy import SelectionContext as SelectionContext
    from .group.chat import a_initiate_group_chat as a_initiate_group_chat
    from .group.chat import a_run_group_chat as a_run_group_chat
    from .group.chat import a_run_group_chat_iter as a_run_group_chat_iter
    from .group.chat import initiate_group_chat as initiate_group_chat
    from .group.chat import run_group_chat as run_group_chat
    from .group.chat import run_group_chat_iter as run_group_chat_iter
    from .group.context_variables import ContextStr as ContextStr
    from .group.context_variables import ContextVariables as ContextVariables
    from .group.context_variables import UpdateSystemMessage as UpdateSystemMessage
    from .group.reply_result import ReplyResult as ReplyResult

_ELIGIBILITY = ("AgentDescriptionGuard", "AgentEligibilityPolicy", "SelectionContext")
_GROUP_CHATS = (
    *("a_initiate_group_chat", "a_run_group_chat", "a_run_group_chat_iter"),
    *("initiate_group_chat", "run_group_chat", "run_group_chat_iter"),
)
_REASONING = ("ReasoningAgent", "ThinkNode", "visualize_tree")
_SWARM_NAMES = (
    *("AFTER_WORK", "AfterWork", "AfterWorkOption", "ON_CONDITION", "OnCondition", "SwarmAgent", "SwarmResult"),
    *(
        "UPDATE_SYSTEM_MESSAGE",
        "a_initiate_swarm_chat",
        "a_run_swarm",
        "initiate_swarm_chat",
        "register_hand_off",
        "run_swarm",
    ),
)
# For the interpreter: the module of each name, imported when the name is first used.
_HOME = {
    **dict.fromkeys(_REASONING, "contrib.reasoning_agent"),
    **dict.fromkeys(_SWARM_NAMES, "contrib.swarm_agent"),
    **dict.fromkeys(_ELIGIBILITY, "eligibility_policy"),
    **dict.fromkeys(_GROUP_CHATS, "group.chat"),
    "ContextStr": "group.context_variables",
    "ContextVariables": "group.context_variables",
    "UpdateSystemMessage": "group.context_variables",
    "ReplyResult": "group.reply_result",
}

__getattr__, __dir__, _lazy_names = _lazy(globals(), _HOME, ("contrib",))

__all__ = [
    "Agent",
    "LLMAgent",
    "ConversableAgent",
    "AssistantAgent",
    "UserProxyAgent",
    "GroupChat",
    "GroupChatManager",
    "register_function",
    "a_initiate_chats",
    "initiate_chats",
    "gather_usage_summary",
    "ChatResult",
    *_lazy_names,
]

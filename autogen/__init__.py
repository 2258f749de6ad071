"""Conversable agents: models, tools, code executors and humans that solve tasks by talking to each other.

>>> from autogen import AssistantAgent, UserProxyAgent
>>> assistant = AssistantAgent("assistant", llm_config={"model": "smollm2-135m", "api_type": "local"})
>>> user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"use_docker": False})
>>> user.initiate_chat(assistant, message="Print the sum of the numbers from 1 to 100.", max_turns=2)  # doctest: +SKIP
"""

import logging as _logging
from typing import TYPE_CHECKING

# Imported first, so that a later import of this package can't replace the attribute `logger`.
from . import logger as _logger_package  # noqa: F401
from ._lazy_imports import attach as _lazy
from .version import __version__

# For editors and type checkers; the interpreter uses the table below.
if TYPE_CHECKING:
    from .agentchat import Agent as Agent
    from .agentchat import AssistantAgent as AssistantAgent
    from .agentchat import ChatResult as ChatResult
    from .agentchat import ConversableAgent as ConversableAgent
    from .agentchat import GroupChat as GroupChat
    from .agentchat import GroupChatManager as GroupChatManager
    from .agentchat import UserProxyAgent as UserProxyAgent
    from .agentchat import gather_usage_summary as gather_usage_summary
    from .agentchat import initiate_chats as initiate_chats
    from .agentchat import register_function as register_function
    from .agentchat.contrib.reasoning_agent import ReasoningAgent as ReasoningAgent
    from .agentchat.contrib.reasoning_agent import ThinkNode as ThinkNode
    from .agentchat.contrib.reasoning_agent import visualize_tree as visualize_tree
    from .agentchat.contrib.swarm_agent import AFTER_WORK as AFTER_WORK
    from .agentchat.contrib.swarm_agent import ON_CONDITION as ON_CONDITION
    from .agentchat.contrib.swarm_agent import UPDATE_SYSTEM_MESSAGE as UPDATE_SYSTEM_MESSAGE
    from .agentchat.contrib.swarm_agent import AfterWork as AfterWork
    from .agentchat.contrib.swarm_agent import AfterWorkOption as AfterWorkOption
    from .agentchat.contrib.swarm_agent import OnCondition as OnCondition
    from .agentchat.contrib.swarm_agent import SwarmAgent as SwarmAgent
    from .agentchat.contrib.swarm_agent import SwarmResult as SwarmResult
    from .agentchat.contrib.swarm_agent import a_initiate_swarm_chat as a_initiate_swarm_chat
    from .agentchat.contrib.swarm_agent import a_run_swarm as a_run_swarm
    from .agentchat.contrib.swarm_agent import initiate_swarm_chat as initiate_swarm_chat
    from .agentchat.contrib.swarm_agent import register_hand_off as register_hand_off
    from .agentchat.contrib.swarm_agent import run_swarm as run_swarm
    from .agentchat.eligibility_policy import AgentDescriptionGuard as AgentDescriptionGuard
    from .agentchat.eligibility_policy import AgentEligibilityPolicy as AgentEligibilityPolicy
    from .agentchat.eligibility_policy import SelectionContext as SelectionContext
    from .agentchat.group.context_expression import ContextExpression as ContextExpression
    from .agentchat.group.context_variables import UpdateSystemMessage as UpdateSystemMessage
    from .code_utils import DEFAULT_MODEL as DEFAULT_MODEL
    from .code_utils import FAST_MODEL as FAST_MODEL
    from .exception_utils import AgentNameConflict as AgentNameConflict
    from .exception_utils import AgentNameConflictError as AgentNameConflictError
    from .exception_utils import BudgetExceeded as BudgetExceeded
    from .exception_utils import ChatInProgress as ChatInProgress
    from .exception_utils import InvalidCarryOverType as InvalidCarryOverType
    from .exception_utils import InvalidCarryOverTypeError as InvalidCarryOverTypeError
    from .exception_utils import NoEligibleSpeaker as NoEligibleSpeaker
    from .exception_utils import NoEligibleSpeakerError as NoEligibleSpeakerError
    from .exception_utils import SenderRequired as SenderRequired
    from .exception_utils import SenderRequiredError as SenderRequiredError
    from .exception_utils import UndefinedNextAgent as UndefinedNextAgent
    from .exception_utils import UndefinedNextAgentError as UndefinedNextAgentError
    from .llm_config import LLMConfig as LLMConfig
    from .oai import Cache as Cache
    from .oai import ChatCompletion as ChatCompletion
    from .oai import Completion as Completion
    from .oai import ModelClient as ModelClient
    from .oai import OpenAIWrapper as OpenAIWrapper
    from .oai import config_list_from_dotenv as config_list_from_dotenv
    from .oai import config_list_from_json as config_list_from_json
    from .oai import config_list_from_models as config_list_from_models
    from .oai import config_list_gpt4_gpt35 as config_list_gpt4_gpt35
    from .oai import config_list_openai_aoai as config_list_openai_aoai
    from .oai import filter_config as filter_config
    from .oai import get_config_list as get_config_list

_ELIGIBILITY = ("AgentDescriptionGuard", "AgentEligibilityPolicy", "SelectionContext")
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
_HOME = {
    "Agent": "agentchat",
    "AssistantAgent": "agentchat",
    "ChatResult": "agentchat",
    "ConversableAgent": "agentchat",
    "GroupChat": "agentchat",
    "GroupChatManager": "agentchat",
    "UserProxyAgent": "agentchat",
    "gather_usage_summary": "agentchat",
    "initiate_chats": "agentchat",
    "register_function": "agentchat",
    **dict.fromkeys(_REASONING, "agentchat.contrib.reasoning_agent"),
    **dict.fromkeys(_SWARM_NAMES, "agentchat.contrib.swarm_agent"),
    **dict.fromkeys(_ELIGIBILITY, "agentchat.eligibility_policy"),
    "ContextExpression": "agentchat.group.context_expression",
    "UpdateSystemMessage": "agentchat.group.context_variables",
    "DEFAULT_MODEL": "code_utils",
    "FAST_MODEL": "code_utils",
    "AgentNameConflict": "exception_utils",
    "AgentNameConflictError": "exception_utils",
    "BudgetExceeded": "exception_utils",
    "ChatInProgress": "exception_utils",
    "InvalidCarryOverType": "exception_utils",
    "InvalidCarryOverTypeError": "exception_utils",
    "NoEligibleSpeaker": "exception_utils",
    "NoEligibleSpeakerError": "exception_utils",
    "SenderRequired": "exception_utils",
    "SenderRequiredError": "exception_utils",
    "UndefinedNextAgent": "exception_utils",
    "UndefinedNextAgentError": "exception_utils",
    "LLMConfig": "llm_config",
    "Cache": "oai",
    "ChatCompletion": "oai",
    "Completion": "oai",
    "ModelClient": "oai",
    "OpenAIWrapper": "oai",
    "config_list_from_dotenv": "oai",
    "config_list_from_json": "oai",
    "config_list_from_models": "oai",
    "config_list_gpt4_gpt35": "oai",
    "config_list_openai_aoai": "oai",
    "filter_config": "oai",
    "get_config_list": "oai",
}
_SUBMODULES = (
    "agentchat",
    "cache",
    "code_utils",
    "coding",
    "exception_utils",
    "formatting_utils",
    "function_utils",
    "graph_utils",
    "io",
    "oai",
    "runtime_logging",
    "token_count_utils",
    "types",
    "version",
)

logger = _logging.getLogger("autogen")
logger.setLevel(_logging.INFO)

__getattr__, __dir__, _names = _lazy(globals(), _HOME, _SUBMODULES)
# `from autogen import *` finds the lazy names only if they are listed.
__all__ = [*_names, "__version__", "logger"]

"""Group chats in which agents hand over to each other: hand-offs, context variables, patterns.

>>> from autogen.agentchat.group import AgentTarget, OnCondition, initiate_group_chat
>>> from autogen.agentchat.group.patterns import DefaultPattern
>>> triage.handoffs.add_llm_condition(OnCondition(AgentTarget(refund), "They want their money back."))  # doctest: +SKIP
>>> pattern = DefaultPattern(initial_agent=triage, agents=[triage, refund], user_agent=user)  # doctest: +SKIP
>>> result, variables, last_speaker = initiate_group_chat(pattern, "My parcel never came.", max_rounds=10)  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from ..._lazy_imports import attach as _lazy

# For editors and type checkers.
if TYPE_CHECKING:
    from .chat import a_initiate_group_chat as a_initiate_group_chat
    from .chat import a_run_group_chat as a_run_group_chat
    from .chat import a_run_group_chat_iter as a_run_group_chat_iter
    from .chat import initiate_group_chat as initiate_group_chat
    from .chat import run_group_chat as run_group_chat
    from .chat import run_group_chat_iter as run_group_chat_iter
    from .conditions import AvailableCondition as AvailableCondition
    from .conditions import ContextCondition as ContextCondition
    from .conditions import ContextStrLLMCondition as ContextStrLLMCondition
    from .conditions import ExpressionAvailableCondition as ExpressionAvailableCondition
    from .conditions import ExpressionContextCondition as ExpressionContextCondition
    from .conditions import LLMCondition as LLMCondition
    from .conditions import OnCondition as OnCondition
    from .conditions import OnContextCondition as OnContextCondition
    from .conditions import StringAvailableCondition as StringAvailableCondition
    from .conditions import StringContextCondition as StringContextCondition
    from .conditions import StringLLMCondition as StringLLMCondition
    from .context_expression import ContextExpression as ContextExpression
    from .context_variables import ContextStr as ContextStr
    from .context_variables import ContextVariables as ContextVariables
    from .context_variables import UpdateSystemMessage as UpdateSystemMessage
    from .handoffs import Handoffs as Handoffs
    from .reply_result import ReplyResult as ReplyResult
    from .selector import HandoffSelector as HandoffSelector
    from .speaker_selection_result import SpeakerSelectionResult as SpeakerSelectionResult
    from .targets import AgentNameTarget as AgentNameTarget
    from .targets import AgentTarget as AgentTarget
    from .targets import AskUserTarget as AskUserTarget
    from .targets import GroupManagerTarget as GroupManagerTarget
    from .targets import NestedChatTarget as NestedChatTarget
    from .targets import RandomAgentTarget as RandomAgentTarget
    from .targets import RevertToUserTarget as RevertToUserTarget
    from .targets import StayTarget as StayTarget
    from .targets import TerminateTarget as TerminateTarget
    from .targets import TransitionTarget as TransitionTarget
    from .targets.function_target import FunctionTarget as FunctionTarget
    from .targets.function_target import FunctionTargetMessage as FunctionTargetMessage
    from .targets.function_target import FunctionTargetResult as FunctionTargetResult
    from .targets.group_chat_target import GroupChatConfig as GroupChatConfig
    from .targets.group_chat_target import GroupChatTarget as GroupChatTarget
    from .targets.group_manager_target import (
        GroupManagerSelectionMessageContextStr as GroupManagerSelectionMessageContextStr,
    )
    from .targets.group_manager_target import GroupManagerSelectionMessageString as GroupManagerSelectionMessageString

_CONDITIONS = (
    *("AvailableCondition", "ContextCondition", "ContextStrLLMCondition", "ExpressionAvailableCondition"),
    *("ExpressionContextCondition", "LLMCondition", "OnCondition", "OnContextCondition", "StringAvailableCondition"),
    *("StringContextCondition", "StringLLMCondition"),
)
_TARGETS = (
    *("AgentNameTarget", "AgentTarget", "AskUserTarget", "GroupManagerTarget", "NestedChatTarget", "RandomAgentTarget"),
    *("RevertToUserTarget", "StayTarget", "TerminateTarget", "TransitionTarget"),
)
# For the interpreter: the module of each name, imported when the name is first used.
_HOME = {
    "a_initiate_group_chat": "chat",
    "a_run_group_chat_iter": "chat",
    "a_run_group_chat": "chat",
    "initiate_group_chat": "chat",
    "run_group_chat_iter": "chat",
    "run_group_chat": "chat",
    **dict.fromkeys(_CONDITIONS, "conditions"),
    "ContextExpression": "context_expression",
    "ContextStr": "context_variables",
    "ContextVariables": "context_variables",
    "UpdateSystemMessage": "context_variables",
    "Handoffs": "handoffs",
    "ReplyResult": "reply_result",
    "HandoffSelector": "selector",
    "FunctionTarget": "targets.function_target",
    "FunctionTargetMessage": "targets.function_target",
    "FunctionTargetResult": "targets.function_target",
    "GroupChatConfig": "targets.group_chat_target",
    "GroupChatTarget": "targets.group_chat_target",
    "GroupManagerSelectionMessageContextStr": "targets.group_manager_target",
    "GroupManagerSelectionMessageString": "targets.group_manager_target",
    "SpeakerSelectionResult": "speaker_selection_result",
    **dict.fromkeys(_TARGETS, "targets"),
}

__getattr__, __dir__, __all__ = _lazy(globals(), _HOME, ("patterns", "targets"))

"""Systems for suites that bring none: a single assistant."""

from __future__ import annotations

from ..agentchat.chat import ChatResult
from ..agentchat.conversable_agent import ConversableAgent
from ._runs import RunContext
from .cases import Case

__all__ = ["run_assistant"]


def run_assistant(case: Case, context: RunContext) -> ChatResult:
    """Let an assistant answer in one turn, with the models of the run.

    Args:
        case: Case.
        context: Surroundings of the run.

    Raises:
        ValueError: if the run has no config of models.
    """
    if not context.llm_config:
        raise ValueError("The assistant needs models: pass llm_config, or use --model or --config.")
    assistant = ConversableAgent(
        "assistant",
        system_message="You answer briefly and exactly, in the form that is asked for.",
        llm_config={"cache_seed": None, **context.llm_config},
        human_input_mode="NEVER",
        code_execution_config=False,
        silent=True,
    )
    user = ConversableAgent("user", llm_config=False, human_input_mode="NEVER", code_execution_config=False, silent=True)
    return user.initiate_chat(assistant, message=case.input, max_turns=1, silent=True)

"""Asking a model in words who speaks next: two throw-away agents talk.

One is the agent that the model speaks for. The other looks for a name in its answer, and asks again if there is not
exactly one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..._steps import Steps, invoke
from ...formatting_utils import colored
from ...io.base import IOStream
from ...operations import replay_safe
from .._core.protocols import Group
from .._core.result import ChatResult
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from . import prompts
from .mentions import resolve_mention

CHECKER, SELECTOR = "checking_agent", "speaker_selection_agent"
SELECTED, FAILED = "[AGENT SELECTED]", "[AGENT SELECTION FAILED]"


class Attempts:
    """How often a model may be asked for one speaker, and was."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0

    @property
    def left(self) -> int:
        """How often it may still be asked."""
        return self.total - self.used


def ask_in_dialogue(
    group: Group, selector: Any, messages: list[Message], agents: list[Agent], attempts: Attempts
) -> Steps[ChatResult]:
    """The chat of the two agents. Its last message tells what they found."""

    @replay_safe
    def validate(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> tuple[bool, Any]:
        attempts.used += 1
        left, number = attempts.left, attempts.used
        return group._validate_speaker_name(recipient, messages, sender, config, left, number, agents)

    said, opening = opened(group, agents, messages)
    checker, asked = group._create_internal_agents(agents, attempts.left, said, validate, selector)
    options: dict[str, Any] = {
        "cache": None,
        "message": opening,
        "max_turns": 2 * attempts.left,
        "clear_history": False,
        "silent": not group.select_speaker_auto_verbose,
        "summary_method": None,
    }
    result: ChatResult = yield from invoke(checker.initiate_chat, checker.a_initiate_chat, asked, **options)
    return result


def opened(group: Group, agents: list[Agent], messages: list[Message]) -> tuple[list[Message], Message]:
    """What was said, and the question after it. Where a group has no such question, the last message is what is answered."""
    text = group.select_speaker_prompt(agents)
    if text is None and messages:
        return messages[:-1], messages[-1]
    if text is None:  # a request needs a message
        text = prompts.PROMPT.format(agentlist=[agent.name for agent in agents])
    return list(messages), _said_by_checker(group, text)


def _said_by_checker(group: Group, text: str) -> Message:
    role = group.role_for_select_speaker_messages
    return {"content": text, "name": CHECKER, "override_role": role, "role": role}


def internal_agents(
    group: Group,
    agents: list[Agent],
    messages: list[Message],
    validate: Callable[..., Any],
    selector: Any,
) -> tuple[ConversableAgent, ConversableAgent]:
    """The agent that checks, and the one that the model speaks for, which knows the conversation."""
    checker = ConversableAgent(CHECKER, default_auto_reply=None, llm_config=False, human_input_mode="NEVER")
    checker.register_reply([ConversableAgent, None], reply_func=validate, remove_other_reply_funcs=True)
    asked = ConversableAgent(
        SELECTOR,
        system_message=group.select_speaker_msg(agents),
        chat_messages={checker: messages},
        llm_config=False,
        human_input_mode="NEVER",
    )
    asked.client = group._selection_client(selector)
    return checker, asked


def check_answer(
    group: Group, messages: list[Message], attempts_left: int, attempt: int, agents: Sequence[Agent]
) -> tuple[bool, Message | None]:
    """Look for a name in the last message; ask again if there is none or several."""
    content = messages[-1].get("content")
    names = resolve_mention(content.strip(), agents) if isinstance(content, str) else []
    total = attempt + attempts_left
    if len(names) == 1:
        messages.append({"role": "user", "content": f"{SELECTED}{names[0]}"})
        tell(group, f"Attempt {attempt} of {total} to choose the next speaker succeeded: {names[0]}", "green")
        return True, None
    problem = "it named several agents" if names else "it named no agent"
    tell(group, f"Attempt #{attempt} of {total} to choose the next speaker failed: {problem}.", "red")
    if attempts_left:
        template = group.select_speaker_auto_multiple_template if names else group.select_speaker_auto_none_template
        return True, _said_by_checker(group, template.format(agentlist=[agent.name for agent in agents]))
    messages.append({"role": "user", "content": f"{FAILED} Attempt #{attempt} of {total}: {problem}."})
    return True, None


def tell(group: Group, text: str, color: str) -> None:
    """Show a step of the choice, if the group is to show them."""
    if group.select_speaker_auto_verbose:
        IOStream.get_default().print(colored(f">>>>>>>> {text}", color), flush=True)

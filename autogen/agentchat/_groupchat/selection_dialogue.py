"""Speaker selection in a dialogue of two temporary agents.

The model answers for one of them. The other agent looks for a name in the answer, and asks again unless there is exactly
one name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import events
from ..._steps import Steps, invoke
from ...formatting_utils import colored
from ...io._event_streams import has_event_reader
from ...io.base import IOStream
from ...operations import replay_safe
from .._core.display import is_silent
from .._core.protocols import Group
from .._core.result import ChatResult
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from . import prompts
from .mentions import count_mentions, resolve_mention

CHECKER, SELECTOR = "checking_agent", "speaker_selection_agent"
SELECTED, FAILED = "[AGENT SELECTED]", "[AGENT SELECTION FAILED]"


class Attempts:
    """The allowed and the used attempts to select one speaker."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0

    @property
    def remaining(self) -> int:
        """Number of attempts that remain."""
        return self.total - self.used


def ask_in_dialogue(
    group: Group, selector: Any, messages: list[Message], agents: list[Agent], attempts: Attempts
) -> Steps[ChatResult]:
    """Run the chat of the two agents; its last message holds the outcome."""

    @replay_safe
    def validate(recipient: Any, messages: Any = None, sender: Any = None, config: Any = None) -> tuple[bool, Any]:
        attempts.used += 1
        remaining, number = attempts.remaining, attempts.used
        return group._validate_speaker_name(recipient, messages, sender, config, remaining, number, agents)

    conversation, question = build_prompt(group, agents, messages)
    checker, speaker_selector = group._create_internal_agents(agents, attempts.remaining, conversation, validate, selector)
    options: dict[str, Any] = {
        "cache": None,
        "message": question,
        "max_turns": 2 * attempts.remaining,
        "clear_history": False,
        "silent": not group.select_speaker_auto_verbose,
        "summary_method": None,
    }
    result: ChatResult = yield from invoke(checker.initiate_chat, checker.a_initiate_chat, speaker_selector, **options)
    return result


def build_prompt(group: Group, agents: list[Agent], messages: list[Message]) -> tuple[list[Message], Message]:
    """Return the conversation, and the question after it. Without a prompt for it, the last message is the question."""
    text = group.select_speaker_prompt(agents)
    if text is None and messages:
        return messages[:-1], messages[-1]
    # A request needs a message.
    if text is None:
        text = prompts.PROMPT.format(agentlist=[agent.name for agent in agents])
    return list(messages), _make_checker_message(group, text)


def _make_checker_message(group: Group, text: str) -> Message:
    role = group.role_for_select_speaker_messages
    return {"content": text, "name": CHECKER, "override_role": role, "role": role}


def create_agents(
    group: Group,
    agents: list[Agent],
    messages: list[Message],
    validate: Callable[..., Any],
    client: Any,
) -> tuple[ConversableAgent, ConversableAgent]:
    """Create the agent that checks answers, and the agent with the model, which has the conversation as its history."""
    checker = ConversableAgent(CHECKER, default_auto_reply=None, llm_config=False, human_input_mode="NEVER")
    checker.register_reply([ConversableAgent, None], reply_func=validate, remove_other_reply_funcs=True)
    speaker_selector = ConversableAgent(
        SELECTOR,
        system_message=group.select_speaker_msg(agents),
        chat_messages={checker: messages},
        llm_config=False,
        human_input_mode="NEVER",
    )
    speaker_selector.client = client
    return checker, speaker_selector


def check_answer(
    group: Group, messages: list[Message], attempts_left: int, attempt: int, agents: Sequence[Agent]
) -> tuple[bool, Message | None]:
    """Look for a name in the last message; ask again if there are none or several."""
    content = messages[-1].get("content")
    names = resolve_mention(content.strip(), agents) if isinstance(content, str) else []
    report_attempt(group, content, names, agents, attempt, attempts_left)
    total = attempt + attempts_left
    if len(names) == 1:
        messages.append({"role": "user", "content": f"{SELECTED}{names[0]}"})
        log_attempt(group, f"Attempt {attempt} of {total} to choose the next speaker succeeded: {names[0]}", "green")
        return True, None
    problem = "it named several agents" if names else "it named no agent"
    log_attempt(group, f"Attempt #{attempt} of {total} to choose the next speaker failed: {problem}.", "red")
    if attempts_left:
        template = group.select_speaker_auto_multiple_template if names else group.select_speaker_auto_none_template
        return True, _make_checker_message(group, template.format(agentlist=[agent.name for agent in agents]))
    messages.append({"role": "user", "content": f"{FAILED} Attempt #{attempt} of {total}: {problem}."})
    return True, None


def report_attempt(
    group: Group, content: object, names: list[str], agents: Sequence[Agent], attempt: int, attempts_left: int
) -> None:
    """Emit the event of an answer of the selecting model.

    Args:
        group: Group chat.
        content: Text of the answer.
        names: Names that it may mean.
        agents: Candidates.
        attempt: Number of the answer, from 1.
        attempts_left: Number of answers that may follow.
    """
    if not events.has_listeners:
        return
    counts = count_mentions(content, agents) if isinstance(content, str) else {}
    event = events.SpeakerAttempted(
        by="model",
        candidates=[agent.name for agent in agents],
        mentions={name: counts.get(name, 1) for name in names},
        attempt=attempt,
        attempts_left=attempts_left,
        verbose=group.select_speaker_auto_verbose,
    )
    events.emit(event)


def log_attempt(group: Group, text: str, color: str) -> None:
    """Print an attempt to select a speaker, if the group is verbose."""
    if group.select_speaker_auto_verbose and not is_silent() and not has_event_reader():
        IOStream.get_default().print(colored(f">>>>>>>> {text}", color), flush=True)

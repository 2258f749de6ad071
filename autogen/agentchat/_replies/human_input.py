"""When the chat ends, and when a human is asked.

Every such decision stands in RULES; there is no `if human_input_mode` anywhere else. This module doesn't know how the
human is reached: it names a prompt, and gets a text.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import events
from ..._steps import Steps, invoke, sync_and_async
from ..._threads import CallTimeout
from ...control import interruptible
from ...io.base import IOStream, TimedInputStream
from ...operations import Operation, fingerprint, perform
from .._core.display import notice
from .._core.result import StopReason
from .._core.termination import BoundCondition, Condition, bind_condition, call_predicate, text_of
from ..agent import Agent, Message

if TYPE_CHECKING:
    from .._agent.state import AgentState
    from ..conversable_agent import ConversableAgent

MODES = ("ALWAYS", "TERMINATE", "NEVER")


class Outcome(Enum):
    """What follows when the human was not asked, or pressed Enter."""

    STOP = "end the chat"
    AUTO = "let the other reply functions answer"


class Rule(NamedTuple):
    """One row of the table. None in a condition means: either."""

    mode: str
    at_limit: bool | None
    terminated: bool | None
    prompt: str | None  # None: nobody is asked
    on_enter: Outcome


FEEDBACK = "You speak for {agent}: your feedback to {peer}? (Enter: skip, an auto-reply is used; 'exit': end the chat) "
STOPPING = "{peer} would end the chat here. Your message, to go on? (Enter or 'exit': stop) "
LIMIT = "{agent} has used up its auto-replies to {peer}. Your message? (Enter: skip, one more auto-reply; 'exit': stop) "

RULES = (
    #    mode         at limit  terminated  prompt    on Enter, or unasked
    Rule("ALWAYS",    None,     True,       FEEDBACK, Outcome.STOP),
    Rule("ALWAYS",    None,     False,      FEEDBACK, Outcome.AUTO),
    Rule("TERMINATE", None,     True,       STOPPING, Outcome.STOP),
    Rule("TERMINATE", True,     False,      LIMIT,    Outcome.AUTO),
    Rule("TERMINATE", False,    False,      None,     Outcome.AUTO),
    Rule("NEVER",     True,     None,       None,     Outcome.STOP),
    Rule("NEVER",     False,    True,       None,     Outcome.STOP),
    Rule("NEVER",     False,    False,      None,     Outcome.AUTO),
)  # fmt: skip


def _rules(mode: str, at_limit: bool, terminated: bool | None = None) -> tuple[Rule, ...]:
    known = (rule for rule in RULES if rule.mode == mode and rule.at_limit in (None, at_limit))
    return tuple(rule for rule in known if None in (terminated, rule.terminated) or rule.terminated is terminated)


class RuleSet(NamedTuple):
    """What the table says before `is_termination_msg` is asked. That is the user's code, asked only where it decides."""

    is_open: bool  # it decides about the prompt
    prompt: str | None
    rules: tuple[Rule, ...]
    narrowed: dict[bool, tuple[Rule, ...]]


def _rule_set(mode: str, at_limit: bool) -> RuleSet:
    rules = _rules(mode, at_limit)
    narrowed = {terminated: _rules(mode, at_limit, terminated) for terminated in (True, False)}
    return RuleSet(len({rule.prompt for rule in rules}) > 1, rules[0].prompt, rules, narrowed)


_RULE_SETS = {(mode, at_limit): _rule_set(mode, at_limit) for mode in MODES for at_limit in (True, False)}


def check_mode(mode: str) -> str:
    """Return `mode` if it is one of MODES.

    Raises:
        ValueError: It is not.
    """
    if mode not in MODES:
        raise ValueError(f"human_input_mode is {mode!r}; it must be one of {', '.join(map(repr, MODES))}.")
    return mode


Decision = tuple[bool, "Message | None"]


def termination_and_human(agent: ConversableAgent, messages: list[Message], sender: Agent | None) -> Steps[Decision]:
    """Walk the table for the last message: end the chat, send what the human typed, or let others answer."""
    decision = termination_step(agent, messages, sender)
    return decision if isinstance(decision, tuple) else (yield from decision)


def termination_step(
    agent: ConversableAgent, messages: list[Message], sender: Agent | None, config: Any = None
) -> Decision | Steps[Decision]:
    """`termination_and_human`, as `_reply_chain.STEPS` has it: at once where no human is asked."""
    if not messages:
        return False, None
    message = messages[-1]
    limit = agent._limit_for(sender)
    mode, at_limit = agent.human_input_mode, agent._consecutive_auto_reply_counter[sender] >= limit
    stand = _RULE_SETS.get((mode, at_limit)) or _RULE_SETS[check_mode(mode), at_limit]
    rules, prompt = stand.rules, stand.prompt
    if stand.is_open:
        rules = stand.narrowed[is_termination(agent, message, sender)]
        prompt = rules[0].prompt
    if prompt:
        return _asked_first(agent, message, sender, stand, rules, prompt, limit)
    return _decide_without_input(agent, message, sender, stand, rules)


def _asked_first(
    agent: ConversableAgent,
    message: Message,
    sender: Agent | None,
    stand: RuleSet,
    rules: tuple[Rule, ...],
    prompt: str,
    limit: int,
) -> Steps[Decision]:
    question = prompt.format(agent=agent.name, peer=sender.name if sender else "the sender")
    typed = yield from invoke(agent.get_human_input, agent.a_get_human_input, question)
    if typed:
        return _stop(agent, sender, StopReason.HUMAN_EXIT) if typed == "exit" else _typed(agent, message, sender, typed)
    notice("NO HUMAN INPUT RECEIVED.", "red")
    return _decide_without_input(agent, message, sender, stand, rules, is_answer=limit == 0)


def _decide_without_input(
    agent: ConversableAgent,
    message: Message,
    sender: Agent | None,
    stand: RuleSet,
    rules: tuple[Rule, ...],
    is_answer: bool = False,
) -> Decision:
    """What follows if the human was not asked, or pressed Enter: `is_answer` where no automatic reply is allowed at all."""
    rule = (stand.narrowed[is_termination(agent, message, sender)] if len(rules) > 1 else rules)[0]
    if rule.on_enter is Outcome.STOP:
        return _stop(agent, sender, _why(rule))
    if is_answer:
        return _typed(agent, message, sender, "")
    if agent.human_input_mode != "NEVER":
        notice("USING AUTO REPLY...", "red")
    agent._consecutive_auto_reply_counter[sender] += 1
    return False, None


def ask_human(agent: AgentState, prompt: str) -> Steps[str]:
    """Ask the human at the agent's source of human input, or else on the stream in use; remember the answer."""
    question: events.HumanAsked | None = None

    def announce() -> events.Event:
        nonlocal question
        question = events.HumanAsked(agent=agent.name, prompt=prompt)
        return question

    def run() -> Steps[str]:
        # a listener may have answered in place of the human
        answer = None if question is None else question.answer
        return (yield from _request_input(agent, prompt)) if answer is None else answer

    operation = Operation(
        kind="human",
        key=lambda: fingerprint([agent.name, prompt]),
        run=run,
        started=announce,
        finished=lambda text, seconds: events.HumanAnswered(agent=agent.name, text=text),
        is_silent_in_replay=True,
    )
    typed = yield from perform(operation)
    agent._human_input.append(typed)
    return typed


def _request_input(agent: AgentState, prompt: str) -> Steps[str]:
    seconds = agent.human_input_timeout
    source = agent.human_input_source
    if source is None:
        stream = IOStream.get_default()
        if seconds is not None and isinstance(stream, TimedInputStream):
            source, seconds = partial(stream.input_within, seconds), None
        else:
            source = stream.input
    try:
        plain, twin = sync_and_async(source, seconds=seconds, blocks=True)
        typed: str = yield from invoke(interruptible(plain), twin, prompt)
    except CallTimeout:
        typed = agent.human_input_default
        notice(f"NO HUMAN INPUT WITHIN {agent.human_input_timeout:g} SECONDS: {typed!r} IS TAKEN.", "red")
    return typed


def is_termination(agent: ConversableAgent, message: Message, sender: Agent | None = None) -> bool:
    """Ask the agent's `is_termination_msg`: a function of the message, or a condition, which knows the chat."""
    test = agent._is_termination_msg
    if type(test) is FunctionType:  # as most are: what follows costs more
        return call_predicate(test, message)
    if isinstance(test, Condition):  # it was assigned after construction
        test = agent._is_termination_msg = bind_condition(test)
    if isinstance(test, BoundCondition):
        return test.observe(message, sender, None if sender is None else agent._history(sender))
    return call_predicate(test, message)


def default_termination(message: Message) -> bool:
    """What ends a chat where nothing else is said: a message that is exactly `TERMINATE`."""
    content = message.get("content")
    return (content if isinstance(content, str) else text_of(content)) == "TERMINATE"


def interrupted(message: Message) -> list[Message]:
    """Answers to the calls of `message` that nobody will run, because a human spoke instead."""
    text = "USER INTERRUPTED"
    answers: list[Message] = []
    if call := message.get("function_call"):
        answers.append({"role": "function", "name": call.get("name", ""), "content": text})
    for call in message.get("tool_calls") or ():
        answers.append({"role": "tool", "tool_call_id": call.get("id", ""), "content": text})
    return answers


def _why(rule: Rule) -> StopReason:
    return StopReason.TERMINATION_MESSAGE if rule.terminated else StopReason.MAX_CONSECUTIVE_AUTO_REPLY


def _stop(agent: ConversableAgent, sender: Agent | None, why: StopReason) -> tuple[bool, None]:
    agent._consecutive_auto_reply_counter[sender] = 0
    agent._stop_reasons[sender] = why
    return True, None


def _typed(agent: ConversableAgent, message: Message, sender: Agent | None, text: str) -> tuple[bool, Message]:
    agent._consecutive_auto_reply_counter[sender] = 0
    reply: dict[str, Any] = {"role": "user", "content": text}
    if pending := interrupted(message):
        reply["tool_responses"] = pending
    return True, reply

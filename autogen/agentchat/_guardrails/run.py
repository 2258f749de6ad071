"""Running the guardrails of an agent at each stage of a chat: one way for all kinds of checks, sync and async."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeAlias, cast

from ... import events
from ..._journal import JournalError
from ..._secrets import redact
from ..._steps import Steps, invoke
from ...exception_utils import BudgetExceeded, GuardrailTripped
from ...oai._responses.tokens import hold_tokens
from ...oai._usage.ledger import get_chat_ledger
from ...operations import Operation, fingerprint, perform
from .._core import turn_context
from .._core.internals import get_managed_group, get_reply_counts, get_reply_limits, internals
from .._core.protocols import AgentCore
from .._core.result import StopReason
from ..agent import Agent, Message
from .beside import BesideChecks, run_beside
from .checks import Guard, GuardedCall, GuardrailStop, Subject, Tripped
from .hook_points import apply_hooks, has_hooks
from .streams import make_window
from .texts import find_texts, replace_text

logger = logging.getLogger("autogen.agentchat.conversable_agent")

Reply: TypeAlias = "str | Message | None"

UNCHECKED = "could not be checked"
MAX_RETRIES = 2

_LABELS = {
    "input": "a received message",
    "output": "the reply",
    "tool": "a tool call",
    "tool_result": "the result of a tool",
    "code": "a code block",
    "final": "the summary",
}


class Verdict(NamedTuple):
    """Result of one check, in a form that JSON can hold.

    Attributes:
        tripped: True if the check objects.
        why: The reason.
        replacement: Value that takes the checked value's position; None to block it.
        notice: Text for the agents if it is blocked; empty for the usual one.
    """

    tripped: bool
    why: str = ""
    replacement: Any = None
    notice: str = ""


class Block(NamedTuple):
    """A value that must not pass.

    Attributes:
        guard: The guardrail that tripped.
        notice: Text for the agents in its stead.
        why: The reason.
    """

    guard: Guard
    notice: str
    why: str


def get_all_guards(agent: AgentCore) -> list[Guard]:
    """Return the guardrails of an agent, in order."""
    # Among the hooks, so that an agent without any has nothing else to check.
    return cast("list[Guard]", agent.hook_lists.get("guardrails", []))


def add_guard(agent: AgentCore, guard: Guard) -> None:
    """Register a guardrail with an agent."""
    hooks: dict[str, Any] = agent.hook_lists
    hooks.setdefault("guardrails", []).append(guard)


def get_guards(agent: AgentCore, on: str) -> list[Guard]:
    """Return the guardrails of an agent for a stage, in order."""
    return [guard for guard in get_all_guards(agent) if guard.on == on]


def run_check(agent: AgentCore, guard: Guard, subject: Subject) -> Steps[Verdict]:
    """Run one check as an operation: its event is emitted, and a checkpoint keeps its result."""

    def run() -> Steps[Verdict]:
        try:
            result = yield from guard.evaluate(subject)
        # These end the chat, whichever check is running.
        except (BudgetExceeded, JournalError):
            raise
        except Exception as error:  # noqa: BLE001 - a check of the program may raise anything
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            logger.warning("The guardrail %r of agent %r failed: %s", guard.name, agent.name, redact(reason))
            is_hit = guard.on_error == "trip"
            return Verdict(is_hit, UNCHECKED if is_hit else "", notice=_make_notice(guard, UNCHECKED) if is_hit else "")
        return _read_result(guard, result)

    operation = Operation(
        kind="guardrail",
        key=lambda: f"{agent.name}:{guard.on}:{guard.name}:{fingerprint(subject)}",
        run=run,
        finished=lambda verdict, seconds: events.GuardrailChecked(
            agent=agent.name, name=guard.name, on=guard.on, tripped=verdict.tripped, why=redact(verdict.why), seconds=seconds
        ),
        encode=list,
        decode=_decode_verdict,
        is_journaled=not guard.is_pure,
    )
    return (yield from perform(operation))


def _decode_verdict(stored: Any) -> Verdict:
    return Verdict(*stored)


def _read_result(guard: Guard, result: object) -> Verdict:
    """Convert the return value of a check.

    Raises:
        TypeError: if a check can't return such a value.
    """
    if result is None:
        return Verdict(False)
    if isinstance(result, Tripped):
        return Verdict(True, str(result.why), result.replacement)
    # A `GuardrailResult`, whose class needs pydantic.
    if hasattr(result, "activated") and hasattr(result, "justification"):
        if not result.activated:
            return Verdict(False)
        return Verdict(True, str(result.justification), None, str(getattr(result, "reply", "")))
    raise TypeError(
        f"The check of the guardrail {guard.name!r} must return None or Tripped(why), got {type(result).__name__}: "
        f"{result!r:.100}"
    )


def _make_notice(guard: Guard, why: str) -> str:
    make_reply = getattr(guard.source, "_make_reply", None)
    return make_reply(why) if make_reply is not None else f"[Blocked by the guardrail {guard.name}: {why}]"


Verdicts: TypeAlias = "dict[tuple[int, str], Verdict]"
"""Verdicts that are known, by `id` of the guardrail and fingerprint of the subject."""


def check_subject(
    agent: AgentCore, guard: Guard, subject: Subject, verdicts: Verdicts | None = None
) -> Steps[Subject | Block]:
    """Run one check, and return the value that passes: the subject, a replacement, or a `Block`.

    Args:
        agent: Agent of the guardrail.
        guard: The guardrail.
        subject: The value.
        verdicts: Verdicts that are known.

    Raises:
        GuardrailTripped: if it trips, and its consequence is `raise`.
        GuardrailStop: if it trips, and its consequence is `end`.
    """
    verdict = verdicts.get((id(guard), fingerprint(subject))) if verdicts else None
    if verdict is None:
        verdict = yield from run_check(agent, guard, subject)
    if not verdict.tripped:
        return subject
    why, replacement = verdict.why, verdict.replacement
    if guard.then == "raise":
        raise GuardrailTripped(guard.name, guard.on, why)
    if guard.then == "end":
        raise GuardrailStop(guard.name, why)
    if guard.then == "ask":
        answer = yield from _ask(agent, guard, why)
        if answer.lower() in ("yes", "y"):
            return subject
        if answer.lower() == "exit":
            raise GuardrailStop(guard.name, why)
        # A human can't type the arguments of a call here, so the text takes the position of its result.
        if answer and answer.lower() not in ("no", "n"):
            return Block(guard, answer, why) if isinstance(subject, GuardedCall) else answer
        replacement = None
    if replacement is None or guard.then == "retry":
        return Block(guard, verdict.notice or _make_notice(guard, why), why)
    if isinstance(subject, GuardedCall):
        if not isinstance(replacement, dict):
            return Block(guard, str(replacement), why)
        return GuardedCall(subject.agent, subject.name, replacement)
    return str(replacement)


def _ask(agent: AgentCore, guard: Guard, why: str) -> Steps[str]:
    question = (
        f"The guardrail {guard.name} of {agent.name} objects to {_LABELS[guard.on]}: {why}. "
        "Type 'yes' to let it pass, press Enter to block it, or type a text that replaces it: "
    )
    text = yield from invoke(agent.get_human_input, agent.a_get_human_input, question)
    return text.strip()


def run_guarded(
    agent: AgentCore,
    messages: list[Message],
    peer: Agent | None,
    generate: Callable[[list[Message], Agent | None], Steps[Reply]],
) -> Steps[Reply]:
    """Generate a reply between the guardrails for input and those for output.

    Args:
        agent: Agent that replies.
        messages: Conversation. Texts that are replaced are replaced in it.
        peer: Agent that gets the reply.
        generate: Generates the reply.
    """
    counts, count = get_reply_counts(agent), get_reply_counts(agent)[peer]
    guards = get_guards(agent, "input")
    beside = _make_beside(agent, messages, peer, [guard for guard in guards if guard.beside])
    try:
        block = yield from check_input(agent, messages, peer, [guard for guard in guards if not guard.beside])
        if block is not None:
            return _reply_with_notice(agent, peer, block)
        with nullcontext() if beside is None else run_beside(beside):
            return (yield from _generate_checked(agent, messages, peer, generate, beside))
    except _InputBlocked as blocked:
        # Whoever decided about the end of the chat may have counted the reply.
        counts[peer] = count
        return _reply_with_notice(agent, peer, blocked.block)
    except GuardrailStop:
        # The chat ends; without one, there is no reply.
        if get_chat_ledger() is not None:
            raise
        return None


class _InputBlocked(BaseException):
    """Raised in the reply to a message that a check beside the request blocks."""

    def __init__(self, block: Block) -> None:
        self.block = block
        super().__init__(block.why)


def _make_beside(agent: AgentCore, messages: list[Message], peer: Agent | None, guards: list[Guard]) -> BesideChecks | None:
    """Make the checks that run beside the request; None if there are none."""
    if not guards:
        return None
    verdicts: Verdicts = {}
    checked = list(messages)

    def find_trip() -> Steps[bool]:
        for guard in guards:
            for subject in _list_subjects(guard, checked[_find_unanswered(checked) :]):
                verdict = yield from run_check(agent, guard, subject)
                verdicts[id(guard), fingerprint(subject)] = verdict
                if verdict.tripped:
                    return True
        return False

    def apply(conversation: list[Message]) -> Steps[None]:
        before = list(messages)
        block = yield from check_input(agent, messages, peer, guards, verdicts)
        if block is not None:
            raise _InputBlocked(block)
        # Hooks may have made another list, with messages that they have changed.
        replaced = {id(old): new for old, new in zip(before, messages, strict=True)}
        is_changed = any(id(message) not in replaced for message in conversation[_find_unanswered(conversation) :])
        if conversation is not messages:
            conversation[:] = [replaced.get(id(message), message) for message in conversation]
        if is_changed and conversation is not messages:
            block = yield from check_input(agent, conversation, peer, guards, verdicts)
            if block is not None:
                raise _InputBlocked(block)

    return BesideChecks(agent, find_trip, apply)


def _generate_checked(
    agent: AgentCore,
    messages: list[Message],
    peer: Agent | None,
    generate: Callable[[list[Message], Agent | None], Steps[Reply]],
    beside: BesideChecks | None,
) -> Steps[Reply]:
    """Generate a reply, and check it. Nobody sees a piece of it earlier than the guardrails say."""
    guards = get_guards(agent, "output")
    window = make_window(guards)
    with nullcontext() if window is None else hold_tokens(*window) as held:
        reply = yield from generate(messages, peer)
    if beside is not None and beside.is_pending:
        yield from beside.settle(messages)
    if not guards or reply is None:
        return reply
    checked = yield from check_output(agent, messages, peer, reply)
    if checked is reply:
        if held is not None:
            held.release()
    elif events.has_listeners and (held is None or held.has_released):
        events.emit(events.ReplyRetracted(agent=agent.name))
    return checked


def _reply_with_notice(agent: AgentCore, peer: Agent | None, block: Block) -> Reply:
    """Return the notice as a reply, which counts as an automatic one: two agents must not exchange notices for ever."""
    counts = get_reply_counts(agent)
    if counts[peer] >= get_reply_limits(agent)[peer]:
        counts[peer] = 0
        internals(agent).stop_reasons[peer] = StopReason.MAX_CONSECUTIVE_AUTO_REPLY
        return None
    counts[peer] += 1
    follow_target(agent, peer, block.guard)
    return block.notice


def _find_unanswered(messages: Sequence[Message]) -> int:
    """Return the index of the first message that the agent has not answered yet."""
    start = len(messages)
    while start and messages[start - 1].get("role") != "assistant":
        start -= 1
    return start


def _list_subjects(guard: Guard, messages: Sequence[Message]) -> list[Subject]:
    if guard.sees_messages:
        return [list(messages)]
    return [text for message in messages for _, text in find_texts(message)]


def check_input(
    agent: AgentCore,
    messages: list[Message],
    peer: Agent | None,
    guards: Sequence[Guard],
    verdicts: Verdicts | None = None,
) -> Steps[Block | None]:
    """Check the messages that the agent has not answered yet. Returns None if they pass, as they are or replaced."""
    start = _find_unanswered(messages)
    for guard in guards:
        if guard.sees_messages:
            result = yield from check_subject(agent, guard, messages[start:], verdicts)
            if isinstance(result, Block):
                return result
            # A human has typed another text for the last message.
            if isinstance(result, str) and messages:
                messages[-1] = {**messages[-1], "content": result}
            continue
        for index in range(start, len(messages)):
            checked = yield from _check_texts(agent, guard, messages[index], verdicts)
            if isinstance(checked, Block):
                return checked
            if checked is not messages[index]:
                # A new dict, because other histories may hold this one too.
                messages[index] = checked
    return None


def _check_texts(agent: AgentCore, guard: Guard, message: Any, verdicts: Verdicts | None = None) -> Steps[Any]:
    """Check the texts of a message one by one. Returns the message, a changed copy, or a `Block`."""
    checked = message
    for path, text in list(find_texts(message)):
        result = yield from check_subject(agent, guard, text, verdicts)
        if isinstance(result, Block):
            return result
        if result != text:
            checked = replace_text(checked, path, result)
    return checked


def check_output(agent: AgentCore, messages: list[Message], peer: Agent | None, reply: str | Message) -> Steps[Reply]:
    """Check a reply. Returns it, a changed copy, the model's next attempt, or a notice."""
    checked: Any = reply
    retries = 0
    guards = get_guards(agent, "output")
    index = 0
    while index < len(guards):
        guard = guards[index]
        if guard.sees_messages:
            result = yield from check_subject(agent, guard, _get_context(checked))
            if isinstance(result, str) and not isinstance(checked, str):
                result = {**checked, "content": result}
            elif not isinstance(result, (str, Block)):
                result = checked
        else:
            result = yield from _check_texts(agent, guard, checked)
        if not isinstance(result, Block):
            checked = result
            index += 1
            continue
        if guard.then == "retry" and retries < MAX_RETRIES:
            retries += 1
            attempt = yield from _request_again(agent, messages, peer, checked, result)
            if attempt is not None:
                # Each guardrail checks the new reply.
                checked, index = attempt, 0
                continue
        follow_target(agent, peer, guard)
        return result.notice
    return checked  # type: ignore[no-any-return]


def find_hit(agent: AgentCore, on: str, context: Any) -> Steps[tuple[Guard, Verdict] | None]:
    """Return the first guardrail of a stage that trips on a message or on several, with its verdict; None if none does."""
    messages = context if isinstance(context, list) else [context]
    for guard in get_guards(agent, on):
        for subject in [context] if guard.sees_messages else _list_subjects(guard, messages):
            verdict = yield from run_check(agent, guard, subject)
            if verdict.tripped:
                return guard, verdict
    return None


def _get_context(reply: str | Message) -> str | list[Message]:
    """Return a reply as AG2's guardrails get it: a text, or a list of messages if there is more to it."""
    if isinstance(reply, str):
        return reply
    has_calls = reply.get("tool_calls") or reply.get("function_call")
    content = reply.get("content")
    return content if isinstance(content, str) and not has_calls else [reply]


def _request_again(
    agent: AgentCore, messages: list[Message], peer: Agent | None, reply: str | Message, block: Block
) -> Steps[Reply]:
    """Request another reply from the agent's model, which gets the reason; None if it has no model or no reply."""
    rejected = {"content": reply} if isinstance(reply, str) else {"content": reply.get("content") or ""}
    reason = f"This reply was not sent: {block.why}. Reply again in another way."
    conversation = [*messages, {**rejected, "role": "assistant"}, {"content": reason, "role": "user"}]
    model: Any = agent
    final, attempt = yield from invoke(model.generate_oai_reply, model.a_generate_oai_reply, conversation, peer)
    return attempt if final else None


def follow_target(agent: AgentCore, peer: Agent | None, guard: Guard) -> None:
    """Hand over to the target of a guardrail that tripped, once. Outside of a group, only the end of the chat is one."""
    target = guard.target
    if target is None:
        return
    turn = turn_context.get_current_turn(agent, peer)
    if turn is not None:
        turn.redirect(target, guard.name)
    elif get_managed_group(peer) is not None:
        internals(peer).redirection = (target, guard.name)  # type: ignore[arg-type]
    elif peer is not None and getattr(target, "ends_chat", False) and get_chat_ledger() is not None:
        internals(agent).closing = (peer, guard.name)


def check_call(agent: AgentCore, caller: AgentCore | None, name: str, arguments: dict[str, Any]) -> Steps[Any]:
    """Check a tool call before it is made. Returns the arguments to use, or a notice that is its result.

    Args:
        agent: Agent that executes it.
        caller: Agent whose model suggested it, if that is another one.
        name: Name of the function.
        arguments: Its arguments.
    """
    for owner in _get_owners(agent, caller):
        if has_hooks(owner, "safeguard_tool_inputs"):
            call: dict[str, Any] = {"name": name, "arguments": dict(arguments)}
            checked = yield from apply_hooks(owner, "safeguard_tool_inputs", call)
            if checked is None or "blocked" in checked:
                return BLOCKED if checked is None else str(checked["blocked"])
            arguments = dict(checked["arguments"])
        for guard in get_guards(owner, "tool"):
            result = yield from check_subject(owner, guard, GuardedCall(agent.name, name, dict(arguments)))
            if isinstance(result, Block):
                return result.notice
            arguments = result.arguments
    return arguments


BLOCKED = "🛡️ BLOCKED: this content was stopped by a safeguard."
"""Notice for a hook of a safeguard that returns None."""


def check_tool_result(agent: AgentCore, caller: AgentCore | None, name: str, content: str) -> Steps[str]:
    """Check the result of a tool before it enters a history. Returns it, another text, or a notice."""
    for owner in _get_owners(agent, caller):
        if has_hooks(owner, "safeguard_tool_outputs"):
            response = {"name": name, "role": "function", "content": content}
            checked = yield from apply_hooks(owner, "safeguard_tool_outputs", response)
            content = BLOCKED if checked is None else str(checked.get("content", ""))
        content = yield from _check_text(owner, "tool_result", content)
    return content


def _get_owners(agent: AgentCore, caller: AgentCore | None) -> Sequence[AgentCore]:
    owners = [agent] if caller is None or caller is agent else [caller, agent]
    return [owner for owner in owners if any(owner.hook_lists.values())]


def _check_text(agent: AgentCore, on: str, text: str) -> Steps[str]:
    for guard in get_guards(agent, on):
        result = yield from check_subject(agent, guard, text)
        text = result.notice if isinstance(result, Block) else result
    return text


def check_code(agent: AgentCore, blocks: Sequence[Sequence[str]]) -> Steps[str | None]:
    """Check `[language, code]` pairs before they are run. Returns None if they may run, else a notice."""
    for guard in get_guards(agent, "code"):
        for _, code in blocks:
            result = yield from check_subject(agent, guard, code)
            # Other code than the model wrote is not run: the model gets the text instead.
            if isinstance(result, Block) or result != code:
                return result.notice if isinstance(result, Block) else str(result)
    return None


def check_summary(agents: Sequence[AgentCore], summary: Any) -> Steps[Any]:
    """Check the summary of a chat by the guardrails of its agents. Returns it, another text, or a notice."""
    for agent in agents:
        guards = get_guards(agent, "final")
        if guards and isinstance(summary, dict):
            text = summary.get("content")
            checked = yield from _check_text(agent, "final", text if isinstance(text, str) else str(summary))
            summary = summary if checked == text else {**summary, "content": checked}
        elif guards:
            summary = yield from _check_text(agent, "final", str(summary or ""))
    return summary


def filter_value(agent: AgentCore, point: str, value: Any) -> Steps[Any]:
    """Pass a value through the hooks of a safeguard; None stands for blocked, and becomes a notice of the same form."""
    checked = yield from apply_hooks(agent, point, value)
    if checked is not None:
        return checked
    if isinstance(value, list):
        return [*value[:-1], {**value[-1], "content": BLOCKED}] if value else value
    return BLOCKED

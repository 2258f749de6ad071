"""Execution of the tool and function calls that a model suggests.

The calls are untrusted: an unknown name, broken JSON or a failing function lead to a message that the model can act on,
never to an exception.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from difflib import get_close_matches
from functools import partial
from typing import Any

from ... import events
from ..._secrets import redact
from ..._steps import Call, Steps, gather, is_coroutine_function, sync_and_async
from ..._threads import reset_variable
from ...control import ChatWaiting, interruptible, yield_point
from ...io.base import IOStream
from ...operations import (
    UNKNOWN_OUTCOME,
    Journal,
    Operation,
    fingerprint,
    get_journal,
    perform,
    resolve_unfinished,
)
from .._approvals.batch import Batch, NumberedCall, decide_in_turn
from .._approvals.labels import ToolLabels, find_spoilers, get_labels, label_result, take_labels, usage
from .._approvals.policy import ApprovalPolicy, get_policy, mark_approved
from .._core import turn_context
from .._core.display import print_notice
from .._core.internals import get_managed_group, is_conversable, is_overridden
from .._core.messages import get_result_text, strip_namespace
from .._core.protocols import AgentCore, Tool
from .._core.registration_warnings import find_executors
from .._core.turn_context import Outcome
from .._guardrails.run import check_call, check_tool_result
from ..agent import Agent, Message
from .approval import request_approval
from .termination_and_human import ask_human
from .tool_arguments import normalize_arguments, parse_arguments

logger = logging.getLogger("autogen.agentchat.conversable_agent")

# The id of a call and the conversation up to its message, by the id() of its dict.
_origins: ContextVar[Mapping[int, tuple[str | None, Sequence[Message]]]] = ContextVar("origins", default={})  # noqa: B039
_caller: ContextVar[AgentCore | None] = ContextVar("agent whose model suggested the calls", default=None)


def execute_function_call(
    agent: AgentCore, messages: list[Message], sender: Agent | None
) -> Steps[tuple[bool, Message | None]]:
    """Execute the function call of the last message, if it has one."""
    call = messages[-1].get("function_call") if messages else None
    if not call:
        return False, None
    executor = _find_executor(agent, call, sender)
    function = _find_function(executor, call.get("name"))
    must_wait = is_coroutine_function(function) or executor.concurrent_tool_calls
    must_wait = must_wait or hasattr(function, "_timeout") or getattr(function, "_has_async_dependencies", False)
    async_method: Callable[..., object] = executor.a_execute_function if must_wait else executor.execute_function
    with _remember_origin([{"function": call}], messages, _find_caller(messages[-1], sender)):
        outcome = yield Call(executor.execute_function, async_method, (call,), {})
    if turn := turn_context.get_current_turn(agent, sender):
        [outcome] = yield from turn.resolve_handoffs([call], [outcome])
    _, result = outcome
    result = {**result, "content": get_result_text(result.get("content", ""))}
    return True, _add_available_names(result, sender, call)


def execute_tool_calls(
    agent: AgentCore, messages: list[Message], sender: Agent | None, caller: AgentCore | None = None
) -> Steps[tuple[bool, Message | None]]:
    """Execute all tool calls of the last message; the results keep the order of the calls.

    Args:
        agent: Agent that executes them, unless another agent of the chat has to.
        messages: Conversation.
        sender: Agent that gets the results.
        caller: Agent whose model suggested the calls; None if the last message says so.
    """
    calls = [call for call in (messages[-1].get("tool_calls") if messages else None) or () if call]
    if not calls:
        return False, None
    functions = [call.get("function") or {} for call in calls]

    # A call that waits for an answer doesn't keep the others from running: all that is missing is known at once.
    def execute(call: Message) -> Outcome | ChatWaiting:
        try:
            return _find_executor(agent, call, sender).execute_function(call)
        except ChatWaiting as signal:
            return signal

    async def a_execute(call: Message) -> Outcome | ChatWaiting:
        executor = _find_executor(agent, call, sender)
        try:
            if is_overridden(executor, "_a_execute_tool_call"):
                whole = next(item for item in calls if item.get("function") is call)
                return True, await executor._a_execute_tool_call(whole)
            return await executor.a_execute_function(call)
        except ChatWaiting as signal:
            return signal

    turn = turn_context.get_current_turn(agent, sender)
    # A transfer to another agent is not a function: the turn resolves it.
    transfers = turn.find_transfers(functions) if turn else ()
    executable = [function for index, function in enumerate(functions) if index not in transfers]
    with _remember_origin(calls, messages, caller or _find_caller(messages[-1], sender)):
        # Calls that need no approval come first. The others are decided one by one: a human has one question at a time.
        guarded = [get_policy(_find_named(agent, call, sender)) is not None for call in executable]
        free_calls = [call for call, is_guarded in zip(executable, guarded, strict=True) if not is_guarded]
        free = iter((yield from gather(execute, a_execute, free_calls, in_threads=agent.concurrent_tool_calls)))
        waiting = [call for call, is_guarded in zip(executable, guarded, strict=True) if is_guarded]
        decided = yield from _execute_in_turn(agent, waiting, execute, a_execute)
        rest = iter(decided)
        answers = [next(rest if is_guarded else free) for is_guarded in guarded]
    signals = [answer for answer in answers if isinstance(answer, ChatWaiting)]
    if signals:
        raise ChatWaiting.combine(signals)
    outcomes = [answer for answer in answers if not isinstance(answer, ChatWaiting)]
    if turn:
        results = iter(outcomes)
        outcomes = [(True, {}) if index in transfers else next(results) for index in range(len(functions))]
        outcomes = yield from turn.resolve_handoffs(functions, outcomes)
    responses = []
    for index, (call, (success, result)) in enumerate(zip(calls, outcomes, strict=True)):
        if index not in transfers:
            result = _add_available_names(result, sender, functions[index])
        # A history can be stored and sent, so it has the text of an object.
        response: Message = {"role": "tool", "content": get_result_text(result.get("content", ""))}
        if not success:
            # Some vendors want to know.
            response["is_error"] = True
        responses.append({"tool_call_id": call["id"], **response} if call.get("id") is not None else response)
    text = "\n\n".join(agent._str_for_tool_response(response) for response in responses)
    return True, {"role": "tool", "tool_responses": responses, "content": text}


def _execute_in_turn(
    agent: AgentCore, calls: list[Message], execute: Callable[..., Any], a_execute: Callable[..., Any]
) -> Steps[list[Any]]:
    """Execute calls that need an approval, one after another, and return their outcomes."""
    numbered = [NumberedCall(str(call.get("name")), _try_parse(agent, call)) for call in calls]
    batch = Batch(numbered) if len(numbered) > 1 else None
    outcomes = []
    for number, call in enumerate(calls, 1):
        with decide_in_turn(batch, number):
            outcomes.append((yield Call(execute, a_execute, (call,), {})))
    return outcomes


@contextmanager
def _remember_origin(calls: Iterable[Message], messages: Sequence[Message], caller: AgentCore | None) -> Iterator[None]:
    """Keep the ids of calls, their message and their caller: `execute_function` gets neither, and may be overridden."""
    token = _origins.set({id(call.get("function")): (call.get("id"), messages) for call in calls})
    caller_token = _caller.set(caller)
    try:
        yield
    finally:
        reset_variable(_caller, caller_token)
        reset_variable(_origins, token)


def _get_origin(call: Message) -> tuple[str | None, Sequence[Message]]:
    return _origins.get().get(id(call), (None, ()))


def _find_caller(message: Message, sender: Agent | None) -> AgentCore | None:
    """Return the agent that sent the calls of a message; None if it is not known."""
    group = get_managed_group(sender)
    caller = group.agent_by_name(str(message.get("name"))) if group else sender
    return caller if is_conversable(caller) else None


def make_function_step(agent: AgentCore, messages: list[Message], sender: Agent | None, config: object) -> Steps[Any] | None:
    """Return `execute_function_call` as a built-in step; None to decline."""
    return execute_function_call(agent, messages, sender) if messages and messages[-1].get("function_call") else None


def make_tool_step(agent: AgentCore, messages: list[Message], sender: Agent | None, config: object) -> Steps[Any] | None:
    """Return `execute_tool_calls` as a built-in step; None to decline."""
    return execute_tool_calls(agent, messages, sender) if messages and messages[-1].get("tool_calls") else None


def execute_call(
    agent: AgentCore, call: Message, label: str, call_id: str | bool | None = None, verbose: bool = False
) -> Steps[Outcome]:
    """Check one call by the guardrails, and execute it as an operation.

    Args:
        agent: Agent that executes it.
        call: `{"name": ..., "arguments": <JSON text>}`.
        label: Word for the call in the printed line, such as "FUNCTION".
        call_id: Id of the call; a bool is `verbose`.
        verbose: Print the arguments and the result, too.
    """
    if isinstance(call_id, bool):
        verbose, call_id = call_id, None
    if call_id is None:
        call_id, _ = _get_origin(call)
    name = str(call.get("name") or "")
    function = _find_function(agent, name)
    messages = _get_origin(call)[1]
    labels = get_labels(function) if usage.is_on else ToolLabels()
    perform_call = partial(_perform_call, agent, call, label, call_id, verbose, labels)
    caller = _caller.get()
    owners = [owner for owner in (caller, agent) if owner is not None and any(owner.hook_lists.values())]
    policy, notice = get_policy(function), ""
    spoilers = find_spoilers(labels, messages[-1]) if labels.needs and messages else []
    if not owners and policy is None and not spoilers:
        return (yield from perform_call(None))
    arguments: Any = _try_parse(agent, call)
    # A call that can't be made is reported to the model as usual.
    if arguments is not None and function is not None:
        arguments = yield from check_call(agent, caller, name, arguments)
        if (policy is not None or spoilers) and not isinstance(arguments, str):
            try:
                arguments = normalize_arguments(function, arguments)
            except ValueError as error:
                # Nobody is asked about a call that can't be made.
                return _make_failure(name, f"Error: {error}")
            approved = yield from request_approval(
                agent,
                policy or ApprovalPolicy((), False, "call"),
                name,
                arguments,
                function=function,
                history=tuple(messages),
                spoilers=spoilers,
            )
            arguments, notice = (approved, "") if isinstance(approved, str) else approved
        if isinstance(arguments, str):
            return _make_failure(name, arguments)
    # What the tool does is not part of the message.
    with nullcontext() if policy is None else mark_approved(function), decide_in_turn(None):
        success, result = yield from perform_call(arguments)
    text = get_result_text(result.get("content", ""))
    content = yield from check_tool_result(agent, caller, name, text)
    content = f"{notice}\n{content}" if notice else content
    return success, result if content == text else {**result, "content": content}


def _find_named(agent: AgentCore, call: Message, sender: Agent | None) -> Tool | None:
    return _find_function(_find_executor(agent, call, sender), call.get("name"))


def _try_parse(agent: AgentCore, call: Message) -> dict[str, Any] | None:
    """Return the arguments of a call; None if they are not valid."""
    try:
        return parse_arguments(call.get("arguments"), agent._format_json_str)
    except ValueError:
        return None


def _perform_call(
    agent: AgentCore,
    call: Message,
    label: str,
    call_id: str | None,
    verbose: bool,
    labels: ToolLabels,
    arguments: dict[str, Any] | None,
) -> Steps[Outcome]:
    """Execute a call as an operation, with other arguments than the model's unless they are None."""
    name = str(call.get("name") or "")
    side_effects: turn_context.SideEffects | None = None
    if get_journal() is not None:
        side_effects = turn_context.make_side_effects(call) or turn_context.VariableEffects(agent.context_variables)

    def decide_unfinished(journal: Journal) -> Steps[Outcome | None]:
        if getattr(_find_function(agent, name), "_idempotent", False):
            return None
        text = yield from resolve_unfinished(journal, f"The call of {name} was made.", partial(ask_human, agent))
        return None if text is None else (text != UNKNOWN_OUTCOME, _make_result(name, text))

    def execute() -> Steps[Outcome]:
        steps = _execute(agent, call, label, verbose, arguments)
        return label_result(steps, labels, f"{name}#{len(_get_origin(call)[1])}") if usage.is_on else steps

    def encode(outcome: Outcome) -> list[object]:
        success, result = outcome
        stored = [success, {**result, "content": get_result_text(result["content"])}]
        return stored if side_effects is None else [*stored, side_effects.snapshot()]

    def decode(stored: list[Any]) -> Outcome:
        success, result, *snapshots = stored
        if not isinstance(result, dict) or "content" not in result:
            raise TypeError(f"it must be a message, got {type(result).__name__}")
        if side_effects is not None and snapshots:
            side_effects.replay(snapshots[0])
        return success, result

    operation = Operation(
        kind="tool",
        key=lambda: f"{name}:{fingerprint(call.get('arguments'))}",
        run=execute,
        started=lambda: events.ToolCalled(
            agent=agent.name, name=name, arguments=call.get("arguments"), call_id=call_id, _agent=agent
        ),
        finished=lambda outcome, seconds: events.ToolReturned(
            agent=agent.name,
            name=name,
            success=outcome[0],
            content=get_result_text(outcome[1]["content"]),
            seconds=seconds,
        ),
        encode=encode,
        decode=decode,
        on_unfinished=decide_unfinished,
    )
    success, result = yield from perform(operation)
    return success, take_labels(result)


def _execute(agent: AgentCore, call: Message, label: str, verbose: bool, arguments: dict[str, Any] | None) -> Steps[Outcome]:
    """Parse the arguments of a call, and call its function. Any failure becomes a message for the model."""
    # Imported on first use: it needs pydantic.
    from ..._functions.injection import Resolution, unwrap_injected

    name = call.get("name") or ""
    function = _find_function(agent, name)
    if function is None:
        logger.warning("Agent %r can't execute %r; these can: %s", agent.name, name, find_executors(name) or "none")
        return _make_failure(name, f"Error: Function {name} not found." + _suggest_name(name, agent.function_map))
    try:
        if arguments is None:
            arguments = parse_arguments(call.get("arguments"), agent._format_json_str)
    except ValueError as error:
        return _make_failure(name, f"Error: {error}\n The arguments must be a JSON object.")
    yield from yield_point()
    print_notice(agent, f"EXECUTING {label} {name}...", "magenta")
    timeout = getattr(function, "_timeout", None)

    def prepare(callee: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        sync_function, async_function = sync_and_async(callee, seconds=timeout, blocks=agent.concurrent_tool_calls)
        return interruptible(sync_function), async_function

    _, history = _get_origin(call)
    resolution = Resolution(agent, history[-1] if history else None, prepare)
    try:
        callee, injection = unwrap_injected(function)
        arguments = {key: value for key, value in arguments.items() if key not in injection.names}
        injected = yield from resolution.resolve(injection)
        result = yield Call(*prepare(callee), (), {**arguments, **injected})
        is_kept = not getattr(function, "_serialize", True) and not turn_context.is_directive(result)
        content = result if is_kept else turn_context.apply_directive(agent, call, result)
    except Exception as error:
        text = resolution.hide_values(str(error))
        logger.warning("The function %r of agent %r failed: %s", name, agent.name, redact(_describe_error(error, text)))
        # A traceback would show the values that were hidden.
        if text == str(error):
            logger.debug("The traceback of %r:", name, exc_info=True)
        return _make_failure(name, f"Error: {text or type(error).__name__}")
    if verbose:
        IOStream.get_default().print(f"\nInput arguments: {arguments}\nOutput:\n{content}", flush=True)
    return True, _make_result(name, content)


def _describe_error(error: Exception, text: str) -> str:
    return " ".join(f"{type(error).__name__}: {text}".split())


def _find_executor(agent: AgentCore, call: Message, sender: Agent | None) -> AgentCore:
    """Return the agent that executes a call: `agent`, a member of the sender's group, or the sender."""
    names = _get_name_candidates(call.get("name"))
    if any(agent.can_execute_function(name) for name in names):
        return agent
    # An agent that executes nothing for others still executes what its own model suggests.
    if _caller.get() is agent and any(name in agent.function_map for name in names):
        return agent
    group = get_managed_group(sender)
    members = [member for member in group.agents if is_conversable(member)] if group else []
    for name in names:
        for member in members:
            if member.can_execute_function(name):
                return member
    if is_conversable(sender) and any(sender.can_execute_function(name) for name in names):
        return sender
    return agent


def _add_available_names(result: Message, sender: Agent | None, call: Message) -> Message:
    """Append the names of the functions of the sender's group to a result, if no member can execute the call."""
    group = get_managed_group(sender)
    if group is None:
        return result
    available = sorted({name for member in group.agents for name in getattr(member, "function_map", None) or ()})
    if any(name in available for name in _get_name_candidates(call.get("name"))):
        return result
    text = f"{result.get('content', '')} These can be called here: {', '.join(available) or 'none'}."
    return {**result, "content": text}


def _find_function(agent: AgentCore, name: str | None) -> Tool | None:
    names = _get_name_candidates(name)
    return next((agent.function_map[candidate] for candidate in names if candidate in agent.function_map), None)


def _get_name_candidates(name: str | None) -> tuple[str, ...]:
    """Return the names that a call may mean: itself, and the name without a namespace."""
    name = name or ""
    return tuple(dict.fromkeys((name, strip_namespace(name))))


def _make_failure(name: str, text: str) -> Outcome:
    return False, _make_result(name, text)


def _make_result(name: str, content: object) -> Message:
    return {"name": name, "role": "function", "content": content}


def _suggest_name(name: str, available: Iterable[str]) -> str:
    matches = get_close_matches(name, available, n=1)
    return f" Did you mean {matches[0]}?" if matches else ""

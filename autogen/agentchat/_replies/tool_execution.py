"""Tools and functions: what an agent can call, and how a call that a model suggests is carried out.

What a model suggests is untrusted: an unknown name, broken JSON or a failing function lead to a message that the model
can act on, never to an exception.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

from ... import events
from ..._steps import Call, Steps, gather, is_coroutine_function, sync_and_async
from ...control import interruptible, yield_point
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
from .._core import turn_context
from .._core.display import notice
from .._core.unmatched_tools import executors_of
from ..agent import Agent, Message
from .human_input import ask_human
from .tool_arguments import parse_arguments

if TYPE_CHECKING:
    from .._agent.state import AgentState
    from .._agent.tool_registration import ToolRegistrationMixin
    from ..conversable_agent import ConversableAgent

logger = logging.getLogger(__name__)

Outcome = tuple[bool, dict[str, Any]]


def function_reply(
    agent: ConversableAgent, messages: list[Message], sender: Agent | None
) -> Steps[tuple[bool, Message | None]]:
    """Carry out the function call of the last message, if it has one."""
    call = messages[-1].get("function_call") if messages else None
    if not call:
        return False, None
    executor = _executor(agent, call, sender)
    function = _function(executor, call.get("name"))
    waits = is_coroutine_function(function) or hasattr(function, "_timeout") or executor.concurrent_tool_calls
    twin: Callable[..., Any] = executor.a_execute_function if waits else executor.execute_function
    outcome = yield Call(executor.execute_function, twin, (call,), {})
    if turn := turn_context.current_turn(agent, sender):
        [outcome] = yield from turn.resolve_handoffs([call], [outcome])
    _, result = outcome
    return True, _with_known(result, sender, call)


def tool_reply(agent: ConversableAgent, messages: list[Message], sender: Agent | None) -> Steps[tuple[bool, Message | None]]:
    """Carry out all tool calls of the last message; their results keep the order of the calls."""
    calls = [call for call in (messages[-1].get("tool_calls") if messages else None) or () if call]
    if not calls:
        return False, None
    asked = [call.get("function") or {} for call in calls]

    def plain(call: Message) -> Outcome:
        return _executor(agent, call, sender).execute_function(call)

    async def twin(call: Message) -> Outcome:
        return await _executor(agent, call, sender).a_execute_function(call)

    turn = turn_context.current_turn(agent, sender)
    passed = turn.transfers(asked) if turn else ()
    executed = [call for place, call in enumerate(asked) if place not in passed]
    outcomes = yield from gather(plain, twin, executed, in_threads=agent.concurrent_tool_calls)
    if turn:
        results = iter(outcomes)
        outcomes = [(True, {}) if place in passed else next(results) for place in range(len(asked))]
        outcomes = yield from turn.resolve_handoffs(asked, outcomes)
    responses = []
    for place, (call, (_, result)) in enumerate(zip(calls, outcomes, strict=True)):
        if place not in passed:
            result = _with_known(result, sender, call.get("function") or {})
        response = {"role": "tool", "content": result.get("content", "")}
        responses.append({"tool_call_id": call["id"], **response} if call.get("id") is not None else response)
    text = "\n\n".join(agent._str_for_tool_response(response) for response in responses)
    return True, {"role": "tool", "tool_responses": responses, "content": text}


def function_step(agent: ConversableAgent, messages: list[Message], sender: Agent | None, config: Any) -> Steps[Any] | None:
    """`function_reply`, as `_reply_chain.STEPS` has it."""
    return function_reply(agent, messages, sender) if messages and messages[-1].get("function_call") else None


def tool_step(agent: ConversableAgent, messages: list[Message], sender: Agent | None, config: Any) -> Steps[Any] | None:
    """`tool_reply`, as `_reply_chain.STEPS` has it."""
    return tool_reply(agent, messages, sender) if messages and messages[-1].get("tool_calls") else None


def execute_call(agent: ToolRegistrationMixin, call: Message, label: str, verbose: bool = False) -> Steps[Outcome]:
    """Execute a tool call as an operation; see `_execute`."""
    name = str(call.get("name") or "")
    side_effects = None if get_journal() is None else turn_context.effects(call) or agent._new_side_effects()

    def decide_unfinished(journal: Journal) -> Steps[Outcome | None]:
        text = yield from resolve_unfinished(journal, f"The call of {name} was made.", partial(ask_human, agent))
        return None if text is None else (text != UNKNOWN_OUTCOME, _result(name, text))

    def encode(outcome: Outcome) -> list[Any]:
        return list(outcome) if side_effects is None else [*outcome, side_effects.snapshot()]

    def decode(stored: list[Any]) -> Outcome:
        success, result, *snapshots = stored
        if side_effects is not None and snapshots:
            side_effects.replay(snapshots[0])
        return success, result

    operation = Operation(
        kind="tool",
        key=lambda: f"{name}:{fingerprint(call.get('arguments'))}",
        run=partial(_execute, agent, call, label, verbose),
        started=lambda: events.ToolCalled(agent=agent.name, name=name, arguments=call.get("arguments")),
        finished=lambda outcome, seconds: events.ToolReturned(
            agent=agent.name, name=name, success=outcome[0], content=outcome[1]["content"], seconds=seconds
        ),
        encode=encode,
        decode=decode,
        on_unfinished=decide_unfinished,
    )
    return (yield from perform(operation))


def _execute(agent: ToolRegistrationMixin, call: Message, label: str, verbose: bool) -> Steps[Outcome]:
    """Carry out one call. The bool tells success; the content of the result is never missing.

    Args:
        call: `{"name": ..., "arguments": <JSON text>}`.
        label: What the printed line calls it.
        verbose: Also print the arguments and the result.
    """
    name = call.get("name") or ""
    function = _function(agent, name)
    if function is None:
        logger.warning("Agent %r can't execute %r; these can: %s", agent.name, name, executors_of(name) or "none")
        return _failed(name, f"Error: Function {name} not found." + _did_you_mean(name, agent._function_map))
    try:
        arguments = parse_arguments(call.get("arguments"), agent._format_json_str)
    except ValueError as error:
        return _failed(name, f"Error: {error}\n The arguments must be a JSON object.")
    yield from yield_point()
    notice(f"EXECUTING {label} {name}...", "magenta")
    try:
        limit = getattr(function, "_timeout", None)
        plain, twin = sync_and_async(function, seconds=limit, blocks=agent.concurrent_tool_calls)
        given = {**arguments, **_injected(agent, function)}
        content = turn_context.apply_directive(agent, call, (yield Call(interruptible(plain), twin, (), given)))
    except Exception as error:
        logger.warning("The function %r of agent %r failed.", name, agent.name, exc_info=True)
        return _failed(name, f"Error: {error}" if str(error) else f"Error: {type(error).__name__}")
    if verbose:
        show = IOStream.get_default().print
        show(f"\nInput arguments: {arguments}\nOutput:\n{content}", flush=True)
    return True, _result(name, content)


def _injected(agent: ToolRegistrationMixin, function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments that a function gets from its agent, and not from the model."""
    names = getattr(function, "_injected", None)
    if names is None:  # it is in the `function_map` as it is
        from ...function_utils import injected_parameters

        names = injected_parameters(function)
    return {name: getattr(agent, name) for name in names}


def _executor(agent: ConversableAgent, call: Message, sender: Agent | None) -> ConversableAgent:
    """Who carries out a call: the agent that is asked, or the one that asks if only that one can."""
    names = _name_candidates(call.get("name"))
    can = getattr(sender, "can_execute_function", None)
    if any(agent.can_execute_function(name) for name in names):
        return agent
    member = getattr(sender, "_executor_of", None)
    if member and (found := next(filter(None, map(member, names)), None)):
        return found  # type: ignore[no-any-return]
    if can is None:
        return agent
    return sender if any(can(name) for name in names) else agent  # type: ignore[return-value]


def _with_known(result: Message, sender: Agent | None, call: Message) -> Message:
    """The result of a call; in a group, if no member can execute it, with the names of what they can."""
    functions = getattr(sender, "_functions_of_members", None)
    known: list[str] = functions() if functions else []
    if functions is None or any(name in known for name in _name_candidates(call.get("name"))):
        return result
    return {**result, "content": f"{result.get('content', '')} These can be called here: {', '.join(known) or 'none'}."}


def _function(agent: AgentState, name: str | None) -> Callable[..., Any] | None:
    return next((agent._function_map[one] for one in _name_candidates(name) if one in agent._function_map), None)


def _name_candidates(name: str | None) -> tuple[str, ...]:
    """What a name may stand for: models put the namespace in front that some endpoints show them."""
    return tuple(dict.fromkeys((name or "", (name or "").removeprefix("functions.").removeprefix("functions_"))))


def _failed(name: str, text: str) -> Outcome:
    return False, _result(name, text)


def _result(name: str, text: str) -> Message:
    return {"name": name, "role": "function", "content": text}


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""

"""Tools and functions: what an agent can call, and how a call that a model suggests is carried out.

What a model suggests is untrusted: an unknown name, broken JSON or a failing function lead to a message that the model
can act on, never to an exception.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .._drive import Steps, ask, each, is_coroutine_function, run_coroutine
from ..io.base import IOStream
from ._display import notice
from ._state import AgentState
from .agent import Message

if TYPE_CHECKING:
    from .conversable_agent import ConversableAgent

logger = logging.getLogger(__name__)

Outcome = tuple[bool, dict[str, Any]]


def function_reply(agent: ConversableAgent, messages: list[Message]) -> Steps[tuple[bool, Message | None]]:
    """Carry out the function call of the last message, if it has one."""
    call = messages[-1].get("function_call")
    if not call:
        return False, None
    [(_, result)] = yield from each(agent.execute_function, agent.a_execute_function, [call])
    return True, result


def tool_reply(agent: ConversableAgent, messages: list[Message]) -> Steps[tuple[bool, Message | None]]:
    """Carry out all tool calls of the last message; their results keep the order of the calls."""
    calls = [call for call in messages[-1].get("tool_calls") or () if call]
    if not calls:
        return False, None
    functions = [call.get("function") or {} for call in calls]
    outcomes = yield from each(agent.execute_function, agent.a_execute_function, functions)
    responses = []
    for call, (_, result) in zip(calls, outcomes, strict=True):
        response = {"role": "tool", "content": result.get("content", "")}
        responses.append({"tool_call_id": call["id"], **response} if call.get("id") is not None else response)
    text = "\n\n".join(agent._str_for_tool_response(response) for response in responses)
    return True, {"role": "tool", "tool_responses": responses, "content": text}


def call_function(agent: AgentState, call: Message, flavour: str, verbose: bool = False) -> Steps[Outcome]:
    """Carry out one call. The bool tells success; the content of the result is never missing.

    Args:
        call: `{"name": ..., "arguments": <JSON text>}`.
        flavour: What the printed line calls it.
        verbose: Also print the arguments and the result.
    """
    name = call.get("name") or ""
    function = agent._function_map.get(name)
    if function is None:
        return _failed(name, f"Error: Function {name} not found." + _guess(name, agent._function_map))
    try:
        arguments = parsed_arguments(call.get("arguments"))
    except json.JSONDecodeError as error:
        return _failed(name, f"Error: {error}\n The argument must be a JSON object.")
    notice(f"EXECUTING {flavour} {name}...", "magenta")
    try:
        content = str((yield from ask(*_forms(function), **arguments)))
    except Exception as error:
        logger.warning("The function %r of agent %r failed.", name, agent.name, exc_info=True)
        return _failed(name, f"Error: {error}" if str(error) else f"Error: {type(error).__name__}")
    if verbose:
        show = IOStream.get_default().print
        show(f"\nInput arguments: {arguments}\nOutput:\n{content}", flush=True)
    return True, {"name": name, "role": "function", "content": content}


def parsed_arguments(text: Any) -> dict[str, Any]:
    """The arguments of a call, as a model wrote them.

    Raises:
        json.JSONDecodeError: They are not JSON, also after `repaired`.
    """
    if text is None or isinstance(text, dict):
        return text or {}
    arguments = json.loads(repaired(text)) if str(text).strip() else {}
    return {} if arguments is None else arguments


def repaired(text: str) -> str:
    """JSON text with its raw line breaks and tabs mended: dropped between tokens, escaped inside strings."""
    mended = []
    inside = escaped = False
    for char in text:
        if char == '"' and not escaped:
            inside = not inside
        escaped = inside and char == "\\" and not escaped
        if char == "\n":
            char = "\\n" if inside else ""
        elif char == "\t" and inside:
            char = "\\t"
        mended.append(char)
    return "".join(mended)


def _forms(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A tool for either colour: any tool, plain or coroutine, works from any chat."""
    if not is_coroutine_function(function):
        return function, function
    return (lambda **arguments: run_coroutine(lambda: function(**arguments))), function


def _failed(name: str, text: str) -> Outcome:
    return False, {"name": name, "role": "function", "content": text}


def _guess(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""

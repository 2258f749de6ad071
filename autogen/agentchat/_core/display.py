"""Messages and notices on the console, and whether a chat is silent.

A received message is printed by `_process_received_message`, which gets the setting of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..._lazy_imports import get_current
from ..._steps import get_callable_name
from ..._threads import reset_variable
from ...code_utils import content_str
from ...formatting_utils import colored
from ...io.base import IOStream
from ...oai._requests.endpoints import instantiate_template
from ..agent import Agent, Message
from .internals import internals, is_conversable
from .protocols import AgentCore

_is_chat_silent: ContextVar[bool] = ContextVar("silent chat", default=False)


@contextmanager
def silence(silent: bool | None) -> Iterator[bool]:
    """Print nothing in a `with` block if `silent` is true, or in a chat that is silent already.

    Yields:
        True if the block is silent.
    """
    token = _is_chat_silent.set(bool(silent) or _is_chat_silent.get())
    try:
        yield _is_chat_silent.get()
    finally:
        reset_variable(_is_chat_silent, token)


def is_silent(agent: object = None, silent: bool | None = None) -> bool:
    """Return True if nothing is printed. The setting of the agent has precedence over that of the call, or else of the chat.

    Args:
        agent: The agent.
        silent: The setting of the call; None for that of the chat.
    """
    setting = getattr(agent, "silent", None)
    if setting is None:
        setting = _is_chat_silent.get() if silent is None else silent
    return bool(setting)


def show_received(
    receiver: AgentCore, message: Message, sender: Agent, show_response: Callable[[Message, Agent], None]
) -> None:
    """Print a message as its receiver sees it.

    Args:
        receiver: Receiving agent.
        message: Message.
        sender: Sending agent.
        show_response: Prints a tool response of the message, so that overrides of the agent apply to it.
    """
    show = IOStream.get_default().print
    # Its text was displayed, under the name of the sender, while it arrived.
    streamed, content = _take_streamed_text(sender), message.get("content")
    was_streamed = bool(streamed) and isinstance(content, str) and content.strip() == streamed
    if not was_streamed:
        show(_color(sender.name, "yellow"), f"(to {receiver.name}):\n", flush=True)
    for response in message.get("tool_responses") or ():
        show_response(response, sender)
    role = message.get("role")
    # Such a message has no content of its own: its content repeats the responses.
    if message.get("tool_responses") and role == "tool":
        return
    if role in ("function", "tool"):
        call_id = message.get("name" if role == "function" else "tool_call_id") or "no id"
        _print_framed(f"Response from calling {role} ({call_id})", content_str(message.get("content")))
    else:
        if not was_streamed:
            _print_thinking(message)
            _print_content(receiver, message)
        if call := message.get("function_call"):
            _print_framed(f"Suggested function call: {call.get('name') or 'no name'}", _format_arguments(call))
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            title = f"Suggested tool call ({call.get('id') or 'no id'}): {function.get('name') or 'no name'}"
            _print_framed(title, _format_arguments(function))
    show("\n", "-" * 80, flush=True, sep="")


def _take_streamed_text(sender: Agent) -> str | None:
    """Return the text that was displayed while it arrived, and forget it; None if there is none."""
    state = internals(sender) if is_conversable(sender) else None
    if state is None or state.token_display is None:
        return None
    text, state.token_display = state.token_display.text, None
    return text.strip()


def show_chat_banner(message: object, carryover: Iterable[object], verbose: bool) -> None:
    """Print that the next chat of a queue starts.

    Args:
        message: First message of the chat.
        carryover: Items that the chat gets from earlier chats.
        verbose: True to print the message and the carryover, too.
    """
    show = IOStream.get_default().print
    show(_color("\n" + "*" * 80, "blue"), flush=True)
    show(_color("Starting a new chat....", "blue"), flush=True)
    if verbose:
        show(_color("Message:\n" + _format_message(message), "blue"), flush=True)
        show(_color("Carryover:\n" + "\n".join(map(str, carryover)), "blue"), flush=True)
    show(_color("\n" + "*" * 80, "blue"), flush=True)


def print_notice(agent: object, text: str, color: str) -> None:
    """Print one line about the work of an agent, set off from the messages around it, unless the chat is silent."""
    if not is_silent(agent):
        IOStream.get_default().print(_color(f"\n>>>>>>>> {text}", color), flush=True)


def _print_framed(title: str, body: str) -> None:
    show = IOStream.get_default().print
    head = f"***** {title} *****"
    show(_color(head, "green"), flush=True)
    show(body, flush=True)
    show(_color("*" * len(head), "green"), flush=True)


def _format_arguments(call: Message) -> str:
    arguments = call.get("arguments")
    return f"Arguments: \n{'(no arguments)' if arguments is None else arguments}"


def _print_thinking(message: Message) -> None:
    thinking = message.get("reasoning")
    if isinstance(thinking, str) and thinking.strip():
        IOStream.get_default().print(colored(thinking.strip(), attrs=["dark"]), end="\n\n", flush=True)


def _print_content(receiver: AgentCore, message: Message) -> None:
    content = message.get("content")
    if content is None:
        return
    # The content is a template if there are values to fill in.
    if "context" in message:
        is_allowed = isinstance(receiver.llm_config, dict) and receiver.llm_config.get("allow_format_str_template", False)
        content = instantiate_template(content, message["context"], is_allowed)
    IOStream.get_default().print(content_str(content), flush=True)


def _format_message(message: object) -> str:
    if callable(message):
        return f"Callable: {get_callable_name(message)}"
    return f"Dict: {message!r}" if isinstance(message, dict) else str(message)


def _color(text: str, color: str) -> str:
    return get_current("autogen.agentchat.conversable_agent", "colored", colored)(text, color)

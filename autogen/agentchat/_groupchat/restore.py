"""Restoring a group chat from its messages, for `GroupChatManager.resume`."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from ... import events
from ..._steps import run_sync
from ...code_utils import content_str
from ...formatting_utils import colored
from ...io._event_streams import forward_events, has_event_reader
from ...io.base import IOStream
from .._core.internals import internals
from .._core.protocols import Group, GroupManager
from .._core.termination import get_termination_test
from ..agent import Agent, Message
from ..conversable_agent import ConversableAgent
from .run import broadcast

logger = logging.getLogger("autogen.agentchat.groupchat")


def restore_group(
    manager: GroupManager,
    messages: list[Message] | str,
    remove: str | Callable[[str], str] | None,
    silent: bool,
) -> tuple[Agent | None, Message]:
    """Restore the state of a group after all but the last of these messages.

    Returns:
        The author of the last message, and that message, with which the chat continues.

    Raises:
        Exception: The messages are not a list of dicts, or an author is not in the group. Nothing is changed then.
    """
    group = manager.groupchat
    # Everything that may fail comes before the first change.
    prepared = _validate_messages(manager, messages)
    manager._valid_resume_messages(prepared)
    authors = [_find_author(manager, group, message) for message in prepared]
    manager._process_resume_termination(remove, prepared)
    _clear_all(manager, group)
    for message, author in zip(prepared[:-1], authors[:-1], strict=True):
        _restore_message(manager, group, message, author)
    last_message, last_agent = prepared[-1], authors[-1]
    with nullcontext() if silent else forward_events():
        _announce(manager, prepared, last_agent, silent)
    # The members have been introduced.
    group.send_introductions = False
    internals(manager).is_resumed = True
    return last_agent, last_message


def _announce(manager: GroupManager, messages: list[Message], last_agent: Agent | None, silent: bool) -> None:
    name = last_agent.name if last_agent else ""
    if events.has_listeners:
        events.emit(events.GroupResumed(agent=manager.name, last_speaker=name, messages=list(messages)))
    if not silent and not has_event_reader():
        text = f"Prepared group chat with {len(messages)} messages, the last speaker is"
        IOStream.get_default().print(text, colored(name or "nobody", "yellow"), flush=True)


def _validate_messages(manager: GroupManager, messages: Any) -> list[Message]:
    if isinstance(messages, str):
        messages = manager.messages_from_string(messages)
        if messages == {}:
            messages = []
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise Exception("Messages to resume with must be a list of dicts, or JSON text of one.")
    for index, message in enumerate(messages[:-1]):
        if "role" not in message:
            raise Exception(f"Message {index} of those to resume with has no role.")
        if message.get("content") is None and not (message.get("tool_calls") or message.get("function_call")):
            raise Exception(f"Message {index} of those to resume with has neither content nor calls.")
        if not isinstance(message.get("content"), (str, list, type(None))):
            raise Exception(f"The content of message {index} of those to resume with is neither text nor a list.")
    # The program keeps its messages as they are.
    return copy.deepcopy(messages)


def validate_authors(manager: GroupManager, messages: list[Message]) -> None:
    """Check the authors of the messages to resume with. An outsider may have begun the chat.

    Raises:
        Exception: There are no messages, or the author of another message is not in the group.
    """
    if not messages:
        raise Exception("Cannot resume without messages: start a new chat instead.")
    group = manager.groupchat
    names = {*group.agent_names, group.admin_name, manager.name}
    # A function message has the name of the function.
    authors = [None if message.get("role") == "function" else message.get("name") for message in messages]
    for name in authors:
        if name and name not in names and name != authors[0]:
            raise Exception(f"A message to resume with is by {name!r}, who is not in the group.")
    last = authors[-1]
    if last and last not in names:
        raise Exception(
            f"The last message to resume with is by {last!r}, who is not in the group and can't be returned. Resume with "
            f"the messages before it, and let {last!r} send it again."
        )


def _find_author(manager: GroupManager, group: Group, message: Message) -> Agent | None:
    if "name" not in message:
        message["name"] = manager.name
    name = message["name"]
    if message.get("role") == "function":
        return next((agent for agent in group.agents if name in getattr(agent, "function_map", ())), manager)
    return group.agent_by_name(name) or (manager if name in (manager.name, group.admin_name) else None)


def _clear_all(manager: GroupManager, group: Group) -> None:
    for agent in group.agents:
        if hasattr(agent, "clear_history"):
            agent.clear_history()
    manager.clear_history()
    group.reset()


def _restore_message(manager: GroupManager, group: Group, message: Message, author: Agent | None) -> None:
    # The author has its own messages as an assistant; the broadcast leaves it out.
    if author in group.agents and isinstance(author, ConversableAgent):
        author._append_oai_message(message, "assistant", manager, is_sending=True)
        manager._append_oai_message(message, "user", author, is_sending=False)
    run_sync(broadcast(manager, group, message, author))
    if author is None or author is manager:
        group.messages.append({**message, "content": content_str(message.get("content"))})
    else:
        message.setdefault("content", None)
        group.append(message, author)


def remove_termination(manager: GroupManager, remove: str | Callable[[str], str] | None, messages: list[Message]) -> None:
    """Remove the termination text from the last message, and warn if it would still end the chat."""
    last = messages[-1]
    content = last.get("content")
    if not content:
        return
    if remove:
        change = (lambda text: text.replace(remove, "")) if isinstance(remove, str) else remove
        last["content"] = content = _map_text(content, change)
    if get_termination_test(manager)({**last, "content": content_str(content)}):
        logger.warning("WARNING: the last message would end the chat: %r. Remove the text that does.", content)


def _map_text(content: Any, change: Callable[[str], str]) -> Any:
    """Return content with a function applied to each of its texts."""
    if isinstance(content, str):
        return change(content)
    return [{**part, "text": change(part["text"])} if part.get("type") == "text" else part for part in content]


def parse_messages(text: str) -> list[Message]:
    """Parse messages from JSON text.

    Raises:
        Exception: The text is not valid JSON.
    """
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except json.JSONDecodeError as error:
        raise Exception(f"The messages are not valid JSON: {error}") from error

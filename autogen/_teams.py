"""Teams: functions that make fresh agents, and the chat in which these work on a task."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from ._mistakes import suggest
from .agentchat import ChatResult, ConversableAgent, GroupChatManager, UserProxyAgent
from .agentchat.chat import initiate_chats
from .agentchat.group.chat import initiate_group_chat
from .agentchat.group.patterns import Pattern
from .types import Message

if TYPE_CHECKING:
    from .specs import Consent

MAKER = "make_team"
_DOCUMENTS = (".json", ".yaml", ".yml")
_FORMS = (
    "an agent, a manager, a pair of agents (who begins, and who answers), a dict with `sender`, `recipient` and arguments "
    "of `initiate_chat`, a list of such dicts, or a pattern"
)


def is_document(reference: object) -> TypeGuard[str | Mapping[str, Any]]:
    """Return True for a document, or the name of its file."""
    return isinstance(reference, Mapping) or (isinstance(reference, str) and reference.lower().endswith(_DOCUMENTS))


def load_factory(
    reference: str | Mapping[str, Any], consent: Consent | None = None, *, is_trusted: bool = False
) -> Callable[[], Any]:
    """Return the function that makes a team.

    Args:
        reference: Its name, `module:function`; a Python file, with or without `:function`; a document of `autogen.specs`, or
            its file (`.json`, `.yaml`), in which `start` names the chat.
        consent: What a document may want of this machine; nothing by default.
        is_trusted: True for the consent to everything.

    Raises:
        ImportError: There is no such module, or it can't be imported.
        OSError: The file can't be read.
        SpecError: The document has faults, or wants more than the consent permits.
        ValueError: The module has no such function.
    """
    if is_document(reference):
        return _load_document(reference, consent, is_trusted)
    assert isinstance(reference, str)
    # A drive letter of Windows has a colon, too.
    source, colon, name = reference.rpartition(":")
    if not colon or name.endswith(".py"):
        source, name = reference, MAKER
    module = _load_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)
    factory = getattr(module, name, None)
    if not callable(factory):
        names = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ValueError(f"{source} has no function {name!r}, which would make the team.{suggest(name, names)}")
    function: Callable[[], Any] = factory
    return function


def _load_document(reference: str | Mapping[str, Any], consent: Consent | None, is_trusted: bool) -> Callable[[], Any]:
    """Return a function that builds what a document describes. It is built once, so that faults show now."""
    # Takes a third of the time in which a worker starts, and most teams are programs.
    from .specs import Consent, SpecError, from_spec, load

    consent = Consent.everything() if is_trusted else consent
    folder = None if isinstance(reference, Mapping) else Path(reference).resolve().parent
    document = reference if isinstance(reference, Mapping) else load(reference)
    if document.get("start") is None:
        raise SpecError('The document does not say which chat begins: give it "start", such as {"chat": "main"}.')

    def make_team() -> object:
        return from_spec(document, consent=consent, folder=folder)

    make_team.__doc__ = str(document.get("description") or "")
    make_team()
    return make_team


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}.")
    # A file may import its neighbours, as a program does.
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def describe_factory(factory: object) -> str:
    """Return the first line of the docstring of a factory; empty if it has none."""
    text = inspect.getdoc(factory) if callable(factory) else None
    return (text or "").partition("\n")[0]


def run_team(team: Any, task: str, history: Sequence[Message], **options: Any) -> ChatResult:
    """Let a team work on a task.

    Args:
        team: The agents, in any form that a factory may return.
        task: The task.
        history: Messages of the conversation before it, with `role` and `content`.
        **options: Arguments of `initiate_chat`: `control`, `checkpoint`, `max_cost`.

    Raises:
        TypeError: The team has another form.
    """
    options = {"silent": True, **options}
    if isinstance(team, tuple) and len(team) == 2 and all(isinstance(agent, ConversableAgent) for agent in team):
        return _run_pair({"sender": team[0], "recipient": team[1]}, task, history, options)
    if isinstance(team, Mapping) and {"sender", "recipient"} <= team.keys():
        return _run_pair(team, task, history, options)
    # Of two agents alone it is clear who has sent which message.
    task = add_transcript(task, history)
    if isinstance(team, GroupChatManager):
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
        return user.initiate_chat(team, message=task, max_turns=1, **options)
    if isinstance(team, ConversableAgent):
        return team.run(task, **options)
    if isinstance(team, Pattern):
        return initiate_group_chat(team, task, **options)[0]
    if isinstance(team, list) and team and all(isinstance(spec, Mapping) for spec in team):
        first, *others = team
        return initiate_chats([_add_task(first, task, options), *({**spec, **options} for spec in others)])[-1]
    raise TypeError(f"A team must be {_FORMS}; got {type(team).__name__}.")


def _run_pair(spec: Mapping[str, Any], task: str, history: Sequence[Message], options: Mapping[str, Any]) -> ChatResult:
    """Run the chat of two agents, who remember the conversation before it."""
    spec = dict(spec)
    initiator: ConversableAgent = spec.pop("sender")
    recipient: ConversableAgent = spec.pop("recipient")
    spoken = [message for message in history if message.get("role") in ("user", "assistant")]
    for message in spoken:
        pair = (initiator, recipient) if message["role"] == "user" else (recipient, initiator)
        pair[0].send(message.get("content") or "", pair[1], request_reply=False, silent=True)
    task = add_transcript(task, [message for message in history if message not in spoken])
    return initiator.initiate_chat(recipient, **{**_add_task(spec, task, options), "clear_history": not spoken})


def _add_task(spec: Mapping[str, Any], task: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a chat with the task and the options of the run. The lower limit of cost counts."""
    costs = [chat["max_cost"] for chat in (spec, options) if chat.get("max_cost") is not None]
    arguments = {**spec, **options, **({"max_cost": min(costs)} if costs else {})}
    # A function makes the message of the task.
    return arguments | ({"task": task} if callable(spec.get("message")) else {"message": task})


def add_transcript(task: str, history: Sequence[Message]) -> str:
    """Return a task with the conversation before it, as text."""
    if not history:
        return task
    lines = [f"{message.get('role', 'user')}: {message.get('content') or ''}" for message in history]
    return "\n".join(["The conversation so far:", *lines, "", "The task now:", task])

"""What happened in a chat, put together from its events: turns, what was done for each, chats within chats.

Nothing is taken for granted about the events: they come from a file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..agentchat._diagrams.steps import format_content as content_of

SLACK = 0.5  # seconds by which two clocks may differ
DEEPEST = 20  # chats within chats; what is deeper is shown at this depth

Event = Mapping[str, Any]


@dataclass
class RecordedOperation:
    """Something that was done for a turn.

    Attributes:
        kind: `model`, `tool`, `code` or `human`.
        agent: Who asked the model, ran the tool or the code, or spoke for the human.
        at: When it began, in seconds since 1970.
        seconds: How long it took; None if its end was not recorded.
        failed: Whether it failed, as far as that is known.
        about: What it was, by kind. model: model, endpoint, attempt, cached, prompt_tokens, completion_tokens, cost,
            price_known, error, then. tool: name, arguments, content. code: blocks, output, exit_code. human: prompt, text.
    """

    kind: str
    agent: str
    at: float
    seconds: float | None = None
    failed: bool = False
    about: dict[str, Any] = field(default_factory=dict)


@dataclass
class Turn:
    """A message, and how it came about.

    Attributes:
        number: `3` for the third message of the chat, `3.1` for the first one of a chat held on the way to it.
        text: What was said; empty if the message only calls tools.
        calls: The tools that the message calls: pairs of name and arguments.
        results: What tools returned, if the message reports that.
        seconds: The time since the message before it, without breaks in which no process was at work.
        function: The reply function that gave the message; empty if the message began the chat.
        why: Why this agent was the next speaker; empty outside of groups.
        work: What was done on the way.
        chats: Chats that were held on the way.
    """

    number: str
    author: str
    recipient: str
    text: str
    calls: list[tuple[str, str]]
    results: list[str]
    at: float
    seconds: float
    function: str = ""
    why: str = ""
    work: list[RecordedOperation] = field(default_factory=list)
    chats: list[Conversation] = field(default_factory=list)
    message: dict[str, Any] = field(default_factory=dict)


@dataclass
class Conversation:
    """A chat: its turns, and what came after the last message.

    Attributes:
        ended: `chat_ended` as it was recorded; None if the recording ends before.
        rest: What was done after the last message: for the summary, or for a message that never came.
        next_speaker: Who was to speak after the last message, in a group.
    """

    initiator: str
    recipient: str
    at: float
    turns: list[Turn] = field(default_factory=list)
    ended: dict[str, Any] | None = None
    rest: list[RecordedOperation] = field(default_factory=list)
    rest_chats: list[Conversation] = field(default_factory=list)
    rest_seconds: float = 0.0
    next_speaker: str = ""
    restarts: int = 0


def read(events: Iterable[Event], chat_id: str | None = None) -> Conversation:
    """The chat that the events tell of.

    Args:
        events: As `Event.to_dict` gives them, in order.
        chat_id: Which chat is the outermost one; by default that of the first event.
    """
    reader = _Reader(chat_id)
    for event in events:
        if isinstance(event, Mapping):
            reader.take(event)
    return reader.end()


def number(value: Any) -> float:
    """A number out of a file: 0 if it is none, or not finite."""
    if isinstance(value, (int, float)):
        try:
            return float(value) if math.isfinite(value) else 0.0
        except OverflowError:
            pass
    return 0.0


def text(value: Any) -> str:
    """A text out of a file."""
    return value if isinstance(value, str) else "" if value is None else str(value)


class _Open:
    """A chat that is being read."""

    def __init__(self, talk: Conversation, depth: int) -> None:
        self.talk = talk
        self.depth = depth
        self.mark = talk.at  # since when the turn goes on
        self.work: list[RecordedOperation] = []
        self.chats: list[Conversation] = []
        self.functions: dict[str, str] = {}
        self.speaker = self.why = ""

    def running(self, kind: str, agent: str) -> RecordedOperation | None:
        """What was begun last and has not ended."""
        mine = (one for one in reversed(self.work) if one.kind == kind and one.agent == agent and one.seconds is None)
        return next(mine, None)


class _Reader:
    def __init__(self, chat_id: str | None) -> None:
        self.main = chat_id
        self.open: dict[str, _Open] = {}
        self.last = 0.0  # when the latest event happened
        self.takers: dict[str, Callable[[_Open, Event, float], None]] = {
            "chat_started": self._chat_started,
            "chat_ended": self._chat_ended,
            "message_sent": self._message_sent,
            "reply_ended": self._reply_ended,
            "speaker_selected": self._speaker_selected,
            "model_asked": self._model_asked,
            "model_answered": self._model_done,
            "model_failed": self._model_done,
            "tool_called": self._tool_called,
            "tool_returned": self._tool_returned,
            "code_started": self._code_started,
            "code_ended": self._code_ended,
            "human_asked": self._human_asked,
            "human_answered": self._human_answered,
        }

    def take(self, event: Event) -> None:
        """Read one event."""
        take = self.takers.get(text(event.get("type")))
        if take is None:
            return
        at = number(event.get("at"))
        chat = text(event.get("chat"))
        if self.main is None:
            self.main = chat
        if chat not in self.open:
            self._begin(chat, event, at)
        open_chat = self.open[chat]
        if open_chat.talk.ended is not None and chat == self.main:  # the process had ended by an error, and began again
            open_chat.talk.ended = None
            self._skip_break(open_chat, at)
        began = _began(event, at)
        if began is not None and began > self.last + SLACK:  # what had begun before is done again, and is not told again
            self._skip_break(open_chat, began)
        take(open_chat, event, at)
        self.last = max(self.last, at)

    def end(self) -> Conversation:
        """The outermost chat."""
        for open_chat in self.open.values():
            talk = open_chat.talk
            talk.rest, talk.rest_chats, talk.next_speaker = open_chat.work, open_chat.chats, open_chat.speaker
            if talk.ended is None:
                talk.rest_seconds = max(0.0, self.last - open_chat.mark)
        main = self.open.get(self.main or "")
        if main is None:
            return Conversation("", "", 0.0)
        _number(main.talk, "")
        return main.talk

    def _begin(self, chat: str, event: Event, at: float) -> None:
        """A chat that was not heard of before. Its parent was: so chats form a tree, whatever the file says."""
        initiator, recipient = (text(event.get(one) or event.get(two)) for one, two in _ENDS)
        talk = Conversation(initiator, recipient, at)
        parent = self.open.get(text(event.get("parent"))) or self.open.get(self.main or "")
        if chat == self.main or parent is None:
            self.open[chat] = _Open(talk, 0)
            if chat != self.main:  # something before the chat itself: it belongs to that
                self.open[self.main or ""] = self.open[chat]
            return
        if parent.depth < DEEPEST:
            parent.chats.append(talk)
            self.open[chat] = _Open(talk, parent.depth + 1)
        else:
            self.open[chat] = parent

    def _skip_break(self, open_chat: _Open, at: float) -> None:
        """Time in which no process was at work is nobody's."""
        if at <= self.last:
            return
        open_chat.talk.restarts += 1
        for one in {id(each): each for each in self.open.values()}.values():
            one.mark += at - self.last
        self.last = at

    def _chat_started(self, here: _Open, event: Event, at: float) -> None:
        here.talk.initiator, here.talk.recipient = text(event.get("initiator")), text(event.get("recipient"))

    def _chat_ended(self, here: _Open, event: Event, at: float) -> None:
        here.talk.ended = dict(event)
        here.talk.rest_seconds = max(0.0, at - here.mark)

    def _message_sent(self, here: _Open, event: Event, at: float) -> None:
        message = event.get("message")
        message = {str(key): value for key, value in message.items()} if isinstance(message, dict) else {"content": message}
        author, recipient = text(event.get("sender")), text(event.get("recipient"))
        if not here.talk.turns and not here.talk.initiator:  # taken up again: its beginning was told of another
            here.talk.initiator, here.talk.recipient = author, recipient
        here.talk.turns.append(
            Turn(
                number="",
                author=author,
                recipient=recipient,
                text=text(content_of(message)),
                calls=_calls(message),
                results=_results(message),
                at=at,
                seconds=max(0.0, at - here.mark),
                function=here.functions.get(author, ""),
                why=here.why if here.speaker == author else "",
                work=here.work,
                chats=here.chats,
                message=message,
            )
        )
        here.mark, here.work, here.chats, here.functions, here.speaker, here.why = at, [], [], {}, "", ""

    def _reply_ended(self, here: _Open, event: Event, at: float) -> None:
        if event.get("final") is True:
            here.functions[text(event.get("agent"))] = text(event.get("function"))

    def _speaker_selected(self, here: _Open, event: Event, at: float) -> None:
        here.speaker = text(event.get("speaker"))
        here.why = text(event.get("why")).removeprefix(f"{here.speaker}: ")

    def _model_asked(self, here: _Open, event: Event, at: float) -> None:
        agent = text(event.get("agent"))
        lost = here.running("model", agent)
        if lost and number(event.get("attempt")) <= lost.about["attempt"]:  # the process ended while the model was asked
            self._skip_break(here, at)
        here.work.append(RecordedOperation("model", agent, at, about=_model(event)))

    def _model_done(self, here: _Open, event: Event, at: float) -> None:
        agent = text(event.get("agent"))
        work = None if event.get("cached") is True else here.running("model", agent)
        if work is None:
            work = RecordedOperation("model", agent, at)
            here.work.append(work)
        work.about = _model(event)
        work.failed = event.get("type") == "model_failed"
        work.seconds = max(0.0, at - work.at)

    def _tool_called(self, here: _Open, event: Event, at: float) -> None:
        name, arguments = text(event.get("name")), text(event.get("arguments"))
        about = {"name": name, "arguments": arguments, "content": ""}
        here.work.append(RecordedOperation("tool", text(event.get("agent")), at, about=about))

    def _tool_returned(self, here: _Open, event: Event, at: float) -> None:
        agent, name = text(event.get("agent")), text(event.get("name"))
        begun = (one for one in here.work if one.kind == "tool" and one.seconds is None)
        work = next((one for one in begun if (one.agent, one.about["name"]) == (agent, name)), None)
        if work is None:
            work = RecordedOperation("tool", agent, at, about={"name": name, "arguments": ""})
            here.work.append(work)
        work.about["content"] = text(event.get("content"))
        work.seconds, work.failed = number(event.get("seconds")), event.get("success") is not True

    def _code_started(self, here: _Open, event: Event, at: float) -> None:
        blocks = event.get("blocks")
        pairs = [one for one in blocks if isinstance(one, list) and len(one) == 2] if isinstance(blocks, list) else []
        about = {"blocks": [[text(language), text(code)] for language, code in pairs], "output": "", "exit_code": None}
        here.work.append(RecordedOperation("code", text(event.get("agent")), at, about=about))

    def _code_ended(self, here: _Open, event: Event, at: float) -> None:
        agent = text(event.get("agent"))
        work = here.running("code", agent)
        if work is None:
            work = RecordedOperation("code", agent, at, about={"blocks": []})
            here.work.append(work)
        work.about.update(output=text(event.get("output")), exit_code=int(number(event.get("exit_code"))))
        work.seconds, work.failed = number(event.get("seconds")), event.get("exit_code") != 0

    def _human_asked(self, here: _Open, event: Event, at: float) -> None:
        about = {"prompt": text(event.get("prompt")), "text": ""}
        here.work.append(RecordedOperation("human", text(event.get("agent")), at, about=about))

    def _human_answered(self, here: _Open, event: Event, at: float) -> None:
        agent = text(event.get("agent"))
        work = here.running("human", agent)
        if work is None:
            work = RecordedOperation("human", agent, at, about={"prompt": ""})
            here.work.append(work)
        work.about["text"] = text(event.get("text"))
        work.seconds = max(0.0, at - work.at)


def _began(event: Event, at: float) -> float | None:
    """When what has ended now began, if that was told too: then nothing happened since in a process that was at work."""
    if event.get("type") not in ("reply_ended", "tool_returned", "code_ended", "model_answered") or "seconds" not in event:
        return None
    return None if event.get("cached") is True else at - number(event["seconds"])


_ENDS = (("initiator", "sender"), ("recipient", "recipient"))


def _model(event: Event) -> dict[str, Any]:
    return {
        **{key: text(event.get(key)) for key in ("model", "endpoint", "error", "then")},
        **{key: int(number(event.get(key))) for key in ("attempt", "prompt_tokens", "completion_tokens")},
        "cached": event.get("cached") is True,
        "cost": number(event.get("cost")),
        "price_known": event.get("price_known") is not False and event.get("cost", 0) is not None,
    }


def _calls(message: dict[str, Any]) -> list[tuple[str, str]]:
    calls = message.get("tool_calls")
    given = [one.get("function") for one in calls if isinstance(one, dict)] if isinstance(calls, list) else []
    functions = [one for one in [*given, message.get("function_call")] if isinstance(one, dict)]
    return [(text(one.get("name")), text(one.get("arguments"))) for one in functions]


def _results(message: dict[str, Any]) -> list[str]:
    responses = message.get("tool_responses")
    if isinstance(responses, list):
        return [text(content_of(one)) for one in responses if isinstance(one, dict)]
    return [text(content_of(message))] if message.get("role") in ("tool", "function") else []


def _number(talk: Conversation, prefix: str) -> None:
    """Number the turns, those of inner chats by the turn on the way to which they were held."""
    _count(talk.turns, prefix)
    for turn in talk.turns:
        _number_inner(turn.chats, f"{turn.number}.")
    _number_inner(talk.rest_chats, f"{prefix}{len(talk.turns) + 1}.")


def _number_inner(chats: list[Conversation], prefix: str) -> None:
    _count([turn for chat in chats for turn in chat.turns], prefix)
    for chat in chats:
        for turn in chat.turns:
            _number_inner(turn.chats, f"{turn.number}.")
        _number_inner(chat.rest_chats, f"{prefix}{len(chat.turns) + 1}.")


def _count(turns: list[Turn], prefix: str) -> None:
    for position, turn in enumerate(turns, 1):
        turn.number = f"{prefix}{position}"

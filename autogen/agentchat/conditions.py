"""Conditions that end a chat, to be combined with `&`, `|` and `~`.

>>> from autogen.agentchat.conditions import MaxCost, MaxMessages, TextMention
>>> MaxMessages(20) | MaxCost(0.5) | TextMention("DONE")
((MaxMessages(20) | MaxCost(0.5)) | TextMention('DONE'))

A condition is an agent's `is_termination_msg`. It is checked when the agent is about to reply to a message, with all
messages and the usage since the chat started. A request in progress is not interrupted, whatever the limit. To limit
requests beforehand pass `max_cost` and `max_tokens_total` to `initiate_chat`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable

from .._lazy_imports import deprecate
from ._approvals.policy import get_memory
from ._core.messages import normalize_name
from ._core.result import message_fingerprint
from ._core.termination import Condition, Observation, get_text
from .agent import Agent, Message

__all__ = [
    "Condition",
    "ExternalStop",
    "FunctionCall",
    "Handoff",
    "MaxCost",
    "MaxMessages",
    "MaxTokens",
    "Observation",
    "NoProgress",
    "Refused",
    "TextMention",
    "Timeout",
]


__getattr__ = deprecate(globals(), {"Seen": "Observation", "Silence": "NoProgress"})


class MaxMessages(Condition):
    """True from the n-th message of the chat on.

    The messages of all agents count, including the first. An agent checks when its turn comes, so in a chat of two the
    agent with the condition may see the number exceeded by one.

    Args:
        n: Number of messages.

    Raises:
        ValueError: if `n` is not an integer of at least 1.
    """

    def __init__(self, n: int) -> None:
        self.n = _validate_count("MaxMessages", n)

    def __repr__(self) -> str:
        return f"MaxMessages({self.n})"

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the number of messages."""
        return f"{seen.messages} messages were said, the limit is {self.n}" if seen.messages >= self.n else None


class TextMention(Condition):
    """True when a message that the agent would answer contains a text.

    Args:
        text: Text, case-sensitive, or a compiled pattern to search for.
        sources: Names of the possible authors, or the agents; None for any.

    Raises:
        ValueError: if the text is empty: every message contains it.

    >>> TextMention(re.compile(r"^done[.!]?$", re.IGNORECASE | re.MULTILINE), sources=["critic"])  # doctest: +SKIP
    """

    def __init__(self, text: str | re.Pattern[str], sources: Iterable[str | Agent] | str | Agent | None = None) -> None:
        if not text:
            raise ValueError("TextMention needs a text or a compiled pattern: every message contains the empty text.")
        self.text = text
        self.sources = None if sources is None else _get_names(sources)

    def __repr__(self) -> str:
        return f"TextMention({self.text!r}{'' if self.sources is None else f', sources={list(self.sources)}'})"

    def check(self, state: object, seen: Observation) -> str | None:
        """Search the message for the text."""
        if self.sources is not None and seen.speaker not in self.sources:
            return None
        text = _extract_text(seen.message)
        if isinstance(self.text, str):
            hit = self.text if self.text in text else None
        else:
            match = self.text.search(text)
            hit = match and match[0]
        return None if hit is None else f"{_format_speaker(seen)} said {hit!r:.200}"


class MaxTokens(Condition):
    """True when the chat has used this many tokens, in and out, including chats inside it.

    Responses from a cache are free. Messages outside a chat, by `send` alone, are not counted.

    Args:
        n: Number of tokens.

    Raises:
        ValueError: if `n` is not an integer of at least 1.
    """

    def __init__(self, n: int) -> None:
        self.n = _validate_count("MaxTokens", n)

    def __repr__(self) -> str:
        return f"MaxTokens({self.n})"

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the number of tokens."""
        return f"{seen.tokens} tokens were spent, the limit is {self.n}" if seen.tokens >= self.n else None


class MaxCost(Condition):
    """True when the chat has cost this much, including chats inside it.

    Responses from a cache are free, and so are models of unknown price; a `price` in a config sets it. Messages outside a
    chat, by `send` alone, are not counted.

    Args:
        usd: Cost in USD.

    Raises:
        ValueError: if `usd` is not positive.
    """

    def __init__(self, usd: float) -> None:
        self.usd = _validate_positive("MaxCost", usd)

    def __repr__(self) -> str:
        return f"MaxCost({self.usd:g})"

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the cost."""
        return f"{seen.cost:.6g} USD were spent, the limit is {self.usd:g} USD" if seen.cost >= self.usd else None


class Timeout(Condition):
    """True when the chat has taken this long. A request in progress or a human's pause is not interrupted.

    Args:
        seconds: Duration in seconds.
        clock: Function that returns the time in seconds.

    Raises:
        ValueError: if `seconds` is not positive.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = _validate_positive("Timeout", seconds)
        self._clock = clock

    def __repr__(self) -> str:
        return f"Timeout({self.seconds:g})"

    def start(self) -> float:
        """Return the time at which the chat starts."""
        return self._clock()

    def check(self, state: float, seen: Observation) -> str | None:
        """Check the time since the chat started."""
        passed = self._clock() - state
        return f"the chat took {passed:.3g} s, the limit is {self.seconds:g} s" if passed >= self.seconds else None


class FunctionCall(Condition):
    """True when a message calls a function, as a tool or in the older form.

    The agent that executes the function checks the call before it executes it, so with this condition the function does
    not run. To end a chat after it has run, let the function `set` an `ExternalStop`.

    Args:
        name: Name of the function.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"FunctionCall({self.name!r})"

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the calls of the message."""
        return f"{_format_speaker(seen)} called {self.name!r}" if self.name in _get_calls(seen.message) else None


class Handoff(Condition):
    """True when a message hands over to an agent: it calls `transfer_to_<agent>`, or `transfer_to_<agent>_<number>`.

    Hand-offs without a call, or by a tool of another name, are not seen; see `FunctionCall` for the latter.

    Args:
        *targets: Agents, or their names; none for any hand-off.
    """

    def __init__(self, *targets: str | Agent) -> None:
        self.targets = _get_names(targets)
        # Tools are numbered when one agent has several hand-offs.
        names = "|".join(re.escape(normalize_name(target)) for target in self.targets) or ".+"
        self._tool = re.compile(rf"transfer_to_({names})(?:_\d+)?")

    def __repr__(self) -> str:
        return f"Handoff({', '.join(map(repr, self.targets))})"

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the calls of the message."""
        hits = filter(None, map(self._tool.fullmatch, _get_calls(seen.message)))
        return next((f"{_format_speaker(seen)} handed over by {hit[0]!r}" for hit in hits), None)


class ExternalStop(Condition):
    """True when set, from any thread or task: by a button, a signal, a tool.

    It applies to every chat that uses it, including later chats, until it is cleared. Chats end at the next message. A
    copy has its own switch.

    >>> stop = ExternalStop()
    >>> user = UserProxyAgent("user", is_termination_msg=stop)  # doctest: +SKIP
    >>> button.on_click(lambda _: stop.set("the button was pressed"))  # doctest: +SKIP
    """

    def __init__(self) -> None:
        # One assignment is atomic, so there is no lock.
        self._why: str | None = None

    def __repr__(self) -> str:
        return "ExternalStop()"

    def set(self, why: str = "stopped from outside") -> None:
        """End the chats that use it; the text becomes their `stop_detail`."""
        self._why = why or "stopped from outside"

    def is_set(self) -> bool:
        """Return True if it was set, and not cleared since."""
        return self._why is not None

    def clear(self) -> None:
        """Let chats continue."""
        self._why = None

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the switch."""
        return self._why


class NoProgress(Condition):
    """True when the chat brings nothing new: messages in a row are empty, or one agent's last messages are equal.

    Two messages are equal if their content and their calls are; the ids of calls don't matter.

    Args:
        n: Number of messages in a row.

    Raises:
        ValueError: if `n` is not an integer of at least 2.
    """

    def __init__(self, n: int = 3) -> None:
        self.n = _validate_count("NoProgress", n, least=2)

    def __repr__(self) -> str:
        return f"NoProgress({self.n})"

    def start(self) -> dict[object, tuple[object, int]]:
        """Create the counters: last message and its repetitions by speaker, and the empty messages of all under EMPTY."""
        return {}

    def check(self, state: dict[object, tuple[object, int]], seen: Observation) -> str | None:
        """Count the message."""
        fingerprint = message_fingerprint(seen.message)
        last, times = state.get(seen.speaker, (None, 0))
        # A counter of 0 means no message yet: None may be a fingerprint.
        times = times + 1 if times and last == fingerprint else 1
        state[seen.speaker] = fingerprint, times
        # Empty messages count across speakers: two agents may send them in turns.
        empty = state.get(_EMPTY, ("", 0))[1] + 1 if _is_empty(seen.message) else 0
        state[_EMPTY] = "", empty
        if empty >= self.n:
            return f"{empty} empty messages in a row"
        return f"{_format_speaker(seen)} sent the same message {times} times in a row" if times >= self.n else None


class Refused(Condition):
    """True when so many calls were refused in the chat, by a human or a rule; see `autogen.agentchat.approvals`.

    A call that comes again after it was refused counts again.

    Args:
        n: Number of refusals.

    Raises:
        ValueError: if `n` is not an integer of at least 1.
    """

    def __init__(self, n: int = 1) -> None:
        self.n = _validate_count("Refused", n)

    def __repr__(self) -> str:
        return f"Refused({self.n})"

    def check(self, state: object, seen: Observation) -> str | None:
        """Check the number of refusals."""
        memory = get_memory()
        count = 0 if memory is None else sum(memory.refusals.values())
        return f"{count} calls were refused, the limit is {self.n}" if count >= self.n else None


# A key that no speaker's name equals.
_EMPTY = "", "empty"


def _is_empty(message: Message) -> bool:
    content = message.get("content")
    has_media = isinstance(content, list) and any(isinstance(part, dict) and part.get("type") != "text" for part in content)
    acts = callable(content) or message.get("tool_responses") or _get_calls(message)
    return not (has_media or acts or _extract_text(message).strip())


def _extract_text(message: Message) -> str:
    """Return the text of a message; that of its text parts if there are parts of unknown kinds."""
    content = message.get("content")
    try:
        return get_text(content)
    except (TypeError, ValueError, AssertionError, KeyError):
        parts = content if isinstance(content, list) else ()
        return "".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text") is not None)


def _get_calls(message: Message) -> list[str]:
    """Return the names of the functions that a message calls."""
    calls = [call.get("function") for call in message.get("tool_calls") or () if isinstance(call, dict)]
    return [call.get("name") or "" for call in [*calls, message.get("function_call")] if isinstance(call, dict)]


def _format_speaker(seen: Observation) -> str:
    return repr(seen.speaker) if seen.speaker else "somebody"


def _get_names(agents: Iterable[str | Agent] | str | Agent) -> tuple[str, ...]:
    items = [agents] if isinstance(agents, (str, Agent)) else agents
    return tuple(item if isinstance(item, str) else item.name for item in items)


def _validate_count(owner: str, n: object, least: int = 1) -> int:
    # True is an int, but not a count.
    if isinstance(n, bool) or not isinstance(n, int) or n < least:
        raise ValueError(f"{owner} takes an integer of at least {least}, got {n!r}.")
    return n


def _validate_positive(owner: str, amount: object) -> float:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not amount > 0:
        raise ValueError(f"{owner} takes a positive number, got {amount!r}.")
    return amount

"""Conditions that end a chat, to be combined with `&`, `|` and `~`.

>>> from autogen.agentchat.conditions import MaxCost, MaxMessages, TextMention
>>> MaxMessages(20) | MaxCost(0.5) | TextMention("DONE")
((MaxMessages(20) | MaxCost(0.5)) | TextMention('DONE'))

A condition is an agent's `is_termination_msg`. It is looked at when the agent is about to answer a message, with all
that was said and spent since the chat began: whatever the limit, a request that is under way is not cut off. To limit
requests beforehand give `max_cost` and `max_tokens_total` to `initiate_chat`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from .._lazy_imports import deprecate
from ._core.messages import normalize_name
from ._core.repetition import message_fingerprint
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
    "TextMention",
    "Timeout",
]


__getattr__ = deprecate(globals(), {"Seen": "Observation", "Silence": "NoProgress"})


class MaxMessages(Condition):
    """True when a number of messages has been said since the chat began.

    The messages of all count, the first one too. An agent looks when it is its turn, so in a chat of two the one whose
    condition it is may see the number passed by one.

    Args:
        n: How many messages.

    Raises:
        ValueError: It is no whole number of at least 1.
    """

    def __init__(self, n: int) -> None:
        self.n = _whole("MaxMessages", n)

    def __repr__(self) -> str:
        return f"MaxMessages({self.n})"

    def check(self, state: Any, seen: Observation) -> str | None:
        """True from the n-th message on."""
        return f"{seen.messages} messages were said, the limit is {self.n}" if seen.messages >= self.n else None


class TextMention(Condition):
    """True when a message that the agent would answer has a text in it.

    Args:
        text: The text, with upper and lower case as given, or a compiled pattern, which is searched for.
        sources: The names of those who may have said it, or the agents; None for anyone.

    Raises:
        ValueError: The text is empty: every message would have it.

    >>> TextMention(re.compile(r"^done[.!]?$", re.IGNORECASE | re.MULTILINE), sources=["critic"])  # doctest: +SKIP
    """

    def __init__(self, text: str | re.Pattern[str], sources: Iterable[str | Agent] | str | Agent | None = None) -> None:
        if not text:
            raise ValueError("TextMention needs a text, or a compiled pattern: every message has the empty text in it.")
        self.text = text
        self.sources = None if sources is None else _names(sources)

    def __repr__(self) -> str:
        return f"TextMention({self.text!r}{'' if self.sources is None else f', sources={list(self.sources)}'})"

    def check(self, state: Any, seen: Observation) -> str | None:
        """True if the text is in this message."""
        if self.sources is not None and seen.speaker not in self.sources:
            return None
        text = _text(seen.message)
        if isinstance(self.text, str):
            found = self.text if self.text in text else None
        else:
            match = self.text.search(text)
            found = match and match[0]
        return None if found is None else f"{_who(seen)} said {found!r:.200}"


class MaxTokens(Condition):
    """True when the chat has spent so many tokens on models, in and out, with those of chats inside it.

    Answers from a cache are free. What is sent outside a chat, by `send` alone, is not counted.

    Args:
        n: How many tokens.

    Raises:
        ValueError: It is no whole number of at least 1.
    """

    def __init__(self, n: int) -> None:
        self.n = _whole("MaxTokens", n)

    def __repr__(self) -> str:
        return f"MaxTokens({self.n})"

    def check(self, state: Any, seen: Observation) -> str | None:
        """True when they are spent."""
        return f"{seen.tokens} tokens were spent, the limit is {self.n}" if seen.tokens >= self.n else None


class MaxCost(Condition):
    """True when the chat has spent so much money on models, with that of chats inside it.

    Answers from a cache are free, and so are models whose price is not known; a `price` in a config tells it. What is sent
    outside a chat, by `send` alone, is not counted.

    Args:
        usd: How much, in USD.

    Raises:
        ValueError: It is not more than 0.
    """

    def __init__(self, usd: float) -> None:
        self.usd = _positive("MaxCost", usd)

    def __repr__(self) -> str:
        return f"MaxCost({self.usd:g})"

    def check(self, state: Any, seen: Observation) -> str | None:
        """True when it is spent."""
        return f"{seen.cost:.6g} USD were spent, the limit is {self.usd:g} USD" if seen.cost >= self.usd else None


class Timeout(Condition):
    """True when the chat has taken so long. What goes on meanwhile, a request or a human's pause, is not cut off.

    Args:
        seconds: How long.
        clock: What tells the time, in seconds.

    Raises:
        ValueError: It is not more than 0.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = _positive("Timeout", seconds)
        self._clock = clock

    def __repr__(self) -> str:
        return f"Timeout({self.seconds:g})"

    def start(self) -> float:
        """The time at which the chat begins."""
        return self._clock()

    def check(self, state: float, seen: Observation) -> str | None:
        """True when the time is over."""
        passed = self._clock() - state
        return f"the chat took {passed:.3g} s, the limit is {self.seconds:g} s" if passed >= self.seconds else None


class FunctionCall(Condition):
    """True when a message calls a function, as a tool or in the older way.

    The agent that executes the function looks at the call before it acts on it: with the condition there, the function is
    not run. To end a chat when it has run, let the function `set` an `ExternalStop`.

    Args:
        name: The function's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"FunctionCall({self.name!r})"

    def check(self, state: Any, seen: Observation) -> str | None:
        """True if this message calls it."""
        return f"{_who(seen)} called {self.name!r}" if self.name in _called(seen.message) else None


class Handoff(Condition):
    """True when a message hands over to an agent: it calls `transfer_to_<agent>`, or `transfer_to_<agent>_<number>`.

    It sees no hand-off that is no call, nor a tool of another name: `FunctionCall` sees that.

    Args:
        *targets: The agents, or their names; none for any hand-off.
    """

    def __init__(self, *targets: str | Agent) -> None:
        self.targets = _names(targets)
        names = "|".join(re.escape(normalize_name(target)) for target in self.targets) or ".+"
        self._tool = re.compile(rf"transfer_to_({names})(?:_\d+)?")

    def __repr__(self) -> str:
        return f"Handoff({', '.join(map(repr, self.targets))})"

    def check(self, state: Any, seen: Observation) -> str | None:
        """True if this message does."""
        hits = filter(None, map(self._tool.fullmatch, _called(seen.message)))
        return next((f"{_who(seen)} handed over by {hit[0]!r}" for hit in hits), None)


class ExternalStop(Condition):
    """True when somebody said so, from any thread or task: a button, a signal, a function that was called.

    It is for every chat that uses it, those that begin later too, until it is cleared. Chats end at the next message. A
    copy has a switch of its own.

    >>> stop = ExternalStop()
    >>> user = UserProxyAgent("user", is_termination_msg=stop)  # doctest: +SKIP
    >>> button.on_click(lambda _: stop.set("the button was pressed"))  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._why: str | None = None  # one assignment, so no lock

    def __repr__(self) -> str:
        return "ExternalStop()"

    def set(self, why: str = "stopped from outside") -> None:
        """End the chats that use it; the text becomes their `stop_detail`."""
        self._why = why or "stopped from outside"

    def is_set(self) -> bool:
        """Whether it was set, and not cleared since."""
        return self._why is not None

    def clear(self) -> None:
        """Let chats go on again."""
        self._why = None

    def check(self, state: Any, seen: Observation) -> str | None:
        """True while it is set."""
        return self._why


class NoProgress(Condition):
    """True when nothing new is said: some messages in a row are empty, or one agent's last messages are the same.

    Two messages are the same if their content and their calls are; the ids of calls don't matter.

    Args:
        n: How many in a row.

    Raises:
        ValueError: It is no whole number of at least 2.
    """

    def __init__(self, n: int = 3) -> None:
        self.n = _whole("NoProgress", n, least=2)

    def __repr__(self) -> str:
        return f"NoProgress({self.n})"

    def start(self) -> dict[Any, tuple[Any, int]]:
        """For each speaker what was said last, and how often in a row; under EMPTY the empty messages of all."""
        return {}

    def check(self, state: dict[Any, tuple[Any, int]], seen: Observation) -> str | None:
        """True at the n-th message in a row."""
        what = message_fingerprint(seen.message)
        before, times = state.get(seen.speaker, (None, 0))
        times = times + 1 if times and before == what else 1
        state[seen.speaker] = what, times
        empty = state.get(_EMPTY, ("", 0))[1] + 1 if _is_empty(seen.message) else 0
        state[_EMPTY] = "", empty
        if empty >= self.n:
            return f"{empty} empty messages in a row"
        return f"{_who(seen)} said the same {times} times in a row" if times >= self.n else None


_EMPTY = "", "empty"  # no speaker's name


def _is_empty(message: Message) -> bool:
    content = message.get("content")
    has_more = isinstance(content, list) and any(isinstance(part, dict) and part.get("type") != "text" for part in content)
    acts = callable(content) or message.get("tool_responses") or _called(message)
    return not (has_more or acts or _text(message).strip())


def _text(message: Message) -> str:
    """The text of a message; that of the parts that are text, where there are others."""
    content = message.get("content")
    try:
        return get_text(content)
    except (TypeError, ValueError, AssertionError, KeyError):
        parts = content if isinstance(content, list) else ()
        return "".join(str(part["text"]) for part in parts if isinstance(part, dict) and part.get("text") is not None)


def _called(message: Message) -> list[Any]:
    """The names of the functions that a message calls."""
    calls = [call.get("function") for call in message.get("tool_calls") or () if isinstance(call, dict)]
    return [call.get("name") or "" for call in [*calls, message.get("function_call")] if isinstance(call, dict)]


def _who(seen: Observation) -> str:
    return repr(seen.speaker) if seen.speaker else "somebody"


def _names(agents: Iterable[str | Agent] | str | Agent) -> tuple[str, ...]:
    several = [agents] if isinstance(agents, (str, Agent)) else agents
    return tuple(one if isinstance(one, str) else one.name for one in several)


def _whole(owner: str, n: Any, least: int = 1) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or n < least:
        raise ValueError(f"{owner} takes a whole number of at least {least}, not {n!r}.")
    return n


def _positive(owner: str, amount: Any) -> float:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not amount > 0:
        raise ValueError(f"{owner} takes a number of more than 0, not {amount!r}.")
    return amount

"""`SummaryTransform`: old messages in the form of a summary, which a model writes and extends."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from ..._steps import Steps, invoke, wrap_in_thread
from ..._untrusted import RULE
from ...oai._requests.retry import classify_error
from ...oai.client import OpenAIWrapper
from .._approvals.labels import add_labels, gather_labels, usage
from ..agent import Message
from .counting import TokenCounter, get_agent_counter, get_window
from .texts import get_texts
from .transform import Transform
from .units import split_units
from .view import View

logger = logging.getLogger("autogen.agentchat.conversable_agent")

SUMMARY_NAME = "summary"
"""The `name` of messages that are summaries."""

# Of the context length of the model, as a percentage.
_TRIGGER_SHARE = 70
_DEFAULT_TRIGGER = 8_000
_MEMORY = 256
# Tokens of the messages that are summarised at once.
_LEAST_PIECE = 256
# Settings of an agent's model that a summary has no use for.
_AGENT_SETTINGS = ("tools", "functions", "tool_choice", "parallel_tool_calls", "response_format", "stream")

_TASK = (
    "You keep the notes of a conversation whose older messages are no longer shown. Write one summary of it in plain text, "
    "from which the participants can go on: what is asked for and by whom, decisions and their reasons, results, names, "
    "numbers, file names and identifiers to the letter, what was tried and failed, and what is still open. Leave out "
    "greetings and whatever was taken back. Do not answer the conversation and add nothing of your own. " + RULE
)
_HEADING = "Summary of the conversation so far ({count} earlier messages are not shown):\n"


class _NoSummary(Exception):
    """Response of a model that has no text."""


class SummaryTransform(Transform):
    """Transform that shows old messages as one summary, once the history is long.

    The summary is a message with the name `summary`. It is kept, and extended by the messages that have become old since; it
    never starts from the beginning. If the model fails, the history is shown as it is, and a warning is logged.

    Args:
        llm_config: Config of the model that writes summaries; None for that of the agent, whose usage and budget count.
        trigger_tokens: Number of tokens of the summary and of the messages after it above which it is extended; None for
            seven tenths of the context length of the agent's model, or 8,000 if that is unknown.
        keep_last: Number of the newest messages that are always shown. A call and its results are not separated.

    Raises:
        ValueError: if a number has an invalid value; at the first summary, if there is no model.

    >>> agent = ConversableAgent("agent", model_context=SummaryTransform(trigger_tokens=4000, keep_last=6))  # doctest: +SKIP
    """

    def __init__(
        self, llm_config: Mapping[str, Any] | None = None, trigger_tokens: int | None = None, keep_last: int = 10
    ) -> None:
        if trigger_tokens is not None and trigger_tokens < 1:
            raise ValueError(f"trigger_tokens must be None or at least 1, got {trigger_tokens!r}.")
        if keep_last < 0:
            raise ValueError(f"keep_last must be at least 0, got {keep_last!r}.")
        self._client = OpenAIWrapper(**llm_config) if llm_config else None
        self._trigger_tokens = trigger_tokens
        self._keep_last = keep_last
        # By the messages that a summary is of, so that several agents and chats can have the same transform.
        self._summaries: OrderedDict[int, str] = OrderedDict()
        self._lock = threading.Lock()
        self._clients: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()

    def run(self, agent: Any, messages: list[Message]) -> Steps[View]:
        """Return the summary and the messages after it; a step, which asks the model if the history is too long."""
        counter = get_agent_counter(agent)
        keys = list(_hash_prefixes(messages))
        covered, summary = self._find_summary(keys)
        trigger = self._get_trigger(agent)
        size = counter.count_text(summary) + counter.count_all(messages[covered:])
        boundary = _find_boundary(messages, self._keep_last) if size > trigger else 0
        if boundary > covered:
            try:
                summary = yield from self._extend(agent, counter, summary, messages[covered:boundary], trigger)
            except Exception as error:
                # An error of the program must not be hidden.
                if classify_error(error) is None and not isinstance(error, (TimeoutError, _NoSummary)):
                    raise
                logger.warning("The summary could not be extended, so all messages after it are shown: %s", error)
            else:
                self._store_summary(keys, covered, boundary, summary)
                covered = boundary
        if not covered:
            return View(messages)
        shown = _make_summary(summary, covered)
        if usage.is_on:
            shown = add_labels(shown, gather_labels(messages[:covered]))
        return View([shown, *messages[covered:]], [(0, covered - 1)])

    def get_logs(self, pre_transform_messages: list[Message], post_transform_messages: list[Message]) -> tuple[str, bool]:
        """Return how many messages are shown as a summary."""
        is_summarized = bool(post_transform_messages) and post_transform_messages[0].get("name") == SUMMARY_NAME
        count = len(pre_transform_messages) - len(post_transform_messages) + 1
        if not is_summarized or post_transform_messages[0] in pre_transform_messages[:1]:
            return "No messages were summarised.", False
        return f"Summarised {count} messages.", True

    def _find_summary(self, keys: Sequence[int]) -> tuple[int, str]:
        """Return the number of messages that the longest known summary is of, and its text; 0 without one."""
        with self._lock:
            for position in range(len(keys) - 1, -1, -1):
                if keys[position] in self._summaries:
                    self._summaries.move_to_end(keys[position])
                    return position + 1, self._summaries[keys[position]]
        return 0, ""

    def _store_summary(self, keys: Sequence[int], covered: int, boundary: int, summary: str) -> None:
        with self._lock:
            if covered:
                # A shorter summary of the same history is no longer of use.
                self._summaries.pop(keys[covered - 1], None)
            self._summaries[keys[boundary - 1]] = summary
            if len(self._summaries) > _MEMORY:
                self._summaries.popitem(last=False)

    def _get_trigger(self, agent: Any) -> int:
        if self._trigger_tokens is not None:
            return self._trigger_tokens
        window = get_window(agent)
        return _DEFAULT_TRIGGER if window is None else window * _TRIGGER_SHARE // 100

    def _extend(self, agent: Any, counter: TokenCounter, summary: str, messages: list[Message], trigger: int) -> Steps[str]:
        """Return a summary of the messages and of what the summary so far is of.

        The messages are read in pieces of a size that the model can take at once.
        """
        client = self._get_client(agent)
        window = get_window(agent)
        # What is above the trigger by little is read at once.
        limit = max(min(2 * trigger, window // 2 if window else 2 * trigger), _LEAST_PIECE)
        for piece in _split_transcript(messages, counter, limit):
            request: dict[str, Any] = {
                "messages": [
                    {"role": "system", "content": _TASK},
                    {"role": "user", "content": _make_prompt(summary, piece)},
                ],
                "cache": getattr(agent, "client_cache", None),
                "agent": agent,
            }
            async_create = getattr(client, "a_create", None) or wrap_in_thread(client.create)
            response = yield from invoke(client.create, async_create, **request)
            answer = client.extract_text_or_completion_object(response)[0]
            if not isinstance(answer, str) or not answer.strip():
                raise _NoSummary("the model returned no text")
            summary = answer.strip()
        return summary

    def _get_client(self, agent: Any) -> Any:
        if self._client is not None:
            return self._client
        client = getattr(agent, "client", None)
        if client is None:
            raise ValueError("SummaryTransform needs a model: give it an llm_config, or add it to an agent that has one.")
        known = self._clients.get(agent)
        if known is None or known[0] is not client:
            config = {key: value for key, value in (agent.llm_config or {}).items() if key not in _AGENT_SETTINGS}
            # The usage, the budget and the registered clients of the agent, without its tools.
            known = (client, client.rebuild(**config) if isinstance(client, OpenAIWrapper) and config else client)
            self._clients[agent] = known
        return known[1]


def _make_summary(summary: str, covered: int) -> Message:
    return {"role": "user", "name": SUMMARY_NAME, "content": _HEADING.format(count=covered) + summary}


def _find_boundary(messages: list[Message], keep_last: int) -> int:
    """Return the number of old messages: those before the last ones, and before all units of these."""
    # The message that is to be answered is always shown.
    boundary = max(len(messages) - max(keep_last, 1), 0)
    for unit in reversed(split_units(messages)):
        # A result may be far behind its call.
        if unit[-1] >= boundary:
            boundary = min(boundary, unit[0])
    return boundary


def _hash_prefixes(messages: Sequence[Message]) -> Iterator[int]:
    """Yield a hash of each beginning of a history."""
    key = 0
    for message in messages:
        content = message.get("content")
        rest = (
            None
            if len(message) <= 3
            else message.get("tool_calls") or message.get("function_call") or message.get("tool_responses")
        )
        key = hash(
            (
                key,
                message.get("role"),
                message.get("name"),
                content if isinstance(content, str) else repr(content),
                None if rest is None else repr(rest),
            )
        )
        yield key


def _make_prompt(summary: str, transcript: str) -> str:
    before = f"The summary so far:\n{summary}\n\n" if summary else ""
    return f"{before}The messages that it has to cover, too:\n{transcript}\n\nThe summary of all of it:"


def _split_transcript(messages: Sequence[Message], counter: TokenCounter, limit: int) -> Iterator[str]:
    """Yield messages as text, in pieces of at most `limit` tokens; a longer message is shortened."""
    lines: list[str] = []
    size = 0
    for message in messages:
        line = counter.shorten(_render(message), limit)
        tokens = counter.count_text(line)
        if lines and size + tokens > limit:
            yield "\n\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += tokens
    if lines:
        yield "\n\n".join(lines)


def _render(message: Message) -> str:
    """Return a message as text for a model that summarises it."""
    texts = list(get_texts(message))
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        texts.append(f"[calls {function.get('name')} with {function.get('arguments')}]")
    if isinstance(call := message.get("function_call"), dict):
        texts.append(f"[calls {call.get('name')} with {call.get('arguments')}]")
    if isinstance(message.get("content"), list) and len(texts) < len(message["content"]):
        texts.append("[and something that is not text]")
    role = "result of a tool" if message.get("tool_responses") else message.get("role")
    name = message.get("name")
    return f"{name or role}: " + "\n".join(texts)

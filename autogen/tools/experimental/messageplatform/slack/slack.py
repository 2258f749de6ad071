"""AG2's tools that send and read messages of a Slack channel."""

from __future__ import annotations

import re
import time
from typing import Annotated, Any

from .....fetching import FetchError
from ....tool import Tool
from ..._web_api import NOTE, Fields, ask_service, find_key, get_rows, get_text
from .._messages import parse_time, read_maximum, split_message

__all__ = ["SlackRetrieveRepliesTool", "SlackRetrieveTool", "SlackSendTool"]

_MAX_LENGTH = 4_000  # characters


class _SlackChannel:
    """A channel of Slack.

    Args:
        token: Token of the bot.
        channel: Id of the channel.
        tool: Name of the class that uses it.

    Attributes:
        url: Address of the service.

    Raises:
        ValueError: if the token or the id is missing.
    """

    def __init__(self, token: str, channel: str, tool: str) -> None:
        if not channel:
            raise ValueError(f"{tool} needs the channel_id of a channel.")
        self.url = "https://slack.com/api"
        self.id = channel
        self._headers = {"Authorization": f"Bearer {find_key(token, 'SLACK_BOT_TOKEN', tool, 'bot_token')}"}

    def send(self, text: str) -> str:
        """Send a message, and return its id."""
        return get_text(self._ask("chat.postMessage", json={"channel": self.id, "text": text}), "ts")

    def read(self, method: str, maximum: int, params: dict[str, str]) -> list[dict[str, str]]:
        """Return messages, page by page, up to a number."""
        rows: list[Fields] = []
        cursor = ""
        while len(rows) < maximum:
            page = {"channel": self.id, "limit": str(min(maximum - len(rows), 100)), **params}
            answer = self._ask(method, params={**page, "cursor": cursor} if cursor else page)
            messages = get_rows(answer, "messages")
            rows += messages
            cursor = get_text(answer, "response_metadata", "next_cursor")
            # An empty page with a cursor would be asked for without end.
            if not cursor or not messages:
                break
        names = ("ts", "user", "bot_id", "text", "reply_count")
        return [{name: get_text(row, name) for name in names if name in row} for row in rows[:maximum]]

    def _ask(self, method: str, **request: Any) -> Fields:
        answer = ask_service(f"{self.url}/{method}", headers=self._headers, **request)
        # Slack reports failures with the status 200.
        if answer.get("ok") is not True:
            raise FetchError(f"Slack refused {method}: {get_text(answer, 'error') or 'without a reason'}.")
        return answer


class SlackSendTool(Tool):
    """The tool `slack_send`. It refuses private text, as tools with `needs="public"` do.

    Args:
        bot_token: Token of the bot.
        channel_id: Id of the channel.

    Raises:
        ValueError: if one of them is empty.
    """

    def __init__(self, *, bot_token: str, channel_id: str) -> None:
        self._channel = _SlackChannel(bot_token, channel_id, "SlackSendTool")

        def slack_send(message: Annotated[str, "The text to send."]) -> str:
            ids = [self._channel.send(piece) for piece in split_message(message, _MAX_LENGTH)]
            return f"The message was sent, as {', '.join(ids)}."

        super().__init__(
            name="slack_send",
            description="Send a message to a Slack channel.",
            func_or_tool=slack_send,
            needs="public",
        )


class SlackRetrieveTool(Tool):
    """The tool `slack_retrieve`.

    Args:
        bot_token: Token of the bot.
        channel_id: Id of the channel.

    Raises:
        ValueError: if one of them is empty.
    """

    def __init__(self, *, bot_token: str, channel_id: str) -> None:
        self._channel = _SlackChannel(bot_token, channel_id, "SlackRetrieveTool")

        def slack_retrieve(
            messages_since: Annotated[
                str | None, "Time in ISO 8601, or id of a message; null for the latest messages."
            ] = None,
            maximum_messages: Annotated[int | None, "Number of messages, at most 100."] = None,
        ) -> list[dict[str, str]]:
            maximum = read_maximum(maximum_messages)
            params = {}
            if messages_since:
                is_id = re.fullmatch(r"\d{9,11}\.\d{1,6}", messages_since.strip())
                params["oldest"] = messages_since.strip() if is_id else f"{parse_time(messages_since):.6f}"
            return self._channel.read("conversations.history", maximum, params)

        super().__init__(
            name="slack_retrieve",
            description=f"Read the messages of a Slack channel. {NOTE}",
            func_or_tool=slack_retrieve,
            returns="untrusted",
        )


class SlackRetrieveRepliesTool(Tool):
    """The tool `slack_retrieve_replies`, which waits for replies to a message.

    Args:
        bot_token: Token of the bot.
        channel_id: Id of the channel.

    Raises:
        ValueError: if one of them is empty.
    """

    def __init__(self, *, bot_token: str, channel_id: str) -> None:
        self._channel = _SlackChannel(bot_token, channel_id, "SlackRetrieveRepliesTool")

        def slack_retrieve_replies(
            message_ts: Annotated[str, "Id of the message."],
            min_replies: Annotated[int | None, "Number of replies to wait for; null not to wait."] = None,
            timeout_seconds: Annotated[int, "Seconds to wait at most."] = 60,
            poll_interval: Annotated[int, "Seconds between two looks."] = 5,
            include_bot_replies: Annotated[bool, "True for the replies of bots, too."] = False,
        ) -> list[dict[str, str]]:
            # Slack has no way to wait for a reply but to look again.
            end = time.monotonic() + timeout_seconds
            while True:
                messages = self._channel.read("conversations.replies", 100, {"ts": message_ts})
                replies = [
                    message
                    for message in messages
                    if message.get("ts") != message_ts and (include_bot_replies or "bot_id" not in message)
                ]
                remaining = end - time.monotonic()
                if len(replies) >= (min_replies or 0) or remaining <= 0:
                    return replies
                time.sleep(max(0.05, min(poll_interval, remaining)))

        super().__init__(
            name="slack_retrieve_replies",
            description=f"Read the replies to a message of a Slack channel. {NOTE}",
            func_or_tool=slack_retrieve_replies,
            returns="untrusted",
        )

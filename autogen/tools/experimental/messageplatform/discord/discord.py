"""AG2's tools that send and read messages of a Discord channel."""

from __future__ import annotations

from typing import Annotated, Any

from .....fetching import FetchError
from ....tool import Tool
from ..._web_api import NOTE, Fields, ask_service_for_any, find_key, get_text
from .._messages import parse_time, read_maximum, split_message

__all__ = ["DiscordRetrieveTool", "DiscordSendTool"]

_MAX_LENGTH = 2_000  # characters
_EPOCH = 1_420_070_400_000  # milliseconds since 1970, at which the ids of Discord begin


class _DiscordChannel:
    """A channel of Discord, which is looked up when it is first used.

    Args:
        token: Token of the bot.
        channel: Name of the channel.
        guild: Name of the server.
        tool: Name of the class that uses it.

    Attributes:
        url: Address of the service.

    Raises:
        ValueError: if one of them is empty.
    """

    def __init__(self, token: str, channel: str, guild: str, tool: str) -> None:
        if not channel or not guild:
            raise ValueError(f"{tool} needs a channel_name and a guild_name, got {channel!r} and {guild!r}.")
        self.url = "https://discord.com/api/v10"
        self._names = guild, channel
        self._headers = {"Authorization": f"Bot {find_key(token, 'DISCORD_BOT_TOKEN', tool, 'bot_token')}"}
        self._id = ""

    def send(self, text: str) -> str:
        """Send a message that notifies nobody by its text, and return its id."""
        # A model that writes @everyone must not wake everybody.
        body = {"content": text, "allowed_mentions": {"parse": []}}
        return get_text(self._ask(f"/channels/{self._find()}/messages", json=body), "id")

    def read(self, maximum: int, after: int | None) -> list[dict[str, str]]:
        """Return the latest messages, or those after an id, the newest first."""
        params = {"limit": str(maximum), **({} if after is None else {"after": str(after)})}
        rows = self._list(f"/channels/{self._find()}/messages", params=params)
        return [
            {
                "id": get_text(row, "id"),
                "author": get_text(row, "author", "username"),
                "content": get_text(row, "content"),
                "timestamp": get_text(row, "timestamp"),
            }
            for row in rows
        ]

    def _find(self) -> str:
        if not self._id:
            guild = _find_name(self._list("/users/@me/guilds"), self._names[0], "server")
            self._id = _find_name(self._list(f"/guilds/{guild}/channels"), self._names[1], "channel")
        return self._id

    def _list(self, path: str, **request: Any) -> list[Fields]:
        answer = self._ask(path, **request)
        if not isinstance(answer, list):
            raise FetchError(f"Discord answered {type(answer).__name__} in place of a list.")
        return [row for row in answer if isinstance(row, dict)]

    def _ask(self, path: str, **request: Any) -> Any:
        return ask_service_for_any(f"{self.url}{path}", headers=self._headers, **request)


def _find_name(rows: list[Fields], name: str, kind: str) -> str:
    found = [get_text(row, "id") for row in rows if row.get("name") == name]
    if not found:
        # A bot may be in thousands of servers.
        names = ", ".join(repr(get_text(row, "name")) for row in rows[:20]) or "none"
        raise FetchError(f"The bot sees no {kind} {name!r}, but {names}.")
    return found[0]


class DiscordSendTool(Tool):
    """The tool `discord_send`. It refuses private text, as tools with `needs="public"` do.

    Args:
        bot_token: Token of the bot.
        channel_name: Name of the channel.
        guild_name: Name of the server.

    Raises:
        ValueError: if one of them is empty.
    """

    def __init__(self, *, bot_token: str, channel_name: str, guild_name: str) -> None:
        self._channel = _DiscordChannel(bot_token, channel_name, guild_name, "DiscordSendTool")

        def discord_send(message: Annotated[str, "The text to send."]) -> str:
            ids = [self._channel.send(piece) for piece in split_message(message, _MAX_LENGTH)]
            return f"The message was sent, as {', '.join(ids)}."

        super().__init__(
            name="discord_send",
            description="Send a message to a Discord channel.",
            func_or_tool=discord_send,
            needs="public",
        )


class DiscordRetrieveTool(Tool):
    """The tool `discord_retrieve`.

    Args:
        bot_token: Token of the bot.
        channel_name: Name of the channel.
        guild_name: Name of the server.

    Raises:
        ValueError: if one of them is empty.
    """

    def __init__(self, *, bot_token: str, channel_name: str, guild_name: str) -> None:
        self._channel = _DiscordChannel(bot_token, channel_name, guild_name, "DiscordRetrieveTool")

        def discord_retrieve(
            messages_since: Annotated[
                str | None, "Time in ISO 8601, or id of a message; null for the latest messages."
            ] = None,
            maximum_messages: Annotated[int | None, "Number of messages, at most 100."] = None,
        ) -> list[dict[str, str]]:
            after = None
            if messages_since and messages_since.strip().isdecimal():
                after = int(messages_since)
            elif messages_since:
                # Ids of Discord begin with the time, so a time is an id, too.
                after = max(int(parse_time(messages_since) * 1000) - _EPOCH, 0) << 22
            return self._channel.read(read_maximum(maximum_messages), after)

        super().__init__(
            name="discord_retrieve",
            description=f"Read the messages of a Discord channel. {NOTE}",
            func_or_tool=discord_retrieve,
            returns="untrusted",
        )

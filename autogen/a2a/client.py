"""Agents that stand for remote agents, which speak the A2A protocol."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .._secrets import mask_url
from .._steps import Steps, invoke, run_async, run_sync
from ..agentchat._core import turn_context
from ..agentchat._core.internals import get_conversation, internals
from ..agentchat._core.messages import normalize_name
from ..agentchat._core.result import StopReason
from ..agentchat._replies import registry
from ..agentchat.agent import Agent, Message
from ..agentchat.conversable_agent import ConversableAgent, HumanInputMode, Reply
from ..fetching import FetchPolicy
from ._card import check_card, check_url, describe_card, make_name
from ._parts import PartReader
from ._session import ConnectionOptions, Session
from ._turn import WAITING, Conversation, RemoteTurn

if TYPE_CHECKING:
    import httpx
    from a2a.types import AgentCard

__all__ = ["A2AAgent", "A2aRemoteAgent", "HttpxClientFactory"]

T = TypeVar("T", bound="A2aRemoteAgent")

DESCRIPTION = "An agent on another machine."


class A2AAgent(ConversableAgent):
    """An agent that stands for a remote agent, which speaks the A2A protocol. Needs the extra `a2a`.

    It takes part in sync and async chats and in groups like any other agent. The remote agent gets the messages that it does
    not have yet, in a conversation of its own for each partner. The answer becomes the reply when its task is completed:
    texts and images; files that are named by an address are fetched as `autogen.fetching` allows. If it asks something, the
    question is the reply, and the next message answers it; unless `human_input_mode` is another than "NEVER", where the
    human is asked. A chat that is stopped cancels the task. In a chat with a checkpoint, a process that was killed looks for
    the task again instead of asking once more.

    >>> weather = A2AAgent("https://agents.example.org/weather", name="weather", auth=token)  # doctest: +SKIP
    >>> user.initiate_chat(weather, message="Will it rain in Rome?", max_turns=1).summary  # doctest: +SKIP
    'No, the sun shines.'
    """

    def __init__(
        self,
        url_or_card: str | AgentCard,
        *,
        name: str | None = None,
        auth: str | Mapping[str, str] | None = None,
        timeout: float | None = 600.0,
        max_bytes: int = 20 * 2**20,
        allowed_hosts: Collection[str] = (),
        card_keys: Mapping[str, Any] | None = None,
        fetch_policy: FetchPolicy | None = None,
        download_folder: str | Path | None = None,
        max_reconnects: int = 3,
        polling_interval: float = 0.5,
        client: httpx.AsyncClient | HttpxClientFactory | None = None,
        client_config: Any = None,
        interceptors: Sequence[Any] = (),
        human_input_mode: HumanInputMode = "NEVER",
        description: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Create an agent. The remote agent is not asked yet.

        Args:
            url_or_card: Address of the remote agent, or its card as `a2a.types.AgentCard`.
            name: Name that others see; None for that of the card, or one made from the address.
            auth: Bearer token, or headers, for the server at the address alone.
            timeout: Seconds for an answer, after which the task is cancelled; None for no limit.
            max_bytes: Maximum size of an answer.
            allowed_hosts: Hosts beside that of the address to which its card may lead: they get the messages, and `auth`.
                They are written as in `FetchPolicy`.
            card_keys: Public keys by id, as PEM texts or JSON web keys: a card that is not signed with one of them is
                refused. None to check no signatures.
            fetch_policy: Rules for files that the remote agent names by their address; None for those of the process.
            download_folder: Folder in which files are saved that are neither texts nor images; None to leave them out.
            max_reconnects: Maximum number of times that the connection may be lost in a reply.
            polling_interval: Seconds before the task is looked at again, if the server can't stream; each pause is longer.
            client: HTTP client for async chats, or `HttpxClientFactory` for all.
            client_config: Config of the SDK's client, as `a2a.client.ClientConfig`.
            interceptors: Interceptors of the SDK's client.
            human_input_mode: "NEVER" to give questions of the remote agent to the other agent, else a human is asked.
            description: Purpose of the agent; None for that of the card.
            **kwargs: As for `ConversableAgent`: `is_termination_msg`, `silent`...

        Raises:
            TypeError, ValueError: if an argument has an invalid value.
            ImportError: if the extra `a2a` is not installed, and a card is passed.
        """
        self._card = None if isinstance(url_or_card, str) else check_card(url_or_card)
        url = check_url(url_or_card) if isinstance(url_or_card, str) else ""
        if not max_bytes > 0 or (timeout is not None and not timeout > 0) or not polling_interval > 0:
            raise ValueError("max_bytes, timeout and polling_interval must be positive numbers.")
        if not isinstance(max_reconnects, int) or max_reconnects < 0:
            raise ValueError(f"max_reconnects must be a whole number of at least 0, got {max_reconnects!r}.")
        if name is None:
            name = normalize_name(self._card.name) if self._card is not None else make_name(url)
        self._has_own_description = description is not None
        if description is None:
            description = DESCRIPTION if self._card is None else describe_card(self._card)
        super().__init__(name, human_input_mode=human_input_mode, llm_config=False, description=description, **kwargs)
        self._connection = ConnectionOptions(
            url=url,
            headers=_make_headers(auth),
            timeout=timeout,
            max_bytes=max_bytes,
            max_reconnects=max_reconnects,
            polling_interval=polling_interval,
            allowed_hosts=tuple(allowed_hosts),
            card_keys=card_keys,
            http_client=client,
            client_config=client_config,
            interceptors=tuple(interceptors),
        )
        self._reader = PartReader(fetch_policy, None if download_folder is None else Path(download_folder))
        self._conversations: dict[Agent | None, Conversation] = {}
        self.replace_reply_func(ConversableAgent.generate_oai_reply, A2AAgent.generate_remote_reply)
        self.replace_reply_func(ConversableAgent.a_generate_oai_reply, A2AAgent.a_generate_remote_reply)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r} at {mask_url(self._connection.url) or 'the address of its card'}>"

    @property
    def card(self) -> AgentCard | None:
        """Card of the remote agent; None until it is fetched."""
        return self._card

    def fetch_card(self) -> AgentCard:
        """Fetch the card of the remote agent, unless it is known, and take over its description.

        Raises:
            A2aAgentNotFoundError: if there is none.
            A2aClientError: if it can't be fetched, is not valid, or leads to another host.
        """
        return run_sync(self._fetch_card())

    async def a_fetch_card(self) -> AgentCard:
        """Async version of `fetch_card`."""
        return await run_async(self._fetch_card())

    def generate_remote_reply(
        self, messages: list[Message] | None = None, sender: Agent | None = None, config: object = None
    ) -> Reply:
        """Let the remote agent answer.

        Args:
            messages: Conversation; the history with `sender` if None.
            sender: Agent that gets the reply.
            config: Not used.

        Returns:
            True and the reply. `(False, None)` if there is nothing to send.

        Raises:
            A2aTaskError: if the remote agent ends the task without a result.
            A2aClientError: if it can't be reached, breaks the protocol, or does not answer in time.
        """
        return run_sync(self._take_turn(messages, sender, ()))

    async def a_generate_remote_reply(
        self,
        messages: list[Message] | None = None,
        sender: Agent | None = None,
        config: object = None,
        extra_parts: Sequence[Any] | None = None,
    ) -> Reply:
        """Async version of `generate_remote_reply`.

        Args:
            messages: As for `generate_remote_reply`, like the next two.
            sender: Agent that gets the reply.
            config: Not used.
            extra_parts: More parts of the message, as `a2a.types.Part`.
        """
        return await run_async(self._take_turn(messages, sender, extra_parts or ()))

    def _fetch_card(self) -> Steps[AgentCard]:
        session = self._open_session()
        try:
            self._learn_card((yield from session.call(session.get_card)))
        finally:
            yield from invoke(session.close, session.a_close)
        assert self._card is not None
        return self._card

    def _open_session(self) -> Session:
        return Session(self.name, self._connection, self._card)

    def _learn_card(self, card: AgentCard) -> None:
        if self._card is None:
            self._card = card
            if not self._has_own_description and (text := describe_card(card)):
                self._description = text

    def _take_turn(self, messages: list[Message] | None, sender: Agent | None, extra: Sequence[Any]) -> Steps[Reply]:
        messages = get_conversation(self, messages, sender)
        if (turn := turn_context.get_current_turn(self, sender)) is not None:
            messages = turn.visible_messages(messages)
        # A copy, so that the messages of a turn that fails are sent again.
        conversation = copy.copy(self._conversations.get(sender) or Conversation())
        parts = conversation.take_unread(messages, self.name)
        if not parts and not extra:
            return False, None
        session = self._open_session()
        try:
            remote = RemoteTurn(self, session, self._reader)
            outcome = yield from remote.exchange(parts, conversation.context_id, conversation.task_id, extra)
            while outcome.state == WAITING and self.human_input_mode != "NEVER":
                text = yield from remote.ask_human(outcome, sender.name if sender else "the sender")
                if text == "exit":
                    yield from remote.cancel(outcome.task_id)
                    internals(self).stop_reasons[sender] = StopReason.HUMAN_EXIT
                    return True, None
                if not text:
                    break
                session.restart_clock()
                outcome = yield from remote.exchange([{"text": text}], outcome.context_id, outcome.task_id)
        finally:
            yield from invoke(session.close, session.a_close)
            if session.card is not None:
                self._learn_card(session.card)
        conversation.context_id, conversation.task_id = outcome.context_id, outcome.task_id
        self._conversations[sender] = conversation
        content = outcome.content
        return True, content if isinstance(content, str) else {"role": "assistant", "content": content}


registry.ASYNC_VARIANTS.add(A2AAgent.generate_remote_reply, A2AAgent.a_generate_remote_reply)


class A2aRemoteAgent(A2AAgent):
    """`A2AAgent` with the arguments of AG2: the human answers the questions of the remote agent.

    Args:
        url: Address of the remote agent, or its card.
        name: Name that others see.
        silent: True if messages are not printed.
        client: HTTP client for async chats, or `HttpxClientFactory` for all.
        client_config: Config of the SDK's client.
        interceptors: Interceptors of the SDK's client.
        max_reconnects: Maximum number of times that the connection may be lost in a reply.
        polling_interval: Seconds before the task is looked at again, if the server can't stream.
        **kwargs: As for `A2AAgent`.
    """

    def __init__(
        self,
        url: str | AgentCard,
        name: str,
        *,
        silent: bool | None = None,
        client: httpx.AsyncClient | HttpxClientFactory | None = None,
        client_config: Any = None,
        interceptors: Sequence[Any] = (),
        max_reconnects: int = 3,
        polling_interval: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            url,
            name=name,
            silent=silent,
            client=client,
            client_config=client_config,
            interceptors=interceptors,
            max_reconnects=max_reconnects,
            polling_interval=polling_interval,
            **{"human_input_mode": "TERMINATE", **kwargs},
        )

    @classmethod
    def from_card(
        cls: type[T],
        card: AgentCard,
        *,
        silent: bool | None = None,
        client: httpx.AsyncClient | HttpxClientFactory | None = None,
        client_config: Any = None,
        max_reconnects: int = 3,
        polling_interval: float = 0.5,
        interceptors: Sequence[Any] = (),
        **kwargs: Any,
    ) -> T:
        """Return an agent for the remote agent of a card, with the name in the card."""
        name = kwargs.pop("name", None) or normalize_name(check_card(card).name)
        return cls(
            card,
            name,
            silent=silent,
            client=client,
            client_config=client_config,
            max_reconnects=max_reconnects,
            polling_interval=polling_interval,
            interceptors=interceptors,
            **kwargs,
        )


class HttpxClientFactory:
    """Makes HTTP clients for remote agents: each reply has its own.

    Args:
        **options: Arguments of `httpx.AsyncClient`.

    >>> A2AAgent("https://agents.internal", client=HttpxClientFactory(verify="ca.pem"))  # doctest: +SKIP
    """

    def __init__(self, **options: Any) -> None:
        self._options = options

    def __call__(self) -> httpx.AsyncClient:
        """Return a new client."""
        import httpx

        return httpx.AsyncClient(**self._options)


def _make_headers(auth: str | Mapping[str, str] | None) -> dict[str, str]:
    if auth is None:
        return {}
    if isinstance(auth, str):
        return {"Authorization": f"Bearer {auth}"}
    if isinstance(auth, Mapping):
        return dict(auth)
    raise TypeError(f"auth must be a bearer token or headers, got a value of type {type(auth).__name__}.")

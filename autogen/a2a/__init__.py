"""Remote agents that speak the A2A protocol, in chats and groups. Needs the extra `a2a`.

>>> from autogen.a2a import A2AAgent
>>> weather = A2AAgent("https://agents.example.org/weather", name="weather")  # doctest: +SKIP
>>> user.initiate_chat(weather, message="Will it rain in Rome?", max_turns=1)  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from ._turn import A2aTaskUpdated
from .client import A2AAgent, A2aRemoteAgent, HttpxClientFactory
from .errors import A2aAgentNotFoundError, A2aClientError, A2aTaskError

if TYPE_CHECKING:
    from a2a.types import AgentCard

__all__ = [
    "A2AAgent",
    "A2aAgentNotFoundError",
    "A2aClientError",
    "A2aRemoteAgent",
    "A2aTaskError",
    "A2aTaskUpdated",
    "AgentCard",
    "HttpxClientFactory",
]


def __getattr__(name: str) -> Any:
    """Import the card of the SDK when it is used."""
    if name != "AgentCard":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ._card import require_sdk

    require_sdk()
    from a2a.types import AgentCard

    return AgentCard

"""The kinds of events about requests to models, and about searches that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ._event import Event


@dataclass(kw_only=True)
class ModelAsked(Event):
    """Request to an endpoint.

    Attributes:
        agent: Name of the agent.
        model: Name of the model.
        endpoint: Address of the endpoint.
        attempt: Number of the request within one operation, from 1.
        messages: Number of messages in the request.
    """

    type: ClassVar[str] = "model_asked"
    starts: ClassVar[str] = "model"
    agent: str
    model: str
    endpoint: str
    attempt: int
    messages: int
    # For tracing; not in JSON.
    _params: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(kw_only=True)
class ModelAnswered(Event):
    """Response of an endpoint, or from a cache.

    Attributes:
        agent: Name of the agent.
        model: Name of the model.
        endpoint: Address of the endpoint.
        attempt: Number of the request within one operation, from 1.
        cached: True if the response came from a cache.
        prompt_tokens: Tokens of the request.
        completion_tokens: Tokens of the response.
        cost: Cost in USD.
        price_known: False if the price is unknown; the cost counts as 0 then.
        seconds: Duration.
        cached_tokens: Tokens of the request that the vendor read from its prompt cache.
        cache_miss: The vendor's reason for reading fewer, if it was asked; see `cache_diagnosis`.
        hosted: Calls that the vendor made itself, each in a few words.
    """

    type: ClassVar[str] = "model_answered"
    ends: ClassVar[str] = "model"
    agent: str
    model: str
    endpoint: str
    attempt: int
    cached: bool
    prompt_tokens: int
    completion_tokens: int
    cost: float
    price_known: bool = True
    seconds: float
    cached_tokens: int = 0
    cache_miss: str = ""
    hosted: list[str] = field(default_factory=list)
    # For tracing; not in JSON.
    _response: Any = field(default=None, repr=False, compare=False)


@dataclass(kw_only=True)
class TokenReceived(Event):
    """Piece of a streamed response. Pieces of a response that breaks off are not taken back: `ModelFailed` follows.

    Attributes:
        agent: Name of the agent.
        delta: The piece.
        kind: `text`, `thinking` or `arguments`.
        tool: Name of the called function, for arguments.
    """

    type: ClassVar[str] = "token_received"
    agent: str
    delta: str
    kind: str = "text"
    tool: str = ""


@dataclass(kw_only=True)
class ModelFailed(Event):
    """Failure of a request to an endpoint.

    Attributes:
        agent: Name of the agent.
        model: Name of the model.
        endpoint: Address of the endpoint.
        attempt: Number of the request within one operation, from 1.
        error: The error as text.
        then: Next action: a retry, the next endpoint, or the error is raised.
    """

    type: ClassVar[str] = "model_failed"
    ends: ClassVar[str] = "model"
    agent: str
    model: str
    endpoint: str
    attempt: int
    error: str
    then: str


@dataclass(kw_only=True)
class ReasoningTree(Event):
    """End of a search in a tree of thoughts.

    Attributes:
        agent: Name of the agent.
        name: Method of the search.
        tree: The tree, as `ThinkNode.to_dict` makes it.
        calls: Number of requests to models for the reply, in all of its trees.
        cost: Their cost (USD).
        stopped_by: Limit that ended the search early; None if none did.
        seconds: Duration.
    """

    type: ClassVar[str] = "reasoning_tree"
    ends: ClassVar[str] = "reasoning"
    agent: str
    name: str
    tree: dict[str, Any]
    calls: int
    cost: float
    stopped_by: str | None
    seconds: float

"""Agent cards: they are fetched, their signatures are checked, and they can't lead to another host."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._extras import require
from .._mistakes import trim_stop
from .._secrets import mask_url, redact
from ..agentchat._core.messages import normalize_name
from ..fetching import AddressRefused, FetchPolicy
from .errors import A2aAgentNotFoundError, A2aClientError

if TYPE_CHECKING:
    import httpx
    from a2a.types import AgentCard

CARD_PATHS = ("/.well-known/agent-card.json", "/.well-known/agent.json")
"""Paths of cards: of today, and of versions before 0.3."""

DEFAULT_PORTS = {"http": 80, "https": 443}


def require_sdk() -> None:
    """Check that the SDK is installed.

    Raises:
        ImportError: if the extra `a2a` is not installed.
    """
    require("a2a.client", extra="a2a", feature="A client of A2A agents")


def check_url(url: str) -> str:
    """Return the address of an agent without the path of its card.

    Raises:
        ValueError: if it is not an address.
    """
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        shown = mask_url(url) if isinstance(url, str) else url
        raise ValueError(f"The address of a remote agent must begin with http:// or https://, got {shown!r}.")
    for path in CARD_PATHS:
        url = url.removesuffix(path)
    return url.rstrip("/")


def check_card(card: Any) -> AgentCard:
    """Return the card if it is one of the SDK, in the form of version 1.

    Raises:
        TypeError: if it is something else.
    """
    require_sdk()
    from a2a.types import AgentCard

    if not isinstance(card, AgentCard):
        raise TypeError(
            f"A card must be an a2a.types.AgentCard of a2a-sdk 1.0 or later, which is a protobuf message, "
            f"got {type(card).__module__}.{type(card).__qualname__}."
        )
    return card


async def fetch_card(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], keys: Mapping[str, Any] | None
) -> AgentCard:
    """Fetch the card of an agent.

    Args:
        client: HTTP client.
        url: Address of the agent.
        headers: Headers of the requests.
        keys: Keys for signatures, by id; None to check none.

    Raises:
        A2aAgentNotFoundError: if there is none.
        A2aClientError: if it can't be fetched or parsed, or its signature is not valid.
    """
    from a2a.client import A2ACardResolver
    from a2a.client.errors import AgentCardResolutionError

    shown = mask_url(url)
    for path in CARD_PATHS:
        try:
            card = await A2ACardResolver(client, url, path).get_agent_card(http_kwargs={"headers": dict(headers)})
        except AgentCardResolutionError as error:
            if error.status_code == 404:
                continue
            text = str(redact(str(error)))
            raise A2aClientError(f"The card of the A2A agent at {shown} can't be read: {trim_stop(text)}.") from error
        if keys is not None:
            check_signature(card, keys, shown)
        return card
    raise A2aAgentNotFoundError(f"There is no A2A agent at {shown}: it has no card at {' or '.join(CARD_PATHS)}.")


def check_signature(card: AgentCard, keys: Mapping[str, Any], shown: str) -> None:
    """Check that a card is signed with a known key.

    Args:
        card: Card.
        keys: public keys as PEM texts or JSON web keys, by id.
        shown: Address of the card, for the error.

    Raises:
        ImportError: if the package for signatures is not installed.
        A2aClientError: if it is not.
    """
    require("jwt", extra="a2a", feature="Checking the signatures of agent cards")
    from a2a.utils.signing import SignatureVerificationError, create_signature_verifier

    def find_key(key_id: str | None, address: str | None) -> Any:
        key = keys.get(key_id or "")
        if key is None:
            # The address is that of a stranger, whose key would prove nothing.
            raise SignatureVerificationError(f"the key {key_id!r} is not among the card_keys")
        if isinstance(key, Mapping):
            from jwt import PyJWK

            return PyJWK(dict(key))
        return key

    verify = create_signature_verifier(find_key, ["ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"])
    try:
        verify(card)
    except SignatureVerificationError as error:
        text = trim_stop(str(error) or type(error).__name__)
        raise A2aClientError(f"The card of the A2A agent at {shown} is not signed with a known key: {text}.") from error


def keep_own_interfaces(card: AgentCard, url: str, allowed_hosts: Collection[str]) -> AgentCard:
    """Return a card without interfaces of other servers, to which the credentials of this one would go.

    Args:
        card: Card that was fetched from the address.
        url: Address of the agent.
        allowed_hosts: Other hosts that may be sent to, as `FetchPolicy` has them.

    Raises:
        A2aClientError: if there is no other interface.
    """
    own = [item for item in card.supported_interfaces if _is_allowed(item.url, url, allowed_hosts)]
    if not own:
        others = ", ".join(sorted({mask_url(item.url) for item in card.supported_interfaces})) or "none"
        raise A2aClientError(
            f"The card of the A2A agent at {mask_url(url)} names no address of this server, but {others}. If that is the "
            "agent, pass its host in allowed_hosts."
        )
    kept = type(card)()
    kept.CopyFrom(card)
    del kept.supported_interfaces[:]
    kept.supported_interfaces.extend(own)
    return kept


def _is_allowed(target: str, url: str, allowed_hosts: Collection[str]) -> bool:
    try:
        origins = [_get_origin(urlsplit(text)) for text in (target, url)]
    # The port may be a word.
    except ValueError:
        return False
    if origins[0] == origins[1]:
        return True
    scheme, host, port = origins[0]
    if not allowed_hosts or not host or port is None or (scheme != "https" and origins[1][0] == "https"):
        return False
    try:
        FetchPolicy(allowed_hosts=allowed_hosts).check_host(host, port)
    except AddressRefused:
        return False
    return True


def _get_origin(parts: Any) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)


def describe_card(card: AgentCard) -> str:
    """Return the description of an agent, with those of its skills."""
    skills = [f"{skill.name}: {skill.description}" for skill in card.skills]
    return " ".join(filter(None, [card.description, *skills]))


def make_name(url: str) -> str:
    """Return a name for the agent at an address."""
    parts = urlsplit(url)
    return normalize_name(f"{parts.hostname}{parts.path}")

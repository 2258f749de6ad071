"""The rules of fetching: which addresses may be connected to, and the limits of time and size."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from .._mistakes import trim_stop
from .._secrets import mask_url
from ._addresses import find_objection
from ._errors import AddressRefused, FetchError
from ._hosts import resolve_host

if TYPE_CHECKING:
    from .._extras import httpx

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# Ports of other protocols, for which a request may be a command: those that browsers refuse, and stores without a password.
OTHER_PROTOCOLS_TEXT = """
0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 123 135 137 139
143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 990 993 995 1719 1720 1723 2049
3659 4045 4190 5060 5061 6000 6379 6566 6665 6666 6667 6668 6669 6679 6697 10080 11211
"""
OTHER_PROTOCOLS: Final = frozenset(map(int, OTHER_PROTOCOLS_TEXT.split()))


@dataclass(frozen=True)
class FetchPolicy:
    """Rules for fetching addresses that came from a model, a page or a document.

    Args:
        allow_private: True to allow connections to this machine and to private networks; or the hosts for which they are
            allowed, as in `allowed_hosts`. Addresses that hand out the credentials of cloud machines stay refused, unless
            `allowed_hosts` has them as numbers.
        allow_file: True to allow `file://` addresses, in the address itself and never in a redirect.
        max_bytes: Maximum size of a resource in bytes, as sent and after decompression.
        timeout: Maximum time of a fetch in seconds, with all of its redirects.
        allowed_hosts: The only hosts that may be fetched from, as names or numbers. "*.example.org" means all hosts below
            it. None for all.
        blocked_hosts: Hosts that are refused, written in the same way.
        allowed_ports: The only ports that may be connected to. None for all but those of other protocols.
        max_redirects: Maximum number of redirects.

    Raises:
        ValueError: if a value is of no use.
    """

    allow_private: bool | Collection[str] = False
    allow_file: bool = False
    max_bytes: int = 20 * 2**20
    timeout: float = 30.0
    allowed_hosts: Collection[str] | None = None
    blocked_hosts: Collection[str] = ()
    allowed_ports: Collection[int] | None = None
    max_redirects: int = 10

    def __post_init__(self) -> None:
        for name in ("max_bytes", "timeout", "max_redirects"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= (name == "max_bytes"):
                raise ValueError(f"{name} must be a positive number, got {value!r}.")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (str, bytes)):
                raise ValueError(f"{field.name} must be a list, got {value!r}.")
            if isinstance(value, Collection):
                # Copied, so that a list which the program changes later changes no rule, and the policy can be hashed.
                object.__setattr__(self, field.name, tuple(value))

    def check_url(self, url: httpx.URL) -> None:
        """Check the scheme, the host and the port of an address, before its name is resolved.

        Args:
            url: The address, absolute.

        Raises:
            AddressRefused: if the policy does not allow it.
        """
        if url.scheme not in DEFAULT_PORTS:
            refuse(url, f"its scheme is {url.scheme or 'missing'!r}, and only http and https are allowed")
        if not url.host:
            refuse(url, "it has no host")
        if "%" in url.host:
            refuse(url, "its host has characters that no name has")
        self.check_host(url.host, url.port or DEFAULT_PORTS[url.scheme], url)

    def check_host(self, host: str, port: int, url: object = None) -> None:
        """Check a host and a port against the lists of this policy.

        Args:
            host: The name of the host, or its address.
            port: The port.
            url: The address to name in the error; None for host and port.

        Raises:
            AddressRefused: if the policy does not allow them.
        """
        url = url if url is not None else f"{host}:{port}"
        if self.allowed_hosts is not None and not has_host(self.allowed_hosts, host):
            refuse(url, f"{host} is not among the allowed hosts")
        if has_host(self.blocked_hosts, host):
            refuse(url, f"{host} is among the blocked hosts")
        if not 0 < port < 65_536:
            refuse(url, f"there is no port {port}")
        if self.allowed_ports is None:
            if port in OTHER_PROTOCOLS:
                refuse(url, f"port {port} belongs to another protocol")
        elif port not in self.allowed_ports:
            refuse(url, f"port {port} is not among the allowed ports")

    def resolve(self, host: str, port: int) -> list[str]:
        """Resolve a name and return those of its addresses to which this policy allows connections. It blocks.

        Args:
            host: The name of the host, or its address.
            port: The port.

        Raises:
            AddressRefused: if it has none that is allowed.
            FetchError: if the name can't be resolved.
        """
        try:
            addresses = resolve_host(host, port)
        except (OSError, UnicodeError) as error:
            raise FetchError(f"The name {host!r} can't be resolved: {trim_stop(error)}.") from error
        objections = {address: self._find_objection(host, address) for address in addresses}
        allowed = [address for address, objection in objections.items() if objection is None]
        if not allowed:
            refuse(f"{host}:{port}", next((text for text in objections.values() if text), "it has no address"))
        return allowed

    def _find_objection(self, host: str, address: str) -> str | None:
        """Return the reason for which a host's address is refused, as a clause; None if it is allowed."""
        is_private_allowed = self.allow_private is True or (
            isinstance(self.allow_private, Collection) and has_host(self.allow_private, host)
        )
        if self.allowed_hosts is not None and address in self.allowed_hosts and address == host:
            return None
        return find_objection(address, is_private_allowed=is_private_allowed)


def has_host(patterns: Collection[str], host: str) -> bool:
    """Return True if a list has a host, or a pattern such as "*.example.org" for it."""
    host = normalise_host(host)
    for pattern in patterns:
        wanted = normalise_host(pattern)
        if wanted == host or wanted == "*" or (wanted.startswith("*.") and host.endswith(wanted[1:])):
            return True
    return False


def normalise_host(host: str) -> str:
    """Return a host in lower case, without brackets and without the dot of an absolute name."""
    return host.strip("[]").rstrip(".").lower()


def refuse(url: object, reason: str) -> None:
    """Raise the error for an address that is refused.

    Raises:
        AddressRefused: always.
    """
    raise AddressRefused(f"{mask_url(str(url))} is not fetched: {reason}.")


_default_policy = FetchPolicy()


def get_default_policy() -> FetchPolicy:
    """Return the policy of fetches that name none."""
    return _default_policy


def set_default_policy(policy: FetchPolicy) -> None:
    """Set the policy of this process, for all fetches that name none."""
    global _default_policy
    if not isinstance(policy, FetchPolicy):
        raise TypeError(f"policy must be a FetchPolicy, got {policy!r}.")
    _default_policy = policy

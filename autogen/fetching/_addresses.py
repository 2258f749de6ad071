"""Internet addresses: which of them lead inside, to this machine or its network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

METADATA_TEXT = "169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 192.0.0.192 fd00:ec2::254 fd00:ec2::23"
METADATA: Final = frozenset(map(ip_address, METADATA_TEXT.split()))
"""Addresses at which clouds hand out the credentials of a machine to whoever asks from it."""

# Beside those that Python calls private. Older versions of Python know fewer of them.
PRIVATE_TEXT = "100.64.0.0/10 192.0.0.0/24 192.88.99.0/24 198.18.0.0/15 64:ff9b:1::/48 fec0::/10 100::/64 3fff::/20"
PRIVATE: Final = tuple(map(ip_network, PRIVATE_TEXT.split()))
# In each of them, an IPv4 address is part of the IPv6 address, at the position given in bits from the right.
EMBEDDED: Final = ((ip_network("64:ff9b::/96"), 0), (ip_network("::/96"), 0), (ip_network("2002::/16"), 80))

Address = IPv4Address | IPv6Address


def find_objection(text: str, *, is_private_allowed: bool = False) -> str | None:
    """Return the reason why nobody outside may make this process connect to an address, as a clause; None if there is none.

    Args:
        text: The address, as numbers.
        is_private_allowed: True if this machine and its networks may be connected to.
    """
    # A scope, such as %eth0, names an interface of this machine.
    address = unwrap(ip_address(text.partition("%")[0]))
    if address in METADATA:
        return f"{text} hands out the credentials of cloud machines"
    if address.is_multicast or address.is_unspecified or (address.is_reserved and not address.is_loopback):
        # On many systems, 0.0.0.0 is this machine.
        return f"{text} is not the address of a single machine"
    if is_private_allowed:
        return None
    if address.is_loopback:
        return f"{text} is this machine itself"
    if address.is_link_local or is_private(address):
        return f"{text} is an address of a private network"
    return None


def is_private(address: Address) -> bool:
    """Return True if an address is not one of the public internet."""
    return not address.is_global or any(network.version == address.version and address in network for network in PRIVATE)


def unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for; another address as it is."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.teredo is not None:
        return address.teredo[1]
    if address.is_loopback or address.is_unspecified:
        return address
    for network, shift in EMBEDDED:
        if address in network:
            return IPv4Address((int(address) >> shift) & 0xFFFF_FFFF)
    return address

"""Hosts and their addresses: resolving names, and the time for each of several addresses."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence

MIN_SECONDS = 0.001


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host, each once. It blocks for as long as the system likes.

    Raises:
        OSError, UnicodeError: if the name can't be resolved.
    """
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in rows))


def share_time(addresses: Sequence[str], get_remaining: Callable[[], float]) -> Iterator[tuple[str, float, bool]]:
    """Yield each address with its seconds, and whether it is the last: none may use up the time of those after it.

    Args:
        addresses: The addresses.
        get_remaining: Returns the seconds that remain for all.
    """
    for index, address in enumerate(addresses):
        rest = len(addresses) - index
        yield address, max(get_remaining() / rest, MIN_SECONDS), rest == 1

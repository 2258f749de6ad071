"""Exceptions of `autogen.fetching`. Their texts have no credentials, so they may be shown to a model."""

from __future__ import annotations


class FetchError(OSError):
    """Raised if a resource can't be fetched, because the connection fails, say; base class of the other errors."""


class AddressRefused(FetchError):
    """Raised if the policy allows no connection to an address: its scheme, host or port, or where the name leads."""


class FetchTimeout(FetchError):
    """Raised if a resource is not there within the time limit of the policy."""


class ResourceTooLarge(FetchError):
    """Raised if a resource is larger than the policy allows, as sent or after decompression."""


class UnexpectedContent(FetchError):
    """Raised if a resource has another content type than those asked for, or an encoding that nobody asked for."""


class StatusError(FetchError):
    """Raised by `FetchedResource.raise_for_status` if the server answered with an HTTP error.

    Args:
        message: The text of the error.
        status: The HTTP status.

    Attributes:
        status: As above.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

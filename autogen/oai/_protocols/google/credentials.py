"""Credentials of Google, as its SDK takes them."""

from __future__ import annotations

from collections.abc import Callable

import google.auth.credentials

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class TokenCredentials(google.auth.credentials.Credentials):
    """Credentials from the program's own function, which is asked before each request.

    Args:
        provider: A function that returns a token.
    """

    def __init__(self, provider: Callable[[], object]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._provider = provider

    @property
    def expired(self) -> bool:
        """True: the function knows how long a token lasts."""
        return True

    def refresh(self, request: object) -> None:
        """Get a token.

        Raises:
            TypeError: if it is not a text.
        """
        token = self._provider()
        if not isinstance(token, str):
            hint = '"protocol": "chat" in the entry takes async functions as well'
            raise TypeError(f"token_provider must return a text, got {type(token).__name__}: {hint}.")
        self.token = token


def add_scopes(credentials: object) -> object:
    """Return credentials that may be used for Google's cloud, if those of a file say nothing about it."""
    scoped: object = google.auth.credentials.with_scopes_if_required(credentials, _SCOPES)  # type: ignore[no-untyped-call]
    return scoped

"""Exceptions raised for model endpoints. They derive from the SDK's, so importing this module imports `openai`.

>>> import openai
>>> from autogen.oai.errors import InvalidResponse
>>> issubclass(InvalidResponse, openai.APIError)
True
"""

from __future__ import annotations

import openai

__all__ = ["InvalidResponse", "MissingCredentials", "UnreadableAnswer"]


class InvalidResponse(openai.APIError):
    """Raised if an endpoint responds with something other than a completion.

    Examples are an error page with status 200, broken JSON, and a stream that ends early. It can be pickled.

    Args:
        message: The text of the error.
        received: An excerpt of the response, or the reason why it can't be read.

    Attributes:
        received: As above.
    """

    def __init__(self, message: str, *, received: str = "") -> None:
        # The SDK's `__init__` wants the HTTP request, which neither a cut stream nor a journal has.
        Exception.__init__(self, message)
        self.message = message
        self.received = received
        self.body = self.code = self.param = self.type = None


class UnreadableAnswer(InvalidResponse):
    """Raised if a response is not a completion, ends early, or has calls that may mean several things.

    The request is retried, or goes to the next endpoint; the error is raised if there is none. See `InvalidResponse` for
    its attributes.
    """


class MissingCredentials(openai.OpenAIError, ValueError, AssertionError):
    """Raised if neither the config nor the environment has credentials for an endpoint.

    The SDK raises an `OpenAIError` here; the clients of 0.2 raised a ValueError or an AssertionError.
    """

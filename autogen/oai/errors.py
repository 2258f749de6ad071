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


class ResponseTooLarge(InvalidResponse):
    """Raised if a response is larger than `max_response_bytes` in the endpoint's config, after decompression.

    The default is 64 MiB. The next endpoint is asked. It can be pickled.
    """


class RedirectRefused(openai.APIStatusError):
    """Raised if an endpoint redirects a request to another server, which would get the key and the conversation.

    The next endpoint is asked. It can be pickled.

    Args:
        message: The text of the error.
        status_code: The HTTP status.
        location: The address of the other server, its secrets masked.

    Attributes:
        status_code: As above.
        location: As above.
    """

    def __init__(self, message: str, *, status_code: int = 307, location: str = "") -> None:
        # The SDK's `__init__` wants the HTTP response, which holds the request's key.
        Exception.__init__(self, message)
        self.message = message
        self.status_code = status_code
        self.location = location
        self.request_id = self.body = self.code = self.param = self.type = None


class MissingCredentials(openai.OpenAIError, ValueError, AssertionError):
    """Raised if neither the config nor the environment has credentials for an endpoint.

    The SDK raises an `OpenAIError` here; the clients of 0.2 raised a ValueError or an AssertionError.
    """

"""Errors of vendors as errors of the `openai` SDK, which retries, fallback and programs know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
}


def make_status_error(
    status: int, message: str, *, code: str | None = None, kind: str | None = None, response: Any = None
) -> Exception:
    """Return the error of the `openai` SDK for a refusal.

    Args:
        status: HTTP status that says what went wrong. An error inside an answer has none of its own.
        message: Text of the vendor.
        code: The vendor's code, or the code of OpenAI that means the same.
        kind: The vendor's type of error.
        response: The HTTP response, whose headers may say how long to wait; None if the error came inside an answer.
    """
    import openai

    from .._http.libraries import httpx

    if response is None:
        response = httpx.Response(status, request=httpx.Request("POST", "https://endpoint.invalid"))
    name = _CLASSES.get(status, "InternalServerError" if status >= 500 else "APIStatusError")
    body = {"message": message, "code": code, "type": kind}
    error: Exception = getattr(openai, name)(message, response=response, body=body)
    return error


def read_error(value: object) -> tuple[str, str, str]:
    """Return the code, the type and the message of an error in a body; empty texts for those that it lacks."""
    error = value if isinstance(value, Mapping) else {"message": value}
    nested = error.get("error")
    if isinstance(nested, Mapping):
        error = nested
    elif isinstance(nested, str):
        error = {"message": nested, **error}
    texts = (str(error.get(key) or "") for key in ("code", "type", "message"))
    code, kind, message = texts
    return code, kind, message or "no details"

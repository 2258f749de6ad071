"""Requests for pictures, to endpoints that have OpenAI's `images/generations`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from ..._steps import Steps, invoke, wrap_in_thread
from .._endpoints.openai_client import OpenAIClient
from .._http.settings import name_cause
from .._model_client import ModelResponse
from .endpoints import EndpointRequest, Handler, RequestState
from .layers import add_accounting, add_limits, add_retries

if TYPE_CHECKING:
    import openai

IMAGE_PARAMS = frozenset(
    {
        *("model", "prompt", "n", "size", "quality", "style", "background", "moderation", "user", "timeout"),
        *("response_format", "output_format", "output_compression", "extra_body", "extra_headers"),
    }
)
"""Parameters of a request for pictures. Others of a config are those of chats."""


@dataclass
class ImageResponse:
    """The response to a request for pictures.

    Attributes:
        images: The pictures, each with `b64_json` or a `url`, and maybe a `revised_prompt`.
        model: The model.
        usage: Tokens, under the names of chats; None if the endpoint reports none.
        choices: Empty: the field is that of chats.
    """

    images: list[dict[str, Any]]
    model: str
    usage: dict[str, Any] | None = None
    choices: list[Any] = field(default_factory=list)


def send_image_request(request: EndpointRequest, state: RequestState) -> Steps[ModelResponse]:
    """Send a request for pictures: the innermost handler.

    Raises:
        TypeError: if the endpoint has a client of its own, which makes no pictures.
        openai.APIError: if the endpoint can't be reached, refuses, or sends no picture.
    """
    client = request.endpoint.client
    if not isinstance(client, OpenAIClient):
        raise TypeError(f"{request.label} makes no pictures: its client is a {type(client).__name__}.")
    sent = {name: value for name, value in request.params.items() if name in IMAGE_PARAMS}
    send = _Sender(client, sent)
    return (yield from invoke(send.send, send.a_send))


class _Sender:
    """The two ways to send a request for pictures."""

    def __init__(self, client: OpenAIClient, params: Mapping[str, Any]) -> None:
        self._client = client
        self._params = params

    def send(self) -> ModelResponse:
        import openai

        try:
            return self._read(self._client.sdk_client.images.generate(**self._params))
        except openai.APIConnectionError as error:
            raise name_cause(error) from error

    async def a_send(self) -> ModelResponse:
        import openai

        if self._client.endpoint is None or self._client.endpoint.is_synchronous:
            return await wrap_in_thread(self.send)()
        sdk = await self._client.endpoint.a_get_client()
        try:
            return self._read(await sdk.images.generate(**self._params))
        except openai.APIConnectionError as error:
            raise name_cause(error) from error

    def _read(self, response: openai.types.ImagesResponse) -> ModelResponse:
        images = [_read_image(image) for image in getattr(response, "data", None) or ()]
        if not any("b64_json" in image or "url" in image for image in images):
            # The endpoint may answer with anything.
            from .._responses.normalize import make_unreadable

            raise make_unreadable("has no picture", repr(response))
        usage = _read_usage(getattr(response, "usage", None))
        return cast("ModelResponse", ImageResponse(images, str(self._params.get("model")), usage))


def _read_image(image: Any) -> dict[str, Any]:
    names = ("b64_json", "url", "revised_prompt")
    return {name: value for name in names if isinstance(value := getattr(image, name, None), str) and value}


def _read_usage(usage: Any) -> dict[str, Any] | None:
    if usage is None:
        return None
    prompt, completion = (getattr(usage, name, None) or 0 for name in ("input_tokens", "output_tokens"))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


handle_image_request: Handler = add_retries(add_limits(add_accounting(send_image_request)))
"""Handler for requests for pictures."""

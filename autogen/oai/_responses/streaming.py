"""Reception of streamed responses: each piece is passed on at once, and the whole response is returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..._steps import Call, Steps
from ...token_count_utils import estimate_tokens
from ...types import JSON
from .assembly import Assembler, StreamAssembler
from .calls import UnreadableCalls
from .normalize import make_unreadable, normalize_completion
from .sdk_calls import a_iter_chunks, iter_chunks
from .tokens import TokenReceiver, get_token_receiver

if TYPE_CHECKING:
    from .failed_calls import AnswerReader
    from .sdk_calls import Params, SDKStream


def receive_stream(
    stream: SDKStream, params: Params, origin: str = "", reader: AnswerReader | None = None
) -> Steps[dict[str, JSON]]:
    """Pass the pieces of a response on to the receiver of the request, and return the response as a whole, normalised.

    Args:
        stream: The SDK's stream.
        params: Parameters of the request.
        origin: Origin of the response; see `normalize_completion`.
        reader: Reader of an answer with calls as text; None for an answer that has no such calls.

    Raises:
        UnreadableAnswer: if it ends early, or its chunks don't make a response.
    """
    assembler = StreamAssembler() if reader is None else reader.make_assembler()
    body = yield from assemble_stream(stream, assembler)
    data = body if reader is None else reader.translate(body)
    response = normalize_completion(data, model=str(params.get("model")), origin=origin)
    if not response["usage"]:
        response["usage"] = estimate_usage(params, response["choices"])
    return response


def assemble_stream(stream: SDKStream, assembler: Assembler) -> Steps[dict[str, JSON]]:
    """Pass the pieces of a response on to the receiver of the request, and return the assembled response.

    Args:
        stream: The SDK's stream.
        assembler: Assembler of its chunks.

    Raises:
        UnreadableAnswer: if it ends early, or its chunks don't make a response.
    """
    yield Call(_read, _a_read, (stream, assembler, get_token_receiver()), {})
    try:
        response = assembler.build_response()
    except UnreadableCalls as error:
        raise make_unreadable(f"can't be read: {error}") from None
    if not assembler.complete:
        raise make_unreadable("ended early", response)
    if assembler.skipped and assembler.is_empty:
        raise make_unreadable("is a stream without an answer", response)
    return response


def _read(stream: SDKStream, assembler: Assembler, receiver: TokenReceiver) -> None:
    for chunk in iter_chunks(stream):
        receiver.receive(assembler.feed(chunk))
    receiver.receive(assembler.finish())


async def _a_read(stream: SDKStream, assembler: Assembler, receiver: TokenReceiver) -> None:
    async for chunk in a_iter_chunks(stream):
        receiver.receive(assembler.feed(chunk))
    receiver.receive(assembler.finish())


def estimate_usage(params: Params, choices: Any) -> dict[str, JSON]:
    """Return an estimate of the tokens of a request and its answer, for servers that don't report them."""
    model = str(params.get("model"))
    offered = [*(params.get("tools") or ()), *(params.get("functions") or ())]
    prompt = estimate_tokens(params["messages"], model) + estimate_tokens(offered, model)
    messages: list[Mapping[str, Any]] = [choice["message"] for choice in choices]
    completion = sum(estimate_tokens([m.get("content"), *(m.get("tool_calls") or ())], model) for m in messages)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

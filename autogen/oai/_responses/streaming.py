"""Reception of streamed responses: what arrives is shown at once, and the whole response is returned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..._steps import Call, Steps
from ...formatting_utils import ColouredText
from ...io.base import IOStream
from ...token_count_utils import estimate_tokens
from ...types import JSON
from .assembly import Delta, StreamAssembler
from .calls import UnreadableCalls
from .normalize import make_unreadable, normalize_completion
from .sdk_calls import a_iter_chunks, iter_chunks
from .text import repair_text

if TYPE_CHECKING:
    from .sdk_calls import Params, SDKStream


def receive_stream(stream: SDKStream, params: Params) -> Steps[dict[str, JSON]]:
    """Print a streamed response while it arrives, and return it as a whole, as JSON.

    Raises:
        UnreadableAnswer: if it ends early, or its chunks don't make a response.
    """
    assembler = StreamAssembler()
    show = IOStream.get_default().print
    show(ColouredText(start="\033[32m"), end="")
    try:
        yield Call(_read, _a_read, (stream, assembler, show), {})
    finally:
        show(ColouredText(end="\033[0m"), end="\n\n")
    try:
        response = assembler.build_response()
    except UnreadableCalls as error:
        raise make_unreadable(f"can't be read: {error}") from None
    if not assembler.complete:
        raise make_unreadable("ended early", response)
    if assembler.skipped and assembler.is_empty:
        raise make_unreadable("is a stream without an answer", response)
    response = normalize_completion(response, model=str(params.get("model")))
    if not response["usage"]:
        response["usage"] = _estimate_usage(params, response["choices"])
    return response


def _read(stream: SDKStream, assembler: StreamAssembler, show: Callable[..., None]) -> None:
    for chunk in iter_chunks(stream):
        _show(assembler.feed(chunk), show)


async def _a_read(stream: SDKStream, assembler: StreamAssembler, show: Callable[..., None]) -> None:
    async for chunk in a_iter_chunks(stream):
        _show(assembler.feed(chunk), show)


def _show(deltas: list[Delta], show: Callable[..., None]) -> None:
    for delta in deltas:
        if delta.kind == "text":
            show(repair_text(delta.text), end="", flush=True)


def _estimate_usage(params: Params, choices: Any) -> dict[str, JSON]:
    """Estimate the tokens of a stream whose server doesn't report them."""
    model = str(params.get("model"))
    offered = [*(params.get("tools") or ()), *(params.get("functions") or ())]
    prompt = estimate_tokens(params["messages"], model) + estimate_tokens(offered, model)
    messages: list[Mapping[str, Any]] = [choice["message"] for choice in choices]
    completion = sum(estimate_tokens([m.get("content"), *(m.get("tool_calls") or ())], model) for m in messages)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

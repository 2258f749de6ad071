"""Approval of calls before they are made."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, Union

from ..coding.approval import visible
from ..io.base import IOStream
from ._json_text import to_json
from .errors import McpToolError

Verdict: TypeAlias = Union[bool, str]
"""True to make the call; False, or a text with the reason, to refuse it."""

Approval: TypeAlias = Union[bool, Callable[[str, dict[str, Any]], Union[Verdict, Awaitable[Verdict]]], None]

_YES = ("y", "yes")
_NO = ("", "n", "no")


def check_approval(approval: object) -> None:
    """Check the argument of that name.

    Raises:
        TypeError: if it is neither a function nor True nor None.
    """
    if not (approval is None or isinstance(approval, bool) or callable(approval)):
        raise TypeError(f"approval must be a function (tool, arguments), True or None, got {approval!r}.")


def make_approver(approval: Approval, server: str) -> Callable[[str, dict[str, Any]], Awaitable[None]]:
    """Return a coroutine function that raises `McpToolError` for a call that is not approved."""

    async def approve(tool: str, arguments: dict[str, Any]) -> None:
        if not approval:
            return
        if approval is True:
            verdict: Any = await asyncio.to_thread(_ask_human, server, tool, arguments)
        else:
            # A copy, so that the function can't change the call.
            verdict = approval(tool, dict(arguments))
            verdict = await verdict if inspect.isawaitable(verdict) else verdict
        if verdict is not True:
            reason = f" {verdict.strip()}" if isinstance(verdict, str) and verdict.strip() else ""
            raise McpToolError(f"The call of {tool!r} was not approved.{reason}")

    return approve


def _ask_human(server: str, tool: str, arguments: dict[str, Any]) -> Verdict:
    stream = IOStream.get_default()
    call = visible(f"{tool}({to_json(arguments)})")
    stream.print(f"----- a call of the MCP server {server!r} -----\n{call}\n-----", flush=True)
    try:
        answer = stream.input("Make it? [y: yes; n or Enter: no; anything else: no, with this reason for the model] ")
    except EOFError:
        return "Nobody is there to approve it."
    answer = answer.strip()
    if answer.lower() in _YES:
        return True
    return False if answer.lower() in _NO else answer

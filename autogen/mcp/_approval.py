"""Approval of calls before they are made."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias, Union

from .._steps import run_async
from ..agentchat._approvals.policy import HUMAN, Ask, Edit, make_policy
from ..agentchat._approvals.rules import apply_rule
from ..agentchat._guardrails.checks import GuardedCall
from ..coding.approval import ask_on_stream, visible
from ._json_text import to_json
from .errors import McpToolError

Approval: TypeAlias = Union[bool, str, Callable[..., Any], list[Any], None]


class Approver:
    """The approval that calls of a server's tools need.

    In a chat it is the approval of any tool: the agent that executes the call asks its human, and the reader of the chat's
    events may answer. A program that calls a tool itself is asked on its stream.

    Args:
        approval: True or `human` for a human; a function `(tool, arguments)`; `Rules`, a `Reviewer`, or a list as for
            `register_for_execution`; None or False for no approval.
        server: Name of the server.

    Raises:
        TypeError, ValueError: if `approval` is something else.
    """

    def __init__(self, approval: Approval, server: str) -> None:
        self._server = server
        self._function: Callable[..., Any] | None = None
        self._rules: list[Any] = []
        if approval is True:
            approval = HUMAN
        if callable(approval) and not hasattr(approval, "_decide_step"):
            self._function = approval
        elif approval is not None and approval is not False:
            policy = make_policy(approval)
            self._rules = [*policy.rules, *([self._ask] if policy.needs_human else [])]

    def get_rules(self, tool: str) -> list[Callable[[GuardedCall], Any]] | None:
        """Return the rules about a tool, by its name at the server; None if its calls need no approval."""
        if self._function is None:
            return self._rules or None
        decide = self._function

        async def rule(call: GuardedCall) -> bool | str:
            # A copy, so that the function can't change the call.
            verdict = decide(tool, dict(call.arguments))
            verdict = await verdict if inspect.isawaitable(verdict) else verdict
            return verdict if isinstance(verdict, str) else verdict is True

        return [rule]

    def _ask(self, call: GuardedCall) -> Ask:
        return Ask(f"a tool of the MCP server {self._server!r}")

    async def check(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Check a call that a program makes without an agent. Returns the arguments to use.

        Raises:
            McpToolError: if it is not approved.
        """
        needs_human = False
        for rule in self.get_rules(tool) or ():
            verdict = await run_async(apply_rule(rule, GuardedCall("", tool, dict(arguments))))
            if isinstance(verdict, Ask) or verdict == HUMAN:
                needs_human = True
            elif isinstance(verdict, Edit):
                arguments = dict(verdict.arguments)
            else:
                _require(tool, verdict)
        if needs_human:
            _require(tool, await asyncio.to_thread(_ask_stream, self._server, tool, arguments))
        return arguments


def _require(tool: str, verdict: object) -> None:
    if verdict is not True:
        reason = f" {verdict.strip()}" if isinstance(verdict, str) and verdict.strip() else ""
        raise McpToolError(f"The call of {tool!r} was not approved.{reason}")


def _ask_stream(server: str, tool: str, arguments: dict[str, Any]) -> bool | str:
    call = visible(f"{tool}({to_json(arguments)})")
    return ask_on_stream(f"----- a call of the MCP server {server!r} -----\n{call}\n-----", "Make it?")

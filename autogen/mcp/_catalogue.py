"""The tools that a server lists, as tools for models."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from .._untrusted import clean_description, clean_schema
from ..tools.tool import Tool
from ._offers import Offers
from .errors import McpServerError

logger = logging.getLogger(__name__)

# Models accept no other names.
_INVALID = re.compile(r"[^a-zA-Z0-9_-]")
_MAX_NAME = 64
_TEXT = {"type": "string"}

Function = Callable[[str, dict[str, Any]], Awaitable[str]]
"""A function of the name of a tool and the arguments of a call."""


class McpTool(Tool):
    """A tool of an MCP server, which tells its toolbox where it is registered."""

    def __init__(self, offers: Offers, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._offers = offers

    def register_for_llm(self, agent: Any) -> None:
        """Let the model of an agent call the tool."""
        super().register_for_llm(agent)
        self._offers.add_caller(agent, self.name)

    def register_for_execution(self, agent: Any) -> None:
        """Let an agent execute the tool."""
        super().register_for_execution(agent)
        self._offers.add_executor(agent)

    def release(self, agent: Any, executor: Any) -> None:
        """Note the end of a run: tools that the server has had only since its start are taken back, too."""
        self._offers.release(agent, executor)


class Catalogue:
    """The tools that a server lists, and those of them that are offered to models.

    Args:
        server: Name of the server.
        offers: The agents that know the tools.
        allowed: Names of the tools to offer; None for all.
        excluded: Names of tools not to offer.
        prefix: Beginning of the tools' names for models.
        call: Calls a tool of the server.
        get_rules: Returns the approval that calls of a tool need.

    Attributes:
        listed: The tools of the server by name, as objects of the SDK.
    """

    def __init__(
        self,
        server: str,
        offers: Offers,
        *,
        allowed: Collection[str] | None,
        excluded: Collection[str],
        prefix: str,
        call: Function,
        get_rules: Callable[[str], list[Any] | None],
    ) -> None:
        self._server, self._offers = server, offers
        self._allowed = None if allowed is None else set(allowed)
        self._excluded = set(excluded)
        self._prefix = prefix
        self._call, self._get_rules = call, get_rules
        self._readers: dict[str, tuple[str, Mapping[str, Any], Function]] = {}
        self._functions: dict[str, Callable[..., Awaitable[str]]] = {}
        self.listed: dict[str, Any] = {}

    def add_resources(self, list_all: Function, read: Function) -> None:
        """Offer tools for the resources of the server."""
        uri = {"type": "object", "properties": {"uri": _TEXT}, "required": ["uri"]}
        self._readers["list_resources"] = ("List the resources that can be read.", {"type": "object"}, list_all)
        self._readers["read_resource"] = ("Read a resource.", uri, read)

    def add_prompts(self, list_all: Function, get: Function) -> None:
        """Offer tools for the prompts of the server."""
        arguments = {"type": "object", "additionalProperties": _TEXT}
        schema = {"type": "object", "properties": {"name": _TEXT, "arguments": arguments}, "required": ["name"]}
        self._readers["list_prompts"] = ("List the prompts of the server.", {"type": "object"}, list_all)
        self._readers["get_prompt"] = ("Get a prompt of the server.", schema, get)

    def update(self, listed: dict[str, Any]) -> dict[str, Tool]:
        """Note the tools that the server has now, and return those that are offered, by their names for models.

        Raises:
            McpServerError: if two of them have the same name for models.
        """
        for name, tool in listed.items():
            before = self.listed.get(name)
            if before is not None and (before.description, before.input_schema) != (tool.description, tool.input_schema):
                logger.warning(
                    "The MCP server %r has changed the description of its tool %r: check that it does what you allowed.",
                    self._server,
                    name,
                )
        self.listed = listed
        if self._allowed is not None and (missing := sorted(self._allowed - listed.keys())):
            logger.warning("The MCP server %r has no tool %s.", self._server, ", ".join(map(repr, missing)))
        tools: dict[str, Tool] = {}
        for name, tool in listed.items():
            if (self._allowed is None or name in self._allowed) and name not in self._excluded:
                if _needs_task(tool):
                    logger.warning(
                        "The MCP server %r runs its tool %r as a task only: it is not offered.", self._server, name
                    )
                    continue
                rules = self._get_rules(name) if may_change(tool) else None
                description, schema = clean_description(tool.description), clean_schema(tool.input_schema)
                self._add(tools, name, description, schema, self._call, rules)
        for name, (description, schema, function) in self._readers.items():
            self._add(tools, name, description, schema, function)
        logger.info("The MCP server %r offers the tools %s.", self._server, ", ".join(tools) or "none")
        return tools

    def get_function(self, name: str) -> Callable[..., Awaitable[str]] | None:
        """Return the function of a tool; None if it was never offered."""
        return self._functions.get(name)

    def _add(
        self,
        tools: dict[str, Tool],
        name: str,
        description: str,
        schema: Mapping[str, Any],
        function: Function,
        approve: list[Any] | None = None,
    ) -> None:
        offered = _INVALID.sub("_", f"{self._prefix}{name}")[:_MAX_NAME]
        if offered in tools:
            raise McpServerError(
                f"Two tools of the MCP server {self._server!r} have the name {offered!r} for models: leave one out by "
                "tools= or exclude=."
            )
        if name not in self._functions:
            self._functions[name] = _make_function(function, name)
        tools[offered] = McpTool(
            self._offers,
            name=offered,
            description=description or name,
            func_or_tool=self._functions[name],
            parameters_json_schema=schema,
            approve=approve,
            returns="untrusted",
        )


def may_change(tool: Any) -> bool:
    """Return True if a tool does not claim to be read-only."""
    return not (tool.annotations and tool.annotations.read_only_hint)


def _needs_task(tool: Any) -> bool:
    """Return True if a server lets a tool run as a task only, whose result is fetched later."""
    return getattr(getattr(tool, "execution", None), "task_support", None) == "required"


def _make_function(function: Function, name: str) -> Callable[..., Awaitable[str]]:
    async def call(**arguments: Any) -> str:
        return await function(name, arguments)

    return call

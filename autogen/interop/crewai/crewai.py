"""Conversion of CrewAI's tools: their flat schema, and their calls by `run` and `arun`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from ..._extras import require
from ..._steps import is_coroutine_function
from ..._threads import run_in_thread
from ...tools.tool import Tool
from .._arguments import keep_described, make_tool_name
from ..registry import register_interoperable_class

_EXTRA = "interop-crewai"


@register_interoperable_class("crewai")
class CrewAIInteroperability:
    """Conversion of CrewAI's tools."""

    @classmethod
    def convert_tool(cls, tool: Any, **kwargs: Any) -> Tool:
        """Convert a tool. With `result_as_answer` its result is the answer of an agent that works alone.

        Args:
            tool: A `crewai.tools.BaseTool`.
            **kwargs: There are no options.

        Returns:
            The tool. A call beyond its usage limit raises `ValueError`. The function of a tool with a coroutine is a
            coroutine function.

        Raises:
            ValueError: if it is not such a tool, or there are options.
            ImportError: if `crewai` is not installed.
        """
        module = require("crewai.tools", extra=_EXTRA, feature="The conversion of CrewAI's tools")
        if kwargs:
            raise ValueError(f"CrewAIInteroperability has no options, got {', '.join(map(repr, kwargs))}.")
        if not isinstance(tool, module.BaseTool):
            raise ValueError(f"A tool of CrewAI must be a crewai.tools.BaseTool, got {tool!r}.")
        schema = tool.args_schema.model_json_schema()
        # They describe the class behind the schema.
        described = {key: value for key, value in schema.items() if key not in ("title", "description")}
        return Tool(
            name=make_tool_name(tool.name),
            description=tool.description,
            func_or_tool=_make_function(tool, described, module),
            parameters_json_schema=described,
            reflect=not tool.result_as_answer,
            returns="untrusted",
        )

    @classmethod
    def get_unsupported_reason(cls) -> str | None:
        """Return the reason why CrewAI's tools can't be converted; None if they can."""
        if find_spec("crewai") is not None:
            return None
        return f'the package crewai is not installed: pip install "autogen-classic[{_EXTRA}]"'

    @classmethod
    def is_own_tool(cls, tool: object) -> bool:
        """Return True for a tool of CrewAI."""
        # Its import takes seconds, and there are no tools without it.
        module = sys.modules.get("crewai.tools")
        return module is not None and isinstance(tool, module.BaseTool)


def _make_function(tool: Any, schema: dict[str, Any], module: Any) -> Callable[..., Any]:
    """Make the function of a tool: a coroutine function if the tool has a coroutine."""
    # Versions before 1.15 have no such results.
    failure: Any = getattr(module, "ToolFailure", ())

    def check(result: Any) -> Any:
        if isinstance(result, failure):
            raise ValueError(result.message)
        return result

    def call(**arguments: Any) -> Any:
        return check(tool.run(**keep_described(arguments, schema, ())))

    async def call_async(**arguments: Any) -> Any:
        return check(await tool.arun(**keep_described(arguments, schema, ())))

    async def call_in_thread(**arguments: Any) -> Any:
        return await run_in_thread(partial(call, **arguments))

    # Tools made of functions have an attribute; classes override the methods.
    function = getattr(tool, "func", None)
    if function is not None:
        return call_async if is_coroutine_function(function) else call
    if getattr(type(tool), "_arun", None) is not getattr(module.BaseTool, "_arun", None):
        return call_async
    # CrewAI starts an event loop for such a coroutine, which it can't where one runs.
    return call_in_thread if is_coroutine_function(getattr(type(tool), "_run", None)) else call

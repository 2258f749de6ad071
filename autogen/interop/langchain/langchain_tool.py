"""Conversion of LangChain's tools: their flat schema, and their calls by `invoke` and `ainvoke`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from ..._extras import require
from ...tools.tool import Tool
from .._arguments import keep_described, make_tool_name
from ..registry import register_interoperable_class


@register_interoperable_class("langchain")
class LangChainInteroperability:
    """Conversion of LangChain's tools."""

    @classmethod
    def convert_tool(cls, tool: Any, **kwargs: Any) -> Tool:
        """Convert a tool. With `return_direct` its result is the answer of an agent that works alone.

        Args:
            tool: A `langchain_core.tools.BaseTool`.
            **kwargs: There are no options.

        Raises:
            ValueError: if it is not such a tool, or there are options.
        """
        if kwargs:
            raise ValueError(f"LangChainInteroperability has no options, got {', '.join(map(repr, kwargs))}.")
        return LangChainToolAdapter(tool)

    @classmethod
    def get_unsupported_reason(cls) -> str | None:
        """Return the reason why LangChain's tools can't be converted; None if they can."""
        if find_spec("langchain_core") is not None:
            return None
        return 'the package langchain-core is not installed: pip install "autogen-classic[interop-langchain]"'

    @classmethod
    def is_own_tool(cls, tool: object) -> bool:
        """Return True for a tool of LangChain."""
        return isinstance(tool, _get_base_class())


class LangChainToolAdapter(Tool):
    """A tool of LangChain as a `Tool`.

    The parameters that LangChain fills in (`InjectedToolArg`) are in no schema, and no argument of a model reaches them. The
    function of a tool with a coroutine is a coroutine function.

    Args:
        langchain_tool: A `langchain_core.tools.BaseTool`.

    Raises:
        ValueError: if it is not such a tool.
        ImportError: if `langchain-core` is not installed.
    """

    def __init__(self, langchain_tool: Any) -> None:
        if not isinstance(langchain_tool, _get_base_class()):
            raise ValueError(f"A tool of LangChain must be a BaseTool, got {langchain_tool!r}.")
        schema = langchain_tool.tool_call_schema
        parameters = dict(schema) if isinstance(schema, dict) else schema.model_json_schema()
        # They describe the class behind the schema.
        described = {key: value for key, value in parameters.items() if key not in ("title", "description")}
        super().__init__(
            name=make_tool_name(langchain_tool.name),
            description=langchain_tool.description,
            func_or_tool=_make_function(langchain_tool, described),
            parameters_json_schema=described,
            reflect=not langchain_tool.return_direct,
            returns="untrusted",
        )
        self.langchain_tool = langchain_tool


def _get_base_class() -> Any:
    module = require("langchain_core.tools", extra="interop-langchain", feature="The conversion of LangChain's tools")
    return module.BaseTool


def _make_function(tool: Any, schema: dict[str, Any]) -> Callable[..., Any]:
    """Make the function of a tool: a coroutine function if the tool has a coroutine."""
    hidden = set(tool.args) - set(schema.get("properties", {}))

    async def call_async(**arguments: Any) -> Any:
        return await tool.ainvoke(keep_described(arguments, schema, hidden))

    def call(**arguments: Any) -> Any:
        return tool.invoke(keep_described(arguments, schema, hidden))

    # Tools made of functions have an attribute; classes override the method.
    is_own = getattr(type(tool), "_arun", None) is not getattr(_get_base_class(), "_arun", None)
    is_async = getattr(tool, "coroutine", None) is not None if hasattr(tool, "coroutine") else is_own
    return call_async if is_async else call

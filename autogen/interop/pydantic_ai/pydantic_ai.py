"""Conversion of pydantic-ai's tools: their schema, and their calls with a run context."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from ..._extras import require
from ...tools.tool import Tool
from .._arguments import make_tool_name
from ..registry import register_interoperable_class

_FEATURE = "The conversion of pydantic-ai's tools"
_EXTRA = "interop-pydantic-ai"


@register_interoperable_class("pydanticai")
class PydanticAIInteroperability:
    """Conversion of pydantic-ai's tools."""

    @staticmethod
    def inject_params(ctx: Any, tool: Any) -> Callable[..., Any]:
        """Return the function of a tool, with the run context filled in.

        Args:
            ctx: A `pydantic_ai.RunContext`; None for a tool that takes none.
            tool: A `pydantic_ai.Tool`.

        Returns:
            A coroutine function. It validates its arguments, and raises `ValueError` if the tool wants another try.
        """
        retry_class = require("pydantic_ai", extra=_EXTRA, feature=_FEATURE).ModelRetry

        async def call(**arguments: Any) -> Any:
            try:
                validated = tool.function_schema.validator.validate_python(arguments)
                if tool.args_validator is not None:
                    checked = tool.args_validator(ctx, **validated)
                    if inspect.isawaitable(checked):
                        await checked
                result = await tool.function_schema.call(validated, ctx)
            except retry_class as error:
                if ctx is not None:
                    ctx.retry += 1
                raise ValueError(f"{error}\nTry again with other arguments.") from error
            if ctx is not None:
                ctx.retry = 0
            return result

        call.__name__ = make_tool_name(tool.name)
        call.__doc__ = tool.description
        return call

    @classmethod
    def convert_tool(cls, tool: Any, deps: Any = None, **kwargs: Any) -> Tool:
        """Convert a tool.

        Args:
            tool: A `pydantic_ai.Tool`.
            deps: Dependencies for a tool that takes the run context.
            **kwargs: There are no other options.

        Raises:
            ValueError: if it is not such a tool, takes the run context but gets no `deps`, demands an approval, which nobody
                would be asked for, or there are other options.
        """
        module = require("pydantic_ai", extra=_EXTRA, feature=_FEATURE)
        if kwargs:
            raise ValueError(f"PydanticAIInteroperability has the option 'deps', got {', '.join(map(repr, kwargs))}.")
        if not isinstance(tool, module.Tool):
            raise ValueError(f"A tool of pydantic-ai must be a pydantic_ai.Tool, got {tool!r}.")
        if tool.requires_approval:
            raise ValueError(f"The tool {tool.name!r} of pydantic-ai demands an approval, which nobody would be asked for.")
        if tool.takes_ctx and deps is None:
            raise ValueError(f"The tool {tool.name!r} of pydantic-ai takes the run context: pass deps= for it.")
        if not tool.takes_ctx and deps is not None:
            text = f"The tool {tool.name!r} of pydantic-ai takes no run context: deps= has no effect."
            warnings.warn(text, UserWarning, stacklevel=2)
        context = _make_context(tool, deps) if tool.takes_ctx or tool.args_validator is not None else None
        return Tool(
            name=make_tool_name(tool.name),
            description=tool.description or "",
            func_or_tool=cls.inject_params(context, tool),
            parameters_json_schema=tool.tool_def.parameters_json_schema,
            returns="untrusted",
        )

    @classmethod
    def get_unsupported_reason(cls) -> str | None:
        """Return the reason why pydantic-ai's tools can't be converted; None if they can."""
        if find_spec("pydantic_ai") is not None:
            return None
        return f'the package pydantic-ai-slim is not installed: pip install "autogen-classic[{_EXTRA}]"'

    @classmethod
    def is_own_tool(cls, tool: object) -> bool:
        """Return True for a tool of pydantic-ai."""
        kind: type = require("pydantic_ai", extra=_EXTRA, feature=_FEATURE).Tool
        return isinstance(tool, kind)


def _make_context(tool: Any, deps: Any) -> Any:
    """Make the run context of a tool, with the test model of pydantic-ai: no other model of it is there."""
    module = require("pydantic_ai", extra=_EXTRA, feature=_FEATURE)
    model = require("pydantic_ai.models.test", extra=_EXTRA, feature=_FEATURE).TestModel()
    usage = require("pydantic_ai.usage", extra=_EXTRA, feature=_FEATURE).RunUsage()
    return module.RunContext(deps=deps, model=model, usage=usage, tool_name=tool.name, max_retries=tool.max_retries or 1)

"""The tools that an agent's model may call, as objects, and those that a user interface gives to an agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...tools.tool import Tool
from ...tools.toolkit import collect_tools
from .._core.internals import internals
from .tool_registration import NAME_OF, ToolRegistrationMixin


class OfferedToolsMixin(ToolRegistrationMixin):
    """The tools of an agent's model."""

    @property
    def tools(self) -> list[Tool]:
        """The tools that the model may call, in order of registration, as far as their functions are known."""
        config = self.llm_config if isinstance(self.llm_config, dict) else {}
        tools: list[Tool] = []
        for key, get_name in NAME_OF.items():
            for schema in config.get(key) or ():
                name = get_name(schema)
                function = internals(self).offered_functions.get((key, name)) or self._function_map.get(name)
                if function is not None:
                    tools.append(_make_offered_tool(function, schema.get("function", schema)))
        return tools

    def remove_tool_for_llm(self, tool: Tool | Callable[..., object]) -> None:
        """Remove a tool from those that the model may call.

        Raises:
            ValueError: if the model does not know it.
        """
        [removed] = collect_tools(tool)
        config = self.llm_config if isinstance(self.llm_config, dict) else {}
        names = {key: [get_name(schema) for schema in config.get(key) or ()] for key, get_name in NAME_OF.items()}
        if removed.name in names["tools"]:
            self.update_tool_signature(removed.name, is_remove=True)
        elif removed.name in names["functions"]:
            self.update_function_signature(removed.name, is_remove=True)
        else:
            known = ", ".join([*names["tools"], *names["functions"]]) or "none"
            raise ValueError(f"The model of agent {self.name!r} does not know the tool {removed.name!r}; it knows: {known}.")

    def set_ui_tools(self, tools: Any) -> None:
        """Replace the tools that a user interface gives to the agent: its model may call them, and it executes them.

        Args:
            tools: Tools, functions or toolkits. An agent without a model only executes them.
        """
        # Checked before anything changes.
        collected = collect_tools(tools)
        self.unset_ui_tools(internals(self).ui_tools)
        for tool in collected:
            if self.llm_config is not False:
                tool.register_for_llm(self)
            tool.register_for_execution(self)
            internals(self).ui_tools.append(tool)

    def unset_ui_tools(self, tools: Any) -> None:
        """Remove tools that `set_ui_tools` has registered.

        Raises:
            ValueError: if one of them is not registered.
        """
        named = {tool.name: tool for tool in internals(self).ui_tools}
        removed = [tool.name for tool in collect_tools(tools)]
        for name in removed:
            if name not in named:
                raise ValueError(f"The agent {self.name!r} has no UI tool {name!r}; it has: {', '.join(named) or 'none'}.")
        for name in removed:
            tool = named.pop(name)
            if any(tool.name == name for tool in self.tools):
                self.remove_tool_for_llm(tool)
            # A new dict, without the warning of `register_function`.
            self._function_map = {key: function for key, function in self._function_map.items() if key != name}
        internals(self).ui_tools[:] = named.values()


def _make_offered_tool(function: Any, schema: Mapping[str, Any]) -> Tool:
    """Return the tool of a schema that a model has."""
    if isinstance(function, Tool) and function.name == schema["name"]:
        return function
    return Tool(
        name=schema["name"],
        description=schema.get("description") or "",
        func_or_tool=getattr(function, "_origin", function),
        parameters_json_schema=schema.get("parameters") or {},
    )

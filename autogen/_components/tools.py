"""Tools in documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..specs._protocols import Build, Config, JSONObject, LiveObject, Writer
from ..specs._registry import ComponentType
from ..specs.errors import Problem, SpecError
from ..specs.fields import ComponentConfig, PythonObject

if TYPE_CHECKING:
    from ..tools.tool import Tool


class PythonToolConfig(ComponentConfig):
    """Schema of `python`: a function that can be imported."""

    function: PythonObject
    name: str | None = None
    description: str | None = None
    reflect: bool = True
    approve: Literal["human"] | None = None


class PythonToolType(ComponentType):
    """The type of tools that are functions of modules."""

    name = "python"
    kind = "tool"
    config_model = PythonToolConfig
    label = "Function"
    description = "A function of a module."
    example: JSONObject = {"function": {"python": "acme.tools:look_up"}}

    def matches(self, obj: object) -> bool:
        """Return True for a tool of any function, but not for a tool whose class has a type of its own."""
        from ..tools.tool import Tool

        return type(obj) is Tool

    def make(self, config: PythonToolConfig, build: Build) -> LiveObject:
        """Make the tool."""
        from ..tools.tool import Tool, as_tool

        tool = as_tool(build.import_object(config.function))
        return Tool(
            func_or_tool=tool,
            name=config.name or tool.name,
            description=config.description or tool.description,
            reflect=config.reflect,
            approve=config.approve,
        )

    def write(self, obj: Tool, writer: Writer) -> Config:
        """Write the name of the function, and what differs from what it says of itself.

        Raises:
            SpecError: if the function can't be imported, or another function approves its calls.
        """
        from ..tools.tool import as_tool

        config: Config = {"function": writer.write_python(obj.function)}
        plain = as_tool(obj.function)
        if obj.name != plain.name:
            config["name"] = obj.name
        if obj.description != plain.description:
            config["description"] = obj.description
        if not obj.reflect:
            config["reflect"] = False
        if obj.approval is not None:
            if obj.approval[0] != "human":
                raise SpecError([Problem("", f"the approval of the tool {obj.name!r} can't be written", 'use "human"')])
            config["approve"] = "human"
        return config


TOOL_TYPES = (PythonToolType(),)

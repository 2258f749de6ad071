"""Tools that vendors run themselves, as entries of `tools`: each vendor gets its own, and the others go without."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .._once import log_once
from .protocol import Fields

_OWNERS = {
    "responses": re.compile(
        r"web_search(_preview)?(_\d{4}_\d\d_\d\d)?|file_search|code_interpreter|image_generation|mcp|shell|local_shell"
        r"|apply_patch|computer(_use_preview)?|custom|namespace|tool_search|programmatic_tool_calling"
    ),
    "anthropic": re.compile(
        r"(web_search|web_fetch|code_execution|bash|text_editor|memory|computer|browser|computer_toolset|browser_toolset"
        r"|advisor)_\d{8}|tool_search_tool_\w+|mcp_toolset"
    ),
    "google": re.compile(
        r"google_search(_retrieval)?|url_context|code_execution|file_search|google_maps|computer_use|mcp_servers"
        r"|enterprise_web_search"
    ),
}
"""The types of each vendor's tools, by the name of its protocol."""
_SETTINGS = ("tools", "tool_choice", "parallel_tool_calls")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_INPUT = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def fit_params(params: dict[str, Any], protocol: str, label: str, own: Collection[str] = ()) -> dict[str, Any]:
    """Return the parameters of a request with the tools that an endpoint takes, and a choice among them.

    Tools of other vendors are left out with a note, once for each. A tool that no known vendor has is kept: vendors add some
    every month.

    Args:
        params: The parameters, which stay as they are.
        protocol: Name of the endpoint's protocol; `chat` for chat completions.
        label: Name of the endpoint.
        own: Types of further tools that it runs itself.
    """
    tools: Sequence[Fields] = params.get("tools") or ()
    fitted = [tool for offered in tools if (tool := _fit_tool(offered, protocol, label, own)) is not None]
    if not tools or fitted == list(tools):
        return params
    rest = {key: value for key, value in params.items() if key not in _SETTINGS}
    if not fitted:
        return rest
    settings = {key: params[key] for key in _SETTINGS if key in params}
    if "tool_choice" in settings:
        settings["tool_choice"] = _fit_choice(settings["tool_choice"], tools, fitted)
    return {**rest, **{key: value for key, value in settings.items() if value is not None}, "tools": fitted}


def _fit_tool(tool: Fields, protocol: str, label: str, own: Collection[str]) -> Fields | None:
    kind, owners = _get_type(tool), _list_owners(tool)
    if not owners or protocol in owners or kind in own:
        return tool
    if kind == "custom" and tool.get("name"):
        return _convert_custom(tool)
    log_once(f"{label} has no tool {kind!r}: it is left out.")
    return None


def _fit_choice(choice: object, tools: Sequence[Fields], fitted: Sequence[Fields]) -> object:
    """Return a choice that fits to the tools that are left; None for the choice of a tool that is left out."""
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or kind == "function" or kind not in {tool.get("type") for tool in tools}:
        return choice
    if kind in {tool.get("type") for tool in fitted}:
        return choice
    return {"type": "function", "function": {"name": choice.get("name")}} if kind == "custom" else None


def _get_type(tool: Fields) -> str:
    """Return the type of a tool, in the spelling of `type`: Google's are keys such as `googleSearch`."""
    kind = tool.get("type") or next(iter(tool), "")
    return _CAPITAL.sub("_", str(kind)).lower()


def _list_owners(tool: Fields) -> list[str]:
    kind = _get_type(tool)
    # Of some vendors' forms for chat completions: {"type": "web_search", "web_search": {...}}. Functions have such a form.
    if isinstance(tool.get("function"), Mapping) or isinstance(tool.get(str(tool.get("type"))), Mapping):
        return []
    # Anthropic has "custom" for functions.
    if "input_schema" in tool:
        return ["anthropic"]
    owners = [name for name, types in _OWNERS.items() if types.fullmatch(kind)]
    if kind == "file_search":
        return ["responses"] if "vector_store_ids" in tool else ["google"]
    return owners


def _convert_custom(tool: Fields) -> Fields:
    """Return a custom tool of the Responses API as a function with one text."""
    description = str(tool.get("description") or "")
    form = tool.get("format")
    if isinstance(form, Mapping) and form.get("definition"):
        description += f"\nThe input must match this grammar ({form.get('syntax')}):\n{form['definition']}"
    function = {"name": tool["name"], "description": description.strip(), "parameters": _INPUT}
    return {"type": "function", "function": function}

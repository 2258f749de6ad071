"""The prompts for the model of an `AgentOptimizer`, and the tools by which it edits functions."""

from __future__ import annotations

from .actions import JSONObject

OPT_PROMPT = """You improve the functions of an AI assistant, so that it solves tasks of a certain kind better. The \
assistant calls them while it works; apart from them it is as it is. You see how its last conversations went and how they \
were judged, and you add, revise or remove functions.

How the functions did so far:
$statistic

The best functions so far:
$best_functions

The functions as they are now, after $actions_num of at most $max_actions changes of yours:
$incumbent_functions

$failure_experience
The last conversations, each with its result (1: solved, 0: not solved):
$conversation_history

Make the change that helps most with such tasks, by a call of add_function, revise_function or remove_function:
- A function serves many tasks of this kind, not one alone, and has a clear name and description.
- Its code is Python, defines a function of exactly this name, and imports what it needs. Its result is its return value, \
which must be text or serialisable as JSON.
- Each function works on its own: it can't call other functions of the assistant.
- Give an example: arguments with which it was meant to be called. It is called with them before anybody else can.
- Don't repeat what has failed before.
If no change is likely to help, say TERMINATE and call nothing.
"""
"""Text of a request. Its placeholders are those of `string.Template`."""

FAILURES = """These functions did worse than the best. Find out why, and avoid it:
$failures
"""

RETRY = "That change can't be made: {error} Make another change, or correct this one, by a call; or say TERMINATE."

_FIELDS = {
    "name": {"type": "string", "description": "The name of the function, as the code defines it."},
    "description": {"type": "string", "description": "What the function is for, and when to call it."},
    "arguments": {
        "type": "string",
        "description": "The arguments as a JSON object: for each name a JSON schema with type and description. For example: "
        '{"url": {"type": "string", "description": "The address of the page"}}. {} for a function without arguments.',
    },
    "packages": {
        "type": "string",
        "description": "The packages that the code needs besides the standard library, separated by commas. Empty for none.",
    },
    "code": {"type": "string", "description": "The code: imports, and the definition of the function."},
    "example": {
        "type": "string",
        "description": "Arguments for a trial call, as a JSON object of values: {} for a function without arguments.",
    },
}


def _make_tool(name: str, description: str, fields: list[str]) -> JSONObject:
    parameters = {"type": "object", "properties": {field: _FIELDS[field] for field in fields}, "required": fields}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


ADD_FUNC = _make_tool("add_function", "Add a function that the assistant does not have yet.", list(_FIELDS))
REVISE_FUNC = _make_tool("revise_function", "Replace a function of the assistant by a better one.", list(_FIELDS))
REMOVE_FUNC = _make_tool("remove_function", "Remove a function of the assistant.", ["name"])

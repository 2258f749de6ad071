"""The caller of a tool, as its server sees it: questions go to a human, requests to a model, progress to listeners."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import events
from .._untrusted import clean_description, clean_text
from ..agentchat._replies.termination_and_human import ask_about
from ..events import Event

_YES, _NO = ("y", "yes", "true", "1"), ("n", "no", "false", "0")
# A human who can't give a valid answer has had enough.
_MAX_QUESTIONS = 3

Ask = Callable[[str], Awaitable[str]]


@dataclass(kw_only=True)
class McpProgress(Event):
    """Progress of a tool of an MCP server.

    Attributes:
        server: Name of the server.
        tool: Name of the tool.
        progress: Progress so far, in units of the server.
        total: Progress at the end; None if it is not known.
        message: Description of the present state; empty if there is none.
    """

    type: ClassVar[str] = "mcp_progress"
    server: str
    tool: str
    progress: float
    total: float | None = None
    message: str = ""


class Caller:
    """The caller of a tool.

    Args:
        server: Name of the server.
        tool: Name of the tool.
        ask: Asks a human; None if nobody may be asked.
        sample: Answers a request to a model; None if there is no model.
    """

    def __init__(self, server: str, tool: str, ask: Ask | None, sample: Callable[[Any], Awaitable[Any]] | None) -> None:
        self._server, self._tool = server, tool
        self._ask, self._sample = ask, sample

    async def elicit(self, params: Any) -> Any:
        """Ask the human about each field of a form, or for consent to open an address."""
        from mcp.types import ElicitResult

        if self._ask is None:
            return ElicitResult(action="cancel")
        intro = f"The MCP server {self._server!r} asks: {clean_description(params.message)}\n"
        if (url := getattr(params, "url", None)) is not None:
            answer = await self._ask(f"{intro}Open {clean_text(url)} yourself, then answer y; n or Enter refuses: ")
            return ElicitResult(action="accept" if _parse_boolean(answer) else "decline")
        schema = params.requested_schema or {}
        content: dict[str, Any] = {}
        required = schema.get("required") or ()
        for name, field in (schema.get("properties") or {}).items():
            is_found, value = await self._ask_field(intro, name, field, name in required)
            if not is_found and name in required:
                return ElicitResult(action="decline")
            if is_found:
                content[name] = value
            intro = ""
        if not schema.get("properties"):
            answer = await self._ask(f"{intro}y: yes; n or Enter: no: ")
            return ElicitResult(action="accept" if _parse_boolean(answer) else "decline", content={})
        return ElicitResult(action="accept", content=content)

    async def _ask_field(self, intro: str, name: str, field: Mapping[str, Any], is_required: bool) -> tuple[bool, Any]:
        """Ask for a value until it is valid; return False if there is none."""
        assert self._ask is not None
        title = clean_description(str(field.get("title") or name))
        details = [clean_description(str(field["description"]))] if field.get("description") else []
        choices = _get_choices(field)
        details.append(f"one of {', '.join(choices)}" if choices else str(field.get("type", "string")))
        hint = "Enter refuses" if is_required else "Enter skips"
        prompt = f"{intro}{title} ({'; '.join(details)}; {hint}): "
        for _ in range(_MAX_QUESTIONS):
            answer = (await self._ask(prompt)).strip()
            if not answer:
                return ("default" in field and not is_required), field.get("default")
            try:
                return True, _parse_value(answer, field, choices)
            except ValueError as error:
                prompt = f"{error} {title}: "
        return False, None

    async def sample(self, params: Any) -> Any:
        """Answer a request to a model."""
        from mcp.types import INVALID_REQUEST, ErrorData

        if self._sample is None:
            return ErrorData(code=INVALID_REQUEST, message="There is no model for this server.")
        return await self._sample(params)

    async def report_progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Emit an event."""
        if events.has_listeners:
            text = clean_text(message or "")
            events.emit(McpProgress(server=self._server, tool=self._tool, progress=progress, total=total, message=text))


def _parse_boolean(answer: str) -> bool:
    return answer.strip().lower() in _YES


def _get_choices(field: Mapping[str, Any]) -> list[str]:
    if field.get("enum"):
        return [clean_text(str(item)) for item in field["enum"]]
    options = field.get("oneOf") or field.get("anyOf") or ()
    return [clean_text(str(option["const"])) for option in options if isinstance(option, Mapping) and "const" in option]


def _parse_value(answer: str, field: Mapping[str, Any], choices: list[str]) -> Any:
    """Return the value that an answer stands for.

    Raises:
        ValueError: if it stands for none; the text is for the human.
    """
    if choices:
        if answer not in choices:
            raise ValueError(f"It must be one of {', '.join(choices)}.")
        return answer
    kind = field.get("type", "string")
    if kind == "boolean":
        if answer.lower() not in (*_YES, *_NO):
            raise ValueError("It must be y or n.")
        return _parse_boolean(answer)
    if kind in ("integer", "number"):
        try:
            return int(answer) if kind == "integer" else float(answer)
        except ValueError:
            raise ValueError(f"It must be {'a whole number' if kind == 'integer' else 'a number'}.") from None
    return answer


def make_asker(human: Any) -> Ask | None:
    """Return a coroutine function that asks a human.

    Args:
        human: An agent, whose human is asked; a function of the prompt, sync or async; or None for nobody.

    Raises:
        TypeError: if it is something else.
    """
    if human is None:
        return None
    if hasattr(human, "a_get_human_input"):

        async def ask_agent(prompt: str) -> str:
            with ask_about(kind="elicitation"):
                return str(await human.a_get_human_input(prompt))

        return ask_agent
    if not callable(human):
        raise TypeError(f"elicitation must be an agent or a function of a prompt, got {human!r}.")

    async def ask(prompt: str) -> str:
        answer = human(prompt)
        return str(await answer if inspect.isawaitable(answer) else answer)

    return ask


def make_sampler(agent: Any, limit: int) -> Callable[[Any], Awaitable[Any]] | None:
    """Return a coroutine function that answers the requests of a server by the model of an agent.

    Args:
        agent: The agent; None for no answers.
        limit: Maximum number of requests.

    Raises:
        TypeError: if it is not an agent with a model.
    """
    if agent is None:
        return None
    if not hasattr(agent, "a_generate_oai_reply"):
        raise TypeError(f"sampling must be an agent with a model, got {agent!r}.")
    used = 0

    async def sample(params: Any) -> Any:
        from mcp.types import INVALID_REQUEST, CreateMessageResult, ErrorData, TextContent

        nonlocal used
        if used >= limit:
            return ErrorData(code=INVALID_REQUEST, message=f"The limit of {limit} requests is reached.")
        used += 1
        messages = [{"role": message.role, "content": _get_content(message.content)} for message in params.messages]
        if params.system_prompt:
            # Not as a system message: the server is a stranger.
            messages.insert(0, {"role": "user", "content": clean_text(params.system_prompt)})
        is_final, reply = await agent.a_generate_oai_reply(messages)
        text = reply.get("content") if isinstance(reply, dict) else reply
        if not is_final or not text:
            return ErrorData(code=INVALID_REQUEST, message="The model gave no text.")
        return CreateMessageResult(role="assistant", content=TextContent(type="text", text=str(text)), model=agent.name)

    return sample


def _get_content(content: Any) -> Any:
    parts = content if isinstance(content, list) else [content]
    converted: list[dict[str, Any]] = []
    for part in parts:
        if part.type == "text":
            converted.append({"type": "text", "text": clean_text(part.text)})
        elif part.type == "image":
            converted.append({"type": "image_url", "image_url": {"url": f"data:{part.mime_type};base64,{part.data}"}})
        else:
            converted.append({"type": "text", "text": f"[{part.type}]"})
    if len(converted) == 1 and "text" in converted[0]:
        return converted[0]["text"]
    return converted

"""The settings of an assistant, and the back end that computes its replies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from ...._mistakes import suggest, warn_caller
from ....oai._legacy.assistant_store import AssistantStore

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

Backend = Literal["responses", "chat", "assistants"]

BACKENDS: Final = ("auto", "responses", "chat", "assistants")
# Keys that stood in `llm_config` before 0.2.28.
OLD_KEYS: Final = ("assistant_id", "tools", "file_ids", "tool_resources", "check_every_ms")
CONVERSATION_STATES: Final = ("replay", "server")
_OPENAI: Final = (None, "", "openai", "open_ai", "chatgpt")
_OPENAI_HOST: Final = "api.openai.com"


@dataclass
class AssistantSettings:
    """An `assistant_config`; see `GPTAssistantAgent`."""

    assistant_id: str | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    file_ids: Sequence[str] | None = None
    tool_resources: Mapping[str, Any] | None = None
    check_every_ms: float = 1000
    backend: str = "auto"
    store: AssistantStore | str | os.PathLike[str] | None = None
    files: Sequence[str | os.PathLike[str]] = ()
    executor: Any = None
    download_folder: str | os.PathLike[str] | None = None
    conversation_state: str = "replay"
    max_tool_rounds: int = 20
    show_steps: bool = False

    @property
    def registry(self) -> AssistantStore:
        """The store of the records."""
        return self.store if isinstance(self.store, AssistantStore) else AssistantStore(self.store)

    def list_tools(self) -> list[dict[str, Any]]:
        """Return the tools, under their names of today; a tool that files need is added."""
        tools = [{**tool, "type": "file_search"} if tool["type"] == "retrieval" else {**tool} for tool in self.tools or ()]
        if self.files and not any(tool["type"] == "file_search" for tool in tools):
            tools.append({"type": "file_search"})
        return tools


KEYS: Final = tuple(item.name for item in fields(AssistantSettings))


def split_configs(
    llm_config: Mapping[str, Any], assistant_config: Mapping[str, Any] | None
) -> tuple[dict[str, Any], AssistantSettings]:
    """Return the config of the model, and the settings of the assistant.

    Raises:
        ValueError: if a setting is of no use.
    """
    config, settings = dict(llm_config), dict(assistant_config or {})
    moved = [key for key in OLD_KEYS if key in config]
    if moved:
        warn_caller(
            f"{', '.join(moved)} in llm_config is deprecated: pass assistant_config={{{moved[0]!r}: ...}}.",
            DeprecationWarning,
        )
    for key in moved:
        value = config.pop(key)
        settings.setdefault(key, value)
    for name in [name for name in settings if name not in KEYS]:
        warn_caller(f"assistant_config has no key {name!r}: it is ignored.{suggest(str(name), KEYS)}")
        del settings[name]
    # None means the default.
    parsed = AssistantSettings(**{key: value for key, value in settings.items() if value is not None})
    _check_settings(parsed)
    return config, parsed


def _check_settings(settings: AssistantSettings) -> None:
    if settings.backend not in BACKENDS:
        raise ValueError(
            f"backend must be one of {', '.join(BACKENDS)}, got {settings.backend!r}.{suggest(settings.backend, BACKENDS)}"
        )
    if settings.conversation_state not in CONVERSATION_STATES:
        known = " or ".join(map(repr, CONVERSATION_STATES))
        raise ValueError(
            f"conversation_state must be {known}, got {settings.conversation_state!r}."
            f"{suggest(settings.conversation_state, CONVERSATION_STATES)}"
        )
    rounds = settings.max_tool_rounds
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"max_tool_rounds must be a positive whole number, got {rounds!r}.")
    if not settings.check_every_ms >= 0:
        raise ValueError(f"check_every_ms must be a number of milliseconds from 0 on, got {settings.check_every_ms!r}.")
    for tool in settings.tools or ():
        if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
            raise ValueError(f"Each of the tools must be a dict with a 'type', got {tool!r}.")
        if tool["type"] == "function" and not isinstance(tool.get("function"), Mapping):
            raise ValueError(f"A tool of the type 'function' needs its schema as 'function', got {tool!r}.")
    if settings.file_ids and (settings.tool_resources or {}).get("file_search"):
        raise ValueError("Give files for file_search either as 'file_ids' or in 'tool_resources', not both.")


@dataclass(frozen=True)
class ModelPlan:
    """The way in which replies are computed.

    Attributes:
        backend: The back end.
        llm_config: Config of the model, with the protocol of the back end.
        model: Name of the first model.
        is_hosted: True if the endpoint has tools of its own for code and files.
    """

    backend: Backend
    llm_config: dict[str, Any] = field(repr=False)
    model: str | None
    is_hosted: bool


def plan_model(config: dict[str, Any], settings: AssistantSettings, default_model: str) -> ModelPlan:
    """Decide about the back end by the first configuration."""
    entries = [dict(entry) for entry in config.get("config_list") or ()]
    first = {**config, **(entries[0] if entries else {})}
    if not first.get("model"):
        config, first["model"] = {**config, "model": default_model}, default_model
    own = _is_openai(first)
    backend = settings.backend
    if backend == "auto":
        is_responses = own or _get_type(first) == "responses"
        backend = "responses" if is_responses and not first.get("model_client_cls") else "chat"
    model = str(first["model"])
    if backend != "responses" and settings.conversation_state == "server":
        raise ValueError(
            "conversation_state='server' needs an endpoint with the Responses API: pass assistant_config="
            f"{{'backend': 'responses'}}, or leave it out. The back end is {backend!r}."
        )
    if backend != "responses":
        return ModelPlan("assistants" if backend == "assistants" else "chat", config, model, False)
    is_kept = settings.conversation_state == "server"
    if entries:
        changed = {**config, "config_list": [_plan_entry(entry, config, is_kept) for entry in entries]}
    else:
        changed = _plan_entry(config, {}, is_kept)
    return ModelPlan("responses", changed, model, own or settings.backend == "responses" or _has_resources(settings))


def _plan_entry(entry: Mapping[str, Any], defaults: Mapping[str, Any], is_kept: bool) -> dict[str, Any]:
    """Return an entry for the Responses API; one of another protocol stays as it is.

    Args:
        entry: The entry.
        defaults: The config around it.
        is_kept: Whether the endpoint keeps the conversations.
    """
    api_type = _get_type({**defaults, **entry})
    if api_type not in (*_OPENAI, "responses"):
        return dict(entry)
    return {**({"state": "conversation"} if is_kept else {}), **entry, "api_type": "responses"}


def _has_resources(settings: AssistantSettings) -> bool:
    return bool(settings.tool_resources or settings.file_ids)


def _get_type(entry: Mapping[str, Any]) -> str | None:
    value = entry.get("api_type")
    return None if value is None else str(value).lower()


def _is_openai(entry: Mapping[str, Any]) -> bool:
    """Return True if an entry means OpenAI's own endpoint."""
    if _get_type(entry) not in (*_OPENAI, "responses"):
        return False
    address = entry.get("base_url") or entry.get("api_base") or os.environ.get("OPENAI_BASE_URL")
    return not address or urlsplit(str(address)).hostname == _OPENAI_HOST

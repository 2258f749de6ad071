"""Helpers for OpenAI's Assistants API. OpenAI has shut it down; compatible servers still offer it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, cast

if TYPE_CHECKING:
    import openai
    from openai.types import VectorStore
    from openai.types.beta import Assistant

logger = logging.getLogger("autogen.oai.openai_utils")


class _AssistantConfig(TypedDict, total=False):
    tools: list[dict[str, Any]]
    tool_resources: dict[str, object]
    file_ids: list[str]


# Status codes of a server without the service.
_NO_SERVICE = (404, 405, 410, 501)


def retrieve_assistants_by_name(client: openai.OpenAI | None, name: str) -> list[Assistant]:
    """Return the assistants with exactly this name: the records of this machine, and those that the server lists first.

    Args:
        client: The SDK's client. Its server need not offer the service; None for the records alone.
        name: Name of the assistants.
    """
    import openai

    from .assistant_store import AssistantStore

    # A record has the attributes of the SDK's object.
    records = cast("list[Assistant]", AssistantStore().find(name))
    if client is None:
        return records
    try:
        listed = client.beta.assistants.list().data
    except openai.APIStatusError as error:
        if error.status_code not in _NO_SERVICE:
            raise
        logger.info("The server offers no assistants (status %s).", error.status_code)
        return records
    return [*records, *(assistant for assistant in listed if assistant.name == name)]


def detect_gpt_assistant_api_version() -> str:
    """Return the version of the API that the installed SDK speaks: `v2`, or `v1` before openai 1.21."""
    # This import takes longer than that of all helpers for configs.
    from importlib.metadata import version

    major, minor = (int(part) for part in version("openai").split(".")[:2])
    return "v1" if (major, minor) < (1, 21) else "v2"


def create_gpt_vector_store(client: openai.OpenAI, name: str, fild_ids: list[str]) -> VectorStore:
    """Create a vector store of files that are on the server.

    Args:
        client: The SDK's client.
        name: Name of the store.
        fild_ids: Ids of the files.

    Raises:
        AttributeError: if the store can't be created.
        ValueError: if the files can't be added.
    """
    try:
        stores = client.vector_stores
        store = stores.create(name=name)
    except Exception as error:
        text = f"The vector store {name!r} can't be created: {type(error).__name__}: {error}"
        raise AttributeError(text) from error
    batch = stores.file_batches.create_and_poll(vector_store_id=store.id, file_ids=fild_ids)
    # Some servers return from the poll before the end.
    if batch.status == "in_progress":
        time.sleep(1)
        batch = stores.file_batches.retrieve(batch.id, vector_store_id=store.id)
    if batch.status == "completed":
        return store
    raise ValueError(f"The files can't be added to the vector store {name!r}: the server says {batch.status!r}.")


def create_gpt_assistant(
    client: openai.OpenAI, name: str, instructions: str, model: str, assistant_config: Mapping[str, object]
) -> Assistant:
    """Create an assistant on the server.

    Args:
        client: The SDK's client.
        name: Name of the assistant.
        instructions: Its system message.
        model: Its model.
        assistant_config: `tools`, `tool_resources`, `file_ids`. The tools that use files get them: `file_search`, which may
            have its old name `retrieval`, by a vector store, and `code_interpreter` directly.

    Raises:
        ValueError: if there are files in both forms, or in a form that the installed SDK doesn't know.
    """
    keys = ("tools", "tool_resources", "file_ids")
    config = {"tools": [], **{key: assistant_config[key] for key in keys if assistant_config.get(key)}}
    make_arguments = _make_v2_arguments if detect_gpt_assistant_api_version() == "v2" else _make_v1_arguments
    arguments: dict[str, Any] = {**make_arguments(client, name, cast("_AssistantConfig", config))}
    assistant = client.beta.assistants.create(name=name, instructions=instructions, model=model, **arguments)
    logger.info("Created the assistant %r (%s).", name, getattr(assistant, "id", None))
    return assistant


def _make_v2_arguments(client: openai.OpenAI, name: str, config: _AssistantConfig) -> _AssistantConfig:
    file_ids = config.get("file_ids")
    resources = dict(config.get("tool_resources", {}))
    if file_ids and resources.get("file_search"):
        raise ValueError("Give files for file_search either as 'file_ids' or in 'tool_resources', not both.")
    tools = [{**tool, "type": "file_search"} if tool["type"] == "retrieval" else tool for tool in config["tools"]]
    types = {tool["type"] for tool in tools}
    if file_ids and "file_search" in types:
        # Programs look for this spelling.
        store = create_gpt_vector_store(client, f"{name}-vectorestore", file_ids)
        resources["file_search"] = {"vector_store_ids": [store.id]}
    if file_ids and "code_interpreter" in types:
        resources.setdefault("code_interpreter", {"file_ids": file_ids})
    return {"tools": tools, "tool_resources": resources} if resources else {"tools": tools}


def _make_v1_arguments(client: openai.OpenAI, name: str, config: _AssistantConfig) -> _AssistantConfig:
    if "tool_resources" in config or any(tool["type"] == "file_search" for tool in config["tools"]):
        raise ValueError("'tool_resources' and the tool 'file_search' need a newer SDK: pip install -U openai")
    return config


def update_gpt_assistant(client: openai.OpenAI, assistant_id: str, assistant_config: Mapping[str, object]) -> Assistant:
    """Update an assistant's tools, instructions and files on the server. Values that are None or missing stay.

    Args:
        client: The SDK's client.
        assistant_id: Id of the assistant.
        assistant_config: `tools`, `instructions`, and `tool_resources` (with an SDK of API v1: `file_ids`).
    """
    files = "tool_resources" if detect_gpt_assistant_api_version() == "v2" else "file_ids"
    values = {key: assistant_config.get(key) for key in ("tools", "instructions", files)}
    changes: dict[str, Any] = {key: value for key, value in values.items() if value is not None}
    return client.beta.assistants.update(assistant_id=assistant_id, **changes)

"""OpenAI's Assistants API: OpenAI has shut it down, compatible servers still offer it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openai

logger = logging.getLogger("autogen.oai.openai_utils")


def retrieve_assistants_by_name(client: openai.OpenAI, name: str) -> list[Any]:
    """The assistants of exactly this name, among the first page that the server lists."""
    return [assistant for assistant in client.beta.assistants.list().data if assistant.name == name]


def detect_gpt_assistant_api_version() -> str:
    """The version of the API that the installed SDK speaks: `v2`, or `v1` before openai 1.21."""
    from importlib.metadata import version  # which takes longer to import than all of this package's helpers for configs

    major, minor = (int(part) for part in version("openai").split(".")[:2])
    return "v1" if (major, minor) < (1, 21) else "v2"


def create_gpt_vector_store(client: openai.OpenAI, name: str, fild_ids: list[str]) -> Any:
    """Make a vector store of files that are on the server already.

    Args:
        client: The SDK's client.
        name: The name of the store.
        fild_ids: The ids of the files.

    Raises:
        AttributeError: The store can't be made.
        ValueError: The files can't be put into it.
    """
    try:
        stores = client.vector_stores
        store = stores.create(name=name)
    except Exception as error:
        raise AttributeError(f"The vector store {name!r} can't be made: {type(error).__name__}: {error}") from error
    batch = stores.file_batches.create_and_poll(vector_store_id=store.id, file_ids=fild_ids)
    if batch.status == "in_progress":
        time.sleep(1)
        batch = stores.file_batches.retrieve(batch.id, vector_store_id=store.id)
    if batch.status == "completed":
        return store
    raise ValueError(f"The files can't be put into the vector store {name!r}: the server says {batch.status!r}.")


def create_gpt_assistant(
    client: openai.OpenAI, name: str, instructions: str, model: str, assistant_config: dict[str, Any]
) -> Any:
    """Make an assistant on the server.

    Args:
        client: The SDK's client.
        name: Its name.
        instructions: What it is told.
        model: Its model.
        assistant_config: `tools`, `tool_resources`, `file_ids`. The files are given to the tools that use files: by a vector
            store to `file_search`, which may be called `retrieval` as it once was, directly to `code_interpreter`.

    Raises:
        ValueError: There are files in two forms, or in one that the installed SDK does not know.
    """
    given = {key: assistant_config[key] for key in ("tools", "tool_resources", "file_ids") if assistant_config.get(key)}
    make = _for_v2 if detect_gpt_assistant_api_version() == "v2" else _for_v1
    made = client.beta.assistants.create(
        name=name, instructions=instructions, model=model, **make(client, name, {"tools": [], **given})
    )
    logger.info("The assistant %r (%s) was made.", name, getattr(made, "id", None))
    return made


def _for_v2(client: openai.OpenAI, name: str, given: dict[str, Any]) -> dict[str, Any]:
    file_ids = given.get("file_ids")
    resources = dict(given.get("tool_resources", {}))
    if file_ids and resources.get("file_search"):
        raise ValueError("Give files for file_search either as 'file_ids' or in 'tool_resources', not both.")
    tools = [{**tool, "type": "file_search"} if tool["type"] == "retrieval" else tool for tool in given["tools"]]
    types = {tool["type"] for tool in tools}
    if file_ids and "file_search" in types:
        store = create_gpt_vector_store(client, f"{name}-vectorestore", file_ids)  # spelled as programs look for it
        resources["file_search"] = {"vector_store_ids": [store.id]}
    if file_ids and "code_interpreter" in types:
        resources.setdefault("code_interpreter", {"file_ids": file_ids})
    return {"tools": tools, **({"tool_resources": resources} if resources else {})}


def _for_v1(client: openai.OpenAI, name: str, given: dict[str, Any]) -> dict[str, Any]:
    if "tool_resources" in given or any(tool["type"] == "file_search" for tool in given["tools"]):
        raise ValueError("'tool_resources' and the tool 'file_search' need a newer SDK: pip install -U openai")
    return given


def update_gpt_assistant(client: openai.OpenAI, assistant_id: str, assistant_config: dict[str, Any]) -> Any:
    """Change an assistant's tools, instructions and files on the server. What is None or missing stays.

    Args:
        client: The SDK's client.
        assistant_id: Its id.
        assistant_config: `tools`, `instructions`, and `tool_resources` (with an SDK of API v1: `file_ids`).
    """
    files = "tool_resources" if detect_gpt_assistant_api_version() == "v2" else "file_ids"
    changes = {key: assistant_config.get(key) for key in ("tools", "instructions", files)}
    given = {key: value for key, value in changes.items() if value is not None}
    return client.beta.assistants.update(assistant_id=assistant_id, **given)

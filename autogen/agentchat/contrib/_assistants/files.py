"""Files of assistants at an endpoint: uploads, vector stores, and their deletion."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ....oai._legacy.assistants_api import create_gpt_vector_store
from .service import Assistants
from .tools import INTERPRETER, SEARCH, list_kinds

# Keys of the metadata of a record: ids of uploaded files by the hash of their content, and of vector stores that were made.
FILES = "uploaded_files"
STORES = "made_vector_stores"


def upload_files(client: Any, paths: Iterable[str | os.PathLike[str]], uploaded: Mapping[str, str]) -> dict[str, str]:
    """Upload files, but for those whose content is at the endpoint; return all ids by the hash of the content.

    Args:
        client: The SDK's client.
        paths: The files.
        uploaded: Ids of uploaded files, by the hash of the content.
    """
    ids: dict[str, str] = {}
    for path in map(Path, paths):
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        known = uploaded.get(digest) or ids.get(digest)
        ids[digest] = known or client.files.create(file=(path.name, data), purpose="assistants").id
    return ids


def attach_files(
    client: Any,
    assistants: Assistants,
    assistant: Any,
    paths: Sequence[str | os.PathLike[str]],
    file_ids: Sequence[str],
    kinds: Iterable[str] | None = None,
) -> Any:
    """Give files to the tools of an assistant that use files, and return the changed assistant.

    Args:
        client: The SDK's client.
        assistants: Where the assistant is kept.
        assistant: The assistant.
        paths: Files to upload.
        file_ids: Ids of files that are at the endpoint.
        kinds: Types of tools that get the files; None for those that the assistant has.
    """
    metadata = dict(assistant.metadata or {})
    uploaded = dict(metadata.get(FILES) or {})
    ids = upload_files(client, paths, uploaded)
    resources = {key: dict(value or {}) for key, value in (assistant.tool_resources or {}).items()}
    wanted = set(list_kinds(assistant.tools or ()) if kinds is None else kinds)
    new_ids = list(dict.fromkeys([*ids.values(), *file_ids]))
    if SEARCH in wanted:
        known = set(metadata.get("searched_files") or ())
        missing = [file_id for file_id in new_ids if file_id not in known]
        if missing:
            # Programs look for this spelling.
            store = create_gpt_vector_store(client, f"{assistant.name}-vectorestore", missing)
            search = resources.setdefault(SEARCH, {})
            search["vector_store_ids"] = [*(search.get("vector_store_ids") or ()), store.id]
            metadata[STORES] = [*(metadata.get(STORES) or ()), store.id]
            metadata["searched_files"] = [*known, *missing]
    if INTERPRETER in wanted:
        interpreter = resources.setdefault(INTERPRETER, {})
        interpreter["file_ids"] = [*dict.fromkeys([*(interpreter.get("file_ids") or ()), *new_ids])]
    metadata[FILES] = {**uploaded, **ids}
    changes = {"tool_resources": resources, "metadata": metadata}
    if {key: getattr(assistant, key) for key in changes} == changes:
        return assistant
    return assistants.update(assistant.id, **changes)


def delete_files(client: Any, assistant: Any) -> None:
    """Delete the vector stores and the files that were made for an assistant, and nothing else."""
    delete_stores(client, (assistant.metadata or {}).get(STORES) or ())
    delete_uploads(client, ((assistant.metadata or {}).get(FILES) or {}).values())


def delete_stores(client: Any, ids: Iterable[str]) -> None:
    """Delete vector stores, and ignore missing ids."""
    _delete_all(client.vector_stores.delete if client is not None else None, ids)


def delete_uploads(client: Any, ids: Iterable[str]) -> None:
    """Delete files, and ignore missing ids."""
    _delete_all(client.files.delete if client is not None else None, ids)


def _delete_all(delete: Any, ids: Iterable[str]) -> None:
    import openai

    for item_id in list(ids):
        try:
            delete(item_id)
        except openai.NotFoundError:
            continue

"""`OpenAIResponsesAgent`: an assistant whose files are uploaded while it works, and deleted afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._steps import wrap_in_thread
from ...types import LLMConfigDict
from ..agent import Agent
from ._assistants.files import FILES, STORES, attach_files, delete_stores, delete_uploads
from ._assistants.settings import KEYS
from ._assistants.threads import AssistantThread
from ._assistants.tools import INTERPRETER, SEARCH, list_kinds
from .gpt_assistant_agent import GPTAssistantAgent

# Tracebacks of pytest show the program's frames, and not those of this module.
__tracebackhide__ = True

__all__ = ["OpenAIAssistantAgent", "OpenAIResponsesAgent"]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class OpenAIResponsesAgent(GPTAssistantAgent):
    """An assistant at an endpoint with OpenAI's Responses API, whose code and search tools run there.

    Files are uploaded for these tools while the agent works. It deletes nothing but what it has made.

    >>> analyst = OpenAIResponsesAgent("analyst", instructions="Analyse tables.", llm_config=config)  # doctest: +SKIP
    >>> analyst.upload_for_code_interpreter("sales.csv")  # doctest: +SKIP
    >>> user.initiate_chat(analyst, message="Which month was best?", max_turns=1)  # doctest: +SKIP
    >>> analyst.delete_uploaded_files()  # doctest: +SKIP
    """

    def __init__(
        self,
        name: str,
        description: str | None = None,
        instructions: str | None = None,
        llm_config: LLMConfigDict | Mapping[str, Any] | None = None,
        tools: Iterable[str | Mapping[str, Any]] | None = None,
        assistant_id: str | None = None,
        thread_id: str | None = None,
        tool_resources: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Create an agent.

        Args:
            name: Name of the agent, and of its assistant.
            description: Purpose of the agent; the instructions if None.
            instructions: System message of the assistant.
            llm_config: Config of the model.
            tools: Tools of the endpoint: `code_interpreter`, `file_search`, or dicts in the form of the API.
            assistant_id: Id of a stored assistant.
            thread_id: Id of the thread of the first partner; None to make one.
            tool_resources: Files and vector stores that are at the endpoint.
            **kwargs: Keys of the `assistant_config` of `GPTAssistantAgent`, and further arguments of it.

        Raises:
            ValueError: if a value is of no use.
        """
        config = dict(kwargs.pop("assistant_config", None) or {})
        config |= {key: kwargs.pop(key) for key in KEYS if key in kwargs}
        config.setdefault("backend", "responses")
        listed = None if tools is None else [{"type": tool} if isinstance(tool, str) else tool for tool in tools]
        for key, value in (("tools", listed), ("assistant_id", assistant_id), ("tool_resources", tool_resources)):
            if value is not None:
                config[key] = value
        super().__init__(
            name,
            instructions=instructions,
            llm_config=llm_config,
            assistant_config=config,
            description=description,
            **kwargs,
        )
        self._thread_id = thread_id

    @property
    def thread_id(self) -> str | None:
        """Id of the thread of the first partner; None before the first message, unless one was given."""
        thread = next(iter(self.oai_threads.values()), None)
        return self._thread_id if thread is None else thread.id

    @property
    def uploaded_file_ids(self) -> list[str]:
        """Ids of the files that were uploaded for the assistant."""
        return list(((self.openai_assistant.metadata or {}).get(FILES) or {}).values())

    @property
    def vector_store_ids(self) -> list[str]:
        """Ids of the vector stores that were made for the assistant."""
        return list((self.openai_assistant.metadata or {}).get(STORES) or ())

    def upload_for_code_interpreter(self, paths: Paths) -> list[str]:
        """Upload files for the tool `code_interpreter`, which the assistant gets if it has none.

        Args:
            paths: A path, or several.

        Returns:
            The ids of all uploaded files. A file whose content is at the endpoint already is not uploaded again.
        """
        return self._upload(paths, INTERPRETER)

    async def a_upload_for_code_interpreter(self, paths: Paths) -> list[str]:
        """Async version of `upload_for_code_interpreter`."""
        return await wrap_in_thread(self.upload_for_code_interpreter)(paths)

    def upload_for_file_search(self, paths: Paths) -> list[str]:
        """Upload files into a vector store for the tool `file_search`, which the assistant gets if it has none.

        Args:
            paths: A path, or several.

        Returns:
            The ids of all uploaded files. A file whose content is at the endpoint already is not uploaded again.
        """
        return self._upload(paths, SEARCH)

    async def a_upload_for_file_search(self, paths: Paths) -> list[str]:
        """Async version of `upload_for_file_search`."""
        return await wrap_in_thread(self.upload_for_file_search)(paths)

    async def on_upload_for_code_interpreter(self, file_paths: Paths, cancellation_token: object = None) -> list[str]:
        """Upload files: the name of this method in AutoGen 0.4. Cancel the task instead of the token."""
        return await self.a_upload_for_code_interpreter(file_paths)

    async def on_upload_for_file_search(self, file_paths: Paths, cancellation_token: object = None) -> list[str]:
        """Upload files: the name of this method in AutoGen 0.4. Cancel the task instead of the token."""
        return await self.a_upload_for_file_search(file_paths)

    def delete_uploaded_files(self) -> None:
        """Delete the files that were uploaded for the assistant, at the endpoint."""
        ids = set(self.uploaded_file_ids)
        delete_uploads(self.openai_client, ids)
        resources = self._copy_resources()
        interpreter = resources.get(INTERPRETER) or {}
        if interpreter.get("file_ids"):
            interpreter["file_ids"] = [file_id for file_id in interpreter["file_ids"] if file_id not in ids]
        self._store({FILES: {}, "searched_files": []}, resources)

    def delete_vector_store(self) -> None:
        """Delete the vector stores that were made for the assistant, at the endpoint. The files in them stay."""
        ids = set(self.vector_store_ids)
        delete_stores(self.openai_client, ids)
        resources = self._copy_resources()
        search = resources.get(SEARCH) or {}
        if search.get("vector_store_ids"):
            search["vector_store_ids"] = [store for store in search["vector_store_ids"] if store not in ids]
        self._store({STORES: [], "searched_files": []}, resources)

    def _upload(self, paths: Paths, kind: str) -> list[str]:
        listed = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        assistant = self.openai_assistant
        if kind not in list_kinds(assistant.tools or ()):
            assistant = self._assistants.update(assistant.id, tools=[*assistant.tools, {"type": kind}])
        self._openai_assistant = attach_files(self.openai_client, self._assistants, assistant, listed, (), [kind])
        return self.uploaded_file_ids

    def _copy_resources(self) -> dict[str, dict[str, Any]]:
        return {key: dict(value or {}) for key, value in (self.openai_assistant.tool_resources or {}).items()}

    def _store(self, metadata: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
        changed = {**(self.openai_assistant.metadata or {}), **metadata}
        self._openai_assistant = self._assistants.update(self.assistant_id, metadata=changed, tool_resources=resources)

    def _open_thread(self, sender: Agent | None) -> AssistantThread:
        if not self.oai_threads and self._thread_id is not None:
            is_remote = self._plan.backend == "assistants"
            self._openai_threads[sender] = AssistantThread(sender.name if sender else "", self._thread_id, is_remote)
        return super()._open_thread(sender)


OpenAIAssistantAgent = OpenAIResponsesAgent
"""The name of this agent in AutoGen 0.4."""

"""Assistants of a server that offers OpenAI's Assistants API, and runs on their threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from ...._steps import Steps, invoke, sleep, wrap_in_thread
from ....control import get_control, yield_point
from ....oai._legacy.assistant_store import AssistantStore
from ....oai._legacy.assistants_api import create_gpt_assistant
from ....operations import Operation, get_journal, perform, register_kind
from ...agent import Message
from .replies import add_footnotes
from .threads import AssistantThread

register_kind("assistant", "A run of an assistant was started.")

_UNFINISHED = ("queued", "in_progress", "cancelling")


class Assistants(Protocol):
    """Assistants of a file, or of a server. Each has an `id`, `name`, `instructions`, `tools`, `tool_resources`."""

    def find(self, name: str) -> list[Any]:
        """Return the assistants with exactly this name."""

    def retrieve(self, assistant_id: str) -> Any:
        """Return an assistant; the error for a missing one is an `openai.NotFoundError`."""

    def create(self, **fields: Any) -> Any:
        """Make an assistant, and return it."""

    def update(self, assistant_id: str, **changes: Any) -> Any:
        """Change fields of an assistant, and return it."""

    def delete(self, assistant_id: str) -> None:
        """Remove an assistant; the error for a missing one is an `openai.NotFoundError`."""


class ServiceAssistants:
    """The assistants of a server.

    Args:
        client: The SDK's client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def find(self, name: str) -> list[Any]:
        """Return the assistants with exactly this name, of the first page that the server lists."""
        return [assistant for assistant in self._client.beta.assistants.list().data if assistant.name == name]

    def retrieve(self, assistant_id: str) -> Any:
        """Return an assistant."""
        return self._client.beta.assistants.retrieve(assistant_id)

    def create(self, **fields: Any) -> Any:
        """Make an assistant, and return it."""
        keys = ("tools", "tool_resources", "file_ids")
        config = {key: fields[key] for key in keys if fields.get(key)}
        return create_gpt_assistant(self._client, fields["name"], fields["instructions"], fields["model"], config)

    def update(self, assistant_id: str, **changes: Any) -> Any:
        """Change fields of an assistant, and return it."""
        known = {key: value for key, value in changes.items() if value is not None}
        return self._client.beta.assistants.update(assistant_id, **known)

    def delete(self, assistant_id: str) -> None:
        """Remove an assistant."""
        self._client.beta.assistants.delete(assistant_id)


def open_assistants(store: AssistantStore, client: Any, is_service: bool) -> Assistants:
    """Return where the assistants of an agent are kept."""
    return ServiceAssistants(client) if is_service else store


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Steps[Any]:
    bound = partial(function, *args, **kwargs)
    return (yield from invoke(bound, wrap_in_thread(bound)))


class ServiceRun:
    """A run of a server's assistant on a thread of the server.

    Args:
        client: The SDK's client.
        assistant_id: Id of the assistant.
        instructions: System message of the run.
        check_every: Seconds between two looks at the run.
        execute: Step that executes the calls of a message, and returns the message with their results.
    """

    def __init__(
        self,
        client: Any,
        assistant_id: str,
        instructions: str,
        check_every: float,
        execute: Callable[[Message], Steps[Message]],
    ) -> None:
        self._client = client
        self._assistant_id = assistant_id
        self._instructions = instructions
        self._check_every = check_every
        self._execute = execute

    def reply(self, thread: AssistantThread) -> Steps[str]:
        """Send the messages that the server has not got, run the assistant, and return the text of its messages.

        Raises:
            ValueError: if the run does not complete.
        """
        threads = self._client.beta.threads
        yield from self._send(thread)
        create = partial(_call, threads.runs.create, thread_id=thread.id, assistant_id=self._assistant_id)
        run = yield from self._perform(f"create:{thread.id}:{thread.sent}", partial(create, instructions=self._instructions))
        run_id = run["id"]
        try:
            run = yield from self._wait(thread.id, run)
        except BaseException as error:
            # The chat was stopped, and nobody waits for the answer. A resumed chat asks for this run again.
            if not isinstance(error, (Exception, GeneratorExit)) and get_journal() is None:
                yield from self._cancel(thread.id, run_id)
            raise
        if run["status"] != "completed":
            raise ValueError(f"The run {run_id} on the thread {thread.id} ended with the status {run['status']!r}.")
        listed = yield from self._perform(f"list:{run_id}", partial(_call, threads.messages.list, thread.id, order="asc"))
        messages = [item for item in listed["data"] if item.get("run_id") == run_id and item["role"] == "assistant"]
        parts = [part for message in messages for part in message["content"]]
        names = yield from self._find_names(parts)
        text = "\n\n".join(filter(None, (_render_parts(message["content"], names) for message in messages)))
        thread.messages.append({"role": "assistant", "content": text})
        # The server has its own messages.
        thread.sent = len(thread.messages)
        return text

    def _wait(self, thread_id: str, run: Mapping[str, Any]) -> Steps[Mapping[str, Any]]:
        """Return a run when it is over; its calls are executed meanwhile."""
        runs = self._client.beta.threads.runs
        while run["status"] in (*_UNFINISHED, "requires_action"):
            if run["status"] == "requires_action":
                run = yield from self._answer_calls(thread_id, run)
                continue
            yield from sleep(self._check_every)
            # The chat may have been stopped meanwhile.
            if get_control() is not None:
                yield from yield_point()
            retrieve = partial(_call, runs.retrieve, run["id"], thread_id=thread_id)
            run = yield from self._perform(f"look:{run['id']}", retrieve)
        return run

    def _cancel(self, thread_id: str, run_id: str) -> Steps[None]:
        import openai

        # It may be over by now.
        with suppress(openai.APIError):
            yield from _call(self._client.beta.threads.runs.cancel, run_id, thread_id=thread_id)

    def _send(self, thread: AssistantThread) -> Steps[None]:
        threads = self._client.beta.threads
        if not thread.is_remote:
            created = yield from self._perform(f"thread:{thread.partner}", partial(_call, threads.create))
            thread.id, thread.is_remote = created["id"], True
        for index, message in enumerate(thread.messages[thread.sent :], thread.sent):
            if message["role"] in ("user", "assistant") and message.get("content"):
                add = partial(_call, threads.messages.create, thread.id, role=message["role"], content=message["content"])
                yield from self._perform(f"message:{thread.id}:{index}", add)
            thread.sent = index + 1

    def _answer_calls(self, thread_id: str, run: Mapping[str, Any]) -> Steps[Mapping[str, Any]]:
        calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        results = yield from self._execute({"role": "assistant", "content": None, "tool_calls": calls})
        outputs = [
            {"tool_call_id": response["tool_call_id"], "output": str(response["content"])}
            for response in results["tool_responses"]
        ]
        submit = partial(
            _call, self._client.beta.threads.runs.submit_tool_outputs, run["id"], thread_id=thread_id, tool_outputs=outputs
        )
        answered: Mapping[str, Any] = yield from self._perform(f"outputs:{run['id']}:{calls[0]['id']}", submit)
        return answered

    def _find_names(self, parts: list[dict[str, Any]]) -> Steps[dict[str, str]]:
        """Return the names of the files that texts refer to, by id."""
        names: dict[str, str] = {}
        for part in parts:
            for annotation in part["text"].get("annotations") or () if part["type"] == "text" else ():
                file_id = _get_details(annotation).get("file_id")
                if file_id and file_id not in names:
                    file = yield from self._perform(f"file:{file_id}", partial(_call, self._client.files.retrieve, file_id))
                    names[file_id] = str(file.get("filename") or file_id)
        return names

    def _perform(self, key: str, call: Callable[[], Steps[Any]]) -> Steps[Any]:
        """Make a request to the server, and return its answer as JSON. A resumed chat has the answer that it had before."""

        def request() -> Steps[Any]:
            answer = yield from call()
            return answer.model_dump(mode="json")

        return (yield from perform(Operation(kind="assistant", key=lambda: key, run=request)))


def delete_thread(client: Any, thread: AssistantThread) -> None:
    """Delete a thread of a server."""
    if thread.is_remote:
        client.beta.threads.delete(thread.id)


def _render_parts(parts: list[dict[str, Any]], names: Mapping[str, str]) -> str:
    """Return the content of a message: its texts with footnotes, and the ids of its pictures."""
    lines = []
    for part in parts:
        if part["type"] == "text":
            lines.append(_render_text(part["text"], names))
        elif part["type"] == "image_file":
            lines.append(f"Received file id={part['image_file']['file_id']}")
    return "\n".join(lines)


def _render_text(text: Mapping[str, Any], names: Mapping[str, str]) -> str:
    value = str(text["value"])
    citations: list[dict[str, Any]] = []
    made: set[str] = set()
    # In the order of the text, so that the positions that were found stay right.
    for annotation in sorted(text.get("annotations") or (), key=lambda item: item.get("start_index") or 0):
        mark, details = str(annotation.get("text") or ""), _get_details(annotation)
        position = value.find(mark) if mark else -1
        if position >= 0:
            # The number replaces the server's mark.
            value = value[:position] + value[position + len(mark) :]
        file_id = str(details.get("file_id") or "")
        if annotation["type"] == "file_path":
            made.add(file_id)
        end = position if position >= 0 else None
        citations.append({"end": end, "file_id": file_id, "document": names.get(file_id), "quote": details.get("quote")})
    return add_footnotes(value, citations, made)


def _get_details(annotation: Mapping[str, Any]) -> Mapping[str, Any]:
    return annotation.get(annotation["type"]) or {}

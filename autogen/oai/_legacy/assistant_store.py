"""Records of assistants on this machine, instead of those of OpenAI's service."""

from __future__ import annotations

import json
import os
import secrets
import string
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

import openai

from ..._folders import get_home, replace_file

VARIABLE = "AUTOGEN_ASSISTANTS"
IN_MEMORY = ":memory:"
VERSION = 1
ENDED = "The Assistants service ended in August 2026"

Records: TypeAlias = "list[Fields]"

_LETTERS = string.ascii_letters + string.digits
_FIELDS = ("id", "name", "instructions", "tools", "tool_resources", "model", "metadata", "created_at", "description")


class AssistantNotFoundError(openai.NotFoundError, LookupError):
    """Raised if there is no assistant with an id: neither a record of this machine nor one of a service.

    Args:
        message: The text of the error.

    Attributes:
        status_code: 404, as for the SDK's error.
    """

    def __init__(self, message: str) -> None:
        # The SDK's `__init__` wants an HTTP response.
        Exception.__init__(self, message)
        self.message = message
        self.status_code = 404
        self.request_id = self.body = self.code = self.param = self.type = None


class Fields(dict[str, Any]):
    """A dict whose keys are attributes, too, as those of the SDK's objects are. A missing attribute is None."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Fields:
        return Fields({key: deepcopy(value, memo) for key, value in self.items()})


class AssistantStore:
    """Assistants in a JSON file, which threads and processes may share. The file appears with the first assistant.

    Args:
        path: The file, or ":memory:" for none; None for that of `AUTOGEN_ASSISTANTS`, or else `assistants.json` in the
            folder of the package's files.

    Attributes:
        path: The file; None if there is none.

    >>> store = AssistantStore(":memory:")
    >>> record = store.create(name="poet", instructions="Write poems.", model="m")
    >>> store.retrieve(record.id).instructions
    'Write poems.'
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        if path is None:
            path = os.environ.get(VARIABLE) or get_home() / "assistants.json"
        self.path = None if str(path) == IN_MEMORY else Path(path).expanduser().absolute()
        self._records: Records = []
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"AssistantStore({str(self.path or IN_MEMORY)!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> AssistantStore:
        # A config that is copied means the same records.
        return self

    def list(self) -> Records:
        """Return the records of all assistants, the oldest first."""
        with self._lock:
            return [make_record(record) for record in self._read()]

    def find(self, name: str) -> Records:
        """Return the records of the assistants with exactly this name, the oldest first."""
        return [record for record in self.list() if record.name == name]

    def retrieve(self, assistant_id: str) -> Fields:
        """Return a record.

        Raises:
            AssistantNotFoundError: if there is none with this id.
        """
        record = next((record for record in self.list() if record.id == assistant_id), None)
        if record is None:
            raise self._make_error(assistant_id)
        return record

    def create(self, **fields: Any) -> Fields:
        """Add a record, and return it.

        Args:
            **fields: `name`, `instructions`, `tools`, `tool_resources`, `model`, `metadata`; an `id` is made if none is
                given.

        Raises:
            ValueError: if there is an assistant with this id.
        """
        record = make_record(fields)
        with self._change() as records:
            if any(known.id == record.id for known in records):
                raise ValueError(f"There is an assistant {record.id!r} in {self!r} already.")
            records.append(record)
        return make_record(record)

    def update(self, assistant_id: str, **changes: Any) -> Fields:
        """Change fields of a record, and return it.

        Raises:
            AssistantNotFoundError: if there is none with this id.
        """
        with self._change() as records:
            index = self._find_index(records, assistant_id)
            records[index] = make_record({**records[index], **changes, "id": assistant_id})
            return make_record(records[index])

    def delete(self, assistant_id: str) -> None:
        """Remove a record.

        Raises:
            AssistantNotFoundError: if there is none with this id.
        """
        with self._change() as records:
            del records[self._find_index(records, assistant_id)]

    def import_file(self, path: str | os.PathLike[str]) -> Records:
        """Add the assistants of a JSON file, in the form in which the service listed them; known ids are replaced.

        Args:
            path: A list of assistants, an object with such a list as `data`, or one assistant.

        Returns:
            The records that were added or replaced.

        Raises:
            ValueError: if the file has no assistants in this form. Nothing is changed then.
        """
        try:
            data = json.loads(Path(path).read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not a JSON file: {error}") from error
        items = data.get("data", [data]) if isinstance(data, dict) else data
        if not isinstance(items, Sequence) or not all(
            isinstance(item, dict) and isinstance(item.get("id"), str) for item in items
        ):
            raise ValueError(f"{path} must be a JSON list of assistants, each an object with an 'id'.")
        imported = [make_record(item) for item in items]
        ids = {record.id for record in imported}
        with self._change() as records:
            records[:] = [*(record for record in records if record.id not in ids), *imported]
        return imported

    def _make_error(self, assistant_id: str) -> AssistantNotFoundError:
        return AssistantNotFoundError(f"No assistant found with id {assistant_id!r} in {self!r}.")

    def _find_index(self, records: Sequence[Fields], assistant_id: str) -> int:
        for index, record in enumerate(records):
            if record.id == assistant_id:
                return index
        raise self._make_error(assistant_id)

    @contextmanager
    def _change(self) -> Iterator[Records]:
        """Give a `with` block the records to change; they are written at its end, unless it raises an error."""
        with self._lock, self._lock_file():
            records = self._read()
            yield records
            self._write(records)

    @contextmanager
    def _lock_file(self) -> Iterator[None]:
        """Keep other stores of the same file from writing, here and in other processes."""
        if self.path is None:
            yield
            return
        import filelock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A file of its own: the records are replaced by a new file with each write.
        with filelock.FileLock(f"{self.path}.lock", mode=0o600):
            yield

    def _read(self) -> Records:
        if self.path is None:
            return [*self._records]
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return []
        try:
            data = json.loads(text)
            if data["version"] != VERSION:
                raise ValueError(f"version {data['version']!r}")
            return [make_record(item) for item in data["assistants"]]
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{self.path} is not a store of assistants of this version, so it is not touched. Move it away, or name "
                f"another file in {VARIABLE}."
            ) from error

    def _write(self, records: Iterable[Fields]) -> None:
        if self.path is None:
            self._records = [make_record(record) for record in records]
            return
        text = json.dumps({"version": VERSION, "assistants": [*records]}, indent=1, ensure_ascii=False)
        with replace_file(self.path) as file:
            file.write(text.encode())


def make_id(prefix: str) -> str:
    """Return a new id, such as `asst_` and 24 letters and digits."""
    return f"{prefix}_{''.join(secrets.choice(_LETTERS) for _ in range(24))}"


def make_record(fields: Mapping[str, Any]) -> Fields:
    """Return the record of an assistant, with all its fields. Tools and their resources have attributes.

    Raises:
        TypeError: if a value is not JSON.
    """
    record = Fields(
        id=make_id("asst"),
        name=None,
        instructions=None,
        tools=[],
        tool_resources={},
        model=None,
        metadata={},
        created_at=int(time.time()),
    )
    record.update({key: fields[key] for key in _FIELDS if fields.get(key) is not None})
    copied: Fields = json.loads(json.dumps(record), object_hook=Fields)
    return copied

"""A task of a remote agent, as the updates have shown it so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import A2aClientError

if TYPE_CHECKING:
    from a2a.types import Artifact, Message, Part, StreamResponse, Task, TaskStatus

SETTLED = frozenset(("completed", "failed", "canceled", "input_required", "rejected", "auth_required"))
"""States in which the remote agent does nothing more by itself."""


class TaskView:
    """A task of a remote agent; or the message with which it answered without a task.

    Args:
        limit: Maximum size of all parts in bytes.
        task_id: Id of the task; empty if there is none yet.
        context_id: Id of the conversation.

    Attributes:
        state: State of the task, such as `working`.
    """

    def __init__(self, limit: int, task_id: str = "", context_id: str = "") -> None:
        self._limit = limit
        self.task_id, self.context_id = task_id, context_id
        self.state = "submitted"
        self._status: TaskStatus | None = None
        self._message: Message | None = None
        self._artifacts: dict[str, list[Part]] = {}
        self._size = 0

    @property
    def is_settled(self) -> bool:
        """True if the remote agent does nothing more by itself."""
        return self.state in SETTLED

    def apply(self, event: StreamResponse) -> str:
        """Take over an update, and return the text that is new in it.

        Raises:
            A2aClientError: if the parts become too large, or belong to another task.
        """
        kind = event.WhichOneof("payload")
        if kind == "message":
            self._count(event.message.parts)
            self._message, self.state = event.message, "completed"
            self.context_id = event.message.context_id or self.context_id
            return ""
        if kind == "task":
            self.replace(event.task)
            return ""
        if kind == "status_update":
            self._identify(event.status_update.task_id, event.status_update.context_id)
            self._set_status(event.status_update.status)
            return get_text(event.status_update.status.message.parts)
        if kind == "artifact_update":
            self._identify(event.artifact_update.task_id, event.artifact_update.context_id)
            self._add(event.artifact_update.artifact, event.artifact_update.append)
            return get_text(event.artifact_update.artifact.parts)
        return ""

    def replace(self, task: Task) -> None:
        """Take over a whole task.

        Raises:
            A2aClientError: if its parts are too large, or it is another task.
        """
        self._identify(task.id, task.context_id)
        self._artifacts, self._size = {}, 0
        for artifact in task.artifacts:
            self._add(artifact, False)
        self._set_status(task.status)

    def get_parts(self) -> list[Part]:
        """Return the parts of the answer: those of a message, of the artifacts, or else of the status."""
        if self._message is not None:
            return list(self._message.parts)
        parts = [part for artifact in self._artifacts.values() for part in artifact]
        if self.state != "completed" or not parts:
            return list(self._status.message.parts) if self._status is not None else []
        return parts

    def _identify(self, task_id: str, context_id: str) -> None:
        if task_id and self.task_id and task_id != self.task_id:
            raise A2aClientError(f"The remote agent answered about the task {task_id!r} in place of {self.task_id!r}.")
        self.task_id = task_id or self.task_id
        self.context_id = context_id or self.context_id

    def _set_status(self, status: TaskStatus) -> None:
        from a2a.types import TaskState

        self._status = status
        # A later version of the protocol may have more states.
        names = {number: name.removeprefix("TASK_STATE_").lower() for name, number in TaskState.items()}
        self.state = names.get(status.state, "working")

    def _add(self, artifact: Artifact, is_appended: bool) -> None:
        self._count(artifact.parts)
        if not is_appended:
            self._artifacts[artifact.artifact_id] = []
        parts = self._artifacts.setdefault(artifact.artifact_id, [])
        for part in artifact.parts:
            if parts and parts[-1].WhichOneof("content") == part.WhichOneof("content") == "text":
                # The pieces of a streamed text are parts of their own, and no paragraphs.
                joined = type(part)()
                joined.CopyFrom(parts[-1])
                joined.text += part.text
                parts[-1] = joined
            else:
                parts.append(part)

    def _count(self, parts: object) -> None:
        self._size += sum(part.ByteSize() for part in parts)  # type: ignore[attr-defined]
        if self._size > self._limit:
            raise A2aClientError(f"The remote agent answered with more than {self._limit:,} bytes.")


def get_text(parts: object) -> str:
    """Return the text of parts."""
    return "".join(part.text for part in parts)  # type: ignore[attr-defined]

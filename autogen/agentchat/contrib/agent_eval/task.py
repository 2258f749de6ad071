"""`Task`: the kind of task whose solutions are judged."""

from __future__ import annotations

from pydantic import BaseModel

__all__ = ["Task"]


class Task(BaseModel):
    """A kind of task, with an example of success and of failure.

    Attributes:
        name: Name.
        description: The task, for the model that makes criteria.
        successful_response: Solution that succeeds.
        failed_response: Solution that fails.
    """

    name: str
    description: str
    successful_response: str
    failed_response: str

    def get_sys_message(self) -> str:
        """Return the task as text for a model."""
        return (
            f"Task: {self.name}.\n"
            f"Task description: {self.description}\n"
            f"Task successful example: {self.successful_response}\n"
            f"Task failed example: {self.failed_response}\n"
        )

    @staticmethod
    def parse_json_str(task: str) -> Task:
        """Read a task from JSON.

        Args:
            task: JSON object with the four attributes.

        Raises:
            pydantic.ValidationError: if it is not such an object; it names the field.
        """
        return Task.model_validate_json(task)

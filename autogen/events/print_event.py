"""AG2's event of a line that a program prints."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator

from .base_event import BaseEvent, Print, resolve_print_callable, wrap_event

__all__ = ["PrintEvent"]


@wrap_event
class PrintEvent(BaseEvent):
    """Objects that were printed, as text."""

    objects: Annotated[list[str], BeforeValidator(lambda objects: list(map(str, objects)))]
    sep: str
    end: str

    def __init__(
        self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False, uuid: UUID | None = None, **fields: Any
    ) -> None:
        super().__init__(uuid=uuid, **{"objects": objects, **fields}, sep=sep, end=end)

    def print(self, f: Print | None = None) -> None:
        """Print the objects."""
        resolve_print_callable(f)(*self.objects, sep=self.sep, end=self.end, flush=True)

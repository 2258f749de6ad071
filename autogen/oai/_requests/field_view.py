"""Live views of endpoints, as 0.2 programs know them: lists of clients, configs and rate limiters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar, cast, overload

from .endpoints import EndpointEntry

T = TypeVar("T")


class FieldView(Sequence[T], Generic[T]):
    """Live view of one field of all endpoints, for programs that know it as a list of the wrapper.

    Items can be read and assigned, but not added or removed.

    Args:
        endpoints: The endpoints.
        field: Name of the field.
    """

    def __init__(self, endpoints: Sequence[EndpointEntry], field: str) -> None:
        self._endpoints = endpoints
        self._field = field

    def __len__(self) -> int:
        return len(self._endpoints)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [getattr(endpoint, self._field) for endpoint in self._endpoints[index]]
        return cast("T", getattr(self._endpoints[index], self._field))

    # Not a `list`: assignments must reach the endpoints.
    def __setitem__(self, index: int, value: T) -> None:
        setattr(self._endpoints[index], self._field, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return repr(list(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> list[T]:
        from copy import deepcopy

        # A copy is a plain list: endpoints themselves can't be copied.
        return deepcopy(list(self), memo)

    def assign(self, values: Iterable[T]) -> None:
        """Assign all items.

        Raises:
            ValueError: if the number of values is not that of the endpoints.
        """
        values = list(values)
        if len(values) != len(self):
            raise ValueError(f"The wrapper has {len(self)} endpoints, got {len(values)} values.")
        for index, value in enumerate(values):
            self[index] = value

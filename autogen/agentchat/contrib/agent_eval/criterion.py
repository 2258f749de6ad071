"""`Criterion`: an aspect by which solutions of a task are judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

__all__ = ["Criterion"]


class Criterion(BaseModel):
    """An aspect by which solutions are judged.

    Attributes:
        name: Name.
        description: Meaning, for the model that judges.
        accepted_values: Values that the judge chooses from, the best first. Numbers count as they are.
        sub_criteria: Finer aspects. If there are any, the judge gives a value for each of them instead.
    """

    # Models write numbers as numbers.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: str
    description: str
    accepted_values: list[str]
    sub_criteria: list[Criterion] = Field(default_factory=list)

    @field_validator("sub_criteria", mode="before")
    @classmethod
    def _list_sub_criteria(cls, value: Any) -> Any:
        # Models like to answer with a dictionary from names to criteria.
        if isinstance(value, Mapping):
            return [{"name": name, **item} if isinstance(item, Mapping) else item for name, item in value.items()]
        return value or []

    @staticmethod
    def parse_json_str(criteria: str) -> list[Criterion]:
        """Read criteria from JSON.

        Args:
            criteria: JSON list of objects, as `write_json` writes it.

        Raises:
            pydantic.ValidationError: if it is not such a list; it names the criterion and the field.
        """
        return TypeAdapter(list[Criterion]).validate_json(criteria)

    @staticmethod
    def write_json(criteria: list[Criterion]) -> str:
        """Return criteria as a JSON list, indented by two."""
        return json.dumps([criterion.model_dump() for criterion in criteria], indent=2)

"""`StandIn`: a scripted model for demos that run with real models as well."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..oai import config_list_from_json
from ._scripted import ScriptedModel, ScriptFunction, ScriptItem

CONFIG_LIST = "OAI_CONFIG_LIST"
"""The environment variable, or the file of the working directory, that holds the real models."""


class StandIn(ScriptedModel):
    """A scripted model that stands in for real models where no config list names any.

    Where there is an `OAI_CONFIG_LIST` (a file of the working directory, or an environment variable), `llm_config` and
    `config` are those of its models. The script is not used then, and `requests` stays empty.

    Args:
        *replies: The replies of the script, as of a `ScriptedModel`.
        name: The name of the scripted model.

    >>> model = StandIn("Paris.")
    >>> if StandIn.is_needed():
    ...     assert model.llm_config["config_list"] == [{"model": "scripted", "model_client_cls": model}]
    """

    def __init__(self, *replies: ScriptItem | ScriptFunction, name: str = "scripted") -> None:
        is_needed = self.is_needed()
        super().__init__(*(replies if is_needed else ()), name=name)
        self._config_list = [super().config] if is_needed else config_list_from_json(CONFIG_LIST)

    @staticmethod
    def is_needed() -> bool:
        """Return True if there is no config list, so that models are scripted."""
        return not os.environ.get(CONFIG_LIST) and not Path(CONFIG_LIST).exists()

    @property
    def llm_config(self) -> dict[str, Any]:
        """An `llm_config` for an agent, with all models of the config list. It has no cache."""
        return {"config_list": self._config_list, "cache_seed": None}

    @property
    def config(self) -> dict[str, Any]:
        """The first entry of the config list."""
        return dict(self._config_list[0])

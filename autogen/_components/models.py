"""Configs of models in documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from .._mistakes import suggest
from ..specs._protocols import Build, Config, JSONObject, LiveObject, Writer
from ..specs._registry import ComponentType
from ..specs.fields import ComponentConfig
from ..types import ConfigEntry, LLMConfigDict

if TYPE_CHECKING:
    from ..specs._needs import NeedsCollector

_ADDRESSES = ("base_url", "azure_endpoint", "client_host")
# An agent's are made from its tools.
_UNWRITTEN = ("tools", "functions")
_DEFAULT_TYPE = "openai"
_ENTRY_KEYS = frozenset(ConfigEntry.__annotations__)
_CONFIG_KEYS = _ENTRY_KEYS | frozenset(LLMConfigDict.__annotations__)


def _check_keys(settings: JSONObject, known: frozenset[str]) -> None:
    for key in settings:
        if key not in known:
            raise ValueError(f"Unknown setting {key!r}.{suggest(key, known)}")


def _check_entry(entry: Config) -> Config:
    _check_keys(entry, _ENTRY_KEYS)
    if not isinstance(entry.get("model"), str) or not entry["model"]:
        raise ValueError("An entry needs the name of a model.")
    return entry


class LLMSettings(ComponentConfig):
    """Schema of an `llm_config`: entries, and settings of all of them."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    config_list: list[Annotated[dict[str, Any], AfterValidator(_check_entry)]] = Field(min_length=1)

    def model_post_init(self, context: object) -> None:
        """Check the names of the other settings.

        Raises:
            ValueError: if one is unknown.
        """
        _check_keys(self.model_extra or {}, _CONFIG_KEYS)


class LLMConfigType(ComponentType):
    """The type of configs of models."""

    name = "llm_config"
    kind = "model"
    config_model = LLMSettings
    label = "Model"
    description = "A list of models: if one fails, the next is asked."
    example: JSONObject = {
        "config_list": [{"model": "gpt-4o-mini", "api_key": {"secret": "OPENAI_API_KEY"}}],
        "temperature": 0,
    }

    def matches(self, obj: object) -> bool:
        """Return True for a dict with a list of models, which an `LLMConfig` is."""
        return isinstance(obj, Mapping) and "config_list" in obj

    def make(self, config: LLMSettings, build: Build) -> LiveObject:
        """Make an `LLMConfig`."""
        from ..llm_config import LLMConfig

        settings = build.resolve(config.model_dump(exclude_unset=True))
        return LLMConfig(config_list=settings.pop("config_list"), **settings)

    def write(self, obj: JSONObject, writer: Writer) -> Config:
        """Write the settings that are set."""
        settings = {key: value for key, value in obj.items() if key not in _UNWRITTEN and value is not None}
        entries = []
        for entry in settings.pop("config_list"):
            owner = str(entry.get("api_type") or _DEFAULT_TYPE)
            known = {key: value for key, value in entry.items() if key not in _UNWRITTEN and value is not None}
            if owner == _DEFAULT_TYPE:
                known.pop("api_type", None)
            entries.append(writer.write_settings(known, owner))
        return {"config_list": entries, **writer.write_settings(settings, _DEFAULT_TYPE)}

    def collect_needs(self, config: LLMSettings, needs: NeedsCollector) -> None:
        """Note the models, and the addresses of endpoints."""
        for entry in config.config_list:
            needs.add("models", entry["model"])
            for key in _ADDRESSES:
                if isinstance(entry.get(key), str):
                    needs.add_address(entry[key])


MODEL_TYPES = (LLMConfigType(),)

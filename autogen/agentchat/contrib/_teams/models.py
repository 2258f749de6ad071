"""The models of a builder and of its agents, chosen from a config list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....oai._config.lists import filter_config
from ....oai._usage.ledger import split_limits
from ....oai.client import OpenAIWrapper
from ....oai.openai_utils import config_list_from_json
from ...conversable_agent import ConversableAgent

Entry = dict[str, Any]
"""A config of a model, or an entry of a config list."""

# Settings that belong to the requests of the agent that had them.
_OF_ONE_AGENT = ("tools", "functions", "tool_choice", "parallel_tool_calls", "response_format")


class TeamModels:
    """The models that a builder may use.

    Args:
        llm_config: Config with a list, or of one model; None to read the file.
        file: Config list, as `config_list_from_json` finds it.
        folder: Folder of its file.
    """

    def __init__(self, llm_config: Mapping[str, object] | None, file: str, folder: str) -> None:
        self._llm_config = llm_config
        self._file = file
        self._folder = folder
        self._payer: OpenAIWrapper | None = None
        self._custom_clients: list[tuple[Callable[..., object], dict[str, Any]]] = []

    def select(self, models: Sequence[str], tags: Sequence[str], parameter: str) -> list[Entry]:
        """Return the entries with these models and tags.

        Args:
            models: Names of models; empty for all.
            tags: Tags; an entry needs one of them. Empty for all.
            parameter: Name of the argument that chooses the models, for the error.

        Raises:
            RuntimeError: if there are none.
            FileNotFoundError: if there is no config list.
        """
        wanted = {key: list(values) for key, values in (("model", models), ("tags", tags)) if values}
        entries: list[Entry]
        if self._llm_config is None:
            source = f"{self._file} (config_file_or_env)"
            entries = [dict(entry) for entry in config_list_from_json(self._file, self._folder, wanted)]
        else:
            source = "the llm_config"
            listed: Any = self._llm_config.get("config_list") or [split_limits(self._llm_config)[1]]
            entries = filter_config(list(listed), wanted)
        if not entries:
            names = ", ".join(models) or "any"
            suffix = f" with the tags {', '.join(tags)}" if tags else ""
            raise RuntimeError(
                f"The model {names}{suffix} is not in {source}: add an entry, or choose another model by {parameter}."
            )
        return entries

    def make_client(self, models: Sequence[str], tags: Sequence[str]) -> OpenAIWrapper:
        """Make a client of the models that plan.

        Raises:
            RuntimeError: if there are none.
        """
        entries = self.select(models, tags, "builder_model")
        config = {**self._settings, "config_list": entries}
        # Nobody reads a plan as it arrives.
        config.pop("stream", None)
        client = OpenAIWrapper(**config) if self._payer is None else self._payer.rebuild(**config)
        for kind, arguments in self._custom_clients:
            if _names_client(entries, kind):
                client.register_model_client(kind, **arguments)
        return client

    def make_llm_config(
        self, settings: Mapping[str, object], models: Sequence[str], tags: Sequence[str], parameter: str
    ) -> Entry:
        """Return the config of an agent: the settings of the builder, others over them, and the entries of its models.

        Raises:
            RuntimeError: if there is no such model.
        """
        return {**self._settings, **settings, "config_list": self.select(models, tags, parameter)}

    def add_client(self, kind: Callable[..., object], arguments: Mapping[str, object]) -> None:
        """Remember a custom client for the clients and agents that are made from now on."""
        self._custom_clients.append((kind, dict(arguments)))

    def set_payer(self, client: OpenAIWrapper) -> None:
        """Count the usage of clients that are made from now on as that of another, within its budget."""
        self._payer = client

    def prepare(self, agent: ConversableAgent) -> None:
        """Give an agent that was just made the custom clients that its config names, and the ledger of the payer."""
        config: Any = agent.llm_config
        if not config:
            return
        if self._payer is not None and isinstance(agent.client, OpenAIWrapper):
            agent.client = self._payer.rebuild(**config)
        for kind, arguments in self._custom_clients:
            if _names_client(config.get("config_list") or [config], kind):
                agent.register_model_client(kind, **arguments)  # type: ignore[arg-type]

    @property
    def _settings(self) -> Entry:
        """The settings beside the list, without tools. Without a list, all of the config but its budget is an entry."""
        config = self._llm_config or {}
        if not config.get("config_list"):
            return {key: value for key, value in split_limits(config)[0].items() if value is not None}
        return {key: value for key, value in config.items() if key != "config_list" and key not in _OF_ONE_AGENT}


def _names_client(entries: Sequence[Mapping[str, object]], kind: Callable[..., object]) -> bool:
    return any(entry.get("model_client_cls") == getattr(kind, "__name__", None) for entry in entries)


def list_names(names: object, parameter: str) -> list[str]:
    """Return one name, or several, as a list.

    Raises:
        ValueError: if they are not texts.
    """
    listed = [names] if isinstance(names, str) else list(names) if isinstance(names, (list, tuple)) else None
    if listed is None or not all(isinstance(name, str) for name in listed):
        raise ValueError(f"{parameter} must be a name or a list of names, got {names!r}.")
    return [name for name in listed if name]

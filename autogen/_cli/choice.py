"""The choice of the model that a command uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..oai._local import weights
from ..oai.openai_utils import config_list_from_json
from .demo import MODEL as LOCAL_MODEL

if TYPE_CHECKING:
    from ..types import ConfigEntry

CONFIG_LIST = "OAI_CONFIG_LIST"
OPENAI_MODEL = "gpt-4o-mini"


class Choice(NamedTuple):
    """A config list, and its label in messages to the user."""

    config_list: list[ConfigEntry]
    label: str


def choose_model(config: str | None, model: str | None) -> Choice:
    """Choose the config list: the named list, OAI_CONFIG_LIST, a key in OPENAI_API_KEY, or the model on this machine.

    Args:
        config: Name of a config list: a file, or an environment variable.
        model: Name of a model in the list, or of a local model.

    Raises:
        FileNotFoundError: if the named config list does not exist.
        ValueError: if the list has no such model.
    """
    # A local model needs no config list.
    if model and (model in weights.CATALOGUE or model.endswith(".gguf")):
        return _choose_local(model)
    if config or os.environ.get(CONFIG_LIST) or Path(CONFIG_LIST).exists():
        return _choose_from_list(config or CONFIG_LIST, model)
    if os.environ.get("OPENAI_API_KEY"):
        name = model or OPENAI_MODEL
        return Choice([{"model": name}], f"{name} (OPENAI_API_KEY is set)")
    if model:
        raise ValueError(
            f"There is no local model {model!r}, no {CONFIG_LIST} and no OPENAI_API_KEY. See: autogen models list"
        )
    return _choose_local(LOCAL_MODEL)


def _choose_from_list(source: str, model: str | None) -> Choice:
    entries = config_list_from_json(source, file_location=None)
    names = [str(entry.get("model")) for entry in entries]
    if model:
        entries = [entry for entry in entries if entry.get("model") == model]
    if not entries:
        raise ValueError(f"{source} has no model {model!r}; it has: {', '.join(names) or 'nothing'}.")
    return Choice(entries, f"{entries[0].get('model')} (first of {len(entries)} in {source})")


def _choose_local(model: str) -> Choice:
    return Choice([{"model": model, "api_type": "local"}], f"{model} (on this machine)")

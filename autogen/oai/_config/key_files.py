"""Config lists from API keys in key files, a `.env` file or the environment."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..._extras import require
from .lists import filter_config, get_config, get_config_list

if TYPE_CHECKING:
    from ...types import ConfigEntry

logger = logging.getLogger("autogen.oai.openai_utils")
# 0.2 logged about `.env` files here, and programs set the level of this logger.
root = logging.getLogger()

DEFAULT_AZURE_API_VERSION = "2024-02-01"


def config_list_openai_aoai(
    key_file_path: str | None = ".",
    openai_api_key_file: str | None = "key_openai.txt",
    aoai_api_key_file: str | None = "key_aoai.txt",
    openai_api_base_file: str | None = "base_openai.txt",
    aoai_api_base_file: str | None = "base_aoai.txt",
    exclude: str | None = None,
) -> list[ConfigEntry]:
    """Return entries for OpenAI, then for Azure, from files with a key or URL on each line.

    The text of a file becomes the value of an environment variable of the whole process: `OPENAI_API_KEY`,
    `AZURE_OPENAI_API_KEY`, `OPENAI_API_BASE`, `AZURE_OPENAI_API_BASE`. Without the file, the variable is read.

    Args:
        key_file_path: The directory of the files; None to read no files.
        openai_api_key_file: OpenAI's keys; None for no file (so for the other files).
        aoai_api_key_file: Azure's keys.
        openai_api_base_file: A URL for each of OpenAI's keys.
        aoai_api_base_file: A URL for each of Azure's keys.
        exclude: `openai` or `aoai`, to leave out these entries.

    Raises:
        AssertionError: if the numbers of keys and URLs differ.
    """
    entries: list[ConfigEntry] = []
    if exclude != "openai":
        keys = _read_lines(key_file_path, openai_api_key_file, "OPENAI_API_KEY")
        urls = _read_lines(key_file_path, openai_api_base_file, "OPENAI_API_BASE")
        # OpenAI's URL is the default; Azure's entries need one each.
        entries += get_config_list(keys, urls if any(urls) else None)
    if exclude != "aoai":
        keys = _read_lines(key_file_path, aoai_api_key_file, "AZURE_OPENAI_API_KEY")
        urls = _read_lines(key_file_path, aoai_api_base_file, "AZURE_OPENAI_API_BASE")
        entries += get_config_list(keys, urls, "azure", DEFAULT_AZURE_API_VERSION)
    return entries


def _read_lines(folder: str | None, file: str | None, variable: str) -> list[str]:
    if folder is not None and file is not None:
        path = Path(folder, file)
        try:
            # Editors on Windows begin a file with a byte order mark, which is not part of a key.
            os.environ[variable] = path.read_text(encoding="utf-8-sig").strip()
        except FileNotFoundError:
            logger.info("no such file: %s; reading the environment variable %s", path, variable)
    return [line.strip() for line in os.environ.get(variable, "").split("\n")]


def config_list_from_models(
    key_file_path: str | None = ".",
    openai_api_key_file: str | None = "key_openai.txt",
    aoai_api_key_file: str | None = "key_aoai.txt",
    aoai_api_base_file: str | None = "base_aoai.txt",
    exclude: str | None = None,
    model_list: list[str] | None = None,
) -> list[ConfigEntry]:
    """Return the entries of `config_list_openai_aoai` for each model: all endpoints of the first model, then of the second.

    Args:
        key_file_path: The directory of the files; None to read no files.
        openai_api_key_file: OpenAI's keys.
        aoai_api_key_file: Azure's keys.
        aoai_api_base_file: A URL for each of Azure's keys.
        exclude: `openai` or `aoai`, to leave out these entries.
        model_list: The models. Without them the entries have no model.
    """
    entries = config_list_openai_aoai(
        key_file_path,
        openai_api_key_file=openai_api_key_file,
        aoai_api_key_file=aoai_api_key_file,
        aoai_api_base_file=aoai_api_base_file,
        exclude=exclude,
    )
    return [{**entry, "model": model} for model in model_list for entry in entries] if model_list else entries


def config_list_gpt4_gpt35(
    key_file_path: str | None = ".",
    openai_api_key_file: str | None = "key_openai.txt",
    aoai_api_key_file: str | None = "key_aoai.txt",
    aoai_api_base_file: str | None = "base_aoai.txt",
    exclude: str | None = None,
) -> list[ConfigEntry]:
    """Return the entries of `config_list_from_models` for `gpt-4`, then `gpt-3.5-turbo`.

    Args:
        key_file_path: The directory of the files; None to read no files.
        openai_api_key_file: OpenAI's keys.
        aoai_api_key_file: Azure's keys.
        aoai_api_base_file: A URL for each of Azure's keys.
        exclude: `openai` or `aoai`, to leave out these entries.
    """
    return config_list_from_models(
        key_file_path, openai_api_key_file, aoai_api_key_file, aoai_api_base_file, exclude, ["gpt-4", "gpt-3.5-turbo"]
    )


def config_list_from_dotenv(
    dotenv_file_path: str | None = None,
    model_api_key_map: Mapping[str, str | Mapping[str, str]] | None = None,
    filter_dict: Mapping[str, object] | None = None,
) -> list[ConfigEntry]:
    """Return an entry for each model, with its key from a `.env` file or the environment.

    The file's variables become part of the environment, unless they are set there.

    Args:
        dotenv_file_path: The file; by default the nearest `.env` in the working directory or above it.
        model_api_key_map: For each model the name of the variable with its key, or a dict of `api_key_env_var` and
            arguments of `get_config`. `gpt-4` and `gpt-3.5-turbo` are added, with `OPENAI_API_KEY`. A model without a key is
            left out and logged.
        filter_dict: The accepted values for each key of an entry; see `filter_config`.

    Raises:
        TypeError: if a dict in the map has a key that `get_config` doesn't take.

    >>> config_list_from_dotenv(".env", {"gpt-4o": "MY_KEY"}, {"model": ["gpt-4o"]})  # doctest: +SKIP
    [{'api_key': '***', 'model': 'gpt-4o'}]
    """
    _load_dotenv(dotenv_file_path)
    key_map = {**(model_api_key_map or {})}
    for model in ("gpt-4", "gpt-3.5-turbo"):
        key_map.setdefault(model, "OPENAI_API_KEY")
    entries = [entry for model, settings in key_map.items() if (entry := _build_entry(model, settings))]
    filtered = filter_config(entries, filter_dict)
    if not filtered:
        models = ", ".join(entry["model"] for entry in entries)
        reason = f"the filter removes all of {models}" if models else "no model has a key"
        root.error("no config was loaded: %s", reason)
    return filtered


def _load_dotenv(path: str | None) -> None:
    dotenv = require("dotenv", feature="config_list_from_dotenv")
    if path and not Path(path).exists():
        root.warning("The .env file %s does not exist. Only the environment is used.", path)
        return
    path = path or dotenv.find_dotenv(usecwd=True)
    if path:
        dotenv.load_dotenv(path)
    else:
        root.warning("No .env file found. Only the environment is used.")


def _build_entry(model: str, settings: object) -> ConfigEntry | None:
    if isinstance(settings, str):
        settings = {"api_key_env_var": settings}
    if not isinstance(settings, Mapping):
        root.warning("The key of model %s must be named by a str or a dict, got %s.", model, type(settings).__name__)
        return None
    arguments = dict(settings)
    variable = arguments.pop("api_key_env_var", "OPENAI_API_KEY")
    if unknown := arguments.keys() - {"base_url", "api_type", "api_version"}:
        raise TypeError(f"model_api_key_map[{model!r}] has unknown keys: {', '.join(sorted(map(str, unknown)))}.")
    key = os.environ.get(variable)
    if not key or not key.strip():
        root.warning("API key not found or empty for model %s: set %s, in the .env file or otherwise.", model, variable)
        return None
    return {**get_config(key, **arguments), "model": model}

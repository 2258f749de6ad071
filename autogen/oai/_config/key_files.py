"""Config lists from keys: in files with nothing else in them, in a `.env` file, in the environment."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..._extras import require
from .lists import filter_config, get_config, get_config_list

logger = logging.getLogger("autogen.oai.openai_utils")
root = logging.getLogger()  # where programs look for what the .env helper says

DEFAULT_AZURE_API_VERSION = "2024-02-01"


def config_list_openai_aoai(
    key_file_path: str | None = ".",
    openai_api_key_file: str | None = "key_openai.txt",
    aoai_api_key_file: str | None = "key_aoai.txt",
    openai_api_base_file: str | None = "base_openai.txt",
    aoai_api_base_file: str | None = "base_aoai.txt",
    exclude: str | None = None,
) -> list[dict[str, Any]]:
    """Entries for OpenAI, then entries for Azure, from files with one key or URL a line.

    What a file holds becomes the value of an environment variable, for all of the process: `OPENAI_API_KEY`,
    `AZURE_OPENAI_API_KEY`, `OPENAI_API_BASE`, `AZURE_OPENAI_API_BASE`. Where there is no file, the variable counts.

    Args:
        key_file_path: The folder of the files; None to read none.
        openai_api_key_file: OpenAI's keys; None for no file. So with the others.
        aoai_api_key_file: Azure's keys.
        openai_api_base_file: A URL for each of OpenAI's keys.
        aoai_api_base_file: A URL for each of Azure's keys.
        exclude: `openai` or `aoai` to leave that half out.

    Raises:
        AssertionError: There are not as many URLs as keys.
    """
    entries: list[dict[str, Any]] = []
    if exclude != "openai":
        keys = _lines(key_file_path, openai_api_key_file, "OPENAI_API_KEY")
        urls = _lines(key_file_path, openai_api_base_file, "OPENAI_API_BASE")
        entries += get_config_list(keys, urls if any(urls) else None)
    if exclude != "aoai":
        keys = _lines(key_file_path, aoai_api_key_file, "AZURE_OPENAI_API_KEY")
        urls = _lines(key_file_path, aoai_api_base_file, "AZURE_OPENAI_API_BASE")
        entries += get_config_list(keys, urls, "azure", DEFAULT_AZURE_API_VERSION)
    return entries


def _lines(folder: str | None, file: str | None, variable: str) -> list[str]:
    if folder is not None and file is not None:
        path = Path(folder, file)
        try:
            os.environ[variable] = path.read_text(encoding="utf-8-sig").strip()
        except FileNotFoundError:
            logger.info("There is no file %s: the environment variable %s is used.", path, variable)
    return [line.strip() for line in os.environ.get(variable, "").split("\n")]


def config_list_from_models(
    key_file_path: str | None = ".",
    openai_api_key_file: str | None = "key_openai.txt",
    aoai_api_key_file: str | None = "key_aoai.txt",
    aoai_api_base_file: str | None = "base_aoai.txt",
    exclude: str | None = None,
    model_list: list[str] | None = None,
) -> list[dict[str, Any]]:
    """`config_list_openai_aoai` for each of these models: all endpoints for the first model, then for the second.

    Args:
        key_file_path: See `config_list_openai_aoai`. So with the files.
        openai_api_key_file: OpenAI's keys.
        aoai_api_key_file: Azure's keys.
        aoai_api_base_file: A URL for each of Azure's keys.
        exclude: `openai` or `aoai` to leave that half out.
        model_list: The models. Without them the entries name none.
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
) -> list[dict[str, Any]]:
    """`config_list_from_models` for `gpt-4`, then `gpt-3.5-turbo`.

    Args:
        key_file_path: The folder of the files.
        openai_api_key_file: The file with OpenAI's key.
        aoai_api_key_file: The file with Azure's keys, one a line.
        aoai_api_base_file: The file with Azure's addresses, one a line.
        exclude: Whose entries are left out: `openai` or `aoai`.
    """
    return config_list_from_models(
        key_file_path, openai_api_key_file, aoai_api_key_file, aoai_api_base_file, exclude, ["gpt-4", "gpt-3.5-turbo"]
    )


def config_list_from_dotenv(
    dotenv_file_path: str | None = None,
    model_api_key_map: Mapping[str, Any] | None = None,
    filter_dict: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """One entry for each model, its key from a `.env` file or the environment.

    What the file holds becomes part of the environment; what is set there already stays.

    Args:
        dotenv_file_path: The file; by default the nearest `.env` in the working directory or above it.
        model_api_key_map: For each model the name of the variable with its key, or a dict of `api_key_env_var` and
            arguments of `get_config`. `gpt-4` and `gpt-3.5-turbo` are added, with `OPENAI_API_KEY`. A model without a key is
            left out; that is logged.
        filter_dict: See `filter_config`.

    Raises:
        TypeError: A dict in the map has a key that `get_config` does not know.

    >>> config_list_from_dotenv(".env", {"gpt-4o": "MY_KEY"}, {"model": ["gpt-4o"]})  # doctest: +SKIP
    [{'api_key': '***', 'model': 'gpt-4o'}]
    """
    _load(dotenv_file_path)
    wanted = {**(model_api_key_map or {})}
    for model in ("gpt-4", "gpt-3.5-turbo"):
        wanted.setdefault(model, "OPENAI_API_KEY")
    entries = [{**entry, "model": model} for model, where in wanted.items() if (entry := _entry(model, where))]
    kept = filter_config(entries, filter_dict)
    if not kept:
        models = ", ".join(entry["model"] for entry in entries)
        root.error("No config was loaded: %s.", f"the filter leaves none of {models}" if models else "no model has a key")
    return kept


def _load(path: str | None) -> None:
    dotenv = require("dotenv", feature="config_list_from_dotenv")
    if path and not Path(path).exists():
        root.warning("The .env file %s does not exist. Only the environment is used.", path)
        return
    found = path or dotenv.find_dotenv(usecwd=True)
    if found:
        dotenv.load_dotenv(found)
    else:
        root.warning("No .env file found. Only the environment is used.")


def _entry(model: str, where: Any) -> dict[str, Any] | None:
    if isinstance(where, str):
        where = {"api_key_env_var": where}
    if not isinstance(where, Mapping):
        root.warning("The key of model %s must be named by a str or a dict, not %s.", model, type(where).__name__)
        return None
    settings = dict(where)
    variable = settings.pop("api_key_env_var", "OPENAI_API_KEY")
    if unknown := settings.keys() - {"base_url", "api_type", "api_version"}:
        raise TypeError(f"model_api_key_map[{model!r}] has unknown keys: {', '.join(sorted(map(str, unknown)))}.")
    key = os.environ.get(variable)
    if not key or not key.strip():
        root.warning("API key not found or empty for model %s: set %s, in the .env file or otherwise.", model, variable)
        return None
    return get_config(key, **settings)

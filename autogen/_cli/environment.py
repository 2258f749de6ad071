"""Settings from a `.env` file, for the command line only.

A folder that was downloaded may hold a `.env`. So the file may set keys, but it can't send a key of the environment to
another address, nor change how code is run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from ..oai._endpoints.provider_registry import PROVIDERS

ENV_FILE = Path(".env")
_SECRET_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_KEY_ID")
_PLAIN_NAMES = frozenset(
    {"OAI_CONFIG_LIST", "AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"}
)
# An address is read only if the key that goes there comes from the same file.
_KEYS_OF_ADDRESSES = {"OPENAI_BASE_URL": "OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT": "AZURE_OPENAI_API_KEY"}


class EnvFile(NamedTuple):
    """The names in a `.env` file.

    Attributes:
        read: Names of the variables that were set from it.
        kept: Names that the environment has already.
        ignored: Names that are not read from a file.
    """

    read: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def load_env_file(path: Path = ENV_FILE) -> EnvFile:
    """Set environment variables from a `.env` file in the current folder. The environment wins over the file.

    Args:
        path: The file; no-op if there is none.

    Raises:
        OSError: if the file can't be read.
        ValueError: if it is not text in UTF-8.
    """
    if not path.is_file():
        return EnvFile()
    try:
        # Not interpolated: `${NAME}` would copy a variable of the environment under another name.
        values = {name: value for name, value in dotenv_values(path, interpolate=False).items() if value}
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {path} must be text in UTF-8: {error.reason} at byte {error.start}.") from None
    allowed = [name for name in values if _is_allowed(name, values)]
    kept = tuple(name for name in allowed if os.environ.get(name))
    read = tuple(name for name in allowed if name not in kept)
    os.environ.update({name: values[name] for name in read})
    return EnvFile(read, kept, tuple(name for name in values if name not in allowed))


def _is_allowed(name: str, values: Mapping[str, str]) -> bool:
    if key := _KEYS_OF_ADDRESSES.get(name):
        return key in values and not os.environ.get(key)
    known = {variable for provider in PROVIDERS.values() for variable in provider.connection.key_variables}
    return name in known or name in _PLAIN_NAMES or name.endswith(_SECRET_ENDINGS)

"""`retrieve_config`: its keys, defaults and checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ...._documents.files import TEXT_FORMATS
from ...._mistakes import suggest, warn_caller
from ...._models.catalogue import get_context_limit
from ....fetching import FetchPolicy
from ....token_count_utils import count_token
from .indexing import SplitSettings

# Defaults are parts of the model's window; a huge window would make them useless.
MAX_WINDOW: Final = 32_000
CHUNK_PART: Final = 0.4
CONTEXT_PART: Final = 0.8

DEFAULT_MODEL: Final = "all-MiniLM-L6-v2"

# Keys of 0.2 that belong to its Qdrant agent.
QDRANT_KEYS: Final = ("parallel", "on_disk", "quantization_config", "hnsw_config", "payload_indexing")
CHUNK_MODES: Final = ("multi_lines", "one_line")
SEARCH_MODES: Final = ("hybrid", "vector", "keyword")


@dataclass
class RetrieveSettings:
    """The settings of an agent that searches documents; see `RetrieveUserProxyAgent`."""

    task: str = "default"
    vector_db: Any = None
    db_config: dict[str, Any] = field(default_factory=dict)
    client: Any = None
    docs_path: Any = None
    collection_name: str = "autogen-docs"
    get_or_create: bool = False
    overwrite: bool = False
    new_docs: bool = True
    extra_docs: bool = False
    model: str = "gpt-4"
    chunk_token_size: int = 0
    context_max_tokens: int = 0
    chunk_mode: str = "multi_lines"
    must_break_at_empty_line: bool = True
    embedding_model: str = DEFAULT_MODEL
    embedding_function: Any = None
    customized_prompt: str | None = None
    customized_answer_prefix: str = ""
    update_context: bool = True
    custom_token_count_function: Callable[..., int] = count_token
    custom_text_split_function: Callable[[str], Sequence[str]] | None = None
    custom_text_types: Sequence[str] = tuple(TEXT_FORMATS)
    recursive: bool = True
    distance_threshold: float = -1
    search: str = "hybrid"
    keyword_weight: float | None = None
    embed_in_background: bool | None = None
    is_search_given: bool = False
    join_neighbours: bool = True
    policy: FetchPolicy | None = None

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text for the model."""
        return int(self.custom_token_count_function(text, self.model))

    @property
    def roots(self) -> list[str | os.PathLike[str]]:
        """The files, folders and addresses to index; empty if the collection is used as it is."""
        if self.docs_path is None:
            return []
        return [self.docs_path] if isinstance(self.docs_path, (str, os.PathLike)) else list(self.docs_path)

    @property
    def split(self) -> SplitSettings:
        """The settings of the search for files, and of their division."""
        return SplitSettings(
            self.chunk_token_size,
            self.count_tokens,
            self.model,
            self.chunk_mode,
            self.must_break_at_empty_line,
            self.custom_text_split_function,
            tuple(self.custom_text_types),
            self.recursive,
            self.policy,
        )


KEYS: Final = frozenset(RetrieveSettings.__dataclass_fields__) - {"is_search_given"}
"""The keys of a `retrieve_config`."""


def parse_settings(config: Mapping[str, Any] | None) -> RetrieveSettings:
    """Return the settings of a `retrieve_config`.

    Raises:
        ValueError: if a value is of no use.
    """
    config = dict(config or {})
    for name in [key for key in config if key not in KEYS and key not in QDRANT_KEYS]:
        text = f"retrieve_config has no key {name!r}: it is ignored.{suggest(name, KEYS)}"
        warn_caller(text)
        del config[name]
    if "docs_path" not in config:
        warn_caller("retrieve_config has no docs_path, so the collection must exist. Pass docs_path=None if that is meant.")
    known = {key: value for key, value in config.items() if key in KEYS}
    # None means the default, as in 0.2, but for keys whose default is None.
    settings = RetrieveSettings(**{key: value for key, value in known.items() if value is not None})
    settings.is_search_given = config.get("search") is not None
    if config.get("get_or_create") is None:
        settings.get_or_create = settings.docs_path is None
    window = get_window(settings.model)
    settings.chunk_token_size = settings.chunk_token_size or int(window * CHUNK_PART)
    settings.context_max_tokens = settings.context_max_tokens or int(window * CONTEXT_PART)
    settings.customized_answer_prefix = settings.customized_answer_prefix.upper()
    _check_settings(settings)
    return settings


def _check_settings(settings: RetrieveSettings) -> None:
    """Check the values.

    Raises:
        ValueError: if a value is of no use.
    """
    if not isinstance(settings.db_config, dict):
        raise ValueError(f"db_config must be a dict of arguments for the vector store, got {settings.db_config!r}.")
    for name, choices in (("chunk_mode", CHUNK_MODES), ("search", SEARCH_MODES)):
        value = getattr(settings, name)
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}.{suggest(str(value), choices)}")
    for name in ("chunk_token_size", "context_max_tokens"):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 1:
            raise ValueError(f"{name} must be a positive whole number, got {value!r}.")
        setattr(settings, name, int(value))
    if not settings.custom_text_types:
        raise ValueError("custom_text_types must name at least one file ending, got an empty list.")
    if settings.docs_path is not None and not isinstance(settings.docs_path, (str, os.PathLike, Iterable)):
        raise ValueError(f"docs_path must be a path, an address, or a list of them, got {settings.docs_path!r}.")


def count_default_tokens(text: str) -> int:
    """Return the number of tokens of a text for the default model."""
    return count_token(text)


def get_window(model: str) -> int:
    """Return the number of tokens that the defaults are parts of, by the name of a model."""
    for part, window in (("32k", 32_000), ("16k", 16_000)):
        if part in model:
            return window
    if model in ("gpt-4", "gpt-3.5-turbo"):
        return 8_000 if model == "gpt-4" else 4_000
    limit = get_context_limit(model)
    if limit is not None:
        return min(limit, MAX_WINDOW)
    return 8_000 if "gpt-4" in model else 4_000

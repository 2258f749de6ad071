"""`LLMConfig`: an `llm_config` that is validated when it is made, masks its keys, and can be a context manager."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar, Token
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .._secrets import redact
from ..oai._config.entries import EntryList, LLMConfigEntry, Settings, dump_settings, dump_settings_as_json, make_entry
from ..oai._config.entry_checks import warn_of_misspelt_settings
from ..oai._config.lists import validate_config_list
from ..oai._usage.cost import parse_price
from ..oai.openai_utils import config_list_from_json, filter_config
from ..types import LLMConfigDict

if TYPE_CHECKING:
    from ..types import ConfigEntry

__all__ = ["CONFIG_SETTINGS", "SHARED_ENTRY_SETTINGS", "LLMConfig", "get_active_config"]

CONFIG_SETTINGS = frozenset(
    {
        "allow_format_str_template",
        "budget_key",
        "cache",
        "cache_seed",
        "check_every_ms",
        "embedding_model",
        "filter_func",
        "functions",
        "image_captioner",
        "max_cost",
        "max_new_tokens",
        "max_tokens_total",
        "on_budget",
        "on_refusal",
        "parallel_tool_calls",
        "response_format",
        "retry_policy",
        "routing_method",
        "seed",
        "stream",
        "temperature",
        "timeout",
        "tools",
    }
)
"""Settings of the whole config. Other keys beside a model belong to its entry."""

_SHOWN_SETTINGS = (
    *("top_p", "temperature", "max_tokens", "check_every_ms", "allow_format_str_template", "response_format", "timeout"),
    *("seed", "cache_seed", "parallel_tool_calls", "tools", "functions", "routing_method"),
)

SHARED_ENTRY_SETTINGS = ("max_tokens", "top_p")
"""Settings that are copied from the whole config to every entry."""


class _Current:
    """The config of the innermost `with` block, as an attribute of the class."""

    def __get__(self, instance: object, owner: type[object]) -> LLMConfig:
        config = get_active_config()
        if config is None:
            raise ValueError("No LLMConfig is in force: use it in a `with` block.")
        return config


class LLMConfig(Settings):
    """An `llm_config` with validation. It is a dict, and can be used wherever a dict can.

    Entries are dicts whose items are attributes too, of the class that fits their `api_type`.

    Args:
        *configs: Dicts or `LLMConfigEntry` objects, one for each model; or a whole config.
        config_list: The same as a list; a single dict is accepted.
        **settings: Settings of the whole config: `temperature`, `timeout`, `seed`, `cache_seed`, `tools`, `functions`,
            `parallel_tool_calls`, `response_format`, `allow_format_str_template`, `check_every_ms`, `routing_method`...
            `max_tokens` and `top_p` go into the entries that don't have them. Without entries, the settings also
            describe a single model (`model`, `api_key`, ...).

    Raises:
        ValueError: if there is no model, an entry is not a dict, its `api_type` is unknown, or a price is invalid.

    >>> config = LLMConfig(model="gpt-4o-mini", api_key="sk-0123456789abcdefghijkl", temperature=0)
    >>> config
    LLMConfig(config_list=[{'model': 'gpt-4o-mini', 'api_key': '***', 'api_type': 'openai'}], temperature=0)
    >>> with config:  # agents made here use it
    ...     agent = ConversableAgent("agent")  # doctest: +SKIP
    """

    current = _Current()
    default = current

    def __init__(
        self,
        *configs: ConfigEntry | LLMConfigDict | Mapping[str, object],
        config_list: Mapping[str, object] | Sequence[ConfigEntry] | Sequence[Mapping[str, object]] | None = None,
        **settings: Any,
    ) -> None:
        raw_entries: list[object] = [*_unpack_config(configs, settings), *_list_entries(config_list)]
        if not raw_entries:
            # The keywords describe a single model.
            raw_entries = [{key: settings.pop(key) for key in list(settings) if key not in CONFIG_SETTINGS}]
        shared = {key: settings.pop(key) for key in SHARED_ENTRY_SETTINGS if key in settings}
        validated = [_make_entry(entry, shared) for entry in raw_entries]
        if settings.get("price") is not None:
            parse_price(settings["price"])
        warn_of_misspelt_settings("LLMConfig", dict.fromkeys([*settings, *(key for entry in validated for key in entry)]))
        super().__init__(config_list=EntryList(validated), **settings)

    @classmethod
    def ensure_config(cls, config: object) -> LLMConfig:
        """Return a config: a copy of an `LLMConfig`, or one of an entry, a dict in any form, or a list of entries.

        Args:
            config: Config, entry or entries; it stays as it is.

        Raises:
            ValueError: if it is something else, or not valid.
        """
        if isinstance(config, LLMConfig):
            return config.copy()
        if isinstance(config, LLMConfigEntry):
            return cls(config)
        if isinstance(config, Mapping):
            return cls(**copy.deepcopy(dict(config)))
        if isinstance(config, str) or not isinstance(config, Iterable):
            raise ValueError(f"A config must be a dict, an entry or a list of entries, got {type(config).__name__}.")
        return cls(*config)

    @classmethod
    def get_current_llm_config(cls, llm_config: Mapping[str, object] | None = None) -> LLMConfig | None:
        """Return a copy of a config, or else of the config of the innermost `with` block; None outside of one.

        Args:
            llm_config: Config that has precedence.
        """
        return get_active_config() if llm_config is None else cls.ensure_config(llm_config)

    @classmethod
    def from_json(
        cls,
        *,
        path: str | Path | None = None,
        env: str | None = None,
        file_location: str | None = None,
        filter_dict: Mapping[str, object] | None = None,
        **settings: Any,
    ) -> LLMConfig:
        """Read the entries from a file, or from an environment variable that holds JSON or the path of a file.

        Args:
            path: The path of the file.
            env: The name of the variable.
            file_location: The directory of the file.
            filter_dict: The accepted values for each key of an entry; see `filter_config`.
            **settings: Settings of the whole config.

        Raises:
            ValueError: if both or neither of `path` and `env` are given, or no entry is left.
            FileNotFoundError: if there is no such file or variable.
        """
        if (path is None) == (env is None):
            raise ValueError("Give either path or env.")
        if env is not None and not os.environ.get(env):
            raise FileNotFoundError(f"The environment variable {env} is not set.")
        criteria = dict(filter_dict) if filter_dict else None
        entries = config_list_from_json(str(env or path), file_location=file_location or "", filter_dict=criteria)
        return cls(config_list=entries, **settings)

    def where(self, *accepts: Callable[[dict[str, Any]], bool], exclude: bool = False, **criteria: object) -> LLMConfig:
        """Return a config with the entries that match.

        Args:
            *accepts: Functions from an entry to a bool.
            exclude: Whether to keep the entries that match none of the functions and criteria instead.
            **criteria: The accepted values for each key. A list in an entry (`tags`) matches if it shares a value with them.
                A single text stands for a list of it, and a missing key matches None.

        Raises:
            ValueError: if no entry is left.

        >>> config.where(tags=["cheap"], model="gpt-4o-mini")  # doctest: +SKIP
        """
        accepted = {key: [value] if isinstance(value, str) or value is None else value for key, value in criteria.items()}

        def is_kept(entry: dict[str, Any]) -> bool:
            matches = [accept(entry) for accept in accepts]
            for key, values in accepted.items():
                is_absent = entry.get(key) is None and None in values  # type: ignore[operator]
                matches.append(is_absent or bool(filter_config([entry], {key: values})))
            return not any(matches) if exclude else all(matches)

        entries = [entry for entry in self["config_list"] if is_kept(entry)]
        if not entries:
            models = ", ".join(str(entry.get("model")) for entry in self["config_list"])
            raise ValueError(f"No entry matches {criteria or accepts}; the models are: {models}.")
        return type(self)(**{**copy.copy(dict(self)), "config_list": copy.deepcopy(entries)})

    def __enter__(self) -> LLMConfig:
        _tokens.set((*_tokens.get(), _active.set(self)))
        return self

    def __exit__(self, *_: object) -> None:
        *outer, token = _tokens.get()
        _tokens.set(tuple(outer))
        _active.reset(token)

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "config_list":
            value = EntryList(_make_entry(entry, {}) for entry in _list_entries(value))
        super().__setitem__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        # A setting that is not set, so that programs need no `hasattr`.
        if name in CONFIG_SETTINGS or name in SHARED_ENTRY_SETTINGS:
            return None
        raise AttributeError(f"This LLMConfig has no {name!r}; it has: {', '.join(self)}.")

    def __setattr__(self, name: str, value: object) -> None:
        if name not in CONFIG_SETTINGS and name not in self:
            raise ValueError(f"{name!r} is not a setting of an LLMConfig.")
        self[name] = value

    def copy(self) -> LLMConfig:
        """Return a deep copy."""
        return copy.deepcopy(self)

    def deepcopy(self, memo: dict[int, Any] | None = None) -> LLMConfig:
        """Return a deep copy.

        Args:
            memo: Copies made before, as `copy.deepcopy` takes them.
        """
        return copy.deepcopy(self, memo)

    def model_dump(self, *args: object, exclude_none: bool = True, **kwargs: Any) -> dict[str, Any]:
        """Return a plain dict that can be used as a config; only the `repr` of its keys is masked.

        Args:
            *args: None: all options have names.
            exclude_none: Whether settings of None, and empty lists, are left out.
            **kwargs: `reveal=True` for keys as plain text, `include` or `exclude` for names of settings.

        Raises:
            TypeError: if there are other arguments.
        """
        return dump_settings(self, exclude_none, args, kwargs)

    def model_dump_json(self, *args: object, exclude_none: bool = True, **kwargs: Any) -> str:
        """Return the dump as JSON text with masked keys; see `model_dump`. Other values are shown by their class."""
        return dump_settings_as_json(self, exclude_none, args, kwargs)

    def __repr__(self) -> str:
        return f"LLMConfig({', '.join(f'{key}={value!r}' for key, value in redact(dict(self)).items())})"


_active: ContextVar[LLMConfig | None] = ContextVar("active LLMConfig", default=None)
# Tokens of the `with` blocks around this point: a config may be used in several of them.
_tokens: ContextVar[tuple[Token[LLMConfig | None], ...]] = ContextVar("tokens of active LLMConfigs", default=())


def get_active_config() -> LLMConfig | None:
    """Return a copy of the config of the innermost `with` block, or None outside of one."""
    config = _active.get()
    return None if config is None else config.copy()


def _unpack_config(entries: tuple[object, ...], settings: dict[str, Any]) -> tuple[object, ...]:
    """Return the entries. If the only one is a whole config, return its entries and add its other keys to `settings`."""
    if len(entries) != 1 or not isinstance(entries[0], Mapping) or "config_list" not in entries[0]:
        return entries
    whole = dict(entries[0])
    listed = whole.pop("config_list")
    for key, value in whole.items():
        settings.setdefault(key, value)
    return _list_entries(listed)


def _list_entries(config_list: object) -> tuple[object, ...]:
    """Return the entries of a config list; a single dict is an entry.

    Raises:
        ValueError: if it is neither a dict nor a list of dicts.
    """
    entries = [config_list] if isinstance(config_list, Mapping) else config_list or ()
    validate_config_list(entries)
    return tuple(cast("Sequence[object]", entries))


def _make_entry(entry: object, shared: Mapping[str, object]) -> LLMConfigEntry:
    """Make an entry, with shared settings that it does not have itself.

    Raises:
        ValueError: if it is not a dict, or not valid.
    """
    if not isinstance(entry, Mapping):
        raise ValueError(f"An entry of a config_list must be a dict, got {type(entry).__name__}.")
    return make_entry(entry, shared)


def _make_signature() -> inspect.Signature:
    """Make the signature that editors show: most settings have names, but a setting of None is not the same as none."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    defaults: dict[str, object] = {**dict.fromkeys(["config_list", *_SHOWN_SETTINGS]), "tools": (), "functions": ()}
    parameters = [
        inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        inspect.Parameter("configs", inspect.Parameter.VAR_POSITIONAL),
        *(inspect.Parameter(name, keyword, default=default) for name, default in defaults.items()),
        inspect.Parameter("settings", inspect.Parameter.VAR_KEYWORD),
    ]
    return inspect.Signature(parameters)


LLMConfig.__init__.__signature__ = _make_signature()  # type: ignore[attr-defined]

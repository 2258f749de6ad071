"""Entries of a config list as objects: dicts whose items are attributes too, with a class for each kind of endpoint."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex, cast

from ..._secret_string import hide_secrets
from ..._secrets import redact
from .._endpoints.provider_registry import PROVIDERS, has_provider
from .._usage.cost import parse_price

if TYPE_CHECKING:
    from typing_extensions import Self

    from .._endpoints.provider_client import ProviderClient


@dataclass(frozen=True)
class ApplicationConfig:
    """Defaults of all entries of a config.

    Attributes:
        max_tokens: Maximum number of tokens of a response.
        top_p: Probability mass that is sampled from.
        temperature: Sampling temperature.
    """

    max_tokens: int | None = None
    top_p: float | None = None
    temperature: float | None = None


class Settings(dict[str, Any]):
    """A dict in which every way of putting an item in is that of `__setitem__`."""

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Put in several items, as a dict does."""
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an item, which is put in if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Any) -> Self:  # type: ignore[override, misc]
        self.update(other)
        return self


class LLMConfigEntry(Settings):
    """An entry of a config list. It is a dict whose items are attributes too; a known setting that is not set reads as None.

    Args:
        entry: The settings as a dict.
        **settings: Further settings.

    Raises:
        ValueError: if there is no model, the price is invalid, or the `api_type` is unknown or that of another class.

    >>> entry = LLMConfigEntry(model="gpt-4o", api_key="sk-1")
    >>> entry.model, entry["api_key"] == "sk-1", entry.tags
    ('gpt-4o', True, None)
    >>> entry
    LLMConfigEntry(model='gpt-4o', api_key='***', api_type='openai')
    """

    DEFAULTS: ClassVar[Mapping[str, object]] = {}

    # Declared for their names and types; the values are items of the dict.
    api_type: str
    model: str
    api_key: str | None
    api_version: str | None
    base_url: str | None
    http_client: object
    voice: str | None
    model_client_cls: object
    response_format: object
    default_headers: Mapping[str, str] | None
    tags: list[str] | None

    def __init__(self, entry: Mapping[str, object] | None = None, /, **settings: Any) -> None:
        values = {**(entry or {}), **settings}
        if not values.get("model"):
            raise ValueError("An entry has no model: give it a 'model'.")
        if values.get("price") is not None:
            parse_price(values["price"])
        url = values.get("base_url")
        if url and "://" not in str(url):
            values["base_url"] = f"http://{url}"
        own_type = str(self.DEFAULTS.get("api_type", ""))
        # A model client of the user's own may have another idea of an `api_type`.
        if values.get("model_client_cls") is None:
            api_type = str(values.setdefault("api_type", own_type or "openai"))
            if not api_type.lower().startswith(own_type):
                raise ValueError(f"The api_type of {type(self).__name__} is {own_type!r}, got {api_type!r}.")
            _check_api_type(api_type)
        super().__init__(hide_secrets({**values, **{key: v for key, v in self.DEFAULTS.items() if key not in values}}))

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name in list_fields(type(self)):
            return None
        raise AttributeError(f"This entry has no {name!r}; it has: {', '.join(self)}.")

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, hide_secrets({name: value})[name])

    def copy(self) -> Self:
        """Return a shallow copy."""
        return copy.copy(self)

    def apply_application_config(self, application_config: ApplicationConfig) -> Self:
        """Return a copy with the defaults for settings that are not set.

        Args:
            application_config: The defaults.
        """
        # Compared with None, because 0 is a setting.
        defaults = {key: value for key, value in asdict(application_config).items() if value is not None}
        applied = copy.deepcopy(self)
        applied.update({key: value for key, value in defaults.items() if self.get(key) is None})
        return applied

    def create_client(self) -> ProviderClient:
        """Make a client of the endpoint.

        Raises:
            MissingCredentials: if there are no credentials.
        """
        from .._endpoints.provider_client import ProviderClient

        return ProviderClient(**self)

    def model_dump(self, *args: object, exclude_none: bool = True, **kwargs: Any) -> dict[str, Any]:
        """Return a plain dict that can be used as an entry; only the `repr` of its keys is masked.

        Args:
            *args: None: all options have names.
            exclude_none: Whether settings of None are left out.
            **kwargs: `reveal=True` for keys as plain text, `include` or `exclude` for names of settings.
        """
        return dump_settings(self, exclude_none, args, kwargs)

    def model_dump_json(self, *args: object, exclude_none: bool = True, **kwargs: Any) -> str:
        """Return the dump as JSON text with masked keys; see `model_dump`. Other values are shown by their class."""
        return dump_settings_as_json(self, exclude_none, args, kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in redact(dict(self)).items())})"


@cache
def list_fields(kind: type[LLMConfigEntry]) -> frozenset[str]:
    """Return the names of the settings that a class of entries declares."""
    names = {name for base in kind.__mro__ if issubclass(base, LLMConfigEntry) for name in inspect.get_annotations(base)}
    return frozenset(name for name in names if not name.isupper())


def dump_settings(
    settings: Mapping[str, object], exclude_none: bool, args: tuple[object, ...], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a plain copy of a config or an entry, whose keys are masked in its `repr` alone.

    Args:
        settings: Config or entry.
        exclude_none: Whether settings of None, and empty lists, are left out.
        args: Positional arguments of the method: none are taken.
        options: `reveal`, `include`, `exclude`.

    Raises:
        TypeError: if there are other arguments.
    """
    if args or options.keys() - {"reveal", "include", "exclude"}:
        unknown = ", ".join(map(repr, [*args, *(options.keys() - {"reveal", "include", "exclude"})]))
        raise TypeError(f"model_dump takes exclude_none, include, exclude and reveal, got {unknown}.")
    included: Collection[str] = options["include"] if options.get("include") is not None else settings.keys()
    excluded: Collection[str] = options.get("exclude") or ()
    names = [name for name in settings if name in included and name not in excluded]
    reveal = bool(options.get("reveal"))

    def convert(value: object) -> object:
        if isinstance(value, Mapping):
            items = {key: convert(item) for key, item in value.items()}
            return {key: item for key, item in items.items() if not exclude_none or item is not None}
        if isinstance(value, (list, tuple)):
            return [convert(item) for item in value]
        # `str` of a secret is its text.
        return str(value) if reveal and isinstance(value, str) else copy.deepcopy(value)

    dumped = {name: convert(settings[name]) for name in names}
    present = {name: value for name, value in dumped.items() if not exclude_none or (value is not None and value != [])}
    return present if reveal else cast("dict[str, Any]", hide_secrets(present))


def dump_settings_as_json(
    settings: Mapping[str, object], exclude_none: bool, args: tuple[object, ...], options: Mapping[str, Any]
) -> str:
    """Return `dump_settings` as JSON text; keys are masked unless `reveal` is given."""
    dumped = dump_settings(settings, exclude_none, args, options)
    shown = dumped if options.get("reveal") else redact(dumped)
    return json.dumps(shown, default=lambda value: f"<{type(value).__name__}>")


class OpenAILLMConfigEntry(LLMConfigEntry):
    """Entry for OpenAI, or a server with its protocol."""

    DEFAULTS = {"api_type": "openai"}

    price: object
    tool_choice: object
    user: str | None
    stream: bool | None
    verbosity: str | None
    extra_body: Mapping[str, object] | None
    extra_headers: Mapping[str, str] | None
    reasoning_effort: str | None
    max_completion_tokens: int | None


class AzureOpenAILLMConfigEntry(LLMConfigEntry):
    """Entry for OpenAI's models at Azure."""

    DEFAULTS = {"api_type": "azure"}

    azure_ad_token_provider: object
    stream: bool | None
    tool_choice: object
    user: str | None
    extra_headers: Mapping[str, str] | None
    reasoning_effort: str | None
    max_completion_tokens: int | None


class OpenAIResponsesLLMConfigEntry(LLMConfigEntry):
    """Entry for OpenAI's Responses API."""

    DEFAULTS = {"api_type": "responses"}

    tool_choice: object
    built_in_tools: list[str] | None
    workspace_dir: str | None
    allowed_paths: list[str] | None
    allowed_commands: list[str] | None
    denied_commands: list[str] | None
    enable_command_filtering: bool | None
    dangerous_patterns: object


class OpenAIV2LLMConfigEntry(LLMConfigEntry):
    """Entry of AG2's second client for OpenAI; it is the same as that for OpenAI."""

    DEFAULTS = {"api_type": "openai_v2"}


class DeepSeekLLMConfigEntry(LLMConfigEntry):
    """Entry for DeepSeek."""

    DEFAULTS = {"api_type": "deepseek", "base_url": "https://api.deepseek.com/v1", "max_tokens": 8192}

    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    stream: bool | None
    tool_choice: object


class AnthropicLLMConfigEntry(LLMConfigEntry):
    """Entry for Anthropic."""

    DEFAULTS = {"api_type": "anthropic"}

    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    timeout: object
    top_k: int | None
    stop_sequences: list[str] | None
    stream: bool | None
    price: object
    tool_choice: object
    thinking: Mapping[str, object] | None
    gcp_project_id: str | None
    gcp_region: str | None
    gcp_auth_token: str | None


class BedrockLLMConfigEntry(LLMConfigEntry):
    """Entry for Amazon Bedrock."""

    DEFAULTS = {"api_type": "bedrock"}

    aws_region: str | None
    aws_access_key: str | None
    aws_secret_key: str | None
    aws_session_token: str | None
    aws_profile_name: str | None
    top_k: int | None
    k: int | None
    seed: int | None
    cache_seed: int | None
    supports_system_prompts: bool | None
    price: object
    timeout: object
    additional_model_request_fields: Mapping[str, object] | None
    total_max_attempts: int | None
    max_attempts: int | None
    mode: str | None


class CerebrasLLMConfigEntry(LLMConfigEntry):
    """Entry for Cerebras."""

    DEFAULTS = {"api_type": "cerebras"}

    temperature: float | None
    seed: int | None
    stream: bool | None
    hide_tools: str | None
    tool_choice: object
    reasoning_effort: str | None


class CohereLLMConfigEntry(LLMConfigEntry):
    """Entry for Cohere."""

    DEFAULTS = {"api_type": "cohere"}

    k: int | None
    seed: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    client_name: str | None
    strict_tools: bool | None
    stream: bool | None
    tool_choice: object


class GeminiLLMConfigEntry(LLMConfigEntry):
    """Entry for Google, with a key or through Vertex AI."""

    DEFAULTS = {"api_type": "google"}

    project_id: str | None
    location: str | None
    google_application_credentials: str | None
    credentials: object
    stream: bool | None
    safety_settings: object
    price: object
    tool_config: object
    proxy: str | None
    include_thoughts: bool | None
    thinking_budget: int | None
    thinking_level: str | None


class GroqLLMConfigEntry(LLMConfigEntry):
    """Entry for Groq."""

    DEFAULTS = {"api_type": "groq"}

    frequency_penalty: float | None
    presence_penalty: float | None
    seed: int | None
    stream: bool | None
    hide_tools: str | None
    tool_choice: object


class MistralLLMConfigEntry(LLMConfigEntry):
    """Entry for Mistral."""

    DEFAULTS = {"api_type": "mistral"}

    safe_prompt: bool | None
    random_seed: int | None
    stream: bool | None
    hide_tools: str | None
    tool_choice: object


class OllamaLLMConfigEntry(LLMConfigEntry):
    """Entry for Ollama."""

    DEFAULTS = {"api_type": "ollama"}

    client_host: str | None
    stream: bool | None
    num_predict: int | None
    num_ctx: int | None
    repeat_penalty: float | None
    seed: int | None
    top_k: int | None
    hide_tools: str | None
    native_tool_calls: bool | None


class TogetherLLMConfigEntry(LLMConfigEntry):
    """Entry for Together."""

    DEFAULTS = {"api_type": "together"}

    max_tokens: int | None
    stream: bool | None
    top_k: int | None
    repetition_penalty: float | None
    presence_penalty: float | None
    frequency_penalty: float | None
    min_p: float | None
    safety_model: str | None
    hide_tools: str | None
    price: object
    tool_choice: object


_CLASSES: dict[str, type[LLMConfigEntry]] = {
    str(kind.DEFAULTS["api_type"]): kind for kind in LLMConfigEntry.__subclasses__()
}


def make_entry(entry: Mapping[str, object], defaults: Mapping[str, object]) -> LLMConfigEntry:
    """Make an entry of the class that fits its `api_type`. An object of such a class stays in its class.

    Args:
        entry: Settings of the entry.
        defaults: Settings that it has unless it sets them.

    Raises:
        ValueError: if the entry is not valid.
    """
    own = {**entry, **{key: value for key, value in defaults.items() if entry.get(key) is None}}
    if isinstance(entry, LLMConfigEntry):
        return type(entry)(own)
    api_type = str(entry.get("api_type") or "openai").lower()
    # With a client of the program's own, an `api_type` may mean anything.
    is_custom = entry.get("model_client_cls") is not None
    matches = [] if is_custom else [name for name in _CLASSES if api_type.startswith(name)]
    return (_CLASSES[max(matches, key=len)] if matches else LLMConfigEntry)(own)


class EntryList(list[LLMConfigEntry]):
    """The entries of a config. A dict that is put in becomes an entry.

    Args:
        entries: Entries, or dicts of their settings.

    Raises:
        ValueError: if an entry is not valid.
    """

    def __init__(self, entries: Iterable[Mapping[str, object]] = ()) -> None:
        super().__init__(map(as_entry, entries))

    def append(self, entry: Mapping[str, object]) -> None:
        """Append an entry."""
        super().append(as_entry(entry))

    def insert(self, index: SupportsIndex, entry: Mapping[str, object]) -> None:
        """Insert an entry."""
        super().insert(index, as_entry(entry))

    def extend(self, entries: Iterable[Mapping[str, object]]) -> None:
        """Append several entries."""
        super().extend([as_entry(entry) for entry in entries])

    def __iadd__(self, entries: Iterable[Mapping[str, object]]) -> Self:  # type: ignore[override, misc]
        self.extend(entries)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, [as_entry(entry) for entry in value] if isinstance(index, slice) else as_entry(value))


def as_entry(entry: Mapping[str, object]) -> LLMConfigEntry:
    """Return an entry as it is, and make one of a dict.

    Raises:
        ValueError: if it is not a dict, or not valid.
    """
    if isinstance(entry, LLMConfigEntry):
        return entry
    if not isinstance(entry, Mapping):
        raise ValueError(f"An entry of a config_list must be a dict, got {type(entry).__name__}.")
    return make_entry(entry, {})


def _check_api_type(api_type: str) -> None:
    """Check that there is a provider.

    Raises:
        ValueError: if there is none: requests would go to OpenAI.
    """
    if has_provider(api_type):
        return
    aliases = {alias: row.api_type for row in PROVIDERS.values() for alias in (row.api_type, *row.aliases)}
    near = dict.fromkeys(aliases[match] for match in get_close_matches(api_type.lower(), aliases, n=2, cutoff=0.6))
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known are {', '.join(sorted(PROVIDERS))}."
    raise ValueError(f"The api_type {api_type!r} is unknown. {hint}")

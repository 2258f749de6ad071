"""The registry of providers: built-in rows, rows registered by programs, and rows of installed packages."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from ...extensions import ExtensionError, find_entry_points, load_entry_point, load_extension
from .._once import warn_once
from .connections import CREDENTIALS
from .provider_spec import Provider
from .provider_table import BUILT_IN_PROVIDERS

if TYPE_CHECKING:
    from ...types import ConfigEntry

ENTRY_POINT_GROUP = "autogen.providers"
CLIENT_GROUP = "autogen.models"
# Entries of this `api_type` have a client of their own, without a row.
_RESERVED = frozenset({"litellm-native"})

_lock = threading.RLock()
_registered: dict[str, Provider] = {row.api_type: row for row in BUILT_IN_PROVIDERS}
_searched: set[str] = set()
_otel_names = {end: name for row in BUILT_IN_PROVIDERS for end, name in row.get_otel_names().items()}

PROVIDERS: Mapping[str, Provider] = MappingProxyType(_registered)
"""The registered providers by `api_type`: a live, read-only view."""


def register_provider(provider: Provider, *, replace: bool = False) -> None:
    """Make a provider available to config lists, under its `api_type`.

    An installed package can do the same without a call, by an entry point in the group `autogen.providers`: its name is the
    `api_type`, its object the `Provider`. It is loaded when a config has an `api_type` that isn't registered.

    Args:
        provider: The provider.
        replace: Whether it may replace a registered provider of that `api_type`.

    Raises:
        TypeError: if `provider` is not a `Provider`.
        ValueError: if its `api_type` is registered or reserved, or it delegates to a provider that isn't registered.

    >>> from autogen.oai import register_provider
    >>> from autogen.oai.providers import Connection, Provider
    >>> connection = Connection(base_url="https://api.acme.example/v1", key_variables=("ACME_API_KEY",))
    >>> register_provider(Provider(api_type="acme", title="Acme", connection=connection))  # doctest: +SKIP
    >>> llm_config = {"model": "acme-1", "api_type": "acme"}
    """
    if not isinstance(provider, Provider):
        raise TypeError(f"register_provider takes a Provider, got {type(provider).__name__}.")
    name = provider.api_type
    with _lock:
        if name in _RESERVED:
            raise ValueError(f"The api_type {name!r} is reserved.")
        if name in _registered and not replace:
            title = _registered[name].title
            raise ValueError(f"The api_type {name!r} is already registered, for {title}: replace=True replaces it.")
        if provider.delegate_to and provider.delegate_to not in _registered:
            raise ValueError(f"Provider {name!r} delegates to {provider.delegate_to!r}, which is not registered.")
        _registered[name] = provider
        _otel_names.update(provider.get_otel_names())


def find_provider(config: Mapping[str, object] | ConfigEntry) -> Provider:
    """Return the provider for a config entry: the one with the longest `api_type` that the entry's begins with.

    Without an `api_type` it is OpenAI's. So it is, with a warning, if no provider matches.

    Raises:
        TypeError: if an installed package offers something other than a provider under this `api_type`.
    """
    api_type = str(config.get("api_type") or "openai")
    match = _find_match(api_type)
    if match is not None:
        provider = match
    else:
        _warn_of_unknown(api_type)
        provider = _registered["openai"]
    if provider.delegate_if and provider.delegate_if(provider.connection, cast("ConfigEntry", config)):
        return _registered[provider.delegate_to]
    return provider


def has_provider(api_type: str) -> bool:
    """Return True if a config entry with this `api_type` has a provider, or a client of its own."""
    is_known = api_type in _RESERVED or _find_match(api_type) is not None
    return is_known or find_client_class({"api_type": api_type}) is not None


def _find_match(api_type: str) -> Provider | None:
    # "Azure" is azure, unless a program has registered a provider of that very name.
    if api_type not in _registered:
        api_type = api_type.lower()
    if api_type not in _registered:
        _load_entry_point(api_type)
    # No other match is as long.
    if api_type in _registered:
        return _registered[api_type]
    matches = [name for name in list(_registered) if _matches(api_type, name)]
    # The spellings of old configs, and of AG2, where OpenAI's models have several clients.
    if not matches and api_type == "open_ai":
        return _registered["openai"]
    return _registered[max(matches, key=len)] if matches else None


def _matches(api_type: str, name: str) -> bool:
    # Programs use names such as "groq-eu". A name that begins with "local" is more likely a server's.
    return api_type == name or (name != "local" and api_type.startswith(name))


def _load_entry_point(api_type: str) -> None:
    """Register the provider of an installed package that matches, if there is one. Searched once per `api_type`."""
    with _lock:
        if api_type in _searched:
            return
        candidates = [entry for entry in find_entry_points(ENTRY_POINT_GROUP) if _matches(api_type, entry.name)]
        entry = max(candidates, key=lambda candidate: len(candidate.name), default=None)
        if entry is not None and entry.name not in _registered:
            provider = load_entry_point(entry)
            label = f"The entry point {entry.name!r} in {ENTRY_POINT_GROUP!r} ({entry.value})"
            if not isinstance(provider, Provider):
                raise TypeError(f"{label} must be a Provider, got {type(provider).__name__}.")
            if provider.api_type != entry.name:
                raise TypeError(f"{label} must have its provider's api_type as its name, got {provider.api_type!r}.")
            register_provider(provider)
        elif entry is None:
            _load_extension_of(api_type)
        # Only after success: a package that fails to load fails each time.
        _searched.add(api_type)


def _load_extension_of(api_type: str) -> None:
    """Register the providers of the extension that an `api_type` such as `acme.chat` names, if it is installed."""
    vendor, dot, _ = api_type.partition(".")
    if not dot or vendor not in {entry.name for entry in find_entry_points("autogen.extensions")}:
        return
    for provider in load_extension(vendor).providers:
        if not isinstance(provider, Provider) or not provider.api_type.startswith(f"{vendor}."):
            text = f"providers must be Provider objects whose api_type begins with {vendor + '.'!r}"
            raise ExtensionError(f"The extension {vendor!r}: {text}, got {provider!r}.")
        if provider.api_type not in _registered:
            register_provider(provider)


def find_client_class(config: Mapping[str, object]) -> Any:
    """Return the class of model clients that an installed package offers for the `api_type` of an entry; None for none.

    Raises:
        ExtensionError: if the package can't be loaded.
    """
    api_type = str(config.get("api_type") or "openai")
    if config.get("model_client_cls") is not None or api_type.lower() in _registered or api_type in _RESERVED:
        return None
    if f"{CLIENT_GROUP}:{api_type}" in _searched:
        return None
    entry = next((entry for entry in find_entry_points(CLIENT_GROUP) if entry.name == api_type), None)
    if entry is None:
        _searched.add(f"{CLIENT_GROUP}:{api_type}")
        return None
    client_class = load_entry_point(entry)
    if not isinstance(client_class, type):
        raise ExtensionError(f"The entry point {api_type!r} in {CLIENT_GROUP!r} must be a class, got {client_class!r}.")
    return client_class


def _warn_of_unknown(api_type: str) -> None:
    names = {alias: row.api_type for row in list(_registered.values()) for alias in (row.api_type, *row.aliases)}
    near = dict.fromkeys(names[match] for match in get_close_matches(api_type.lower(), names, n=3, cutoff=0.6))
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known are {', '.join(sorted(_registered))}."
    warn_once(f"The api_type {api_type!r} is unknown: its endpoint is treated like OpenAI's. {hint}")


def get_connection_keys(config: Mapping[str, object] | ConfigEntry) -> frozenset[str]:
    """Return the config keys for the connection alone, besides those of the SDK: they are not sent with requests.

    An entry with a custom model client has none, because that client gets the whole config.
    """
    if config.get("model_client_cls") is not None:
        return frozenset()
    return CREDENTIALS | find_provider(config).connection.config_keys


def otel_provider_name(host: str) -> str | None:
    """Return OpenTelemetry's `gen_ai.provider.name` for a host, or None if no registered provider has the host.

    Args:
        host: The host name of an endpoint, or its address if it has no URL.

    >>> otel_provider_name("api.groq.com"), otel_provider_name("example.org")
    ('groq', None)
    """
    end = host.lower()
    # Longest end first: "api.groq.com", "groq.com", "com".
    while end and end not in _otel_names:
        end = end.partition(".")[2]
    return _otel_names.get(end)

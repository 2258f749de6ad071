"""The choice of the protocol for an entry of a config list: the vendor's own, or chat completions."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from ..._extras import require
from .._once import log_once
from .._protocols.protocol import ModelProtocol
from .connections import (
    connect_anthropic,
    connect_azure_responses,
    connect_converse,
    connect_google,
    connect_vertex_gemini,
    get_google_project,
)

if TYPE_CHECKING:
    from ...types import ConfigEntry
    from .connections import Connection
    from .endpoint_pool import Endpoint
    from .provider_spec import Provider

# With or without its publisher.
_GEMINI = re.compile(r"((publishers/)?google/(models/)?)?gem(ini|ma)-")

logger = logging.getLogger("autogen.oai.client")


def _make_responses() -> ModelProtocol:
    from .._protocols.responses.protocol import ResponsesProtocol

    return ResponsesProtocol()


def _make_anthropic() -> ModelProtocol:
    from .._protocols.anthropic.protocol import MessagesProtocol

    return MessagesProtocol()


def _make_google() -> ModelProtocol:
    from .._protocols.google.protocol import GeminiProtocol

    return GeminiProtocol()


def _make_converse() -> ModelProtocol:
    from .._protocols.converse.protocol import ConverseProtocol

    return ConverseProtocol()


class NativeRow(NamedTuple):
    """A protocol of a vendor, as entries choose it.

    Attributes:
        make: A function that makes the protocol.
        package: The SDK that it needs besides `openai`; empty for none.
        extra: The extra that installs the SDK.
        connect: A function that makes the endpoint; None for that of the provider.
        chat_url: A pattern of the addresses of the vendor's layer for chat completions; None if they look the same.
        chat_keys: Keys of entries that are about this layer alone.
        media: Kinds of media in messages; None for those of the layer for chat completions.
        is_chosen: A function that says whether an entry gets it that doesn't choose; None for all entries.
    """

    make: Callable[[], ModelProtocol]
    package: str = ""
    extra: str = ""
    connect: Callable[[Connection, ConfigEntry, str], Endpoint] | None = None
    chat_url: re.Pattern[str] | None = None
    chat_keys: tuple[str, ...] = ()
    media: frozenset[str] | None = None
    is_chosen: Callable[[ConfigEntry], bool] | None = None


def _asks_for_responses(entry: ConfigEntry) -> bool:
    """Return True for an entry of the Responses API, which was delegated to Azure."""
    return str(entry.get("api_type")).lower().startswith("responses")


def _is_gemini(entry: ConfigEntry) -> bool:
    """Return True for a model of Google's own on Vertex AI, where others have their own doors."""
    return bool(get_google_project(entry)) and _GEMINI.match(str(entry.get("model"))) is not None


NATIVE: Mapping[str, NativeRow] = {
    "responses": NativeRow(_make_responses),
    "azure": NativeRow(_make_responses, connect=connect_azure_responses, is_chosen=_asks_for_responses),
    "anthropic": NativeRow(_make_anthropic, "anthropic", "anthropic", connect_anthropic),
    "converse": NativeRow(
        _make_converse,
        "boto3",
        "bedrock",
        connect_converse,
        # No address of Converse ends like this, and one of Bedrock's services has chat completions alone.
        re.compile(r"(/openai|/v1)/*$|//bedrock-mantle\."),
        # The SDK has connections of its own.
        chat_keys=("aws_endpoint", "http_client"),
        media=frozenset({"image", "file"}),
    ),
    "google": NativeRow(
        _make_google,
        "google.genai",
        "google",
        connect_google,
        # Proxies and gateways that end like this speak OpenAI's protocol; Google's own address may have this version.
        re.compile(r"/openai/*$|^(?!https?://[^/]*\bgoogleapis\.com\b).*/v1/*$"),
    ),
    "google-vertex": NativeRow(
        _make_google,
        "google.genai",
        "google",
        connect_vertex_gemini,
        re.compile(r"/openapi/*$"),
        is_chosen=_is_gemini,
    ),
}
"""The protocols by the name in `Provider.protocol`."""


def find_native(entry: ConfigEntry, provider: Provider) -> NativeRow | None:
    """Return the vendor's own protocol for an entry; None for chat completions.

    Raises:
        ValueError: if `protocol` in the entry is neither `native` nor `chat`, or the provider has none of its own.
        ImportError: if `native` is asked for, and the SDK is not installed.
    """
    choice = entry.get("protocol")
    if choice not in (None, "native", "chat"):
        raise ValueError(f'"protocol" must be "native" or "chat", got {choice!r}.')
    if choice == "native" and not provider.protocol:
        raise ValueError(f'{provider.title} has no protocol of its own here: leave "protocol": "native" out.')
    if choice == "chat" or not provider.protocol:
        return None
    row = NATIVE[provider.protocol]
    if choice is None and row.is_chosen is not None and not row.is_chosen(entry):
        return None
    if choice is None and _is_about_chat(entry, row):
        return None
    if choice == "native" and row.package:
        require(row.package, extra=row.extra, feature=f"{provider.title}'s own protocol")
    elif row.package and not _is_installed(row.package):
        hint = f'pip install "autogen-classic[{row.extra}]" adds thinking, documents and caching'
        log_once(f"{provider.title} is asked through its layer for chat completions: {hint}.")
        return None
    return row


def _is_about_chat(entry: ConfigEntry, row: NativeRow) -> bool:
    """Return True if an entry has the address, or a setting, of the vendor's layer for chat completions."""
    has_url = row.chat_url is not None and row.chat_url.search(entry.get("base_url") or "") is not None
    return has_url or any(entry.get(key) for key in row.chat_keys)


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    # The package around it is missing.
    except ModuleNotFoundError:
        return False

"""From the config of an endpoint to the endpoint: its URL, its key, and who signs its requests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from ..._extras import require
from .._local import embedded, weights
from .endpoint_pool import AZURE_KEYS, OPENAI_KEYS, Endpoint

Config = Mapping[str, Any]

DUMMY_KEY = "not-needed"  # the SDK wants one, and would take OPENAI_API_KEY for a stranger's server
AWS_KEYS = frozenset(
    {"aws_access_key", "aws_secret_key", "aws_session_token", "aws_profile_name", "aws_region", "aws_endpoint"}
)
GOOGLE_KEYS = frozenset({"project_id", "location", "credentials", "google_application_credentials", "token_provider"})
CREDENTIALS = AWS_KEYS | {"credentials", "google_application_credentials", "azure_ad_token_provider_scope"}
"""What is never part of a request, whoever it is for."""

AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where an endpoint is, and with which key.

    Attributes:
        base_url: Its URL, if the config gives none.
        key_from: The environment variables that may hold its key, in order.
        needs_key: Whether it refuses requests without.
        own: The keys of a config that are for the connection alone, besides those of the SDK.
        connect: Makes the endpoint, if the URL and the key are not all.
    """

    base_url: str | None = None
    key_from: tuple[str, ...] = ()
    needs_key: bool = True
    own: frozenset[str] = frozenset()
    connect: Callable[[Connection, Config, str], Endpoint] | None = None

    def endpoint(self, config: Config, api_type: str) -> Endpoint:
        """The endpoint of a config.

        Raises:
            openai.OpenAIError: There is no key. It is a ValueError and an AssertionError too.
            ImportError: A package is missing that signs the requests.
        """
        return (self.connect or _by_key)(self, config, api_type)

    def key(self, config: Config) -> str | None:
        """The key in the config, or in the environment."""
        return config.get("api_key") or next((os.environ[name] for name in self.key_from if os.environ.get(name)), None)


def _by_key(where: Connection, config: Config, api_type: str) -> Endpoint:
    key = where.key(config)
    if not key and where.needs_key:
        raise missing_credentials(f'set "api_key" in its config or the environment variable {where.key_from[0]}', api_type)
    url = config.get("base_url") or where.base_url
    return Endpoint("openai", {**_sdk_settings(config), "base_url": url, "api_key": key or DUMMY_KEY})


def _sdk_settings(config: Config) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key in OPENAI_KEYS}


def missing_credentials(what_to_do: str, api_type: str) -> Exception:
    """The error for an endpoint without credentials: the SDK's, and what 0.2 raised for the same."""
    import openai

    class MissingCredentials(openai.OpenAIError, ValueError, AssertionError):
        """An endpoint has no credentials."""

    return MissingCredentials(f"The endpoint {api_type!r} has no credentials: {what_to_do}.")


def connect_openai(where: Connection, config: Config, api_type: str) -> Endpoint:
    """OpenAI, or any server that the config has the URL of: the SDK knows where to look for what is missing."""
    return Endpoint("openai", _sdk_settings(config))


def connect_azure(where: Connection, config: Config, api_type: str) -> Endpoint:
    """A deployment at Azure. Its name has no dots."""
    settings = {key: value for key, value in config.items() if key in AZURE_KEYS and key != "base_url"}
    if not settings.get("azure_endpoint") and config.get("base_url"):
        settings["azure_endpoint"] = config["base_url"]
    deployment = settings.get("azure_deployment") or config.get("model")
    if deployment:
        settings["azure_deployment"] = deployment.replace(".", "")
    if settings.get("azure_ad_token_provider") == "DEFAULT":
        scope = config.get("azure_ad_token_provider_scope") or AZURE_SCOPE
        settings["azure_ad_token_provider"] = _get_azure_token_provider(scope)
    return Endpoint("azure", settings)


@cache  # agents with one identity share their connections
def _get_azure_token_provider(scope: str) -> Callable[[], str]:
    identity = require("azure.identity", extra="azure", feature='"azure_ad_token_provider": "DEFAULT"')
    return identity.get_bearer_token_provider(identity.DefaultAzureCredential(), scope)  # type: ignore[no-any-return]


def connect_local(where: Connection, config: Config, api_type: str) -> Endpoint:
    """The model in this process. The weights are looked for now, the server is started by the first request."""
    model = str(config.get("model"))
    weights.resolve(model)
    return Endpoint("openai", partial(_local_settings, model, _sdk_settings(config)))


def _local_settings(model: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "base_url": embedded.serve(model).base_url, "api_key": "local"}


def connect_ollama(where: Connection, config: Config, api_type: str) -> Endpoint:
    """A server of Ollama, also where 0.2 wrote its address: `client_host`, without the path."""
    host = config.get("client_host")
    if host and not config.get("base_url"):
        host = host if "://" in host else f"http://{host}"
        config = {**config, "base_url": f"{host.rstrip('/').removesuffix('/v1')}/v1"}
    return _by_key(where, config, api_type)


def connect_cohere(where: Connection, config: Config, api_type: str) -> Endpoint:
    """Cohere, which is told who asks."""
    name = {"X-Client-Name": config.get("client_name") or "autogen-cohere"}
    return _by_key(where, {**config, "default_headers": {**name, **(config.get("default_headers") or {})}}, api_type)


def is_on_vertex(where: Connection, config: Config) -> bool:
    """Whether Google is asked through Vertex AI, that is not with an API key."""
    if config.get("api_key"):
        if config.get("project_id") or config.get("location"):
            raise AssertionError("Google takes an api_key, or project_id and location (Vertex AI), but not both.")
        return False
    return any(config.get(key) for key in GOOGLE_KEYS) or not where.key(config)


def connect_vertex(where: Connection, config: Config, api_type: str) -> Endpoint:
    """Vertex AI. The SDK refreshes Google's tokens."""
    project = config.get("project_id") or os.environ.get("GOOGLE_CLOUD_PROJECT")
    place = config.get("location") or os.environ.get("GOOGLE_CLOUD_LOCATION") or "us-central1"
    url = config.get("base_url")
    if not url and not project:
        to_do = 'set "api_key" in its config or GOOGLE_GEMINI_API_KEY, or for Vertex AI "project_id" or GOOGLE_CLOUD_PROJECT'
        raise missing_credentials(to_do, api_type)
    host = "aiplatform.googleapis.com" if place == "global" else f"{place}-aiplatform.googleapis.com"
    url = url or f"https://{host}/v1/projects/{project}/locations/{place}/endpoints/openapi"
    tokens, credentials = config.get("token_provider"), config.get("credentials")
    if tokens is None and credentials is None:
        require("google.auth", extra="vertex", feature="Google's Vertex AI")
        if path := config.get("google_application_credentials"):
            credentials = _google_credentials(str(path))
    return _signed("vertex", config, base_url=url, token_provider=tokens, credentials=credentials)


@cache
def _google_credentials(path: str) -> Any:
    """The credentials in a file, for the kinds of file that hold nothing but a secret.

    Raises:
        ValueError: It is of another kind.
    """
    kind = json.loads(Path(path).read_text(encoding="utf-8")).get("type")
    if kind == "service_account":
        return import_module("google.oauth2.service_account").Credentials.from_service_account_file(path)
    if kind == "authorized_user":
        return import_module("google.oauth2.credentials").Credentials.from_authorized_user_file(path)
    raise ValueError(
        f'{path} holds credentials of type {kind!r}: load them with `google.auth`, and give them as "credentials".'
    )


def is_on_aws(where: Connection, config: Config) -> bool:
    """Whether Claude is asked at AWS, that is with AWS's keys, and no other."""
    if config.get("api_key"):
        return False
    named = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    at_hand = not where.key(config) and all(os.environ.get(name) for name in named)
    return at_hand or any(config.get(key) for key in AWS_KEYS)


def connect_bedrock(where: Connection, config: Config, api_type: str) -> Endpoint:
    """Amazon Bedrock: with a key of its own, or with AWS's, with which the SDK signs the requests."""
    region = config.get("aws_region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    service = config.get("aws_endpoint") or "mantle"
    if service not in ("mantle", "runtime"):
        raise ValueError(f'"aws_endpoint" is "mantle" or "runtime", not {service!r}.')
    if not region and not config.get("base_url"):
        raise missing_credentials('set "aws_region" in its config or AWS_REGION', api_type)
    by_aws = any(config.get(key) for key in ("aws_access_key", "aws_profile_name"))
    if config.get("api_key") or (where.key(config) and not by_aws):
        host = f"bedrock-mantle.{region}.api.aws" if service == "mantle" else f"bedrock-runtime.{region}.amazonaws.com"
        return _by_key(where, {**config, "base_url": config.get("base_url") or f"https://{host}/openai/v1"}, api_type)
    require("botocore", extra="bedrock", feature="Amazon Bedrock with AWS's keys")
    options = {
        "base_url": config.get("base_url"),
        "region": region,
        "access_key_id": config.get("aws_access_key"),
        "secret_access_key": config.get("aws_secret_key"),
        "session_token": config.get("aws_session_token"),
        "profile": config.get("aws_profile_name"),
        "endpoint": service,
    }
    return _signed("bedrock", config, **options)


def _signed(name: str, config: Config, **options: Any) -> Endpoint:
    """An endpoint whose requests the SDK signs."""
    given = tuple(sorted((key, value) for key, value in options.items() if value is not None))
    settings = {key: value for key, value in _sdk_settings(config).items() if key not in ("api_key", "base_url")}
    return Endpoint("openai", {**settings, "provider": _sdk_provider(name, given)}, options["base_url"] or name)


@cache  # one for the same options, so that its connections are shared
def _sdk_provider(name: str, options: tuple[tuple[str, Any], ...]) -> Any:
    try:
        factory = getattr(import_module("openai.providers"), name)
    except (ModuleNotFoundError, AttributeError) as error:
        version = import_module("openai").__version__
        hint = f"Signing requests for {name} needs the package 'openai' in version 3 or later, not {version}"
        raise ImportError(f'{hint}: pip install "autogen-classic[{name}]"', name="openai") from error
    return factory(**dict(options))

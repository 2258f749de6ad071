"""From a config entry to an endpoint: the URL, the key, and the signing of requests."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from ..._extras import require
from .._local import embedded, weights
from .endpoint_pool import AZURE_KEYS, OPENAI_KEYS, Endpoint, Settings

if TYPE_CHECKING:
    from ...types import ConfigEntry

# The SDK requires a key, and would send OPENAI_API_KEY to other vendors' servers if it were given none.
DUMMY_KEY = "not-needed"
AWS_KEYS = frozenset(
    {"aws_access_key", "aws_secret_key", "aws_session_token", "aws_profile_name", "aws_region", "aws_endpoint"}
)
GOOGLE_KEYS = frozenset({"project_id", "location", "credentials", "google_application_credentials", "token_provider"})
CREDENTIALS = AWS_KEYS | {"credentials", "google_application_credentials", "azure_ad_token_provider_scope"}
"""Config keys that are never part of a request, whatever the provider is."""

ANTHROPIC_VERSION = "2026-10-21"
_AZURE_HOSTS = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")
_AZURE_SETTINGS = ("azure_endpoint", "azure_deployment", "azure_ad_token", "azure_ad_token_provider")
_VERTEX_ADVICE = (
    'set "api_key" in its config or GOOGLE_GEMINI_API_KEY, or for Vertex AI "project_id" or GOOGLE_CLOUD_PROJECT'
)
AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The address of a provider's endpoint, and how requests are authenticated.

    Attributes:
        base_url: The URL, if the config has no `base_url`.
        key_variables: Environment variables that may hold the API key, in order.
        requires_key: Whether the endpoint refuses requests without a key.
        config_keys: Config keys for the connection alone, besides those of the SDK. They are not sent with requests.
        make_endpoint: A function that makes the endpoint, called with this connection, the config entry and the
            `api_type`; None if the URL and the key are all that is needed.
    """

    base_url: str | None = None
    key_variables: tuple[str, ...] = ()
    requires_key: bool = True
    config_keys: frozenset[str] = frozenset()
    make_endpoint: Callable[[Connection, ConfigEntry, str], Endpoint] | None = None

    def connect(self, config: ConfigEntry, api_type: str) -> Endpoint:
        """Make the endpoint of a config entry.

        Raises:
            MissingCredentials: if there is no key.
            ImportError: if a package for signing requests is not installed.
        """
        return (self.make_endpoint or connect_by_key)(self, config, api_type)

    def get_key(self, config: ConfigEntry) -> str | None:
        """Return the API key from the config, else from the environment, else None."""
        return config.get("api_key") or next(filter(None, map(os.environ.get, self.key_variables)), None)


def connect_by_key(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint with a URL and a key, the default of `Connection.make_endpoint`.

    Args:
        connection: The provider's connection.
        config: The config entry. Its URL and key win over the connection's.
        api_type: The provider's name in the error.

    Raises:
        MissingCredentials: if there is no key.
    """
    key = connection.get_key(config)
    if not key and connection.requires_key:
        alternatives = "".join(f" or the environment variable {name}" for name in connection.key_variables[:1])
        _raise_missing(api_type, f'set "api_key" in its config{alternatives}')
    url = config.get("base_url") or connection.base_url
    return Endpoint("openai", {**_select_sdk_settings(config), "base_url": url, "api_key": key or DUMMY_KEY})


def _select_sdk_settings(config: ConfigEntry) -> Settings:
    return {key: value for key, value in config.items() if key in OPENAI_KEYS}


def _raise_missing(api_type: str, advice: str) -> NoReturn:
    from ..errors import MissingCredentials

    raise MissingCredentials(f"The endpoint {api_type!r} has no credentials: {advice}.")


def connect_openai(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for OpenAI, or any server whose URL the config has. The SDK finds the key and the default URL."""
    return Endpoint("openai", _select_sdk_settings(config))


def connect_azure(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for a deployment at Azure. Names of deployments have no dots."""
    settings = {key: value for key, value in config.items() if key in AZURE_KEYS and key != "base_url"}
    deployment = config.get("model")
    # 0.2's configs have Azure's endpoint under `base_url`, which the SDK takes for the URL of the deployment.
    if url := config.get("azure_endpoint") or config.get("base_url") or os.environ.get("AZURE_OPENAI_ENDPOINT"):
        address = _parse_azure_url(url)
        settings["azure_endpoint"] = address.resource
        deployment = address.deployment or deployment
        if address.api_version and not settings.get("api_version"):
            settings["api_version"] = address.api_version
    deployment = config.get("azure_deployment") or deployment
    if deployment:
        settings["azure_deployment"] = deployment.replace(".", "")
    if settings.get("azure_ad_token_provider") == "DEFAULT":
        scope = config.get("azure_ad_token_provider_scope") or AZURE_SCOPE
        settings["azure_ad_token_provider"] = _get_azure_token_provider(scope)
    return Endpoint("azure", settings)


def is_at_azure(connection: Connection, config: ConfigEntry) -> bool:
    """Return True if an entry for OpenAI's Responses API means a resource at Azure."""
    host = urlsplit(str(config.get("base_url") or "")).hostname or ""
    return host.endswith(_AZURE_HOSTS) or any(config.get(key) for key in _AZURE_SETTINGS)


def connect_azure_responses(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for the Responses API of a resource at Azure.

    Raises:
        MissingCredentials: if there is no address.
    """
    settings = dict(cast("Mapping[str, Any]", connect_azure(connection, config, api_type).settings))
    resource, deployment = settings.pop("azure_endpoint", None), settings.pop("azure_deployment", "")
    if not resource:
        _raise_missing(api_type, 'set "azure_endpoint" in its config or AZURE_OPENAI_ENDPOINT')
    # This part of the API has no dated versions.
    version = settings.get("api_version")
    settings["api_version"] = "v1" if not version or version[:1].isdigit() else version
    return Endpoint("azure", {**settings, "base_url": f"{resource.rstrip('/')}/openai/v1/"}, deployment=deployment)


class _AzureAddress(NamedTuple):
    """The parts of an address at Azure: the resource's URL, and empty texts for parts that the address lacks."""

    resource: str
    deployment: str
    api_version: str


def _parse_azure_url(url: str) -> _AzureAddress:
    """Split an address at Azure.

    The portal shows the whole address of a deployment, up to `/chat/completions?api-version=...`. The SDK appends all this
    to the resource's URL by itself.
    """
    parts = urlsplit(url)
    match = re.fullmatch(r"(.*?)/openai(?:/v1)?(?:/deployments/([^/]+)(?:/(?:chat/)?completions)?)?/*", parts.path)
    if not match:
        return _AzureAddress(url, "", "")
    version = dict(parse_qsl(parts.query)).get("api-version", "")
    resource = urlunsplit((parts.scheme, parts.netloc, match[1] or "/", "", ""))
    return _AzureAddress(resource, unquote(match[2] or ""), version)


# Cached so that agents with one identity share one client and its connections.
@cache
def _get_azure_token_provider(scope: str) -> Callable[[], str]:
    identity = require("azure.identity", extra="azure", feature='"azure_ad_token_provider": "DEFAULT"')
    return identity.get_bearer_token_provider(identity.DefaultAzureCredential(), scope)  # type: ignore[no-any-return]


def connect_anthropic(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for Anthropic's own protocol. The version of the API is ours: a new SDK changes nothing silently.

    Raises:
        MissingCredentials: if there is no key.
    """
    version = config.get("anthropic_version") or ANTHROPIC_VERSION
    headers = {"anthropic-version": version, **(config.get("default_headers") or {})}
    url = config.get("base_url")
    # The address of the layer for chat completions ends with the version, which the SDK appends.
    url = re.sub(r"/v1/*$", "", url) if url else None
    entry = cast("ConfigEntry", {**config, "base_url": url, "default_headers": headers})
    endpoint = connect_by_key(replace(connection, base_url=None), entry, api_type)
    settings = {key: value for key, value in dict(cast("Settings", endpoint.settings)).items() if value is not None}
    return Endpoint("anthropic", settings)


def connect_google(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for Google's own protocol.

    Raises:
        MissingCredentials: if there is no key.
    """
    endpoint = connect_by_key(replace(connection, base_url=None), config, api_type)
    settings = {key: value for key, value in dict(cast("Settings", endpoint.settings)).items() if value is not None}
    return Endpoint("google", settings)


def connect_local(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for a model in this process. The weights must exist; the first request starts the server."""
    model = str(config.get("model"))
    weights.resolve(model)
    return Endpoint("openai", partial(_serve_local, model, _select_sdk_settings(config)))


def _serve_local(model: str, settings: Settings) -> Settings:
    endpoint = embedded.serve(model)
    return {**settings, "base_url": endpoint.base_url, "api_key": endpoint.api_key}


def connect_ollama(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for Ollama. `client_host` is 0.2's key for the address, without the path."""
    host = config.get("client_host")
    if host and not config.get("base_url"):
        host = host if "://" in host else f"http://{host}"
        config = {**config, "base_url": f"{host.rstrip('/').removesuffix('/v1')}/v1"}
    return connect_by_key(connection, config, api_type)


def connect_cohere(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for Cohere, with the header that names the calling program."""
    headers = {"X-Client-Name": config.get("client_name") or "autogen-cohere", **(config.get("default_headers") or {})}
    return connect_by_key(connection, {**config, "default_headers": headers}, api_type)


def is_on_vertex(connection: Connection, config: ConfigEntry) -> bool:
    """Return True if Google's models are reached through Vertex AI rather than with an API key.

    Raises:
        AssertionError: if both an API key and a project or location are set.
    """
    if config.get("api_key"):
        if config.get("project_id") or config.get("location"):
            raise AssertionError("Google takes an api_key, or project_id and location (Vertex AI), but not both.")
        return False
    # Without any credentials it is Vertex AI, whose default credentials may be on this machine.
    return any(config.get(key) for key in GOOGLE_KEYS) or not connection.get_key(config)


def connect_vertex(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for Vertex AI. The SDK refreshes Google's tokens."""
    project, location = get_google_project(config), _get_google_location(config)
    url = config.get("base_url")
    if not url and not project:
        _raise_missing(api_type, _VERTEX_ADVICE)
    url = url or f"{_get_vertex_url(location)}/v1/projects/{project}/locations/{location}/endpoints/openapi"
    # A token provider or credentials that are passed in make Google's package unnecessary.
    tokens, credentials = config.get("token_provider"), config.get("credentials")
    if tokens is None and credentials is None:
        require("google.auth", extra="vertex", feature="Google's Vertex AI")
        credentials = _find_google_credentials(config)
    return _sign_requests("vertex", config, base_url=url, token_provider=tokens, credentials=credentials)


def connect_vertex_gemini(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for Gemini on Vertex AI, in Google's own protocol.

    Raises:
        MissingCredentials: if there is no project.
    """
    project, location = get_google_project(config), _get_google_location(config)
    if not project:
        _raise_missing(api_type, _VERTEX_ADVICE)
    settings = {
        **_select_sdk_settings(config),
        "project_id": project,
        "location": location,
        "credentials": _find_google_credentials(config),
        "token_provider": config.get("token_provider"),
    }
    present = {key: value for key, value in settings.items() if value is not None and key != "api_key"}
    return Endpoint("google", present, _get_vertex_url(location))


def get_google_project(config: ConfigEntry) -> str | None:
    """Return the project at Google's cloud from the config, else from the environment, else None."""
    return config.get("project_id") or os.environ.get("GOOGLE_CLOUD_PROJECT")


def _get_google_location(config: ConfigEntry) -> str:
    return config.get("location") or os.environ.get("GOOGLE_CLOUD_LOCATION") or "us-central1"


def _get_vertex_url(location: str) -> str:
    prefix = "" if location == "global" else f"{location}-"
    return f"https://{prefix}aiplatform.googleapis.com"


def _find_google_credentials(config: ConfigEntry) -> object:
    """Return the credentials of an entry; None for those of the machine."""
    credentials, path = config.get("credentials"), config.get("google_application_credentials")
    return _load_google_credentials(str(path)) if credentials is None and path else credentials


@cache
def _load_google_credentials(path: str) -> object:
    """Load credentials from a file. Only types of files that hold nothing but a secret are read.

    Raises:
        ValueError: if the file is of another type.
    """
    kind = json.loads(Path(path).read_text(encoding="utf-8")).get("type")
    if kind == "service_account":
        return import_module("google.oauth2.service_account").Credentials.from_service_account_file(path)
    if kind == "authorized_user":
        return import_module("google.oauth2.credentials").Credentials.from_authorized_user_file(path)
    raise ValueError(f'{path} has credentials of type {kind!r}: load them with `google.auth` and set "credentials" to them.')


def is_on_aws(connection: Connection, config: ConfigEntry) -> bool:
    """Return True if Claude is reached through Amazon Bedrock: with AWS's keys, and without a key of Anthropic's."""
    if config.get("api_key"):
        return False
    variables = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
    # Variables of AWS are set on many machines, so Anthropic's own key wins over them.
    in_environment = not connection.get_key(config) and all(os.environ.get(name) for name in variables)
    return in_environment or any(config.get(key) for key in AWS_KEYS)


def connect_bedrock(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for Amazon Bedrock, with a Bedrock key, or with AWS's keys, which sign the requests.

    Raises:
        ValueError: if `aws_endpoint` is neither `mantle` nor `runtime`.
        MissingCredentials: if there is no region.
    """
    region = config.get("aws_region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    service = config.get("aws_endpoint") or "mantle"
    if service not in ("mantle", "runtime"):
        raise ValueError(f'"aws_endpoint" must be "mantle" or "runtime", got {service!r}.')
    if not region and not config.get("base_url"):
        _raise_missing(api_type, 'set "aws_region" in its config or AWS_REGION')
    # Explicit keys of AWS win over a Bedrock key in the environment.
    signs_with_aws_keys = any(config.get(key) for key in ("aws_access_key", "aws_profile_name"))
    if config.get("api_key") or (connection.get_key(config) and not signs_with_aws_keys):
        host = f"bedrock-mantle.{region}.api.aws" if service == "mantle" else f"bedrock-runtime.{region}.amazonaws.com"
        url = config.get("base_url") or f"https://{host}/openai/v1"
        return connect_by_key(connection, {**config, "base_url": url}, api_type)
    require("botocore", extra="bedrock", feature="Amazon Bedrock with AWS's keys")
    return _sign_requests(
        "bedrock",
        config,
        base_url=config.get("base_url"),
        region=region,
        access_key_id=config.get("aws_access_key"),
        secret_access_key=config.get("aws_secret_key"),
        session_token=config.get("aws_session_token"),
        profile=config.get("aws_profile_name"),
        endpoint=service,
    )


def connect_converse(connection: Connection, config: ConfigEntry, api_type: str) -> Endpoint:
    """Make an endpoint for Amazon Bedrock's own protocol, with a Bedrock key, or with AWS's keys.

    Raises:
        MissingCredentials: if there is no region.
        ValueError: if the entry has an `http_client`, which the SDK doesn't take.
    """
    if config.get("http_client"):
        raise ValueError('boto3 takes no "http_client": leave it out, or set "protocol" to "chat".')
    region = config.get("aws_region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region and not config.get("aws_profile_name"):
        if not config.get("base_url"):
            _raise_missing(api_type, 'set "aws_region" in its config or AWS_REGION')
        # Another server has none, but signatures name one.
        region = "us-east-1"
    names = ("aws_access_key", "aws_secret_key", "aws_session_token", "aws_profile_name")
    options = ("base_url", "timeout", "default_headers", "default_query", "max_response_bytes")
    settings = {name: config.get(name) for name in (*names, *options)}
    # Explicit keys of AWS win over a Bedrock key in the environment.
    signs_with_aws_keys = any(config.get(key) for key in ("aws_access_key", "aws_profile_name"))
    key = config.get("api_key") or (None if signs_with_aws_keys else connection.get_key(config))
    pairs = {**settings, "aws_region": region, "api_key": key}
    host = f"https://bedrock-runtime.{region}.amazonaws.com" if region else "bedrock"
    return Endpoint("converse", {name: value for name, value in pairs.items() if value is not None}, host)


def _sign_requests(service: str, config: ConfigEntry, **options: object) -> Endpoint:
    """Make an endpoint whose requests the SDK signs."""
    present = tuple(sorted((key, value) for key, value in options.items() if value is not None))
    settings = {key: value for key, value in _select_sdk_settings(config).items() if key not in ("api_key", "base_url")}
    url = str(options["base_url"] or service)
    return Endpoint("openai", {**settings, "provider": _get_sdk_provider(service, present)}, url)


# Cached so that equal options have one identity, and so share one client and its connections.
@cache
def _get_sdk_provider(service: str, options: tuple[tuple[str, Hashable], ...]) -> object:
    try:
        factory = getattr(import_module("openai.providers"), service)
    except (ModuleNotFoundError, AttributeError) as error:
        version = import_module("openai").__version__
        hint = f"Signing requests for {service} needs the package 'openai' in version 3 or later, not {version}"
        raise ImportError(f'{hint}: pip install "autogen-classic[{service}]"', name="openai") from error
    return factory(**dict(options))

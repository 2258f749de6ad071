"""Providers that programs register, and those that installed packages offer by an entry point."""

import asyncio
import dataclasses
import textwrap

import pytest

from autogen import OpenAIWrapper
from autogen.oai import Provider, _once, register_provider
from autogen.oai._endpoints.provider_registry import find_provider
from autogen.oai.providers import PROVIDERS, Bound, Connection, otel_provider_name, remove_names

pytestmark = pytest.mark.usefixtures("provider_registry")

CONNECTION = Connection(base_url="https://api.acme.example/v1", key_variables=("ACME_API_KEY",))


@pytest.fixture(autouse=True)
def fresh_warnings(monkeypatch):
    monkeypatch.setattr(_once, "_emitted", set())


def acme(**changes):
    return Provider(**{"api_type": "acme", "title": "Acme", "connection": CONNECTION, **changes})


def test_a_registered_provider_adapts_requests(openai_server, mode, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "from the environment")
    register_provider(acme(refuses=frozenset({"seed"}), bounds={"temperature": Bound(0, 1, 1)}, forms=(remove_names,)))
    server = openai_server("hello")
    entry = {"model": "scripted", "api_type": "acme", "base_url": server.base_url, "seed": 3, "temperature": 5}
    wrapper = OpenAIWrapper(config_list=[entry], cache_seed=None)
    messages = [{"role": "user", "content": "hi", "name": "ann"}]

    def create():
        is_sync = mode == "sync"
        return wrapper.create(messages=messages) if is_sync else asyncio.run(wrapper.a_create(messages=messages))

    with pytest.warns(UserWarning, match="Acme") as warned:
        response = create()
    assert response.choices[0].message.content == "hello"
    assert {str(warning.message) for warning in warned} == {
        "Acme does not take seed: not sent.",
        "Acme: temperature must be 0 to 1, got 5: sending 1.",
    }
    assert server.requests[0]["messages"] == [{"role": "user", "content": "hi"}]
    assert server.headers[0]["authorization"] == "Bearer from the environment"


def test_a_registered_provider_is_in_the_table_and_in_hints():
    register_provider(acme())
    assert PROVIDERS["acme"].title == "Acme"
    assert find_provider({"api_type": "acme-eu"}).api_type == "acme"
    with pytest.warns(UserWarning, match="Did you mean 'acme'?"):
        find_provider({"api_type": "acne"})


def test_the_table_and_its_rows_can_not_be_changed():
    with pytest.raises(TypeError):
        PROVIDERS["acme"] = acme()
    with pytest.raises(dataclasses.FrozenInstanceError):
        PROVIDERS["groq"].title = "Grok"


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"api_type": ""}, ValueError, "api_type must be"),
        ({"api_type": "Acme AI"}, ValueError, "'Acme AI'"),
        ({"api_type": None}, ValueError, "None"),
        ({"title": ""}, ValueError, "'acme': title must not be empty"),
        ({"connection": "https://api.acme.example"}, TypeError, "connection must be a Connection, got str"),
        ({"connection": Connection()}, ValueError, "needs a base_url or a make_endpoint"),
        ({"connection": Connection(base_url="api.acme.example")}, ValueError, "must begin with http"),
        ({"refuses": "seed"}, TypeError, "refuses must be a Set, got str"),
        ({"aliases": "a"}, TypeError, "aliases must be a tuple, got str"),
        ({"bounds": [("n", 1)]}, TypeError, "bounds must be a Mapping, got list"),
        ({"bounds": {"n": (0, 1)}}, TypeError, r"bounds\['n'\] must be a Bound, got tuple"),
        ({"forms": ("remove_names",)}, TypeError, "forms must be functions"),
        ({"delegate_to": "groq"}, ValueError, "must be given together"),
        ({"url": "x"}, TypeError, "unexpected keyword argument 'url'"),
    ],
)
def test_a_wrong_row_is_refused(changes, error, text):
    with pytest.raises(error, match=text):
        acme(**changes)


@pytest.mark.parametrize(
    ("provider", "error", "text"),
    [
        ({"api_type": "acme"}, TypeError, "takes a Provider, got dict"),
        (acme(api_type="groq"), ValueError, "'groq' is already registered, for Groq: replace=True"),
        (acme(api_type="litellm-native"), ValueError, "reserved"),
        (acme(delegate_if=lambda connection, config: True, delegate_to="acme-x"), ValueError, "'acme-x', which is not"),
    ],
)
def test_a_wrong_registration_is_refused(provider, error, text):
    with pytest.raises(error, match=text):
        register_provider(provider)
    assert "acme" not in PROVIDERS
    assert PROVIDERS["groq"].title == "Groq"


def test_a_provider_can_be_replaced_on_request():
    register_provider(acme(api_type="groq", otel_names={"groq.com": "acme"}), replace=True)
    assert find_provider({"api_type": "groq"}).title == "Acme"
    assert otel_provider_name("api.groq.com") == "acme"


def test_a_provider_without_key_variables_says_what_is_missing():
    register_provider(acme(connection=Connection(base_url="https://api.acme.example/v1")))
    with pytest.raises(ValueError, match=r'set "api_key" in its config\.$'):
        OpenAIWrapper(config_list=[{"model": "m", "api_type": "acme"}])


def test_a_provider_makes_its_own_endpoint_and_delegates(openai_server):
    server = openai_server("hello")

    def connect(connection, config, api_type):
        return PROVIDERS["openai"].connection.connect({**config, "base_url": server.base_url, "api_key": "k"}, api_type)

    cloud = Connection(make_endpoint=connect, config_keys=frozenset({"region"}))
    register_provider(acme(api_type="acme-cloud", connection=cloud))
    register_provider(acme(delegate_if=lambda connection, config: "region" in config, delegate_to="acme-cloud"))
    wrapper = OpenAIWrapper(config_list=[{"model": "scripted", "api_type": "acme", "region": "eu"}], cache_seed=None)
    assert wrapper.create(messages=[{"role": "user", "content": "hi"}]).choices[0].message.content == "hello"


# OpenTelemetry's names.


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.openai.com", "openai"),
        ("me.openai.azure.com", "azure.ai.openai"),
        ("me.services.ai.azure.com", "azure.ai.inference"),
        ("api.anthropic.com", "anthropic"),
        ("generativelanguage.googleapis.com", "gcp.gemini"),
        ("europe-west1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("api.mistral.ai", "mistral_ai"),
        ("API.GROQ.COM", "groq"),
        ("api.deepseek.com", "deepseek"),
        ("api.perplexity.ai", "perplexity"),
        ("api.cohere.ai", "cohere"),
        ("api.x.ai", "x_ai"),
        ("api.together.ai", "together"),
        ("groq.com.example.org", None),
        ("localhost", None),
        ("", None),
    ],
)
def test_hosts_of_the_table_have_opentelemetrys_name(host, name):
    assert otel_provider_name(host) == name


def test_a_registered_provider_has_its_hosts_name():
    assert otel_provider_name("api.acme.example") is None
    register_provider(acme())
    assert otel_provider_name("api.acme.example") == "acme"
    assert otel_provider_name("acme.example") is None


# Entry points.


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package that offers a provider: real metadata on the path."""

    def install(name, source, target="PROVIDER"):
        module = f"offers_{tmp_path.name.replace('-', '_')}_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[autogen.providers]\n{name} = {module}:{target}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


SOURCE = """
    from autogen.oai.providers import Connection, Provider

    PROVIDER = Provider(api_type="acme", title="Acme", connection=Connection(base_url="https://api.acme.example/v1"))
    WRONG = {"api_type": "acme"}
"""


@pytest.mark.parametrize("api_type", ["acme", "acme-eu"])
def test_an_installed_package_offers_a_provider(install, api_type):
    install("acme", SOURCE)
    assert "acme" not in PROVIDERS
    assert find_provider({"api_type": api_type}).title == "Acme"
    assert find_provider({"api_type": "acme"}) is PROVIDERS["acme"]


def test_a_package_is_loaded_only_if_its_provider_is_asked_for(install):
    install("acme", "raise RuntimeError('imported')")
    with pytest.warns(UserWarning, match="'unheard-of' is unknown"):
        find_provider({"api_type": "unheard-of"})
    find_provider({"api_type": "groq"})
    with pytest.raises(RuntimeError, match="imported"):
        find_provider({"api_type": "acme"})


def test_a_longer_name_of_a_package_wins_over_a_built_in_beginning(install):
    install("groq-acme", SOURCE.replace('api_type="acme"', 'api_type="groq-acme"'))
    assert find_provider({"api_type": "groq-acme"}).title == "Acme"
    assert find_provider({"api_type": "groq-eu"}).title == "Groq"


def test_a_built_in_provider_is_not_replaced_by_a_package(install):
    install("groq", SOURCE)
    assert find_provider({"api_type": "groq"}).title == "Groq"
    assert find_provider({"api_type": "groq-eu"}).title == "Groq"


def test_an_entry_point_with_something_else_is_an_error(install):
    install("acme", SOURCE, target="WRONG")
    with pytest.raises(TypeError, match=r"'acme' in 'autogen.providers' \(.*:WRONG\) must be a Provider, got dict"):
        find_provider({"api_type": "acme"})


def test_an_entry_point_under_another_name_is_an_error(install):
    install("acmeai", SOURCE)
    with pytest.raises(TypeError, match="must have its provider's api_type as its name, got 'acme'"):
        find_provider({"api_type": "acmeai"})

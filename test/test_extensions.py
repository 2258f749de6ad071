"""Extensions: packages that are found by entry points, loaded when they are named, and switched off."""

import os
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

import autogen
from autogen import Cache, ConversableAgent, LLMConfig, OpenAIWrapper, UserProxyAgent
from autogen import extensions as extensions_module
from autogen._cli.app import app
from autogen.agentchat.contrib.vectordb.base import VectorDBFactory
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.extensions import ExtensionError, list_extensions, load_extension
from autogen.oai.providers import PROVIDERS

pytestmark = pytest.mark.usefixtures("provider_registry")


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch):
    monkeypatch.setattr(extensions_module, "_loaded", {})
    monkeypatch.delenv("AUTOGEN_EXTENSIONS", raising=False)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package: real metadata on the path. `MODULE` in its entry points is its module."""

    def install(source, entry_points="[autogen.extensions]\nacme = MODULE:EXTENSION"):
        module = f"extension_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text("from autogen.extensions import Extension\n" + textwrap.dedent(source))
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(entry_points.replace("MODULE", module))
        monkeypatch.syspath_prepend(str(tmp_path))
        return module

    return install


FULL = """
    from autogen.agentchat.contrib.vectordb.local import LocalVectorDB
    from autogen.cache.in_memory_cache import InMemoryCache
    from autogen.coding import LocalCommandLineCodeExecutor
    from autogen.oai.providers import Connection, Provider

    loads = []
    EXTENSION = Extension(
        name="acme",
        version="1.2",
        providers=[Provider(api_type="acme.chat", title="Acme", connection=Connection(base_url="https://acme.example/v1"))],
        executors={"box": LocalCommandLineCodeExecutor},
        caches={"memory": InMemoryCache},
        vector_stores={"shelf": LocalVectorDB},
        commands={"hello": lambda: print("Hello from Acme.")},
        on_load=lambda: loads.append(1),
    )
"""


def test_parts_are_found_by_name_and_the_extension_is_loaded_once(install, tmp_path):
    module = install(FULL)
    assert module not in sys.modules
    config = {"executor": "acme.box", "acme.box": {"work_dir": tmp_path, "timeout": 7}}
    executor = UserProxyAgent("user", code_execution_config=config).code_executor
    assert isinstance(executor, LocalCommandLineCodeExecutor)
    assert executor.timeout == 7
    cache = Cache.extension("acme.memory", 7)
    cache.set("k", 1)
    assert cache.get("k") == 1
    assert VectorDBFactory.create_vector_db("acme.shelf", path=tmp_path).type == "local"
    OpenAIWrapper(config_list=[{"model": "m", "api_type": "acme.chat", "api_key": "k"}])
    assert PROVIDERS["acme.chat"].title == "Acme"
    result = CliRunner().invoke(app, ["acme", "hello"])
    assert (result.exit_code, result.output) == (0, "Hello from Acme.\n")
    assert sys.modules[module].loads == [1]


def test_nothing_is_loaded_before_it_is_named(install, tmp_path):
    module = install("raise RuntimeError('imported')")
    ConversableAgent("a", llm_config={"model": "m", "api_key": "k", "api_type": "openai"})
    UserProxyAgent("user", code_execution_config={"executor": "commandline-local"})
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0
    assert [(item.name, item.version, item.error) for item in list_extensions() if item.package == module] == [
        ("acme", "1.2", "")
    ]
    assert module not in sys.modules
    with pytest.raises(ExtensionError, match="can't be loaded for 'acme': RuntimeError: imported"):
        load_extension("acme")


CLIENT = """
    from types import SimpleNamespace as Box

    class Client:
        def __init__(self, config):
            self.config = config

        def create(self, params):
            return Box(model="m", choices=[Box(index=0, finish_reason="stop", message=Box(content="Hi.", tool_calls=None))])

        def message_retrieval(self, response):
            return [choice.message.content for choice in response.choices]

        def cost(self, response):
            return 0

        @staticmethod
        def get_usage(response):
            return {}

    def command():
        print("A command of its own.")
"""
SINGLE = (
    "[autogen.models]\nacme.mind = MODULE:Client\nacme.wrong = MODULE:command\n[autogen.commands]\nacme-do = MODULE:command"
)


def test_a_package_may_offer_a_model_or_a_command_alone(install, call):
    install(CLIENT, SINGLE)
    agent = ConversableAgent("a", llm_config={"model": "m", "api_type": "acme.mind"})
    assert call(agent.generate_reply, messages=[{"role": "user", "content": "Hello."}]) == "Hi."
    with pytest.raises(ExtensionError, match=r"'acme.wrong' in 'autogen.models' must be a class"):
        ConversableAgent("a", llm_config={"model": "m", "api_type": "acme.wrong"})
    assert CliRunner().invoke(app, ["acme-do"]).output == "A command of its own.\n"
    assert CliRunner().invoke(app, ["acme-undo"]).exit_code == 2


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import missing_package_of_acme", "ModuleNotFoundError: No module named"),
        ("", "AttributeError"),
        ("EXTENSION = {}", "must be an Extension, got dict"),
        ("EXTENSION = Extension(name='acme', version='1', api=2)", "made for version 2 .* this is version 1"),
        ("EXTENSION = Extension(name='acne', version='1')", "name of its entry point, got 'acne'"),
        ("EXTENSION = Extension(name='acme', version='1', executors={'box': 1})", "executors must be functions"),
        ("EXTENSION = Extension(name='acme', version='1', on_load=lambda: 1 / 0)", "fails when it is loaded: ZeroDivision"),
    ],
)
def test_a_broken_extension_is_named_in_errors_and_in_the_list(install, source, message):
    install(source)
    with pytest.raises(ExtensionError, match=message):
        load_extension("acme")
    result = CliRunner().invoke(app, ["extensions"])
    assert result.exit_code == 1
    assert "acme  autogen.extensions  extension_" in result.output


def test_parts_that_are_not_there(install):
    install(FULL)
    with pytest.raises(ExtensionError, match=r"no extension 'acmee'.*Did you mean 'acme'"):
        load_extension("acmee")
    with pytest.raises(ExtensionError, match="has no 'bix'; its executors are: box"):
        UserProxyAgent("user", code_execution_config={"executor": "acme.bix"})
    with pytest.raises(ValueError, match=r"api_type 'acme.cat' is unknown"):
        LLMConfig({"model": "m", "api_type": "acme.cat"})


def test_providers_stay_within_the_name_of_their_extension(install):
    install(FULL.replace('api_type="acme.chat"', 'api_type="openrooter"'))
    with pytest.raises(ExtensionError, match=r"api_type begins with 'acme.', got Provider\('openrooter'"):
        ConversableAgent("a", llm_config={"model": "m", "api_type": "acme.chat"})


@pytest.mark.parametrize(
    ("setting", "is_enabled"),
    [("off", False), ("other", False), ("acme,off", False), ("", True), ("other, Acme", True), ("MODULE", True)],
)
def test_extensions_are_switched_off(install, monkeypatch, setting, is_enabled):
    module = install(
        FULL + CLIENT,
        f"[autogen.extensions]\nacme = MODULE:EXTENSION\n{SINGLE}",
    )
    setting = setting.replace("MODULE", module)
    monkeypatch.setenv("AUTOGEN_EXTENSIONS", setting)
    states = {item.name: item.is_enabled for item in list_extensions() if item.package == module}
    assert states["acme"] is is_enabled
    if is_enabled:
        assert load_extension("acme").version == "1.2"
        return
    with pytest.raises(ExtensionError, match="switched off by AUTOGEN_EXTENSIONS"):
        load_extension("acme")
    with pytest.raises(ValueError, match=r"'acme.mind' is unknown"):
        LLMConfig({"model": "m", "api_type": "acme.mind"})
    assert CliRunner().invoke(app, ["acme", "hello"]).exit_code == 2
    assert module not in sys.modules


@pytest.mark.parametrize("name", ["", "Acme", "../acme", "acme.x", "-acme", "acme-", "a" * 41])
def test_a_new_extension_needs_a_good_name(tmp_path, name):
    result = CliRunner().invoke(app, ["extension", "new", "--folder", str(tmp_path), "--", name])
    assert isinstance(result.exception, ValueError)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_new_extension_overwrites_nothing(tmp_path):
    arguments = ["extension", "new", "acme", "--folder", str(tmp_path)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert isinstance(CliRunner().invoke(app, arguments).exception, FileExistsError)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_extension_is_built_installed_and_used(tmp_path):
    def run(*command, **options):
        done = subprocess.run([*map(str, command)], text=True, capture_output=True, check=False, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert CliRunner().invoke(app, ["extension", "new", "my-acme", "--folder", str(tmp_path)]).exit_code == 0
    project = tmp_path / "autogen-my-acme"
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", tmp_path, project)
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", environment)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    (wheel,) = tmp_path.glob("*.whl")
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel)
    # This package and its dependencies, as they are here.
    folder = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    paths = [str(Path(autogen.__file__).parent.parent), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    Path(folder, "here.pth").write_text("\n".join(paths))
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "AUTOGEN_EXTENSIONS")}
    assert "4 passed" in run(
        python, "-m", "pytest", "-q", "-p", "no:cacheprovider", project / "test", cwd=tmp_path, env=clean
    )
    assert "my-acme  autogen.extensions  autogen-my-acme 0.1.0" in run(python, "-m", "autogen", "extensions", env=clean)
    assert run(python, "-m", "autogen", "my-acme", "hello", env=clean) == "Hello from autogen-my-acme.\n"

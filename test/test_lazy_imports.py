"""`import autogen` loads no heavy package, and all its public names resolve."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import autogen
import autogen.oai
import autogen.testing

SDKS = {
    "openai",
    "pydantic",
    "tiktoken",
    "docker",
    "diskcache",
    "flaml",
    "numpy",
    "rich",
    "typer",
    "termcolor",
    "httpx",
}

# What the extras for documents, memory, pictures and long contexts bring.
EXTRAS = """
    PIL bs4 chromadb couchbase fastembed lancedb llama_index llmlingua markdownify markitdown numpy pgvector psycopg pyarrow
    pymongo pypdf qdrant_client replicate safetensors sentence_transformers threadpoolctl tokenizers torch IPython
"""


@pytest.mark.parametrize(
    "package", [autogen, autogen.agentchat, autogen.oai, autogen.testing], ids=lambda package: package.__name__
)
def test_the_list_for_editors_and_the_one_for_the_interpreter_agree(package):
    source = ast.parse(Path(package.__file__).read_text())
    block = next(n for n in source.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    seen = {alias.name for imported in block.body for alias in imported.names}
    assert seen == set(package._HOME)
    for name in seen:
        assert getattr(package, name) is not None


def test_import_loads_no_sdk():
    probe = "import autogen, sys; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = set(subprocess.check_output([sys.executable, "-c", probe], text=True).split())
    assert not loaded & SDKS


def test_the_plugin_for_pytest_loads_no_agents():
    # pytest imports it in every project of the environment, and rewrites the assertions of all that it imports.
    probe = "import autogen.testing.plugin, sys; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", probe], text=True).split())
    assert not loaded & {"autogen.agentchat.conversable_agent", "autogen.oai.client", "autogen.testing._scripted"}


@pytest.mark.slow
def test_an_agent_without_a_model_loads_no_sdk():
    probe = (
        "import autogen, sys; autogen.LLMConfig(model='m');"
        "a = autogen.ConversableAgent('a', llm_config=False, human_input_mode='NEVER');"
        "b = autogen.ConversableAgent('b', llm_config=False, human_input_mode='NEVER');"
        "a.initiate_chat(b, message='hi', max_turns=1, silent=True); print(*{m.partition('.')[0] for m in sys.modules})"
    )
    loaded = set(subprocess.check_output([sys.executable, "-c", probe], text=True).split())
    assert not loaded & (SDKS - {"termcolor"})


@pytest.mark.slow
def test_what_agents_learn_to_do_is_imported_without_any_extra():
    """In 0.2, five of thirteen modules were not: they needed a package, or downloaded a model."""
    names = json.loads(Path(__file__).with_name("api_0_2.json").read_text())
    modules = [name for name in names if name.startswith("autogen.agentchat.contrib.")] + [
        "autogen.retrieve_utils",
        "autogen.memory",
        "autogen.retrieval",
        "autogen.agentchat.contrib.rag",
        "autogen.agentchat.contrib.graph_rag.sqlite_graph_query_engine",
        "autogen.agentchat.contrib.vectordb.lancedb",
        "autogen.agentchat.contrib.capabilities.memory",
        "autogen.agentchat.contrib.capabilities.tools_capability",
        "autogen.agentchat.contrib.capabilities.context_handling",
        "autogen.agentchat.contrib.compressible_agent",
        "autogen.agentchat.contrib.teachable_agent",
    ]
    probe = (
        "import importlib, sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Finder(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        f"        is_hidden = name.partition('.')[0] in {EXTRAS.split()}\n"
        "        return None if is_hidden else super().find_spec(name, path, target)\n"
        "sys.meta_path = [Finder if finder is PathFinder else finder for finder in sys.meta_path]\n"
        f"for module in {modules!r}:\n"
        "    for name in importlib.import_module(module).__dict__.get('__all__', ()):\n"
        "        getattr(sys.modules[module], name)\n"
    )
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False).stderr == ""


def test_star_import_brings_the_lazy_names():
    world: dict = {}
    exec("from autogen import *", world)
    assert world["ConversableAgent"] is autogen.ConversableAgent
    assert world["agentchat"] is autogen.agentchat


def test_submodules_are_reachable_without_an_import_of_their_own():
    probe = "import autogen; print(autogen.oai.openai_utils.filter_config, autogen.code_utils.UNKNOWN, autogen.io.IOStream)"
    assert "unknown" in subprocess.check_output([sys.executable, "-c", probe], text=True)


def test_the_logger_survives_the_import_of_the_package_of_that_name():
    import autogen.logger

    assert autogen.logger.name == "autogen"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Assistent'"):
        autogen.Assistent

"""What people copy from is run: the README's samples, and the notebooks."""

import ast
import asyncio
import contextlib
import json
import os
import re
from pathlib import Path

import pytest

from autogen import AssistantAgent, config_list_from_json
from autogen.coding._docker.engine import connect

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebook").glob("*.ipynb"))
SAMPLES = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.S | re.M)


IMAGE = "autogen-test:python"  # of the Docker tests


@pytest.fixture
def engine(request, monkeypatch):
    """A notebook about Docker needs an engine and an image."""
    if "docker" in request.node.name:
        try:
            with contextlib.closing(connect()) as client:
                client.images.get(IMAGE)
        except Exception as error:
            pytest.skip(f"there is no engine, or no image {IMAGE} in it: {str(error).splitlines()[0]}")
        monkeypatch.setenv("AUTOGEN_NOTEBOOK_IMAGE", IMAGE)


@pytest.mark.parametrize(
    "path",
    NOTEBOOKS,
    ids=lambda path: path.stem,
)
@pytest.mark.slow
@pytest.mark.usefixtures("engine")
@pytest.mark.filterwarnings(
    "default:::zmq", "default:::jupyter_client", "default::DeprecationWarning", "default::ResourceWarning"
)
def test_a_notebook_runs(path, tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="the extra 'notebook' is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra 'notebook' is not installed")
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any(cell.get("outputs") for cell in notebook.cells)


def get_cells(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_makes_way_for_real_models(path):
    # A `ScriptedModel` would speak also where there is a config list.
    code = "\n".join(get_cells(path))
    assert "StandIn" in code
    assert "ScriptedModel" not in code


# The others need a kernel, programs of their own or a container.
IN_PROCESS = {
    "agent_builder",
    "approvals_and_guardrails",
    "browsing_a_local_site",
    "commander_writer_safeguard",
    "finite_state_machine",
    "group_chat",
    "human_in_the_loop",
    "langchain_tools",
    "long_chats",
    "nested_chats_chess",
    "questions_about_documents",
    "quickstart",
    "resume_group_chat",
    "sequential_chats",
    "society_of_mind",
    "swarm_customer_service",
    "tool_use",
    "watching_a_chat",
}


async def run_cells(path):
    world: dict = {"__name__": "__main__"}
    for cell in get_cells(path):
        running = eval(compile(cell, path.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), world)
        if running is not None:
            await running


def test_the_quickstart_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asyncio.run(run_cells(ROOT / "notebook" / "quickstart.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(IN_PROCESS))
def test_a_notebook_takes_the_models_of_a_config_list(name, openai_server, tmp_path, monkeypatch):
    server = openai_server(lambda messages: "An answer of my own. TERMINATE")
    (tmp_path / "OAI_CONFIG_LIST").write_text(json.dumps([server.config]))
    monkeypatch.chdir(tmp_path)
    asyncio.run(run_cells(ROOT / "notebook" / f"{name}.ipynb"))
    assert len(server.requests) >= 3


@pytest.mark.slow  # the local model thinks for seconds
@pytest.mark.usefixtures("weights")
def test_the_script_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(SAMPLES[0], "README.md", "exec"), {})
    assert "exitcode: 0 (execution succeeded)" in capsys.readouterr().out


@pytest.mark.usefixtures("weights")
def test_the_config_of_the_readme_is_accepted(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    world = {"os": os}
    exec(compile(SAMPLES[1], "README.md", "exec"), world)
    assert AssistantAgent("a", llm_config=world["llm_config"]).llm_config == world["llm_config"]


def test_the_test_of_the_readme_passes():
    world: dict = {}
    exec(compile(SAMPLES[2], "README.md", "exec"), world)
    world["test_my_agent"]()


def test_the_sample_of_a_config_list_can_be_read():
    entries = config_list_from_json(str(ROOT / "OAI_CONFIG_LIST_sample"))
    assert [entry["model"] for entry in entries if "local" in entry["tags"]] == ["smollm2-135m"]

"""A server that others wrote in another language with another SDK, `@modelcontextprotocol/server-everything`."""

import asyncio
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason="the extra 'mcp' is not installed")

import psutil
from filelock import FileLock

from autogen import ConversableAgent
from autogen.mcp import McpToolError, mcp_tools
from autogen.testing import ScriptedModel, tool_call

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm on this machine")]

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "test/mcp/npm/node_modules/@modelcontextprotocol/server-everything/dist/index.js"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The program, which is installed if it is not there yet."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "npm.lock"):
        if not SCRIPT.exists():
            subprocess.run(["bash", ".ci/npm"], cwd=ROOT, check=True)
    return str(SCRIPT)


@contextmanager
def serve_everything(script):
    """Serve it over HTTP, and yield its URL."""
    # It does not say which port the system gave it.
    environment = {"PATH": os.environ["PATH"], "PORT": "0"}
    command = ["node", script, "streamableHttp"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert any("listening on port" in line for line in program.stderr)
            [port] = [c.laddr.port for c in psutil.Process(program.pid).net_connections() if c.status == "LISTEN"]
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            program.kill()


@pytest.fixture(params=["stdio", "http"])
def server(request, script):
    if request.param == "stdio":
        yield ["node", script, "stdio"]
    else:
        with serve_everything(script) as url:
            yield url


def use(toolbox, name, /, **arguments):
    """Call a tool, and return the text inside the marks."""
    return "\n".join(asyncio.run(toolbox.get_tool(name)(**arguments)).splitlines()[1:-1])


def test_all_that_the_server_has(server, call, agent, tmp_path):
    prompts = []

    def ask(prompt):
        prompts.append(prompt)
        return "Ann" if len(prompts) == 1 else ""

    thinker = ConversableAgent(
        "thinker", llm_config=ScriptedModel("Because.").llm_config, human_input_mode="NEVER", silent=True
    )
    options = {"resources": True, "prompts": True, "elicitation": ask, "sampling": thinker, "folder": tmp_path}
    with mcp_tools(server, **options) as toolbox:
        model = ScriptedModel(tool_call("get-sum", a=1, b=2), "Three.")
        assert call(agent("a", llm_config=model.llm_config).run, "1 + 2?", tools=toolbox).summary == "Three."
        assert "The sum of 1 and 2 is 3." in model.asked[-1][-1]["content"]
        assert use(toolbox, "get-structured-content", location="New York").startswith('{"temperature":')
        picture = use(toolbox, "get-tiny-image").partition("saved as ")[2].partition("]")[0]
        assert Path(picture).read_bytes().startswith(PNG)
        with pytest.raises(McpToolError, match=r"(?i)invalid"):
            use(toolbox, "get-sum", a="one")
        assert "Because." in use(toolbox, "trigger-sampling-request", prompt="Why?", maxTokens=5)
        assert "Ann" in use(toolbox, "trigger-elicitation-request")
        assert "asks: " in prompts[0]
        static = next(str(item.uri) for item in toolbox.list_resources() if str(item.uri).endswith("features.md"))
        assert "everything" in toolbox.read_resource(static).lower()
        assert "Resource 1" in use(toolbox, "read_resource", uri="demo://resource/dynamic/text/1")
        blob = toolbox.read_resource("demo://resource/dynamic/blob/1").partition("saved as ")[2].partition("]")[0]
        assert "Resource 1" in Path(blob).read_text()
        assert {prompt.name for prompt in toolbox.list_prompts()} >= {"simple-prompt", "args-prompt"}
        assert "What's weather in Rome?" in toolbox.get_prompt("args-prompt", {"city": "Rome"})
        assert "resource with id: 1" in toolbox.get_prompt("resource-prompt", {"resourceType": "Text", "resourceId": "1"})


def test_tools_that_run_as_tasks_only_are_not_offered(script, caplog):
    with mcp_tools(["node", script, "stdio"]) as toolbox:
        assert "simulate-research-query" not in toolbox.toolkit
    assert "runs its tool 'simulate-research-query' as a task only" in caplog.text


def test_a_program_of_others_gets_no_secrets(script, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", "planted-secret")
    with mcp_tools(["node", script, "stdio"], env={"GIVEN": "1"}) as toolbox:
        text = use(toolbox, "get-env")
    assert '"GIVEN"' in text
    assert "MY_API_KEY" not in text

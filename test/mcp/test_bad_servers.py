"""Servers that hang, die, flood or lie: each has an end, and nothing is left behind."""

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason="the extra 'mcp' is not installed")

from autogen.mcp import (
    McpServerError,
    McpToolError,
    StdioServerParams,
    _stdio,
    mcp_tools,
)

SERVER = str(Path(__file__).with_name("server.py"))
STAND_IN = str(Path(__file__).with_name("stand_in.py"))
KEY = "sk-0123456789abcdefghijklmnop"


def start(manners="good", **options):
    # The id tells it from those of other test processes.
    return mcp_tools([sys.executable, "-u", STAND_IN, manners, str(os.getpid())], **options)


def use(toolbox, name, **arguments):
    """Call a tool as a sync chat does, and return the text inside the marks."""
    text = asyncio.run(toolbox.get_tool(name)(**arguments))
    return text, "\n".join(line for line in text.splitlines() if not line.startswith(("<<<", ">>>")))


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch):
    monkeypatch.setattr(_stdio, "EXIT_GRACE", 0.3)
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("autogen-mcp")]
    if os.path.isdir("/proc/self"):
        commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
        own_id = f"\0{os.getpid()}\0".encode()
        assert not [command for command in commands if STAND_IN.encode() in command and own_id in command]


def test_one_session_for_threads_and_loops():
    with start() as toolbox:

        def work(_):
            return use(toolbox, "count")[1]

        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(work, range(20)))

        async def many():
            return await asyncio.gather(*(toolbox.get_tool("count")() for _ in range(10)))

        asyncio.run(many())
        assert sorted(map(int, numbers)) == list(range(1, 21))
        assert use(toolbox, "count")[1] == "31"


@pytest.mark.parametrize(
    ("manners", "text"),
    [
        ("silent", "did not answer within 0.3 seconds"),
        ("dead at once", r"Connection closed\. The end of its stderr:\nno engine; api_key=\*\*\*"),
    ],
)
def test_a_server_that_does_not_start(manners, text):
    timeout = 0.3 if manners == "silent" else 60
    with pytest.raises(McpServerError, match=text), start(manners, start_timeout=timeout):
        pass

    async def enter():
        async with start(manners, start_timeout=timeout):
            pass

    with pytest.raises(McpServerError, match=text):
        asyncio.run(enter())


def test_no_such_program(tmp_path):
    with pytest.raises(McpServerError, match="'no-such-program' failed: FileNotFoundError"), mcp_tools("no-such-program"):
        pass
    with pytest.raises(McpServerError, match="FileNotFoundError"), mcp_tools(StdioServerParams("x", cwd=tmp_path / "no")):
        pass


def test_a_call_without_an_answer():
    with start(timeout=0.2) as toolbox:
        with pytest.raises(McpToolError, match=r"did not answer within 0.2 seconds"):
            use(toolbox, "hang")
        # The session goes on; the machine may be busy.
        toolbox._session.timeout = 60
        assert use(toolbox, "count")[1] == "2"


@pytest.mark.parametrize("manners", ["good", "stubborn"])
def test_a_program_that_does_not_read_is_killed(manners):
    with start(manners, timeout=0.2) as toolbox:
        with pytest.raises(McpToolError, match="did not answer"):
            use(toolbox, "sleep_for_ever", text="x" * 1_000_000)


def test_a_cancelled_call():
    with start() as toolbox:

        async def cancel():
            task = asyncio.create_task(toolbox.get_tool("hang")())
            while use_count() < 1:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        def use_count():
            return toolbox._session.active_calls

        asyncio.run(cancel())
        assert use(toolbox, "count")[1] == "2"
        assert not toolbox._session.active_calls


def test_a_server_that_dies_is_started_again_once(caplog):
    with start() as toolbox:
        assert use(toolbox, "count")[1] == "1"
        with pytest.raises(McpServerError, match=r"(?s)was lost.*the engine fell off; api_key=\*\*\*") as raised:
            use(toolbox, "die")
        assert KEY not in str(raised.value)
        text, number = use(toolbox, "count")
        assert text.startswith("The MCP server was restarted: the state that it had is gone.\n")
        assert number.endswith("\n1")
        assert "restarted" not in use(toolbox, "count")[0]
        # Twice in a row is once too often.
        for error in ("was lost", "was lost", "has ended"):
            with pytest.raises(McpServerError, match=error):
                use(toolbox, "die")
    with pytest.raises(McpServerError, match="has ended"):
        use(toolbox, "count")


@pytest.mark.slow
def test_a_flood(tmp_path):
    with start(max_result_chars=100, folder=tmp_path) as toolbox:
        text, _ = use(toolbox, "shout", size=5_000_000)
        assert len(text) < 600
        [file] = tmp_path.iterdir()
        assert str(file) in text
        assert file.read_text() == "x" * 5_000_000
        with pytest.raises(McpServerError, match="it sent a message of more than 16,777,216 bytes"):
            use(toolbox, "shout", size=17_000_000)
        assert "restarted" in use(toolbox, "count")[0]


@contextlib.contextmanager
def serve_program():
    """The URL of a server in a process of its own."""
    command = [sys.executable, SERVER, "http"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield f"http://127.0.0.1:{program.stdout.readline().strip()}/mcp"
        finally:
            program.kill()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stdio", pytest.param("http", marks=pytest.mark.slow)])
def test_a_flood_takes_little_memory(way):
    """The limit of a message is that of the memory, too, however much the server sends."""
    options = {"max_message_bytes": 1_000_000}
    with contextlib.ExitStack() as stack:
        if way == "http":
            toolbox = stack.enter_context(mcp_tools(stack.enter_context(serve_program()), **options))
        else:
            toolbox = stack.enter_context(start(**options))
        use(toolbox, "count")
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        with pytest.raises(McpServerError, match="it sent a message of more than 1,000,000 bytes"):
            use(toolbox, "shout", size=50_000_000)
        peak = tracemalloc.get_traced_memory()[1]
        assert peak < 10_000_000, f"{peak:,}"
        assert "restarted" in use(toolbox, "count")[0]


def test_lines_that_are_no_messages(caplog):
    with start("chatty") as toolbox:
        assert use(toolbox, "count")[1] == "1"
    assert len([record for record in caplog.records if "prints lines besides its messages" in record.message]) == 1


def test_without_a_block(caplog):
    toolbox = start()
    assert "runs until the end of the process" not in caplog.text
    assert len(toolbox) == 5
    assert "runs until the end of the process" in caplog.text
    toolbox.close()
    with pytest.raises(McpServerError, match="has ended"):
        use(toolbox, "count")
    # A new block is a new session.
    with toolbox:
        assert use(toolbox, "count")[1] == "1"


def test_a_block_that_is_left_while_a_call_runs():
    with start() as toolbox:
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(use, toolbox, "hang")
            while not toolbox._session.active_calls:
                time.sleep(0.01)
            toolbox.close()
            with pytest.raises(McpServerError, match="has ended"):
                future.result()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"server": 3}, TypeError, "must be a command, a URL, or parameters"),
        ({"server": []}, TypeError, "must be a command"),
        ({"server": "x", "timeout": 0}, ValueError, "timeout must be positive, got 0"),
        ({"server": "x", "tools": "add"}, TypeError, "tools must be a list of names, got the text 'add'"),
        ({"server": "http://127.0.0.1:1/mcp", "env": {"A": "b"}}, ValueError, "env is for servers that are programs"),
        ({"server": "x", "approval": 3}, TypeError, "must be 'human', a function of the call"),
        ({"server": "x", "elicitation": 3}, TypeError, "elicitation must be an agent or a function"),
        ({"server": "x", "sampling": 3}, TypeError, "sampling must be an agent with a model"),
    ],
)
def test_mistakes_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        mcp_tools(**options)


def test_nothing_listens_at_the_url():
    with pytest.raises(McpServerError, match="failed: "), mcp_tools("http://127.0.0.1:9/mcp", start_timeout=30):
        pass


def test_which_tools_are_offered(caplog):
    with start(tools=["count", "conut"], prefix="my.") as toolbox:
        assert [tool.name for tool in toolbox] == ["my_count"]
    assert "has no tool 'conut'" in caplog.text
    with caplog.at_level(logging.INFO, "autogen.mcp"), start(exclude=["hang", "die", "sleep_for_ever"]) as toolbox:
        assert [tool.name for tool in toolbox] == ["count", "shout"]
    assert "offers the tools count, shout" in caplog.text

"""Recorded chats to look at."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from autogen import GroupChat, GroupChatManager, register_function
from autogen._cli.app import app
from autogen.coding import LocalCommandLineCodeExecutor
from autogen.testing import Fault, OpenAIServer, Reply, tool_call

CODES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")
HOSTILE = (
    "</script><script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\">"
    " [bold]markup[/bold] \x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \u202egnp.exe"
)


def make_environment(**variables):
    """Return an environment without keys and config lists, and with these variables."""
    names = ("OPENAI", "OAI", "ANTHROPIC", "AUTOGEN_USE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return {**kept, "COLUMNS": "200", "NO_COLOR": "1", "DOCKER_HOST": "tcp://127.0.0.1:9", **variables}


@pytest.fixture
def run(tmp_path):
    """Run the command line in a process of its own, in an empty folder."""

    def run(*arguments, stdin="", **variables):
        return subprocess.run(
            [sys.executable, "-m", "autogen", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env=make_environment(**variables),
            check=False,
        )

    return run


@pytest.fixture
def run_inside():
    """Run the command line in this process, which takes a tenth of the time."""

    def run_inside(*arguments, **variables):
        environment = {"COLUMNS": "200", "NO_COLOR": "1", "DOCKER_HOST": "tcp://127.0.0.1:9", **variables}
        result = CliRunner(env=environment).invoke(app, arguments)
        return SimpleNamespace(returncode=result.exit_code, stdout=result.stdout, stderr=result.stderr)

    return run_inside


@pytest.fixture
def config_list(tmp_path):
    """Write a config list; returns its path."""

    def write(*entries):
        path = tmp_path / "LIST"
        path.write_text(json.dumps(entries))
        return str(path)

    return write


class Terminal:
    """A command line in a pseudo-terminal.

    Attributes:
        text: All that was shown, without codes of the terminal.
        exit_code: The exit code, after `finish`.
    """

    def __init__(self, pexpect, arguments, folder, columns):
        environment = make_environment(TERM="xterm", COLUMNS=str(columns), AUTOGEN_HOME=str(folder / "home"))
        self._pexpect = pexpect
        self._log = io.StringIO()
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "autogen", *arguments],
            cwd=str(folder),
            env=environment,
            dimensions=(40, columns),
            timeout=60,
            encoding="utf-8",
        )
        self._child.logfile_read = self._log
        self.exit_code = None

    @property
    def text(self):
        return CODES.sub("", self._log.getvalue()).replace("\r", "")

    def wait_for(self, text):
        """Wait until a text is shown, which must not be cut by codes of the terminal."""
        self._child.expect_exact(text)

    def type(self, line):
        self._child.sendline(line)

    def interrupt(self):
        self._child.sendintr()

    def finish(self):
        """Wait for the end."""
        self._child.expect(self._pexpect.EOF)
        self.close()
        return self

    def close(self):
        self._child.close(force=True)
        self.exit_code = self._child.exitstatus


@pytest.fixture
def in_terminal(tmp_path, sigint_raises):
    """Start a command line in a pseudo-terminal, in an empty folder."""
    pexpect = pytest.importorskip("pexpect")
    if not hasattr(pexpect, "spawn"):
        pytest.skip("Windows has no pseudo-terminals.")
    with ExitStack() as terminals:

        def start(*arguments, columns=80):
            terminal = Terminal(pexpect, arguments, tmp_path, columns)
            terminals.callback(terminal.close)
            return terminal

        yield start


def reply(text, prompt, completion, **more):
    total = prompt + completion
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
    return Reply(text, usage=usage, **more)


@pytest.fixture
def group_chat(agent, tmp_path):
    """A recorded group chat: an endpoint that fails, tools, code, a human, and a message that means no good."""

    def priced(*servers):
        entries = [
            {**server.config, "model": "gpt-4o-mini", "price": [0.001, 0.002], "max_retries": 1} for server in servers
        ]
        return {"config_list": entries, "cache_seed": None, "retry_policy": {"first_delay": 0.001}}

    def double(x: int) -> int:
        if x < 0:
            raise ValueError("no negative numbers")
        return 2 * x

    with (
        OpenAIServer(Fault(status=429, message="Slow down."), Fault(status=503, message="Overloaded.")) as bad,
        OpenAIServer(
            reply("I plan.", 100, 10),
            reply(None, 200, 20, tool_calls=[tool_call("double", x=4), tool_call("double", x=-1)]),
            reply("Run it:\n```python\nprint('the code says', 6 * 7)\n```", 300, 30),
            reply(f"{HOSTILE}\nTERMINATE", 400, 40),
        ) as good,
    ):
        user = agent(
            "user",
            human_input_mode="TERMINATE",
            human_input_source=lambda prompt: "exit",
            is_termination_msg=lambda message: "TERMINATE" in str(message.get("content")),
            code_execution_config={"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path / "work")},
        )
        planner, coder = agent("planner", llm_config=priced(bad, good)), agent("coder", llm_config=priced(good))
        register_function(double, caller=coder, executor=user, description="Double.")
        order = iter([planner, coder, user, coder, user, coder, user])
        group = GroupChat([user, planner, coder], max_round=20, speaker_selection_method=lambda last, group: next(order))
        file = tmp_path / "group.db"
        result = user.initiate_chat(GroupChatManager(group), message="What is it?", checkpoint=file)
    return file, result


@pytest.fixture
def small_chat(agent, tmp_path):
    """A recorded chat of two messages."""
    file = tmp_path / "small.db"
    agent("a").initiate_chat(agent("b", default_auto_reply="there"), message="hi", max_turns=1, checkpoint=file)
    return file

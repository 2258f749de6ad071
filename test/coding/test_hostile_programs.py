"""Each program of the table in `hostile.py` is contained by each executor that says so, and comes back as a result."""

import os
import shutil
import socket
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from executors import EXECUTORS, IMAGE
from hostile import ISOLATED, PROGRAMS, SECRET

from autogen import AssistantAgent, UserProxyAgent
from autogen.coding import (
    CodeBlock,
    DockerCommandLineCodeExecutor,
    LocalCommandLineCodeExecutor,
    SandboxedCommandLineCodeExecutor,
)
from autogen.coding.local_commandline_code_executor import Limits

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is left of programs is found in /proc")

LIMITS = Limits(memory=300_000_000, file_size=5_000_000, processes=32, output=1_000_000)
KINDS = {
    "local": LocalCommandLineCodeExecutor,
    "sandbox": SandboxedCommandLineCodeExecutor,
    "docker": lambda **options: DockerCommandLineCodeExecutor(IMAGE, **options),
}
NAPS = count(700_001)


QUICK = "local"  # the executor that is tested by default


CASES = [
    pytest.param(
        entry,
        program,
        id=f"{entry.name}-{program.name}",
        marks=entry.marks if entry.name == QUICK else (*entry.marks, pytest.mark.slow),
    )
    for entry in EXECUTORS
    for program in PROGRAMS
    if entry.name in KINDS and entry.name in program.contained_by
]


@pytest.fixture(scope="module")
def victim():
    """A process of this user with a secret in its environment."""
    with subprocess.Popen(["sleep", "600"], env={"OPENAI_API_KEY": SECRET, "PATH": os.defpath}) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "key").write_text(SECRET)
    return folder


def running_with(argument: str) -> list[list[bytes]]:
    """The command lines on this machine that have the argument; also those in other namespaces."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if argument.encode() in command:
            found.append(command)
    return found


def has_ended(process: subprocess.Popen) -> bool:
    state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state in "ZXTt"  # stopped counts, too


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "program"), CASES)
def test_it_is_contained(entry, program, tmp_path, outside, victim, port, monkeypatch):
    if reason := entry.skip():
        pytest.skip(reason)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    nap = str(next(NAPS))
    names = {"@OUTSIDE@": str(outside), "@VICTIM@": str(victim.pid), "@PORT@": str(port), "@NAP@": nap}
    code = program.code
    for name, value in names.items():
        code = code.replace(name, value)
    work = tmp_path / "work"
    executor = KINDS[entry.name](work_dir=work, timeout=program.seconds, limits=LIMITS)
    try:
        result = executor.execute_code_blocks([CodeBlock(language=program.language, code=code)])
        after = executor.execute_code_blocks([CodeBlock(language="python", code="print('goes on')")])
        left = running_with(nap)
    finally:
        if isinstance(executor, DockerCommandLineCodeExecutor):
            executor.stop()
    if program.exit_code is not None:
        assert result.exit_code == program.exit_code, result.output
    if program.fails:
        assert result.exit_code != 0
    if program.says is not None:
        assert result.output == program.says
    assert program.never_says not in result.output
    assert len(result.output) < 1_100_000
    assert result.model_dump_json()
    assert program.ruins or (after.exit_code, after.output) == (0, "goes on\n")
    assert not left
    assert not has_ended(victim)
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"key": SECRET}
    assert {path.name for path in tmp_path.iterdir()} <= {"outside", "work"}
    assert all(path.stat().st_size <= LIMITS.file_size for path in work.glob("*") if path.is_file())
    if entry.name in ISOLATED:
        assert not [
            name
            for *_, names, folder in os.fwalk(work)
            for name in names
            if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode & 0o6000
        ]
    shutil.rmtree(work, ignore_errors=True)  # some of it is hard to remove by path


def test_what_is_not_contained_is_documented():
    told = " ".join(LocalCommandLineCodeExecutor.__doc__.split())
    for program in PROGRAMS:
        assert (program.name in told) is ("local" not in program.contained_by)
        assert program.contained_by >= ISOLATED


@pytest.mark.slow
def test_the_chat_goes_on_after_each(call, scripted_model, tmp_path):
    hostile = ["while True: pass", "# filename: ../../x.py\nprint(1)", "import os; os.write(1, b'\\xff' * 3_000_000)"]
    replies = [f"```python\n{code}\n```" for code in hostile]
    model = scripted_model(*replies, "TERMINATE")
    assistant = AssistantAgent("assistant", llm_config=model.llm_config)
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path, timeout=1)
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"executor": executor})
    history = call(user.initiate_chat, assistant, message="go", silent=True).chat_history
    assert [message["content"][:11] for message in history[2::2]] == ["exitcode: 1", "exitcode: 1", "exitcode: 0"]
    assert history[2]["content"] == "exitcode: 124 (execution failed)\nCode output: \nTimeout"


@pytest.mark.parametrize("name", ["../../x.py", "/tmp/autogen-escape.py"])
def test_the_way_without_an_executor_is_as_safe(call, scripted_model, tmp_path, name):
    model = scripted_model(f"```python\n# filename: {name}\nprint(1)\n```", "TERMINATE")
    assistant = AssistantAgent("assistant", llm_config=model.llm_config)
    config = {"use_docker": False, "work_dir": str(tmp_path / "a" / "b"), "timeout": 5}
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=config)
    result = call(user.initiate_chat, assistant, message="go", silent=True)
    assert "Filename is not in the workspace" in result.chat_history[2]["content"]
    assert not list(tmp_path.rglob("x.py"))

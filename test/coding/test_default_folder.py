"""Code whose user names no work folder runs in a new one: not in that of the program, which may hold keys and modules."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from executors import IMAGE, no_docker, no_sandbox, without

from autogen import AssistantAgent, UserProxyAgent
from autogen.coding import (
    CodeBlock,
    CodeExecutorFactory,
    DockerCommandLineCodeExecutor,
    LocalCommandLineCodeExecutor,
    SandboxedCommandLineCodeExecutor,
)

KEY = "sk-" + "planted" * 4
CODE = "import os\nprint('key:', os.path.exists('OAI_CONFIG_LIST'))\nfor name in ('json.py', 'a.csv'): open(name, 'w')"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The folder of a program, with its keys."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "OAI_CONFIG_LIST").write_text(f'[{{"model": "m", "api_key": "{KEY}"}}]')
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AUTOGEN_HOME", str(tmp_path / "home"))
    return folder


def jupyter(name):
    def make():
        if reason := without("jupyter_server")():
            pytest.skip(reason)
        return CodeExecutorFactory.create({"executor": name})

    return pytest.param(make, marks=pytest.mark.slow, id=name)


def docker():
    if reason := no_docker():
        pytest.skip(reason)
    return DockerCommandLineCodeExecutor(IMAGE)


def sandbox():
    if reason := no_sandbox():
        pytest.skip(reason)
    return SandboxedCommandLineCodeExecutor()


@pytest.mark.parametrize(
    "make",
    [
        LocalCommandLineCodeExecutor,
        sandbox,
        pytest.param(docker, marks=pytest.mark.docker),
        pytest.param(lambda: CodeExecutorFactory.create({"executor": "commandline-local"}), id="commandline-local"),
        jupyter("ipython-embedded"),
        jupyter("jupyter"),
    ],
)
def test_the_reply_names_the_folder_of_the_files(project, scripted_model, make):
    before = {path.name for path in project.iterdir()}
    executor = make()
    try:
        user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"executor": executor})
        model = scripted_model(f"```python\n{CODE}\n```", "TERMINATE")
        assistant = AssistantAgent("assistant", llm_config=model.llm_config)
        reply = user.initiate_chat(assistant, message="go", max_turns=2, silent=True).chat_history[2]["content"]
        silent = executor.execute_code_blocks([CodeBlock(language="python", code="print(6 * 7)")])
    finally:
        getattr(executor, "stop", lambda: None)()
    assert "key: False" in reply
    assert silent.output.strip() == "42"
    note = reply.rpartition("[Files in ")[2].removesuffix("]")
    folder, _, names = note.partition(": ")
    assert names == "a.csv, json.py"
    assert (Path(folder) / "a.csv").exists()
    assert Path(folder).is_relative_to(project.parent / "home" / "code")
    assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
    assert {path.name for path in project.iterdir()} - before <= {"jupyter_gateway.log"}


PROGRAM = """
import sys
from autogen import AssistantAgent, UserProxyAgent
from autogen.code_utils import WORKING_DIR, execute_code
from autogen.testing import ScriptedModel
model = ScriptedModel(f"```python\\n{sys.argv[1]}\\n```", "```python\\nprint(open('a.csv').read() == '')\\n```", "TERMINATE")
user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config={"use_docker": False})
assistant = AssistantAgent("assistant", llm_config=model.llm_config)
history = user.initiate_chat(assistant, message="go", max_turns=3, silent=True).chat_history
print(repr(history[2]["content"]), repr(history[4]["content"]), WORKING_DIR, sep="\\n")
print(execute_code("print(1)", use_docker=False))
"""


@pytest.mark.slow
def test_without_an_executor_all_blocks_of_a_process_share_a_folder(project):
    done = subprocess.run([sys.executable, "-c", PROGRAM, CODE], capture_output=True, text=True, timeout=60)
    first, second, folder, third = done.stdout.splitlines()[-4:]
    assert f"key: False\\n\\n[Files in {folder}: a.csv, json.py]" in first
    assert "True" in second
    assert third == "(0, '1\\n', None)"
    assert Path(folder).parent == project.parent / "home" / "code"
    assert {path.name for path in Path(folder).iterdir()} == {"a.csv", "json.py"}
    assert os.listdir(project) == ["OAI_CONFIG_LIST"]


@pytest.mark.slow
@pytest.mark.parametrize("program", ["LocalCommandLineCodeExecutor()", "execute_code('print(1)', use_docker=False)"])
def test_an_empty_folder_does_not_stay(project, program):
    imports = "from autogen.coding import *; from autogen.code_utils import *"
    subprocess.run([sys.executable, "-c", f"{imports}; {program}"], check=True, timeout=60)
    assert os.listdir(project.parent / "home" / "code") == []


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="the permissions are those of POSIX")
@pytest.mark.parametrize("home", ["/proc/nowhere", "/proc/self/nowhere"])
def test_without_a_home_it_is_a_temporary_folder(project, home, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGEN_HOME", home)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write to any folder
    assert LocalCommandLineCodeExecutor().work_dir.is_relative_to(tmp_path)


def test_a_folder_that_is_named_stays_as_it_is(project):
    for given in (".", Path("."), project):
        executor = LocalCommandLineCodeExecutor(work_dir=given)
        assert executor.work_dir == Path(given)
        result = executor.execute_code_blocks([CodeBlock(language="python", code=CODE)])
        assert result.output == "key: True\n"


@pytest.mark.docker
@pytest.mark.skipif(no_docker() is not None, reason=no_docker() or "")
def test_executors_that_share_a_container_share_its_folder(project, name):
    first, second = (DockerCommandLineCodeExecutor(IMAGE, name, reuse=True) for _ in range(2))
    try:
        first.execute_code_blocks([CodeBlock(language="python", code="open('a', 'w').close()")])
        assert second.execute_code_blocks([CodeBlock(language="sh", code="ls a")]).output.startswith("a\n")
    finally:
        second.stop()
        first.stop()

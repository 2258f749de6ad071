"""The executor that starts its kernel itself: its settings, and what its kernel may see and use."""

import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autogen import AssistantAgent, UserProxyAgent
from autogen.coding import CodeBlock, CodeExecutor, CodeExecutorFactory, LocalCommandLineCodeExecutor
from autogen.coding.jupyter import EmbeddedIPythonCodeExecutor, _embedded_kernel
from autogen.coding.local_commandline_code_executor import Limits


def execute(executor, code, language="python"):
    return executor.execute_code_blocks([CodeBlock(language=language, code=code)])


def test_its_settings_are_those_of_0_2(tmp_path):
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path), unknown_setting=1) as executor:
        assert (executor.timeout, executor.kernel_name, executor.output_dir) == (60, "python3", str(tmp_path))
        assert (executor._timeout, executor._kernel_name, executor._output_dir) == (60, "python3", tmp_path)
        assert isinstance(executor, CodeExecutor)
    assert isinstance(EmbeddedIPythonCodeExecutor, CodeExecutor)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"timeout": 0}, "greater than or equal to 1"),
        ({"output_dir": "no/such/dir"}, "Output directory no/such/dir does not exist."),
        ({"output_dir": Path(".")}, "valid string"),
        ({"kernel_name": "klingon"}, "Kernel klingon is not installed."),
    ],
)
def test_a_wrong_setting_is_a_value_error(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        EmbeddedIPythonCodeExecutor(**settings)


def test_the_factory_knows_it(tmp_path):
    config = {"executor": "ipython-embedded", "ipython-embedded": {"timeout": 7, "output_dir": str(tmp_path)}}
    executor = CodeExecutorFactory.create(config)
    assert isinstance(executor, EmbeddedIPythonCodeExecutor)
    assert executor.timeout == 7
    executor.stop()


def test_a_chat_keeps_its_variables(call, scripted_model, tmp_path):
    model = scripted_model("```python\nx = 6\n```", "```python\nx * 7\n```", "TERMINATE")
    assistant = AssistantAgent("assistant", llm_config=model.llm_config)
    config = {"executor": "ipython-embedded", "ipython-embedded": {"output_dir": str(tmp_path)}}
    user = UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=config)
    history = call(user.initiate_chat, assistant, message="go", silent=True).chat_history
    user.code_executor.stop()
    assert history[4]["content"] == "exitcode: 0 (execution succeeded)\nCode output: 42"


def test_it_runs_in_its_work_dir_and_returns_files(tmp_path):
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path), work_dir=str(tmp_path)) as executor:
        result = execute(executor, "open('made.txt', 'w').write('x'); import os; print(os.getcwd())")
    assert result.output == f"{tmp_path}\n"
    assert result.output_files == [str(tmp_path / "made.txt")]


def test_no_secret_of_the_environment_is_seen(tmp_path, monkeypatch):
    for name in ("OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "JUPYTER_TOKEN", "MY_PASSWORD"):
        monkeypatch.setenv(name, "planted-secret")
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path), environment={"GIVEN": "seen"}) as executor:
        result = execute(executor, "import os; print(dict(os.environ))\n!env")
    assert "GIVEN" in result.output
    assert "planted-secret" not in result.output


def test_the_pip_of_a_block_is_that_of_its_kernel(tmp_path):
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path)) as executor:
        result = execute(executor, "import sys, os\n!which python\nprint(os.path.dirname(sys.executable))")
    assert len({os.path.dirname(line) if "bin/python" in line else line for line in result.output.split()}) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "language"), [("!pip install pip", "python"), ("%pip install pip", "python"), ("pip install pip", "sh")]
)
def test_pip_is_quiet(tmp_path, command, language):
    """The package is there already: pip would say so."""
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path)) as executor:
        result = execute(executor, command, language)
    assert result.exit_code == 0
    assert "already satisfied" not in result.output


def test_the_history_of_the_user_is_not_written_to(tmp_path):
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path)) as executor:
        place = execute(executor, "print(get_ipython().history_manager.hist_file)").output.strip()
    assert "autogen-kernel-" in place
    assert not Path(place).parent.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="that system has no such limits")
def test_a_memory_hog_is_stopped(tmp_path):
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path), limits=Limits(memory=4_000_000_000)) as executor:
        result = execute(executor, "hog = bytearray(5_000_000_000)")
        assert result.exit_code == 1
        assert "MemoryError" in result.output
        assert execute(executor, "'fine'").output == "'fine'"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are counted in /proc")
def test_a_fork_bomb_costs_the_kernel(tmp_path):
    code = "import subprocess, time\nhogs = [subprocess.Popen(['sleep', '600']) for _ in range(24)]\ntime.sleep(600)"
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path), limits=Limits(processes=8)) as executor:
        result = execute(executor, code)
        assert result.exit_code == 1
        assert "more than 8 processes" in result.output
        assert execute(executor, "'fine'").output == "'fine'"


def test_the_error_for_a_kernel_that_can_not_start_has_its_last_output(tmp_path, monkeypatch):
    spec = tmp_path / "data" / "kernels" / "broken"
    spec.mkdir(parents=True)
    argv = ["python", "-c", "print('these are my last words')", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "x", "language": "x"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "data"))
    with EmbeddedIPythonCodeExecutor(kernel_name="broken", output_dir=str(tmp_path)) as executor:
        result = execute(executor, "1")
    assert result.exit_code == 1
    assert "these are my last words" in result.output


def process_of(executor):
    return int(execute(executor, "import os; print(os.getpid())").output)


def test_it_ends_when_it_is_stopped_and_starts_again_when_it_is_used(tmp_path, alive):
    executor = EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path))
    first = process_of(executor)
    executor.stop()
    executor.stop()
    assert not alive(first)
    assert process_of(executor) != first
    executor.stop()


@pytest.mark.parametrize("in_a_cycle", [False, True])
def test_it_ends_when_it_is_dropped(tmp_path, alive, in_a_cycle):
    holder = [EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path))]
    pid = process_of(holder[0])
    if in_a_cycle:
        holder.append(holder)
    del holder
    # A collection does nothing while another thread runs one.
    while alive(pid):
        gc.collect()
    assert not alive(pid)


def test_a_fork_of_this_process_does_not_end_the_kernel(tmp_path):
    script = """
import os, sys
from autogen.coding import CodeBlock
from autogen.coding.jupyter import EmbeddedIPythonCodeExecutor, _embedded_kernel
executor = EmbeddedIPythonCodeExecutor(output_dir=sys.argv[1])
block = CodeBlock(language="python", code="x = 1; print(x)")
executor.execute_code_blocks([block])
pid = os.fork()
if pid == 0:
    sys.exit()
os.waitpid(pid, 0)
print(executor.execute_code_blocks([CodeBlock(language="python", code="x")]).output)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "1"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(signal.SIGKILL, id="kill"),
        pytest.param(signal.SIGTERM, id="term", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, id="ctrl-c", marks=pytest.mark.slow),
        pytest.param(None, id="itself", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("kind", ["embedded", "served"])
@pytest.mark.usefixtures("sigint_raises")
def test_nothing_is_left_when_this_process_ends(tmp_path, alive, kind, end):
    """Neither the kernel, nor a server, nor what a block started in a session of its own, nor temporary files after it."""
    make = {
        "embedded": "EmbeddedIPythonCodeExecutor(output_dir=sys.argv[1])",
        "served": "JupyterCodeExecutor(LocalJupyterServer(log_file=os.devnull), output_dir=sys.argv[1])",
    }[kind]
    script = f"""
import os, sys, time
from autogen.coding import CodeBlock
from autogen.coding.jupyter import *
executor = {make}
code = "import os, subprocess as s; print(os.getpid(), os.getppid(), s.Popen(['sleep', '600'], start_new_session=True).pid)"
print(executor.execute_code_blocks([CodeBlock(language="python", code=code)]).output, flush=True)
time.sleep({600 if end else 0})
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        if end:
            parent.send_signal(end)
        parent.wait(60)
        parent.stdout.read()
    deadline = time.monotonic() + 60
    while any(map(alive, pids)) or list(tmp_path.glob("autogen-*")):
        assert time.monotonic() < deadline
        os.sched_yield()


@pytest.mark.parametrize("missing", ["zmq", "jupyter_client", "websocket"])
def test_the_error_for_a_missing_package_names_its_extra(missing):
    script = f"import sys; sys.modules[{missing!r}] = None\nfrom autogen.coding.jupyter import JupyterCodeExecutor"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "ImportError: " in done.stderr
    assert 'pip install "autogen-classic[jupyter-executor]"' in done.stderr


def test_it_and_the_local_executor_report_errors_alike(tmp_path):
    with EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path)) as executor:
        for one in (executor, LocalCommandLineCodeExecutor(work_dir=tmp_path)):
            assert "ZeroDivisionError: division by zero" in execute(one, "1 / 0").output


@pytest.mark.skipif(sys.platform == "win32", reason="the sockets are those of POSIX")
def test_folders_of_kernels_that_were_killed_are_removed_at_the_next_start(tmp_path, monkeypatch):
    listening = socket.socket(socket.AF_UNIX)
    for name in ("dead", "alive", "young", "without-sockets"):
        (tmp_path / f"autogen-kernel-{name}").mkdir()
        with contextlib.closing(listening if name == "alive" else socket.socket(socket.AF_UNIX)) as bound:
            if name != "without-sockets":
                bound.bind(str(tmp_path / f"autogen-kernel-{name}" / "k-1"))
                bound.listen()
            if name == "alive":
                listening = bound.dup()
        age = 0 if name == "young" else 10_000
        os.utime(tmp_path / f"autogen-kernel-{name}", (time.time() - age,) * 2)
    (tmp_path / "autogen-kernel-link").symlink_to(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _embedded_kernel._remove_leftovers.cache_clear()
    with listening, EmbeddedIPythonCodeExecutor(output_dir=str(tmp_path)):
        left = {path.name for path in tmp_path.iterdir()}
        assert "autogen-kernel-dead" not in left
        assert {f"autogen-kernel-{name}" for name in ("alive", "young", "without-sockets", "link")} < left
